"""Schedules: on and off by the clock of the week, over midnight and over the change of the clock."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from sims.points import NS_PER_S
from sims.profiles import LoadError, Period, Schedule
from tests.sims.profiles.conftest import LoadsAt, Play

BERLIN = ZoneInfo("Europe/Berlin")
WORKDAYS = (0, 1, 2, 3, 4)
HOUR_UJ = 3_600_000_000_000


def _kw(loads_at: LoadsAt, schedule: Schedule, moment: datetime) -> float:
    return float(loads_at([schedule], int(moment.timestamp()) * NS_PER_S).active.sum()) / 1e3


@pytest.mark.parametrize(
    ("moment", "kw"),
    [
        (datetime(2026, 1, 5, 5, 59, 59, tzinfo=UTC), 2),
        (datetime(2026, 1, 5, 6, 0, tzinfo=UTC), 42),
        (datetime(2026, 1, 5, 17, 59, 59, tzinfo=UTC), 42),
        (datetime(2026, 1, 5, 18, 0, tzinfo=UTC), 2),
        (datetime(2026, 1, 10, 12, 0, tzinfo=UTC), 2),
    ],
)
def test_a_period_is_on_from_its_beginning_to_its_end_on_its_days(
    loads_at: LoadsAt, moment: datetime, kw: float
) -> None:
    schedule = Schedule((Period(WORKDAYS, 360, 1080, 40.0),), 2.0)
    assert _kw(loads_at, schedule, moment) == pytest.approx(kw)


def test_a_period_over_midnight_belongs_to_the_day_on_which_it_begins(loads_at: LoadsAt) -> None:
    schedule = Schedule((Period((6,), 1320, 120, 5.0),))
    assert _kw(loads_at, schedule, datetime(2026, 1, 5, 1, 59, tzinfo=UTC)) == pytest.approx(5)
    assert _kw(loads_at, schedule, datetime(2026, 1, 5, 2, 0, tzinfo=UTC)) == 0
    assert _kw(loads_at, schedule, datetime(2026, 1, 5, 23, 0, tzinfo=UTC)) == 0


def test_a_whole_day_and_periods_that_overlap(play: Play) -> None:
    schedule = Schedule((Period((0,), 0, 1440, 1.0), Period((0,), 600, 660, 2.0)))
    assert play([schedule], 2 * 86_400) == [26 * HOUR_UJ]


def test_a_day_of_the_zone_is_an_hour_shorter_in_spring_and_longer_in_autumn(play: Play) -> None:
    schedule = Schedule((Period((6,), 0, 1440, 1.0),), zone=BERLIN)
    for day, hours in ((datetime(2026, 3, 28, tzinfo=UTC), 23), (datetime(2026, 10, 24, tzinfo=UTC), 25)):
        assert play([schedule], 3 * 86_400, start=int(day.timestamp()) * NS_PER_S) == [hours * HOUR_UJ]


def test_a_week_has_the_energy_of_its_periods(play: Play) -> None:
    assert play([Schedule((Period(WORKDAYS, 361, 1081, 40.0),), 2.0)], 7 * 86_400) == [
        (168 * 2 + 60 * 40) * HOUR_UJ
    ]


@pytest.mark.parametrize(
    ("days", "begin", "end", "kw", "key"),
    [
        ((), 0, 60, 1.0, "days"),
        ((7,), 0, 60, 1.0, "days"),
        ((0,), 1440, 60, 1.0, "begin"),
        ((0,), 0, 1441, 1.0, "end"),
        ((0,), 0, 60, 1e9, "kw"),
    ],
)
def test_impossible_periods_are_refused_with_their_key(
    days: tuple[int, ...], begin: int, end: int, kw: float, key: str
) -> None:
    with pytest.raises(LoadError) as refusal:
        Period(days, begin, end, kw)
    assert refusal.value.key == key


def test_a_schedule_without_periods_is_refused() -> None:
    with pytest.raises(LoadError, match=r"^periods: "):
        Schedule(())
