"""Demand and its peak: 5-minute sub-intervals since power-up, and the rolling 15 minutes made of three.

Manual 2.3.1 and meter.md R12. The boundaries run from each meter's own power-up; sub-intervals before it
count as zero.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from sims.energy import EnergyCounters
from sims.points import NS_PER_S
from sims.profiles.base import FOREVER
from sims.snapshot import DemandInterval

SUB_INTERVAL: Final = 300 * NS_PER_S
"""Length of a sub-interval [ns]."""

SUB_INTERVALS: Final = 3
"""How many make the rolling interval."""

_MJ_PER_WATT: Final = 300.0 * 1000.0
"""Energy of 1 W over a sub-interval [mJ]."""


class Demand:
    """What all meters remember of their demand; every public array has shape (n_meters,).

    `last` and `rolling` are the demands of the last closed sub-interval and of the last three [W]; `peak` [W]
    and `peak_time` [ns] the highest rolling demand and when it closed; `boundary` [ns] when the running
    sub-interval closes; `sequence` how many have closed.
    """

    def __init__(self, meters: int) -> None:
        self.last = np.zeros(meters)
        self.rolling = np.zeros(meters)
        self.peak = np.zeros(meters)
        self.peak_time = np.zeros(meters, np.int64)
        self.boundary = np.full(meters, FOREVER, np.int64)
        self.sequence = np.zeros(meters, np.int64)
        self._window = np.zeros((SUB_INTERVALS, meters))
        self._millijoules = np.zeros(meters, np.int64)
        self._femtojoules = np.zeros(meters, np.int64)
        self.next_boundary = FOREVER

    def restart(self, rows: NDArray[np.intp], time: int, energy: EnergyCounters) -> None:
        """Begin anew on the meters in `rows`, powered up at `time` [ns]: all but the peak is forgotten."""
        self.last[rows] = self.rolling[rows] = 0.0
        self._window[:, rows] = 0.0
        self._begin(rows, energy)
        self._set_boundary(rows, time + SUB_INTERVAL)

    def suspend(self, rows: NDArray[np.intp]) -> None:
        """Close no more sub-intervals on the meters in `rows`: they lost their supply."""
        self._set_boundary(rows, FOREVER)

    def close(self, time: int, energy: EnergyCounters) -> DemandInterval:
        """Close the sub-intervals that end at `time` [ns], which is `next_boundary`."""
        rows = np.flatnonzero(self.boundary == time)
        millijoules = energy.millijoules[rows] - self._millijoules[rows]
        rest = (energy.femtojoules[rows] - self._femtojoules[rows]) * 1e-12
        self._window[:-1, rows] = self._window[1:, rows]
        self._window[-1, rows] = (millijoules + rest) / _MJ_PER_WATT
        self.last[rows] = self._window[-1, rows]
        self.rolling[rows] = self._window[:, rows].sum(axis=0) / SUB_INTERVALS
        higher = rows[self.rolling[rows] > self.peak[rows]]
        self.peak[higher] = self.rolling[higher]
        self.peak_time[higher] = time
        self.sequence[rows] += 1
        self._begin(rows, energy)
        self._set_boundary(rows, time + SUB_INTERVAL)
        closed = (rows, self.sequence[rows], self.last[rows], self.rolling[rows], energy.millijoules[rows])
        for column in closed:
            column.setflags(write=False)
        return DemandInterval(time - SUB_INTERVAL, time, *closed)

    def _begin(self, rows: NDArray[np.intp], energy: EnergyCounters) -> None:
        self._millijoules[rows] = energy.millijoules[rows]
        self._femtojoules[rows] = energy.femtojoules[rows]

    def _set_boundary(self, rows: NDArray[np.intp], time: int) -> None:
        self.boundary[rows] = time
        self.next_boundary = int(self.boundary.min())
