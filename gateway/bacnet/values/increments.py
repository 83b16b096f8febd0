"""The COV increments of the meters' analog inputs: how much a value must change to be worth a notification.

Kept for each meter and object, in an array; who may set them is decided elsewhere.
"""

import math
from typing import Final

import numpy as np

from gateway.bacnet.wire import encoding as enc
from gateway.bacnet.wire.octets import real_octets
from sims.points import POINTS, Kind

REALS: Final = tuple(
    point.name for point in POINTS.values() if point.kind is Kind.INSTANT or point.name == "energy"
)
"""The points that analog inputs show."""

_DEFAULTS: Final = {
    "kWh": 1.0,
    "kW": 0.1,
    "kvar": 0.1,
    "kVA": 0.1,
    "V": 1.0,
    "A": 0.5,
    "Hz": 0.05,
    "°C": 0.5,
    "": 0.01,
}
"""The increment that an analog input begins with, by the shown unit of its point."""


class Increments:
    """The increments of `meters` meters; `octets` are REALs in the order of `REALS`."""

    def __init__(self, meters: int) -> None:
        first = np.array([_DEFAULTS[POINTS[name].shown_unit] for name in REALS])
        self.octets = np.tile(real_octets(first), (meters, 1, 1))
        """Shape (n_meters, len(REALS), 5)."""

    def set(self, row: int, point: str, increment: float) -> None:
        """Set the increment of a point of the meter in `row`, in the point's shown unit."""
        self.octets[row, REALS.index(point)] = real_octets(np.array(increment))


def read_increment(octets: bytes) -> float | None:
    """Return the increment that is the content of a REAL; None if it can be none. Raises RejectError."""
    increment = enc.read_real(octets)
    return increment if 0 <= increment < math.inf else None
