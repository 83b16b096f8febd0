"""Daily shapes: a year's energy, the course of a day, and noise that depends on nothing but its meter."""

import math
from datetime import UTC, datetime

import numpy as np
import pytest

from sims.points import NS_PER_S
from sims.profiles import SHAPES, DailyShape, LoadError
from tests.sims.profiles.conftest import LoadsAt, Play

MINUTE = 60 * NS_PER_S
HOUR = 60 * MINUTE


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_has_its_hours_and_stays_positive(name: str) -> None:
    shape = SHAPES[name]
    assert len(shape.workday) == len(shape.weekend) == 24
    assert min(shape.workday + shape.weekend) > 0
    assert abs(shape.winter) < 0.5


@pytest.mark.parametrize("name", SHAPES)
def test_the_minutes_of_a_day_come_to_its_energy(name: str) -> None:
    shape = SHAPES[name]
    for day in range(20_458, 20_458 + 8):
        hours = math.fsum(shape.level(1440 * day + minute) for minute in range(1440)) / 60
        assert hours == pytest.approx(shape.day_hours(day), rel=1e-12)


@pytest.mark.parametrize("year", [2026, 2028])
def test_the_minutes_of_a_year_come_to_its_energy(year: int) -> None:
    first, end = (int(datetime(each, 1, 1, tzinfo=UTC).timestamp()) // 60 for each in (year, year + 1))
    shape = SHAPES["office"]
    hours = math.fsum(shape.level(minute) for minute in range(first, end)) / 60
    assert hours == pytest.approx(shape.year_hours(year), rel=1e-12)


def test_a_week_played_minute_by_minute_has_its_share_of_the_year(play: Play) -> None:
    first = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
    (energy,) = play([DailyShape("office", 100_000, noise=0)], 7 * 86_400, start=first * NS_PER_S)
    shape = SHAPES["office"]
    days = range(first // 86_400, first // 86_400 + 7)
    share = sum(map(shape.day_hours, days)) / shape.year_hours(2026)
    assert energy / 3.6e12 == pytest.approx(100_000 * share, rel=1e-9)


def test_an_office_works_on_workdays_and_by_day(loads_at: LoadsAt, start: int) -> None:
    office = [DailyShape("office", 100_000)]

    def at(day: int, hour: int) -> float:
        return float(loads_at(office, start + (24 * day + hour) * HOUR).active.sum())

    assert at(0, 11) > 3 * at(0, 3)
    assert at(0, 11) > 2 * at(5, 11)


def test_a_load_changes_at_each_full_minute_only(loads_at: LoadsAt, start: int) -> None:
    office = [DailyShape("office", 100_000)]
    first, last, after = (
        loads_at(office, start + 10 * HOUR + offset).active.tolist() for offset in (0, MINUTE - 1, MINUTE)
    )
    assert first == last
    assert first != after


def test_a_group_begun_between_edges_has_its_next_edge_at_the_full_minute(play: Play, start: int) -> None:
    whole = play([DailyShape("office", 100_000)], 600, start=start)
    parts = [
        play([DailyShape("office", 100_000)], 75, start=start + 75 * part * NS_PER_S) for part in range(8)
    ]
    assert sum(part for (part,) in parts) == whole[0]


def test_adding_a_meter_changes_no_other(loads_at: LoadsAt, start: int) -> None:
    office, hotel = DailyShape("office", 100_000), DailyShape("hotel", 50_000)
    alone = loads_at([office], start + 9 * HOUR, serials=["A"])
    among = loads_at([hotel, office, hotel], start + 9 * HOUR, serials=["B", "A", "C"])
    assert alone.active[:, 0].tolist() == among.active[:, 1].tolist()
    assert among.active[:, 0].tolist() != among.active[:, 2].tolist()


def test_the_seed_changes_the_noise_and_nothing_else(loads_at: LoadsAt, start: int) -> None:
    noisy, quiet = [DailyShape("office", 100_000)], [DailyShape("office", 100_000, noise=0)]
    assert loads_at(noisy, start, seed=1).active.tolist() == loads_at(noisy, start, seed=1).active.tolist()
    assert loads_at(noisy, start, seed=1).active.tolist() != loads_at(noisy, start, seed=2).active.tolist()
    assert loads_at(quiet, start, seed=1).active.tolist() == loads_at(quiet, start, seed=2).active.tolist()


def test_noise_has_the_mean_0_and_about_its_standard_deviation(loads_at: LoadsAt, start: int) -> None:
    meters = 2000
    noisy = loads_at([DailyShape("office", 1000, noise=0.1)] * meters, start).active.sum(axis=0)
    quiet = loads_at([DailyShape("office", 1000, noise=0)], start).active.sum()
    off = noisy / quiet - 1
    assert abs(off.mean()) < 0.01
    assert 0.08 < off.std() < 0.12


def test_the_power_factor_is_0_95_lagging_unless_given(loads_at: LoadsAt, start: int) -> None:
    loads = loads_at([DailyShape("retail", 10_000), DailyShape("retail", 10_000, -0.8)], start)
    active, reactive = loads.active.sum(axis=0), loads.reactive.sum(axis=0)
    assert (active / np.hypot(active, reactive)).tolist() == pytest.approx([0.95, 0.8])
    assert (reactive > 0).tolist() == [True, False]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"profile": "castle", "annual_kwh": 1.0}, "profile: 'castle' is none of office, "),
        ({"profile": "office", "annual_kwh": -1.0}, "annual_kwh: -1 "),
        ({"profile": "office", "annual_kwh": math.nan}, "annual_kwh: nan "),
        ({"profile": "office", "annual_kwh": 1.0, "power_factor": 0.0}, "power_factor: 0 "),
        ({"profile": "office", "annual_kwh": 1.0, "noise": 0.3}, "noise: 0.3 "),
    ],
)
def test_impossible_shapes_are_refused_with_their_key(settings: dict[str, float], words: str) -> None:
    with pytest.raises(LoadError, match=words):
        DailyShape(**settings)  # type: ignore[arg-type]
