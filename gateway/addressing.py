"""Where meter n is found on each protocol: pure arithmetic on its number, the same whoever tells it.

No settings are read here and nothing is bound.
"""

import re
from dataclasses import dataclass
from typing import Final

from gateway.errors import ConfigError
from sims.models import Nameplate

UNITS_PER_PORT: Final = 247
"""Modbus unit ids 1 to 247 are meters; the next meter is unit 1 of the next port."""

MOST_METERS: Final = 100_000
"""The most meters of a gateway."""

HIGHEST_PORT: Final = 65_535
"""The highest TCP or UDP port."""

HIGHEST_INSTANCE: Final = 4_194_302
"""The highest BACnet device instance; 4194303 means "any"."""

INSTANCES_OF_A_METER: Final = 100
"""Where one BACnet device has the objects of all meters, those of meter n have instance 100·n + k."""

MOST_FLAT_METERS: Final = HIGHEST_INSTANCE // INSTANCES_OF_A_METER - 1
"""The most meters whose objects one device can have."""

_LEVEL: Final = re.compile(r"[^+#/\x00-\x1f\x7f]+")


def modbus_ports(meters: int) -> int:
    """Return how many consecutive ports `meters` meters need."""
    return -(-meters // UNITS_PER_PORT)


def device_instance(gateway_device: int, meter: Nameplate) -> int:
    """Return the BACnet device instance of a meter behind the device `gateway_device`."""
    return gateway_device + meter.number


def modbus_place(meter: Nameplate) -> tuple[int, int]:
    """Return on which port, counted from 0, and as which unit id a meter is served."""
    index, unit = divmod(meter.number - 1, UNITS_PER_PORT)
    return index, unit + 1


def topic_root(prefix: str, gateway_id: str) -> str:
    """Return `<prefix>/<gateway id>`, over all topics of a gateway; a prefix may have several levels.

    Raises ConfigError for what MQTT reserves: `+`, `#`, control characters, empty levels, a leading `$`.
    """
    if prefix.startswith("$") or not all(_LEVEL.fullmatch(level) for level in prefix.split("/")):
        raise ConfigError(
            f"{prefix!r} begins no topic; allowed: levels between slashes without + or #, no leading $",
            key="mqtt.prefix",
        )
    return f"{prefix}/{_level(gateway_id, 'gateway.id')}"


def meter_topic(root: str, meter: Nameplate) -> str:
    """Return the topic under which everything of a meter is published.

    Raises ConfigError for an id that cannot be a level.
    """
    return f"{root}/{_level(meter.id, 'meters')}"


def _level(name: str, key: str) -> str:
    """Return `name` if it can be one level of a topic."""
    if not _LEVEL.fullmatch(name):
        raise ConfigError(
            f"id {name!r} cannot be in an MQTT topic; not allowed: + # / and control characters", key=key
        )
    return name


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the meters are.

    The Modbus ports in order, the gateway's BACnet device instance and the MQTT root topic; empty or None
    where the protocol is not served. `flat` says that the gateway device has the objects of all meters.
    """

    modbus_ports: tuple[int, ...] = ()
    gateway_device: int | None = None
    flat: bool = False
    topic_root: str | None = None

    def modbus(self, meter: Nameplate) -> tuple[int, int] | None:
        """Return the port and the unit id of a meter on Modbus TCP."""
        index, unit = modbus_place(meter)
        return (self.modbus_ports[index], unit) if self.modbus_ports else None

    def device_instance(self, meter: Nameplate) -> int | None:
        """Return the BACnet device instance of a meter, or of the device that has its objects."""
        if self.gateway_device is None or self.flat:
            return self.gateway_device
        return device_instance(self.gateway_device, meter)

    def topic(self, meter: Nameplate) -> str | None:
        """Return the MQTT topic under which everything of a meter is published."""
        return None if self.topic_root is None else meter_topic(self.topic_root, meter)
