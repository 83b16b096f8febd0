"""Sends many announcements a few at a time, so that a Who-Is to a thousand meters floods nobody.

Knows the clock of the event loop only, not what is said.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from itertools import islice
from typing import Final

BURST: Final = 25
PAUSE_S: Final = 0.02
"""25 announcements every 20 ms: a thousand meters answer within a second."""

_MOST_WAITING: Final = 64
"""Requests that wait for their turn; more are dropped."""

_LOG: Final = logging.getLogger(__name__)


class Pacer:
    """Takes streams of things to say and has them said, one stream after the other."""

    def __init__(self) -> None:
        self._streams: deque[tuple[Hashable, Iterator[Callable[[], None]]]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, request: Hashable, stream: Iterator[Callable[[], None]]) -> None:
        """Say what `stream` gives, unless the same request is still being answered or too many are."""
        if len(self._streams) >= _MOST_WAITING or any(request == waiting for waiting, _ in self._streams):
            return
        self._streams.append((request, stream))
        if self._timer is None:
            self._burst()

    def stop(self) -> None:
        """Forget what is left to say."""
        self._streams.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _burst(self) -> None:
        room = BURST
        while self._streams and room:
            room = self._say_some(room)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(PAUSE_S, self._burst) if self._streams else None

    def _say_some(self, room: int) -> int:
        """Say at most `room` things of the first stream; return the room that is left when it has ended.

        A stream that fails has ended too: the others must still be heard.
        """
        try:
            for say in islice(self._streams[0][1], room):
                room -= 1
                say()
        except Exception:  # noqa: BLE001  whatever it is, the other streams go on
            _LOG.exception("announcements are given up")
            self._streams.popleft()
            return room
        if room:
            self._streams.popleft()
        return room
