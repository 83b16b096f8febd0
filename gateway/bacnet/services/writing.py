"""WriteProperty and WritePropertyMultiple (clauses 15.9 and 15.10): read whole, then steps in their order.

A step is a command, or sets something in the stores; who takes them, and when, is elsewhere.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple

from gateway.bacnet.objects.model import Destinations, Device, Increment, Setting, Switch
from gateway.bacnet.objects.recipients import read_list
from gateway.bacnet.objects.stores import Stores
from gateway.bacnet.services.reading import Reference, find_property, own_number, read_index, read_reference
from gateway.bacnet.values.increments import read_increment
from gateway.bacnet.wire import apdu
from gateway.bacnet.wire import encoding as enc
from gateway.bacnet.wire.apdu import ServiceError
from gateway.bacnet.wire.codes import Confirmed, ErrorCode, RejectReason
from gateway.bacnet.wire.encoding import Reader, RejectError
from gateway.commands import Command

_LOWEST_PRIORITY: Final = 16
_REAL: Final = 4
_ENUMERATED: Final = 9

Write = tuple[Reference, bytes]
"""A property and the encoded value that it is to have."""


class Written(NamedTuple):
    """The answer to a request to write, and what it has set of the meters in which rows."""

    answer: bytes
    changed: frozenset[tuple[type[Setting], int]] = frozenset()


@dataclass(frozen=True, slots=True)
class WriteRequest:
    """What one request wants written to `device`, in its order."""

    invoke: bytes
    service: int
    device: Device
    writes: tuple[Write, ...]

    def steps(self, stores: Stores) -> tuple[list["Step"], ErrorCode | None]:
        """Return what there is to do up to the first write that cannot be, and why that cannot."""
        steps: list[Step] = []
        try:
            for reference, value in self.writes:
                steps.append(_step(reference, value, self.device, stores))
        except ServiceError as refusal:
            return steps, refusal.code
        return steps, None

    def written(self, done: Sequence["Step"], failure: ErrorCode | None) -> Written:
        """Return what has come of it: all steps are `done`, or the next one has met a `failure`."""
        changed = frozenset((step.setting, step.row) for step in done)
        if failure is not None:
            return Written(self._error(failure, self.writes[len(done)][0]), changed)
        return Written(apdu.simple_ack(self.invoke, self.service), changed)

    def _error(self, code: ErrorCode, reference: Reference) -> bytes:
        """Return the Error PDU for a write that failed; that of several says which one."""
        parameters = apdu.error_parameters(code)
        if self.service == Confirmed.WRITE_PROPERTY_MULTIPLE:
            attempt = _attempt(reference, self.device)
            parameters = enc.constructed(0, parameters) + enc.constructed(1, attempt)
        return apdu.error(self.invoke, self.service, parameters)


def read_request(invoke: bytes, body: bytes, device: Device) -> WriteRequest:
    """Read a request from its service choice on. Raises RejectError."""
    reader = Reader(body, 1)
    if body[0] == Confirmed.WRITE_PROPERTY:
        writes = [(read_reference(reader), _read_value(reader, 3))]
        reader.finish()
    else:
        writes = _read_writes(reader)
    return WriteRequest(invoke, body[0], device, tuple(writes))


@dataclass(frozen=True, slots=True)
class Step:
    """One write as it is to be done: by a command, or by what is called; and what it sets, of whose row."""

    setting: type[Setting]
    row: int
    command: Command | None = None
    carry_out: Callable[[], None] = lambda: None


def _step(reference: Reference, value: bytes, device: Device, stores: Stores) -> Step:
    """Return what carries out a write. Raises ServiceError."""
    device = device.part(reference.number)
    setting = find_property(reference, device).setting
    if setting is None:
        raise ServiceError(ErrorCode.WRITE_ACCESS_DENIED)
    if reference.index is not None:
        raise ServiceError(ErrorCode.PROPERTY_IS_NOT_AN_ARRAY)
    match setting:
        case Switch():
            return Step(Switch, device.row, _command(setting, value, device))
        case Increment(point):
            set_increment = partial(stores.increments.set, device.row, point, _read_increment(value))
            return Step(Increment, device.row, carry_out=set_increment)
        case Destinations():
            set_list = partial(stores.recipients.set, device, read_list(value))
            return Step(Destinations, device.row, carry_out=set_list)


def _command(switch: Switch, value: bytes, device: Device) -> Command | None:
    """Return what is to be done for a switch, None if it is nothing. Raises ServiceError."""
    active = _is_active(value)
    if active and switch.option is not None and switch.option not in device.options:
        raise ServiceError(ErrorCode.WRITE_ACCESS_DENIED)
    return switch.command(device.row, active)


def _read_increment(value: bytes) -> float:
    """Return an encoded REAL that is not negative. Raises ServiceError."""
    reader = Reader(value)
    try:
        increment = read_increment(reader.application(_REAL))
        reader.finish()
    except RejectError:
        raise ServiceError(ErrorCode.INVALID_DATA_TYPE) from None
    if increment is None:
        raise ServiceError(ErrorCode.VALUE_OUT_OF_RANGE)
    return increment


def _is_active(value: bytes) -> bool:
    """Return what an encoded BACnetBinaryPV says. Raises ServiceError."""
    reader = Reader(value)
    try:
        number = enc.read_unsigned(reader.application(_ENUMERATED))
        reader.finish()
    except RejectError:
        raise ServiceError(ErrorCode.INVALID_DATA_TYPE) from None
    if number not in {0, 1}:
        raise ServiceError(ErrorCode.VALUE_OUT_OF_RANGE)
    return number == 1


def _attempt(reference: Reference, device: Device) -> bytes:
    """Return the object and the property of a write as an answer states them."""
    number = enc.context(0, own_number(reference.number, device))
    index = b"" if reference.index is None else enc.context(2, enc.content(reference.index))
    return number + enc.context(1, enc.content(reference.attribute)) + index


def _read_writes(reader: Reader) -> list[Write]:
    """Read the list of objects and what is to be written to each; there must be one of both."""
    writes: list[Write] = []
    while reader.more() or not writes:
        number = enc.read_object_number(reader.context(0))
        reader.opening(1)
        while True:
            prop = enc.read_unsigned(reader.context(0))
            reference = Reference(number, prop, read_index(reader, 1))
            writes.append((reference, _read_value(reader, 2)))
            if reader.at_closing(1):
                break
        reader.closing(1)
    return writes


def _read_value(reader: Reader, tag: int) -> bytes:
    """Return an encoded value; the priority that may follow it counts for commandable properties alone.

    Nothing here is commandable, so it is ignored whichever it is (clause 15.9.1.1.5).
    """
    value = reader.constructed(tag)
    priority = reader.optional(tag + 1)
    if priority is not None and not 1 <= enc.read_unsigned(priority) <= _LOWEST_PRIORITY:
        raise RejectError(RejectReason.PARAMETER_OUT_OF_RANGE)
    return value
