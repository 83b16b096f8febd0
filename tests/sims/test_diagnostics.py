"""The flags at their edges."""

import numpy as np
import pytest

from sims import diagnostics, electrical, network
from sims.accuracy import IDEAL, ErrorArrays
from sims.models import MODELS
from sims.points import FLAGS
from sims.profiles.base import LineLoads
from sims.wiring import CtInput, VoltageInput, Wiring, WiringArrays

MODEL_120, MODEL_277 = MODELS["series-2000-120-208"], MODELS["series-2000-277-480"]


def _measured(
    amps: float = 50.0, volts: float | None = None, *, model: str = MODEL_120.key, reverse: bool = False
) -> tuple[electrical.ServiceArrays, electrical.Measurement]:
    """Measure one meter at `volts` on all lines with `amps` in phase on line 1 alone."""
    known = MODELS[model]
    service = electrical.ServiceArrays([known], [100.0])
    scale = (volts or known.voltage.nominal) / known.voltage.nominal
    loads = LineLoads.none(1)
    loads.active[0, 0] = known.voltage.nominal * amps / scale
    wiring = Wiring(
        tuple(CtInput(k, reversed=reverse) for k in (1, 2, 3)), tuple(VoltageInput(k) for k in (1, 2, 3))
    )
    supply = network.Supply((known.voltage.nominal * scale,) * 3)
    lines = network.Network(service.nominal, [supply]).solve(loads)
    return service, electrical.measure(service, lines, WiringArrays([wiring]), ErrorArrays([[IDEAL] * 3]))


def _up(service: electrical.ServiceArrays, measurement: electrical.Measurement, model: str) -> set[str]:
    voltage = MODELS[model].voltage
    window = np.array([voltage.lowest]), np.array([voltage.highest])
    flags = diagnostics.electrical_flags(service, measurement, window)
    return {name for name, value in flags.items() if value[0]}


@pytest.mark.parametrize(
    ("model", "volts", "flag"),
    [
        (MODEL_120.key, 101.9, "under_voltage"),
        (MODEL_120.key, 102.0, None),
        (MODEL_120.key, 138.0, None),
        (MODEL_120.key, 138.1, "over_voltage"),
        (MODEL_277.key, 234.9, "under_voltage"),
        (MODEL_277.key, 235.0, None),
        (MODEL_277.key, 320.0, None),
        (MODEL_277.key, 320.1, "over_voltage"),
    ],
)
def test_r1_the_supply_window_is_inclusive(model: str, volts: float, flag: str | None) -> None:
    assert _up(*_measured(volts=volts, model=model), model) == ({flag} if flag else set())


def test_a_phase_is_lost_below_half_of_its_nominal_voltage() -> None:
    assert "phase_loss_l2" in _up(*_measured(volts=59.9), MODEL_120.key)
    assert "phase_loss_l2" not in _up(*_measured(volts=60.0), MODEL_120.key)


def test_negative_power_is_flagged_wherever_the_served_power_is_negative() -> None:
    assert "negative_power_l1" in _up(*_measured(0.001, reverse=True), MODEL_120.key)
    assert "negative_power_l1" not in _up(*_measured(0.0, reverse=True), MODEL_120.key)


@pytest.mark.parametrize("before", [False, True])
def test_r14_the_reverse_phase_led_needs_one_ampere_and_else_stays_as_it_was(*, before: bool) -> None:
    def led(amps: float, *, reverse: bool) -> bool:
        _, measurement = _measured(amps, reverse=reverse)
        return bool(diagnostics.reverse_phase(measurement, np.array([False]), np.array([before]))[0])

    assert led(1.0, reverse=True)
    assert not led(1.0, reverse=False)
    assert led(0.99, reverse=True) is before
    assert led(0.99, reverse=False) is before


def test_every_flag_has_its_bit() -> None:
    for bit, name in enumerate(FLAGS):
        packed = diagnostics.pack({name: np.array([True, False])}, 2)
        assert packed.tolist() == [1 << bit, 0]
