"""What every kind of load has in common: its specification, the error it raises, what it gives the fleet.

No kind of load is known here, and nothing here reads a file.
"""

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Protocol, Self, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from sims.models import Model

_Key = TypeVar("_Key", bound=Hashable)

FOREVER: Final = 2**63 - 1
"""An edge that never comes [ns]."""

GREATEST_W: Final = 1e8
"""More than any service of these meters carries [W]; up to here float64 holds every microwatt of a load."""

_LEAST_POWER_FACTOR: Final = 0.01
_GREATEST_NOISE: Final = 0.25


class LoadError(ValueError):
    """A load that cannot be: in the file `name` at `line`, or in the field `key` of its specification."""

    def __init__(self, message: str, *, name: str = "", line: int = 0, key: str = "") -> None:
        place = f"{name}:{line}" if name and line else name
        super().__init__(": ".join(part for part in (place, key, message) if part))
        self.message = message
        self.name = name
        self.line = line
        self.key = key


class LoadSpec:
    """What one meter's load is; each kind of load derives a frozen dataclass from it."""

    __slots__ = ()

    def check(self, model: Model) -> None:
        """Raise LoadError where this load cannot be connected to `model`."""


@dataclass(slots=True)
class LineLoads:
    """Loads of every meter's lines, as they would draw at the nominal voltage.

    `active` [W] and `reactive` [var, lagging positive] are of each line to neutral, shape (3, n_meters);
    `between_active` and `between_reactive` those between lines 1 and 2, 2 and 3, 3 and 1. Lines that a
    service lacks stay 0. `fed_active` and `fed_reactive` are what of `active` and `reactive` comes from
    sources that stand beside consumers on the line; what is nothing but a source needs no mention there.
    """

    active: NDArray[np.float64]
    reactive: NDArray[np.float64]
    between_active: NDArray[np.float64]
    between_reactive: NDArray[np.float64]
    fed_active: NDArray[np.float64]
    fed_reactive: NDArray[np.float64]

    @classmethod
    def none(cls, meters: int) -> Self:
        """Return loads of so many meters that draw nothing."""
        return cls(*np.zeros((6, 3, meters)))

    def without(self, row: int) -> Self:
        """Return the same loads in arrays of their own, but for the meter in `row`, which draws nothing."""
        loads = np.array([getattr(self, field.name) for field in fields(self)])
        loads[..., row] = 0.0
        return type(self)(*loads)

    def consumed(
        self, columns: NDArray[np.intp] | slice = slice(None)
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what is left of `active` and `reactive` where all sources are off, of these meters."""
        active = self.active[:, columns] - self.fed_active[:, columns]
        reactive = self.reactive[:, columns] - self.fed_reactive[:, columns]
        source = active < 0.0
        return np.where(source, 0.0, active), np.where(source, 0.0, reactive)


class LoadGroup(Protocol):
    """All the meters whose load is of one kind, in one set of arrays."""

    def apply(self, time: int, loads: LineLoads) -> int:
        """Write the loads valid from `time` [ns] on into this group's rows; return the next edge [ns].

        The loads depend on `time` alone, not on earlier calls, and stay as they are until the edge, which is
        later than `time`. Rows of other groups are not touched.
        """


BuildGroups: TypeAlias = Callable[..., list[LoadGroup]]
"""What makes groups of loads, models and serial numbers: `profiles.build_groups`."""


@dataclass(frozen=True, slots=True)
class Members:
    """The meters of one group: their `rows` among all meters, shape (k,), and for each its load and identity.

    `start` is the instant at which the clock of the simulation began [ns], whenever the group is made;
    `build` makes the groups of the loads that a load is made of.
    """

    rows: NDArray[np.int64]
    loads: Sequence[Any]
    models: Sequence[Model]
    serials: Sequence[str]
    seed: int
    start: int
    build: BuildGroups

    def shares(self) -> NDArray[np.float64]:
        """Return the share of a balanced load on each line, shape (3, k); 0 on lines that a model lacks."""
        elements = np.array([model.elements for model in self.models])
        return np.where(np.arange(3)[:, np.newaxis] < elements, 1.0 / elements, 0.0)


class Balance:
    """Writes loads in all as balanced ones, each with the power factor that its specification has."""

    def __init__(self, members: Members) -> None:
        self._rows = members.rows
        self._active = members.shares()
        self._reactive = self._active * [reactive_ratio(load.power_factor) for load in members.loads]

    def write(self, watts: NDArray[np.floating], loads: LineLoads) -> None:
        """Write `watts`, the load of each member in all [W], shape (k,), into the rows of the group."""
        _write(loads.active, self._rows, watts * self._active)
        _write(loads.reactive, self._rows, np.abs(watts) * self._reactive)


def _write(lines: NDArray[np.float64], rows: NDArray[np.int64], values: NDArray[np.float64]) -> None:
    """Set the columns `rows` of all lines; line by line, which numpy does three times as fast as at once."""
    for line, of_line in zip(lines, values, strict=True):
        line[rows] = of_line


def numbered(keys: Sequence[_Key]) -> tuple[list[_Key], NDArray[np.int64]]:
    """Return the different ones among `keys`, and for each key which of them it is, shape (len(keys),)."""
    different = list(dict.fromkeys(keys))
    numbers = {key: number for number, key in enumerate(different)}
    return different, np.array([numbers[key] for key in keys], np.int64)


def reactive_ratio(power_factor: float) -> float:
    """Return the reactive power of 1 W at `power_factor` [var]; a negative (leading) one gives a negative."""
    return math.copysign(math.sqrt(1.0 - power_factor**2), power_factor) / abs(power_factor)


def check_power_factor(power_factor: float) -> None:
    """Raise LoadError unless a load given by its active power can have this power factor."""
    if not _LEAST_POWER_FACTOR <= abs(power_factor) <= 1.0:
        raise LoadError(
            f"{power_factor:g} is not a power factor from {_LEAST_POWER_FACTOR:g} to 1, lagging, "
            f"or from -1 to -{_LEAST_POWER_FACTOR:g}, leading",
            key="power_factor",
        )


def check_power(watts: float, key: str) -> None:
    """Raise LoadError unless `watts` is a number that a service can carry."""
    if not abs(watts) <= GREATEST_W:
        raise LoadError(f"more than {GREATEST_W / 1e3:g} kW, or not a number", key=key)


def check_annual_kwh(annual_kwh: float) -> None:
    """Raise LoadError unless `annual_kwh` is the energy of a year [kWh] that a service can carry."""
    if not 0.0 <= annual_kwh <= GREATEST_W:
        message = f"{annual_kwh:g} is not an energy from 0 to {GREATEST_W:g} kWh a year"
        raise LoadError(message, key="annual_kwh")


def check_noise(noise: float) -> None:
    """Raise LoadError unless loads can be scattered by this part of themselves."""
    if not 0.0 <= noise <= _GREATEST_NOISE:
        raise LoadError(f"{noise:g} is not a part from 0 to {_GREATEST_NOISE:g}", key="noise")


def check_choice(value: str, allowed: Sequence[str], key: str) -> None:
    """Raise LoadError unless `value` is one of `allowed`."""
    if value not in allowed:
        raise LoadError(f"{value!r} is none of {', '.join(allowed)}", key=key)
