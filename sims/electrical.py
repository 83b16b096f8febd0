"""The phasor model: lines and wiring in, what each element measures out, for all meters at once.

Load convention: import positive, lagging reactive power positive. What the lines carry comes from `network`.
Nothing here has a memory; accumulators and flags live elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, radians, sin
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sims.accuracy import ErrorArrays
from sims.models import Model
from sims.network import PAIRS, Lines
from sims.wiring import WiringArrays

SATURATION: Final = 1.20
"""Of the rated current: the secondary saturates at 0.12 A of 0.1 A (tables 1 and 2)."""

STARTING: Final = 0.001
"""Of the rated current: with less on every element nothing registers (meter.md R17)."""

GREATEST_REGISTERED: Final = 1e9
"""The most that registers [W], far beyond what saturated CTs and a bounded voltage can come to."""

Complex: TypeAlias = NDArray[np.complex128]
Floats: TypeAlias = NDArray[np.float64]


def _phasor(degrees: float) -> complex:
    """Return the unit phasor, exact in the components that are 0, -0.5 or -1."""
    return complex(round(cos(radians(degrees)), 15), round(sin(radians(degrees)), 15))


class ServiceArrays:
    """The services of all meters: `nominal` line voltages [V] and which elements are `present`.

    Both have shape (3, n_meters), 0 and false where the model has no line. `rated` is the CT primary rating
    [A], shape (n_meters,). `absent` and, in the order of `PAIRS`, `absent_between` are 0 for the lines that a
    model has and NaN for others, so that a sum with them blanks what the model lacks.
    """

    def __init__(self, models: Sequence[Model], ct_a: Sequence[float]) -> None:
        shape = (3, len(models))
        self.nominal: Complex = np.zeros(shape, np.complex128)
        self.present = np.zeros(shape, np.bool_)
        self.rated: Floats = np.asarray(ct_a, np.float64)
        self.starting: Floats = _clean(STARTING * self.rated)
        for meter, model in enumerate(models):
            for line, angle in enumerate(model.service.line_angles):
                self.nominal[line, meter] = model.voltage.nominal * _phasor(angle)
            self.present[: model.elements, meter] = True
        self.absent: Floats = np.where(self.present, 0.0, np.nan)
        self.absent_between: Floats = np.array([self.absent[a] + self.absent[b] for a, b in PAIRS])


RESOLUTION: Final = 1e-6
"""The model's figures are whole multiples of this: a microwatt, a microvolt, a microampere."""


def _clean(values: Floats) -> Floats:
    """Return values rounded to the model's resolution, free of negative zeros."""
    rounded = np.round(values, 6)
    rounded += 0.0
    return np.asarray(rounded)


@dataclass(frozen=True, slots=True, eq=False)
class Measurement:
    """What each element is given and measures, shape (3, n_meters), 0 where the model has no element.

    `voltage` [V] and `current` [A] are the phasors at its terminal and CT, `power` its complex power [VA],
    active power real. `volts`, `amperes` and `watts` are the magnitudes and the active power as they are
    shown; `net` is the sum of the elements [W], `circuit` what that of all complex powers is without errors
    of measurement [VA], shape (n_meters,).
    """

    voltage: Complex
    current: Complex
    power: Complex
    volts: Floats
    amperes: Floats
    watts: Floats
    net: Floats
    circuit: Complex


def measure(service: ServiceArrays, lines: Lines, wiring: WiringArrays, errors: ErrorArrays) -> Measurement:
    """Return what the elements of all meters measure of their services' lines.

    Element k sees the voltage of the line that its terminal hangs on and the current of the line that its CT
    sits on: P_k = s·r·V_k·I_m·cos(φ_m + θ_k - θ_m), Q_k with sin (meter.md, Electrical model).
    """
    current = wiring.currents(lines.current)
    magnitude = np.abs(current)
    limit = SATURATION * service.rated
    if (magnitude > limit).any():
        current *= np.divide(limit, magnitude, out=np.ones_like(magnitude), where=magnitude > limit)
        magnitude = np.minimum(magnitude, limit)
    voltage = wiring.voltages(lines.voltage)
    true_power = np.conj(current)
    true_power *= voltage
    power = errors.measured(true_power, magnitude / service.rated)
    return Measurement(
        voltage,
        current,
        power,
        volts=_clean(np.abs(voltage)),
        amperes=_clean(magnitude),
        watts=_clean(power.real),
        net=_clean(power.real.sum(axis=0)),
        circuit=true_power.sum(axis=0),
    )


class Registration:
    """What of the measured power registers, by each meter's setting (R15); `choices` has one name a meter."""

    def __init__(self, choices: Sequence[str]) -> None:
        names = np.array(choices)
        self._magnitude = names == "abs"
        self._by_element = names == "per_element_clamp"

    def power(self, service: ServiceArrays, measurement: Measurement) -> NDArray[np.int64]:
        """Return the power that the meters register [µW], shape (n_meters,), never less than zero.

        Zero while no element carries the starting current (R17), and where the power is not a number;
        `GREATEST_REGISTERED` at most.
        """
        started = (measurement.amperes >= service.starting).any(axis=0)
        watts = np.where(self._magnitude, np.abs(measurement.net), np.maximum(measurement.net, 0.0))
        if self._by_element.any():
            watts = np.where(self._by_element, np.maximum(measurement.watts, 0.0).sum(axis=0), watts)
        registered = np.where(started & (watts >= 0.0), np.minimum(watts, GREATEST_REGISTERED), 0.0)
        return np.asarray(np.rint(registered / RESOLUTION), dtype=np.int64)


def _apparent(active: Floats, reactive: Floats) -> Floats:
    """Return √(P² + Q²) [VA]."""
    return np.asarray(np.sqrt(active * active + reactive * reactive))


def _power_factor(active: Floats, apparent: Floats) -> Floats:
    """Return P/S, with the sign of P, and 1 where nothing flows."""
    return np.divide(active, apparent, out=np.ones_like(apparent), where=apparent > 0)


def points(
    service: ServiceArrays, measurement: Measurement, arithmetic: NDArray[np.bool_]
) -> dict[str, NDArray[Any]]:
    """Return the columns of all electrical points, shape (n_meters,) each, NaN where the model lacks them.

    The neutral current is the phasor sum of the CT currents, as a meter without a neutral CT computes it. The
    total apparent power is the vectorial one, or the sum of the elements' on meters that are `arithmetic`.
    The arrays are the caller's own.
    """
    active, reactive = measurement.watts, _clean(measurement.power.imag)
    apparent = _apparent(active, reactive)
    by_line = {
        "voltage_l{}_n": measurement.volts,
        "current_l{}": measurement.amperes,
        "active_power_l{}": active,
        "reactive_power_l{}": reactive,
        "apparent_power_l{}": apparent,
        "power_factor_l{}": _power_factor(active, apparent),
    }
    columns = _totals(measurement, apparent.sum(axis=0), arithmetic)
    for line, absent in enumerate(service.absent):
        columns |= {name.format(line + 1): values[line] + absent for name, values in by_line.items()}
    for (a, b), absent in zip(PAIRS, service.absent_between, strict=True):
        between = _clean(np.abs(measurement.voltage[a] - measurement.voltage[b]))
        columns[f"voltage_l{a + 1}_l{b + 1}"] = between + absent
    return columns


def _totals(
    measurement: Measurement, arithmetic_sum: Floats, arithmetic: NDArray[np.bool_]
) -> dict[str, NDArray[Any]]:
    """Return the columns of what the elements come to together; see `points`."""
    active, reactive = measurement.net, _clean(measurement.power.imag.sum(axis=0))
    apparent = np.where(arithmetic, arithmetic_sum, _apparent(active, reactive))
    return {
        "current_n": _clean(np.abs(measurement.current.sum(axis=0))),
        "active_power": active.copy(),
        "reactive_power": reactive,
        "apparent_power": apparent,
        "power_factor": _power_factor(active, apparent),
    }
