"""The configuration as the rest of the gateway uses it: frozen, complete, checked.

Nothing is read or checked here.
"""

from dataclasses import dataclass
from pathlib import Path

from gateway.clock import ClockMode
from sims.meter import MeterSpec
from sims.models import Nameplate


@dataclass(frozen=True, slots=True)
class ClockSettings:
    """How simulated time goes; `start` [ns since 1970 UTC] is None where the mode decides."""

    mode: ClockMode
    start: int | None
    speed: float
    tick_s: float


@dataclass(frozen=True, slots=True)
class ModbusSettings:
    """Modbus TCP: the first port (0: free ones) and the names or files of its register maps."""

    host: str
    port: int
    maps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BacnetSettings:
    """BACnet/IP: the address with its network's length (`127.0.0.1/8`), and the numbers of the devices."""

    address: str
    port: int
    device_instance: int
    network: int


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """MQTT: the broker's `url`, or None for one that comes along, on `host` and `port` (0: a free one)."""

    url: str | None
    host: str
    port: int
    prefix: str
    publish_s: float


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """HTTP: where it serves, and the token for changes off the loopback, None to make one up."""

    host: str
    port: int
    token: str | None


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration; a protocol that is None is not served, and without `state` nothing is kept.

    `notes` are what was mended in the files of loads, one sentence each.
    """

    gateway_id: str
    gateway_name: str
    seed: int
    clock: ClockSettings
    modbus: ModbusSettings | None
    bacnet: BacnetSettings | None
    mqtt: MqttSettings | None
    http: HttpSettings | None
    state: Path | None
    meters: tuple[MeterSpec, ...]
    notes: tuple[str, ...]

    @property
    def nameplates(self) -> tuple[Nameplate, ...]:
        """The nameplates of the meters, in order."""
        return tuple(meter.nameplate for meter in self.meters)
