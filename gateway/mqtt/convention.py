"""What a convention of topics and payloads is: the language of one connection, as pure as a register map.

A convention turns snapshots into messages and messages of others into requests. When something goes out is
the publisher's business, over which connection the session's; no sockets, no asyncio and no clock here.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from gateway.clock import ClockState
from gateway.commands import Applier, Outcome, Request, SetLink
from gateway.errors import RequestRefusedError
from gateway.mqtt.messages import Incoming, Message
from sims.snapshot import Snapshot


class Asked(NamedTuple):
    """What somebody asks of the station by a message, and what is answered to what came of it."""

    request: Request
    answer: Callable[[Outcome | RequestRefusedError], Sequence[Message]]


class Said(NamedTuple):
    """What is answered at once, without the station."""

    messages: Sequence[Message]


class Reborn(NamedTuple):
    """Say all births again, so much later at random that others are not overrun [s]."""

    within_s: float


Heard = Asked | Said | Reborn | None
"""What comes of a message from outside; nothing of one that concerns nobody."""

SILENCE: Final[Sequence[Message]] = ()


class Control(Applier, Protocol):
    """What conventions ask of the station."""

    def gateway_change(self, changes: Mapping[str, Any]) -> SetLink:
        """Return the command that puts `changes` over the gateway. Raises FaultyRequestError."""

    def clock_state(self) -> ClockState:
        """Return what the clock is doing."""


class Convention(Protocol):
    """One convention, on a connection of its own: it has one will.

    `name` tells its client id from those of the others, and is "" for the plain one. `topics` is a filter of
    what it says, for people; `subscriptions` are the filters of what it wants to hear, at QoS 1.
    """

    name: str
    topics: str
    subscriptions: Sequence[str]

    def will(self) -> Message:
        """Return what the broker says for us when we are lost; asked once for every attempt to connect."""

    def births(self, snapshot: Snapshot) -> Iterable[Message]:
        """Yield what is said first on a connection, and again when somebody asks for it."""

    def states(self, snapshot: Snapshot) -> Iterator[Sequence[Message]]:
        """Yield, for each meter in turn, what it has to say of a snapshot: nothing if nothing is new."""

    def closing(self, snapshot: Snapshot) -> Sequence[Message]:
        """Return what is said after the states of all meters."""

    def farewell(self) -> Sequence[Message]:
        """Return what is said before an orderly end."""

    def lost(self, row: int) -> Sequence[Message]:
        """Return what is said when the meter in `row` is not to be reached any more."""

    def found(self, row: int, snapshot: Snapshot) -> Sequence[Message]:
        """Return what is said when it is there again."""

    def heard(self, incoming: Incoming) -> Heard:
        """Return what comes of a message from outside. Never raises for what others have written."""
