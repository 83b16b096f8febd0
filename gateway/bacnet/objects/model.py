"""What BACnet objects are made of: kinds of values, properties, objects, and the table of a device's objects.

The declarations themselves are in `meter_objects.py`; no services and no bytes of any one tick live here.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Final, Protocol

from gateway.bacnet.values.image import Cut
from gateway.bacnet.values.template import Listing, Own, OwnValues
from gateway.bacnet.wire import encoding as enc
from gateway.bacnet.wire.codes import ANY_INSTANCE, ObjectType, Property
from gateway.commands import Command

ANY_DEVICE: Final = enc.object_number(ObjectType.DEVICE, ANY_INSTANCE)
"""The object identifier of whichever device is asked."""


class Elements(Protocol):
    """The elements of an array; as good as a tuple of them."""

    def __len__(self) -> int: ...

    def __getitem__(self, place: int, /) -> bytes | Cut | Own: ...

    def __iter__(self) -> Iterator[bytes | Cut | Own]: ...


@dataclass(frozen=True, slots=True)
class Array:
    """A BACnetARRAY of encoded elements; `whole` gives all at once, where those are too many to be joined."""

    elements: Elements
    whole: Callable[[], bytes] | None = None


Lists = Callable[["Device", Property], Sequence[bytes]]
"""Gives the encoded elements that a list of a device has now."""


@dataclass(frozen=True, slots=True)
class LogBuffer:
    """The records of trend log number `log` of `TRENDS`, from 0; ReadRange alone reads them."""

    log: int


Value = bytes | Array | Listing | Cut | LogBuffer | Own
"""What a property holds: the same for all, cut from the image, a list, a log, or each device's own."""


@dataclass(frozen=True, slots=True)
class Switch:
    """What a BACnetBinaryPV does that can be written: the command for a meter's row and for active or not.

    No command is nothing to do. Only meters ordered with `option`, where there is one, can be told "active".
    """

    command: Callable[[int, bool], Command | None]
    option: str | None = None


@dataclass(frozen=True, slots=True)
class Increment:
    """The COV increment of `point`, which can be set."""

    point: str


@dataclass(frozen=True, slots=True)
class Destinations:
    """The list of those who are told of alarms, which can be set, added to and removed from."""


Setting = Switch | Increment | Destinations
"""What writing a property does."""


@dataclass(frozen=True, slots=True)
class PropertySpec:
    """One property of an object: `required` unless its conformance code is O, writable with a `setting`."""

    value: Value
    required: bool = True
    setting: Setting | None = None


Properties = Mapping[int, PropertySpec]

UNLISTED: Final = frozenset(
    {Property.OBJECT_IDENTIFIER, Property.OBJECT_NAME, Property.OBJECT_TYPE, Property.PROPERTY_LIST}
)
"""What property-list leaves out (clause 12.1)."""


@dataclass(frozen=True, slots=True)
class ObjectSpec:
    """One object with all its properties; it exists where a model has the service lines in `lines`."""

    kind: ObjectType
    instance: int
    name: str
    description: str
    properties: Properties
    lines: frozenset[int] = frozenset()

    @property
    def number(self) -> int:
        """The object identifier."""
        return enc.object_number(self.kind, self.instance)

    def select(self, special: int) -> list[int]:
        """Return what ALL, REQUIRED or OPTIONAL means (clause 15.7.3.1: never property-list)."""
        return [
            number
            for number, spec in self.properties.items()
            if number != Property.PROPERTY_LIST
            and (special == Property.ALL or spec.required == (special == Property.REQUIRED))
        ]


def required(values: Mapping[int, Value]) -> dict[int, PropertySpec]:
    """Return the values as properties that the object's type demands."""
    return {number: PropertySpec(value) for number, value in values.items()}


def optional(values: Mapping[int, Value]) -> dict[int, PropertySpec]:
    """Return the values as properties that the object's type allows."""
    return {number: PropertySpec(value, required=False) for number, value in values.items()}


def declare(
    kind: ObjectType,
    instance: int,
    name: str,
    description: str,
    *parts: Properties,
    lines: frozenset[int] = frozenset(),
) -> ObjectSpec:
    """Return an object with `parts` and what every object has beside them."""
    identity = required(
        {
            Property.OBJECT_IDENTIFIER: enc.object_identifier(enc.object_number(kind, instance)),
            Property.OBJECT_NAME: enc.character_string(name),
            Property.OBJECT_TYPE: enc.enumerated(kind),
        }
    )
    described = optional({Property.DESCRIPTION: enc.character_string(description)})
    properties: dict[int, PropertySpec] = {}
    for part in (identity, described, *parts):
        properties |= part
    listed = tuple(enc.enumerated(number) for number in properties if number not in UNLISTED)
    properties[Property.PROPERTY_LIST] = PropertySpec(Array(listed))
    return ObjectSpec(kind, instance, name, description, properties, lines)


class ObjectTable:
    """All objects of one kind of device, its device object apart: shared by every meter of the same lines."""

    def __init__(self, device: ObjectSpec, objects: Iterable[ObjectSpec]) -> None:
        self.device = device
        self.objects = tuple(objects)
        self._by_number = {spec.number: spec for spec in self.objects}
        self._by_name = {spec.name: spec for spec in self.objects}

    def find(self, number: int) -> ObjectSpec | None:
        """Return the object with this identifier."""
        return self._by_number.get(number)

    def named(self, name: str) -> ObjectSpec | None:
        """Return the object with this name."""
        return self._by_name.get(name)


@dataclass(frozen=True, eq=False)
class Device:
    """A BACnet device: a meter, or the gateway itself.

    `row` is whose values it shows, by its place in the snapshot's columns; `instance` is its device instance,
    `name` its object name, `table` its objects and `texts` the properties of its device object that are its
    own, in words. `options` are those that a meter was ordered with. `segments` says that it sends long
    answers in segments. `base` is added to the instances of the table's objects: that of a meter which is a
    part of another device (`flat.py`), else 0. What is no meter has the clock and the line of the gateway,
    and so has such a part.
    """

    row: int
    instance: int
    name: str
    table: ObjectTable
    texts: Mapping[Property, str]
    options: frozenset[str] = frozenset()
    segments: bool = False
    base: int = 0
    is_meter: bool = True

    spans_rows: ClassVar[bool] = False
    """Whether the device shows more rows than its own: those of its parts."""

    @property
    def meter_row(self) -> int | None:
        """The row of the meter that it is; None for what is no meter."""
        return self.row if self.is_meter else None

    @property
    def parts(self) -> Sequence["Device"]:
        """The meters whose objects the device has, each with a row of its own."""
        return (self,)

    def part(self, number: int) -> "Device":  # noqa: ARG002  devices of several meters need it
        """Return which of the parts has the object with this identifier; the device itself where none has."""
        return self

    def find(self, number: int) -> ObjectSpec | None:
        """Return the object with this identifier; device 4194303 is whichever device is asked."""
        if number in (self.number, ANY_DEVICE):
            return self.table.device
        return self.table.find(number)

    def named(self, name: str) -> ObjectSpec | None:
        """Return the object with this name."""
        return self.table.device if name == self.name else self.table.named(name)

    @cached_property
    def mac(self) -> bytes:
        """The address that the device has on the virtual network: its instance in three octets."""
        return self.instance.to_bytes(3, "big")

    @cached_property
    def number(self) -> int:
        """The device's object identifier."""
        return enc.object_number(ObjectType.DEVICE, self.instance)

    @cached_property
    def reference(self) -> bytes:
        """The device's object identifier as requests begin with it."""
        return enc.context(0, self.number.to_bytes(4, "big"))

    @cached_property
    def own(self) -> OwnValues:
        """The values of the device's own properties."""
        identity: dict[int, bytes] = {Property.OBJECT_IDENTIFIER: enc.object_identifier(self.number)}
        texts = {Property.OBJECT_NAME: self.name, **self.texts}
        return identity | {prop: enc.character_string(text) for prop, text in texts.items()}
