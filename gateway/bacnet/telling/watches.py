"""Which of the values that somebody watches have changed: one look at a tick's image for all of them at once.

A watch is a few octets of a meter's row. Knows the image's layout; who watches is kept elsewhere.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.bacnet.values.image import NOTHING, ROW, Cut
from gateway.bacnet.wire.octets import Octets

WIDEST: Final = 11
"""Octets of the longest value that can be watched."""
_REAL: Final = 0x44
_FLAGS: Final = 2
"""Where the bits stand in encoded status flags."""
_FIRST: Final = 64


class Watched(NamedTuple):
    """A value of the meter in `row` and the status flags beside it; bytes are those that never change.

    `place` is that of the REAL by which a value must change, `increment` one that stands for it.
    """

    row: int
    value: Cut | bytes
    flags: Cut | bytes | None
    place: Cut | None
    increment: float | None


class Watches:
    """The watches in their slots, with what was last told of each: arrays over slots."""

    def __init__(self) -> None:
        self._watched: list[Watched | None] = []
        self._free: list[int] = []
        self._rows = np.zeros(_FIRST, np.intp)
        self._places = np.full((_FIRST, WIDEST + 1), NOTHING, np.intp)
        """Where each octet of a value stands in a row, and behind them that of the flags."""
        self._increment_places = np.full((_FIRST, 4), NOTHING, np.intp)
        self._increments = np.full(_FIRST, np.nan, np.float32)
        """Increments that stand for those of the rows; else NaN."""
        self._last = np.zeros((_FIRST, WIDEST + 1), np.uint8)

    def add(self, watched: Watched, image: bytes) -> int:
        """Watch a value from now on; return the slot. What `image` shows has been told."""
        slot = self._free.pop() if self._free else len(self._watched)
        if slot == len(self._watched):
            self._watched.append(None)
            if slot == len(self._rows):
                self._grow()
        self._watched[slot] = watched
        self._rows[slot] = watched.row
        self._places[slot] = _value_places(watched)
        self._increment_places[slot] = _increment_places(watched.place)
        self._increments[slot] = np.nan if watched.increment is None else watched.increment
        self._last[slot] = _rows_of(image)[watched.row, self._places[slot]]
        return slot

    def remove(self, slot: int) -> None:
        """Watch no longer what is in a slot."""
        self._watched[slot] = None
        self._places[slot] = NOTHING
        self._increment_places[slot] = NOTHING
        self._last[slot] = 0
        self._free.append(slot)

    def look(self, image: bytes) -> Sequence[int]:
        """Return the slots whose values have changed by enough, or whose flags have; they count as told."""
        if not self._watched:
            return ()
        rows, used = _rows_of(image), slice(len(self._watched))
        now = rows[self._rows[used, None], self._places[used]]
        last = self._last[used]
        changed = (now != last).any(axis=1)
        candidates = np.flatnonzero(changed)
        small = self._is_small(rows, candidates, now[candidates], last[candidates])
        told = candidates[~small]
        self._last[told] = now[told]
        found: list[int] = told.tolist()
        return found

    def value(self, slot: int) -> tuple[bytes, bytes | None]:
        """Return what is to be told of a slot: the value and the status flags, each with its tag."""
        watched = self._watched[slot]
        assert watched is not None  # noqa: S101  a slot in use
        last = self._last[slot].tobytes()
        value, flags = watched.value, watched.flags
        if isinstance(value, Cut):
            width = 1 + (last[0] & 7) if value.varies else value.stop - value.start
            value = last[:width]
        return value, bytes((0x82, 4, last[WIDEST])) if isinstance(flags, Cut) else flags

    def increments(self, slots: Sequence[int], image: bytes) -> list[bytes | None]:
        """Return the contents of the REALs by which the slots' values must change; None for no REAL."""
        at = np.array(slots, np.intp)
        own = self._increments[at].astype(">f4")
        shown = _rows_of(image)[self._rows[at, None], self._increment_places[at]]
        octets = np.where(np.isnan(own)[:, None], shown, own.view(np.uint8).reshape(-1, 4)).tobytes()
        are_reals = (self._last[at, 0] == _REAL).tolist()
        return [octets[4 * k : 4 * k + 4] if is_real else None for k, is_real in enumerate(are_reals)]

    def _is_small(
        self, rows: Octets, slots: NDArray[np.intp], now: Octets, last: Octets
    ) -> NDArray[np.bool_]:
        """Return which changes of values between `last` and `now` are REALs' and not large enough."""
        real = (now[:, 0] == _REAL) & (last[:, 0] == _REAL) & (now[:, WIDEST] == last[:, WIDEST])
        places = self._increment_places[slots]
        own = self._increments[slots]
        increments = np.where(np.isnan(own), _floats(rows[self._rows[slots, None], places]), own)
        change = np.abs(_floats(now[:, 1:5]) - _floats(last[:, 1:5]))
        small: NDArray[np.bool_] = real & (change < increments)
        return small

    def _grow(self) -> None:
        """Make room for twice as many watches."""
        more = len(self._rows)
        for name, nothing in (
            ("_rows", 0),
            ("_places", NOTHING),
            ("_increment_places", NOTHING),
            ("_increments", np.nan),
            ("_last", 0),
        ):
            old = getattr(self, name)
            setattr(self, name, np.concatenate([old, np.full((more, *old.shape[1:]), nothing, old.dtype)]))


def _value_places(watched: Watched) -> NDArray[np.intp]:
    places = np.full(WIDEST + 1, NOTHING, np.intp)
    if isinstance(watched.value, Cut):
        width = watched.value.stop - watched.value.start
        places[:width] = np.arange(watched.value.start, watched.value.stop)
    if isinstance(watched.flags, Cut):
        places[WIDEST] = watched.flags.start + _FLAGS
    return places


def _increment_places(place: Cut | None) -> NDArray[np.intp]:
    return np.full(4, NOTHING, np.intp) if place is None else np.arange(place.start + 1, place.stop)


def _rows_of(image: bytes) -> Octets:
    return np.frombuffer(image, np.uint8).reshape(-1, ROW)


def _floats(octets: Octets) -> NDArray[np.float32]:
    """Return the contents of REALs, shape (n, 4), as numbers."""
    return np.ascontiguousarray(octets).view(">f4")[:, 0].astype(np.float32)
