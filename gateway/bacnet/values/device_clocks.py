"""The clocks of the meters' devices, which clients can set.

They go with simulated time, each at its own distance from it. Nothing else follows them but the time stamps
of alarms: meters, demand and logs keep simulated time.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


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
