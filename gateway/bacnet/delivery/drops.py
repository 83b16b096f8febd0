"""What is dropped since too much waits: counted, and logged once in a while whatever comes.

Knows the clock of the event loop only, not what is dropped.
"""

import asyncio
import logging
from typing import Final

PAUSE_S: Final = 1.0
"""How long drops are counted before a line says how many there were [s of wall time]."""

_log: Final = logging.getLogger(__name__)


class Drops:
    """Counts drops of `what`, a few words in the plural."""

    def __init__(self, what: str, pause_s: float = PAUSE_S) -> None:
        self._what = what
        self._pause_s = pause_s
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None

    def add(self) -> None:
        """Count one."""
        self._count += 1
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._pause_s, self.say)

    def say(self) -> None:
        """Log how many there have been since the last time, if any."""
        if self._timer is not None:
            self._timer.cancel()
            _log.warning("%d %s dropped: too many wait", self._count, self._what)
        self._count, self._timer = 0, None
