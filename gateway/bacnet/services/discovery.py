"""Who-Is and Who-Has (clauses 16.9 and 16.10): which devices answer, and with what.

When they are sent is the business of `delivery/pacing.py`, to whom that of `delivery/voices.py`.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Final

from gateway.bacnet.objects.model import Device, ObjectSpec
from gateway.bacnet.wire import encoding as enc
from gateway.bacnet.wire.apdu import UNCONFIRMED_REQUEST
from gateway.bacnet.wire.codes import (
    ANY_INSTANCE,
    MAX_APDU,
    VENDOR_IDENTIFIER,
    ObjectType,
    RejectReason,
    Segmentation,
    Unconfirmed,
)
from gateway.bacnet.wire.encoding import Reader, RejectError
from gateway.bacnet.wire.who_is import I_AM, WHO_HAS, WHO_IS

Announcement = tuple[Device, bytes]
"""A device and the APDU that it sends."""

_MAX_APDU: Final = enc.unsigned(MAX_APDU)
_VENDOR: Final = enc.unsigned(VENDOR_IDENTIFIER)
_INSTANCE: Final = attrgetter("instance")


def i_am(device: Device) -> bytes:
    """Return the I-Am of a device."""
    segmentation = enc.enumerated(Segmentation.TRANSMIT if device.segments else Segmentation.NONE)
    return I_AM + enc.object_identifier(device.number) + _MAX_APDU + segmentation + _VENDOR


def announcements(request: bytes, devices: Sequence[Device]) -> Iterator[Announcement]:
    """Return what `devices` have to say to an unconfirmed request; nothing to one that cannot be read.

    Their instances ascend, so that those in a range are found without asking all the others.
    """
    try:
        if request[:2] == WHO_IS:
            limits = _read_limits(Reader(request, 2))
            return ((device, i_am(device)) for device in _within(devices, *limits))
        if request[:2] == WHO_HAS:
            return _who_has(Reader(request, 2), devices)
    except RejectError:
        pass
    return iter(())


def _within(devices: Sequence[Device], low: int, high: int) -> Sequence[Device]:
    """Return the devices whose instances are in a range."""
    start = bisect_left(devices, low, key=_INSTANCE)
    return devices[start : bisect_right(devices, high, start, key=_INSTANCE)]


def _read_limits(reader: Reader, *, last: bool = True) -> tuple[int, int]:
    """Read the range of device instances: both limits or neither."""
    low = reader.optional(0)
    if low is None:
        limits = 0, ANY_INSTANCE
    else:
        limits = enc.read_unsigned(low), enc.read_unsigned(reader.context(1))
    if last:
        reader.finish()
    if max(limits) > ANY_INSTANCE:
        raise RejectError(RejectReason.PARAMETER_OUT_OF_RANGE)
    return limits


def _who_has(reader: Reader, devices: Sequence[Device]) -> Iterator[Announcement]:
    limits = _read_limits(reader, last=False)
    octets = reader.optional(2)
    number = None if octets is None else enc.read_object_number(octets)
    name = enc.read_text(reader.context(3)) if number is None else None
    reader.finish()
    return (
        (device, _i_have(device, spec))
        for device in _likely(_within(devices, *limits), number, name)
        if (spec := _find(device, number, name)) is not None
    )


def _likely(devices: Sequence[Device], number: int | None, name: str | None) -> Sequence[Device]:
    """Return the devices that may have an object. Each table is asked once, not each device."""
    tables = {device.table for device in devices}
    if number is not None:
        if number >> 22 == ObjectType.DEVICE:
            instance = number & ANY_INSTANCE
            return devices if instance == ANY_INSTANCE else _within(devices, instance, instance)
        having = {table for table in tables if table.find(number)}
    else:
        having = {table for table in tables if name is not None and table.named(name)}
    return [each for each in devices if each.table in having or each.name == name or each.spans_rows]


def _find(device: Device, number: int | None, name: str | None) -> ObjectSpec | None:
    if number is not None:
        return device.find(number)
    return None if name is None else device.named(name)


def _i_have(device: Device, spec: ObjectSpec) -> bytes:
    own = spec.kind == device.number >> 22
    number, name = (device.number, device.name) if own else (spec.number, spec.name)
    ids = enc.object_identifier(device.number) + enc.object_identifier(number)
    return bytes((UNCONFIRMED_REQUEST, Unconfirmed.I_HAVE)) + ids + enc.character_string(name)
