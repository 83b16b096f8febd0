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
            clock.adopt(tick)
            return tick


def marked(clock: Clock) -> Tick:
    """Return the tick that ends now, which is made."""
    tick = clock.mark()
    clock.adopt(tick)
    return tick


def advanced(clock: Clock, seconds: float) -> list[Tick]:
    """Return the ticks of an advance, which are made one after the other."""
    ticks = []
    for end in clock.advance(seconds):
        ticks.append(clock.go_to(end))
        clock.adopt(ticks[-1])
    return ticks


def changed(clock: Clock, *, speed: float | None = None, paused: bool | None = None) -> Tick:
    """Return the tick at which a clock is set, which is made."""
    tick = clock.set(speed=speed, paused=paused)
    clock.adopt(tick)
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
    assert advanced(clock, 300) == [Tick(1, 300 * NS_PER_S)]
    assert advanced(clock, 0.1) == [Tick(2, 300_100_000_000)]
    assert advanced(clock, 0.000001) == [Tick(3, 300_100_001_000)]
    assert clock.state.tick == Tick(3, 300_100_001_000)


def test_a_longer_advance_is_a_tick_for_each_day_and_one_for_the_rest() -> None:
    clock, day = Clock("manual", start=0), 86_400 * NS_PER_S
    assert advanced(clock, 86_400) == [Tick(1, day)]
    assert advanced(clock, 2.5 * 86_400) == [
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
    assert [tick.time for tick in advanced(clock, 1)] == [END]


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
    first = marked(clock)
    after_first = time.monotonic_ns()
    time.sleep(0.004)  # noqa: ASYNC251  as above
    before_second = time.monotonic_ns()
    second = marked(clock)
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
    mark = marked(clock)
    assert mark.time > 2 * TICK_NS
    overdue = clock.take()
    assert overdue is None or overdue.time > mark.time
    assert (await next_tick(clock)).time % TICK_NS == 0


async def test_a_mark_catches_up_no_more_than_a_tick_does() -> None:
    clock = _fast(speed=100_000.0)
    await next_tick(clock)
    before = clock.state.tick.time
    time.sleep(1.2)  # noqa: ASYNC251  as above
    mark = marked(clock)
    assert LONGEST_TICK // 2 < mark.time - before < 1.1 * LONGEST_TICK
    assert (await next_tick(clock)).time > mark.time


@pytest.mark.parametrize("speed", [0.001, 50.0])
async def test_a_new_speed_counts_from_when_it_is_set(speed: float) -> None:
    clock = _fast()
    await next_tick(clock)
    early = time.monotonic_ns()
    before = marked(clock)
    time.sleep(0.005)  # noqa: ASYNC251  as above
    at = changed(clock, speed=speed)
    late = time.monotonic_ns()
    assert 5_000_000 <= at.time - before.time <= late - early
    assert (clock.state.speed, at.regular) == (speed, round(TICK_NS * speed))
    time.sleep(0.004)  # noqa: ASYNC251  as above
    after = marked(clock)
    assert 4_000_000 * speed <= after.time - at.time <= (time.monotonic_ns() - early) * speed
    regular = await next_tick(clock)
    assert (regular.time - at.time) % round(TICK_NS * speed) == 0


async def test_a_clock_is_paused_when_it_is_told_so_and_goes_on_from_there() -> None:
    clock = _fast()
    before = await next_tick(clock)
    time.sleep(0.005)  # noqa: ASYNC251  as above
    at = changed(clock, paused=True)
    assert at.time - before.time >= 5_000_000
    time.sleep(0.02)  # noqa: ASYNC251  as above
    assert marked(clock) == Tick(at.number + 1, at.time, TICK_NS)
    assert clock.take() is None
    resumed = time.monotonic_ns()
    assert changed(clock, paused=False).time == at.time
    time.sleep(0.005)  # noqa: ASYNC251  as above
    assert 5_000_000 <= marked(clock).time - at.time <= time.monotonic_ns() - resumed


async def test_who_waits_for_a_tick_heeds_what_the_clock_is_set_to_meanwhile() -> None:
    clock = Clock("real", start=0, tick_s=0.1)
    waiting = asyncio.create_task(clock.due())
    await asyncio.sleep(0.05)
    changed(clock, paused=True)
    await asyncio.sleep(0.01)
    resumed = time.monotonic_ns()
    changed(clock, paused=False)
    await waiting
    assert time.monotonic_ns() - resumed >= 100_000_000


async def test_a_clock_set_before_it_begins_to_go_has_gone_on_by_nothing() -> None:
    clock = _fast()
    assert changed(clock, speed=2.0) == Tick(1, 0, 2 * TICK_NS)


def test_a_mark_of_a_manual_clock_has_no_length_and_counts_when_it_is_adopted() -> None:
    clock = Clock("manual", start=7)
    assert clock.mark() == clock.mark() == Tick(1, 7)
    clock.adopt(clock.mark())
    assert clock.mark() == Tick(2, 7)


def test_no_clock_starts_before_an_earlier_run_came_to() -> None:
    assert Clock("manual", reached=MANUAL_START + 5).state.tick.time == MANUAL_START + 5
    assert Clock("manual", start=9, reached=8).state.tick.time == 9
    assert Clock("manual", start=9, reached=10).state.tick.time == 10
    assert Clock("real", reached=END - 1).state.tick.time == END - 1


async def test_a_paused_clock_gives_no_tick_and_no_time_passes_meanwhile() -> None:
    clock = _fast()
    before = await next_tick(clock)
    waiting = asyncio.create_task(next_tick(clock))
    paused = changed(clock, paused=True)
    assert clock.state.paused
    await asyncio.sleep(0.5)
    assert not waiting.done()
    assert paused.time - before.time < 0.4 * NS_PER_S
    resumed = time.monotonic_ns()
    changed(clock, paused=False)
    tick = await waiting
    assert tick.number == before.number + 3
    assert TICK_NS <= tick.time - paused.time <= time.monotonic_ns() - resumed


async def test_time_goes_on_when_a_clock_is_set_as_it_is() -> None:
    clock = _fast()
    early = time.monotonic_ns()
    before = await next_tick(clock)
    at = changed(clock, paused=False, speed=1.0)
    after = await next_tick(clock)
    assert before.time <= at.time < after.time <= time.monotonic_ns() - early + TICK_NS


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
