"""What goes out later than it was said, since its line is slow.

Knows the clock of the event loop only, not what is said.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

MOST_LATE: Final = 8192
"""What may be under way at once; more is lost."""

_LOG: Final = logging.getLogger(__name__)


class Late:
    """Says things after a delay."""

    def __init__(self) -> None:
        self._timers: dict[object, asyncio.TimerHandle] = {}

    def say(self, delay_s: float, say: Callable[[], None]) -> None:
        """Call `say` when a delay is over, at once if there is none."""
        if not delay_s:
            say()
            return
        if len(self._timers) >= MOST_LATE:
            _LOG.warning("something said on a slow line is lost: %d are under way", MOST_LATE)
            return
        key = object()
        self._timers[key] = asyncio.get_running_loop().call_later(delay_s, self._over, key, say)

    def stop(self) -> None:
        """Forget what is under way."""
        timers, self._timers = self._timers, {}
        for timer in timers.values():
            timer.cancel()

    def _over(self, key: object, say: Callable[[], None]) -> None:
        del self._timers[key]
        say()
