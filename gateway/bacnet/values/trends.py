"""The meters' trend logs: rings of closed demand intervals, for all meters at once.

Holds numbers only; how a log is read over the network is in `services/read_range.py`.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sims.points import NS_PER_S, POINTS
from sims.snapshot import INTERVAL, DemandInterval


@dataclass(frozen=True, slots=True)
class TrendSpec:
    """What a trend log records: a point at every `every`-th closed demand interval, `size` times at most."""

    instance: int
    point: str
    every: int
    size: int
    words: str

    @property
    def interval_s(self) -> int:
        """The time between two records [s]."""
        return self.every * INTERVAL // NS_PER_S


TRENDS: Final = (
    TrendSpec(1, "demand", every=1, size=576, words="two days of demand, every 5 minutes"),
    TrendSpec(2, "energy", every=3, size=672, words="seven days of energy, every 15 minutes"),
)


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """Consecutive records: the number of the first, from 1, instants [ns since 1970 UTC] and shown values."""

    first: int
    times: NDArray[np.int64]
    values: NDArray[np.float32]


class TrendLog:
    """One log of every meter. Pages of the rings are only touched as records come in."""

    def __init__(self, spec: TrendSpec, meters: int) -> None:
        self.spec = spec
        self.total = np.zeros(meters, np.int64)
        """How many records each meter has ever logged, shape (n_meters,)."""
        self._times = np.zeros((spec.size, meters), np.int64)
        self._values = np.zeros((spec.size, meters), np.float32)

    def add(self, interval: DemandInterval) -> None:
        """Record the point at the end of each meter's interval, if it is one that this log takes."""
        taken = interval.sequence % self.spec.every == 0
        rows = interval.rows[taken]
        point = POINTS[self.spec.point]
        places = self.total[rows] % self.spec.size
        self._times[places, rows] = interval.end[taken]
        self._values[places, rows] = point.shown(getattr(interval, point.name)[taken])
        self.total[rows] += 1

    @property
    def count(self) -> NDArray[np.int64]:
        """How many records are in each meter's ring, shape (n_meters,)."""
        return np.minimum(self.total, self.spec.size)

    def records(self, row: int) -> Records:
        """Return what is in the ring of the meter at `row`, oldest first."""
        total = int(self.total[row])
        first = max(0, total - self.spec.size)
        places = np.arange(first, total) % self.spec.size
        return Records(first + 1, self._times[places, row], self._values[places, row])
