"""What of a snapshot is new to those who are told changes alone.

No topics and no payloads; the same snapshots give the same changes.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gateway.readings import LACKING, Reading, Readings
from sims.models import Nameplate
from sims.points import PUBLISHED, Kind, Point
from sims.snapshot import Snapshot

_NO_DEADBANDS: Final[Mapping[str, float]] = MappingProxyType({})


class Changes:
    """Remembers what has been told of `meters`, and finds what differs by more than its deadband.

    `deadbands` are by name of the point, in its shown unit; a point that has none is told at every change.
    """

    def __init__(self, meters: Sequence[Nameplate], deadbands: Mapping[str, float] = _NO_DEADBANDS) -> None:
        self._readings = Readings(meters)
        self._deadbands = deadbands
        self._told: dict[str, NDArray[Any]] = {}

    def forget(self) -> None:
        """Take everything for new, as it is to somebody who has just come."""
        self._told.clear()

    def tell(self, row: int, snapshot: Snapshot) -> None:
        """Take what a snapshot shows of the meter in `row` for told."""
        for name, told in self._told.items():
            told[row] = snapshot.column(name)[row]

    def of(self, snapshot: Snapshot) -> Iterator[Reading]:
        """Yield for each meter in turn the points that changed, as `Readings` shows them; all are told now.

        A point that the model lacks, or that cannot be told at the moment, is never among them.
        """
        changed = np.column_stack([self._changed(point, snapshot.column(point.name)) for point in PUBLISHED])
        rows, places = np.nonzero(changed)
        ends = np.searchsorted(rows, np.arange(snapshot.meters), side="right").tolist()
        named = [PUBLISHED[place].name for place in places.tolist()]
        columns = self._readings.columns(snapshot, set(named))
        names, start = self._readings.names, 0
        for row, end in enumerate(ends):
            has = names[row]
            told = {name: columns[name][row] for name in named[start:end] if name in has}
            yield {name: value for name, value in told.items() if value is not LACKING}
            start = end

    def _changed(self, point: Point, now: NDArray[Any]) -> NDArray[np.bool_]:
        """Return which meters show another value of a point than they have told, and tell it."""
        told = self._told.get(point.name)
        if told is None:
            self._told[point.name] = now.copy()
            return np.ones(len(now), np.bool_)
        changed = self._differs(point, now, told)
        told[changed] = now[changed]
        return changed

    def _differs(self, point: Point, now: NDArray[Any], told: NDArray[Any]) -> NDArray[np.bool_]:
        deadband = self._deadbands.get(point.name, 0.0)
        differs = np.asarray(now != told)
        if point.kind is Kind.INSTANT:
            differs &= ~(np.isnan(now) & np.isnan(told))
        if deadband and point.kind in {Kind.INSTANT, Kind.COUNTER}:
            differs &= ~(np.abs(point.shown(now) - point.shown(told)) <= deadband)
        return differs
