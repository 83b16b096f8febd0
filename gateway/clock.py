"""Simulated time: when the next tick is due, and at which simulated instant it ends.

The clock knows nothing of meters, snapshots or adapters; whoever asks it for a tick steps the fleet.
"""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from itertools import chain
from typing import Final, Literal

from gateway.errors import RequestRefusedError
from sims.points import NS_PER_S
from sims.snapshot import Tick

ClockMode = Literal["real", "manual"]

MANUAL_START: Final = 1_767_571_200 * NS_PER_S
"""2026-01-05T00:00:00Z, a Monday [ns]: where a manual clock starts, so that every run is the same."""

END: Final = 4_102_444_800 * NS_PER_S
"""2100-01-01T00:00:00Z [ns]: no clock goes further, since registers hold unsigned 32-bit seconds."""

LONGEST_ADVANCE_S: Final = 10 * 366 * 86_400
"""The longest single advance [s]: ten years."""

LONGEST_TICK: Final = 86_400 * NS_PER_S
"""One day [ns]: a longer advance is several ticks, and no more is caught up in one (decision 7)."""

FASTEST: Final = 100_000.0
"""The highest speed [simulated seconds per second]."""


@dataclass(frozen=True, slots=True)
class ClockState:
    """What a clock is doing: `tick` is the latest one, `tick_s` [s] the wall time between two."""

    mode: ClockMode
    tick: Tick
    tick_s: float
    speed: float
    paused: bool


@lru_cache(maxsize=4096)
def iso(instant: int) -> str:
    """Return an instant [ns since 1970 UTC] in ISO 8601, with microseconds where it has any."""
    seconds, rest = divmod(instant, NS_PER_S)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{rest // 1000:06}Z" if rest else f"{text}Z"


def span(seconds: float) -> int:
    """Return an advance as [ns]. Raises ValueError if it is not one that a clock can make."""
    microseconds = Decimal(str(seconds)) * 1_000_000
    if not 0 < seconds <= LONGEST_ADVANCE_S or microseconds != int(microseconds):
        raise ValueError(
            f"{seconds} s is no advance; allowed: more than 0 and at most {LONGEST_ADVANCE_S} s (ten years) "
            "in whole microseconds"
        )
    return int(microseconds) * 1000


class Clock:
    """Gives out ticks: by the wall clock in mode `real`, by `advance` alone in mode `manual`.

    `start` [ns since 1970 UTC] is the instant of tick 0; None is the whole second that it is now for a real
    clock and MANUAL_START for a manual one. It is never before `reached`, where an earlier run came to
    (decision 13). `tick_s` [s] is the wall time between two ticks of a real clock and `speed` the simulated
    seconds in one of the wall's.
    """

    def __init__(
        self,
        mode: ClockMode = "real",
        *,
        start: int | None = None,
        reached: int = 0,
        tick_s: float = 1.0,
        speed: float = 1.0,
    ) -> None:
        self._mode = mode
        self._tick_s = tick_s
        self._period = round(tick_s * NS_PER_S)
        self._speed = speed
        if start is None:
            start = MANUAL_START if mode == "manual" else int(time.time()) * NS_PER_S
        start = max(start, reached)
        self._latest = Tick(0, start)
        self._running = asyncio.Event()
        if mode == "real":
            self._running.set()
        # Pacing counts periods from a wall instant (None: the next wait) and a simulated one.
        self._wall: int | None = None
        self._origin = start
        self._periods = 0
        self._past = 0  # wall time from the end of the last period to the latest tick, if that was a mark

    @property
    def state(self) -> ClockState:
        """What the clock is doing."""
        paused = self._mode == "real" and self.standing
        return ClockState(self._mode, self._latest, self._tick_s, self._speed, paused)

    async def due(self) -> None:
        """Wait for the wall until a tick is due; a manual clock waits for ever."""
        while (wait := await self._until_due()) > 0:  # noqa: ASYNC110  it waits for an instant, not an event
            await asyncio.sleep(wait / NS_PER_S)

    def take(self) -> Tick | None:
        """Return the tick that is due by now; None if none is, because the clock was paused or marked since.

        Tick k is due k periods after the first wait and ends at start + k * tick_s * speed exactly. Whoever
        comes late gets the periods missed in one longer tick, of up to LONGEST_TICK; what is more is left
        out, since ticks that take longer than they last would only grow.
        """
        if self.standing or not self._count(time.monotonic_ns()):
            return None
        self._past = 0
        return self._give(self._origin + int(self._periods * self._length()))

    def mark(self) -> Tick:
        """Return a tick that ends now: a command changes the readings (decision 12).

        The regular ticks stay where they are. A clock that stands has gone on by nothing.
        """
        now = time.monotonic_ns()
        if self.standing or self._wall is None:
            return self._give(self._latest.time)
        self._count(now)
        self._past = now - self._wall - self._periods * self._period
        return self._give(self._origin + int(Fraction(now - self._wall, self._period) * self._length()))

    @property
    def standing(self) -> bool:
        """Whether simulated time stands still: the clock is manual, or paused."""
        return not self._running.is_set()

    def _length(self) -> Fraction:
        """Return the simulated time of a period [ns]."""
        return self._period * Fraction(str(self._speed))

    def _count(self, now: int) -> int:
        """Count the periods that have ended by the wall's `now`, and return how many they are."""
        if self._wall is None:
            return 0
        missed = (now - self._wall) // self._period - self._periods
        taken = min(missed, max(1, int(LONGEST_TICK / self._length())))
        self._wall += (missed - taken) * self._period
        self._periods += taken
        return taken

    async def _until_due(self) -> int:
        """Return the wall time until the next tick is due [ns], once the clock is not paused."""
        await self._running.wait()
        now = time.monotonic_ns()
        if self._wall is None:
            self._wall = now
        return self._wall + (self._periods + 1) * self._period - now

    def _give(self, instant: int) -> Tick:
        self._latest = Tick(self._latest.number + 1, min(instant, END))
        if instant >= END:
            self._running.clear()
        return self._latest

    def advance(self, seconds: float) -> Iterator[Tick]:
        """Return the ticks that together are exactly that long [s], none longer than LONGEST_TICK.

        Each is the clock's latest tick from when it is taken on. Raises RequestRefusedError for a real clock
        and beyond END, and ValueError as `span` does, before any is given.
        """
        length = span(seconds)
        if self._mode != "manual":
            raise RequestRefusedError(
                "the clock is real and goes by itself; only one started with `--clock manual` is advanced"
            )
        if self._latest.time + length > END:
            raise RequestRefusedError(f"the clock ends at {iso(END)}; it is {iso(self._latest.time)}")
        begin, end = self._latest.time, self._latest.time + length
        return map(self._give, chain(range(begin + LONGEST_TICK, end, LONGEST_TICK), (end,)))

    def set(self, *, speed: float | None = None, paused: bool | None = None) -> None:
        """Change the speed from the next tick on, pause or go on.

        Raises RequestRefusedError for a manual clock.
        """
        if self._mode != "real":
            raise RequestRefusedError(
                "the clock is manual and goes by `advance` alone: it has no speed or pause"
            )
        if speed is not None:
            self._rebase()
            self._speed = speed
        if paused:
            self._running.clear()
        elif paused is False and not self._running.is_set():
            self._wall, self._past = None, 0
            self._origin, self._periods = self._latest.time, 0
            self._running.set()

    def _rebase(self) -> None:
        """Count periods from the latest tick on."""
        if self._wall is not None:
            self._wall += self._periods * self._period + self._past
            self._past = 0
        self._origin, self._periods = self._latest.time, 0
