"""The fleet as a whole: one step from tick to tick, and what all of its points say."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sims.fleet import Fleet
from sims.memory import Memories
from sims.meter import MeterSpec, Settings
from sims.models import MODELS, Nameplate
from sims.network import Supply
from sims.points import FLAGS, POINTS, Kind
from sims.profiles.constant import ConstantLoad, LineCurrents
from sims.profiles.daily import DailyShape
from sims.snapshot import Snapshot, Tick
from sims.wiring import CtInput, VoltageInput, Wiring

START = 1_767_571_200 * 10**9
SECOND = 10**9
HOUR = 3600 * SECOND


def meter(
    model: str = "series-2000-120-208", *, number: int = 1, kw: float = 36.0, **nameplate: object
) -> MeterSpec:
    """Return a meter with a constant load and the wiring of the diagrams."""
    known = MODELS[model]
    plate = Nameplate(number, f"M{number}", known, f"S{number}", ct_a=400.0)
    own = replace(plate, **nameplate)  # type: ignore[arg-type]
    return MeterSpec(own, ConstantLoad(kw), Wiring.correct(known.elements), settings=Settings(ideal=True))


def after(fleet: Fleet, seconds: float) -> Snapshot:
    """Step once, to `seconds` after the start."""
    return fleet.step(Tick(1, START + round(seconds * SECOND)))


def test_every_point_and_nothing_else_is_in_the_snapshot() -> None:
    snapshot = after(Fleet([meter()], start=START), 0)
    expected = {name for name, point in POINTS.items() if point.kind not in {Kind.FLAG, Kind.NAMEPLATE}}
    assert set(snapshot.columns) == expected
    assert {column.shape for column in snapshot.columns.values()} == {(1,)}


def test_a_snapshot_cannot_be_changed_and_does_not_change() -> None:
    fleet = Fleet([meter()], start=START)
    first = after(fleet, 10)
    kept = {name: column.copy() for name, column in first.columns.items()}
    after(fleet, 4000)
    for name, column in first.columns.items():
        np.testing.assert_array_equal(column, kept[name])
        with pytest.raises(ValueError, match="read-only"):
            column[0] = column[0]


def test_36_kw_pulses_once_a_second_half_on_and_half_off() -> None:
    fleet = Fleet([meter(kw=36.0)], start=START)
    seen = []
    for quarter in range(1, 13):
        snapshot = after(fleet, quarter / 4)
        led = bool(snapshot.column("led_10wh")[0])
        seen.append((int(snapshot.columns["pulse_10wh"][0]), led))
    assert seen[:5] == [(0, True), (0, False), (0, False), (1, True), (1, True)]
    assert seen[-1] == (3, True)


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(1, 2 * HOUR - 1), max_size=12))
def test_any_partition_of_time_gives_the_same_readings(cuts: list[int]) -> None:
    meters = [meter(kw=7.123456), meter("series-1000-120-240", number=2, kw=11.1)]
    whole = Fleet(meters, start=START).step(Tick(1, START + 2 * HOUR))
    parts = Fleet(meters, start=START)
    for number, cut in enumerate(sorted(cuts)):
        parts.step(Tick(number, START + cut))
    last = parts.step(Tick(len(cuts), START + 2 * HOUR))
    for name, column in whole.columns.items():
        np.testing.assert_array_equal(last.columns[name], column, err_msg=name)


def test_demand_intervals_inside_one_long_tick_are_all_there() -> None:
    fleet = Fleet([meter(kw=12.0)], start=START)
    intervals = after(fleet, 3600).intervals
    assert [interval.end for interval in intervals] == [START + k * 300 * SECOND for k in range(1, 13)]
    assert [interval.sequence[0] for interval in intervals] == list(range(1, 13))
    assert {float(interval.demand[0]) for interval in intervals} == {12_000.0}


def test_intervals_are_counted_on_after_a_restart() -> None:
    first, second = meter(kw=12.0), meter(number=2, kw=6.0)
    kept = Fleet([first], start=START)
    after(kept, 900)
    intervals = after(Fleet([second, first], start=START, memories=kept.memories()), 600).intervals
    assert [interval.sequence.tolist() for interval in intervals] == [[1, 4], [2, 5]]


def test_a_reversed_ct_on_a_balanced_load_registers_a_third() -> None:
    right = meter(kw=30.0)
    cts = (CtInput(1, reversed=True), *right.wiring.cts[1:])
    fleet = Fleet([replace(right, wiring=Wiring(cts, right.wiring.voltages))], start=START)
    snapshot = after(fleet, 3600)
    assert snapshot.columns["energy"][0] == 10 * 3_600_000_000
    assert flags(snapshot) == {"negative_power_l1", "lcd_on", "powered", "led_10wh", "led_1kwh"}


def flags(snapshot: Snapshot, row: int = 0) -> set[str]:
    """Return the names of the flags that are up."""
    return {name for name in FLAGS if snapshot.column(name)[row]}


def test_net_power_below_zero_registers_nothing_and_lights_the_reverse_phase_led() -> None:
    right = meter(kw=30.0)
    cts = tuple(CtInput(k, reversed=True) for k in (1, 2, 3))
    fleet = Fleet([replace(right, wiring=Wiring(cts, right.wiring.voltages))], start=START)
    snapshot = after(fleet, 3600)
    assert snapshot.columns["energy"][0] == 0
    assert snapshot.columns["active_power"][0] == -30_000.0
    assert "reverse_phase" in flags(snapshot)


def test_a_meter_without_voltage_on_l1_is_off_and_its_values_are_stale() -> None:
    right = meter()
    open_l1 = (VoltageInput(1, open=True), *right.wiring.voltages[1:])
    fleet = Fleet([replace(right, wiring=Wiring(right.wiring.cts, open_l1))], start=START)
    snapshot = after(fleet, 3600)
    assert snapshot.columns["energy"][0] == 0
    assert snapshot.columns["lcd_text"][0] == b" " * 8
    assert {"stale", "under_voltage", "phase_loss_l1"} <= flags(snapshot)
    assert not flags(snapshot) & {"powered", "lcd_on", "led_10wh", "led_1kwh"}
    assert snapshot.intervals == ()


def test_a_meter_without_voltage_on_l2_goes_on_with_its_other_elements() -> None:
    right = meter(kw=30.0)
    terminals = (right.wiring.voltages[0], VoltageInput(2, open=True), right.wiring.voltages[2])
    fleet = Fleet([replace(right, wiring=Wiring(right.wiring.cts, terminals))], start=START)
    snapshot = after(fleet, 3600)
    assert snapshot.columns["energy"][0] == 20 * 3_600_000_000
    assert {"powered", "under_voltage", "phase_loss_l2"} <= flags(snapshot)


@pytest.mark.parametrize(("amps", "up"), [(110.0, False), (110.1, True)])
def test_over_current_is_raised_above_110_percent_of_the_rating(amps: float, *, up: bool) -> None:
    spec = replace(meter("series-1000-1p2w-120", ct_a=100.0), load=LineCurrents((amps,)))
    assert ("over_current" in flags(after(Fleet([spec], start=START), 1))) is up


@pytest.mark.parametrize(("pf", "up"), [(0.5, False), (-0.5, False), (0.499, True), (-0.499, True)])
def test_a_power_factor_under_one_half_leaves_the_specified_accuracy(pf: float, *, up: bool) -> None:
    spec = replace(meter("series-1000-1p2w-120"), load=LineCurrents((50.0,), (pf,)))
    assert ("accuracy_unspecified" in flags(after(Fleet([spec], start=START), 1))) is up


@pytest.mark.parametrize(
    ("celsius", "lcd_on", "unspecified"),
    [
        (-30.1, False, True),
        (-30, False, False),
        (-20, True, False),
        (50, True, False),
        (50.1, False, False),
        (60.1, False, True),
    ],
)
def test_temperature_blanks_the_display_and_leaves_the_specified_accuracy(
    celsius: float, *, lcd_on: bool, unspecified: bool
) -> None:
    spec = replace(meter(kw=36.0), temperature_c=celsius)
    snapshot = after(Fleet([spec], start=START), 3600)
    assert ("lcd_on" in flags(snapshot), "accuracy_unspecified" in flags(snapshot)) == (lcd_on, unspecified)
    assert snapshot.columns["energy"][0] == 36 * 3_600_000_000


def test_a_later_life_goes_on_from_what_the_meter_kept() -> None:
    spec = replace(meter(kw=30.0), initial_energy=5 * 3_600_000_000)
    first = Fleet([spec], start=START)
    after(first, 3600.123456789)
    second = Fleet([spec], start=START, memories=first.memories())
    snapshot = after(second, 0)
    assert snapshot.columns["energy"][0] == first.memories().meters["S1"].millijoules
    assert snapshot.columns["peak_demand"][0] == 30_000.0
    assert snapshot.columns["demand"][0] == 0.0


def test_a_life_in_two_parts_registers_what_one_whole_life_does() -> None:
    spec = meter(kw=7.123457)
    whole, first = Fleet([spec], start=START), Fleet([spec], start=START)
    for part in range(1, 8):
        middle = START + part * 100_000_000_007
        first.step(Tick(1, middle))
        first = Fleet([spec], start=middle, memories=first.memories())
    whole.step(Tick(1, middle))
    assert first.memories().meters["S1"].millijoules == whole.memories().meters["S1"].millijoules
    assert first.memories().meters["S1"].femtojoules == whole.memories().meters["S1"].femtojoules


@pytest.mark.parametrize(
    ("volts", "megawatts"), [(277.0, 90.0), (300.0, 90.0 * (300 / 277) ** 2), (312.0, 3 * 312 * 0.12)]
)
def test_the_greatest_power_that_can_be_measured_registers_whole(volts: float, megawatts: float) -> None:
    """The CTs saturate at 120 kA."""
    spec = meter("series-2000-277-480", kw=90_000.0, ct_a=100_000.0)
    snapshot = after(Fleet([replace(spec, supply=Supply(volts=(volts,) * 3))], start=START), 3600)
    assert snapshot.columns["active_power"][0] == pytest.approx(megawatts * 1e6)
    assert snapshot.columns["energy"][0] == pytest.approx(snapshot.columns["active_power"][0] * 3.6e6, abs=1)


def test_a_fleet_can_be_read_more_than_once_where_it_stands() -> None:
    whole, parts = Fleet([meter()], start=START), Fleet([meter()], start=START)
    closed = parts.go_on(START + HOUR)
    first, second = (parts.snapshot(Tick(1, START + HOUR), closed) for _ in range(2))
    stepped = after(whole, 3600)
    for name, column in stepped.columns.items():
        np.testing.assert_array_equal(first.columns[name], column, err_msg=name)
        np.testing.assert_array_equal(second.columns[name], column, err_msg=name)
    assert len(first.intervals) == len(stepped.intervals) == 12


def test_another_meter_changes_none() -> None:
    daily = replace(meter("series-2000-277-480", number=4), load=DailyShape("office", 200_000.0))
    some = [meter(number=1), meter("series-1000-120-240", number=2, kw=3.3), daily]
    more = [replace(daily, nameplate=replace(daily.nameplate, number=3, serial="other")), *some]
    small, large = (after(Fleet(meters, start=START), 5000) for meters in (some, more))
    for name, column in small.columns.items():
        np.testing.assert_array_equal(large.columns[name][1:], column, err_msg=name)


def test_a_tick_that_goes_back_is_refused() -> None:
    fleet = Fleet([meter()], start=START)
    after(fleet, 10)
    with pytest.raises(ValueError, match="reached"):
        after(fleet, 9)


@pytest.mark.parametrize("served_between", [True, False])
def test_pulse_hubs_keep_their_counts_and_settings(served_between: bool) -> None:  # noqa: FBT001  a parameter
    spec = meter(kw=360.0)
    first = Fleet([spec], start=START, pulse_hubs=True)
    first.set_pulse_hub(0, "hub_speed", 2)
    first.step(Tick(1, START + 100 * SECOND))
    kept = first.memories()
    between = Fleet([spec], start=START, memories=kept, pulse_hubs=served_between)
    assert between.memories().meters == kept.meters
    last = Fleet(
        [spec], start=START, memories=Memories(between.memories().meters, kept.pulse_hubs), pulse_hubs=True
    )
    snapshot = last.step(Tick(1, START + 100 * SECOND))
    hubs = snapshot.pulse_hubs
    assert (hubs["hub_count_1"][0], hubs["hub_speed"][0]) == (snapshot.columns["pulse_10wh"][0], 2)
    with pytest.raises(ValueError, match="read-only"):
        hubs["hub_count_1"][0] = 0
