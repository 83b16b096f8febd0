"""An answer with its values left out: made once for a request, filled from each tick's image for any meter.

Knows the image's layout; objects and services are compiled elsewhere.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Final, cast

from gateway.bacnet.values.image import ROW, Cut
from gateway.bacnet.wire.codes import Property


@dataclass(frozen=True, slots=True)
class Own:
    """A value that differs from device to device and never changes, from its octet `start` on."""

    attribute: Property
    start: int = 0


@dataclass(frozen=True, slots=True)
class Listing:
    """A BACnetLIST that changes with what clients do; `number` is its object, 0 the one asked for."""

    attribute: Property
    number: int = 0


Part = bytes | Cut | Own | Listing
_NOTHING: Final = Cut(0, 0)
OwnValues = Mapping[int, bytes]
"""What a device has of its own, with its tags, by property."""
ListValues = Mapping[Listing, bytes]
"""The elements of lists."""


_SHORTEST_VARYING: Final = 2
"""Octets of a value whose length varies, at least."""


def width(part: Part, own: OwnValues) -> int:
    """Return the octets that a part has at least for the device `own`; those of a list are not known."""
    match part:
        case Cut():
            return _SHORTEST_VARYING if part.varies else part.stop - part.start
        case Own():
            return len(own[part.attribute]) - part.start
        case Listing():
            return 0
    return len(part)


def verbatim(octets: bytes) -> bytes:
    """Return octets as they stand in a form."""
    return octets.replace(b"%", b"%%")


class Template:
    """An APDU but for its invoke id: `pdu` is its first octet, `parts` all that follows the invoke id.

    Cuts are places in a row, or with `whole` in the whole image.
    """

    __slots__ = ("_cut", "_cuts", "_form", "_other", "_varying", "_whole", "lists", "octets", "pdu", "varies")

    def __init__(self, pdu: int, parts: Sequence[Part], *, whole: bool = False) -> None:
        self.pdu = bytes((pdu,))
        slots = [part for part in parts if not isinstance(part, bytes)]
        self._cuts = tuple(slot for slot in slots if isinstance(slot, Cut))
        self._form = b"".join(verbatim(part) if isinstance(part, bytes) else b"%b" for part in parts)
        self._cut = _cutter(self._cuts)
        self._varying = tuple(k for k, cut in enumerate(self._cuts) if cut.varies)
        self._other = tuple((k, slot) for k, slot in enumerate(slots) if not isinstance(slot, Cut))
        self._whole = whole
        self.octets = sum(width(part, {}) for part in parts if not isinstance(part, Own))
        """The octets that its parts have at least, a device's own apart."""
        self.varies = bool(slots)
        """Whether it is not always filled with the same."""
        self.lists = tuple(slot for slot in slots if isinstance(slot, Listing))
        """The lists without which it cannot be filled."""

    def length(self, lists: ListValues) -> int:
        """Return the octets that it has at least with these lists."""
        return self.octets + sum(len(lists[each]) for each in self.lists)

    def fill(self, image: bytes, start: int, own: OwnValues, lists: ListValues) -> bytes:
        """Return what follows the invoke id, for the device `own` whose row begins at `start` of `image`."""
        values = self._cut(image if self._whole else image[start : start + ROW])
        if self._varying:
            values = self._trimmed(values)
        if self._other:
            values = self._completed(values, own, lists)
        return self._form % values

    def single(self) -> tuple[bytes, Cut] | None:
        """Return a form for an invoke id and the one value of a row that it takes, and where that stands.

        What never changes takes an empty one. None where it takes several, one of another length each time,
        or what is not in the device's row.
        """
        if self._whole or self._other or self._varying or len(self._cuts) > 1:
            return None
        form = verbatim(self.pdu) + b"%b" + self._form
        return (form, self._cuts[0]) if self._cuts else (form + b"%b", _NOTHING)

    def _trimmed(self, values: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """Cut each varying value to the length that its tag states."""
        trimmed = list(values)
        for k in self._varying:
            trimmed[k] = trimmed[k][: 1 + (trimmed[k][0] & 7)]
        return tuple(trimmed)

    def _completed(self, values: tuple[bytes, ...], own: OwnValues, lists: ListValues) -> tuple[bytes, ...]:
        """Put the device's own values and lists between those of the image, in the order of their places."""
        completed = list(values)
        for k, slot in self._other:
            value = lists[slot] if isinstance(slot, Listing) else own[slot.attribute][slot.start :]
            completed.insert(k, value)
        return tuple(completed)


def _cutter(cuts: Sequence[Cut]) -> Callable[[bytes], tuple[bytes, ...]]:
    """Return a function that takes the values out of a row."""
    slices = [slice(cut.start, cut.stop) for cut in cuts]
    if not slices:
        return lambda _row: ()
    if len(slices) == 1:
        only = slices[0]
        return lambda row: (row[only],)
    return cast("Callable[[bytes], tuple[bytes, ...]]", itemgetter(*slices))
