"""Loads that never change: so many kilowatts over all lines, or so many amperes on and between the lines."""

import cmath
import math
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

from sims.models import Model
from sims.profiles.base import (
    FOREVER,
    LineLoads,
    LoadError,
    LoadSpec,
    Members,
    check_power,
    check_power_factor,
    reactive_ratio,
)

PAIRS: Final = {"l1_l2": (1, 2), "l2_l3": (2, 3), "l3_l1": (3, 1)}
"""The pairs of lines between which a load can hang, in the order of the rows of `LineLoads`."""


@dataclass(frozen=True, slots=True)
class ConstantLoad(LoadSpec):
    """A balanced load of `kw` [kW] in all, negative where it feeds back; a negative power factor leads."""

    kw: float
    power_factor: float = 1.0

    def __post_init__(self) -> None:
        check_power(self.kw * 1e3, "kw")
        check_power_factor(self.power_factor)

    def put(self, model: Model, loads: LineLoads, column: int) -> None:
        """Write the load of a meter of `model` into a column of `loads`."""
        lines = model.elements
        active = self.kw * 1e3 / lines
        loads.active[:lines, column] = active
        loads.reactive[:lines, column] = abs(active) * reactive_ratio(self.power_factor)


@dataclass(frozen=True, slots=True)
class PairCurrent:
    """A current between the lines of `pair`, a key of `PAIRS` [A], at the nominal voltage between them."""

    pair: str
    amps: float
    pf: float = 1.0


@dataclass(frozen=True, slots=True)
class LineCurrents(LoadSpec):
    """A current on each line [A], at the nominal voltage, and its power factor: 1 everywhere unless given.

    `between` are the currents that flow from line to line beside them. A negative power factor leads; 0 is a
    purely reactive, lagging current.
    """

    amps: tuple[float, ...]
    pf: tuple[float, ...] = ()
    between: tuple[PairCurrent, ...] = ()

    def __post_init__(self) -> None:
        for amps, pf in zip_longest(self.amps, self.pf, fillvalue=1.0):
            _check_current(amps, pf)
        if self.pf and len(self.pf) != len(self.amps):
            raise LoadError(f"has {len(self.pf)} values, amps has {len(self.amps)}", key="pf")
        for one in self.between:
            _check_current(one.amps, one.pf, f"between.{one.pair}.")

    def check(self, model: Model) -> None:
        """Raise LoadError unless there is one current for each line of `model`, which can carry them all."""
        if len(self.amps) != model.elements:
            message = (
                f"has {len(self.amps)} values; {model.key} has {model.elements} elements, so give as many"
            )
            raise LoadError(message, key="amps")
        pairs = [pair for pair, lines in PAIRS.items() if model.lines.issuperset(lines)]
        for one in self.between:
            if one.pair not in pairs:
                message = f"{model.key} has no such lines; allowed: {', '.join(pairs) or 'none on one line'}"
                raise LoadError(message, key=f"between.{one.pair}")
            check_power(one.amps * _volts_between(model, one.pair), f"between.{one.pair}.amps")
        check_power(sum(self.amps) * model.voltage.nominal, "amps")

    def put(self, model: Model, loads: LineLoads, column: int) -> None:
        """Write the load of a meter of `model` into a column of `loads`."""
        for line, amps in enumerate(self.amps):
            pf = self.pf[line] if self.pf else 1.0
            active, reactive = _power(amps * model.voltage.nominal, pf)
            loads.active[line, column], loads.reactive[line, column] = active, reactive
        for one in self.between:
            row = list(PAIRS).index(one.pair)
            active, reactive = _power(one.amps * _volts_between(model, one.pair), one.pf)
            loads.between_active[row, column], loads.between_reactive[row, column] = active, reactive


class ConstantGroup:
    """The meters whose load never changes, given either way."""

    def __init__(self, members: Members) -> None:
        self._rows = members.rows
        self._loads = LineLoads.none(len(members.rows))
        for column, (load, model) in enumerate(zip(members.loads, members.models, strict=True)):
            load.put(model, self._loads, column)

    def apply(self, time: int, loads: LineLoads) -> int:  # noqa: ARG002  no time changes it
        """Write the loads, once and for all."""
        loads.active[:, self._rows] = self._loads.active
        loads.reactive[:, self._rows] = self._loads.reactive
        loads.between_active[:, self._rows] = self._loads.between_active
        loads.between_reactive[:, self._rows] = self._loads.between_reactive
        return FOREVER


def _check_current(amps: float, pf: float, place: str = "") -> None:
    """Raise LoadError unless a current can be that."""
    if not 0.0 <= amps < math.inf:
        raise LoadError(f"{amps:g} is not a current from 0 A on", key=f"{place}amps")
    if not -1.0 <= pf <= 1.0:
        raise LoadError(f"{pf:g} is not a power factor from -1 to 1", key=f"{place}pf")


def _volts_between(model: Model, pair: str) -> float:
    """Return the nominal voltage between two lines of `model` [V]."""
    angles = [math.radians(model.service.line_angles[line - 1]) for line in PAIRS[pair]]
    one, other = (cmath.rect(model.voltage.nominal, angle) for angle in angles)
    return abs(one - other)


def _power(apparent: float, pf: float) -> tuple[float, float]:
    """Return the active [W] and reactive [var] power of an apparent one [VA]; a negative `pf` leads."""
    return apparent * abs(pf), apparent * math.copysign(math.sqrt(1.0 - pf**2), pf or 1.0)
