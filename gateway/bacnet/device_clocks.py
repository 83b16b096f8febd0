"""The clocks of the meters' devices, which clients can set (clauses 16.7 and 16.8).

They go with simulated time, each at its own distance from it. Nothing else follows them but the time stamps
of alarms: meters, demand and logs keep simulated time.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.bacnet.apdu import UNCONFIRMED_REQUEST
from gateway.bacnet.codes import Unconfirmed
from gateway.bacnet.encoding import Reader
from gateway.bacnet.instants import read_date_time

SYNCHRONIZATIONS: Final = frozenset(
    bytes((UNCONFIRMED_REQUEST, service))
    for service in (Unconfirmed.TIME_SYNCHRONIZATION, Unconfirmed.UTC_TIME_SYNCHRONIZATION)
)
"""How the unconfirmed requests begin that set clocks."""


class DeviceClocks:
    """How far the clocks of `meters` meters are from simulated time."""

    def __init__(self, meters: int) -> None:
        self.offsets: NDArray[np.int64] = np.zeros(meters, np.int64)
        """What is to be added to simulated time [ns], shape (n_meters,)."""

    def set(self, rows: Sequence[int], instant: int, now: NDArray[np.int64]) -> None:
        """Let the clocks of the meters in `rows` show `instant` where simulated time is `now` [ns].

        `now` is that of all meters, shape (n_meters,).
        """
        at = np.array(rows, np.intp)
        self.offsets[at] = instant - now[at]


def read_synchronization(apdu: bytes) -> int:
    """Read TimeSynchronization or its UTC form [ns since 1970]. Raises RejectError.

    Devices are at UTC (utc-offset 0), so both say the same.
    """
    reader = Reader(apdu, 2)
    instant = read_date_time(reader)
    reader.finish()
    return instant
