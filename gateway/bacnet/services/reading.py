"""ReadProperty and ReadPropertyMultiple (clauses 15.5, 15.7): from a request to the template of its answer.

A request is read whole before anything is looked up, so that what is wrong with it does not depend on the
meter. No values of any tick, no sockets.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.bacnet.objects.model import ANY_DEVICE, Array, Device, LogBuffer, ObjectSpec, PropertySpec, Value
from gateway.bacnet.values.image import ROW, Cut
from gateway.bacnet.values.template import Listing, Own, OwnValues, Part, Template, width
from gateway.bacnet.wire import apdu
from gateway.bacnet.wire import encoding as enc
from gateway.bacnet.wire.apdu import ServiceError
from gateway.bacnet.wire.codes import Confirmed, ErrorCode, ObjectType, Property
from gateway.bacnet.wire.encoding import Reader, RejectError

_SPECIAL: Final = frozenset({Property.ALL, Property.REQUIRED, Property.OPTIONAL})
_ANY_REFERENCE: Final = enc.context(0, ANY_DEVICE.to_bytes(4, "big"))
_OWN_NUMBER: Final = Own(Property.OBJECT_IDENTIFIER, start=1)
_READ_PROPERTY: Final = bytes((Confirmed.READ_PROPERTY,)) + _ANY_REFERENCE[:1]
"""How a request begins that reads one property."""
_NUMBER: Final = slice(2, 6)
"""Where the object identifier stands that most requests begin with, from the service choice on."""
MOST_RESULTS: Final = 3000
"""Properties that one ReadPropertyMultiple may read: all of all objects of three meters."""
MOST_READ: Final = 1 << 18
"""Octets of an answer to ReadPropertyMultiple, which may ask for the same as often as it likes."""
_SHORTEST_ELEMENT: Final = 2
"""Octets of an element of an array, at least."""


class TooLongError(Exception):
    """An answer would be longer than there is room for."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A property, or one element of it, of one object."""

    number: int
    """The object identifier."""
    attribute: int
    """The property identifier."""
    index: int | None


def read_reference(reader: Reader) -> Reference:
    """Read an object identifier [0], a property identifier [1] and perhaps an array index [2]."""
    number = enc.read_object_number(reader.context(0))
    prop = enc.read_unsigned(reader.context(1))
    return Reference(number, prop, read_index(reader, 2))


def read_index(reader: Reader, tag: int) -> int | None:
    """Read an array index if there is one."""
    octets = reader.optional(tag)
    return None if octets is None else enc.read_unsigned(octets)


def _read_specifications(reader: Reader) -> list[tuple[int, list[Reference]]]:
    """Read the list of objects and what of each is wanted; there must be one."""
    wanted: list[tuple[int, list[Reference]]] = []
    while reader.more() or not wanted:
        number = enc.read_object_number(reader.context(0))
        reader.opening(1)
        references = []
        while not reader.at_closing(1):
            prop = enc.read_unsigned(reader.context(0))
            references.append(Reference(number, prop, read_index(reader, 1)))
        reader.closing(1)
        wanted.append((number, references))
    return wanted


class _Results:
    """The parts of an answer of the device `own` as they are found: up to `room` octets, so many results."""

    def __init__(self, room: int, own: OwnValues) -> None:
        self.parts: list[Part] = []
        self.room = room
        self._own = own
        self._results = 0

    def add(self, *parts: Part) -> None:
        """Add parts. Raises TooLongError."""
        self.room -= sum(width(part, self._own) for part in parts)
        if self.room < 0:
            raise TooLongError
        self.parts += parts

    def count(self) -> None:
        """Count a property that is to be read. Raises TooLongError."""
        self._results += 1
        if self._results > MOST_RESULTS:
            raise TooLongError


def _value_parts(value: Value, index: int | None, room: int) -> Sequence[Part]:
    """Return a property's value, or an element of it, as the parts of a template.

    Raises ServiceError, and TooLongError for an array that is not worth listing for `room` octets.
    """
    if isinstance(value, LogBuffer):
        raise ServiceError(ErrorCode.READ_ACCESS_DENIED)
    if isinstance(value, Array):
        return _elements(value, index, room)
    if index is not None:
        raise ServiceError(ErrorCode.PROPERTY_IS_NOT_AN_ARRAY)
    return [value]


def _elements(array: Array, index: int | None, room: int) -> Sequence[Part]:
    if index is None:
        if len(array.elements) * _SHORTEST_ELEMENT > room:
            raise TooLongError
        return [*array.elements] if array.whole is None else [array.whole()]
    if index == 0:
        return [enc.unsigned(len(array.elements))]
    if index > len(array.elements):
        raise ServiceError(ErrorCode.INVALID_ARRAY_INDEX)
    return [array.elements[index - 1]]


def _values(reference: Reference, spec: ObjectSpec | None, device: Device, room: int) -> Sequence[Part]:
    """Return what is referred to of an object as the parts of a template.

    Raises ServiceError and TooLongError.
    """
    found = _value_parts(_property_of(spec, reference).value, reference.index, room)
    if not device.spans_rows:
        return found
    start = device.part(reference.number).row * ROW
    return [_placed(part, start, reference.number) for part in found]


def _placed(part: Part, start: int, number: int) -> Part:
    """Return a part as it is found in the whole image, and which object's it is."""
    if isinstance(part, Cut):
        return Cut(start + part.start, start + part.stop, part.varies)
    return Listing(part.attribute, number) if isinstance(part, Listing) else part


def find_property(reference: Reference, device: Device) -> PropertySpec:
    """Return the property that is referred to. Raises ServiceError."""
    return _property_of(device.find(reference.number), reference)


def _property_of(spec: ObjectSpec | None, reference: Reference) -> PropertySpec:
    """Return the property of an object that is referred to. Raises ServiceError."""
    if spec is None:
        raise ServiceError(ErrorCode.UNKNOWN_OBJECT)
    found = spec.properties.get(reference.attribute)
    if found is None:
        raise ServiceError(ErrorCode.UNKNOWN_PROPERTY)
    return found


def own_number(number: int, device: Device) -> bytes:
    """Return an object identifier as answers state it: the device's own where any was asked for."""
    return (device.number if number == ANY_DEVICE else number).to_bytes(4, "big")


def shareable(body: bytes, device: Device) -> bytes:
    """Return a request as any device of the same kind could be asked it: to begin with, of "any device".

    A device with the rows of others is the only one of its kind.
    """
    if device.spans_rows:
        return body
    reference = device.reference
    return body[:1] + _ANY_REFERENCE + body[6:] if body[1:6] == reference else body


def read_of_part(body: bytes, device: Device) -> tuple[Device, bytes] | None:
    """Return the part of a device of which a request, from its service choice on, reads a property; or None.

    And the request as if that were a device of its own.
    """
    if body[:2] != _READ_PROPERTY:
        return None
    number = int.from_bytes(body[_NUMBER], "big")
    part = device.part(number)
    own = (number - part.base).to_bytes(4, "big")
    return None if part is device else (part, _READ_PROPERTY + own + body[_NUMBER.stop :])


def compile_answer(body: bytes, device: Device, room: int) -> tuple[Template, bool]:
    """Return the answer to a request from its service choice on, and whether it is this device's alone.

    Raises TooLongError where it would be longer than `room` octets by far, before it is made.
    """
    reader = Reader(body, 1)
    try:
        if body[0] == Confirmed.READ_PROPERTY:
            reference = read_reference(reader)
            reader.finish()
            return _read_property(reference, device, room), _is_personal(reference.number)
        wanted = _read_specifications(reader)
    except RejectError as refusal:
        return Template(apdu.REJECT, [bytes((refusal.reason,))]), False
    found = _Results(min(room, MOST_READ), device.own)
    found.add(body[:1])
    for number, references in wanted:
        found.add(*_object(number), b"\x1e")
        spec = device.find(number)
        for reference in references:
            _add_results(found, reference, spec, device)
        found.add(b"\x1f")
    personal = any(_is_personal(number) for number, _ in wanted)
    return Template(apdu.COMPLEX_ACK, found.parts, whole=device.spans_rows), personal


def _is_personal(number: int) -> bool:
    """Whether it depends on which device is asked if there is such an object."""
    return number >> 22 == ObjectType.DEVICE and number != ANY_DEVICE


def _object(number: int) -> Sequence[Part]:
    """Return an object identifier as an answer states it."""
    return [b"\x0c", _OWN_NUMBER] if number == ANY_DEVICE else [enc.context(0, number.to_bytes(4, "big"))]


def _read_property(reference: Reference, device: Device, room: int) -> Template:
    service = bytes((Confirmed.READ_PROPERTY,))
    try:
        value = _values(reference, device.find(reference.number), device, room)
    except ServiceError as refusal:
        return Template(apdu.ERROR, [service + apdu.error_parameters(refusal.code)])
    echo = [service, *_object(reference.number), _property(1, reference)]
    return Template(apdu.COMPLEX_ACK, [*echo, b"\x3e", *value, b"\x3f"], whole=device.spans_rows)


def _property(tag: int, reference: Reference) -> bytes:
    """Return the property identifier under `tag` and the array index, if there is one, under the next."""
    index = b"" if reference.index is None else enc.context(tag + 1, enc.content(reference.index))
    return enc.context(tag, enc.content(reference.attribute)) + index


def _add_results(found: _Results, reference: Reference, spec: ObjectSpec | None, device: Device) -> None:
    """Add the results for one reference of ReadPropertyMultiple: several for ALL, REQUIRED and OPTIONAL."""
    if reference.attribute in _SPECIAL and spec:
        for number in spec.select(reference.attribute):
            _add_result(found, Reference(reference.number, number, None), spec, device)
    else:
        _add_result(found, reference, spec, device)


def _add_result(found: _Results, reference: Reference, spec: ObjectSpec | None, device: Device) -> None:
    found.count()
    echo = _property(2, reference)
    try:
        value = _values(reference, spec, device, found.room)
    except ServiceError as refusal:
        found.add(echo, enc.constructed(5, apdu.error_parameters(refusal.code)))
    else:
        found.add(echo + b"\x4e", *value, b"\x4f")
