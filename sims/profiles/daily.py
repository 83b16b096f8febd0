"""The daily shape of a kind of building, scaled to a year's energy, with noise of each meter's own.

A load here is a pure function of seed, serial number and minute: neither other meters nor the way to that
minute change it. The shapes themselves are data in `shapes`.
"""

from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Final

import numpy as np

from sims.points import NS_PER_S
from sims.profiles.base import (
    Balance,
    LineLoads,
    LoadSpec,
    Members,
    check_annual_kwh,
    check_choice,
    check_noise,
    check_power_factor,
    numbered,
)
from sims.profiles.noise import Scatter
from sims.profiles.shapes import SHAPES
from sims.profiles.zones import local_time

_NS_PER_MINUTE: Final = 60 * NS_PER_S


@dataclass(frozen=True, slots=True)
class DailyShape(LoadSpec):
    """The load of a building of the kind `profile` that draws `annual_kwh` [kWh] in each calendar year.

    Its day and its year are those of `zone`: in the hour that the clock leaves out or repeats, the shape does
    the same. `noise` is by how much, about, the load is scattered round the shape (standard deviation, of 1);
    its mean is 0, so over a year it is hardly felt.
    """

    profile: str
    annual_kwh: float
    power_factor: float = 0.95
    noise: float = 0.05
    zone: tzinfo = UTC

    def __post_init__(self) -> None:
        check_choice(self.profile, tuple(SHAPES), "profile")
        check_annual_kwh(self.annual_kwh)
        check_power_factor(self.power_factor)
        check_noise(self.noise)


class DailyGroup:
    """The meters whose load is a daily shape; an edge every full minute."""

    def __init__(self, members: Members) -> None:
        loads = members.loads
        self._shapes, self._shape = numbered([(load.profile, load.zone) for load in loads])
        self._annual_wh = np.array([load.annual_kwh * 1e3 for load in loads])
        self._noise = np.array([load.noise for load in loads])
        self._scatter = Scatter(members)
        self._balance = Balance(members)

    def apply(self, time: int, loads: LineLoads) -> int:
        """Write the loads of the minute that `time` [ns] is in; return the next full minute [ns]."""
        minute = time // _NS_PER_MINUTE
        levels = np.array([_level(name, zone, minute) for name, zone in self._shapes])
        scatter = 1.0 + self._noise * self._scatter.at(minute)
        self._balance.write(levels[self._shape] * self._annual_wh * scatter, loads)
        return (minute + 1) * _NS_PER_MINUTE


def _level(name: str, zone: tzinfo, minute: int) -> float:
    """Return the load in `minute` [min since 1970 UTC] of a building that draws 1 in a year."""
    local = local_time(minute * 60, zone)
    return SHAPES[name].level(local.seconds // 60) / SHAPES[name].year_hours(local.year)
