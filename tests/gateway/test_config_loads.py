"""The kinds of load in the file: what each comes to, and what is said of those that cannot be."""

from datetime import UTC
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from gateway.config.powers import highest_w
from gateway.config.reader import load_config
from gateway.errors import ConfigError
from sims.models import MODELS
from sims.profiles import (
    BDEW_PROFILES,
    SHAPES,
    BdewProfile,
    ConstantLoad,
    DailyShape,
    LoadSpec,
    Motor,
    Period,
    RandomWalk,
    Replay,
    Schedule,
    Solar,
    Sum,
    build_groups,
)
from sims.profiles.base import LineLoads

BERLIN = ZoneInfo("Europe/Berlin")
PERIODS = "[{days: [mon, sun], begin: 06:00, end: 18:30, kw: 40}, {begin: '22:00', end: '0:00', kw: 1}]"


def _load(tmp_path: Path, load: str) -> LoadSpec:
    (tmp_path / "shape.csv").write_text("0,0.5\n1,1\n")
    (tmp_path / "rows.csv").write_text("t,v\n2026-07-01 00:00,1\n2026-07-01 01:00,2\n")
    (tmp_path / "plant.yaml").write_text(f"meters:\n  - {{id: a, ct_a: 100, load: {{{load}}}}}\n")
    return load_config(tmp_path / "plant.yaml").meters[0].load


@pytest.mark.parametrize(
    ("load", "spec"),
    [
        ("profile: h0, annual_kwh: 4000", BdewProfile("h0", 4000)),
        ("profile: l2, annual_kwh: 4e3, zone: Europe/Berlin", BdewProfile("l2", 4000, zone=BERLIN)),
        ("profile: office, annual_kwh: 9, zone: Europe/Berlin", DailyShape("office", 9, zone=BERLIN)),
        ("profile: solar, kwp: 10, latitude: 48, longitude: -11.5", Solar(10, 48, -11.5)),
        (
            "profile: motor, kw: 5, starts: [06:00, 18:30], run_s: 60, inrush: 7, zone: Europe/Berlin",
            Motor(5, (360, 1110), 60, inrush=7, zone=BERLIN),
        ),
        (
            "profile: random_walk, kw: 5, least_kw: 1, most_kw: 9, step_kw: 0.1, power_factor: -0.9",
            RandomWalk(5, 1, 9, 0.1, -0.9),
        ),
        (
            f"schedule: {PERIODS}, base_kw: 2",
            Schedule((Period((0, 6), 360, 1110, 40), Period((0, 1, 2, 3, 4, 5, 6), 1320, 0, 1)), 2),
        ),
        (
            "sum: [{sum: [{kw: 1}, {kw: 2}], noise: 0.1}, {kw: -1}]",
            Sum((Sum((ConstantLoad(1), ConstantLoad(2)), noise=0.1), ConstantLoad(-1))),
        ),
        (
            "sum: [{kw: 1}, {profile: solar, kwp: 1, latitude: 0, longitude: 0}], shares: [0.5, 0.3, 0.2]",
            Sum((ConstantLoad(1), Solar(1, 0, 0)), (0.5, 0.3, 0.2)),
        ),
    ],
)
def test_a_load_of_the_file_is_the_load_that_it_describes(tmp_path: Path, load: str, spec: LoadSpec) -> None:
    assert _load(tmp_path, load) == spec


def test_every_kind_of_load_counts_in_the_power_of_a_sum(tmp_path: Path) -> None:
    per_annual_kwh = 1e4 / 8766
    for load, watts in (
        ("kw: -5", 5000.0),
        ("amps: [1, 2, 3], between: {l1_l2: {amps: 4}}", 14 * 120.0),
        ("profile: hotel, annual_kwh: 8766", 8766 * per_annual_kwh),
        ("profile: g0, annual_kwh: 8766", 8766 * per_annual_kwh),
        ("profile: opendss, file: shape.csv, base_kw: 10", 10_000.0),
        (f"schedule: {PERIODS}, base_kw: -2", 43_000.0),
        ("profile: solar, kwp: 3, latitude: 48, longitude: 0", 3000.0),
        ("profile: motor, kw: 5, starts: ['6:00'], run_s: 60, inrush: 4, power_factor: 0.5", 40_000.0),
        ("profile: random_walk, kw: 5, least_kw: -9, most_kw: 6, step_kw: 0.1", 9000.0),
    ):
        spec = _load(tmp_path, f"sum: [{{{load}}}, {{sum: [{{{load}}}]}}]")
        assert highest_w(spec, MODELS["series-2000-120-208"]) == pytest.approx(2 * watts), load


def test_no_shape_rises_above_what_is_counted_of_it(tmp_path: Path) -> None:
    for profile in (*SHAPES, *BDEW_PROFILES):
        load = _load(tmp_path, f"profile: {profile}, annual_kwh: 8766")
        model = MODELS["series-2000-120-208"]
        fleet_loads = LineLoads.none(1)
        (group,) = build_groups([load], [model], ["S1"], seed=0, start=0)
        highest = 0.0
        for quarter in range(0, 366 * 96, 7):
            group.apply(quarter * 900 * 10**9, fleet_loads)
            highest = max(highest, float(fleet_loads.active.sum()))
        assert 1000 < highest < highest_w(load, model)


def test_a_standard_profile_without_energy_has_the_usual_mean(tmp_path: Path) -> None:
    profile, building = (_load(tmp_path, f"profile: {name}") for name in ("g0", "office"))
    assert isinstance(profile, BdewProfile)
    assert isinstance(building, DailyShape)
    assert profile.annual_kwh == building.annual_kwh > 0
    assert profile.zone is UTC


def test_a_load_shape_is_a_replay_alone_and_in_a_sum(tmp_path: Path) -> None:
    load = "profile: opendss, file: shape.csv, base_kw: 10"
    alone, summed = _load(tmp_path, load), _load(tmp_path, f"sum: [{{{load}}}]")
    assert isinstance(alone, Replay)
    assert isinstance(summed, Sum)
    assert alone.series.energy.tolist() == [18 * 10**12, 36 * 10**12]


def test_the_times_of_a_csv_file_are_those_of_its_zone(tmp_path: Path) -> None:
    load = "profile: csv, file: rows.csv, time: t, value: v, unit: kW"
    there, here = (_load(tmp_path, load + zone) for zone in (", zone: Europe/Berlin", ""))
    assert isinstance(there, Replay)
    assert isinstance(here, Replay)
    assert here.series.edges[0] - there.series.edges[0] == 2 * 3600 * 10**9


@pytest.mark.parametrize(
    ("load", "key", "words"),
    [
        ("profile: h0, zone: Europe/Atlantis", "zone", "'Europe/Atlantis' is no time zone; allowed: a name"),
        ("profile: h0, zone: ../passwd", "zone", "is no time zone"),
        ("profile: office, zone: Europe", "zone", "is no time zone"),
        ("profile: h0, noise: 0.1", "noise", "unknown key"),
        ("profile: solar, kwp: 1, latitude: 91, longitude: 0", "latitude", "from -90 to 90"),
        ("profile: motor, kw: 1, starts: ['25:00'], run_s: 9", "starts[0]", "'25:00' is no time of day"),
        ("profile: motor, kw: 1, starts: ['24:00'], run_s: 9", "starts", "minutes of the day"),
        ("profile: motor, kw: 1, starts: ['0:00'], run_s: 3", "inrush_s", "5 s of inrush in 3 s"),
        ("profile: random_walk, kw: 1, least_kw: 2, most_kw: 3, step_kw: 1", "kw", "1 is not from 2 to 3"),
        ("schedule: []", "schedule", "allowed: a list"),
        ("schedule: [{begin: 6, end: 7:00, kw: 1}]", "schedule[0].begin", "6 is no time of day"),
        ("schedule: [{begin: 06:00, end: 7:00, kw: 1e9}]", "schedule[0].kw", "more than 100000 kW"),
        (
            "schedule: [{days: [x], begin: 6:00, end: 7:00, kw: 1}]",
            "schedule[0].days[0]",
            "allowed: mon",
        ),
        ("sum: [{kw: 1}, {amps: [1]}]", "sum[1].amps", "has 1 values"),
        ("sum: [{kw: 1}, {kw: 1, pf: 1}]", "sum[1].pf", "unknown key"),
        ("sum: [{kw: 1}, {sum: [{kw: 1}, {amps: [1]}]}]", "sum[1].sum[1].amps", "has 1 values"),
        ("sum: [{sum: []}]", "sum[0].sum", "allowed: a list of 1 to 100"),
        ("sum: [{kw: 6e4}, {kw: -6e4}]", "sum", "more than 100000 kW"),
        ("sum: [{sum: [{kw: 6e4}]}, {profile: solar, kwp: 5e4, latitude: 0, longitude: 0}]", "sum", "100000"),
        ("sum: [{kw: 1}], shares: [1, 1, 1]", "shares", "make 1 in all"),
        ("sum: [{kw: 1}], shares: [0.5, 0.5]", "shares", "has 2 values"),
        ("sum: [{profile: opendss, file: no.csv, base_kw: 1}]", "sum[0].file", "cannot be read"),
        ("profile: opendss, file: rows.csv, base_kw: 1", "file", "rows.csv:1: 't' is not a number"),
    ],
)
def test_a_load_that_cannot_be_is_refused_with_its_key(
    tmp_path: Path, load: str, key: str, words: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        _load(tmp_path, load)
    assert raised.value.key == f"meters[0].load.{key}"
    assert words in raised.value.message
