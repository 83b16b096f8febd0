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
from sims.snapshot import INTERVAL, DemandInterval

Rows = NDArray[np.intp]
Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


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
    """Average power over sub-intervals of `length` [ns], on the meters that are `mine`, shape (n_meters,)."""

    def __init__(self, mine: NDArray[np.bool_], length: int) -> None:
        self._mine = mine
        self._length = length
        self._millijoules = np.zeros(len(mine), np.int64)
        self._femtojoules = np.zeros(len(mine), np.int64)

    def begin(self, rows: Rows, readings: EnergyCounters) -> None:
        """Begin a sub-interval on the meters in `rows`, whose counters stand at `readings`."""
        self._millijoules[rows] = readings.millijoules
        self._femtojoules[rows] = readings.femtojoules

    def close(self, rows: Rows, elapsed: Integers, readings: EnergyCounters) -> tuple[Rows, Floats]:
        """Close the sub-intervals that end on the meters in `rows`, `elapsed` [ns] after their power-up.

        All arguments have one shape. Return the places in them where one ends, and its average power [W].
        """
        due = np.flatnonzero(self._mine[rows] & (elapsed % self._length == 0))
        ended, now = rows[due], EnergyCounters(readings.millijoules[due], readings.femtojoules[due])
        rest = (now.femtojoules - self._femtojoules[ended]) * 1e-12
        watts = (now.millijoules - self._millijoules[ended] + rest) / (self._length / 1e6)  # mJ a ns: 1e6 W
        self.begin(ended, now)
        return due, watts


class Demand:
    """What all meters remember of their demand; every public array has shape (n_meters,).

    `last` is the demand of the last closed interval and `rolling` the 15-minute demand [W]; `peak` [W] and
    `peak_time` [ns] are the highest rolling demand and when it was reached; `sequence` counts the intervals
    closed so far, in earlier lives, too. `methods` has the name of each meter's method.
    """

    def __init__(self, methods: list[str]) -> None:
        meters = len(methods)
        self.last = np.zeros(meters)
        self.rolling = np.zeros(meters)
        self.peak = np.zeros(meters)
        self.peak_time = np.zeros(meters, np.int64)
        self.sequence = np.zeros(meters, np.int64)
        steps = [min(METHODS[name].sub_interval, INTERVAL) for name in methods]
        self._step = np.array(steps, np.int64)
        self._shortest = min(steps, default=INTERVAL)
        self._powered_up = np.zeros(meters, np.int64)
        self._boundary = np.full(meters, FOREVER, np.int64)
        self._next_boundary = FOREVER
        self._intervals = Averages(np.ones(meters, np.bool_), INTERVAL)
        self._windows: list[tuple[Averages, Floats]] = []
        for name in sorted(set(methods)):
            method, mine = METHODS[name], np.array(methods) == name
            self._windows.append((Averages(mine, method.sub_interval), np.zeros((method.count, meters))))

    def restart(self, rows: Rows, time: int, energy: EnergyCounters) -> None:
        """Begin anew on the meters in `rows`, powered up at `time` [ns]: all but the peak is forgotten."""
        self.last[rows] = self.rolling[rows] = 0.0
        self._powered_up[rows] = time
        readings = EnergyCounters(energy.millijoules[rows], energy.femtojoules[rows])
        self._intervals.begin(rows, readings)
        for averages, window in self._windows:
            averages.begin(rows, readings)
            window[:, rows] = 0.0
        self._set_boundary(rows, time + self._step[rows])

    def suspend(self, rows: Rows) -> None:
        """Close nothing more on the meters in `rows`: they lost their supply."""
        self._set_boundary(rows, FOREVER)

    def close(
        self, time: int, until: int, energy: EnergyCounters, microwatts: Integers
    ) -> list[DemandInterval]:
        """Close what ends after `time` and up to `until` [ns]; return the demand intervals, oldest first.

        `energy` is how the counters stand at `time`; from then on `microwatts` register, shape (n_meters,).
        No meter's energy is asked for but at its own boundaries, and those of many meters together.
        """
        closed: list[DemandInterval] = []
        while self._next_boundary <= until:
            # In less than the shortest step, no meter has two boundaries.
            rows, ends = self._due(min(until, self._next_boundary + self._shortest - 1))
            readings = energy.at(rows, microwatts[rows], ends - time)
            elapsed = ends - self._powered_up[rows]
            for averages, window in self._windows:
                due, watts = averages.close(rows, elapsed, readings)
                self._roll(window, rows[due], watts, ends[due])
            due, watts = self._intervals.close(rows, elapsed, readings)
            if due.size:
                closed.append(self._close_interval(rows[due], ends[due], watts, readings.millijoules[due]))
            self._set_boundary(rows, ends + self._step[rows])
        return closed

    def reset_peak(self, row: int) -> None:
        """Set the peak of a meter to zero; the rolling demand goes on (R13)."""
        self.peak[row] = 0.0
        self.peak_time[row] = 0

    def _due(self, until: int) -> tuple[Rows, Integers]:
        """Return the meters that have a boundary up to `until` [ns] and when it is, in the order of time."""
        rows = np.flatnonzero(self._boundary <= until)
        rows = rows[np.argsort(self._boundary[rows], kind="stable")]
        return rows, self._boundary[rows]

    def _set_boundary(self, rows: Rows, times: int | Integers) -> None:
        self._boundary[rows] = times
        self._next_boundary = int(self._boundary.min(initial=FOREVER))

    def _roll(self, window: Floats, rows: Rows, watts: Floats, times: Integers) -> None:
        """Take new sub-intervals into the window, and the peak to where the rolling demand exceeds it."""
        window[:-1, rows] = window[1:, rows]
        window[-1, rows] = watts
        rolling = window[:, rows].sum(axis=0) / len(window)
        self.rolling[rows] = rolling
        higher = rolling > self.peak[rows]
        self.peak[rows[higher]] = rolling[higher]
        self.peak_time[rows[higher]] = times[higher]

    def _close_interval(self, rows: Rows, ends: Integers, watts: Floats, energy: Integers) -> DemandInterval:
        self.last[rows] = watts
        self.sequence[rows] += 1
        closed = (rows, ends, self.sequence[rows], watts, self.rolling[rows], energy)
        for column in closed:
            column.setflags(write=False)
        return DemandInterval(*closed)
