"""The writes that wait for the station: each is a task, which answers when it is applied or refused.

Knows requests and answers only, neither what is written nor sockets.
"""

import asyncio
import logging
from collections.abc import Callable, Hashable
from typing import Final

from gateway.bacnet.objects.model import Device
from gateway.bacnet.objects.stores import Stores
from gateway.bacnet.services.writing import WriteRequest, Written
from gateway.bacnet.wire import apdu
from gateway.bacnet.wire.codes import AbortReason
from gateway.commands import Applier

MOST_PENDING: Final = 256
"""Requests that may wait at once; more are aborted."""
MOST_OF_ONE: Final = 64
"""Requests of one asker that may wait, so that others have room."""

_Key = tuple[Hashable, Device, bytes]
"""Who asks which device, and the invoke id."""

Tell = Callable[[Written], None]
"""Takes what has come of a request."""

_log: Final = logging.getLogger(__name__)


class PendingWrites:
    """Carries out requests to write, through `commands` and in `stores`."""

    def __init__(self, commands: Applier, stores: Stores) -> None:
        self._commands = commands
        self._stores = stores
        self._tasks: dict[_Key, asyncio.Task[None]] = {}

    def add(self, asker: Hashable, request: WriteRequest, tell: Tell) -> None:
        """Carry out a request and `tell` what came of it; what this asker only repeats is dropped."""
        key = asker, request.device, request.invoke
        if key in self._tasks:
            return
        of_asker = sum(other == asker for other, _, _ in self._tasks)
        if len(self._tasks) >= MOST_PENDING or of_asker >= MOST_OF_ONE:
            tell(Written(apdu.abort(request.invoke, AbortReason.OUT_OF_RESOURCES)))
            return
        carrying_out = self._carry_out(key, request, tell)
        self._tasks[key] = asyncio.get_running_loop().create_task(carrying_out)

    async def stop(self) -> None:
        """Give up what is pending, without an answer."""
        tasks, self._tasks = self._tasks, {}
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)

    async def _carry_out(self, key: _Key, request: WriteRequest, tell: Tell) -> None:
        try:
            done = await request.carry_out(self._commands, self._stores)
        except Exception:  # noqa: BLE001  whatever it is, the asker is told and the others go on
            _log.exception("a write is given up")
            done = Written(apdu.abort(request.invoke, AbortReason.OTHER))
        finally:
            self._tasks.pop(key, None)
        tell(done)
