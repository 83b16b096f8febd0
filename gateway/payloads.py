"""Which conventions are published over MQTT, and how: what the configuration makes and the adapter reads.

Nothing is encoded here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

Payload = Literal["state", "scalars", "event", "history", "homeassistant", "sparkplug", "homie"]
"""A kind of payload, each switched by itself."""

PAYLOADS: Final[tuple[Payload, ...]] = get_args(Payload)
DEFAULT: Final[tuple[Payload, ...]] = ("state", "event", "history")


@dataclass(frozen=True, slots=True)
class Payloads:
    """What is published: the `kinds`, each `publish_s` [s] where they follow the clock.

    `prefix` begins all topics of the plain convention. `qos` and `retain` are those of states and scalars.
    `expiry_s` is for how long a broker keeps states, scalars and what hangs on them, on MQTT 5 [s]; None for
    ever. `deadbands` say by how much a point has to change before its scalar goes out, in its shown unit, by
    the names of points. The others are where Home Assistant looks for devices, the group and the edge node
    of Sparkplug and the domain of Homie. `commands` says whether any is obeyed.
    """

    kinds: frozenset[Payload] = frozenset(DEFAULT)
    publish_s: float = 1.0
    prefix: str = "metergate"
    qos: int = 0
    retain: bool = True
    expiry_s: int | None = None
    deadbands: Mapping[str, float] = field(default_factory=dict)
    commands: bool = True
    homeassistant_prefix: str = "homeassistant"
    sparkplug_group: str = "metergate"
    sparkplug_node: str = ""
    homie_domain: str = "homie"
