"""Homie 5 as a convention: the gateway is the root device, each meter a child of it.

What devices are made of is in `properties` and `description`, what may be set in `settings`; here it becomes
messages. States but `init` go out at QoS 1: a broker that has acknowledged `ready` has all that came before.
Else it is the QoS of scalars; all is retained but commands and logs.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from gateway.clock import iso
from gateway.commands import Outcome
from gateway.errors import FaultyRequestError, RequestRefusedError
from gateway.mqtt.changes import Changes
from gateway.mqtt.convention import Asked, Heard, Said
from gateway.mqtt.homie.description import Descriptions
from gateway.mqtt.homie.ids import device_ids, homie_id
from gateway.mqtt.homie.properties import (
    ALERT_WAYS,
    CLOCK,
    CONTROL,
    GATEWAY,
    LOAD,
    LOAD_POWER_FACTOR,
    NO_VALUE,
    RESET,
    RESET_PEAK,
    TICK,
    WAYS,
    commands_of,
)
from gateway.mqtt.homie.settings import Load, Setting, measured_loads, setting
from gateway.mqtt.messages import Incoming, Message
from gateway.payloads import Payloads
from gateway.readings import Readings
from sims.models import Nameplate
from sims.snapshot import Snapshot

_SET: Final = "/set"


class Homie:
    """The gateway `gateway_id` and its `meters` as Homie devices. Implements Convention.

    Raises ConfigError for ids of meters that become the same device.
    """

    name = "homie"

    def __init__(self, gateway_id: str, meters: Sequence[Nameplate], payloads: Payloads) -> None:
        domain, root = f"{payloads.homie_domain}/5", homie_id(gateway_id)
        self._ids = device_ids(gateway_id, meters)
        self._root = f"{domain}/{root}"
        self.topics = f"{domain}/#"
        self._devices = [f"{domain}/{each}" for each in self._ids]
        self._rows = {device: row for row, device in enumerate(self._devices)}
        self._meters = meters
        self._descriptions = Descriptions(root, gateway_id)
        self._qos = payloads.qos
        self._changes = Changes(meters, payloads.deadbands)
        self._readings = Readings(meters)
        self._loads: dict[int, Load] = {}
        self._given: dict[int, Load] = {}
        self.subscriptions: Sequence[str] = (f"{domain}/+/{CONTROL.id}/+{_SET}",) if payloads.commands else ()

    def will(self) -> Message:
        """Return that the gateway is `lost`, and with it all its children."""
        return _state(self._root, "lost")

    def births(self, snapshot: Snapshot) -> Iterable[Message]:
        """Yield `init` of all, then their descriptions, their values and `ready`, at last the gateway's."""
        self._changes.forget()
        self._loads = dict(enumerate(measured_loads(snapshot))) | self._given
        yield from (self._init(device) for device in (self._root, *self._devices))
        for device, meter in zip(self._devices, self._meters, strict=True):
            yield self._described(device, self._descriptions.meter(meter))
        yield self._described(self._root, self._descriptions.gateway(self._ids))
        for row, messages in enumerate(self.states(snapshot)):
            yield from (*messages, *self._load(row))
        yield from self.closing(snapshot)
        yield from (_state(device, "ready") for device in (*self._devices, self._root))

    def states(self, snapshot: Snapshot) -> Iterator[Sequence[Message]]:
        """Yield what has changed of each meter."""
        return map(self._values, self._devices, self._changes.of(snapshot))

    def closing(self, snapshot: Snapshot) -> Sequence[Message]:
        """Return clock and tick: once a broker has acknowledged the tick, it has all the values."""
        node = f"{self._root}/{GATEWAY.id}"
        return [
            Message(f"{node}/{CLOCK.id}", iso(snapshot.tick.time).encode(), self._qos),
            Message(f"{node}/{TICK.id}", str(snapshot.tick.number).encode(), qos=1),
        ]

    def farewell(self) -> Sequence[Message]:
        """Return that all are `disconnected`, the gateway last: it is acknowledged for all of them."""
        meters = (_state(device, "disconnected") for device in self._devices)
        return [*(each._replace(qos=0) for each in meters), _state(self._root, "disconnected")]

    def lost(self, row: int) -> Sequence[Message]:
        """Return that a meter is `lost`."""
        return [_state(self._devices[row], "lost")]

    def found(self, row: int, snapshot: Snapshot) -> Sequence[Message]:
        """Return that it is `ready`, and before that all its values."""
        device, (reading,) = self._devices[row], self._readings.shown(snapshot, [row])
        return [self._init(device), *self._values(device, reading), _state(device, "ready")]

    def heard(self, incoming: Incoming) -> Heard:
        """Return what a `set` asks for; one that is retained is not obeyed."""
        device, _, rest = incoming.topic.rpartition(f"/{CONTROL.id}/")
        row = self._rows.get(device)
        if row is None or incoming.retain or not rest.endswith(_SET):
            return None
        try:
            asked = self._setting(row, rest.removesuffix(_SET), incoming.payload)
        except FaultyRequestError as fault:
            return Said([_warning(device, str(fault))])
        return Asked((asked.command,), self._answer(row, asked))

    def _setting(self, row: int, property_id: str, payload: bytes) -> Setting:
        if property_id not in (known := [one.id for one in commands_of(self._meters[row])]):
            raise FaultyRequestError(f"the meter has no such property to set; allowed: {', '.join(known)}")
        return setting(property_id, payload, row, self._loads.get(row, Load(0.0, 1.0)))

    def _answer(self, row: int, asked: Setting) -> Callable[[Outcome | RequestRefusedError], list[Message]]:
        """Return what says how it came out: by the new values, or in the log."""

        def answer(outcome: Outcome | RequestRefusedError) -> list[Message]:
            if isinstance(outcome, RequestRefusedError):
                return [_warning(self._devices[row], str(outcome))]
            if asked.load is None:
                topic = f"{self._devices[row]}/{CONTROL.id}/{RESET_PEAK}"
                return [Message(topic, RESET.encode(), retain=False)]
            self._loads[row] = self._given[row] = asked.load
            return self._load(row)

        return answer

    def _load(self, row: int) -> list[Message]:
        """Return the load of a meter: the one set here, else what it measured when it was described."""
        node, load = f"{self._devices[row]}/{CONTROL.id}", self._loads[row]
        values = zip((LOAD, LOAD_POWER_FACTOR), load, strict=True)
        return [Message(f"{node}/{name}", str(value).encode(), self._qos) for name, value in values]

    def _values(self, device: str, told: dict[str, Any]) -> list[Message]:
        """Return values of points, and the alerts that begin or end with them."""
        messages, qos = [], self._qos
        for name, value in told.items():
            topic, written = WAYS[name]
            messages.append(Message(device + topic, written(value), qos))
        for name, topic, words in ALERT_WAYS:
            if name in told:
                messages.append(Message(device + topic, words if told[name] else NO_VALUE, qos))
        return messages

    def _init(self, device: str) -> Message:
        return _state(device, "init")._replace(qos=self._qos)

    def _described(self, device: str, document: bytes) -> Message:
        return Message(f"{device}/$description", document, self._qos)


def _state(device: str, word: str) -> Message:
    return Message(f"{device}/$state", word.encode(), qos=1)


def _warning(device: str, words: str) -> Message:
    return Message(f"{device}/$log/warn", words.encode(), retain=False)
