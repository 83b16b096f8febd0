"""The rules of docs/meter.md under their numbers, at their exact edges, through fleet and snapshot alone."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from gateway.modbus.units.subjects import Meters
from register_maps.codec import Codec
from register_maps.loader import load as load_map
from register_maps.model import Table
from sims.fleet import Fleet
from sims.meter import MeterSpec, Settings
from sims.models import MODELS, Nameplate
from sims.network import Supply
from sims.points import FLAGS
from sims.profiles import IntervalSeries, Replay
from sims.profiles.constant import ConstantLoad, LineCurrents, PairCurrent
from sims.snapshot import SCREENS, Snapshot, Tick
from sims.wiring import CtInput, VoltageInput, Wiring

START = 1_767_571_200 * 10**9
SECOND = 10**9
WH = 3_600_000
KWH = 1000 * WH

ONE_PHASE, SPLIT, NETWORK = "series-1000-1p2w-120", "series-1000-120-240", "series-1000-120-208"
WYE, WYE_277 = "series-2000-120-208", "series-2000-277-480"
IDEAL = Settings(ideal=True)


def _meter(
    model: str = WYE,
    load: ConstantLoad | LineCurrents | Replay | None = None,
    *,
    kw: float = 36.0,
    serial: str = "S1",
    ct_a: float = 100.0,
    options: Sequence[str] = ("demand", "peak_reset"),
    ct_kind: str = "solid",
) -> MeterSpec:
    """Return an ideal meter with the wiring of the diagrams."""
    known = MODELS[model]
    plate = Nameplate(1, "M1", known, serial, ct_a=ct_a, ct_kind=ct_kind, options=frozenset(options))
    return MeterSpec(plate, load or ConstantLoad(kw), Wiring.correct(known.elements), settings=IDEAL)


def _fleet(*meters: MeterSpec) -> Fleet:
    return Fleet(meters, start=START)


def _at(fleet: Fleet, seconds: float) -> Snapshot:
    return fleet.step(Tick(1, START + round(seconds * SECOND)))


def _after(meter: MeterSpec, seconds: float = 1.0) -> Snapshot:
    return _at(_fleet(meter), seconds)


def _value(snapshot: Snapshot, point: str, row: int = 0) -> float:
    return float(snapshot.column(point)[row])


def _flags(snapshot: Snapshot) -> set[str]:
    return {name for name in FLAGS if snapshot.column(name)[0]}


def _text(snapshot: Snapshot) -> str:
    return bytes(snapshot.columns["lcd_text"][0]).decode()


def _with_ct(meter: MeterSpec, k: int, **changed: object) -> MeterSpec:
    """Return `meter` with the CT at element `k` changed."""
    cts = list(meter.wiring.cts)
    cts[k - 1] = replace(cts[k - 1], **changed)  # type: ignore[arg-type]
    return replace(meter, wiring=Wiring(tuple(cts), meter.wiring.voltages))


def _watts_of(minutes: Sequence[float]) -> Replay:
    """Return a load that draws so many kilowatts in each minute from the start on."""
    edges = START + 60 * SECOND * np.arange(len(minutes) + 1, dtype=np.int64)
    energy = np.array([round(kilowatts * 60e9) for kilowatts in minutes], np.int64)
    return Replay(IntervalSeries("minutes", edges, energy), end="zero")


@pytest.mark.parametrize(
    ("model", "edges"),
    [(WYE, (101.9, 102.0, 138.0, 138.1)), (WYE_277, (234.9, 235.0, 320.0, 320.1))],
)
def test_r01_the_supply_window_is_inclusive_at_both_ends(model: str, edges: tuple[float, ...]) -> None:
    flags = []
    for volts in edges:
        snapshot = _after(replace(_meter(model), supply=Supply(volts=(volts,) * 3)))
        flags.append(_flags(snapshot) & {"powered", "under_voltage", "over_voltage"})
    assert flags == [{"under_voltage"}, {"powered"}, {"powered"}, {"powered", "over_voltage"}]


@pytest.mark.parametrize("lost", [(), (1,), (2,), (3,), (2, 3), (1, 2, 3)])
@pytest.mark.parametrize("neutral_lost", [False, True])
def test_r02_only_the_loss_of_l1_or_neutral_switches_a_meter_off(
    lost: tuple[int, ...], *, neutral_lost: bool
) -> None:
    """The load is unbalanced: where the neutral is lost, L1, which carries the most, falls under 102 V."""
    load = LineCurrents((60.0, 10.0, 10.0))
    fleet = _fleet(_meter(WYE, load))
    _at(fleet, 1)
    supply = Supply(lost=frozenset(lost), neutral_lost=neutral_lost)
    fleet.change(0, replace(_meter(WYE, load), supply=supply))
    assert ("powered" in _flags(_at(fleet, 2))) is not (1 in lost or neutral_lost)


@pytest.mark.parametrize("model", list(MODELS))
def test_r02_without_its_own_lead_n_a_meter_is_off_on_every_service(model: str) -> None:
    """The lines of a balanced load keep their voltages when the neutral is lost upstream instead."""
    meter = _meter(model)
    fleet = _fleet(meter, replace(meter, supply=Supply(neutral_lost=True)))
    _at(fleet, 1)
    fleet.change(0, replace(meter, wiring=replace(meter.wiring, neutral_open=True)))
    powered = _at(fleet, 2).column("powered").tolist()
    assert powered == [False, MODELS[model].elements > 1]


def test_r02_a_voltage_lead_on_another_line_supplies_the_meter_from_there() -> None:
    right = _meter()
    rewired = replace(
        right,
        wiring=Wiring(right.wiring.cts, (VoltageInput(2), *right.wiring.voltages[1:])),
        supply=Supply(lost=frozenset({1})),
    )
    assert "powered" in _flags(_after(rewired))


def test_r03_without_supply_nothing_moves_but_the_clock() -> None:
    fleet = _fleet(_meter(kw=36.0))
    last = _at(fleet, 3600.25)
    fleet.change(0, replace(_meter(), supply=Supply(lost=frozenset({1}))))
    dark = _at(fleet, 90_000)
    for point in ("energy", "pulse_10wh", "pulse_1kwh", "demand", "peak_demand", "active_power"):
        assert _value(dark, point) == _value(last, point), point
    assert _text(dark) == " " * 8
    assert not _flags(dark) & {"led_10wh", "led_1kwh", "reverse_phase", "lcd_on", "powered"}
    assert "stale" in _flags(dark)
    assert _value(dark, "uptime") == 0


@pytest.mark.parametrize(("strict", "registered"), [(False, 36.0 * (140 / 120) ** 2), (True, 0.0)])
def test_r04_over_the_window_a_meter_goes_on_measuring_unless_it_is_strict(
    *, strict: bool, registered: float
) -> None:
    settings = replace(IDEAL, strict_voltage=strict)
    spec = replace(_meter(ct_a=200.0), supply=Supply(volts=(140.0,) * 3), settings=settings)
    snapshot = _after(spec, 3600)
    assert "over_voltage" in _flags(snapshot)
    assert _value(snapshot, "energy") / KWH == pytest.approx(registered, abs=1e-6)


@pytest.mark.parametrize(
    ("amps", "shown", "over"),
    [(110.0, 110.0, False), (110.1, 110.1, True), (120.0, 120.0, True), (150.0, 120.0, True)],
)
def test_r05_over_current_at_110_and_saturation_at_120_percent(
    amps: float, shown: float, *, over: bool
) -> None:
    snapshot = _after(_meter(ONE_PHASE, LineCurrents((amps,))), 3600)
    assert _value(snapshot, "current_l1") == pytest.approx(shown)
    assert _value(snapshot, "energy") == pytest.approx(120 * shown * WH)
    assert ("over_current" in _flags(snapshot)) is over


def test_r05_what_saturates_is_the_secondary_whatever_ct_is_put_there() -> None:
    spec = _with_ct(_meter(ONE_PHASE, LineCurrents((80.0,))), 1, ratio=2.0)
    assert _value(_after(spec), "current_l1") == pytest.approx(120.0)


def test_r06_series_1000_takes_50_to_60_hz_and_series_2000_60_hz() -> None:
    for model in MODELS.values():
        assert model.frequencies == ((50.0, 60.0) if model.series == 1000 else (60.0, 60.0))
    assert _value(_after(replace(_meter(SPLIT), frequency_hz=50.0)), "frequency") == 50.0


@pytest.mark.parametrize("amps", [1.0, 3.0, 10.0, 50.0, 100.0])
@pytest.mark.parametrize(("factor", "percent"), [(1.0, 0.5), (0.5, 0.75), (-0.5, 0.75)])
def test_r07_the_registration_of_every_meter_drawn_is_within_its_bounds(
    amps: float, factor: float, percent: float
) -> None:
    serials = [f"{number:012}" for number in np.random.default_rng(7).integers(0, 10**12, 100)]
    meters = [
        replace(
            _meter(model, LineCurrents((amps,) * elements, (factor,) * elements), serial=serial),
            settings=Settings(),
        )
        for serial, (model, elements) in zip(
            serials, [(ONE_PHASE, 1), (SPLIT, 2), (WYE, 3)] * 34, strict=False
        )
    ]
    energy = _at(_fleet(*meters), 36_000).columns["energy"]
    true = np.array([1200 * amps * abs(factor) * len(meter.wiring.cts) for meter in meters]) * WH
    error = np.abs(energy / true - 1) * 100
    assert error.max() <= percent
    assert error.max() > 0.4 * percent


@pytest.mark.parametrize("factor", [0.5, -0.5])
def test_r08_a_power_factor_of_a_half_is_specified_whatever_the_meter_makes_of_it(factor: float) -> None:
    meters = [
        replace(_meter(WYE, ConstantLoad(12.0, factor), serial=f"S{n}"), settings=Settings())
        for n in range(60)
    ]
    assert not _at(_fleet(*meters), 1).column("accuracy_unspecified").any()


@pytest.mark.parametrize(
    ("factor", "celsius", "unspecified", "lcd_on"),
    [
        (0.5, 25.0, False, True),
        (-0.5, 25.0, False, True),
        (0.499, 25.0, True, True),
        (-0.499, 25.0, True, True),
        (1.0, -30.0, False, False),
        (1.0, -30.1, True, False),
        (1.0, 60.0, False, False),
        (1.0, 60.1, True, False),
        (1.0, -20.0, False, True),
        (1.0, -20.1, False, False),
        (1.0, 50.0, False, True),
        (1.0, 50.1, False, False),
    ],
)
def test_r08_power_factor_and_temperature_at_the_edges_of_their_ranges(
    factor: float, celsius: float, *, unspecified: bool, lcd_on: bool
) -> None:
    spec = _meter(ONE_PHASE, LineCurrents((50.0,), (factor,)))
    snapshot = _after(replace(spec, temperature_c=celsius), 3600)
    assert ("accuracy_unspecified" in _flags(snapshot)) is unspecified
    assert ("lcd_on" in _flags(snapshot)) is lcd_on
    assert _value(snapshot, "energy") == pytest.approx(6000 * abs(factor) * WH)


@pytest.mark.parametrize(
    ("kw", "led", "half"),
    [(36.0, "led_10wh", 0.5), (36.0, "led_1kwh", 50.0), (0.12, "led_10wh", 150.0)],
)
def test_r09_pulses_are_half_on_and_half_off_to_the_nanosecond(kw: float, led: str, half: float) -> None:
    fleet = _fleet(_meter(kw=kw))
    point = {"led_10wh": "pulse_10wh", "led_1kwh": "pulse_1kwh"}[led]
    seen = [
        (bool(_value(snapshot, led)), _value(snapshot, point))
        for edge in range(1, 5)
        for snapshot in (_at(fleet, edge * half - 1e-9), _at(fleet, edge * half))
    ]
    assert seen == [
        *((True, 0), (False, 0), (False, 0), (True, 1)),
        *((True, 1), (False, 1), (False, 1), (True, 2)),
    ]


def test_r09_no_pulse_is_lost_in_a_step_of_any_length() -> None:
    fleet = _fleet(_meter(kw=36.0), _meter(ONE_PHASE, kw=0.12))
    for seconds in (0.3, 1000.7, 86_400.0):
        snapshot = _at(fleet, seconds)
        assert snapshot.columns["pulse_10wh"].tolist() == [int(seconds), int(seconds / 300)]
        assert snapshot.columns["pulse_1kwh"].tolist() == [int(seconds / 100), int(seconds / 30_000)]


def test_r10_the_lcd_rolls_over_at_a_million_kwh_and_the_count_beside_it_goes_on() -> None:
    fleet = _fleet(replace(_meter(kw=36.0, options=()), initial_energy=999_999 * KWH))
    before, after = _at(fleet, 100 - 1e-9), _at(fleet, 100)
    assert [_text(before), _text(after)] == [" 999999 ", " 000000 "]
    assert [_value(before, "lcd_energy"), _value(after, "lcd_energy")] == [999_999, 0]
    assert after.columns["energy"][0] == 10**6 * KWH
    assert _value(after, "pulse_1kwh") == 10**6


def test_r10_no_change_of_a_meter_and_no_reset_takes_energy_back() -> None:
    fleet = _fleet(_meter())
    energy = _at(fleet, 1000).columns["energy"][0]
    reversed_all = replace(_meter(), wiring=Wiring(tuple(CtInput(k, reversed=True) for k in (1, 2, 3)), ()))
    for changed in (
        replace(_meter(), initial_energy=0),
        replace(_meter(), supply=Supply(lost=frozenset({1, 2, 3}))),
        replace(reversed_all, wiring=Wiring(reversed_all.wiring.cts, _meter().wiring.voltages)),
        replace(_meter(kw=-36.0)),
    ):
        fleet.change(0, changed)
        fleet.reset_peak(0)
        assert _at(fleet, 1000).columns["energy"][0] == energy
    assert _at(fleet, 2000).columns["energy"][0] == energy


def test_r10_u32_counters_roll_over_at_two_to_the_32_and_the_64_bit_count_does_not() -> None:
    pulses = 2**32
    spec = replace(_meter(kw=36.0), initial_energy=(pulses * 10 - 10) * WH)
    fleet = _fleet(spec)
    codec = Codec(load_map("native"), 1, Meters([spec.nameplate]).fixed)
    run = next(run for run in codec.runs[Table.HOLDING] if run.start <= 100 < run.end)

    def read(seconds: float, address: int, registers: int) -> int:
        place = run.offset + (address - run.start) * run.width
        return int.from_bytes(codec.encode(_at(fleet, seconds).columns)[place : place + registers * 2])

    assert [read(0.999, 106, 2), read(0.999, 100, 4)] == [pulses - 1, pulses * 10 - 1]
    assert [read(1.0, 106, 2), read(1.0, 100, 4)] == [0, pulses * 10]


def test_r11_the_lcd_goes_through_its_four_screens_in_19_seconds() -> None:
    spec = _meter(WYE, _watts_of([30.0] * 5 + [12.0] * 5 + [0.0] * 20))
    fleet = _fleet(replace(spec, initial_energy=58 * KWH))
    cycle = 38 * 19  # 722 s: two intervals are complete, 30 kW and 12 kW
    shown = [
        (SCREENS[int(_value(snapshot, "lcd_screen"))], _text(snapshot))
        for second in (0, 5.999, 6, 11.999, 12, 17.999, 18, 18.999, 19)
        for snapshot in [_at(fleet, cycle + second)]
    ]
    screens = [
        ("total", " 000061 "),
        ("instantaneous", "  12.00'"),
        ("peak", "  14.00."),
        ("test", "8" * 8),
    ]
    assert shown == [*(screen for screen in screens for _ in range(2)), screens[0]]


def test_r11_without_the_demand_option_the_lcd_shows_the_total_alone() -> None:
    fleet = _fleet(_meter(options=()))
    assert {_text(_at(fleet, second / 2))[1:7] for second in range(60)} == {"000000"}


def _kilowatts(kw: float, begin: int, end: int, minutes: int = 30) -> list[float]:
    return [kw if begin <= minute < end else 0.0 for minute in range(minutes)]


@pytest.mark.parametrize(
    ("load", "last", "rolling", "peak"),
    [
        (_kilowatts(10, 0, 5, 20), [10, 0, 0, 0], [10 / 3, 10 / 3, 10 / 3, 0], 10 / 3),
        (_kilowatts(30, 10, 20), [0, 0, 30, 30, 0, 0], [0, 0, 10, 20, 20, 10], 20),
        (_kilowatts(30, 2, 17), [18, 30, 30, 12, 0, 0], [6, 16, 26, 24, 14, 4], 26),
        (_kilowatts(30, 5, 20), [0, 30, 30, 30, 0, 0], [0, 10, 20, 30, 20, 10], 30),
    ],
)
@pytest.mark.parametrize("step", [7.3, 60.0, 1800.0])
def test_r12_the_worked_demand_tables_at_any_length_of_tick(
    load: list[float], last: list[float], rolling: list[float], peak: float, step: float
) -> None:
    fleet = _fleet(_meter(WYE, _watts_of(load)))
    end = 60 * len(load)
    times = [*np.arange(step, end, step), end]
    snapshots = [_at(fleet, float(time)) for time in times]
    closed = [interval for snapshot in snapshots for interval in snapshot.intervals]
    assert [interval.demand[0] / 1e3 for interval in closed] == pytest.approx(last, abs=1e-6)
    assert [interval.rolling_demand[0] / 1e3 for interval in closed] == pytest.approx(rolling, abs=1e-6)
    assert _value(snapshots[-1], "peak_demand") / 1e3 == pytest.approx(peak, abs=1e-6)


@pytest.mark.parametrize(
    ("begin", "end", "peaks"),
    [(2, 17, {"3x5": 26, "15x1": 30, "block": 26}), (5, 20, {"3x5": 30, "15x1": 30, "block": 20})],
)
def test_r12_the_method_is_a_setting_and_decides_the_peak(
    begin: int, end: int, peaks: dict[str, float]
) -> None:
    meters = [
        replace(_meter(WYE, _watts_of(_kilowatts(30, begin, end))), settings=replace(IDEAL, demand=method))  # type: ignore[arg-type]
        for method in peaks
    ]
    shown = _at(_fleet(*meters), 1800).columns["peak_demand"] / 1e3
    assert shown.tolist() == pytest.approx(list(peaks.values()), abs=1e-6)


PEAK = 47 * 19 + 12
"""A second, after the first 15 minutes, from which the LCD shows the peak for six."""


@pytest.mark.parametrize(
    ("right", "back", "reason"),
    [
        (0.0, 1.0, ""),
        (5.0, 5.999999999, ""),
        (0.0, 1.000000001, "up to 1 s"),
        (-0.000000001, 0.5, "shows instantaneous"),
        (5.5, 6.0, "shows test"),
        (7.0, 7.5, "shows total"),
    ],
)
def test_r13_the_key_resets_the_peak_at_its_exact_edges_or_says_why_not(
    right: float, back: float, reason: str
) -> None:
    fleet = _fleet(_meter(kw=30.0))
    _at(fleet, PEAK + right)
    fleet.turn_key(0, right=True)
    rolling = _value(_at(fleet, PEAK + back), "rolling_demand")
    said = fleet.turn_key(0, right=False)
    assert reason in said if reason else said == ""
    after = _at(fleet, PEAK + back)
    assert _value(after, "peak_demand") == (30_000.0 if reason else 0.0)
    assert _value(after, "rolling_demand") == rolling == 30_000.0


def test_r13_a_reset_peak_reads_0_00_on_the_lcd_until_the_next_five_minutes_close() -> None:
    fleet = _fleet(_meter(kw=30.0))
    _at(fleet, PEAK)
    fleet.turn_key(0, right=True)
    fleet.turn_key(0, right=False)
    assert _text(_at(fleet, PEAK + 1)) == "   0.00."
    assert _value(_at(fleet, 1199.999), "peak_demand") == 0.0
    assert _value(_at(fleet, 1200), "peak_demand") == 30_000.0


@pytest.mark.parametrize(
    ("amps", "net", "any_element"),
    [
        ((60.0, 30.0, 10.0), True, True),  # net below zero, CT1 reversed
        ((30.0, 30.0, 10.0), False, True),  # one element below zero, net above
        ((0.99, 0.3, 0.3), False, False),  # under 1 A on every element: as before
        ((1.0, 0.3, 0.3), True, True),
    ],
)
def test_r14_the_reverse_phase_led(amps: tuple[float, ...], *, net: bool, any_element: bool) -> None:
    spec = _with_ct(_meter(WYE, LineCurrents(amps)), 1, reversed=True)
    for how, lit in (("net", net), ("any_element", any_element)):
        snapshot = _after(replace(spec, settings=replace(IDEAL, reverse_phase=how)))  # type: ignore[arg-type]
        assert ("reverse_phase" in _flags(snapshot)) is lit, how


def test_r14_under_one_ampere_the_led_holds_its_last_state() -> None:
    def load(*amps: float) -> MeterSpec:
        return _with_ct(_meter(WYE, LineCurrents(amps)), 1, reversed=True)

    fleet = _fleet(load(60.0, 10.0, 10.0))
    lit = []
    for second, amps in enumerate([(60, 10, 10), (0.5, 0.9, 0.9), (10, 60, 10), (0.9, 0.1, 0.1)], start=1):
        fleet.change(0, load(*amps))
        lit.append("reverse_phase" in _flags(_at(fleet, second)))
    assert lit == [True, True, False, False]


@pytest.mark.parametrize(("how", "registered"), [("net", 0.0), ("abs", 2.4), ("per_element_clamp", 4.8)])
def test_r15_what_registers_of_net_export(how: str, registered: float) -> None:
    spec = _with_ct(_meter(WYE, LineCurrents((60.0, 30.0, 10.0))), 1, reversed=True)
    snapshot = _after(replace(spec, settings=replace(IDEAL, registration=how)), 3600)  # type: ignore[arg-type]
    assert _value(snapshot, "energy") / KWH == pytest.approx(registered, abs=1e-9)
    assert _value(snapshot, "active_power") == pytest.approx(-2400.0)


def test_r16_power_loss_keeps_energy_remainder_and_peak_and_nothing_else() -> None:
    spec = _meter(kw=7.1234567)
    fleet = _fleet(spec)
    _at(fleet, 1000.1)
    kept = fleet.memories().meters["S1"]
    fleet.change(0, replace(spec, supply=Supply(lost=frozenset({1}))))
    _at(fleet, 5000)
    assert fleet.memories().meters["S1"] == kept
    assert kept.femtojoules > 0
    fleet.change(0, spec)
    back = _at(fleet, 5000)
    assert fleet.memories().meters["S1"] == kept
    assert [_value(back, point) for point in ("demand", "rolling_demand", "uptime")] == [0, 0, 0]
    assert SCREENS[int(_value(back, "lcd_screen"))] == "total"
    (interval,) = _at(fleet, 5300).intervals
    assert (*interval.start, *interval.end) == (START + 5000 * SECOND, START + 5300 * SECOND)
    assert interval.demand[0] == pytest.approx(7123.4567, abs=1e-5)


def test_r16_a_new_process_goes_on_with_what_was_kept() -> None:
    first = _fleet(_meter(kw=7.1234567))
    _at(first, 1000.1)
    kept = first.memories()
    second = Fleet([_meter()], start=START + 2000 * SECOND, memories=kept)
    assert second.memories() == kept


def test_r17_115_percent_voltage_without_current_gives_no_pulse() -> None:
    meters = [
        replace(_meter(model, kw=0.0), supply=Supply(volts=(volts * 1.15,) * MODELS[model].elements))
        for model, volts in ((WYE, 120.0), (WYE_277, 277.0), (SPLIT, 120.0))
    ]
    drawn = [replace(meter, settings=Settings()) for meter in meters]
    snapshot = _at(_fleet(*meters, *drawn), 86_400)
    assert snapshot.column("powered").all()
    assert not snapshot.columns["energy"].any()
    assert not snapshot.columns["pulse_10wh"].any()


@pytest.mark.parametrize(
    ("amps", "watts"),
    [
        ((0.0999, 0.0999, 0.0999), 0.0),
        ((0.1, 0.0, 0.0), 12.0),
        ((0.1, 0.05, 0.05), 24.0),  # one element that carries it starts the meter, and all elements register
    ],
)
def test_r17_the_starting_current_is_a_thousandth_of_the_rated_one(
    amps: tuple[float, ...], watts: float
) -> None:
    snapshot = _after(_meter(WYE, LineCurrents(amps)), 36_000)
    assert _value(snapshot, "energy") / WH == pytest.approx(10 * watts)


@pytest.mark.parametrize("ct_a", [7.0, 9.0, 100.0, 200.0, 282.0, 700.0, 1999.0])
def test_r17_a_thousandth_of_the_rated_current_starts_whatever_the_rating(ct_a: float) -> None:
    spec = _meter(ONE_PHASE, LineCurrents((ct_a / 1000,)), ct_a=ct_a)
    assert _value(_after(spec, 36_000), "energy") / WH == pytest.approx(10 * 0.12 * ct_a)


@pytest.mark.parametrize("element", [1, 2, 3])
@pytest.mark.parametrize(("turned", "exchanged"), list(product([False, True], repeat=2)))
def test_r18_leads_exchanged_and_a_ct_turned_round_each_flip_the_sign_and_together_none(
    element: int, *, turned: bool, exchanged: bool
) -> None:
    spec = _with_ct(
        _meter(WYE, LineCurrents((60.0, 30.0, 10.0), (0.9, 0.8, -0.7))),
        element,
        reversed=turned,
        exchanged=exchanged,
    )
    right, snapshot = _after(_meter(WYE, spec.load)), _after(spec)  # type: ignore[arg-type]
    sign = 1 if turned == exchanged else -1
    for quantity in ("active_power", "reactive_power"):
        point = f"{quantity}_l{element}"
        assert _value(snapshot, point) == sign * _value(right, point) != 0
    assert (f"negative_power_l{element}" in _flags(snapshot)) is (sign < 0)


def _resistors(model: str, *ohms: float) -> MeterSpec:
    """Return a meter of 120 V with a resistance on each line."""
    return _meter(model, LineCurrents(tuple(120.0 / ohm for ohm in ohms)))


def _without_neutral(spec: MeterSpec, seconds: float = 3600) -> Snapshot:
    return _after(replace(spec, supply=Supply(neutral_lost=True)), seconds)


def test_neutral_lost_on_a_split_service_with_the_larger_load_on_l1_switches_the_meter_off() -> None:
    snapshot = _without_neutral(_resistors(SPLIT, 10, 20))
    assert {"under_voltage", "over_voltage", "stale"} <= _flags(snapshot)
    assert _value(snapshot, "energy") == 0


def test_neutral_lost_on_a_split_service_with_the_larger_load_on_l2_registers_with_over_voltage() -> None:
    snapshot = _without_neutral(_resistors(SPLIT, 20, 10))
    shown = [_value(snapshot, point) for point in ("voltage_l1_n", "voltage_l2_n", "voltage_l1_l2")]
    assert shown == pytest.approx([160, 80, 240])
    assert _value(snapshot, "energy") / WH == pytest.approx(1920)
    assert {"powered", "over_voltage", "under_voltage"} <= _flags(snapshot)


def test_neutral_lost_on_a_wye_service_moves_the_star_point() -> None:
    snapshot = _without_neutral(_resistors(WYE, 2, 2, 4))
    shown = [_value(snapshot, f"voltage_l{k}_n") for k in (1, 2, 3)]
    assert shown == pytest.approx([109.98, 109.98, 144.00], abs=0.005)
    between = [_value(snapshot, point) for point in ("voltage_l1_l2", "voltage_l2_l3", "voltage_l3_l1")]
    assert between == pytest.approx([207.846] * 3, abs=5e-4)
    assert _value(snapshot, "energy") / WH == pytest.approx(17_280, abs=0.5)
    assert {"powered", "over_voltage"} <= _flags(snapshot)


@pytest.mark.parametrize(("turned", "watts"), [(False, 10_392.304845), (True, 0.0)])
def test_a_load_between_lines_on_the_network_service(*, turned: bool, watts: float) -> None:
    spec = _meter(NETWORK, LineCurrents((0.0, 0.0), between=(PairCurrent("l1_l2", 50.0),)))
    snapshot = _after(_with_ct(spec, 2, reversed=turned), 3600)
    assert _value(snapshot, "active_power_l1") == pytest.approx(5196.15, abs=0.005)
    assert abs(_value(snapshot, "active_power_l2")) == pytest.approx(5196.15, abs=0.005)
    assert _value(snapshot, "energy") / WH == pytest.approx(watts, abs=1e-5)
