"""Loads that add up on one meter, and what can be done to any load: shares of the lines, and noise.

The kinds of the parts are not known here: their groups do the work, on rows of their own.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sims.models import Model
from sims.points import NS_PER_S
from sims.profiles.base import FOREVER, LineLoads, LoadError, LoadSpec, Members, check_noise
from sims.profiles.noise import Scatter

_NS_PER_MINUTE: Final = 60 * NS_PER_S
_TOLERANCE: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Sum(LoadSpec):
    """What all of `loads` draw together; each part has noise of its own.

    `shares` say which part of it each line carries, 1 in all: without them it stays on the lines where the
    parts are; what is between two lines stays there in any case. `noise` is by how much, about, the sum is
    scattered (standard deviation, of 1), from minute to minute.
    """

    loads: tuple[LoadSpec, ...]
    shares: tuple[float, ...] = ()
    noise: float = 0.0

    def __post_init__(self) -> None:
        if not self.loads:
            raise LoadError("has no loads", key="sum")
        if self.shares and not (
            all(0.0 <= share <= 1.0 for share in self.shares) and abs(sum(self.shares) - 1.0) <= _TOLERANCE
        ):
            shown = ", ".join(f"{share:g}" for share in self.shares)
            raise LoadError(f"{shown} are not parts from 0 to 1 that make 1 in all", key="shares")
        check_noise(self.noise)

    def check(self, model: Model) -> None:
        """Raise LoadError where a part cannot be connected to `model`, or `shares` has other lines."""
        for load in self.loads:
            load.check(model)
        if self.shares and len(self.shares) != model.elements:
            message = (
                f"has {len(self.shares)} values; {model.key} has {model.elements} elements, so give as many"
            )
            raise LoadError(message, key="shares")


class SumGroup:
    """The meters whose load is made of others; an edge wherever a part has one, or every minute with noise.

    The parts of all the meters stand one after the other, as if each were a meter with a serial number made
    of that of its meter and its place.
    """

    def __init__(self, members: Members) -> None:
        loads = members.loads
        parts = [(column, place) for column, load in enumerate(loads) for place in range(len(load.loads))]
        self._groups = members.build(
            [loads[column].loads[place] for column, place in parts],
            [members.models[column] for column, _ in parts],
            [f"{members.serials[column]}/{place}" for column, place in parts],
            seed=members.seed,
            start=members.start,
        )
        self._edges = [0] * len(self._groups)
        self._parts = LineLoads.none(len(parts))
        self._first = np.cumsum([0, *(len(load.loads) for load in loads[:-1])])
        self._rows = members.rows
        self._shared = np.array([bool(load.shares) for load in loads])
        self._shares = np.zeros((3, len(loads)))
        for column, load in enumerate(loads):
            self._shares[: len(load.shares), column] = load.shares
        self._noise = np.array([load.noise for load in loads])
        self._noisy = bool(self._noise.any())
        self._scatter = Scatter(members, "sum/")
        self._time = FOREVER

    def apply(self, time: int, loads: LineLoads) -> int:
        """Write the loads valid from `time` [ns] on; return the next edge [ns]."""
        for number, group in enumerate(self._groups):
            if time < self._time or self._edges[number] <= time:
                self._edges[number] = group.apply(time, self._parts)
        self._time = time
        minute = time // _NS_PER_MINUTE
        factor = 1.0 + self._noise * self._scatter.at(minute) if self._noisy else np.ones(len(self._rows))
        self._write(loads, factor)
        return min(*self._edges, (minute + 1) * _NS_PER_MINUTE if self._noisy else FOREVER)

    def _write(self, loads: LineLoads, factor: NDArray[np.float64]) -> None:
        parts = self._parts
        consumed_active, consumed_reactive = parts.consumed()
        loads.active[:, self._rows] = self._share(self._sum(parts.active)) * factor
        loads.reactive[:, self._rows] = self._share(self._sum(parts.reactive)) * factor
        loads.fed_active[:, self._rows] = self._share(self._sum(parts.active - consumed_active)) * factor
        loads.fed_reactive[:, self._rows] = (
            self._share(self._sum(parts.reactive - consumed_reactive)) * factor
        )
        loads.between_active[:, self._rows] = self._sum(parts.between_active) * factor
        loads.between_reactive[:, self._rows] = self._sum(parts.between_reactive) * factor

    def _sum(self, parts: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.add.reduceat(parts, self._first, axis=1)

    def _share(self, lines: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(self._shared, lines.sum(axis=0) * self._shares, lines)
