"""One frozen reading of every point of every meter: what `Fleet.step` returns and every adapter shows.

Nothing here can change after it is made; an adapter that wants another figure asks for another tick.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sims.points import NS_PER_S, POINTS, Kind

INTERVAL: Final = 300 * NS_PER_S
"""Length of a demand interval [ns] (manual 2.3.1)."""

SCREENS: Final = ("blank", "total", "instantaneous", "peak", "test")
"""The LCD's screens in the order of `lcd_screen`."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A step of simulated time: its number and the instant at which it ends [ns since 1970 UTC].

    `regular` is the simulated time from one tick that comes by itself to the next [ns], 0 where none does.
    """

    number: int
    time: int
    regular: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class DemandInterval:
    """A closed 5-minute demand interval of each of the meters in `rows`, every one of them once.

    `rows` are indices into the columns of the snapshot, shape (k,); all others have that shape, too. `end` is
    when each interval closed [ns since 1970 UTC], in the order of time, and `sequence` counts the intervals
    of each meter from 1, over restarts where memories are kept. `demand` and `rolling_demand` [W] and
    `energy` [mJ], the reading, are as of `end`.
    """

    rows: NDArray[np.int64]
    end: NDArray[np.int64]
    sequence: NDArray[np.int64]
    demand: NDArray[np.float64]
    rolling_demand: NDArray[np.float64]
    energy: NDArray[np.int64]

    @property
    def start(self) -> NDArray[np.int64]:
        """When each interval began [ns since 1970 UTC]."""
        return self.end - INTERVAL


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
    that closed since the snapshot before: none in an entry closed later than any in the next one, and those
    of one instant are in one. `pulse_hubs` holds an array of shape (n_pulse_hubs,) for every point of the
    pulse hubs that is not on their nameplate, where there are any.
    """

    tick: Tick
    columns: Mapping[str, NDArray[Any]]
    intervals: tuple[DemandInterval, ...] = ()
    pulse_hubs: Mapping[str, NDArray[Any]] = field(default_factory=dict)

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
