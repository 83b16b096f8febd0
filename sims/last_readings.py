"""What the meters show of what they measure: meters without supply go on to show what they measured last.

What is counted over time is no reading; nothing here knows time.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sims import diagnostics
from sims.circuits import Circuits
from sims.electrical import Measurement


class LastReadings:
    """The latest readings of the meters of `circuits`, by point: `columns`, `flags`, each (n_meters,).

    They are brought up to date when somebody asks, not with each measurement.
    """

    def __init__(self, circuits: Circuits) -> None:
        self.columns: Mapping[str, NDArray[Any]] = {}
        self.flags: Mapping[str, NDArray[np.bool_]] = {}
        self._circuits = circuits
        self._measurement: Measurement | None = None

    def adopt(self, measurement: Measurement) -> None:
        """Let this be what the meters measure from now on."""
        self._measurement = measurement

    def update(self, powered: NDArray[np.bool_]) -> None:
        """Bring the readings of all meters that have power to what they measure now."""
        if not self._measurement:
            return
        columns = self._circuits.points(self._measurement)
        flags = self._circuits.flags(self._measurement)
        if (off := np.flatnonzero(~powered)).size:
            _keep(columns, self.columns, off, np.nan)
            _keep({name: flags[name] for name in flags.keys() - diagnostics.SUPPLY}, self.flags, off, False)
        self.columns, self.flags = columns, flags
        self._measurement = None


def _keep(
    columns: Mapping[str, NDArray[Any]],
    before: Mapping[str, NDArray[Any]],
    rows: NDArray[np.intp],
    never: float,
) -> None:
    """Let the meters in `rows` show in `columns` what they showed before, or `never` if they never did."""
    for name, column in columns.items():
        column[rows] = before[name][rows] if before else never
