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
Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]

PAIRS: Final = ((0, 1), (1, 2), (2, 0))
"""The lines between which loads can hang, as rows of (3, n_meters)."""

_NEUTRAL: Final = 3
_NODES: Final = 4
_LEAKAGE: Final = 1e-10
"""Ties every line to the neutral and that to earth, so that every node has a potential: of all that hangs.

It moves a potential by less than the model's resolution, and leaves six digits to one that it alone decides.
"""
_LEAST_LEAKAGE: Final = 1e-13
"""The same where nothing hangs [S]."""
_HIGHEST: Final = 3.0
"""Of the highest nominal voltage: more than a lost neutral can make of it, short of a resonance."""


@dataclass(frozen=True, slots=True)
class Supply:
    """What one meter's service is given from upstream.

    `volts` are the voltages of its lines to the source's neutral [V], None where they are nominal; `lost` the
    lines (1-3) that are dead, `neutral_lost` whether the neutral is.
    """

    volts: tuple[float, ...] | None = None
    lost: frozenset[int] = frozenset()
    neutral_lost: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """Voltage of each line to the meter's neutral [V] and the current it carries [A], shape (3, n_meters)."""

    voltage: Complex
    current: Complex


class Network:
    """The services of all meters between source and load.

    `nominal` are the phasors of the lines [V], shape (3, n_meters), 0 where a service lacks a line;
    `supplies` is what each meter's service is given.
    """

    def __init__(self, nominal: Complex, supplies: Sequence[Supply]) -> None:
        self._nominal = nominal
        self._present = np.abs(nominal) > 0
        self._per_va = _inverse_square(nominal)
        self._between_per_va = _inverse_square(np.stack([nominal[a] - nominal[b] for a, b in PAIRS]))
        self._volts = nominal.copy()
        self._held: Booleans = np.ones((_NODES, len(supplies)), np.bool_)
        for meter, supply in enumerate(supplies):
            self.set(meter, supply)

    def set(self, meter: int, supply: Supply) -> None:
        """Change what the meter at index `meter` is given."""
        self._volts[:, meter] = self._nominal[:, meter]
        for line, volts in enumerate(supply.volts or ()):
            phasor = self._nominal[line, meter]
            self._volts[line, meter] = phasor * (volts / abs(phasor))
        for line in range(_NEUTRAL):
            self._held[line, meter] = line + 1 not in supply.lost or not self._present[line, meter]
        self._held[_NEUTRAL, meter] = not supply.neutral_lost
        self._faulty = np.flatnonzero(~self._held.all(axis=0))

    def solve(self, loads: LineLoads) -> Lines:
        """Return voltages and currents of all meters' lines with these loads."""
        to_neutral = _admittances(loads.active, loads.reactive, self._per_va)
        between: Complex | None = None
        if loads.between_active.any() or loads.between_reactive.any():
            between = _admittances(loads.between_active, loads.between_reactive, self._between_per_va)
        voltage = self._volts
        if self._faulty.size:
            # Inverters switch off where a line or the neutral is lost; what consumes stays.
            consumed = loads.consumed(self._faulty)
            to_neutral[:, self._faulty] = _admittances(*consumed, self._per_va[:, self._faulty])
            voltage = voltage.copy()
            nodes = self._nodes(to_neutral, between)
            voltage[:, self._faulty] = self._bounded(nodes[:_NEUTRAL] - nodes[_NEUTRAL])
        current = np.multiply(to_neutral, voltage, out=to_neutral)
        if between is not None:
            for pair, (a, b) in enumerate(PAIRS):
                flow = between[pair] * (voltage[a] - voltage[b])
                current[a] += flow
                current[b] -= flow
        return Lines(voltage, current)

    def _bounded(self, voltage: Complex) -> Complex:
        """Return voltages of the faulty meters no higher than what a service without resonance can have."""
        limit = _HIGHEST * np.abs(self._nominal[:, self._faulty]).max(axis=0)
        magnitude = np.abs(voltage)
        return np.asarray(
            voltage * np.divide(limit, magnitude, out=np.ones_like(magnitude), where=magnitude > limit)
        )

    def _nodes(self, to_neutral: Complex, between: Complex | None) -> Complex:
        """Return the potentials of the lines and the neutral of the faulty meters [V], shape (4, n).

        Nodal analysis: the source holds its nodes at their voltages; into every other node flows as much as
        out of it.
        """
        meters = self._faulty
        equations = np.zeros((len(meters), _NODES, _NODES), np.complex128)
        hanging = np.abs(to_neutral[:, meters]).sum(axis=0)
        if between is not None:
            hanging += np.abs(between[:, meters]).sum(axis=0)
        leakage = np.maximum(_LEAKAGE * hanging, _LEAST_LEAKAGE)
        ties = to_neutral[:, meters] + leakage * self._present[:, meters]
        for line in range(_NEUTRAL):
            _connect(equations, line, _NEUTRAL, ties[line])
        if between is not None:
            for pair, (a, b) in enumerate(PAIRS):
                _connect(equations, a, b, between[pair, meters])
        equations[:, _NEUTRAL, _NEUTRAL] += leakage
        held = self._held[:, meters].T
        known = np.zeros((len(meters), _NODES), np.complex128)
        known[:, :_NEUTRAL] = self._volts[:, meters].T
        equations[held] = np.eye(_NODES)[np.nonzero(held)[1]]
        known[~held] = 0.0
        return np.asarray(np.linalg.solve(equations, known[..., np.newaxis])[..., 0].T)


def _connect(equations: Complex, one: int, other: int, siemens: Complex) -> None:
    """Put an admittance between two nodes."""
    equations[:, one, one] += siemens
    equations[:, other, other] += siemens
    equations[:, one, other] -= siemens
    equations[:, other, one] -= siemens


def _admittances(active: Floats, reactive: Floats, per_va: Floats) -> Complex:
    """Return the admittances that draw so much [W, var] where 1 VA takes `per_va` [S]."""
    siemens = np.empty(active.shape, np.complex128)
    siemens.real = active * per_va
    siemens.imag = reactive * -per_va
    return siemens


def _inverse_square(volts: Complex) -> Floats:
    """Return 1/|V|², the admittance of 1 VA [S], and 0 where there is no voltage."""
    square = volts.real**2 + volts.imag**2
    return np.divide(1.0, square, out=np.zeros_like(square), where=square > 0)
