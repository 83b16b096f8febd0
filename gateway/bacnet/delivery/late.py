"""What goes out later than it was said, since its line is slow.

Knows the clock of the event loop, not what is said.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from gateway.bacnet.delivery.drops import Drops
from gateway.bacnet.objects.model import Device

MOST_LATE: Final = 8192
"""What may be under way at once; more is lost."""


class Late:
    """Says things after a delay."""

    def __init__(self) -> None:
        self._timers: dict[object, tuple[Device, asyncio.TimerHandle]] = {}
        self._drops = Drops("messages on slow lines")

    def say(self, device: Device, delay_s: float, say: Callable[[], None]) -> None:
        """Call `say`, by which a device says something, when a delay is over, at once if there is none."""
        if not delay_s:
            say()
            return
        if len(self._timers) >= MOST_LATE:
            self._drops.add()
            return
        key = object()
        timer = asyncio.get_running_loop().call_later(delay_s, self._over, key, say)
        self._timers[key] = device, timer

    def drop(self, device: Device) -> None:
        """Forget what a device has under way."""
        for key in [key for key, (whose, _) in self._timers.items() if whose.number == device.number]:
            self._timers.pop(key)[1].cancel()

    def stop(self) -> None:
        """Forget what is under way."""
        self._drops.say()
        timers, self._timers = self._timers, {}
        for _, timer in timers.values():
            timer.cancel()

    def _over(self, key: object, say: Callable[[], None]) -> None:
        del self._timers[key]
        say()
