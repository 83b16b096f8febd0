"""Sends many announcements a few at a time, so that a Who-Is to a thousand meters floods nobody.

Knows the clock of the event loop only, not what is said.
"""

import asyncio
import logging
from collections.abc import Callable, Hashable, Iterator
from itertools import islice
from typing import Final

BURST: Final = 25
PAUSE_S: Final = 0.02
"""25 announcements every 20 ms: a thousand meters answer within a second."""

MOST_WAITING: Final = 1024
"""Requests that wait for their turn; more are dropped."""

_log: Final = logging.getLogger(__name__)


class Pacer:
    """Takes streams of things to say and has them said in turn: a short one need not wait for a long one."""

    def __init__(self) -> None:
        self._streams: dict[Hashable, Iterator[Callable[[], None]]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, request: Hashable, stream: Iterator[Callable[[], None]]) -> None:
        """Say what `stream` gives, unless the same request is still being answered or too many are."""
        if len(self._streams) >= MOST_WAITING or request in self._streams:
            return
        self._streams[request] = stream
        if self._timer is None:
            self._burst()

    def stop(self) -> None:
        """Forget what is left to say."""
        self._streams.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _burst(self) -> None:
        """Say as much as may be said at once; a stream that has nothing to say counts as one thing said."""
        room = BURST
        while self._streams and room:
            share = max(1, room // len(self._streams))
            room -= max(1, self._say_some(share))
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(PAUSE_S, self._burst) if self._streams else None

    def _say_some(self, share: int) -> int:
        """Say at most `share` things of the stream whose turn it is; return how many were said.

        A stream that fails has ended too: the others must still be heard.
        """
        request = next(iter(self._streams))
        stream = self._streams.pop(request)
        said = 0
        try:
            for say in islice(stream, share):
                say()
                said += 1
        except Exception:  # noqa: BLE001  whatever it is, the other streams go on
            _log.exception("announcements are given up")
            return said
        if said == share:
            self._streams[request] = stream  # at the end of the queue, for what may be left
        return said
