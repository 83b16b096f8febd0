"""How a meter is wired: on which line each CT sits and each voltage terminal hangs, right or wrong.

Only data, and the arrays that the electrical model gathers from it. What a wiring does to the readings is
the business of `sims.electrical`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray


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
    """All inputs of one meter, element 1 first."""

    cts: tuple[CtInput, ...]
    voltages: tuple[VoltageInput, ...]

    @classmethod
    def correct(cls, elements: int) -> Self:
        """Return the wiring of the hook-up diagrams: CT k and voltage terminal k on line k."""
        lines = range(1, elements + 1)
        return cls(tuple(CtInput(k) for k in lines), tuple(VoltageInput(k) for k in lines))


class WiringArrays:
    """The wirings of all meters as the electrical model gathers from them; every array is (3, n_meters).

    `ct_line` and `voltage_line` are row indices 0-2 of the lines. `ct_factor` is polarity times ratio, 0
    where the CT is open or absent; `voltage_factor` is 1, or 0 where the lead is open or the terminal absent.
    """

    def __init__(self, wirings: Sequence[Wiring]) -> None:
        shape = (3, len(wirings))
        self.ct_line: NDArray[np.intp] = np.zeros(shape, np.intp)
        self.ct_factor: NDArray[np.float64] = np.zeros(shape)
        self.voltage_line: NDArray[np.intp] = np.zeros(shape, np.intp)
        self.voltage_factor: NDArray[np.float64] = np.zeros(shape)
        for meter, wiring in enumerate(wirings):
            self.set(meter, wiring)

    def set(self, meter: int, wiring: Wiring) -> None:
        """Rewire the meter at index `meter`."""
        for k, ct in enumerate(wiring.cts):
            self.ct_line[k, meter] = ct.line - 1
            polarity = 1.0 if ct.reversed == ct.exchanged else -1.0
            self.ct_factor[k, meter] = 0.0 if ct.open else polarity * ct.ratio
        for k, terminal in enumerate(wiring.voltages):
            self.voltage_line[k, meter] = terminal.line - 1
            self.voltage_factor[k, meter] = 0.0 if terminal.open else 1.0
