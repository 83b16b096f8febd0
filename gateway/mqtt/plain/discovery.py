"""Home Assistant's device discovery: a device for the gateway and for each meter, and the end of others.

What the components of a device are is in `components`. The same meters give the same bytes.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import orjson

from gateway.mqtt.convention import Heard, Reborn, Said
from gateway.mqtt.messages import Incoming, Message, Properties
from gateway.mqtt.plain.components import OF_POINTS, load, reset_peak
from gateway.mqtt.plain.topics import Topics
from gateway.payloads import Payloads
from gateway.release import release
from sims.models import Nameplate
from sims.points import PUBLISHED

REBORN_WITHIN_S: Final = 3.0
"""How long after Home Assistant has come the devices are announced again, at most [s]."""

LARGEST_NOTE: Final = 16 * 1024 * 1024
"""The largest note of devices that is read [bytes]: that of more meters than a gateway can have."""

_NAME: Final = "metergate"
_HAS_COME: Final = b"online"
_PLAIN: Final = re.compile(r"[A-Za-z0-9-]")


def identifier(*names: str) -> str:
    """Return an id of `[A-Za-z0-9_-]` that stands for these names, and for no others.

    What is no letter, digit or hyphen is an underscore and the two hexadecimal digits of each of its bytes;
    two underscores stand between names.
    """
    return "__".join("".join(map(_escaped, name)) for name in names)


def _escaped(character: str) -> str:
    if _PLAIN.fullmatch(character):
        return character
    return "".join(f"_{byte:02x}" for byte in character.encode())


class Discovery:
    """The devices that `payloads` want announced: the gateway and `meters`, or none."""

    def __init__(self, topics: Topics, meters: Sequence[Nameplate], payloads: Payloads) -> None:
        self._topics = topics
        self._meters = meters
        self._prefix = payloads.homeassistant_prefix
        self._commands = payloads.commands
        self._wanted = "homeassistant" in payloads.kinds
        self._gateway = identifier(*topics.root.split("/"))
        self._status = f"{self._prefix}/status"
        self.subscriptions: Final = (topics.discovered, *([self._status] if self._wanted else []))

    def messages(self) -> Iterator[Message]:
        """Yield the devices, the gateway first, since meters refer to it, and then the note of them."""
        if not self._wanted:
            return
        yield self._message(self._gateway, self._gateway_device())
        for meter in self._meters:
            yield self._message(self._id(meter), self._meter_device(meter))
        yield _retained(self._topics.discovered, orjson.dumps(self._announced()))

    def heard(self, incoming: Incoming) -> Heard:
        """Return what comes of what Home Assistant says, and of a note that this gateway left."""
        if incoming.topic == self._status:
            return Reborn(REBORN_WITHIN_S) if self._wanted and incoming.payload == _HAS_COME else None
        if incoming.topic == self._topics.discovered and incoming.retain and incoming.payload:
            return Said(self._removals(incoming.payload))
        return None

    def _removals(self, note: bytes) -> list[Message]:
        """Return what removes the devices of a note that are not announced now, and the note if none is."""
        announced = self._announced() if self._wanted else []
        stale = sorted(self._noted(note).difference(announced))
        removals = [_retained(topic, b"") for topic in stale]
        return removals if self._wanted else [*removals, _retained(self._topics.discovered, b"")]

    def _noted(self, note: bytes) -> set[str]:
        """Return the topics in a note that can be of devices of this gateway, whoever has written it."""
        try:
            topics = orjson.loads(note) if len(note) <= LARGEST_NOTE else []
        except orjson.JSONDecodeError:
            topics = []
        own = re.compile(rf"[^+#\x00]+/device/{re.escape(self._gateway)}(__[A-Za-z0-9_-]+)?/config")
        listed = topics if isinstance(topics, list) else []
        return {topic for topic in listed if isinstance(topic, str) and own.fullmatch(topic)}

    def _announced(self) -> list[str]:
        ids = [self._gateway, *map(self._id, self._meters)]
        return [self._topic(each) for each in ids]

    def _topic(self, device: str) -> str:
        return f"{self._prefix}/device/{device}/config"

    def _id(self, meter: Nameplate) -> str:
        return f"{self._gateway}__{identifier(meter.id)}"

    def _message(self, device: str, content: Mapping[str, Any]) -> Message:
        properties = Properties("application/json", user=self._topics.user)
        return Message(self._topic(device), orjson.dumps(content), 1, retain=True, properties=properties)

    def _gateway_device(self) -> Mapping[str, Any]:
        topics = self._topics
        available = {"availability": [{"topic": topics.status}]}
        tick = {"p": "sensor", "state_topic": topics.tick, "entity_category": "diagnostic", **available}
        components: Mapping[str, Mapping[str, Any]] = {
            "status": {
                "p": "binary_sensor",
                "name": "Status",
                "device_class": "connectivity",
                "entity_category": "diagnostic",
                "state_topic": topics.status,
                "payload_on": "online",
                "payload_off": "offline",
            },
            "tick": tick
            | {"name": "Tick", "value_template": "{{ value_json.tick }}", "enabled_by_default": False},
            "time": tick
            | {
                "name": "Simulated time",
                "device_class": "timestamp",
                "value_template": "{{ value_json.time }}",
                "enabled_by_default": False,
            },
        }
        device = {
            "name": f"{_NAME} {topics.gateway_id}",
            "manufacturer": _NAME,
            "model": "Gateway of simulated meters",
        }
        return _device(self._gateway, {**device, "sw": release()}, components)

    def _meter_device(self, meter: Nameplate) -> Mapping[str, Any]:
        device = {
            "name": meter.name or meter.id,
            "manufacturer": meter.vendor,
            "model": f"Series {meter.model.series}, {meter.model.service.words}",
            "model_id": meter.model.key,
            "serial_number": meter.serial,
            "sw": meter.firmware,
            "via_device": self._gateway,
        }
        statuses = (self._topics.status, self._topics.of_meter(meter, "status"))
        return {
            **_device(self._id(meter), device, self._components(meter)),
            "state_topic": self._topics.of_meter(meter, "state"),
            "availability": [{"topic": topic} for topic in statuses],
            "availability_mode": "all",
        }

    def _components(self, meter: Nameplate) -> Mapping[str, Mapping[str, Any]]:
        """Return what a meter shows and takes; of what it lacks the platform alone, which removes it."""
        set_ = self._topics.of_meter(meter, "set")
        lines, commands = meter.model.lines, self._commands
        components = {
            **{point.name: (OF_POINTS[point.name], point.lines <= lines) for point in PUBLISHED},
            "reset_peak": (reset_peak(f"{set_}/reset-peak"), commands and "peak_reset" in meter.options),
            "load": (load(f"{set_}/load"), commands),
        }
        return {name: one if has else {"p": one["p"]} for name, (one, has) in components.items()}


def _device(
    identity: str, device: Mapping[str, Any], components: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Return a device with unique ids for the components that it has."""
    return {
        "dev": {"identifiers": [identity], **device},
        "o": {"name": _NAME, "sw": release()},
        "cmps": {
            name: {**one, "unique_id": f"{identity}__{name}"} if len(one) > 1 else one
            for name, one in components.items()
        },
    }


def _retained(topic: str, payload: bytes) -> Message:
    return Message(topic, payload, qos=1, retain=True)
