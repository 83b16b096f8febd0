"""Simulated time: when the next tick is due, and at which simulated instant it ends.

The clock knows nothing of meters, snapshots or adapters; whoever asks it for a tick steps the fleet.
"""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from functools import lru_cache
from typing import Final, Literal

from gateway.errors import RequestRefusedError
from sims.points import NS_PER_S, nanoseconds
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
    length = nanoseconds(seconds) if 0 < seconds <= LONGEST_ADVANCE_S else 0
    if not length or length % 1000 or length / NS_PER_S != seconds:
        raise ValueError(
            f"{seconds} s is no advance; allowed: more than 0 and at most {LONGEST_ADVANCE_S} s (ten years) "
            "in whole microseconds"
        )
    return length


class Clock:
    """Makes ticks: by the wall clock in mode `real`, of an advance alone in mode `manual`.

    A tick counts from when it is adopted; before the next one is asked for, it must be, or be given up. All
    of it is for one asker at a time.

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
        self._period = nanoseconds(tick_s)
        self._speed = speed
        self._standing = mode == "manual"
        self._changed = asyncio.Event()
        if start is None:
            start = MANUAL_START if mode == "manual" else int(time.time()) * NS_PER_S
        # Pacing counts periods from a wall instant (None: the first wait) and a simulated one.
        self._wall: int | None = None
        self._origin = max(start, reached)
        self._periods = 0
        self._latest = Tick(0, self._origin, self._regular())

    @property
    def state(self) -> ClockState:
        """What the clock is doing."""
        paused = self._mode == "real" and self._standing
        return ClockState(self._mode, self._latest, self._tick_s, self._speed, paused)

    async def due(self) -> None:
        """Wait for the wall until a tick is due; a clock that stands waits until it goes."""
        while (wait := self._until_due()) is None or wait > 0:
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if wait is None else wait / NS_PER_S):
                    await self._changed.wait()

    def take(self) -> Tick | None:
        """Return the tick that is due by now; None if none is, because the clock was paused or marked since.

        Tick k is due k periods after the clock was last set and ends k * tick_s * speed after that exactly.
        Whoever comes late gets the periods missed in one longer tick, of up to LONGEST_TICK; what is more is
        left out, since ticks that take longer than they last would only grow.
        """
        if self._standing or not self._count(time.monotonic_ns()):
            return None
        return self._tick(self._origin + int(self._periods * self._length()))

    def mark(self) -> Tick:
        """Return a tick that ends now: a command changes the readings (decision 12).

        The regular ticks stay where they are. A clock that stands has gone on by nothing.
        """
        return self._tick(self._instant(time.monotonic_ns()))

    def set(self, *, speed: float | None = None, paused: bool | None = None) -> Tick:
        """Change the speed, pause or go on, now; return the tick that ends there.

        Regular ticks count from there. Raises RequestRefusedError for a manual clock.
        """
        if self._mode != "real":
            raise RequestRefusedError(
                "the clock is manual and goes by `advance` alone: it has no speed or pause"
            )
        now = time.monotonic_ns()
        self._origin, self._periods, self._wall = self._instant(now), 0, now
        self._speed = self._speed if speed is None else speed
        self._standing = self._standing if paused is None else paused
        self._changed.set()
        return self._tick(self._origin)

    def advance(self, seconds: float) -> Sequence[int]:
        """Return where the ticks end that together are exactly that long [s], none longer than LONGEST_TICK.

        `go_to` makes each. Raises RequestRefusedError for a real clock and beyond END, and ValueError as
        `span` does.
        """
        length = span(seconds)
        if self._mode != "manual":
            raise RequestRefusedError(
                "the clock is real and goes by itself; only one started with `--clock manual` is advanced"
            )
        begin, end = self._latest.time, self._latest.time + length
        if end > END:
            raise RequestRefusedError(f"the clock ends at {iso(END)}; it is {iso(begin)}")
        return [*range(begin + LONGEST_TICK, end, LONGEST_TICK), end]

    def go_to(self, instant: int) -> Tick:
        """Return the tick of a manual clock that ends at `instant`, which is one of an advance."""
        return self._tick(instant)

    def adopt(self, tick: Tick) -> None:
        """Let the latest tick be `tick`, which has been made."""
        self._latest = tick
        if tick.time >= END:
            self._standing = True

    def _tick(self, instant: int) -> Tick:
        return Tick(self._latest.number + 1, min(instant, END), self._regular())

    def _regular(self) -> int:
        return round(self._length()) if self._mode == "real" else 0

    def _length(self) -> Fraction:
        """Return the simulated time of a period [ns]."""
        return self._period * Fraction(str(self._speed))

    def _instant(self, now: int) -> int:
        """Return the simulated instant at the wall's `now`."""
        if self._standing or self._wall is None:
            return self._latest.time
        self._count(now)
        return self._origin + int(Fraction(now - self._wall, self._period) * self._length())

    def _count(self, now: int) -> int:
        """Count the periods that have ended by the wall's `now`, and return how many they are."""
        if self._wall is None:
            return 0
        missed = (now - self._wall) // self._period - self._periods
        taken = min(missed, max(1, int(LONGEST_TICK / self._length())))
        self._wall += (missed - taken) * self._period
        self._periods += taken
        return taken

    def _until_due(self) -> int | None:
        """Return the wall time until the next tick is due [ns], None while the clock stands."""
        if self._standing:
            return None
        now = time.monotonic_ns()
        if self._wall is None:
            self._wall = now
        return self._wall + (self._periods + 1) * self._period - now
