"""A load that wanders at random between two bounds, as no clock tells it to, and comes back to its mean.

It is a pure function of seed, serial number and minute: the walk is not walked, but looked up.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

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
from sims.profiles.noise import draw, keys

_NS_PER_MINUTE: Final = 60 * NS_PER_S
_LEVELS: Final = 8
_SPAN: Final = 2**_LEVELS
_SCATTER: Final = math.sqrt(_SPAN) / 2.0


@dataclass(frozen=True, slots=True)
class RandomWalk(LoadSpec):
    """A load round `kw` [kW] from `least_kw` to `most_kw` that changes by about `step_kw` a minute.

    `step_kw` is the standard deviation of the change from one minute to the next, away from the bounds. Over
    some four hours the walk forgets where it was: it is then off its mean by 8 steps (standard deviation).
    """

    kw: float
    least_kw: float
    most_kw: float
    step_kw: float
    power_factor: float = 0.95

    def __post_init__(self) -> None:
        for key in ("kw", "least_kw", "most_kw", "step_kw"):
            check_power(getattr(self, key) * 1e3, key)
        if not self.least_kw <= self.kw <= self.most_kw:
            raise LoadError(f"{self.kw:g} is not from {self.least_kw:g} to {self.most_kw:g}", key="kw")
        if self.step_kw < 0:
            raise LoadError(f"{self.step_kw:g} is not a step from 0 kW on", key="step_kw")
        check_power_factor(self.power_factor)


class RandomWalkGroup:
    """The meters whose load wanders; an edge every full minute."""

    def __init__(self, members: Members) -> None:
        loads = members.loads
        self._keys = [keys(members, f"walk/{level}") for level in range(_LEVELS + 1)]
        self._mean, self._least, self._most, self._step = (
            1e3 * np.array([(load.kw, load.least_kw, load.most_kw, load.step_kw) for load in loads]).T
        )
        self._balance = Balance(members)

    def apply(self, time: int, loads: LineLoads) -> int:
        """Write the loads of the minute that `time` [ns] is in; return the next full minute [ns]."""
        minute = time // _NS_PER_MINUTE
        watts = self._mean + self._step * self._steps(minute)
        self._balance.write(_between(watts, self._least, self._most), loads)
        return (minute + 1) * _NS_PER_MINUTE

    def _steps(self, minute: int) -> NDArray[np.float64]:
        """Return how many steps each walk is off its mean in `minute` [min since 1970 UTC], shape (k,).

        Lévy's construction of the Brownian motion: independent places every 256 minutes, and between two
        places the middle one, until the minute is found.
        """
        span, past = divmod(minute, _SPAN)
        left, right = (_SCATTER * draw(self._keys[0], place) for place in (span, span + 1))
        half = _SPAN // 2
        begin = 0
        for level in range(1, _LEVELS + 1):
            if past == begin:
                break
            middle = (left + right) / 2.0 + math.sqrt(half / 2.0) * draw(
                self._keys[level], (minute - past + begin) // (2 * half)
            )
            if past >= begin + half:
                left, begin = middle, begin + half
            else:
                right = middle
            half //= 2
        return left


def _between(
    watts: NDArray[np.float64], least: NDArray[np.float64], most: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return `watts` thrown back at the bounds as often as it takes."""
    width = most - least
    turn = 2.0 * np.where(width > 0.0, width, 1.0)
    return least + np.minimum(width, np.abs((watts - least + width) % turn - width))
