"""The service between source and meter: what voltage each line has and what current it carries.

Lines, neutral and loads are nodes and admittances. A lost line or neutral is a node that the source does not
hold; its potential follows from the loads that hang on it, so no combination of losses is a special case.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sims.profiles.base import LineLoads

Complex = NDArray[np.complex128]
Booleans = NDArray[np.bool_]

PAIRS: Final = ((0, 1), (1, 2), (2, 0))
"""The lines between which loads can hang, as rows of (3, n_meters)."""

_NEUTRAL: Final = 3
_NODES: Final = 4
_LEAKAGE: Final = 1e-13
"""Ties every line to the neutral and that to earth [S]: a node on which nothing hangs has a potential too."""


@dataclass(frozen=True, slots=True)
class Supply:
    """What one meter's service is given from upstream.

    `volts` are the voltages of its lines to the source's neutral [V], None where they are nominal; `lost` the
    lines (1-3) that are dead, `neutral_lost` whether the neutral is.
    """

    volts: tuple[float, ...] | None = None
    lost: frozenset[int] = frozenset()
    neutral_lost: bool = False


class Source:
    """What upstream gives all meters' services, whose nominal phasors are `nominal` [V], shape (3, n_meters).

    `volts` are the phasors of the lines to the source's neutral [V] and `held` is false where a line is lost,
    same shape; `neutral` is false where the neutral is lost, shape (n_meters,).
    """

    def __init__(self, nominal: Complex, supplies: Sequence[Supply]) -> None:
        self._nominal = nominal
        self.volts = nominal.copy()
        self.held: Booleans = np.ones(nominal.shape, np.bool_)
        self.neutral: Booleans = np.ones(len(supplies), np.bool_)
        for meter, supply in enumerate(supplies):
            self.set(meter, supply)

    def set(self, meter: int, supply: Supply) -> None:
        """Change what the meter at index `meter` is given."""
        self.volts[:, meter] = self._nominal[:, meter]
        for line, volts in enumerate(supply.volts or ()):
            phasor = self._nominal[line, meter]
            self.volts[line, meter] = phasor * (volts / abs(phasor))
        for line in range(3):
            self.held[line, meter] = line + 1 not in supply.lost
        self.neutral[meter] = not supply.neutral_lost


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """Voltage of each line to the meter's neutral [V] and the current it carries [A], shape (3, n_meters)."""

    voltage: Complex
    current: Complex


class Admittances:
    """Loads as admittances [S], shape (3, n_meters): of each line to neutral, and of each of `PAIRS`."""

    def __init__(self, loads: LineLoads, nominal: Complex) -> None:
        between = np.stack([nominal[a] - nominal[b] for a, b in PAIRS])
        self.to_neutral = _siemens(loads.active, loads.reactive, nominal)
        self.between = _siemens(loads.between_active, loads.between_reactive, between)


def solve(source: Source, loads: Admittances) -> Lines:
    """Return voltages and currents of all meters' lines."""
    potential = source.volts
    neutral = np.zeros(len(source.neutral), np.complex128)
    faulty = np.flatnonzero(~(source.held.all(axis=0) & source.neutral))
    if faulty.size:
        potential = potential.copy()
        solved = _nodes(source, loads, faulty)
        potential[:, faulty] = solved[:_NEUTRAL]
        neutral[faulty] = solved[_NEUTRAL]
    current = loads.to_neutral * (potential - neutral)
    for pair, (a, b) in enumerate(PAIRS):
        between = loads.between[pair] * (potential[a] - potential[b])
        current[a] += between
        current[b] -= between
    return Lines(potential - neutral, current)


def _nodes(source: Source, loads: Admittances, meters: NDArray[np.intp]) -> Complex:
    """Return the potentials of the three lines and the neutral of `meters` [V], shape (4, n).

    Nodal analysis: the source holds its nodes at their voltages; into every other node flows as much as out.
    """
    equations = np.zeros((len(meters), _NODES, _NODES), np.complex128)
    for line in range(_NEUTRAL):
        _connect(equations, line, _NEUTRAL, loads.to_neutral[line, meters] + _LEAKAGE)
    for pair, (a, b) in enumerate(PAIRS):
        _connect(equations, a, b, loads.between[pair, meters])
    equations[:, _NEUTRAL, _NEUTRAL] += _LEAKAGE
    held = np.vstack([source.held[:, meters], source.neutral[meters]]).T
    volts = np.zeros((len(meters), _NODES), np.complex128)
    volts[:, :_NEUTRAL] = source.volts[:, meters].T
    equations[held] = np.eye(_NODES)[np.nonzero(held)[1]]
    known = np.where(held, volts, 0.0)
    return np.asarray(np.linalg.solve(equations, known[..., np.newaxis])[..., 0].T)


def _connect(equations: Complex, one: int, other: int, siemens: Complex) -> None:
    """Put an admittance between two nodes."""
    equations[:, one, one] += siemens
    equations[:, other, other] += siemens
    equations[:, one, other] -= siemens
    equations[:, other, one] -= siemens


def _siemens(active: NDArray[np.float64], reactive: NDArray[np.float64], volts: Complex) -> Complex:
    """Return the admittances that draw these powers [W, var] at `volts`; 0 where there is no voltage."""
    square = volts.real**2 + volts.imag**2
    return np.divide(active - 1j * reactive, square, out=np.zeros_like(volts), where=square > 0)
