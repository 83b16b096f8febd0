"""An answer with its values left out: made once for a request, filled from each tick's image for any meter.

Knows the image's layout; objects and services are compiled elsewhere.
"""

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import cast

from gateway.bacnet.image import ROW, Cut

Part = bytes | Cut


class Template:
    """An APDU but for its invoke id: `pdu` is its first octet, `parts` all that follows the invoke id."""

    __slots__ = ("_cut", "_form", "_varying", "pdu")

    def __init__(self, pdu: int, parts: Sequence[Part]) -> None:
        self.pdu = bytes((pdu,))
        cuts = [part for part in parts if isinstance(part, Cut)]
        self._form = b"".join(b"%b" if isinstance(part, Cut) else part.replace(b"%", b"%%") for part in parts)
        self._cut = _cutter(cuts)
        self._varying = tuple(k for k, cut in enumerate(cuts) if cut.varies)

    def fill(self, image: bytes, start: int) -> bytes:
        """Return what follows the invoke id, for the meter whose row begins at `start` of `image`."""
        values = self._cut(image[start : start + ROW])
        if self._varying:
            values = self._trimmed(values)
        return self._form % values

    def _trimmed(self, values: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """Cut each varying value to the length that its tag states."""
        trimmed = list(values)
        for k in self._varying:
            trimmed[k] = trimmed[k][: 1 + (trimmed[k][0] & 7)]
        return tuple(trimmed)


def _cutter(cuts: Sequence[Cut]) -> Callable[[bytes], tuple[bytes, ...]]:
    """Return a function that takes the values out of a row."""
    slices = [slice(cut.start, cut.stop) for cut in cuts]
    if not slices:
        return lambda _row: ()
    if len(slices) == 1:
        only = slices[0]
        return lambda row: (row[only],)
    return cast("Callable[[bytes], tuple[bytes, ...]]", itemgetter(*slices))
