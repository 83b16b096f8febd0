"""The phasor model against worked values."""

import csv
from math import sin
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sims import electrical, network
from sims.accuracy import IDEAL, ErrorArrays
from sims.models import MODELS
from sims.network import Supply
from sims.profiles.base import LineLoads
from sims.wiring import CtInput, VoltageInput, Wiring, WiringArrays

RIGHT = Supply()
VECTORS = Path(__file__).parents[1] / "data" / "wiring_vectors.csv"
MODEL_OF_SERVICE = {
    "wye": "series-2000-120-208",
    "120/240 split": "series-1000-120-240",
    "120/208 network": "series-1000-120-208",
    "1P2W": "series-1000-1p2w-120",
}


def _measure(
    model: str, amps: list[float], phi_deg: list[float], wiring: Wiring | None = None, ct_a: float = 100.0
) -> tuple[electrical.ServiceArrays, electrical.Measurement]:
    """Measure one meter whose lines carry `amps` at `phi_deg` lagging at the nominal voltage."""
    service = electrical.ServiceArrays([MODELS[model]], [ct_a])
    volts = MODELS[model].voltage.nominal
    loads = LineLoads.none(1)
    for line, (current, phi) in enumerate(zip(amps, np.radians(phi_deg), strict=True)):
        loads.active[line, 0] = volts * current * np.cos(phi)
        loads.reactive[line, 0] = volts * current * np.sin(phi)
    return service, _measured(service, loads, wiring or Wiring.correct(MODELS[model].elements))


def _measured(
    service: electrical.ServiceArrays, loads: LineLoads, wiring: Wiring, supply: Supply = RIGHT
) -> electrical.Measurement:
    lines = network.Network(service.nominal, [supply]).solve(loads)
    return electrical.measure(service, lines, WiringArrays([wiring]), ErrorArrays([[IDEAL] * 3]))


def _registered(
    service: electrical.ServiceArrays, measurement: electrical.Measurement, how: str = "net"
) -> float:
    return float(electrical.Registration([how]).power(service, measurement)[0]) * 1e-6


def _points(service: electrical.ServiceArrays, measurement: electrical.Measurement) -> Any:
    return electrical.points(service, measurement, np.array([False]))


def _vectors() -> list[dict[str, str]]:
    with VECTORS.open(newline="") as file:
        return list(csv.DictReader(file))


def _wiring_of(row: dict[str, str]) -> Wiring:
    lines = [int(text) for text in row["line_at_ct"].split()]
    polarities = [int(text) for text in row["polarity"].split()]
    ratios = [float(text) for text in row["ratio"].split()]
    cts = tuple(
        CtInput(line or 1, reversed=polarity < 0, ratio=ratio, open=line == 0)
        for line, polarity, ratio in zip(lines, polarities, ratios, strict=True)
    )
    return Wiring(cts, tuple(VoltageInput(k + 1) for k in range(len(cts))))


@pytest.mark.parametrize("row", _vectors(), ids=lambda row: f"{row['case']}@{row['phi_deg_lagging']}")
def test_every_wiring_vector_gives_its_element_powers_and_what_it_registers(row: dict[str, str]) -> None:
    amps = [float(text) for text in row["amps"].split()]
    phi = [float(row["phi_deg_lagging"])] * len(amps)
    model = MODEL_OF_SERVICE[row["service"]]
    service, measurement = _measure(model, amps, phi, _wiring_of(row))
    expected = [1000.0 * float(text) for text in row["element_kw"].split()]
    assert measurement.watts[: len(expected), 0] == pytest.approx(expected, abs=1e-3)
    true = sum(120.0 * a * np.cos(np.radians(phi[0])) for a in amps)
    assert measurement.net[0] / true == pytest.approx(float(row["net_over_true"]), abs=1e-6)
    assert _registered(service, measurement) / true == pytest.approx(
        float(row["registered_over_true"]), abs=1e-6
    )


def test_the_worked_unbalanced_wye_load_has_its_totals_and_neutral_current() -> None:
    service, measurement = _measure("series-2000-120-208", [60, 30, 10], [0, 30, -60])
    points = _points(service, measurement)
    assert points["active_power"][0] == pytest.approx(10_917.69, abs=0.005)
    assert points["reactive_power"][0] == pytest.approx(760.77, abs=0.005)
    assert points["apparent_power"][0] == pytest.approx(10_944.17, abs=0.005)
    assert points["current_n"][0] == pytest.approx(28.32, abs=0.005)
    assert sum(points[f"apparent_power_l{k}"][0] for k in (1, 2, 3)) == pytest.approx(12_000.0)


@pytest.mark.parametrize(
    ("model", "line_to_neutral", "line_to_line"),
    [
        ("series-1000-1p2w-120", [120], []),
        ("series-1000-1p2w-277", [277], []),
        ("series-1000-120-240", [120, 120], [240]),
        ("series-1000-120-208", [120, 120], [207.846097]),
        ("series-1000-277-480", [277, 277], [479.778074]),
        ("series-2000-120-208", [120, 120, 120], [207.846097] * 3),
        ("series-2000-277-480", [277, 277, 277], [479.778074] * 3),
    ],
)
def test_each_service_has_its_voltages_and_lacks_the_others(
    model: str, line_to_neutral: list[float], line_to_line: list[float]
) -> None:
    elements = MODELS[model].elements
    points = _points(*_measure(model, [10.0] * elements, [0.0] * elements))
    to_neutral = [points[f"voltage_l{k}_n"][0] for k in (1, 2, 3)]
    between = [points[name][0] for name in ("voltage_l1_l2", "voltage_l2_l3", "voltage_l3_l1")]
    for values, expected in ((to_neutral, line_to_neutral), (between, line_to_line)):
        assert values[: len(expected)] == pytest.approx(expected, abs=1e-6)
        assert np.isnan(values[len(expected) :]).all()


def test_a_balanced_wye_load_leaves_the_neutral_without_current_and_a_split_one_too() -> None:
    for model, amps in (("series-2000-120-208", [40.0] * 3), ("series-1000-120-240", [40.0] * 2)):
        points = _points(*_measure(model, amps, [30.0] * len(amps)))
        assert points["current_n"][0] == pytest.approx(0.0, abs=1e-6)


def test_leading_current_gives_negative_reactive_power() -> None:
    points = _points(*_measure("series-1000-1p2w-120", [10.0], [-60.0]))
    assert points["active_power"][0] == pytest.approx(600.0)
    assert points["reactive_power"][0] == pytest.approx(-1200.0 * sin(np.pi / 3))
    assert points["power_factor"][0] == pytest.approx(0.5)


def test_the_power_of_a_line_without_voltage_is_zero_and_so_is_its_current() -> None:
    model = MODELS["series-2000-120-208"]
    service = electrical.ServiceArrays([model], [100.0])
    loads = LineLoads.none(1)
    loads.active[:] = 1200.0
    measurement = _measured(service, loads, Wiring.correct(3), Supply(lost=frozenset({2})))
    assert measurement.amperes[:, 0].tolist() == [10.0, 0.0, 10.0]
    assert measurement.net[0] == pytest.approx(2400.0)


def test_an_open_voltage_lead_takes_its_element_out_but_not_its_current() -> None:
    wiring = Wiring.correct(3)
    opened = Wiring(wiring.cts, (wiring.voltages[0], VoltageInput(2, open=True), wiring.voltages[2]))
    _, measurement = _measure("series-2000-120-208", [10.0] * 3, [0.0] * 3, opened)
    assert measurement.watts[:, 0].tolist() == [1200.0, 0.0, 1200.0]
    assert measurement.amperes[:, 0].tolist() == [10.0, 10.0, 10.0]


def test_a_ct_saturates_at_120_percent_of_its_rating() -> None:
    _, measurement = _measure("series-1000-1p2w-120", [150.0], [60.0], ct_a=100.0)
    assert measurement.amperes[0, 0] == pytest.approx(120.0)
    assert measurement.watts[0, 0] == pytest.approx(120.0 * 120.0 * 0.5)


def test_nothing_registers_below_the_starting_current() -> None:
    for amps, registers in ((0.0999, False), (0.1001, True)):
        service, measurement = _measure("series-1000-1p2w-120", [amps], [0.0], ct_a=100.0)
        assert (_registered(service, measurement) > 0) is registers


def test_r15_what_registers_of_one_reversed_ct_depends_on_the_setting() -> None:
    wiring = Wiring((CtInput(1, reversed=True), CtInput(2), CtInput(3)), Wiring.correct(3).voltages)
    measured = _measure("series-2000-120-208", [60, 20, 10], [0, 0, 0], wiring)
    assert _registered(*measured, "net") == 0.0
    assert _registered(*measured, "abs") == pytest.approx(3600.0)
    assert _registered(*measured, "per_element_clamp") == pytest.approx(3600.0)
    measured = _measure("series-2000-120-208", [20, 60, 10], [0, 0, 0], wiring)
    assert _registered(*measured, "net") == _registered(*measured, "abs") == pytest.approx(6000.0)
    assert _registered(*measured, "per_element_clamp") == pytest.approx(8400.0)


def test_the_arithmetic_apparent_power_is_the_sum_of_the_elements() -> None:
    service, measurement = _measure("series-2000-120-208", [60, 30, 10], [0, 30, -60])
    points = electrical.points(service, measurement, np.array([True]))
    assert points["apparent_power"][0] == pytest.approx(12_000.0)
    assert points["power_factor"][0] == pytest.approx(10_917.69 / 12_000.0, abs=1e-6)
