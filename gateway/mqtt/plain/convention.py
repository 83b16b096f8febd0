"""The plain convention as a whole: what it is made of depends on the payloads that are wanted."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, repeat
from typing import Final

import orjson

from gateway.clock import iso
from gateway.journal import Entry
from gateway.mqtt.convention import SILENCE, Control, Heard
from gateway.mqtt.messages import Incoming, Message
from gateway.mqtt.plain.commands import Commands
from gateway.mqtt.plain.discovery import Discovery
from gateway.mqtt.plain.entries import Entries
from gateway.mqtt.plain.scalars import Scalars
from gateway.mqtt.plain.state import States
from gateway.mqtt.plain.topics import Topics
from gateway.payloads import Payloads
from sims.models import Nameplate
from sims.snapshot import Snapshot

_ONLINE: Final = b"online"
_OFFLINE: Final = b"offline"


class Plain:
    """States, scalars and commands of `meters` under `topics`, announced to Home Assistant or not.

    Implements Convention. `control` is what commands ask.
    """

    name = ""

    def __init__(
        self, topics: Topics, meters: Sequence[Nameplate], payloads: Payloads, control: Control
    ) -> None:
        self.topics = topics.everything
        self._topics = topics
        self._meters = len(meters)
        self._statuses = [*(topics.of_meter(meter, "status") for meter in meters), topics.status]
        self._entries = Entries(topics, meters)
        self._states = States(topics, meters, payloads) if "state" in payloads.kinds else None
        self._scalars = Scalars(topics, meters, payloads) if "scalars" in payloads.kinds else None
        self._discovery = Discovery(topics, meters, payloads)
        self._commands = Commands(topics, meters, control) if payloads.commands else None
        self.subscriptions: Sequence[str] = (
            *self._discovery.subscriptions,
            *(self._commands.subscriptions if self._commands else ()),
        )

    def will(self) -> Message:
        """Return the gateway's `offline`."""
        return _status(self._topics.status, _OFFLINE)

    def births(self, snapshot: Snapshot) -> Iterable[Message]:  # noqa: ARG002  Convention's
        """Yield that all are `online`, and what Home Assistant is to know; all scalars follow."""
        if self._scalars:
            self._scalars.forget()
        yield from (_status(topic, _ONLINE) for topic in self._statuses)
        yield from self._discovery.messages()

    def states(self, snapshot: Snapshot) -> Iterator[Sequence[Message]]:
        """Yield what each meter has to say, of all kinds that follow the clock."""
        parts = [part.of(snapshot) for part in (self._states, self._scalars) if part]
        if not parts:
            return repeat(SILENCE, self._meters)
        return (list(chain.from_iterable(each)) for each in zip(*parts, strict=True))

    def closing(self, snapshot: Snapshot) -> Sequence[Message]:
        """Return the tick: once a broker has acknowledged it, it has all the states."""
        tick = orjson.dumps({"time": iso(snapshot.tick.time), "tick": snapshot.tick.number})
        return [Message(self._topics.tick, tick, qos=1)]

    def farewell(self) -> Sequence[Message]:
        """Return that all are `offline`, the gateway last: once that is acknowledged, all of it has arrived.

        There is little time to say it, and to wait for what acknowledges each of thousands would take more.
        """
        *meters, gateway = (_status(topic, _OFFLINE) for topic in self._statuses)
        return [*(each._replace(qos=0) for each in meters), gateway]

    def message(self, entry: Entry) -> Message:
        """Return what tells an entry of the journal."""
        return self._entries.message(entry)

    def lost(self, row: int) -> Sequence[Message]:
        """Return that a meter is `offline`."""
        return [_status(self._statuses[row], _OFFLINE)]

    def found(self, row: int, snapshot: Snapshot) -> Sequence[Message]:  # noqa: ARG002  Convention's
        """Return that it is `online`."""
        return [_status(self._statuses[row], _ONLINE)]

    def heard(self, incoming: Incoming) -> Heard:
        """Return what comes of a command, of what Home Assistant says and of a note of ours."""
        asked = self._commands.heard(incoming) if self._commands else None
        return asked or self._discovery.heard(incoming)


def _status(topic: str, word: bytes) -> Message:
    return Message(topic, word, qos=1)
