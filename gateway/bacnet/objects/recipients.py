"""Who is told of a meter's alarms: lists of BACnetDestination, read, kept and written.

Where a recipient is found on the network is the business of `bindings.py`, what it is told that of
`telling/notification.py`.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.bacnet.objects.model import Device
from gateway.bacnet.wire import encoding as enc
from gateway.bacnet.wire.apdu import ServiceError
from gateway.bacnet.wire.codes import ErrorCode, ObjectType, RejectReason, Transition
from gateway.bacnet.wire.encoding import Reader, RejectError

MOST_RECIPIENTS: Final = 16
"""Destinations of one meter."""

_DAYS: Final = 7
_TRANSITIONS: Final = 3
_BITS: Final = 2
_TIME: Final = 4
_NETWORKS: Final = 0xFFFF
_LENGTHS: Final = {0: (0, 6), _NETWORKS: (0,)}
"""Octets of an address on the port's own network, which is BACnet/IP, and on all; none is everybody there."""
_ANY_LENGTH: Final = range(8)
_UNSPECIFIED: Final = b"\xff"
_BIT_STRING, _TIME_TAG, _UNSIGNED, _OCTETS = 8, 11, 2, 6
_WEEKDAY: Final = 5
_CLOCK: Final = slice(7, 11)
"""Where the day of the week and the time stand in a time stamp."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """A BACnetRecipient: a device by its object identifier, or an address; network 0 is the port's own."""

    device: int | None = None
    network: int = 0
    mac: bytes = b""

    @property
    def is_everybody(self) -> bool:
        """Whether it is a broadcast address."""
        return self.device is None and not self.mac

    @property
    def octets(self) -> bytes:
        """The recipient encoded."""
        if self.device is not None:
            return enc.context(0, self.device.to_bytes(4, "big"))
        return enc.constructed(1, enc.address(self.network, self.mac))


@dataclass(frozen=True, slots=True)
class Destination:
    """A BACnetDestination: whom to tell, and when; `days` (from Monday) and `transitions` are set bits."""

    days: frozenset[int]
    start: bytes
    end: bytes
    recipient: Recipient
    process: int
    confirmed: bool
    transitions: frozenset[int]

    @property
    def octets(self) -> bytes:
        """The destination encoded."""
        return b"".join(
            (
                enc.bit_string(_DAYS, self.days),
                b"\xb4" + self.start,
                b"\xb4" + self.end,
                self.recipient.octets,
                enc.unsigned(self.process),
                enc.boolean(self.confirmed),
                enc.bit_string(_TRANSITIONS, self.transitions),
            )
        )

    def wants(self, kind: Transition, stamp: bytes) -> bool:
        """Whether a kind of transition is told at the time of `stamp`, a BACnetTimeStamp with a date."""
        if kind not in self.transitions or stamp[_WEEKDAY] - 1 not in self.days:
            return False
        return self.start.replace(_UNSPECIFIED, b"\x00") <= stamp[_CLOCK] <= self.end


class Recipients:
    """The recipient lists of all meters' notification classes."""

    def __init__(self) -> None:
        self._lists: dict[Device, tuple[Destination, ...]] = {}
        self._sought: Counter[int] = Counter()
        self._changed: set[Device] = set()
        self.devices: dict[int, Device] = {}
        """The devices with somebody on their list, by row; not for others to change."""

    def of(self, device: Device) -> tuple[Destination, ...]:
        """Return the list of a device."""
        return self._lists.get(device, ())

    def sought(self, device: Device) -> Collection[int]:
        """Return the devices, by object identifier, that the lists of a device and of its parts name."""
        return self._sought.keys() if device.spans_rows else _named(self.of(device))

    def names(self, number: int) -> bool:
        """Whether any list has the device with this object identifier."""
        return number in self._sought

    def changed(self) -> Collection[Device]:
        """Return the devices whose lists have changed since this was asked last."""
        changed, self._changed = self._changed, set()
        return changed

    def set(self, device: Device, wanted: Sequence[Destination]) -> None:
        """Put `wanted`, each of them once and not too many, in the place of a list."""
        self._sought.update(_named(wanted))
        for number in _named(self.of(device)):
            self._sought[number] -= 1
            if not self._sought[number]:
                del self._sought[number]
        self._changed.add(device)
        if wanted:
            self._lists[device] = tuple(wanted)
            self.devices[device.row] = device
        else:
            self._lists.pop(device, None)
            self.devices.pop(device.row, None)

    def add(self, device: Device, more: Sequence[Destination]) -> None:
        """Add what is not on a list yet: all, or nothing. Raises ServiceError."""
        wanted = dict.fromkeys(self.of(device))
        for number, each in enumerate(more, 1):
            wanted[each] = None
            if len(wanted) > MOST_RECIPIENTS:
                raise ServiceError(ErrorCode.NO_SPACE_TO_ADD_LIST_ELEMENT, element=number)
        self.set(device, tuple(wanted))

    def remove(self, device: Device, fewer: Sequence[Destination]) -> None:
        """Take `fewer` from a list; or, if one is not there, nothing. Raises ServiceError."""
        found = self.of(device)
        for number, each in enumerate(fewer, 1):
            if each not in found:
                raise ServiceError(ErrorCode.LIST_ELEMENT_NOT_FOUND, element=number)
        self.set(device, [each for each in found if each not in fewer])


def _named(destinations: Sequence[Destination]) -> set[int]:
    return {each.recipient.device for each in destinations if each.recipient.device is not None}


def read_list(octets: bytes) -> tuple[Destination, ...]:
    """Read a whole list, each destination once. Raises ServiceError."""
    unique = tuple(dict.fromkeys(read_destinations(octets)))
    if len(unique) > MOST_RECIPIENTS:
        raise ServiceError(ErrorCode.NO_SPACE_TO_WRITE_PROPERTY)
    return unique


def read_destinations(octets: bytes) -> list[Destination]:
    """Read the elements of a list. Raises ServiceError where one is none."""
    reader, found = Reader(octets), list[Destination]()
    try:
        while reader.more():
            found.append(_read_destination(reader))
    except RejectError as refusal:
        out_of_range = refusal.reason is RejectReason.PARAMETER_OUT_OF_RANGE
        code = ErrorCode.VALUE_OUT_OF_RANGE if out_of_range else ErrorCode.INVALID_DATA_TYPE
        raise ServiceError(code, element=len(found) + 1) from None
    return found


def _read_destination(reader: Reader) -> Destination:
    return Destination(
        days=_read_bits(reader, _DAYS),
        start=_read_time(reader),
        end=_read_time(reader),
        recipient=read_recipient(reader),
        process=enc.read_unsigned(reader.application(_UNSIGNED)),
        confirmed=reader.boolean(),
        transitions=_read_bits(reader, _TRANSITIONS),
    )


def _read_bits(reader: Reader, size: int) -> frozenset[int]:
    octets = reader.application(_BIT_STRING)
    if len(octets) != _BITS or octets[0] != 8 - size:
        raise RejectError(RejectReason.INVALID_PARAMETER_DATA_TYPE)
    return frozenset(bit for bit in range(size) if octets[1] >> 7 - bit & 1)


def _read_time(reader: Reader) -> bytes:
    octets = reader.application(_TIME_TAG)
    if len(octets) != _TIME:
        raise RejectError(RejectReason.INVALID_PARAMETER_DATA_TYPE)
    limits = (23, 59, 59, 99)
    if any(limit < octet != _UNSPECIFIED[0] for octet, limit in zip(octets, limits, strict=True)):
        raise RejectError(RejectReason.PARAMETER_OUT_OF_RANGE)
    return octets


def read_recipient(reader: Reader) -> Recipient:
    """Read a BACnetRecipient. Raises RejectError."""
    device = reader.optional(0)
    if device is not None:
        number = enc.read_object_number(device)
        if number >> 22 != ObjectType.DEVICE:
            raise RejectError(RejectReason.PARAMETER_OUT_OF_RANGE)
        return Recipient(number)
    reader.opening(1)
    network = enc.read_unsigned(reader.application(_UNSIGNED))
    mac = reader.application(_OCTETS)
    reader.closing(1)
    if len(mac) not in _LENGTHS.get(network, _ANY_LENGTH) or network > _NETWORKS:
        raise RejectError(RejectReason.PARAMETER_OUT_OF_RANGE)
    return Recipient(network=network, mac=mac)
