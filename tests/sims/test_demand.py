"""Demand and peak against the worked tables of the specification (minutes from power-up)."""

import numpy as np
import pytest

from sims.demand import Demand
from sims.energy import EnergyCounters
from sims.snapshot import INTERVAL, DemandInterval

_MINUTE = 60 * 10**9
_START = 1_767_571_200 * 10**9


def _run(
    demand: Demand, energy: EnergyCounters, kilowatts: list[float], time: int, length: int = _MINUTE
) -> list[DemandInterval]:
    """Let meters draw so much from `time` [ns] on for `length` [ns]; return the intervals that close."""
    microwatts = np.array([round(power * 1e9) for power in kilowatts], np.int64)
    closed = demand.close(time, time + length, energy, microwatts)
    energy.add(microwatts, length)
    return closed


class _Meter:
    """One meter that is fed power minute by minute."""

    def __init__(self, method: str = "3x5") -> None:
        self.energy = EnergyCounters.starting_at(np.zeros(1, np.int64))
        self.demand = Demand([method])
        self.demand.restart(np.array([0]), _START, self.energy)
        self.last: list[float] = []
        self.rolling: list[float] = []

    def run(self, kilowatts: list[float]) -> None:
        """Draw each power for a minute."""
        for minute, power in enumerate(kilowatts):
            closed = _run(self.demand, self.energy, [power], _START + minute * _MINUTE)
            self.last += [round(float(interval.demand[0]) / 1000, 6) for interval in closed]
            self.rolling += [round(float(interval.rolling_demand[0]) / 1000, 6) for interval in closed]


def _load(power: float, begin: int, end: int, minutes: int) -> list[float]:
    return [power if begin <= minute < end else 0.0 for minute in range(minutes)]


@pytest.mark.parametrize(
    ("load", "last", "rolling", "peak"),
    [
        (_load(10, 0, 5, 20), [10, 0, 0, 0], [10 / 3, 10 / 3, 10 / 3, 0], 10 / 3),
        (_load(30, 10, 20, 30), [0, 0, 30, 30, 0, 0], [0, 0, 10, 20, 20, 10], 20),
        (_load(30, 2, 17, 30), [18, 30, 30, 12, 0, 0], [6, 16, 26, 24, 14, 4], 26),
        (_load(30, 5, 20, 30), [0, 30, 30, 30, 0, 0], [0, 10, 20, 30, 20, 10], 30),
    ],
)
def test_the_worked_demand_tables(
    load: list[float], last: list[float], rolling: list[float], peak: float
) -> None:
    meter = _Meter()
    meter.run(load)
    assert meter.last == pytest.approx(last, abs=1e-6)
    assert meter.rolling == pytest.approx(rolling, abs=1e-6)
    assert meter.demand.peak[0] == pytest.approx(peak * 1000, abs=1e-3)


def test_the_peak_keeps_the_time_at_which_it_was_first_reached() -> None:
    meter = _Meter()
    meter.run(_load(30, 0, 25, 60))
    assert meter.demand.peak_time[0] == _START + 15 * _MINUTE


def test_closed_intervals_are_numbered_and_carry_the_reading_at_their_end() -> None:
    meter = _Meter()
    (closed,) = _run(meter.demand, meter.energy, [12], _START, INTERVAL)
    assert (*closed.start, *closed.end) == (_START, _START + INTERVAL)
    assert closed.sequence.tolist() == [1]
    assert closed.demand.tolist() == [12_000.0]
    assert closed.energy.tolist() == [3_600_000_000]


def test_a_restart_forgets_the_sub_intervals_but_not_the_peak() -> None:
    meter = _Meter()
    meter.run(_load(30, 0, 10, 10))
    meter.demand.restart(np.array([0]), _START + 11 * _MINUTE, meter.energy)
    assert meter.demand.last[0] == 0.0
    assert meter.demand.rolling[0] == 0.0
    assert meter.demand.peak[0] == pytest.approx(20_000.0)
    (closed,) = _run(meter.demand, meter.energy, [12], _START + 11 * _MINUTE, INTERVAL + _MINUTE)
    assert closed.end == _START + 16 * _MINUTE


def test_a_meter_without_supply_closes_no_interval() -> None:
    demand = Demand(["3x5"] * 2)
    energy = EnergyCounters.starting_at(np.zeros(2, np.int64))
    demand.restart(np.array([0, 1]), _START, energy)
    demand.suspend(np.array([1]))
    (closed,) = _run(demand, energy, [1, 1], _START, INTERVAL)
    assert closed.rows.tolist() == [0]


@pytest.mark.parametrize(
    ("load", "peaks"),
    [
        (_load(30, 2, 17, 30), {"3x5": 26, "15x1": 30, "block": 26}),
        (_load(30, 5, 20, 30), {"3x5": 30, "15x1": 30, "block": 20}),
    ],
)
def test_r12_the_peak_depends_on_the_method(load: list[float], peaks: dict[str, float]) -> None:
    for method, peak in peaks.items():
        meter = _Meter(method)
        meter.run(load)
        assert meter.demand.peak[0] == pytest.approx(peak * 1000, abs=1e-3), method


def test_each_meter_has_its_own_method() -> None:
    energy = EnergyCounters.starting_at(np.zeros(3, np.int64))
    demand = Demand(["15x1", "3x5", "block"])
    demand.restart(np.arange(3), _START, energy)
    for minute in range(1, 16):
        _run(demand, energy, [30] * 3, _START + (minute - 1) * _MINUTE)
        if minute == 4:
            assert demand.rolling.tolist() == [8000.0, 0.0, 0.0]
        if minute == 10:
            assert demand.rolling.tolist() == [20_000.0, 20_000.0, 0.0]
    assert demand.rolling.tolist() == [30_000.0] * 3
