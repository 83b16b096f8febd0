import asyncio
import time
from fractions import Fraction

import pytest

from gateway.clock import END, LONGEST_ADVANCE_S, LONGEST_TICK, MANUAL_START, Clock, iso, span
from gateway.errors import RequestRefusedError
from sims.points import NS_PER_S
from sims.snapshot import Tick

TICK_NS = 10_000_000


async def next_tick(clock: Clock) -> Tick:
    """Wait for a tick and take it."""
    while True:
        await clock.due()
        if tick := clock.take():
            return tick


def _fast(speed: float = 1.0) -> Clock:
    """Return a real clock that starts in 1970 and ticks every 10 ms."""
    return Clock("real", start=0, tick_s=0.01, speed=speed)


def test_a_manual_clock_starts_on_the_same_monday_every_time() -> None:
    state = Clock("manual").state
    assert state.tick == Tick(0, MANUAL_START)
    assert iso(MANUAL_START) == "2026-01-05T00:00:00Z"
    assert time.gmtime(MANUAL_START // NS_PER_S).tm_wday == 0
    assert not state.paused


def test_a_real_clock_starts_now_on_a_whole_second() -> None:
    start = Clock("real").state.tick.time
    assert start % NS_PER_S == 0
    assert abs(start - time.time_ns()) < 60 * NS_PER_S


def test_a_start_that_is_given_is_kept_in_either_mode() -> None:
    assert Clock("real", start=5).state.tick.time == Clock("manual", start=5).state.tick.time == 5


def test_an_advance_of_up_to_a_day_is_one_tick_of_exactly_that_length() -> None:
    clock = Clock("manual", start=0)
    assert list(clock.advance(300)) == [Tick(1, 300 * NS_PER_S)]
    assert list(clock.advance(0.1)) == [Tick(2, 300_100_000_000)]
    assert list(clock.advance(0.000001)) == [Tick(3, 300_100_001_000)]
    assert clock.state.tick == Tick(3, 300_100_001_000)


def test_a_longer_advance_is_a_tick_for_each_day_and_one_for_the_rest() -> None:
    clock, day = Clock("manual", start=0), 86_400 * NS_PER_S
    assert list(clock.advance(86_400)) == [Tick(1, day)]
    assert list(clock.advance(2.5 * 86_400)) == [
        Tick(2, 2 * day),
        Tick(3, 3 * day),
        Tick(4, 3 * day + day // 2),
    ]


@pytest.mark.parametrize(
    "seconds", [0, -1, 1e-7, 0.0000015, float("nan"), float("inf"), LONGEST_ADVANCE_S + 1]
)
def test_an_advance_that_is_none_is_refused_with_what_is_allowed(seconds: float) -> None:
    with pytest.raises(ValueError, match="more than 0 and at most 316224000 s"):
        span(seconds)


def test_no_clock_goes_further_than_its_end() -> None:
    clock = Clock("manual", start=END - NS_PER_S)
    with pytest.raises(RequestRefusedError, match="2100-01-01T00:00:00Z"):
        clock.advance(2)
    assert [tick.time for tick in clock.advance(1)] == [END]


async def test_a_real_clock_stands_still_at_its_end() -> None:
    clock = Clock("real", start=END - 1, tick_s=0.01)
    assert (await next_tick(clock)).time == END
    assert clock.state.paused


async def test_a_clock_refuses_what_its_mode_does_not_have() -> None:
    with pytest.raises(RequestRefusedError, match="--clock manual"):
        Clock("real").advance(1)
    with pytest.raises(RequestRefusedError, match="manual"):
        Clock("manual").set(paused=True)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(next_tick(Clock("manual")), 0.05)


async def test_real_ticks_are_numbered_and_end_on_whole_periods_after_the_start() -> None:
    clock = _fast()
    ticks = [await next_tick(clock) for _ in range(20)]
    assert [tick.number for tick in ticks] == list(range(1, 21))
    times = [tick.time for tick in ticks]
    assert times == sorted(set(times))
    assert all(instant % TICK_NS == 0 for instant in times)


@pytest.mark.parametrize("speed", [0.1, 1 / 3, 60.0, 3600.5])
async def test_simulated_time_is_exact_at_any_speed(speed: float) -> None:
    clock = _fast(speed)
    step = TICK_NS * Fraction(str(speed))
    for _ in range(5):
        instant = (await next_tick(clock)).time
        periods = -(-instant // step)
        assert instant == int(periods * step)


async def test_who_comes_late_gets_one_longer_tick_and_no_others_for_what_was_missed() -> None:
    clock = _fast()
    before = await next_tick(clock)
    time.sleep(0.2)  # noqa: ASYNC251  the loop is to be held up
    late = await next_tick(clock)
    assert late.number == before.number + 1
    assert late.time - before.time >= 0.2 * NS_PER_S - TICK_NS
    began = time.monotonic_ns()
    after = await next_tick(clock)
    assert after.time - late.time <= time.monotonic_ns() - began + 2 * TICK_NS


async def test_a_mark_ends_now_and_the_regular_ticks_stay_where_they_are() -> None:
    clock = _fast()
    await next_tick(clock)
    early = time.monotonic_ns()
    first = clock.mark()
    after_first = time.monotonic_ns()
    time.sleep(0.004)  # noqa: ASYNC251  as above
    before_second = time.monotonic_ns()
    second = clock.mark()
    late = time.monotonic_ns()
    assert before_second - after_first <= second.time - first.time <= late - early
    regular = await next_tick(clock)
    assert [first.number, second.number, regular.number] == [2, 3, 4]
    assert regular.time % TICK_NS == 0
    assert regular.time > second.time


async def test_a_mark_that_comes_after_a_tick_was_due_takes_its_place() -> None:
    clock = _fast()
    await clock.due()
    time.sleep(0.023)  # noqa: ASYNC251  as above
    mark = clock.mark()
    assert mark.time > 2 * TICK_NS
    overdue = clock.take()
    assert overdue is None or overdue.time > mark.time
    assert (await next_tick(clock)).time % TICK_NS == 0


async def test_a_mark_catches_up_no_more_than_a_tick_does() -> None:
    clock = _fast(speed=100_000.0)
    await next_tick(clock)
    before = clock.state.tick.time
    time.sleep(1.2)  # noqa: ASYNC251  as above
    mark = clock.mark()
    assert LONGEST_TICK // 2 < mark.time - before < 1.1 * LONGEST_TICK
    assert (await next_tick(clock)).time > mark.time


@pytest.mark.parametrize("speed", [0.001, 50.0])
async def test_time_goes_on_from_a_mark_at_any_new_speed(speed: float) -> None:
    clock = _fast()
    await next_tick(clock)
    time.sleep(0.005)  # noqa: ASYNC251  as above
    mark = clock.mark()
    clock.set(speed=speed)
    assert (await next_tick(clock)).time > mark.time


async def test_no_time_passes_twice_when_the_speed_is_set_after_a_mark() -> None:
    clock = _fast()
    await next_tick(clock)
    time.sleep(0.005)  # noqa: ASYNC251  as above
    early = time.monotonic_ns()
    mark = clock.mark()
    clock.set(speed=1.0)
    again = clock.mark()
    assert again.time - mark.time <= time.monotonic_ns() - early


async def test_a_mark_of_a_clock_that_stands_has_no_length() -> None:
    manual, real = Clock("manual", start=7), _fast()
    assert manual.mark() == Tick(1, 7)
    before = await next_tick(real)
    real.set(paused=True)
    time.sleep(0.01)  # noqa: ASYNC251  as above
    assert real.mark() == Tick(before.number + 1, before.time)
    assert real.take() is None
    real.set(paused=False)
    assert real.take() is None
    assert real.mark().time == before.time


def test_no_clock_starts_before_an_earlier_run_came_to() -> None:
    assert Clock("manual", reached=MANUAL_START + 5).state.tick.time == MANUAL_START + 5
    assert Clock("manual", start=9, reached=8).state.tick.time == 9
    assert Clock("manual", start=9, reached=10).state.tick.time == 10
    assert Clock("real", reached=END - 1).state.tick.time == END - 1


async def test_a_new_speed_counts_from_the_next_tick() -> None:
    clock = _fast()
    before = (await next_tick(clock)).time
    clock.set(speed=100)
    assert clock.state.speed == 100
    length = (await next_tick(clock)).time - before
    assert length >= 100 * TICK_NS
    assert length % (100 * TICK_NS) == 0


async def test_a_paused_clock_gives_no_tick_and_no_time_passes_meanwhile() -> None:
    clock = _fast()
    before = await next_tick(clock)
    waiting = asyncio.create_task(next_tick(clock))
    clock.set(paused=True)
    assert clock.state.paused
    await asyncio.sleep(0.5)
    assert not waiting.done()
    clock.set(paused=False)
    resumed = time.monotonic_ns()
    tick = await waiting
    assert tick.number == before.number + 1
    assert tick.time - before.time <= time.monotonic_ns() - resumed + TICK_NS


async def test_setting_a_clock_as_it_is_changes_nothing() -> None:
    clock = _fast()
    before = await next_tick(clock)
    clock.set(paused=False, speed=1.0)
    assert (await next_tick(clock)).time % TICK_NS == 0
    assert clock.state.tick.number == before.number + 1


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_500_000_000, "1970-01-01T00:00:01.500000Z"),
        (MANUAL_START + 1000, "2026-01-05T00:00:00.000001Z"),
    ],
)
def test_instants_are_shown_in_iso_8601(instant: int, text: str) -> None:
    assert iso(instant) == text
