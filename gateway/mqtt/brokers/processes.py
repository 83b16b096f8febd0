"""Child processes: started again when they end, ended in time, and gone when we are.

Which programs they are and what they serve is not known here.
"""

import asyncio
import contextlib
import logging
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from gateway.errors import MetergateError
from gateway.tasks import give_up

_WATCHDOG: Final = (
    'broker=$1; while read -r pid; do broker=$pid; done; [ -z "$broker" ] || kill -KILL "$broker"'
)
_TERMINATE_S: Final = 0.4
_FIRST_WAIT_S: Final = 0.1
_LONGEST_WAIT_S: Final = 10.0

_LOGGER: Final = logging.getLogger(__name__)


def spawn(work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
    """Run `work` as a task whose failure, which only a bug can be, is in the log at once."""

    def report(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            _LOGGER.error("the task %s has failed", name, exc_info=error)

    task = asyncio.create_task(work, name=name)
    task.add_done_callback(report)
    return task


async def keep_running(
    name: str, ended: Callable[[], Awaitable[int]], start: Callable[[], Awaitable[None]]
) -> None:
    """Await `ended` and `start` a process again, for ever; later and later if it keeps ending.

    `ended` returns its exit code; `start` may raise OSError or MetergateError and is tried again.
    """
    loop = asyncio.get_running_loop()
    wait_s = _FIRST_WAIT_S
    while True:
        began = loop.time()
        code = await ended()
        _LOGGER.warning("%s has ended with %d; starting it again", name, code)
        if loop.time() - began > _LONGEST_WAIT_S:
            wait_s = _FIRST_WAIT_S
        started = False
        while not started:
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
            try:
                await start()
                started = True
            except (OSError, MetergateError) as error:
                _LOGGER.warning("%s cannot be started again: %s", name, error)


async def end(process: Process) -> None:
    """Terminate a process and kill it if it is still there 0.4 s later."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_TERMINATE_S):
            await process.wait()
    except TimeoutError:
        await _kill(process)


async def _kill(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()


class Watchdog:
    """A shell that kills the watched process when the pipe to us breaks, that is when we are dead.

    It is started again if somebody ends it. PR_SET_PDEATHSIG would not do: the kernel forgets it when the
    watched process, started by root, drops its rights.
    """

    def __init__(self) -> None:
        self._shell: Process | None = None
        self._pid: int | None = None
        self._keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the shell; raises OSError."""
        await self._launch()
        self._keeper = spawn(keep_running("the watchdog", self._ended, self._launch), "watchdog")

    async def _launch(self) -> None:
        self._shell = await asyncio.create_subprocess_exec(
            "/bin/sh", "-c", _WATCHDOG, "watchdog", str(self._pid or ""),
            stdin=PIPE, stdout=DEVNULL, stderr=DEVNULL, start_new_session=True,
        )  # fmt: skip
        self.watch(self._pid)  # which may have become another's meanwhile

    async def _ended(self) -> int:
        return await self._shell.wait() if self._shell is not None else 0

    def watch(self, pid: int | None) -> None:
        """Watch over this process from now on; None: over nobody."""
        self._pid = pid
        pipe = None if self._shell is None else self._shell.stdin
        if pipe is not None and not pipe.is_closing():
            pipe.write(f"{pid or ''}\n".encode())

    async def stop(self) -> None:
        """End the shell, harming nobody, even if it is stopped."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            await give_up([keeper])
        shell, self._shell = self._shell, None
        if shell is not None:
            await _kill(shell)
