import json
from dataclasses import replace

import numpy as np
import pytest

from gateway.config.fleet import default_fleet
from gateway.config.reader import load_config
from gateway.readings import Readings
from sims.fleet import Fleet
from sims.points import NS_PER_S, PUBLISHED
from sims.snapshot import Snapshot, Tick


def _snapshot() -> tuple[Readings, Snapshot]:
    config = load_config(options={("meters",): ("--meters", default_fleet(7))})
    fleet = Fleet(config.meters, start=0)
    fleet.step(Tick(0, 0))
    return Readings(config.nameplates), fleet.step(Tick(1, 600 * NS_PER_S))


def test_a_reading_has_every_point_that_the_model_has_and_no_other() -> None:
    readings, snapshot = _snapshot()
    one_line, *_, three_lines = readings.shown(snapshot)
    assert list(three_lines) == [point.name for point in PUBLISHED]
    assert list(one_line) == [point.name for point in PUBLISHED if point.lines <= {1}]


def test_readings_are_plain_json_types_in_shown_units() -> None:
    readings, snapshot = _snapshot()
    meter = json.loads(json.dumps(list(readings.shown(snapshot)), allow_nan=False))[6]
    assert meter["energy"] == round(int(snapshot.column("energy")[6]) / 3.6e9, 9)
    assert meter["active_power"] == pytest.approx(snapshot.column("active_power")[6] / 1000, rel=1e-8)
    assert meter["voltage_l1_l2"] == round(277 * 3**0.5, 6)
    assert meter["powered"] is True
    assert meter["lcd_screen"] == int(snapshot.column("lcd_screen")[6])
    assert len(meter["lcd_text"]) == 8
    assert meter["peak_demand_time"] == "1970-01-01T00:10:00Z"


def test_a_quantity_that_was_never_measured_is_left_out_and_an_instant_that_never_came_is_none() -> None:
    readings, snapshot = _snapshot()
    columns = dict(snapshot.columns)
    columns["frequency"] = np.full(7, np.nan)
    columns["peak_demand_time"] = np.zeros(7, np.int64)
    meter = next(readings.shown(replace(snapshot, columns=columns)))
    assert "frequency" not in meter
    assert meter["peak_demand_time"] is None


def test_no_noise_of_the_arithmetic_and_no_negative_zero_shows() -> None:
    readings, snapshot = _snapshot()
    columns = dict(snapshot.columns)
    columns["frequency"] = np.array([59.99999999999, -0.0, 0.1 + 0.2, 1e-12, 123456.7891234, 50.0, 60.0])
    shown = [meter["frequency"] for meter in readings.shown(replace(snapshot, columns=columns))]
    assert shown == [60.0, 0.0, 0.3, 0.0, 123456.789, 50.0, 60.0]
    assert str(shown[1]) == "0.0"


def test_readings_of_some_rows_are_those_of_all() -> None:
    readings, snapshot = _snapshot()
    everything = list(readings.shown(snapshot))
    assert list(readings.shown(snapshot, [6, 0, 6])) == [everything[6], everything[0], everything[6]]
