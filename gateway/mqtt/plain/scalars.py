"""The `point` topics of each meter: one value a topic, when it changes.

A value is what it is in the `state`, but that text stands there without quotes: whoever takes a single value
from a topic takes it as it is. The same snapshots give the same bytes.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from gateway.mqtt.changes import Changes
from gateway.mqtt.messages import Message, Properties
from gateway.mqtt.plain.topics import Topics
from gateway.payloads import Payloads
from sims.models import Nameplate
from sims.snapshot import Snapshot


class Scalars:
    """The values of `meters`, given in the order of the snapshots' columns, one by one."""

    def __init__(self, topics: Topics, meters: Sequence[Nameplate], payloads: Payloads) -> None:
        self._roots = [topics.of_meter(meter, "point/") for meter in meters]
        self._changes = Changes(meters, payloads.deadbands)
        self._rest = (payloads.qos, payloads.retain, Properties("text/plain", payloads.expiry_s, topics.user))

    def forget(self) -> None:
        """Say all of them anew."""
        self._changes.forget()

    def of(self, snapshot: Snapshot) -> Iterator[list[Message]]:
        """Yield each meter's values that have changed."""
        for root, changed in zip(self._roots, self._changes.of(snapshot), strict=True):
            yield [Message(root + name, _written(value), *self._rest) for name, value in changed.items()]


def _written(value: Any) -> bytes:
    """Return a value as it is in JSON, text without quotes."""
    return value.encode() if isinstance(value, str) else orjson.dumps(value)
