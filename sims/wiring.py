"""How a meter is wired: on which line each CT sits and each voltage terminal hangs, right or wrong.

Only data, and the arrays that the electrical model gathers from it. What a wiring does to the readings is
the business of `sims.electrical`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

Complex: TypeAlias = NDArray[np.complex128]


@dataclass(frozen=True, slots=True)
class CtInput:
    """The CT at one element: the line it sits on (1-3), its direction, its ratio and whether it is open.

    `ratio` is its secondary current over that of the right CT. `exchanged` leads, X1 on X2, turn the current
    as much as a CT that is `reversed` on its line; both together cancel (R18).
    """

    line: int
    reversed: bool = False
    ratio: float = 1.0
    open: bool = False
    exchanged: bool = False


@dataclass(frozen=True, slots=True)
class VoltageInput:
    """The voltage terminal of one element: the line (1-3) its lead comes from, and whether it is open."""

    line: int
    open: bool = False


@dataclass(frozen=True, slots=True)
class Wiring:
    """All inputs of one meter, element 1 first, and whether its terminal N is open.

    All voltages are measured against terminal N, so none is left where it is open, and the meter is off (R2).
    """

    cts: tuple[CtInput, ...]
    voltages: tuple[VoltageInput, ...]
    neutral_open: bool = False

    @classmethod
    def correct(cls, elements: int) -> Self:
        """Return the wiring of the hook-up diagrams: CT k and voltage terminal k on line k."""
        lines = range(1, elements + 1)
        return cls(tuple(CtInput(k) for k in lines), tuple(VoltageInput(k) for k in lines))


class WiringArrays:
    """The wirings of all meters, as what reaches the elements from the lines; arrays are (3, n_meters).

    A CT delivers the current of its line times polarity and ratio, 0 where it is open or absent; a terminal
    has the voltage of its line, 0 where its lead or that of terminal N is open, or it is absent.
    """

    def __init__(self, wirings: Sequence[Wiring]) -> None:
        self._meters = len(wirings)
        shape = (3, self._meters)
        # Where in the flattened lines each element finds its own, and what it makes of it.
        self._ct_at = np.zeros(shape, np.intp)
        self._ct_factor = np.zeros(shape)
        self._voltage_at = np.zeros(shape, np.intp)
        self._voltage_factor = np.zeros(shape)
        for meter, wiring in enumerate(wirings):
            self.set(meter, wiring)

    def set(self, meter: int, wiring: Wiring) -> None:
        """Rewire the meter at index `meter`."""
        self._ct_factor[:, meter] = self._voltage_factor[:, meter] = 0.0
        self._ct_at[:, meter] = self._voltage_at[:, meter] = 0
        for k, ct in enumerate(wiring.cts):
            self._ct_at[k, meter] = (ct.line - 1) * self._meters + meter
            polarity = 1.0 if ct.reversed == ct.exchanged else -1.0
            self._ct_factor[k, meter] = 0.0 if ct.open else polarity * ct.ratio
        for k, terminal in enumerate(wiring.voltages):
            self._voltage_at[k, meter] = (terminal.line - 1) * self._meters + meter
            self._voltage_factor[k, meter] = 0.0 if terminal.open or wiring.neutral_open else 1.0

    def currents(self, lines: Complex) -> Complex:
        """Return what the CTs deliver of the currents of the lines [A]."""
        delivered = lines.take(self._ct_at)
        delivered *= self._ct_factor
        return delivered

    def voltages(self, lines: Complex) -> Complex:
        """Return what the terminals have of the voltages of the lines [V]."""
        reached = lines.take(self._voltage_at)
        reached *= self._voltage_factor
        return reached
