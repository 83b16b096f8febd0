"""The daily shape of a kind of building, scaled to a year's energy, with noise of each meter's own.

A load here is a pure function of seed, serial number and minute: neither other meters nor the way to that
minute change it. The shapes themselves are data in `shapes`.
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sims.points import NS_PER_S
from sims.profiles.base import (
    GREATEST_W,
    LineLoads,
    LoadError,
    LoadSpec,
    Members,
    check_choice,
    check_power_factor,
    reactive_ratio,
)
from sims.profiles.shapes import SHAPES

_NS_PER_MINUTE: Final = 60 * NS_PER_S
_GREATEST_KWH: Final = GREATEST_W
_GREATEST_NOISE: Final = 0.25
_SLOW_MINUTES: Final = 15
_SLOW_PART: Final = 0.8
_QUICK_PART: Final = 0.6


@dataclass(frozen=True, slots=True)
class DailyShape(LoadSpec):
    """The load of a building of the kind `profile` that draws `annual_kwh` [kWh] in each calendar year (UTC).

    `noise` is by how much, about, the load is scattered round the shape (standard deviation, of 1); its mean
    is 0, so over a year it is hardly felt.
    """

    profile: str
    annual_kwh: float
    power_factor: float = 0.95
    noise: float = 0.05

    def __post_init__(self) -> None:
        check_choice(self.profile, tuple(SHAPES), "profile")
        if not 0.0 <= self.annual_kwh <= _GREATEST_KWH:
            message = f"{self.annual_kwh:g} is not an energy from 0 to {_GREATEST_KWH:g} kWh a year"
            raise LoadError(message, key="annual_kwh")
        check_power_factor(self.power_factor)
        if not 0.0 <= self.noise <= _GREATEST_NOISE:
            raise LoadError(f"{self.noise:g} is not a part from 0 to {_GREATEST_NOISE:g}", key="noise")


class DailyGroup:
    """The meters whose load is a daily shape; an edge every full minute."""

    def __init__(self, members: Members) -> None:
        loads = members.loads
        self._rows = members.rows
        self._profiles = sorted({load.profile for load in loads})
        self._profile = np.array([self._profiles.index(load.profile) for load in loads])
        self._annual_wh = np.array([load.annual_kwh * 1e3 for load in loads])
        self._noise = np.array([load.noise for load in loads])
        self._active = members.shares()
        self._reactive = self._active * [reactive_ratio(load.power_factor) for load in loads]
        self._quick = _keys(members, "minute")
        self._slow = _keys(members, "quarter")

    def apply(self, time: int, loads: LineLoads) -> int:
        """Write the loads of the minute that `time` [ns] is in; return the next full minute [ns]."""
        minute = time // _NS_PER_MINUTE
        year = datetime.fromtimestamp(minute * 60, UTC).year
        levels = [SHAPES[name].level(minute) / SHAPES[name].year_hours(year) for name in self._profiles]
        watts = (
            np.array(levels)[self._profile] * self._annual_wh * (1.0 + self._noise * self._scatter(minute))
        )
        loads.active[:, self._rows] = watts * self._active
        loads.reactive[:, self._rows] = watts * self._reactive
        return (minute + 1) * _NS_PER_MINUTE

    def _scatter(self, minute: int) -> NDArray[np.float64]:
        """Return what each meter is off its shape [noise], shape (k,): a slow wave and a quick ripple."""
        quarter, past = divmod(minute, _SLOW_MINUTES)
        part = (past + 0.5) / _SLOW_MINUTES
        slow = (1.0 - part) * draw(self._slow, quarter) + part * draw(self._slow, quarter + 1)
        return _SLOW_PART * slow + _QUICK_PART * draw(self._quick, minute)


def _keys(members: Members, stream: str) -> NDArray[np.uint64]:
    """Return the key of each meter's noise, from the seed and its serial number alone, shape (k,)."""
    digests = [
        blake2b(f"{members.seed}/{serial}/{stream}".encode(), digest_size=8).digest()
        for serial in members.serials
    ]
    return np.frombuffer(b"".join(digests), ">u8").astype(np.uint64)


def draw(keys: NDArray[np.uint64], counter: int) -> NDArray[np.float64]:
    """Return draw number `counter` of each key: mean 0, standard deviation 1, triangular, shape (k,).

    SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014) as a hash of key and
    counter; the two halves of its output are two uniform draws, and the sum of these is triangular.
    """
    bits = keys + np.uint64(counter * 0x9E3779B97F4A7C15 % 2**64)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    bits ^= bits >> np.uint64(31)
    halves = (bits >> np.uint64(32)) + (bits & np.uint64(0xFFFFFFFF))
    return (halves / 2.0**32 - 1.0) * math.sqrt(6.0)
