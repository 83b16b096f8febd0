"""Standard load profiles of the BDEW, scaled to a year's energy: what German network operators reckon with.

The curves are data in `bdew_curves`; which season and which day they are for is decided here.
"""

from dataclasses import dataclass
from datetime import UTC, date, tzinfo
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sims.points import NS_PER_S
from sims.profiles.base import (
    Balance,
    LineLoads,
    LoadSpec,
    Members,
    check_annual_kwh,
    check_choice,
    check_power_factor,
    numbered,
)
from sims.profiles.bdew_curves import CURVES
from sims.profiles.zones import local_time

BDEW_PROFILES: Final = ("h0", "h0_dyn", "g0", "g1", "g2", "g3", "g4", "g5", "g6", "l0", "l1", "l2")
"""Households (as in the tables, and with the dynamic function), trade, farms."""

_QUARTER_S: Final = 900
_QUARTERS_PER_DAY: Final = 96
_SATURDAY: Final = 5
_EPOCH: Final = date(1970, 1, 1).toordinal()
_DYNAMIC: Final = (-3.916649251e-10, 3.2e-7, -7.02e-5, 2.1e-3, 1.24)


@dataclass(frozen=True, slots=True)
class BdewProfile(LoadSpec):
    """A load with the BDEW's standard profile `profile` that draws `annual_kwh` [kWh] in each calendar year.

    Days and years are those of `zone`. Public holidays are not known: each is as the day of its week.
    """

    profile: str
    annual_kwh: float
    power_factor: float = 0.95
    zone: tzinfo = UTC

    def __post_init__(self) -> None:
        check_choice(self.profile, BDEW_PROFILES, "profile")
        check_annual_kwh(self.annual_kwh)
        check_power_factor(self.power_factor)


class BdewGroup:
    """The meters whose load is a standard profile; an edge every full quarter of an hour."""

    def __init__(self, members: Members) -> None:
        loads = members.loads
        self._curves, self._curve = numbered([(load.profile, load.zone) for load in loads])
        self._annual_kwh = np.array([load.annual_kwh for load in loads])
        self._balance = Balance(members)

    def apply(self, time: int, loads: LineLoads) -> int:
        """Write the loads of the quarter that `time` [ns] is in; return the next full quarter [ns]."""
        quarter = time // (_QUARTER_S * NS_PER_S)
        levels = np.array([_level(name, zone, quarter * _QUARTER_S) for name, zone in self._curves])
        self._balance.write(levels[self._curve] * self._annual_kwh, loads)
        return (quarter + 1) * _QUARTER_S * NS_PER_S


def _level(profile: str, zone: tzinfo, seconds: int) -> float:
    """Return the load at an instant [s since 1970 UTC] for 1 kWh a year [W]."""
    local = local_time(seconds, zone)
    january = (date(local.year, 1, 1).toordinal() - _EPOCH) * _QUARTERS_PER_DAY
    return float(year_curve(profile, local.year)[local.seconds // _QUARTER_S - january])


@lru_cache(maxsize=64)
def year_curve(profile: str, year: int) -> NDArray[np.float64]:
    """Return the load in each quarter of an hour of `year` for 1 kWh a year [W], shape (96 * days,)."""
    name = profile.removesuffix("_dyn")
    first, end = date(year, 1, 1).toordinal(), date(year + 1, 1, 1).toordinal()
    days = map(date.fromordinal, range(first, end))
    curve = np.array([CURVES[name, _season(day), _kind(day)] for day in days], np.float64).ravel()
    if profile != name:
        curve *= np.polyval(_DYNAMIC, np.arange(1, len(curve) + 1) / _QUARTERS_PER_DAY)
    curve *= 4000.0 / curve.sum()
    return curve


def _season(day: date) -> str:
    """Return the season: winter 1 Nov to 20 Mar, summer 15 May to 14 Sep, transition between."""
    if (5, 15) <= (day.month, day.day) <= (9, 14):
        return "summer"
    return "transition" if (3, 21) <= (day.month, day.day) <= (10, 31) else "winter"


def _kind(day: date) -> str:
    if day.weekday() < _SATURDAY:
        return "workday"
    return "saturday" if day.weekday() == _SATURDAY else "sunday"
