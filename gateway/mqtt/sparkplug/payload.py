"""The wire format of Sparkplug B: how payloads are put together from ready pieces, and taken apart.

It is the protobuf message `org.eclipse.tahu.protobuf.Payload`, of which few fields are needed: varints, eight
bytes and what has a length (decision 31). Nothing is known here of meters, topics and sequences.
"""

import struct
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from enum import IntEnum
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from gateway.errors import FaultyRequestError

MOST_BYTES: Final = 65_536
"""The longest payload of others that is looked at."""

_SEVEN_BITS: Final = 0x7F
_VARINT, _EIGHT_BYTES, _SIZED, _FOUR_BYTES = 0, 1, 2, 5
_LONGEST_VARINT: Final = 10


class DataType(IntEnum):
    """The data types that we use, by their numbers in Sparkplug (3.0, 6.4.16)."""

    INT32 = 3
    INT64 = 4
    DOUBLE = 10
    BOOLEAN = 11
    STRING = 12
    DATETIME = 13


def varint(number: int) -> bytes:
    """Return a number that is not negative as a varint."""
    if number <= _SEVEN_BITS:
        return _SHORT[number]
    wire = bytearray()
    while number > _SEVEN_BITS:
        wire.append(number & _SEVEN_BITS | 0x80)
        number >>= 7
    wire.append(number)
    return bytes(wire)


_SHORT: Final = [bytes((number,)) for number in range(_SEVEN_BITS + 1)]


def _sized(tag: int, content: bytes) -> bytes:
    return _SHORT[tag] + varint(len(content)) + content


def _text(tag: int, text: str) -> bytes:
    return _sized(tag, text.encode())


_NULL: Final = b"\x38\x01"
_FALSE_TRUE: Final = (b"\x70\x00", b"\x70\x01")
_DOUBLE: Final = struct.Struct("<cd")

_VALUES: Final[Mapping[DataType, Callable[[Any], bytes]]] = MappingProxyType(
    {
        DataType.INT32: lambda value: b"\x50" + varint(value & 0xFFFF_FFFF),
        DataType.INT64: lambda value: b"\x58" + varint(value & 0xFFFF_FFFF_FFFF_FFFF),
        DataType.DOUBLE: lambda value: _DOUBLE.pack(b"\x69", value),
        DataType.BOOLEAN: lambda value: _FALSE_TRUE[value],
        DataType.STRING: lambda value: _text(0x7A, value),
        DataType.DATETIME: lambda value: b"\x58" + varint(milliseconds(value)),
    }
)
"""How a value of each type is written: metric fields 10 to 15, the tag before it."""


def milliseconds(instant: str) -> int:
    """Return an instant in ISO 8601 as Sparkplug has it: milliseconds since 1970 UTC."""
    return round(datetime.fromisoformat(instant).timestamp() * 1000)


Properties = Mapping[str, str | int]
"""Properties of a metric by their keys: strings, and whole numbers that are not negative."""

_NONE: Final[Properties] = MappingProxyType({})


class Stencil(NamedTuple):
    """A metric but for mark, time and value: what comes before the mark, and after the time; its value."""

    before: bytes
    after: bytes
    value: Callable[[Any], bytes]


def stencil(
    datatype: DataType, *, name: str = "", place: int | None = None, properties: Properties = _NONE
) -> Stencil:
    """Return the stencil of a metric, with its name where it is born; for `place` see `alias`."""
    before = (_text(0x0A, name) if name else b"") + (b"" if place is None else bytes((0x10, 0x80 | place)))
    after = b"\x20" + varint(datatype) + (_properties(properties) if properties else b"")
    return Stencil(before, after, _VALUES[datatype])


def _properties(properties: Properties) -> bytes:
    """Return a property set: metric field 9."""
    keys = b"".join(_text(0x0A, key) for key in properties)
    values = b"".join(_sized(0x12, _property(value)) for value in properties.values())
    return _sized(0x4A, keys + values)


def _property(value: str | int) -> bytes:
    """Return the value of a property, its type before it."""
    if isinstance(value, int):
        return b"\x08" + varint(DataType.INT32) + b"\x18" + varint(value)
    return b"\x08" + varint(DataType.STRING) + _text(0x42, value)


def alias(owner: int, place: int) -> int:
    """Return the alias of a metric: its place, 1 to 127, in the lowest seven bits, its owner, from 1, above.

    The varint of it begins with the place and goes on with that of the owner, the owner's mark: so neither
    is made for each metric of each owner.
    """
    return owner << 7 | place


class Stamp(NamedTuple):
    """A time as a payload and as a metric have it."""

    payload: bytes
    metric: bytes

    @classmethod
    def of(cls, milliseconds: int) -> "Stamp":
        """Return a time [ms since 1970 UTC]."""
        wire = varint(milliseconds)
        return cls(b"\x08" + wire, b"\x18" + wire)


TIMELESS: Final = Stamp(b"", b"")
"""What has no time."""


def metrics(stencils: Mapping[str, Stencil], mark: bytes, stamp: Stamp, values: Mapping[str, Any]) -> bytes:
    """Return metrics of one owner, whose `mark` is empty where they have no alias; None stands for null."""
    wire: list[bytes] = []
    time = stamp.metric
    for name, value in values.items():
        before, after, written = stencils[name]
        metric = b"".join((before, mark, time, after, _NULL if value is None else written(value)))
        wire += (b"\x12", varint(len(metric)), metric)
    return b"".join(wire)


def payload(stamp: Stamp, metrics: bytes, sequence: int | None) -> bytes:
    """Return a payload: its time, its metrics and, but in an NDEATH, its sequence number."""
    return b"".join((stamp.payload, metrics, b"" if sequence is None else b"\x18" + varint(sequence)))


Value = bool | float | str | None
"""A value that others have written; None is null, or of a type that no metric of ours has."""


class Written(NamedTuple):
    """A metric as others have written it; None where they have left something out."""

    name: str | None
    alias: int | None
    value: Value


_Field = tuple[int, int]
"""Number and kind of a field."""

_METRICS: Final = (2, _SIZED)
_NAME: Final = (1, _SIZED)
_ALIAS: Final = (2, _VARINT)
_DATATYPE: Final = (4, _VARINT)
_IS_NULL: Final = (7, _VARINT)
_BITS: Final = {1: 8, 2: 16, 3: 32, 4: 64}
"""How wide the signed types are, by their numbers; the wire has them as unsigned ones."""


def decoded(wire: bytes) -> list[Written]:
    """Return the metrics of a payload of others. Raises FaultyRequestError for what is none."""
    if len(wire) > MOST_BYTES:
        raise FaultyRequestError(f"a payload of {len(wire)} bytes; allowed: at most {MOST_BYTES}")
    try:
        return [_written(content) for field, content in _fields(wire) if field == _METRICS]
    except (ValueError, LookupError, struct.error) as error:
        raise FaultyRequestError("not a payload of Sparkplug B") from error


def _written(wire: Any) -> Written:
    """Take a metric apart."""
    fields: dict[_Field, Any] = dict(_fields(wire))
    name, datatype = fields.get(_NAME), fields.get(_DATATYPE, 0)
    value = None
    if not fields.get(_IS_NULL):
        value = next((read(fields[key], datatype) for key, read in _READ.items() if key in fields), None)
    return Written(None if name is None else name.decode(), fields.get(_ALIAS), value)


def _signed(number: int, datatype: int) -> int:
    bits = _BITS.get(datatype, 0)
    number &= (1 << bits) - 1 if bits else -1
    return number - (1 << bits) if bits and number >> (bits - 1) else number


_READ: Final[Mapping[_Field, Callable[[Any, int], Value]]] = MappingProxyType(
    {
        (10, _VARINT): _signed,
        (11, _VARINT): _signed,
        (12, _FOUR_BYTES): lambda content, _: float(struct.unpack("<f", content)[0]),
        (13, _EIGHT_BYTES): lambda content, _: float(struct.unpack("<d", content)[0]),
        (14, _VARINT): lambda content, _: bool(content),
        (15, _SIZED): lambda content, _: str(content, "utf-8"),
    }
)
"""How a value is read, by its field in a metric."""


def _fields(wire: bytes) -> Iterator[tuple[_Field, int | bytes]]:
    """Yield fields of a message with their contents. Raises ValueError or LookupError where it is none."""
    at = 0
    while at < len(wire):
        tag, at = _varint_at(wire, at)
        number, kind = tag >> 3, tag & 7
        content: int | bytes
        if kind == _VARINT:
            content, at = _varint_at(wire, at)
        else:
            size, at = _varint_at(wire, at) if kind == _SIZED else (_WIDTHS[kind], at)
            content, at = wire[at : at + size], at + size
        if at > len(wire):
            raise ValueError("it ends too soon")
        yield (number, kind), content


_WIDTHS: Final = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}


def _varint_at(wire: bytes, at: int) -> tuple[int, int]:
    """Return a varint and where it ends. Raises ValueError or IndexError where there is none."""
    number = 0
    for place in range(_LONGEST_VARINT):
        byte = wire[at + place]
        number |= (byte & _SEVEN_BITS) << 7 * place
        if byte <= _SEVEN_BITS:
            return number & 0xFFFF_FFFF_FFFF_FFFF, at + place + 1
    raise ValueError("a varint of more than ten bytes")
