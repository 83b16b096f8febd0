"""The configuration as the rest of the gateway uses it: frozen, complete, checked.

Nothing is read or checked here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.bip import Role
from gateway.broker import Access
from gateway.clock import ClockMode
from gateway.journal import Kind
from gateway.link_faults import LinkFault
from gateway.payloads import Payloads
from gateway.transports import Listener
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
    """Modbus: where clients come in, how many connections there may be, and how long idle ones [s] (0: ever).

    `pulse_hubs` says that some listener serves a map of pulse hubs.
    """

    host: str
    listeners: tuple[Listener, ...]
    connections: int
    idle_s: float
    pulse_hubs: bool


@dataclass(frozen=True, slots=True)
class BacnetSettings:
    """BACnet/IP: the address with its network's length (`127.0.0.1/8`), and the numbers of the devices.

    `hosts` are the addresses of the meters where each has its own. `own_network` is the number of the network
    that the gateway is on, None where it has none; `role` is what it is there beside a node. `password` is
    what ReinitializeDevice and DeviceCommunicationControl need.
    """

    address: str
    port: int
    device_instance: int
    network: int
    topology: str
    hosts: tuple[str, ...]
    own_network: int | None
    role: Role | None
    password: str | None


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """MQTT: how the broker is reached, whether one of our `own` comes along there, and what is published."""

    access: Access
    own: bool
    payloads: Payloads


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """HTTP: where it serves, and the token for changes off the loopback, None to make one up."""

    host: str
    port: int
    token: str | None


@dataclass(frozen=True, slots=True)
class JournalSettings:
    """The journal: the kinds of what is to be told that are recorded, and how many entries wait at `most`."""

    kinds: frozenset[Kind]
    most: int


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration; a protocol that is None is not served, and without `state` nothing is kept.

    `links` are the faults of lines at the start by protocol: of meters, by row, and of the port (None).
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
    journal: JournalSettings
    state: Path | None
    meters: tuple[MeterSpec, ...]
    links: Mapping[int | None, Mapping[str, LinkFault]]
    notes: tuple[str, ...]

    @property
    def nameplates(self) -> tuple[Nameplate, ...]:
        """The nameplates of the meters, in order."""
        return tuple(meter.nameplate for meter in self.meters)
