"""The clocks of the meters' devices, which clients can set (clauses 16.7 and 16.10).

They go with simulated time, each at its own distance from it. Nothing else follows them but the time stamps
of alarms: meters, demand and logs keep simulated time.
"""

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

    def set(self, row: int, instant: int, now: int) -> None:
        """Let a meter's clock show `instant` where simulated time is `now` [ns since 1970]."""
        self.offsets[row] = instant - now


def read_synchronization(apdu: bytes) -> int:
    """Read TimeSynchronization or its UTC form [ns since 1970]. Raises RejectError.

    Devices are at UTC (utc-offset 0), so both say the same.
    """
    reader = Reader(apdu, 2)
    instant = read_date_time(reader)
    reader.finish()
    return instant
