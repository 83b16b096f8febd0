"""ReadProperty and ReadPropertyMultiple (clauses 15.5, 15.7): from a request to the template of its answer.

A request is read whole before anything is looked up, so that what is wrong with it does not depend on the
meter. No values of any tick, no sockets.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gateway.bacnet import apdu
from gateway.bacnet import encoding as enc
from gateway.bacnet.apdu import ServiceError
from gateway.bacnet.codes import Confirmed, ErrorCode, ObjectType, Property
from gateway.bacnet.encoding import Reader, RejectError
from gateway.bacnet.objects import Array, Device, EmptyList, LogBuffer, ObjectSpec, ObjectTable, Value
from gateway.bacnet.template import Part, Template

_SPECIAL: Final = frozenset({Property.ALL, Property.REQUIRED, Property.OPTIONAL})


@dataclass(frozen=True, slots=True)
class Reference:
    """A property, or one element of it, of one object."""

    number: int
    """The object identifier."""
    attribute: int
    """The property identifier."""
    index: int | None

    @property
    def personal(self) -> bool:
        """Whether the answer depends on which meter is asked: there is but one device object in each."""
        return self.number >> 22 == ObjectType.DEVICE


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


def value_parts(value: Value, index: int | None, device: Device) -> list[Part]:
    """Return a property's value, or an element of it, as the parts of a template. Raises ServiceError."""
    if callable(value):
        value = value(device)
    if isinstance(value, LogBuffer):
        raise ServiceError(ErrorCode.READ_ACCESS_DENIED)
    if isinstance(value, Array):
        return [_element(value, index)]
    if index is not None:
        raise ServiceError(ErrorCode.PROPERTY_IS_NOT_AN_ARRAY)
    return [b"" if isinstance(value, EmptyList) else value]


def _element(array: Array, index: int | None) -> bytes:
    if index is None:
        return b"".join(array.elements)
    if index == 0:
        return enc.unsigned(len(array.elements))
    if index > len(array.elements):
        raise ServiceError(ErrorCode.INVALID_ARRAY_INDEX)
    return array.elements[index - 1]


def find_object(number: int, device: Device, table: ObjectTable) -> ObjectSpec:
    """Return the object of a device. Raises ServiceError."""
    spec = table.find(number, device)
    if spec is None:
        raise ServiceError(ErrorCode.UNKNOWN_OBJECT)
    return spec


def find_value(reference: Reference, device: Device, table: ObjectTable) -> Value:
    """Return what a property holds. Raises ServiceError."""
    spec = find_object(reference.number, device, table).properties.get(reference.attribute)
    if spec is None:
        raise ServiceError(ErrorCode.UNKNOWN_PROPERTY)
    return spec.value


def own_number(number: int, device: Device) -> bytes:
    """Return an object identifier as answers state it: the device's own where any was asked for."""
    return (device.number if number >> 22 == ObjectType.DEVICE else number).to_bytes(4, "big")


def compile_answer(body: bytes, device: Device, table: ObjectTable) -> tuple[Template, bool]:
    """Return the answer to a request from its service choice on, and whether it is this device's alone."""
    reader = Reader(body, 1)
    try:
        if body[0] == Confirmed.READ_PROPERTY:
            reference = read_reference(reader)
            reader.finish()
            return _read_property(reference, device, table), reference.personal
        wanted = _read_specifications(reader)
    except RejectError as refusal:
        return Template(apdu.REJECT, [bytes((refusal.reason,))]), False
    parts: list[Part] = [body[:1]]
    for number, references in wanted:
        parts += [enc.context(0, own_number(number, device)), b"\x1e"]
        for reference in references:
            parts += _results(reference, device, table)
        parts.append(b"\x1f")
    return Template(apdu.COMPLEX_ACK, parts), any(number >> 22 == ObjectType.DEVICE for number, _ in wanted)


def _read_property(reference: Reference, device: Device, table: ObjectTable) -> Template:
    service = bytes((Confirmed.READ_PROPERTY,))
    try:
        value = value_parts(find_value(reference, device, table), reference.index, device)
    except ServiceError as refusal:
        return Template(apdu.ERROR, [service + apdu.error_parameters(refusal.code)])
    echo = service + enc.context(0, own_number(reference.number, device)) + _property(1, reference)
    return Template(apdu.COMPLEX_ACK, [echo + b"\x3e", *value, b"\x3f"])


def _property(tag: int, reference: Reference) -> bytes:
    """Return the property identifier under `tag` and the array index, if there is one, under the next."""
    index = b"" if reference.index is None else enc.context(tag + 1, enc.content(reference.index))
    return enc.context(tag, enc.content(reference.attribute)) + index


def _results(reference: Reference, device: Device, table: ObjectTable) -> Iterator[Part]:
    """Yield the results for one reference of ReadPropertyMultiple: several for ALL, REQUIRED and OPTIONAL."""
    if reference.attribute in _SPECIAL and (spec := table.find(reference.number, device)):
        for number in spec.select(reference.attribute):
            yield from _result(Reference(reference.number, number, None), device, table)
    else:
        yield from _result(reference, device, table)


def _result(reference: Reference, device: Device, table: ObjectTable) -> Iterator[Part]:
    yield _property(2, reference)
    try:
        value = value_parts(find_value(reference, device, table), reference.index, device)
    except ServiceError as refusal:
        yield enc.constructed(5, apdu.error_parameters(refusal.code))
    else:
        yield b"\x4e"
        yield from value
        yield b"\x4f"
