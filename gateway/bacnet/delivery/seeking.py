"""Asks where devices are, a few at a time: whatever recipients are entered, no storm of Who-Is follows.

Knows the clock of the event loop only, not how is asked.
"""

import asyncio
from collections.abc import Callable
from itertools import islice
from typing import Final

from gateway.bacnet.objects.model import Device

BURST: Final = 16
PAUSE_S: Final = 0.5
"""16 questions, as many as a list has recipients, every half second."""

_MOST_WAITING: Final = 1024
"""Devices that wait to be asked for; others are asked for when there is something to tell them again."""


class Seeker:
    """Has devices asked for by `ask`, which is given who asks and an object identifier."""

    def __init__(self, ask: Callable[[Device, int], None], pause_s: float = PAUSE_S) -> None:
        self._ask = ask
        self._pause_s = pause_s
        self._asked: set[int] = set()
        self._waiting: dict[int, Device] = {}
        self._timer: asyncio.TimerHandle | None = None

    def seek(self, device: Device, number: int) -> None:
        """Ask for a device now, or later where it, or many, have been asked for a moment ago."""
        if number not in self._asked and len(self._asked) < BURST:
            self._ask_now(device, number)
        elif len(self._waiting) < _MOST_WAITING:
            self._waiting[number] = device

    def found(self, number: int) -> None:
        """Take notice that a device need not be asked for any more."""
        self._waiting.pop(number, None)

    def drop(self, device: Device) -> None:
        """Forget what a device has to ask."""
        self._waiting = {n: asker for n, asker in self._waiting.items() if asker.number != device.number}

    def stop(self) -> None:
        """Ask no more."""
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ask_now(self, device: Device, number: int) -> None:
        self._asked.add(number)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._pause_s, self._go_on)
        self._ask(device, number)

    def _go_on(self) -> None:
        """Ask for those that have waited longest; with none, what was asked is forgotten."""
        self._timer = None
        self._asked.clear()
        for number in list(islice(self._waiting, BURST)):
            self._ask_now(self._waiting.pop(number), number)
