"""An answer with its values left out: made once for a request, filled from each tick's image for any meter.

Knows the image's layout; objects and services are compiled elsewhere.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import cast

from gateway.bacnet.codes import Property
from gateway.bacnet.image import ROW, Cut


@dataclass(frozen=True, slots=True)
class Own:
    """A value that differs from device to device and never changes, from its octet `start` on."""

    attribute: Property
    start: int = 0


@dataclass(frozen=True, slots=True)
class Listing:
    """A BACnetLIST of the device that changes with what clients do."""

    attribute: Property
    start: int = field(default=0, init=False)


Part = bytes | Cut | Own | Listing
OwnValues = Mapping[int, bytes]
"""What a device has of its own, with its tags, by property."""


class Template:
    """An APDU but for its invoke id: `pdu` is its first octet, `parts` all that follows the invoke id."""

    __slots__ = ("_cut", "_form", "_own", "_varying", "lists", "pdu")

    def __init__(self, pdu: int, parts: Sequence[Part]) -> None:
        self.pdu = bytes((pdu,))
        slots = [part for part in parts if not isinstance(part, bytes)]
        cuts = [slot for slot in slots if isinstance(slot, Cut)]
        self._form = b"".join(
            part.replace(b"%", b"%%") if isinstance(part, bytes) else b"%b" for part in parts
        )
        self._cut = _cutter(cuts)
        self._varying = tuple(k for k, cut in enumerate(cuts) if cut.varies)
        self._own = tuple((k, slot) for k, slot in enumerate(slots) if not isinstance(slot, Cut))
        self.lists = tuple(slot.attribute for slot in slots if isinstance(slot, Listing))
        """The lists without which it cannot be filled."""

    def fill(self, image: bytes, start: int, own: OwnValues) -> bytes:
        """Return what follows the invoke id, for the device `own` whose row begins at `start` of `image`.

        `own` has the `lists` too.
        """
        values = self._cut(image[start : start + ROW])
        if self._varying:
            values = self._trimmed(values)
        if self._own:
            values = self._completed(values, own)
        return self._form % values

    def _trimmed(self, values: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """Cut each varying value to the length that its tag states."""
        trimmed = list(values)
        for k in self._varying:
            trimmed[k] = trimmed[k][: 1 + (trimmed[k][0] & 7)]
        return tuple(trimmed)

    def _completed(self, values: tuple[bytes, ...], own: OwnValues) -> tuple[bytes, ...]:
        """Put the device's own values between those of the image, in the order of their places."""
        completed = list(values)
        for k, slot in self._own:
            completed.insert(k, own[slot.attribute][slot.start :])
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
