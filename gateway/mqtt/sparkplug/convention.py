"""Sparkplug B as a whole: who is born, what is told since, and the numbers that hosts count by.

A message draws its sequence number as it is handed out, and is to be sent before another is asked for. No
wire format here, no sockets and no clock: the time of everything is that of the tick that is shown.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from gateway.commands import Outcome
from gateway.errors import FaultyRequestError, RequestRefusedError
from gateway.mqtt.changes import Changes
from gateway.mqtt.convention import SILENCE, Asked, Heard, Reborn, Said
from gateway.mqtt.messages import Incoming, Message
from gateway.mqtt.sparkplug.commands import wish
from gateway.mqtt.sparkplug.metrics import (
    ANSWER,
    BD_SEQ,
    DEVICE,
    LOAD_KW,
    LOAD_POWER_FACTOR,
    MEASURED,
    NODE,
    REBIRTH,
    RESET_PEAK,
    UNALIASED,
    nameplate,
)
from gateway.mqtt.sparkplug.payload import TIMELESS, Stamp, decoded, metrics, payload, varint
from gateway.mqtt.sparkplug.topics import Topics
from gateway.payloads import Payloads
from gateway.readings import Readings
from gateway.release import release
from sims.models import Nameplate
from sims.snapshot import Snapshot

_NUMBERS: Final = 256
"""How many sequence numbers there are, of messages and of sessions alike."""

_NS_PER_MS: Final = 1_000_000
_STALE: Final = "stale"
_NO_MARK: Final = b""
_NODE_MARK: Final = varint(1)

_FIRST_OWNER: Final = 2
"""Under which number the aliases of the first meter are; 1 is the node."""

_BIRTH: Final = {name: metric.born() for name, metric in {**UNALIASED, **NODE}.items()}
_DATA: Final = {name: metric.told() for name, metric in {**UNALIASED, **NODE}.items()}
_DEVICE_BIRTH: Final = [
    {name: metric.born(stale=stale) for name, metric in DEVICE.items()} for stale in (False, True)
]
_DEVICE_DATA: Final = [
    {name: metric.told(stale=stale) for name, metric in DEVICE.items()} for stale in (False, True)
]
"""How metrics of a meter are written, and how while it is stale."""


class Sparkplug:
    """The edge node that `payloads` name, with `meters` as its devices. Implements Convention."""

    name = "sparkplug"

    def __init__(self, meters: Sequence[Nameplate], payloads: Payloads) -> None:
        self._topics = Topics(payloads.sparkplug_group, payloads.sparkplug_node)
        self.topics = self._topics.everything
        self._meters = meters
        self._readings = Readings(meters)
        self._changes = Changes(meters)
        self._marks = [varint(row + _FIRST_OWNER) for row in range(len(meters))]
        self._data = [self._topics.of_device("DDATA", meter) for meter in meters]
        self._rows = {self._topics.of_device("DCMD", meter): row for row, meter in enumerate(meters)}
        self._controls = [_controls(meter) for meter in meters]
        self._bd_seq = _NUMBERS - 1
        self._sequence = 0
        self._stamp = TIMELESS
        self._tick = 0
        self._era = 0
        self._node_born = self._all_born = False
        self._born: dict[int, int] = {}
        self._lost: set[int] = set()
        self._owed: dict[int, dict[str, Any]] = {}
        self._stale: set[int] = set()
        self.subscriptions: Sequence[str] = self._topics.commands[: None if payloads.commands else 1]

    def will(self) -> Message:
        """Return the NDEATH of the session that is about to begin."""
        self._stop()
        self._bd_seq = (self._bd_seq + 1) % _NUMBERS
        return self._ndeath()

    def births(self, snapshot: Snapshot) -> Iterator[Message]:
        """Yield the NBIRTH and a DBIRTH for each meter that is there."""
        self._stop()
        era = self._era
        self._changes.forget()
        self._show(snapshot)
        yield self._nbirth(snapshot)
        for row, reading in enumerate(self._changes.of(snapshot)):
            if era != self._era:
                return
            if row not in self._lost and row not in self._born:
                yield self._dbirth(row, reading, snapshot)
        self._all_born = era == self._era

    def states(self, snapshot: Snapshot) -> Iterator[Sequence[Message]]:
        """Yield for each meter the DDATA of what has changed since it was born, or told before."""
        self._show(snapshot)
        stamp, number = self._stamp, snapshot.tick.number
        for row, changed in enumerate(self._changes.of(snapshot)):
            if (born := self._born.get(row)) is None:
                yield SILENCE
                continue
            values = changed if born < number else {}
            if _STALE in values:
                values |= self._of_other_quality(row, snapshot, stale=values[_STALE])
            values |= self._owed.pop(row, {})
            yield [self._ddata(row, values, stamp)] if values else SILENCE

    def _of_other_quality(self, row: int, snapshot: Snapshot, *, stale: bool) -> dict[str, Any]:
        """Return all that a meter measures, since its quality has changed."""
        (self._stale.add if stale else self._stale.discard)(row)
        (reading,) = self._readings.shown(snapshot, [row])
        return {name: value for name, value in reading.items() if name in MEASURED}

    def closing(self, snapshot: Snapshot) -> Sequence[Message]:
        """Return the NDATA of the tick, once in each: a host that has it has all that changed."""
        if not self._all_born or snapshot.tick.number == self._tick:
            return SILENCE
        self._tick = snapshot.tick.number
        written = metrics(_DATA, _NODE_MARK, self._stamp, {"tick": self._tick})
        return [self._numbered(self._topics.of_node("NDATA"), written, self._stamp)]

    def farewell(self) -> Sequence[Message]:
        """Return the NDEATH; nothing may follow it."""
        self._stop()
        return [self._ndeath()]

    def lost(self, row: int) -> Sequence[Message]:
        """Return the DDEATH of a meter, if it has been born."""
        self._lost.add(row)
        if self._born.pop(row, None) is None:
            return SILENCE
        return [self._numbered(self._topics.of_device("DDEATH", self._meters[row]), b"", self._stamp)]

    def found(self, row: int, snapshot: Snapshot) -> Sequence[Message]:
        """Return the DBIRTH of a meter, unless the node is not born yet."""
        self._lost.discard(row)
        if not self._node_born or row in self._born:
            return SILENCE
        self._show(snapshot)
        self._changes.tell(row, snapshot)
        (reading,) = self._readings.shown(snapshot, [row])
        return [self._dbirth(row, reading, snapshot)]

    def heard(self, incoming: Incoming) -> Heard:
        """Return what comes of a command to the node or to a meter; a retained one is not obeyed."""
        if incoming.retain:
            return None
        row = self._rows.get(incoming.topic)
        if row is None:
            return self._told_to_node(incoming) if incoming.topic == self.subscriptions[0] else None
        return None if row in self._lost else self._told_to_meter(row, incoming.payload)

    def _told_to_node(self, incoming: Incoming) -> Heard:
        """Return the request for all births; whatever else is written to the node has no effect."""
        try:
            written = decoded(incoming.payload)
        except FaultyRequestError:
            return None
        if not any(one.name == REBIRTH and one.value is True for one in written):
            return None
        self._stop()
        return Reborn(0.0)

    def _told_to_meter(self, row: int, command: bytes) -> Heard:
        try:
            wanted = wish(decoded(command), row, row + _FIRST_OWNER, self._controls[row])
        except FaultyRequestError as fault:
            return Said(self._answered(row, {}, fault))
        if not wanted.commands:
            return None
        return Asked(wanted.commands, partial(self._answered, row, wanted.shown))

    def _answered(
        self, row: int, shown: Mapping[str, Any], outcome: Outcome | RequestRefusedError
    ) -> Sequence[Message]:
        """Return the DDATA of what came of a command, or owe it where the meter is about to be born."""
        if isinstance(outcome, RequestRefusedError):
            values: dict[str, Any] = {ANSWER: str(outcome)}
        else:
            values = {**shown, ANSWER: "; ".join(filter(None, outcome)) or "ok"}
        self._controls[row].update(values)
        if self._all_born and row in self._born:
            return [self._ddata(row, values, self._stamp)]
        self._owed.setdefault(row, {}).update(values)
        return SILENCE

    def _stop(self) -> None:
        """Tell nothing any more until the births."""
        self._era += 1
        self._node_born = self._all_born = False
        self._born.clear()

    def _show(self, snapshot: Snapshot) -> None:
        self._stamp = Stamp.of(snapshot.tick.time // _NS_PER_MS)

    def _ndeath(self) -> Message:
        """Return the NDEATH, without the time of which nobody knows when it is said."""
        written = metrics(_DATA, _NO_MARK, TIMELESS, {BD_SEQ: self._bd_seq})
        return Message(self._topics.of_node("NDEATH"), payload(TIMELESS, written, None), 1, retain=False)

    def _nbirth(self, snapshot: Snapshot) -> Message:
        self._node_born = True
        self._sequence = _NUMBERS - 1
        self._tick = snapshot.tick.number
        session = {BD_SEQ: self._bd_seq, REBIRTH: False}
        node = {"tick": self._tick, "meters": len(self._meters), "software_version": release()}
        written = metrics(_BIRTH, _NO_MARK, self._stamp, session)
        written += metrics(_BIRTH, _NODE_MARK, self._stamp, node)
        return self._numbered(self._topics.of_node("NBIRTH"), written, self._stamp)

    def _dbirth(self, row: int, reading: Mapping[str, Any], snapshot: Snapshot) -> Message:
        meter, stamp = self._meters[row], self._stamp
        self._born[row] = snapshot.tick.number
        self._owed.pop(row, None)
        values = {
            **dict.fromkeys(self._readings.names[row]),
            **reading,
            **nameplate(meter),
            **self._controls[row],
        }
        (self._stale.add if reading[_STALE] else self._stale.discard)(row)
        written = metrics(_DEVICE_BIRTH[row in self._stale], self._marks[row], stamp, values)
        return self._numbered(self._topics.of_device("DBIRTH", meter), written, stamp)

    def _ddata(self, row: int, values: Mapping[str, Any], stamp: Stamp) -> Message:
        written = metrics(_DEVICE_DATA[row in self._stale], self._marks[row], stamp, values)
        return self._numbered(self._data[row], written, stamp)

    def _numbered(self, topic: str, written: bytes, stamp: Stamp) -> Message:
        """Return a message with the next sequence number."""
        self._sequence = (self._sequence + 1) % _NUMBERS
        return Message(topic, payload(stamp, written, self._sequence), 0, retain=False)


def _controls(meter: Nameplate) -> dict[str, Any]:
    """Return what a meter's `Device Control/` shows at first; who has no key switch cannot be reset."""
    reset = {RESET_PEAK: False} if "peak_reset" in meter.options else {}
    return {**reset, LOAD_KW: None, LOAD_POWER_FACTOR: 1.0, ANSWER: ""}
