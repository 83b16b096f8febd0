"""The writes that wait for the station: each is a task, which answers when it is applied or refused.

What is written, and how an answer reads, is in `services/writing.py`; no sockets.
"""

import asyncio
import logging
from collections.abc import Callable, Hashable, Sequence
from typing import Final

from gateway.bacnet.objects.model import Device
from gateway.bacnet.objects.stores import Stores
from gateway.bacnet.services.writing import WriteRequest, Written
from gateway.bacnet.wire import apdu
from gateway.bacnet.wire.codes import AbortReason, ErrorCode
from gateway.commands import Applier, Command
from gateway.errors import RequestRefusedError
from gateway.tasks import give_up

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
        await give_up(tasks.values())

    async def _carry_out(self, key: _Key, request: WriteRequest, tell: Tell) -> None:
        try:
            done = await carry_out(request, self._commands, self._stores)
        except Exception:  # noqa: BLE001  whatever it is, the asker is told and the others go on
            _log.exception("a write is given up")
            done = Written(apdu.abort(request.invoke, AbortReason.OTHER))
        finally:
            self._tasks.pop(key, None)
        tell(done)


async def carry_out(request: WriteRequest, commands: Applier, stores: Stores) -> Written:
    """Return what came of a request when all is applied, or the first write has failed; those before it stay.

    What the station does is done at one tick.
    """
    steps, failure = request.steps(stores)
    done = await _apply([step.command for step in steps], commands)
    if done < len(steps):
        failure = ErrorCode.OPERATIONAL_PROBLEM
    for step in steps[:done]:
        step.carry_out()
    return request.written(steps[:done], failure)


async def _apply(steps: Sequence[Command | None], commands: Applier) -> int:
    """Return how many steps there are before the first whose command is refused; those before it are done.

    All commands are asked for at once, which does all or none; if not all can be done, one after the other.
    """
    todo = {place: command for place, command in enumerate(steps) if command is not None}
    if not todo or await _is_applied(tuple(todo.values()), commands):
        return len(steps)
    if len(todo) == 1:
        return next(iter(todo))
    for place, command in todo.items():
        if not await _is_applied((command,), commands):
            return place
    return len(steps)


async def _is_applied(together: tuple[Command, ...], commands: Applier) -> bool:
    try:
        await commands.apply(together)
    except RequestRefusedError:
        return False
    return True
