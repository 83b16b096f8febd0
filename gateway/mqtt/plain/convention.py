"""The plain convention as a whole: what it is made of depends on the payloads that are wanted."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import orjson

from gateway.clock import iso
from gateway.journal import Entry
from gateway.mqtt.convention import Heard
from gateway.mqtt.messages import OFFLINE, ONLINE, Incoming, Message, statuses
from gateway.mqtt.plain.entries import Entries
from gateway.mqtt.plain.state import States
from gateway.mqtt.plain.topics import Topics
from gateway.payloads import Payloads
from sims.models import Nameplate
from sims.snapshot import Snapshot


class Plain:
    """States, scalars and commands of `meters` under `topics`. Implements Convention."""

    name = ""

    def __init__(self, topics: Topics, meters: Sequence[Nameplate], payloads: Payloads) -> None:
        self._topics = topics
        self._meters = meters
        self._statuses = [*(topics.of_meter(meter, "status") for meter in meters), topics.status]
        self._entries = Entries(topics, meters)
        self._parts: list[States] = []
        if "state" in payloads.kinds:
            self._parts.append(States(topics, meters, payloads))
        self.subscriptions: Sequence[str] = ()

    def will(self) -> Message:
        """Return the gateway's `offline`."""
        return statuses([self._topics.status], OFFLINE)[0]

    def births(self, snapshot: Snapshot) -> Iterable[Message]:  # noqa: ARG002  Convention's
        """Return that all are `online`."""
        return statuses(self._statuses, ONLINE)

    def states(self, snapshot: Snapshot) -> Iterator[Sequence[Message]]:
        """Yield what each meter has to say, of all kinds that follow the clock."""
        spoken = zip(*(part.of(snapshot) for part in self._parts), strict=True)
        return (list(chain.from_iterable(each)) for each in spoken)

    def closing(self, snapshot: Snapshot) -> Sequence[Message]:
        """Return the tick: once a broker has acknowledged it, it has all the states."""
        tick = orjson.dumps({"time": iso(snapshot.tick.time), "tick": snapshot.tick.number})
        return [Message(self._topics.tick, tick, qos=1)]

    def farewell(self) -> Sequence[Message]:
        """Return that all are `offline`, the gateway last."""
        return statuses(self._statuses, OFFLINE)

    def message(self, entry: Entry) -> Message:
        """Return what tells an entry of the journal."""
        return self._entries.message(entry)

    def lost(self, row: int) -> Sequence[Message]:
        """Return that a meter is `offline`."""
        return statuses([self._statuses[row]], OFFLINE)

    def found(self, row: int, snapshot: Snapshot) -> Sequence[Message]:  # noqa: ARG002  Convention's
        """Return that it is `online`."""
        return statuses([self._statuses[row]], ONLINE)

    def heard(self, incoming: Incoming) -> Heard:  # noqa: ARG002  Convention's
        """Hear nothing yet."""
        return None
