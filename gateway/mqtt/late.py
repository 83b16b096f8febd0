"""What goes out later than it was said, since its line is slow.

Knows the clock of the event loop, not what is said.
"""

import asyncio
import contextlib
import heapq
import logging
from collections.abc import Sequence
from itertools import count
from typing import Final

from gateway.mqtt.convention import SILENCE
from gateway.mqtt.faults import Utterance
from gateway.mqtt.messages import Message
from gateway.mqtt.sender import Sender

MOST_LATE: Final = 8192
"""What meters say in a round, or to a command, that may be under way at once; more is lost."""

_LOGGER: Final = logging.getLogger(__name__)


class Late:
    """Lets go out late what is late; what one meter says keeps its order."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, int, Utterance]] = []
        self._last: dict[int | None, tuple[float, int]] = {}
        self._numbers = count()
        self._fresh = asyncio.Event()
        self._full = False

    def __bool__(self) -> bool:
        """Whether anything is under way."""
        return bool(self._last)

    def forget(self) -> None:
        """Forget what was under way on a connection that is over."""
        self._waiting.clear()
        self._last.clear()
        self._full = False

    def pass_on(self, said: Utterance) -> Sequence[Message]:
        """Return what goes out now; the rest does when its delay and what the meter said before are over."""
        if not said.messages or not (said.delay or said.row in self._last):
            return said.messages
        if len(self._waiting) >= MOST_LATE:
            self._tell_once()
            return SILENCE
        last, _ = self._last.get(said.row, (0.0, 0))
        key = max(asyncio.get_running_loop().time() + said.delay, last), next(self._numbers)
        heapq.heappush(self._waiting, (*key, said))
        self._last[said.row] = key
        self._fresh.set()
        return SILENCE

    def _tell_once(self) -> None:
        """Say in the log that something is lost, once until nothing is under way any more."""
        if not self._full:
            _LOGGER.warning("what is said on slow lines of MQTT is lost: %d are under way", MOST_LATE)
        self._full = True

    async def serve(self, sender: Sender) -> None:
        """Send what is due, for as long as the connection lasts."""
        loop = asyncio.get_running_loop()
        while True:
            self._fresh.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(self._waiting[0][0] if self._waiting else None):
                    await self._fresh.wait()
            while self._waiting and self._waiting[0][0] <= loop.time():
                due, number, said = heapq.heappop(self._waiting)
                await sender.send(said.messages)
                if self._last[said.row] == (due, number):
                    del self._last[said.row]
            self._full = self._full and bool(self._waiting)
