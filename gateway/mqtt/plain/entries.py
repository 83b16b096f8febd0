"""The `history` and `event` of each meter, told exactly once: from entries of the journal to bytes."""

from collections.abc import Sequence
from typing import Final

import orjson

from gateway.clock import iso
from gateway.journal import Entry, FlagChange
from gateway.mqtt.messages import Message, Properties
from gateway.mqtt.plain.topics import Topics
from sims.models import Nameplate
from sims.points import POINTS

_DIGITS: Final = 9
_PROPERTIES: Final = Properties("application/json")


class Entries:
    """The messages about `meters`; none of them is retained, all are acknowledged (QoS 1)."""

    def __init__(self, topics: Topics, meters: Sequence[Nameplate]) -> None:
        self._history = [topics.of_meter(meter, "history") for meter in meters]
        self._event = [topics.of_meter(meter, "event") for meter in meters]

    def message(self, entry: Entry) -> Message:
        """Return what tells an entry."""
        what = entry.what
        if isinstance(what, FlagChange):
            change = {"sequence": what.sequence, "time": iso(what.time), "tick": what.tick}
            return _told(self._event[what.row], change | {"flag": what.flag, "value": what.value})
        interval = {"sequence": what.sequence, "start": iso(what.start), "end": iso(what.end)}
        shown = {name: _shown(name, getattr(what, name)) for name in ("demand", "rolling_demand", "energy")}
        return _told(self._history[what.row], interval | shown)


def _told(topic: str, what: dict[str, object]) -> Message:
    return Message(topic, orjson.dumps(what), qos=1, retain=False, properties=_PROPERTIES)


def _shown(name: str, value: float) -> float:
    """Return a value in the shown unit of its point."""
    return round(value / POINTS[name].divisor, _DIGITS)
