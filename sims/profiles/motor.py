"""Motors started by the clock: a high current of low power factor at first, then the load of the drive.

Each start and each end of it is an edge of its own, to the second.
"""

from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Final

import numpy as np

from sims.points import NS_PER_S
from sims.profiles.base import (
    LineLoads,
    LoadError,
    LoadSpec,
    Members,
    check_power,
    check_power_factor,
    reactive_ratio,
)
from sims.profiles.zones import local_time

_SECONDS_PER_DAY: Final = 86_400
_QUARTER_S: Final = 900


@dataclass(frozen=True, slots=True)
class Motor(LoadSpec):
    """A motor of `kw` [kW] that runs for `run_s` [s] from each of `starts` (minutes of the day) in `zone` on.

    For the first `inrush_s` [s] it draws `inrush` times the current at `inrush_power_factor`.
    """

    kw: float
    starts: tuple[int, ...]
    run_s: int
    power_factor: float = 0.85
    inrush: float = 6.0
    inrush_s: int = 5
    inrush_power_factor: float = 0.3
    zone: tzinfo = UTC

    def __post_init__(self) -> None:
        check_power_factor(self.power_factor)
        _check_inrush_power_factor(self.inrush_power_factor)
        if not self.kw >= 0.0:
            raise LoadError(f"{self.kw:g} is not a power from 0 kW on", key="kw")
        if not 1.0 <= self.inrush <= 100:  # noqa: PLR2004  no motor draws more
            raise LoadError(f"{self.inrush:g} is not a multiple from 1 to 100", key="inrush")
        check_power(self.kw * 1e3 * self.inrush / abs(self.power_factor), "kw")
        if not self.starts or not all(start in range(1440) for start in self.starts):
            raise LoadError("name minutes of the day, from 0 to 1439", key="starts")
        if not 0 <= self.inrush_s <= self.run_s <= _SECONDS_PER_DAY:
            message = f"{self.inrush_s} s of inrush in {self.run_s} s is not possible; at most a day"
            raise LoadError(message, key="inrush_s")


def _check_inrush_power_factor(power_factor: float) -> None:
    try:
        check_power_factor(power_factor)
    except LoadError as error:
        raise LoadError(error.message, key="inrush_power_factor") from None


class MotorGroup:
    """The meters with motors; an edge at every start, end of inrush and stop, and each quarter of an hour."""

    def __init__(self, members: Members) -> None:
        loads = members.loads
        self._rows = members.rows
        self._shares = members.shares()
        self._zones = list(dict.fromkeys(load.zone for load in loads))
        starts = [
            (row, self._zones.index(load.zone), start * 60, load.inrush_s, load.run_s)
            for row, load in enumerate(loads)
            for start in load.starts
        ]
        self._owner, self._zone, self._start, self._inrush_s, self._run_s = np.array(starts, np.int64).T
        watts = [load.kw * 1e3 for load in loads]
        inrush = [
            load.kw * 1e3 / abs(load.power_factor) * load.inrush * abs(load.inrush_power_factor)
            for load in loads
        ]
        self._watts = np.array([np.zeros(len(loads)), watts, inrush])
        ratios = [reactive_ratio(load.power_factor) for load in loads]
        inrush_ratios = [reactive_ratio(load.inrush_power_factor) for load in loads]
        self._vars = self._watts * np.array([ratios, ratios, inrush_ratios])

    def apply(self, time: int, loads: LineLoads) -> int:
        """Write the loads valid from `time` [ns] on; return the next edge [ns]."""
        second = time // NS_PER_S
        clocks = np.array([local_time(second, zone).seconds for zone in self._zones])
        since = (clocks[self._zone] - self._start) % _SECONDS_PER_DAY
        state = np.where(since < self._inrush_s, 2, np.where(since < self._run_s, 1, 0))
        states = np.zeros(len(self._rows), np.int64)
        np.maximum.at(states, self._owner, state)
        columns = np.arange(len(states))
        loads.active[:, self._rows] = self._shares * self._watts[states, columns]
        loads.reactive[:, self._rows] = self._shares * self._vars[states, columns]
        ends = np.choose(state, (_SECONDS_PER_DAY, self._run_s, self._inrush_s))
        return (second + min(int((ends - since).min()), _QUARTER_S - second % _QUARTER_S)) * NS_PER_S
