"""A load that goes on and off by the clock of the week: machines, lights, shifts.

Periods that overlap add up, and one that crosses midnight belongs to the day on which it begins.
"""

import math
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Final

import numpy as np

from sims.points import NS_PER_S
from sims.profiles.base import (
    Balance,
    LineLoads,
    LoadError,
    LoadSpec,
    Members,
    check_power,
    check_power_factor,
)
from sims.profiles.zones import local_time

_MINUTES_PER_DAY: Final = 1440
_MINUTES_PER_WEEK: Final = 7 * _MINUTES_PER_DAY
_THURSDAY: Final = 3 * _MINUTES_PER_DAY
_COARSEST: Final = 15


@dataclass(frozen=True, slots=True)
class Period:
    """On `days` (0 is Monday), from minute `begin` of the day to minute `end`, a load of `kw` [kW].

    It goes on after midnight where `end` is not after `begin`.
    """

    days: tuple[int, ...]
    begin: int
    end: int
    kw: float

    def __post_init__(self) -> None:
        if not self.days or not all(day in range(7) for day in self.days):
            raise LoadError("name days of the week, Monday 0 to Sunday 6", key="days")
        if self.begin not in range(_MINUTES_PER_DAY):
            raise LoadError(f"{self.begin} is not a minute of the day", key="begin")
        if self.end not in range(_MINUTES_PER_DAY + 1):
            raise LoadError(f"{self.end} is not a minute of the day, nor its end", key="end")
        check_power(self.kw * 1e3, "kw")

    @property
    def minutes(self) -> int:
        """For how long it lasts [min]."""
        return (self.end - self.begin - 1) % _MINUTES_PER_DAY + 1


@dataclass(frozen=True, slots=True)
class Schedule(LoadSpec):
    """A load of `base_kw` [kW], and in each of `periods`, by the clock of `zone`, so much more.

    What falls into the hour that the clock leaves out does not happen; in the repeated one, twice.
    """

    periods: tuple[Period, ...]
    base_kw: float = 0.0
    power_factor: float = 1.0
    zone: tzinfo = UTC

    def __post_init__(self) -> None:
        if not self.periods:
            raise LoadError("has no periods", key="periods")
        check_power(abs(self.base_kw * 1e3) + sum(abs(period.kw) * 1e3 for period in self.periods), "kw")
        check_power_factor(self.power_factor)


class ScheduleGroup:
    """The meters with a schedule: each day of each period begins at a minute of the week and lasts so long.

    An edge on a grid on which all times of all the schedules are, a quarter of an hour at the most.
    """

    def __init__(self, members: Members) -> None:
        zones = list(dict.fromkeys(load.zone for load in members.loads))
        runs = [
            (row, zones.index(load.zone), day * _MINUTES_PER_DAY + period.begin, period.minutes)
            for row, load in enumerate(members.loads)
            for period in load.periods
            for day in dict.fromkeys(period.days)
        ]
        self._zones = zones
        self._owner, self._zone, self._begins, self._minutes = np.array(runs, np.int64).T
        self._kw = np.array(
            [
                period.kw
                for load in members.loads
                for period in load.periods
                for _ in dict.fromkeys(period.days)
            ]
        )
        self._base = np.array([load.base_kw for load in members.loads])
        self._grid = math.gcd(_COARSEST, *self._begins.tolist(), *self._minutes.tolist()) * 60 * NS_PER_S
        self._balance = Balance(members)

    def apply(self, time: int, loads: LineLoads) -> int:
        """Write the loads valid from `time` [ns] on; return the next time on the grid [ns]."""
        step = time // self._grid
        seconds = step * self._grid // NS_PER_S
        clocks = [local_time(seconds, zone).seconds // 60 + _THURSDAY for zone in self._zones]
        since = (np.array(clocks)[self._zone] - self._begins) % _MINUTES_PER_WEEK
        kw = np.where(since < self._minutes, self._kw, 0.0)
        extra = np.bincount(self._owner, kw, minlength=len(self._base))
        self._balance.write((self._base + extra) * 1e3, loads)
        return (step + 1) * self._grid
