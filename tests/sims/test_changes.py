"""What may change while the meters run: load, wiring, supply, surroundings, the key switch."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from sims.fleet import Fleet
from sims.key_switch import KeyOutcome
from sims.meter import MeterSpec, Settings
from sims.models import MODELS, Nameplate
from sims.network import Supply
from sims.points import FLAGS
from sims.profiles import LoadError
from sims.profiles.constant import ConstantLoad, LineCurrents
from sims.profiles.daily import DailyShape
from sims.snapshot import Snapshot, Tick
from sims.wiring import CtInput, VoltageInput, Wiring
from tests.sims.profiles.conftest import NoClock

START = 1_767_571_200 * 10**9
SECOND = 10**9
KWH = 3_600_000_000


def _spec(
    number: int = 1, *, kw: float = 30.0, options: tuple[str, ...] = ("demand", "peak_reset")
) -> MeterSpec:
    plate = Nameplate(number, f"M{number}", MODELS["series-2000-120-208"], f"S{number}", 400.0)
    plate = replace(plate, options=frozenset(options))
    return MeterSpec(plate, ConstantLoad(kw), Wiring.correct(3), settings=Settings(ideal=True))


def _at(fleet: Fleet, seconds: float) -> Snapshot:
    return fleet.step(Tick(1, START + round(seconds * SECOND)))


def _flags(snapshot: Snapshot) -> set[str]:
    return {name for name in FLAGS if snapshot.column(name)[0]}


def test_a_new_load_counts_from_now_on_and_leaves_the_other_meters_alone() -> None:
    daily = replace(_spec(2), load=DailyShape("office", 100_000.0))
    changed, alone = Fleet([_spec(), daily], start=START), Fleet([_spec(), daily], start=START)
    _at(changed, 3600)
    changed.change(0, replace(_spec(), load=ConstantLoad(6.0)))
    snapshot, other = _at(changed, 7200), _at(alone, 7200)
    assert snapshot.columns["energy"].tolist() == [36 * KWH, other.columns["energy"][1]]
    assert snapshot.columns["active_power"][1] == other.columns["active_power"][1]


def test_a_load_that_does_not_fit_is_refused_and_nothing_changes() -> None:
    fleet = Fleet([_spec()], start=START)
    with pytest.raises(LoadError, match="elements"):
        fleet.change(0, replace(_spec(), load=LineCurrents((1.0,))))
    assert _at(fleet, 3600).columns["energy"][0] == 30 * KWH


@pytest.mark.parametrize(
    "broken",
    [
        replace(_spec(), load=DailyShape("office", 100_000.0, zone=NoClock())),
        replace(_spec(), wiring=Wiring((CtInput(9),) * 3, Wiring.correct(3).voltages)),
        replace(_spec(), wiring=Wiring((CtInput(1), CtInput(2)) * 2, Wiring.correct(3).voltages)),
        replace(_spec(), supply=Supply(volts=(100.0,) * 5), temperature_c=99.0),
        replace(
            _spec(), load=DailyShape("office", 1.0), wiring=Wiring((), (VoltageInput(9),)), frequency_hz=50
        ),
    ],
    ids=["load", "line", "cts", "volts", "load and wiring"],
)
def test_whatever_a_change_raises_the_fleet_goes_on_as_if_it_had_not_been_asked(broken: MeterSpec) -> None:
    meters = [_spec(kw=5.0), replace(_spec(2), load=DailyShape("hotel", 100_000.0))]
    asked, untouched = Fleet(meters, start=START), Fleet(meters, start=START)
    for fleet in (asked, untouched):
        _at(fleet, 100.5)
    with pytest.raises((RuntimeError, IndexError)):
        asked.change(0, broken)
    assert asked.meter(0) == meters[0]
    for seconds in (100.5, 101, 300, 5000):
        one, other = _at(asked, seconds), _at(untouched, seconds)
        for name, column in other.columns.items():
            np.testing.assert_array_equal(one.columns[name], column, err_msg=name)
    for fleet in (asked, untouched):
        fleet.change(0, replace(meters[0], supply=Supply(lost=frozenset({2}))))
    assert _at(asked, 9000).columns["energy"].tolist() == _at(untouched, 9000).columns["energy"].tolist()


def test_inputs_that_a_meter_lacks_leave_nothing_behind_when_they_are_refused() -> None:
    plate = Nameplate(1, "M1", MODELS["series-1000-1p2w-120"], "S1", 400.0)
    meter = MeterSpec(plate, ConstantLoad(6.0), Wiring.correct(1), settings=Settings(ideal=True))
    fleet = Fleet([meter], start=START)
    two = Wiring((CtInput(1), CtInput(1)), (VoltageInput(1), VoltageInput(1), VoltageInput(9)))
    with pytest.raises(IndexError):
        fleet.change(0, replace(meter, wiring=two))
    fleet.change(0, replace(meter, load=ConstantLoad(12.0)))
    assert _at(fleet, 3600).columns["energy"][0] == 12 * KWH


def test_a_ct_that_is_turned_round_registers_a_third_from_then_on() -> None:
    fleet = Fleet([_spec()], start=START)
    _at(fleet, 3600)
    right = _spec()
    fleet.change(
        0,
        replace(
            right, wiring=Wiring((CtInput(1, reversed=True), *right.wiring.cts[1:]), right.wiring.voltages)
        ),
    )
    snapshot = _at(fleet, 7200)
    assert snapshot.columns["energy"][0] == 40 * KWH
    assert "negative_power_l1" in _flags(snapshot)


def test_r3_a_meter_that_loses_l1_stops_and_shows_its_last_values_as_stale() -> None:
    fleet = Fleet([_spec()], start=START)
    last = _at(fleet, 400)
    fleet.change(0, replace(_spec(), supply=Supply(lost=frozenset({1}))))
    dark = _at(fleet, 4000)
    assert dark.columns["energy"][0] == last.columns["energy"][0]
    assert dark.columns["active_power"][0] == last.columns["active_power"][0] == 30_000.0
    assert dark.columns["lcd_text"][0] == b" " * 8
    assert dark.intervals == ()
    assert {"stale", "phase_loss_l1", "under_voltage"} <= _flags(dark)
    assert not _flags(dark) & {"powered", "lcd_on", "led_10wh", "led_1kwh"}


def test_what_happens_while_a_meter_is_off_leaves_its_measured_flags_and_its_led_as_they_were() -> None:
    fleet = Fleet([_spec(kw=36.0)], start=START)
    _at(fleet, 10)
    wiring = Wiring(tuple(CtInput(k, reversed=True) for k in (1, 2, 3)), _spec().wiring.voltages)
    dead = replace(_spec(kw=400.0), wiring=wiring, supply=Supply(lost=frozenset({1})))
    fleet.change(0, dead)
    assert not _flags(_at(fleet, 20)) & {"over_current", "negative_power_l2", "reverse_phase"}
    fleet.change(0, replace(_spec(kw=0.1), wiring=wiring))
    assert "reverse_phase" not in _flags(_at(fleet, 30))


def test_a_key_that_is_turned_when_the_supply_fails_resets_nothing() -> None:
    fleet = Fleet([_spec()], start=START)
    _at(fleet, PEAK_SHOWN)
    assert fleet.turn_key(0, right=True) == ""
    fleet.change(0, replace(_spec(), supply=Supply(lost=frozenset({1}))))
    fleet.change(0, _spec())
    lost = "the LCD went blank: the meter lost its supply while the key was turned"
    assert fleet.key_outcome(0) == KeyOutcome(reset=False, reason=lost, time=START + PEAK_SHOWN * SECOND)
    _at(fleet, PEAK_SHOWN + 0.5)
    assert fleet.turn_key(0, right=False) == lost
    outcome = fleet.key_outcome(0)
    assert outcome is not None
    assert outcome.time == START + round((PEAK_SHOWN + 0.5) * SECOND)


@pytest.mark.parametrize(("lead", "elsewhere"), [("l1", False), ("n", True)])
def test_r2_without_lead_l1_or_lead_n_a_meter_is_off_whatever_the_voltages_are(
    lead: str, *, elsewhere: bool
) -> None:
    """Without lead N the lines stay as they were, and no element has a voltage to measure any more."""
    right = Wiring.correct(3)
    open_l1 = replace(right, voltages=(VoltageInput(1, open=True), *right.voltages[1:]))
    wiring = replace(right, neutral_open=True) if lead == "n" else open_l1
    fleet = Fleet([_spec()], start=START)
    last = _at(fleet, 400)
    for volts in (120.0, 138.0, 200.0):
        fleet.change(0, replace(_spec(), wiring=wiring, supply=Supply(volts=(volts,) * 3)))
        dark = _at(fleet, 4000)
        assert dark.columns["energy"][0] == last.columns["energy"][0]
        assert dark.columns["active_power"][0] == 30_000.0
        assert dark.columns["voltage_l1_n"][0] == 120.0
        assert {"stale", "under_voltage", "phase_loss_l1"} <= _flags(dark)
        assert ("phase_loss_l3" in _flags(dark)) is elsewhere
        assert not _flags(dark) & {"powered", "lcd_on", "led_10wh"}
    fleet.change(0, _spec())
    assert {"stale", "under_voltage"}.isdisjoint(_flags(_at(fleet, 4001)))
    assert _at(fleet, 4000 + 3600).columns["energy"][0] == last.columns["energy"][0] + 30 * KWH


def test_r2_losing_another_line_never_switches_the_meter_off() -> None:
    fleet = Fleet([_spec()], start=START)
    fleet.change(0, replace(_spec(), supply=Supply(lost=frozenset({2, 3}))))
    snapshot = _at(fleet, 3600)
    assert snapshot.columns["energy"][0] == 10 * KWH
    assert {"powered", "phase_loss_l2", "phase_loss_l3"} <= _flags(snapshot)


def test_r16_power_loss_keeps_energy_and_peak_and_forgets_the_demand_and_the_display() -> None:
    fleet = Fleet([_spec()], start=START)
    before = _at(fleet, 1000)
    fleet.change(0, replace(_spec(), supply=Supply(neutral_lost=True, lost=frozenset({1}))))
    _at(fleet, 1100)
    fleet.change(0, _spec())
    after = _at(fleet, 1101)
    assert after.columns["peak_demand"][0] == before.columns["peak_demand"][0] == 30_000.0
    assert after.columns["peak_demand_time"][0] == before.columns["peak_demand_time"][0]
    assert after.columns["demand"][0] == after.columns["rolling_demand"][0] == 0.0
    assert after.columns["uptime"][0] == SECOND
    assert after.columns["lcd_screen"][0] == 1
    assert [interval.end for interval in _at(fleet, 1500).intervals] == [START + 1400 * SECOND]


@pytest.mark.parametrize(("strict", "registers"), [(False, True), (True, False)])
def test_r4_over_the_window_a_meter_goes_on_unless_it_is_strict(*, strict: bool, registers: bool) -> None:
    spec = replace(_spec(), settings=Settings(ideal=True, strict_voltage=strict))
    fleet = Fleet([replace(spec, supply=Supply(volts=(138.1, 120.0, 120.0)))], start=START)
    snapshot = _at(fleet, 3600)
    assert "over_voltage" in _flags(snapshot)
    assert ("powered" in _flags(snapshot)) is registers
    assert bool(snapshot.columns["energy"][0] > 0) is registers


def test_a_change_of_temperature_does_not_reach_back_into_an_earlier_snapshot() -> None:
    fleet = Fleet([_spec()], start=START)
    early = _at(fleet, 1)
    fleet.change(0, replace(_spec(), temperature_c=61.0))
    assert early.columns["temperature"][0] == 25.0
    assert "accuracy_unspecified" in _flags(_at(fleet, 2))


PEAK_SHOWN = 19 * 60 + 12
"""A second at which the LCD begins to show the peak, for six seconds."""


@pytest.mark.parametrize(
    ("right", "back", "why"),
    [
        (0.0, 0.5, ""),
        (0.0, 1.0, ""),
        (4.9, 5.9, ""),
        (0.0, 1.001, "1.001 s"),
        (-0.2, 0.3, "instantaneous"),
        (5.5, 6.1, "test"),
    ],
)
def test_r13_the_key_resets_the_peak_right_and_back_in_time_while_it_is_shown(
    right: float, back: float, why: str
) -> None:
    fleet = Fleet([_spec()], start=START)
    _at(fleet, PEAK_SHOWN + right)
    fleet.turn_key(0, right=True)
    before = _at(fleet, PEAK_SHOWN + back)
    said = fleet.turn_key(0, right=False)
    assert (why in said) if why else not said
    after = _at(fleet, PEAK_SHOWN + back)
    assert after.columns["peak_demand"][0] == (before.columns["peak_demand"][0] if why else 0.0)
    assert after.columns["rolling_demand"][0] == before.columns["rolling_demand"][0] > 0


@pytest.mark.parametrize(("held", "reset"), [(0.5, True), (1.0, True), (1.5, False)])
def test_a_held_key_goes_back_by_itself_at_its_time_inside_any_tick(held: float, *, reset: bool) -> None:
    fleet = Fleet([_spec(), _spec(2)], start=START)
    _at(fleet, PEAK_SHOWN + 1)
    assert fleet.hold_key(0, round(held * SECOND)) == ""
    peaks = _at(fleet, PEAK_SHOWN + 40).columns["peak_demand"]
    assert peaks.tolist() == [0.0 if reset else 30_000.0, 30_000.0]


@pytest.mark.parametrize(
    ("held", "reason"), [(0.5, ""), (1.5, "the key was turned for 1.5 s; allowed: up to 1 s")]
)
def test_r13_what_came_of_a_held_key_is_told_once_it_is_back(held: float, reason: str) -> None:
    fleet = Fleet([_spec(), _spec(2)], start=START)
    _at(fleet, PEAK_SHOWN + 1)
    fleet.hold_key(0, round(held * SECOND))
    assert fleet.key_outcome(0) is None
    _at(fleet, PEAK_SHOWN + 40)
    back = START + round((PEAK_SHOWN + 1 + held) * SECOND)
    assert fleet.key_outcome(0) == KeyOutcome(not reason, reason, back)
    assert fleet.key_outcome(1) is None


def test_r13_the_outcome_is_that_of_the_last_turn_and_not_of_a_key_that_did_not_move() -> None:
    fleet = Fleet([_spec(), _spec(2, options=())], start=START)
    for row in (0, 1):
        fleet.turn_key(row, right=False)
        assert fleet.key_outcome(row) is None
    for second, reason in ((3, "the LCD shows total"), (PEAK_SHOWN, "")):
        _at(fleet, second)
        for row in (0, 1):
            fleet.turn_key(row, right=True)
            fleet.turn_key(row, right=True)
            fleet.turn_key(row, right=False)
            fleet.turn_key(row, right=False)
        outcome, without = fleet.key_outcome(0), fleet.key_outcome(1)
        assert outcome is not None
        assert without is not None
        assert (outcome.reset, outcome.time) == (not reason, START + second * SECOND)
        assert outcome.reason.startswith(reason)
        assert "no peak reset" in without.reason


def test_a_meter_without_the_option_refuses_every_reset_with_the_reason() -> None:
    fleet = Fleet([_spec(options=("demand",))], start=START)
    _at(fleet, PEAK_SHOWN)
    for said in (fleet.reset_peak(0), fleet.turn_key(0, right=True), fleet.turn_key(0, right=False)):
        assert "peak_reset" in said
    assert _at(fleet, PEAK_SHOWN).columns["peak_demand"][0] == 30_000.0


def test_a_reset_from_afar_needs_no_screen_but_a_supply() -> None:
    fleet = Fleet([_spec()], start=START)
    _at(fleet, 1000)
    fleet.change(0, replace(_spec(), supply=Supply(lost=frozenset({1}))))
    assert "supply" in fleet.reset_peak(0)
    fleet.change(0, _spec())
    assert fleet.reset_peak(0) == ""
    assert _at(fleet, 1001).columns["peak_demand"][0] == 0.0


def test_after_a_reset_the_peak_rises_again_from_the_kept_rolling_demand() -> None:
    fleet = Fleet([_spec()], start=START)
    _at(fleet, 900)
    assert fleet.reset_peak(0) == ""
    assert _at(fleet, 1200).columns["peak_demand"][0] == 30_000.0


def test_changes_between_two_parts_of_a_time_give_the_same_as_in_one() -> None:
    steps = (10.0, 700.5, 1300.25, 3600.0)
    fleets = [Fleet([_spec()], start=START) for _ in range(2)]
    for before, seconds in pairwise((0.0, *steps)):
        _at(fleets[0], (before + seconds) / 2)
        for fleet in fleets:
            _at(fleet, seconds)
            fleet.change(0, replace(_spec(), load=ConstantLoad(seconds / 100)))
    one, other = (_at(fleet, 4000) for fleet in fleets)
    for name, column in one.columns.items():
        np.testing.assert_array_equal(other.columns[name], column, err_msg=name)


def test_a_load_too_small_to_measure_registers_nothing_and_harms_nothing() -> None:
    drawn = replace(_spec(kw=1e-309), settings=Settings())
    fleet = Fleet([drawn], start=START)
    with np.errstate(all="raise", under="ignore"):
        snapshot = _at(fleet, 1)
    assert snapshot.columns["energy"][0] == 0
    assert np.isfinite(snapshot.columns["active_power"][0])


def test_a_power_that_cannot_be_never_reaches_the_counter() -> None:
    mixed = replace(_spec(), load=LineCurrents((10.0, 10.0, 10.0), (1e-9, -1e-9, 1.0)))
    fleet = Fleet([replace(mixed, supply=Supply(neutral_lost=True))], start=START)
    counts = [int(_at(fleet, second).columns["energy"][0]) for second in range(1, 400, 37)]
    assert counts == sorted(counts)
    assert counts[-1] >= 0


def test_a_stale_reading_does_not_take_the_surroundings_that_come_with_the_outage() -> None:
    fleet = Fleet([_spec()], start=START)
    _at(fleet, 10)
    fleet.change(0, replace(_spec(), supply=Supply(lost=frozenset({1})), temperature_c=80.0))
    dark = _at(fleet, 20)
    assert dark.columns["temperature"][0] == 25.0
    assert "accuracy_unspecified" not in _flags(dark)


def test_a_second_turn_to_the_right_does_not_keep_a_held_key_from_going_back() -> None:
    fleet = Fleet([_spec()], start=START)
    _at(fleet, PEAK_SHOWN)
    assert fleet.hold_key(0, SECOND // 2) == ""
    assert "already" in fleet.turn_key(0, right=True)
    assert _at(fleet, PEAK_SHOWN + 2).columns["key_switch"][0] == 0
    fleet.turn_key(0, right=True)
    assert "already" in fleet.hold_key(0, SECOND // 2)
    assert _at(fleet, PEAK_SHOWN + 4).columns["key_switch"][0] == 1


def test_a_meter_without_the_option_is_told_so_whatever_the_lcd_shows() -> None:
    fleet = Fleet([_spec(options=())], start=START)
    assert "peak_reset" in fleet.hold_key(0, SECOND // 2)
