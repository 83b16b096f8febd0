"""What devices tell of their own accord, a few at a time: a tick's notifications are spread over the tick.

Knows the clock of the event loop only, not what is told.
"""

import asyncio
import logging
from collections.abc import Callable, Hashable
from itertools import islice
from typing import Final

from gateway.bacnet.delivery.drops import Drops
from gateway.bacnet.objects.model import Device

BURST: Final = 50
PAUSE_S: Final = 0.02
"""50 notifications every 20 ms: 2 500 a second."""

MOST_WAITING: Final = 32_768
"""Notifications that wait for their turn; more are dropped."""

_log: Final = logging.getLogger(__name__)


class Outbox:
    """Has things told in the order in which they came, each after a pause of `pause_s` [s] at least.

    A client may note a subscription only after it has taken the acknowledgement, as bacpypes3 does; told in
    the same moment, it may answer that it knows of none.
    """

    def __init__(self, pause_s: float = PAUSE_S) -> None:
        self._pause_s = pause_s
        self._waiting: dict[tuple[Device, Hashable], Callable[[], None]] = {}
        self._drops = Drops("notifications")
        self._timer: asyncio.TimerHandle | None = None

    def put(self, device: Device, key: Hashable, tell: Callable[[], None]) -> None:
        """Call `tell` of a device when its turn comes.

        While something of the device with the same `key` waits, this adds nothing.
        """
        place = device, key
        if place in self._waiting:
            return
        if len(self._waiting) >= MOST_WAITING:
            self._drops.add()
            return
        self._waiting[place] = tell
        if self._timer is None:
            self._later()

    def drop(self, device: Device) -> None:
        """Forget what is left to tell of a device."""
        self._waiting = {key: tell for key, tell in self._waiting.items() if key[0].number != device.number}

    def stop(self) -> None:
        """Forget what is left to tell."""
        self._waiting.clear()
        self._drops.say()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _burst(self) -> None:
        for key in list(islice(self._waiting, BURST)):
            if (tell := self._waiting.pop(key, None)) is None:
                continue  # what came before has dropped it
            try:
                tell()
            except Exception:  # noqa: BLE001  whatever it is, the others must still be told
                _log.exception("a notification is given up")
        self._timer = None
        if self._waiting:
            self._later()

    def _later(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._pause_s, self._burst)
