"""What must be done before an answer goes out: commands that the station applies, and delays.

Which request asks for what stands in `line`; who waits for the answer is not known here.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from gateway.commands import Applier, Broadcast
from gateway.errors import RequestRefusedError
from gateway.modbus.line import Later
from gateway.tasks import give_up

_LAST_ANSWERS: Final = 0.5
"""How long the requests under way at the end may take to be answered [s]."""


class Pending:
    """Sees to what must be done before an answer: a task for each, which nobody but the end stops."""

    def __init__(self, commands: Applier) -> None:
        self._commands = commands
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, later: Later, tell: Callable[[bytes], None]) -> None:
        """Let `tell` be called with the answer when what must be done before it is done."""
        task = asyncio.create_task(self._answer(later, tell))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, later: Later, tell: Callable[[bytes], None]) -> None:
        if later.delay:
            await asyncio.sleep(later.delay)
        answer = later.done
        if later.commands:
            try:
                await self._commands.apply(Broadcast(later.commands) if later.everybody else later.commands)
            except RequestRefusedError:
                answer = later.refusal
        tell(answer())

    async def last(self) -> None:
        """Return when what is under way is answered, or soon."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_LAST_ANSWERS)

    async def end(self) -> None:
        """Stop what is not answered by now."""
        await give_up(self._tasks)
