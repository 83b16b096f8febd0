"""Local time: both changes of the clock, in files of readings and in the shapes of days."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sims.points import NS_PER_S
from sims.profiles import DailyShape, IntervalSeries, LoadError, parse_csv
from sims.profiles.zones import instant, local_time
from tests.sims.profiles.conftest import LoadsAt

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = [BERLIN, ZoneInfo("America/New_York"), ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Asia/Kathmandu")]


def _csv(times: list[str], **settings: str) -> IntervalSeries:
    rows = "".join(f"{time},{number}\n" for number, time in enumerate(times))
    return parse_csv(
        f"t,v\n{rows}".encode(), "x", time="t", value="v", unit="kW", zone=BERLIN, gaps="fail", **settings
    )


def _utc(nanoseconds: int) -> str:
    return f"{datetime.fromtimestamp(nanoseconds // NS_PER_S, UTC):%m-%d %H:%M}"


def test_times_without_a_zone_are_local_and_times_with_one_are_their_own() -> None:
    assert _utc(_csv(["2026-01-05 00:00", "2026-01-05 01:00"]).edges[0]) == "01-04 23:00"
    assert _utc(_csv(["5/7/2026 00:00", "5/7/2026 01:00"]).edges[0]) == "07-04 22:00"
    assert _utc(_csv(["2026-07-05T00:00Z", "2026-07-05T03:00+02:00"]).edges[0]) == "07-05 00:00"


@pytest.mark.parametrize("step", [15, 30, 60])
@pytest.mark.parametrize("stamp", ["start", "end"])
def test_in_the_repeated_hour_the_order_of_the_rows_decides(step: int, stamp: str) -> None:
    first = datetime(2026, 10, 24, 22, tzinfo=UTC)
    moments = [first + timedelta(minutes=step * n) for n in range(6 * 60 // step)]
    times = [f"{moment.astimezone(BERLIN):%Y-%m-%d %H:%M}" for moment in moments]
    series = _csv(times, stamp=stamp)
    assert [len(times), len(set(times))] == [6 * 60 // step, 5 * 60 // step]
    assert set((series.edges[1:] - series.edges[:-1]) // (60 * NS_PER_S)) == {step}
    assert not series.notes


@pytest.mark.parametrize("step", [15, 60])
def test_over_the_hour_left_out_in_spring_the_series_has_no_gap(step: int) -> None:
    first = datetime(2026, 3, 28, 23, tzinfo=UTC)
    moments = [first + timedelta(minutes=step * n) for n in range(5 * 60 // step)]
    series = _csv([f"{moment.astimezone(BERLIN):%Y-%m-%d %H:%M}" for moment in moments])
    assert set((series.edges[1:] - series.edges[:-1]) // (60 * NS_PER_S)) == {step}


def test_a_time_that_the_clock_left_out_is_refused_with_its_line() -> None:
    with pytest.raises(LoadError, match=r"x:3: 2026-03-29 02:30:00 is no time in Europe/Berlin"):
        _csv(["2026-03-29 01:30", "2026-03-29 02:30"])


@given(st.integers(0, 4_000_000_000), st.sampled_from(ZONES))
def test_what_a_clock_shows_means_the_instant_at_which_it_shows_it(seconds: int, zone: ZoneInfo) -> None:
    naive = datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None) + timedelta(
        seconds=local_time(seconds, zone).seconds
    )
    candidates = {instant(naive, zone, None), instant(naive, zone, seconds * NS_PER_S - 1)}
    assert seconds * NS_PER_S in candidates


def test_the_day_of_a_shape_is_that_of_its_zone_in_winter_and_summer(loads_at: LoadsAt) -> None:
    shapes = [DailyShape("office", 1e5, noise=0, zone=zone) for zone in (UTC, BERLIN)]
    for day, hours in ((datetime(2026, 1, 14, 8, tzinfo=UTC), 1), (datetime(2026, 7, 15, 8, tzinfo=UTC), 2)):
        time = int(day.timestamp()) * NS_PER_S
        ahead = loads_at(shapes, time + hours * 3600 * NS_PER_S).active.sum(axis=0)[0]
        assert loads_at(shapes, time).active.sum(axis=0)[1] == pytest.approx(ahead, rel=1e-3)
