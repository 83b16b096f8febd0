"""Demand and its peak: 5-minute intervals since power-up, and the rolling 15 minutes.

Manual 2.3.1 and meter.md R12. The boundaries run from each meter's own power-up; sub-intervals before it
count as zero.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sims.energy import EnergyCounters
from sims.points import NS_PER_S
from sims.profiles.base import FOREVER
from sims.snapshot import DemandInterval

INTERVAL: Final = 300 * NS_PER_S
"""Length of a demand interval [ns]."""

Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Method:
    """How the 15-minute demand is made: of so many sub-intervals of a length [ns], updated after each."""

    sub_interval: int
    count: int


METHODS: Final = {
    "3x5": Method(INTERVAL, 3),
    "15x1": Method(60 * NS_PER_S, 15),
    "block": Method(900 * NS_PER_S, 1),
}


class Averages:
    """Average power over sub-intervals of one length, on the meters in `rows`; all arrays are (n_meters,).

    `boundary` is when the running sub-interval of each meter closes [ns], FOREVER where none runs.
    """

    def __init__(self, rows: Rows, meters: int, sub_interval: int) -> None:
        self.boundary = np.full(meters, FOREVER, np.int64)
        self.next_boundary = FOREVER
        self._mine = np.zeros(meters, np.bool_)
        self._mine[rows] = True
        self._length = sub_interval
        self._millijoules = np.zeros(meters, np.int64)
        self._femtojoules = np.zeros(meters, np.int64)

    def restart(self, rows: Rows, time: int, energy: EnergyCounters) -> Rows:
        """Begin a sub-interval at `time` [ns] on those of `rows` that are of these meters; return them."""
        mine = rows[self._mine[rows]]
        self._begin(mine, energy)
        self._set_boundary(mine, time + self._length)
        return mine

    def suspend(self, rows: Rows) -> None:
        """Close no more sub-intervals on the meters in `rows`: they lost their supply."""
        self._set_boundary(rows, FOREVER)

    def close(self, time: int, energy: EnergyCounters) -> tuple[Rows, NDArray[np.float64]]:
        """Close the sub-intervals that end at `time` [ns]; return whose, and their average powers [W]."""
        rows = np.flatnonzero(self.boundary == time)
        millijoules = energy.millijoules[rows] - self._millijoules[rows]
        rest = (energy.femtojoules[rows] - self._femtojoules[rows]) * 1e-12
        watts = (millijoules + rest) / (self._length / 1e6)  # mJ a ns are 1e6 W
        self._begin(rows, energy)
        self._set_boundary(rows, time + self._length)
        return rows, watts

    def _begin(self, rows: Rows, energy: EnergyCounters) -> None:
        self._millijoules[rows] = energy.millijoules[rows]
        self._femtojoules[rows] = energy.femtojoules[rows]

    def _set_boundary(self, rows: Rows, time: int) -> None:
        self.boundary[rows] = time
        self.next_boundary = int(self.boundary.min())


class Demand:
    """What all meters remember of their demand; every public array has shape (n_meters,).

    `last` is the demand of the last closed interval and `rolling` the 15-minute demand [W]; `peak` [W] and
    `peak_time` [ns] are the highest rolling demand and when it was reached; `sequence` counts the closed
    intervals. `methods` has the name of each meter's method.
    """

    def __init__(self, methods: list[str]) -> None:
        meters = len(methods)
        self.last = np.zeros(meters)
        self.rolling = np.zeros(meters)
        self.peak = np.zeros(meters)
        self.peak_time = np.zeros(meters, np.int64)
        self.sequence = np.zeros(meters, np.int64)
        self._intervals = Averages(np.arange(meters), meters, INTERVAL)
        self._windows: list[tuple[Averages, NDArray[np.float64]]] = []
        for name in sorted(set(methods)):
            method, rows = METHODS[name], np.flatnonzero(np.array(methods) == name)
            averages = Averages(rows, meters, method.sub_interval)
            self._windows.append((averages, np.zeros((method.count, meters))))

    @property
    def next_boundary(self) -> int:
        """When the next interval or sub-interval of any meter closes [ns]."""
        return min(self._intervals.next_boundary, *(averages.next_boundary for averages, _ in self._windows))

    def restart(self, rows: Rows, time: int, energy: EnergyCounters) -> None:
        """Begin anew on the meters in `rows`, powered up at `time` [ns]: all but the peak is forgotten."""
        self.last[rows] = self.rolling[rows] = 0.0
        self._intervals.restart(rows, time, energy)
        for averages, window in self._windows:
            window[:, averages.restart(rows, time, energy)] = 0.0

    def suspend(self, rows: Rows) -> None:
        """Close nothing more on the meters in `rows`: they lost their supply."""
        self._intervals.suspend(rows)
        for averages, _ in self._windows:
            averages.suspend(rows)

    def close(self, time: int, energy: EnergyCounters) -> list[DemandInterval]:
        """Close what ends at `time` [ns], the `next_boundary`; return the demand interval if one does."""
        for averages, window in self._windows:
            if averages.next_boundary == time:
                self._roll(window, *averages.close(time, energy), time)
        return [self._close_interval(time, energy)] if self._intervals.next_boundary == time else []

    def reset_peak(self, row: int) -> None:
        """Set the peak of a meter to zero; the rolling demand goes on (R13)."""
        self.peak[row] = 0.0
        self.peak_time[row] = 0

    def _roll(self, window: NDArray[np.float64], rows: Rows, watts: NDArray[np.float64], time: int) -> None:
        """Take new sub-intervals into the window, and the peak to where the rolling demand exceeds it."""
        window[:-1, rows] = window[1:, rows]
        window[-1, rows] = watts
        self.rolling[rows] = window[:, rows].sum(axis=0) / len(window)
        higher = rows[self.rolling[rows] > self.peak[rows]]
        self.peak[higher] = self.rolling[higher]
        self.peak_time[higher] = time

    def _close_interval(self, time: int, energy: EnergyCounters) -> DemandInterval:
        rows, watts = self._intervals.close(time, energy)
        self.last[rows] = watts
        self.sequence[rows] += 1
        closed = (rows, self.sequence[rows], watts, self.rolling[rows], energy.millijoules[rows])
        for column in closed:
            column.setflags(write=False)
        return DemandInterval(time - INTERVAL, time, *closed)
