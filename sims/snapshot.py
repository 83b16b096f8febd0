"""One frozen reading of every point of every meter: what `Fleet.step` returns and every adapter shows.

Nothing here can change after it is made; an adapter that wants another figure asks for another tick.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sims.points import POINTS, Kind

SCREENS: Final = ("blank", "total", "instantaneous", "peak", "test")
"""The LCD's screens in the order of `lcd_screen`."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A step of simulated time: its number and the instant at which it ends [ns since 1970 UTC]."""

    number: int
    time: int


@dataclass(frozen=True, slots=True, eq=False)
class DemandInterval:
    """A 5-minute demand interval that closed at `end` [ns since 1970 UTC] on the meters in `rows`.

    `rows` are indices into the columns of the snapshot, shape (k,). `sequence` counts the closed intervals of
    each meter from 1. `demand` and `rolling_demand` [W] and `energy` [mJ], the reading at `end`, have the
    shape of `rows`.
    """

    start: int
    end: int
    rows: NDArray[np.int64]
    sequence: NDArray[np.int64]
    demand: NDArray[np.float64]
    rolling_demand: NDArray[np.float64]
    energy: NDArray[np.int64]


def frozen(columns: dict[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
    """Return columns that nobody can change any more."""
    for column in columns.values():
        column.setflags(write=False)
    return MappingProxyType(columns)


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """All points of all meters at the end of one tick.

    `columns` holds an array of shape (n_meters,) for every point that is neither a flag nor on the nameplate,
    in the unit of `sims.points`; a quantity that a model lacks is NaN. `intervals` are the demand intervals
    that closed since the snapshot before, oldest first. `hubs` holds an array of shape (n_hubs,) for every
    point of the pulse hubs that is not on their nameplate, where there are any.
    """

    tick: Tick
    columns: Mapping[str, NDArray[Any]]
    intervals: tuple[DemandInterval, ...] = ()
    hubs: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    @property
    def meters(self) -> int:
        """How many meters there are."""
        return len(self.columns["flags"])

    def column(self, name: str) -> NDArray[Any]:
        """Return the values of a point or a flag, shape (n_meters,), in the point's unit; flags are bool.

        Raises KeyError if no such point is in a snapshot.
        """
        point = POINTS[name]
        if point.kind is Kind.FLAG:
            return np.asarray((self.columns["flags"] >> point.bit) & 1, dtype=np.bool_)
        return self.columns[name]
