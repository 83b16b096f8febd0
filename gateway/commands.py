"""What may be asked of the station, as frozen values: it applies them one after the other, between ticks.

Adapters make them and wait for what comes of them; they change nothing themselves.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

from gateway.errors import RequestRefusedError
from gateway.link_faults import LinkFault

_STOPPING: Final = "the gateway is stopping"
_MOST_WAITING: Final = 1024


@dataclass(frozen=True, slots=True)
class Advance:
    """Move a manual clock on by so many seconds [s]; done when clients see the new tick on every adapter."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Change:
    """Put `changes`, a JSON object that nobody alters any more, over how the meter in `row` is connected."""

    row: int
    changes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TurnKey:
    """Turn the key switch of the meter in `row` one way: the result says why the peak is not reset, if so."""

    row: int
    position: Literal["right", "home"]


@dataclass(frozen=True, slots=True)
class HoldKey:
    """Turn the key switch of the meter in `row` to the right and, so many simulated seconds later, back."""

    row: int
    seconds: float


@dataclass(frozen=True, slots=True)
class ResetPeak:
    """Reset the peak demand of the meter in `row` from afar. Refused without the option."""

    row: int


@dataclass(frozen=True, slots=True)
class SetLink:
    """Let the line of the meter in `row`, or the port (None), have `faults`, by protocol; others stay."""

    row: int | None
    faults: Mapping[str, LinkFault]


@dataclass(frozen=True, slots=True)
class SetHub:
    """Give the pulse hub `hub`, counted from 0, another value of a setting, by the name of its point."""

    hub: int
    setting: str
    value: int


Command = Advance | Change | TurnKey | HoldKey | ResetPeak | SetLink | SetHub

Outcome = str
"""What an applied command has to say: why a turn of the key was in vain; nothing else says anything."""


class Applier(Protocol):
    """What adapters ask to apply commands: the station."""

    async def apply(self, command: Command) -> Outcome:
        """Return when `command` is applied and shown. Raises RequestRefusedError with the reason."""


class Commands:
    """The way from the adapters to the station: commands wait here in the order in which they came."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[tuple[Command, asyncio.Future[Outcome]]] = asyncio.Queue(_MOST_WAITING)
        self._open = True

    async def apply(self, command: Command) -> Outcome:
        """Return when the station has applied `command`. Raises RequestRefusedError with the reason."""
        if not self._open:
            raise RequestRefusedError(_STOPPING)
        if self._waiting.full():
            raise RequestRefusedError(f"{_MOST_WAITING} commands wait already")
        done: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait((command, done))
        return await done

    async def next(self) -> tuple[Command, asyncio.Future[Outcome]]:
        """Return the next command and where to say what came of it; for the station alone."""
        return await self._waiting.get()

    def close(self) -> None:
        """Refuse what still waits, and whatever comes from now on."""
        self._open = False
        while not self._waiting.empty():
            refuse(self._waiting.get_nowait()[1], RequestRefusedError(_STOPPING))


def refuse(done: asyncio.Future[Outcome], reason: Exception | None = None) -> None:
    """Tell the asker that nothing came of a command, unless nobody waits any more."""
    if not done.done():
        done.set_exception(reason or RequestRefusedError(_STOPPING))
