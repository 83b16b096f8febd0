"""What may be asked of the station, as frozen values: it carries them out between ticks.

Adapters make them and wait for what comes of them; they change nothing themselves.
"""

import asyncio
import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, Literal, Protocol, TypeVar

from gateway.errors import RequestRefusedError
from gateway.link_faults import LinkFault

_STOPPING: Final = "the gateway is stopping"
_MOST_WAITING: Final = 1024


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
    """Reset the peak demand of the meter in `row` from afar. Refused without the option, or supply."""

    row: int


@dataclass(frozen=True, slots=True)
class SetLink:
    """Let the line of the meter in `row`, or the port (None), have `faults`, by protocol; others stay."""

    row: int | None
    faults: Mapping[str, LinkFault]


@dataclass(frozen=True, slots=True)
class SetPulseHub:
    """Give the pulse hub of that number, from 0, another value of a setting, by the name of its point.

    The bits of `kept` stay as they are when it is carried out; `value` has none of them.
    """

    pulse_hub: int
    setting: str
    value: int
    kept: int = 0


Command = Change | TurnKey | HoldKey | ResetPeak | SetLink | SetPulseHub
"""What is done to meters, pulse hubs and lines."""


@dataclass(frozen=True, slots=True)
class Broadcast:
    """Carry out those of `commands` that are not refused, all at one tick: each meter obeys for itself."""

    commands: tuple[Command, ...]


@dataclass(frozen=True, slots=True)
class Advance:
    """Move a manual clock on by so many seconds [s]. Refused by a real one."""

    seconds: float


@dataclass(frozen=True, slots=True)
class SetClock:
    """Change the speed of a real clock, pause it or let it go on; None stays. Refused by a manual one."""

    speed: float | None
    paused: bool | None


OneTick = tuple[Command, ...] | Broadcast | SetClock
"""What is done at one tick: of the commands in a tuple, all or none."""

Request = OneTick | Advance
"""What may be asked for at once."""

_Asked = TypeVar("_Asked", bound=Request)

Outcome = tuple[str, ...]
"""What each command has to say that is carried out: why a turn of the key was in vain, else nothing."""


class Applier(Protocol):
    """What adapters ask to carry out requests: the station."""

    async def apply(self, request: Request) -> Outcome:
        """Return when `request` is carried out and what has come of it is given to every adapter.

        Who is asked by clients answers with it from then on; what goes out by itself, to a broker, may not
        be there yet. Raises RequestRefusedError with the reason, and then nothing has changed.
        """


class Asked(Generic[_Asked]):
    """A `request`, and where its asker waits."""

    def __init__(self, request: _Asked) -> None:
        self.request: Final = request
        self._done: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

    async def outcome(self) -> Outcome:
        """Return what came of it. Raises RequestRefusedError with the reason."""
        return await self._done

    def tell(self, outcome: Outcome) -> None:
        """Tell the asker what came of it, unless nobody waits any more."""
        if not self._done.done():
            self._done.set_result(outcome)

    def refuse(self, reason: RequestRefusedError) -> None:
        """Tell the asker that nothing came of it, likewise."""
        if not self._done.done():
            self._done.set_exception(reason)

    @contextlib.contextmanager
    def refused_if_raised(self) -> Iterator[None]:
        """Tell the asker of a refusal; anything else that is raised goes on."""
        try:
            yield
        except RequestRefusedError as refusal:
            self.refuse(refusal)
        except BaseException:
            self.refuse(RequestRefusedError(_STOPPING))
            raise


class Requests:
    """The way from the adapters to the station: requests wait here in the order in which they came.

    Advances wait in a queue of their own: they take their time, and others need not wait for their end.
    """

    def __init__(self) -> None:
        self.changes = asyncio.Queue[Asked[OneTick]](_MOST_WAITING)
        self.advances = asyncio.Queue[Asked[Advance]](_MOST_WAITING)
        self._open = True

    async def apply(self, request: Request) -> Outcome:
        """Return when the station has carried out `request`. Raises RequestRefusedError with the reason."""
        if not self._open:
            raise RequestRefusedError(_STOPPING)
        if isinstance(request, Advance):
            return await _ask(request, self.advances)
        return await _ask(request, self.changes)

    def close(self) -> None:
        """Refuse what still waits, and whatever comes from now on."""
        self._open = False
        _refuse_all(self.changes)
        _refuse_all(self.advances)


async def _ask(request: _Asked, queue: asyncio.Queue[Asked[_Asked]]) -> Outcome:
    if queue.full():
        raise RequestRefusedError(f"{_MOST_WAITING} requests wait already")
    asked = Asked(request)
    queue.put_nowait(asked)
    return await asked.outcome()


def _refuse_all(queue: asyncio.Queue[Asked[_Asked]]) -> None:
    while not queue.empty():
        queue.get_nowait().refuse(RequestRefusedError(_STOPPING))
