"""Where meter n is found on each protocol: pure arithmetic on its number, the same whoever tells it.

No settings are read here and nothing is bound.
"""

from dataclasses import dataclass
from typing import Final

from sims.models import Nameplate

UNITS_PER_PORT: Final = 247
"""Modbus unit ids 1 to 247 are meters; the next meter is unit 1 of the next port."""

HIGHEST_INSTANCE: Final = 4_194_302
"""The highest BACnet device instance; 4194303 means "any"."""


def modbus_ports(meters: int) -> int:
    """Return how many consecutive ports `meters` meters need."""
    return -(-meters // UNITS_PER_PORT)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the meters are.

    The Modbus ports in order, the gateway's BACnet device instance and the MQTT root topic; empty or None
    where the protocol is not served.
    """

    modbus_ports: tuple[int, ...] = ()
    gateway_device: int | None = None
    topic_root: str | None = None

    def modbus(self, meter: Nameplate) -> tuple[int, int] | None:
        """Return the port and the unit id of a meter on Modbus TCP."""
        index, unit = divmod(meter.number - 1, UNITS_PER_PORT)
        return (self.modbus_ports[index], unit + 1) if self.modbus_ports else None

    def device_instance(self, meter: Nameplate) -> int | None:
        """Return the BACnet device instance of a meter."""
        return None if self.gateway_device is None else self.gateway_device + meter.number

    def topic(self, meter: Nameplate) -> str | None:
        """Return the MQTT topic under which everything of a meter is published."""
        return None if self.topic_root is None else f"{self.topic_root}/{meter.id}"
