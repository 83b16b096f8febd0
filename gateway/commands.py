"""What may be asked of the station, as frozen values: it applies them one after the other, between ticks.

Adapters make them and wait for what comes of them; they change nothing themselves.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

from gateway.errors import RequestRefusedError

_STOPPING: Final = "the gateway is stopping"


@dataclass(frozen=True, slots=True)
class Advance:
    """Move a manual clock on by so many seconds [s]; done when clients see the new tick on every adapter."""

    seconds: float


Command = Advance


class Commands:
    """The way from the adapters to the station: commands wait here in the order in which they came."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[tuple[Command, asyncio.Future[None]]] = asyncio.Queue()
        self._open = True

    async def apply(self, command: Command) -> None:
        """Return when the station has applied `command`. Raises RequestRefusedError with the reason."""
        if not self._open:
            raise RequestRefusedError(_STOPPING)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait((command, done))
        await done

    async def next(self) -> tuple[Command, asyncio.Future[None]]:
        """Return the next command and where to say what came of it; for the station alone."""
        return await self._waiting.get()

    def close(self) -> None:
        """Refuse what still waits, and whatever comes from now on."""
        self._open = False
        while not self._waiting.empty():
            settle(self._waiting.get_nowait()[1], RequestRefusedError(_STOPPING))


def settle(done: asyncio.Future[None], error: Exception | None = None) -> None:
    """Tell the asker what came of a command, unless nobody waits any more."""
    if done.done():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
