"""The clocks of the meters' devices, which clients can set.

They go with simulated time, each at its own distance from it. Nothing else follows them but the time stamps
of alarms: meters, demand and logs keep simulated time.
"""

import numpy as np
from numpy.typing import NDArray


class DeviceClocks:
    """How far the clocks of `meters` meters are from simulated time."""

    def __init__(self, meters: int) -> None:
        self.offsets: NDArray[np.int64] = np.zeros(meters, np.int64)
        """What is to be added to simulated time [ns], shape (n_meters,)."""

    def set(self, row: int, instant: int, now: int) -> None:
        """Let a meter's clock show `instant` where simulated time is `now` [ns since 1970]."""
        self.offsets[row] = instant - now
