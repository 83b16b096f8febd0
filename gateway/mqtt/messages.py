"""Topics and payloads of the plain convention: what is published, from a snapshot to bytes.

No sockets, no asyncio and no clock: the same snapshot gives the same messages. All meters are encoded from
the snapshot's columns at once; only the last step, one JSON object a meter, is taken meter by meter.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

import orjson

from gateway.addressing import meter_topic, topic_root
from gateway.clock import iso
from gateway.readings import Readings
from sims.models import Nameplate
from sims.snapshot import Snapshot, Tick

ONLINE: Final = b"online"
OFFLINE: Final = b"offline"

GROUP: Final = 50
"""How many messages go out together: some 1 ms of work, during which no other protocol is served."""

_SEVEN_BITS: Final = 0x7F


class Message(NamedTuple):
    """One message to publish; all of ours are retained."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = True


@dataclass(frozen=True, slots=True)
class Topics:
    """The names of a gateway's topics, all under `root`."""

    root: str

    @classmethod
    def under(cls, prefix: str, gateway_id: str) -> Self:
        """Return the topics under `topic_root(prefix, gateway_id)`, which raises ConfigError."""
        return cls(topic_root(prefix, gateway_id))

    @property
    def everything(self) -> str:
        """The filter of all topics of this gateway."""
        return f"{self.root}/#"

    @property
    def status(self) -> str:
        """Where the gateway says that it is online; the topic of the will."""
        return f"{self.root}/status"

    @property
    def tick(self) -> str:
        """Where the gateway says which tick all states have reached."""
        return f"{self.root}/tick"

    def of_meter(self, meter: Nameplate, leaf: str) -> str:
        """Return `<root>/<meter id>/<leaf>`; raises ConfigError for an id that cannot be a level."""
        return f"{meter_topic(self.root, meter)}/{leaf}"


class StateEncoder:
    """Makes the `state` messages of all meters from a snapshot whose rows are in the order of `meters`."""

    def __init__(self, topics: Topics, meters: Sequence[Nameplate]) -> None:
        self._topics = [topics.of_meter(meter, "state") for meter in meters]
        self._readings = Readings(meters)

    def encode(self, snapshot: Snapshot) -> Iterator[Message]:
        """Yield each meter's message: its reading with `time` and `tick` before it."""
        head = {"time": iso(snapshot.tick.time), "tick": snapshot.tick.number}
        for topic, reading in zip(self._topics, self._readings.shown(snapshot), strict=True):
            yield Message(topic, orjson.dumps(head | reading))


def publish_packet(message: Message) -> bytes:
    """Return a message of QoS 0 as it is on the wire: a PUBLISH packet (MQTT 3.1.1, 3.3)."""
    topic = message.topic.encode()
    rest = len(topic) + 2 + len(message.payload)
    head = bytearray((0x30 | message.retain,))
    while rest > _SEVEN_BITS:
        head.append(0x80 | rest & _SEVEN_BITS)
        rest >>= 7
    head.append(rest)
    return b"".join((head, len(topic).to_bytes(2), topic, message.payload))


def statuses(topics: Topics, meters: Iterable[Nameplate], word: bytes) -> list[Message]:
    """Return the `status` messages of the meters and, last, of the gateway: `ONLINE` or `OFFLINE`."""
    return [
        *(Message(topics.of_meter(meter, "status"), word, qos=1) for meter in meters),
        Message(topics.status, word, qos=1),
    ]


def tick_message(topics: Topics, tick: Tick) -> Message:
    """Return the message that follows the last state of a tick; once acknowledged, all states are out."""
    return Message(topics.tick, orjson.dumps({"time": iso(tick.time), "tick": tick.number}), qos=1)
