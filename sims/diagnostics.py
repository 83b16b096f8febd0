"""The diagnostic flags: what the LEDs and the gateway say of each meter's supply, wiring and range.

Every function takes and returns arrays over all meters; `pack` makes bits of them in the order of
`sims.points.FLAGS`.
"""

from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sims.electrical import RESOLUTION, Measurement, ServiceArrays
from sims.points import FLAGS

OVER_CURRENT: Final = 1.10
"""Of the rated current (tables 1 and 2: maximum operating current + 10 %)."""

DEAD: Final = 0.5
"""Of the nominal voltage: a terminal with less counts as lost (decision)."""

LED_AMPERES: Final = 1.0
"""The reverse-phase LED needs a load of 1 A (manual 3.8)."""

METER_CELSIUS: Final = (-30.0, 60.0)
DISPLAY_CELSIUS: Final = (-20.0, 50.0)
LOWEST_POWER_FACTOR: Final = 0.5

SUPPLY: Final = frozenset({"under_voltage", "over_voltage", *(f"phase_loss_l{k}" for k in (1, 2, 3))})
"""The flags that tell of the supply even while it is gone; the others are what was measured last."""

Booleans: TypeAlias = NDArray[np.bool_]


def reverse_phase(measurement: Measurement, any_element: Booleans, before: Booleans) -> Booleans:
    """Return whether the LED's condition holds: net power below zero with 1 A on some element (R14).

    On meters that are `any_element`, an element with 1 A and power below zero is enough. Under 1 A on every
    element it stays as it was `before`, shape (n_meters,).
    """
    carries = measurement.amperes >= LED_AMPERES
    some = ((measurement.watts < 0) & carries).any(axis=0)
    condition = np.where(any_element, some, measurement.net < 0)
    return np.asarray(np.where(carries.any(axis=0), condition, before))


def electrical_flags(
    service: ServiceArrays, measurement: Measurement, window: tuple[NDArray[Any], NDArray[Any]]
) -> dict[str, Booleans]:
    """Return the flags that follow from voltages and currents alone, shape (n_meters,) each.

    `window` is the lowest and the highest supply voltage [V] of each meter (R1).
    """
    volts, amperes = measurement.volts, measurement.amperes
    lowest, highest = window
    lost = service.present & (volts < np.round(DEAD * np.abs(service.nominal), 6))
    negative = measurement.watts < 0
    flags: dict[str, Booleans] = {
        "under_voltage": np.asarray((service.present & (volts < lowest)).any(axis=0)),
        "over_voltage": np.asarray((service.present & (volts > highest)).any(axis=0)),
        "over_current": np.asarray((amperes > OVER_CURRENT * service.rated).any(axis=0)),
    }
    for k in range(3):
        flags[f"phase_loss_l{k + 1}"] = lost[k]
        flags[f"negative_power_l{k + 1}"] = negative[k]
    return flags


def accuracy_unspecified(
    service: ServiceArrays, measurement: Measurement, celsius: NDArray[np.float64]
) -> Booleans:
    """Return where the power factor or the temperature leaves the range of tables 1 and 2 (R8).

    The power factor is the circuit's: what the meter's own error makes of 0.5 is still specified (R7).
    """
    circuit = measurement.circuit
    loaded = (measurement.amperes >= service.starting).any(axis=0)
    factor = np.abs(circuit.real) < LOWEST_POWER_FACTOR * np.abs(circuit) - RESOLUTION
    return np.asarray((loaded & factor) | outside(celsius, METER_CELSIUS))


def outside(values: NDArray[np.float64], bounds: tuple[float, float]) -> Booleans:
    """Return where `values` leave the inclusive `bounds`."""
    return (values < bounds[0]) | (values > bounds[1])


def pack(flags: dict[str, Booleans], meters: int) -> NDArray[np.uint16]:
    """Return the flags as bits, shape (n_meters,); a flag that is not given is 0."""
    packed = np.zeros(meters, np.uint16)
    for bit, name in enumerate(FLAGS):
        if name in flags:
            packed |= flags[name].astype(np.uint16) << np.uint16(bit)
    return packed
