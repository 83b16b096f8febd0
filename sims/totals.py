"""The sums over all meters that the gateway shows as its own points, from one snapshot's columns.

What else the gateway knows of itself, its clock and its traffic, is none of the simulation's business.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sims.points import MJ_PER_WH, POINTS

_QUANTITIES: Final = ("active_power", "demand", "rolling_demand")
_FLAGS: Final = ("powered", "stale", "reverse_phase", "over_current")


def fleet_totals(columns: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the points of the gateway whose names begin with `fleet_`, each of shape (1,), in its unit.

    Energy is summed in the whole Wh that each meter shows, which many meters cannot overflow; what a meter
    never measured counts for nothing.
    """
    totals: dict[str, NDArray[Any]] = {
        f"fleet_{name}": np.nansum(columns[name], keepdims=True) for name in _QUANTITIES
    }
    totals["fleet_energy"] = (columns["energy"] // MJ_PER_WH).sum(keepdims=True)
    for name in _FLAGS:
        raised = columns["flags"] >> np.uint16(POINTS[name].bit or 0) & 1
        totals[f"fleet_{name}"] = raised.sum(keepdims=True, dtype=np.int64)
    return totals
