"""The gateway device of topology `flat`: it has the objects of all meters, meter n's at instance 100·n + k.

Nothing is made for an object before it is asked for. What the objects are is declared in `meter_objects.py`;
no services and no sockets.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from typing import ClassVar, Final

import numpy as np

from gateway.addressing import INSTANCES_OF_A_METER
from gateway.bacnet.objects.device_object import SEGMENTING, device_object
from gateway.bacnet.objects.meter_objects import object_table
from gateway.bacnet.objects.model import Array, Device, ObjectSpec, ObjectTable
from gateway.bacnet.wire import encoding as enc
from gateway.bacnet.wire.codes import ANY_INSTANCE, ObjectType, Property
from gateway.bacnet.wire.octets import identifier_octets
from sims.models import Nameplate

_IDENTIFIER: Final = 5
"""Octets of an object identifier with its tag."""


@dataclass(frozen=True, eq=False, kw_only=True)
class MeterPart(Device):
    """A meter as a part of the gateway device: it has the device's instance, and the meter's row and `id`."""

    id: str
    label: str

    def find(self, number: int) -> ObjectSpec | None:
        """Return the object with this identifier, as it is in the device."""
        spec = self.table.find(number - self.base)
        return None if spec is None else self._moved(spec)

    def named(self, name: str) -> ObjectSpec | None:
        """Return the object with this name, which begins with the meter's id."""
        spec = self.table.named(name.removeprefix(f"{self.id}."))
        return None if spec is None else self._moved(spec)

    def _moved(self, spec: ObjectSpec) -> ObjectSpec:
        """Return an object of the meter with its identifier, its name and its references as in the device."""
        name, description = f"{self.id}.{spec.name}", f"{self.label}: {spec.description}"
        values: dict[int, bytes] = {
            Property.OBJECT_IDENTIFIER: enc.object_identifier(spec.number + self.base),
            Property.OBJECT_NAME: enc.character_string(name),
            Property.DESCRIPTION: enc.character_string(description),
        }
        for attribute, moved in _REFERENCES.items():
            if (held := spec.properties.get(attribute)) and isinstance(held.value, bytes):
                values[attribute] = moved(held.value, self.base)
        changed = {prop: replace(spec.properties[prop], value=value) for prop, value in values.items()}
        return replace(
            spec,
            instance=spec.instance + self.base,
            name=name,
            description=description,
            properties={**spec.properties, **changed},
        )


def _moved_number(value: bytes, base: int) -> bytes:
    """Return an encoded Unsigned that is `base` more."""
    return enc.unsigned(int.from_bytes(value[1:], "big") + base)


def _moved_reference(value: bytes, base: int) -> bytes:
    """Return a BACnetDeviceObjectPropertyReference to the instance that is `base` more."""
    number = int.from_bytes(value[1:_IDENTIFIER], "big") + base
    return value[:1] + number.to_bytes(4, "big") + value[_IDENTIFIER:]


_REFERENCES: Final = {
    Property.NOTIFICATION_CLASS: _moved_number,
    Property.LOG_DEVICE_OBJECT_PROPERTY: _moved_reference,
}
"""Properties that say the instance of an object of the same meter."""


@dataclass(frozen=True, eq=False, kw_only=True)
class FlatDevice(Device):
    """The gateway device with the objects of `meters`, meter n at place n - 1."""

    meters: Sequence[MeterPart]

    spans_rows: ClassVar[bool] = True

    @property
    def parts(self) -> Sequence[Device]:
        """The meters whose objects the device has."""
        return self.meters

    @cached_property
    def _by_id(self) -> dict[str, MeterPart]:
        return {part.id: part for part in self.meters}

    def part(self, number: int) -> Device:
        """Return the meter that has the object with this identifier; the device itself where none has."""
        meter = (number & ANY_INSTANCE) // INSTANCES_OF_A_METER
        if number >> 22 != ObjectType.DEVICE and 1 <= meter <= len(self.meters):
            return self.meters[meter - 1]
        return self

    def find(self, number: int) -> ObjectSpec | None:
        """Return the object with this identifier; device 4194303 is whichever device is asked."""
        part = self.part(number)
        return super().find(number) if part is self else part.find(number)

    def named(self, name: str) -> ObjectSpec | None:
        """Return the object with this name."""
        part = self._by_id.get(name.rpartition(".")[0])
        return super().named(name) if part is None else part.named(name)


class ObjectList:
    """The elements of the object-list: the device with the identifier `number`, then meter by meter."""

    def __init__(self, number: int, parts: Sequence[MeterPart]) -> None:
        self._device = enc.object_identifier(number)
        self._parts = parts

    @cached_property
    def _ends(self) -> list[int]:
        """Behind which place each meter's objects end."""
        return list(accumulate((len(part.table.objects) for part in self._parts), initial=1))

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, place: int) -> bytes:
        if place == 0:
            return self._device
        meter = bisect_right(self._ends, place) - 1
        part = self._parts[meter]
        spec = part.table.objects[place - self._ends[meter]]
        return enc.object_identifier(spec.number + part.base)

    def __iter__(self) -> Iterator[bytes]:
        return map(self.__getitem__, range(len(self)))

    def whole(self) -> bytes:
        """Return all elements."""
        tables = {part.table for part in self._parts}
        numbers = {table: np.array([spec.number for spec in table.objects]) for table in tables}
        found = [numbers[part.table] for part in self._parts]
        bases = np.repeat([part.base for part in self._parts], [len(each) for each in found])
        return self._device + identifier_octets(np.concatenate(found) + bases).tobytes()


def flat_device(gateway: Device, meters: Sequence[Nameplate]) -> FlatDevice:
    """Return the gateway as the device that has the objects of all meters."""
    parts = [_part(gateway, row, plate) for row, plate in enumerate(meters)]
    kinds = {spec.kind for table in {part.table for part in parts} for spec in table.objects}
    elements = ObjectList(gateway.number, parts)
    listed = Array(elements, elements.whole)
    return FlatDevice(
        row=gateway.row,
        instance=gateway.instance,
        name=gateway.name,
        table=ObjectTable(device_object(kinds, listed, SEGMENTING), ()),
        texts=gateway.texts,
        segments=True,
        is_meter=False,
        meters=parts,
    )


def _part(gateway: Device, row: int, plate: Nameplate) -> MeterPart:
    return MeterPart(
        row=row,
        instance=gateway.instance,
        name=gateway.name,
        table=object_table(plate.model.lines),
        texts={},
        options=plate.options,
        segments=True,
        is_meter=False,
        base=INSTANCES_OF_A_METER * plate.number,
        id=plate.id,
        label=f"{plate.id} {plate.name}".rstrip(),
    )
