"""Replays: each interval delivers exactly its energy, on any number of lines, however time is cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sims.models import MODELS
from sims.points import NS_PER_S
from sims.profiles import IntervalSeries, LoadError, Replay, build_groups
from sims.profiles.base import FOREVER, LineLoads
from sims.profiles.replay import segments
from tests.sims.profiles.conftest import START, LoadsAt, Play

THREE_LINES = ["series-1000-1p2w-277", "series-1000-120-208", "series-2000-277-480"]
ENERGY = st.integers(-(10**12), 10**15)
INTERVALS = st.lists(st.tuples(ENERGY, st.integers(20, 90_000)), min_size=1, max_size=12)


def _series(*intervals: tuple[int, float], first: int = START) -> IntervalSeries:
    """Return a series of intervals of so much energy [uJ] and so long [s]."""
    durations = [round(seconds * NS_PER_S) for _, seconds in intervals]
    edges = np.cumsum([first, *durations])
    return IntervalSeries("x", edges, np.array([energy for energy, _ in intervals], np.int64))


STEPS = _series((60_000_000, 60), (120_000_000, 60), (180_000_000, 60))
"""1, 2 and 3 W for a minute each."""


@settings(deadline=None)
@given(INTERVALS)
def test_replays_deliver_exactly_the_energy_of_every_interval_on_one_two_and_three_lines(
    play: Play, intervals: list[tuple[int, int]]
) -> None:
    series = _series(*intervals)
    for count in range(1, len(intervals) + 1):
        energy = sum(each for each, _ in intervals[:count])
        seconds = sum(duration for _, duration in intervals[:count])
        assert play([Replay(series, end="zero")] * 3, seconds, THREE_LINES) == [energy] * 3


@given(ENERGY, st.integers(1_000_000, 10**13))
def test_an_interval_of_any_number_of_nanoseconds_delivers_exactly_its_energy(
    energy: int, nanoseconds: int
) -> None:
    series = IntervalSeries("x", np.array([0, nanoseconds]), np.array([energy]))
    ends, microwatts = segments(series)
    durations = np.diff(ends, prepend=0)
    assert ends[-1] == nanoseconds
    assert (durations > 0).all()
    exact = sum(int(power) * int(duration) for power, duration in zip(microwatts, durations, strict=True))
    assert exact == energy * NS_PER_S


def test_what_a_division_leaves_over_comes_in_the_first_second() -> None:
    ends, microwatts = segments(_series((1_000_000_007, 300), (900, 300)))
    assert (ends / NS_PER_S).tolist() == [1, 300, 600]
    assert microwatts.tolist() == [3_333_333 + 107, 3_333_333, 3]


@pytest.mark.parametrize(
    ("end", "watts"),
    [("repeat", [1, 2, 3, 1, 2, 3, 1]), ("hold", [1, 2, 3, 3, 3, 3, 3]), ("zero", [1, 2, 3, 0, 0, 0, 0])],
)
def test_after_its_end_a_replay_repeats_holds_or_rests(
    play: Play, loads_at: LoadsAt, end: str, watts: list[int]
) -> None:
    replay = Replay(STEPS, end=end)
    at_each_minute = [loads_at([replay], START + 60 * n * NS_PER_S).active.sum() for n in range(len(watts))]
    assert at_each_minute == pytest.approx(watts)
    assert play([replay], 7 * 60) == [60_000_000 * sum(watts)]


def test_aligned_to_the_start_the_first_interval_begins_there(loads_at: LoadsAt) -> None:
    old = _series((60_000_000, 60), (0, 60), first=0)
    assert loads_at([Replay(old, end="zero")], START).active.sum() == pytest.approx(1)


def test_aligned_to_the_clock_the_file_keeps_its_own_times_and_nothing_is_before_it(
    play: Play, loads_at: LoadsAt
) -> None:
    later = _series((60_000_000, 60), (120_000_000, 60), first=START + 90 * NS_PER_S)
    for end in ("repeat", "hold", "zero"):
        replay = Replay(later, align="clock", end=end)
        assert loads_at([replay], START + 89 * NS_PER_S).active.sum() == 0
        assert loads_at([replay], START + 90 * NS_PER_S).active.sum() == pytest.approx(1)
        assert play([replay], 210) == [180_000_000]


def test_aligned_to_the_clock_a_file_of_the_past_repeats_in_its_own_rhythm(loads_at: LoadsAt) -> None:
    past = _series((60_000_000, 60), (120_000_000, 60), first=START - 330 * NS_PER_S)
    assert loads_at([Replay(past, align="clock")], START).active.sum() == pytest.approx(2)
    assert loads_at([Replay(past, align="clock")], START + 30 * NS_PER_S).active.sum() == pytest.approx(1)


@settings(deadline=None)
@given(st.lists(st.integers(-100, 400), min_size=2, max_size=8))
def test_loads_depend_on_the_time_alone_and_not_on_the_way_there(
    loads_at: LoadsAt, seconds: list[int]
) -> None:
    other = _series((7_000_000, 7), (13, 11), (5_000_003, 13))
    loads = [Replay(STEPS), Replay(other, end="hold"), Replay(other), Replay(STEPS, "clock", "zero")]
    serials = [str(row) for row in range(len(loads))]
    models = [MODELS["series-2000-120-208"]] * len(loads)
    (group,) = build_groups(loads, models, serials, seed=0, start=START)
    for each in seconds:
        lines = LineLoads.none(len(loads))
        edge = group.apply(START + each * NS_PER_S, lines)
        assert edge > START + each * NS_PER_S
        assert lines.active.tolist() == loads_at(loads, START + each * NS_PER_S).active.tolist()


def test_a_replay_that_is_over_has_no_edge_any_more() -> None:
    model = MODELS["series-2000-120-208"]
    (group,) = build_groups([Replay(STEPS, end="zero")], [model], ["A"], seed=0, start=START)
    lines = LineLoads.none(1)
    assert group.apply(START + 180 * NS_PER_S, lines) == FOREVER


def test_the_power_factor_adds_reactive_power_and_a_negative_one_leads(loads_at: LoadsAt) -> None:
    loads = loads_at(
        [Replay(STEPS), Replay(STEPS, power_factor=0.8), Replay(STEPS, power_factor=-0.8)], START
    )
    assert loads.active.sum(axis=0) == pytest.approx([1, 1, 1])
    assert loads.reactive.sum(axis=0) == pytest.approx([0, 0.75, -0.75])


@pytest.mark.parametrize(("setting", "value"), [("align", "left"), ("end", "stop"), ("power_factor", 0.0)])
def test_impossible_settings_are_refused_with_their_key(setting: str, value: object) -> None:
    with pytest.raises(LoadError) as refusal:
        Replay(STEPS, **{setting: value})  # type: ignore[arg-type]
    assert refusal.value.key == setting
