"""What all meters are connected to and what they make of it: supply, wiring, errors, settings.

Holds no time and no accumulator; `fleet` asks it anew whenever something changes.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sims import accuracy, diagnostics, electrical
from sims.electrical import Measurement
from sims.meter import MeterSpec, Settings
from sims.network import Network
from sims.profiles.base import LineLoads
from sims.wiring import WiringArrays

Booleans = NDArray[np.bool_]


class Circuits:
    """The circuits of the meters in `meters`; every array it returns has shape (n_meters,)."""

    def __init__(self, meters: Sequence[MeterSpec]) -> None:
        plates = [meter.nameplate for meter in meters]
        voltages = [plate.model.voltage for plate in plates]
        settings = [meter.settings for meter in meters]
        self._service = electrical.ServiceArrays([plate.model for plate in plates], [p.ct_a for p in plates])
        self._network = Network(self._service.nominal, [meter.supply for meter in meters])
        self._wiring = WiringArrays([meter.wiring for meter in meters])
        self._errors = accuracy.ErrorArrays([_errors(meter) for meter in meters])
        self._lowest = np.array([voltage.lowest for voltage in voltages])
        self._highest = np.array([voltage.highest for voltage in voltages])
        self._frequency = np.array([meter.frequency_hz for meter in meters])
        self._temperature = np.array([meter.temperature_c for meter in meters])
        self._registration = electrical.Registration([one.registration for one in settings])
        self._arithmetic = _which(settings, "apparent_power", "arithmetic")
        self._any_element = _which(settings, "reverse_phase", "any_element")
        self._strict = _which(settings, "strict_voltage", True)
        self.display_works = ~diagnostics.outside(self._temperature, diagnostics.DISPLAY_CELSIUS)

    def change(self, meter: int, spec: MeterSpec) -> None:
        """Let wiring, supply and surroundings of the meter at index `meter` be those of `spec`."""
        self._wiring.set(meter, spec.wiring)
        self._network.set(meter, spec.supply)
        self._frequency[meter] = spec.frequency_hz
        self._temperature[meter] = spec.temperature_c
        self.display_works = ~diagnostics.outside(self._temperature, diagnostics.DISPLAY_CELSIUS)

    def measure(self, loads: LineLoads) -> Measurement:
        """Return what the elements measure of these loads."""
        lines = self._network.solve(loads)
        return electrical.measure(self._service, lines, self._wiring, self._errors)

    def powered(self, measurement: Measurement) -> Booleans:
        """Return which meters have the supply they need between L1 and N (R1, R2, R4)."""
        volts = measurement.volts[0]
        return np.asarray((volts >= self._lowest) & ~(self._strict & (volts > self._highest)))

    def registered(self, measurement: Measurement) -> NDArray[np.int64]:
        """Return the power that registers [µW] (R15, R17)."""
        return self._registration.power(self._service, measurement)

    def reverse_phase(self, measurement: Measurement, before: Booleans) -> Booleans:
        """Return where the reverse-phase LED's condition holds; see `diagnostics.reverse_phase`."""
        return diagnostics.reverse_phase(measurement, self._any_element, before)

    def points(self, measurement: Measurement) -> dict[str, NDArray[Any]]:
        """Return the columns of all that is measured, NaN where a model lacks it."""
        return electrical.points(self._service, measurement, self._arithmetic) | {
            "frequency": self._frequency.copy(),
            "temperature": self._temperature.copy(),
        }

    def flags(self, measurement: Measurement) -> dict[str, Booleans]:
        """Return the flags that follow from the measurement and the surroundings alone."""
        window = (self._lowest, self._highest)
        return diagnostics.electrical_flags(self._service, measurement, window) | {
            "accuracy_unspecified": diagnostics.accuracy_unspecified(
                self._service, measurement, self._temperature
            )
        }


def _which(settings: Sequence[Settings], name: str, choice: object) -> Booleans:
    return np.array([getattr(one, name) == choice for one in settings], np.bool_)


def _errors(meter: MeterSpec) -> Sequence[accuracy.ElementError]:
    """Return the error of each of a meter's elements."""
    plate = meter.nameplate
    if meter.settings.ideal:
        return [accuracy.IDEAL] * plate.model.elements
    split = plate.ct_kind == "split"
    return [accuracy.draw(plate.serial, k, split=split) for k in range(1, plate.model.elements + 1)]
