"""The `state` of each meter: one JSON object of all its points, from a snapshot to bytes.

All meters are encoded from the snapshot's columns at once; only the last step, the JSON object, is taken
meter by meter. The same snapshot gives the same bytes.
"""

from collections.abc import Iterator, Sequence

import orjson

from gateway.clock import iso
from gateway.mqtt.messages import Message, Properties
from gateway.mqtt.plain.topics import Topics
from gateway.payloads import Payloads
from gateway.readings import Readings
from sims.models import Nameplate
from sims.snapshot import Snapshot


class States:
    """The `state` messages of `meters`, given in the order of the snapshots' columns."""

    def __init__(self, topics: Topics, meters: Sequence[Nameplate], payloads: Payloads) -> None:
        self._topics = [topics.of_meter(meter, "state") for meter in meters]
        self._readings = Readings(meters)
        properties = Properties("application/json", payloads.expiry_s, topics.user)
        self._rest = (payloads.qos, payloads.retain, properties)

    def of(self, snapshot: Snapshot) -> Iterator[list[Message]]:
        """Yield each meter's message: its reading with `time` and `tick` before it."""
        head = {"time": iso(snapshot.tick.time), "tick": snapshot.tick.number}
        for topic, reading in zip(self._topics, self._readings.shown(snapshot), strict=True):
            yield [Message(topic, orjson.dumps(head | reading), *self._rest)]
