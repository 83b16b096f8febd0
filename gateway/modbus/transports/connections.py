"""The connections of all ports: how many there may be, and which must make room or have been idle too long.

How a connection is served is not known here.
"""

import asyncio
import time
from collections.abc import Iterator
from operator import attrgetter
from typing import Final, Protocol

from gateway.modbus.units.counters import ConnectionCounters

_EVERY: Final = 1.0
"""How often connections are looked at; who has sent something since the last time is not idle [s]."""


class Guest(Protocol):
    """What takes one of the places. `active` is set by it whenever its client sends something.

    `opened` and `heard` [s, monotonic] are when it came and when it was last found active, 0 before that.
    """

    active: bool
    opened: float
    heard: float

    def overdue(self) -> bool:
        """Return whether it waits too long for the rest of something; asked every second."""

    def close(self) -> None:
        """End the connection now."""


class Connections:
    """At most `most` connections; one that is idle for `idle_s` [s] is closed, with 0 none is.

    Who never sent anything is the first who must make room.
    """

    def __init__(self, most: int, idle_s: float, counters: ConnectionCounters) -> None:
        self._most = most
        self._idle_s = idle_s
        self._counters = counters
        self._open: dict[Guest, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[Guest]:
        return iter(tuple(self._open))

    def admit(self, guest: Guest) -> bool:
        """Take a new connection, in place of the one that is idle longest; False where all are at work."""
        if len(self._open) >= self._most and not self._make_room():
            self._counters.refused += 1
            return False
        guest.opened = time.monotonic()
        self._open[guest] = None
        self._counters.accepted += 1
        self._counters.open = len(self._open)
        return True

    def hand_over(self, guest: Guest, successor: Guest) -> bool:
        """Let `successor` take the place of `guest`; False if that has lost it."""
        if guest not in self._open:
            return False
        del self._open[guest]
        successor.opened = time.monotonic()
        self._open[successor] = None
        return True

    def forget(self, guest: Guest) -> None:
        """Free the place of a connection that has ended."""
        self._open.pop(guest, None)
        self._counters.open = len(self._open)

    def watch(self) -> None:
        """Look at all connections from now on, every second."""
        self._timer = asyncio.get_running_loop().call_later(_EVERY, self._look)

    def unwatch(self) -> None:
        """Look at them no more."""
        if self._timer:
            self._timer.cancel()

    def _look(self) -> None:
        now = self._refreshed()
        for guest in self:
            idle = self._idle_s and now - max(guest.heard, guest.opened) > self._idle_s
            if idle or guest.overdue():
                self._close_idle(guest)
        self.watch()

    def _make_room(self) -> bool:
        now = self._refreshed()
        idlest = min(self._open, key=attrgetter("heard"))
        if now - idlest.heard < _EVERY:
            return False
        self._close_idle(idlest)
        return True

    def _refreshed(self) -> float:
        """Note when connections were last active, as of now; return now."""
        now = time.monotonic()
        for guest in self._open:
            if guest.active:
                guest.active, guest.heard = False, now
        return now

    def _close_idle(self, guest: Guest) -> None:
        self._counters.closed_idle += 1
        self.forget(guest)
        guest.close()
