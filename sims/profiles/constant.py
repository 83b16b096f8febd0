"""Loads that never change: so many kilowatts over all lines, or so many amperes on each."""

import math
from dataclasses import dataclass

import numpy as np

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


@dataclass(frozen=True, slots=True)
class ConstantLoad(LoadSpec):
    """A balanced load of `kw` [kW] in all, negative where it feeds back; a negative power factor leads."""

    kw: float
    power_factor: float = 1.0

    def __post_init__(self) -> None:
        check_power(self.kw * 1e3, "kw")
        check_power_factor(self.power_factor)

    def lines(self, model: Model) -> tuple[list[float], list[float]]:
        """Return active [W] and reactive [var] power of each line of `model`."""
        active = self.kw * 1e3 / model.elements
        return [active] * model.elements, [abs(active) * reactive_ratio(self.power_factor)] * model.elements


@dataclass(frozen=True, slots=True)
class LineCurrents(LoadSpec):
    """A current on each line [A], at the nominal voltage, and its power factor: 1 everywhere unless given.

    A negative power factor leads; 0 is a purely reactive, lagging current.
    """

    amps: tuple[float, ...]
    pf: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for amps in self.amps:
            if not 0.0 <= amps < math.inf:
                raise LoadError(f"{amps:g} is not a current from 0 A on", key="amps")
        for pf in self.pf:
            if not -1.0 <= pf <= 1.0:
                raise LoadError(f"{pf:g} is not a power factor from -1 to 1", key="pf")
        if self.pf and len(self.pf) != len(self.amps):
            raise LoadError(f"has {len(self.pf)} values, amps has {len(self.amps)}", key="pf")

    def check(self, model: Model) -> None:
        """Raise LoadError unless there is one current for each line of `model`, which can carry it."""
        if len(self.amps) != model.elements:
            message = (
                f"has {len(self.amps)} values; {model.key} has {model.elements} elements, so give as many"
            )
            raise LoadError(message, key="amps")
        check_power(sum(self.amps) * model.voltage.nominal, "amps")

    def lines(self, model: Model) -> tuple[list[float], list[float]]:
        """Return active [W] and reactive [var] power of each line of `model`."""
        factors = self.pf or (1.0,) * len(self.amps)
        apparent = [amps * model.voltage.nominal for amps in self.amps]
        active = [va * abs(pf) for va, pf in zip(apparent, factors, strict=True)]
        reactive = [
            va * math.copysign(math.sqrt(1.0 - pf**2), pf or 1.0)
            for va, pf in zip(apparent, factors, strict=True)
        ]
        return active, reactive


class ConstantGroup:
    """The meters whose load never changes, given either way."""

    def __init__(self, members: Members) -> None:
        self._rows = members.rows
        self._active = np.zeros((3, len(members.rows)))
        self._reactive = np.zeros_like(self._active)
        for column, (load, model) in enumerate(zip(members.loads, members.models, strict=True)):
            active, reactive = load.lines(model)
            self._active[: model.elements, column] = active
            self._reactive[: model.elements, column] = reactive

    def apply(self, time: int, loads: LineLoads) -> int:  # noqa: ARG002  no time changes it
        """Write the loads, once and for all."""
        loads.active[:, self._rows] = self._active
        loads.reactive[:, self._rows] = self._reactive
        return FOREVER
