"""Sends many announcements a few at a time, so that a Who-Is to a thousand meters floods nobody.

Knows datagrams and the clock of the event loop only.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from itertools import islice
from typing import Final

from gateway.bacnet.network import Address

BURST: Final = 25
PAUSE_S: Final = 0.02
"""25 announcements every 20 ms: a thousand meters answer within a second."""

_MOST_WAITING: Final = 64
"""Requests that wait for their turn; more are dropped."""

_LOG: Final = logging.getLogger(__name__)

Sending = tuple[bytes, Address]


class Pacer:
    """Takes streams of datagrams and sends them one stream after the other."""

    def __init__(self, send: Callable[[bytes, Address], None]) -> None:
        self._send = send
        self._streams: deque[tuple[Hashable, Iterator[list[Sending]]]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, request: Hashable, stream: Iterator[list[Sending]]) -> None:
        """Send what `stream` gives, unless the same request is still being answered or too many are."""
        if len(self._streams) >= _MOST_WAITING or any(request == waiting for waiting, _ in self._streams):
            return
        self._streams.append((request, stream))
        if self._timer is None:
            self._burst()

    def stop(self) -> None:
        """Forget what is left to send."""
        self._streams.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _burst(self) -> None:
        room = BURST
        while self._streams and room:
            room = self._send_some(room)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(PAUSE_S, self._burst) if self._streams else None

    def _send_some(self, room: int) -> int:
        """Send at most `room` sayings of the first stream; return the room that is left when it has ended.

        A stream that fails has ended too: the others must still be heard.
        """
        try:
            for sendings in islice(self._streams[0][1], room):
                room -= 1
                for datagram, address in sendings:
                    self._send(datagram, address)
        except Exception:  # noqa: BLE001  whatever it is, the other streams go on
            _LOG.exception("announcements are given up")
            self._streams.popleft()
            return room
        if room:
            self._streams.popleft()
        return room
