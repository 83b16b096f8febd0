"""The topologies: which device is found where, as data. Nothing is bound here.

To add one: a function and a line in TOPOLOGIES, and its word in the configuration.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Interface
from types import MappingProxyType
from typing import Final

from gateway.bacnet.objects.model import Device
from gateway.bacnet.port.host import Residents
from gateway.bacnet.port.sockets import Site
from gateway.bip import Role


@dataclass(frozen=True)
class Ground:
    """Where the gateway is and how its meters are found: by `topology`, one of `TOPOLOGIES`.

    `address` is an IPv4 address with the length of its network ("192.168.1.20/24"); `port` 0 is any free one.
    `network` is the number of the virtual network, `own_network` that of the network that the gateway is on.
    `hosts` are addresses for meters that have their own, in the meters' order. `role` is that of the
    gateway in the BACnet/IP network.
    """

    address: str
    port: int
    network: int
    topology: str = "virtual"
    hosts: Sequence[str] = ()
    own_network: int | None = None
    role: Role | None = None

    @cached_property
    def interface(self) -> IPv4Interface:
        """The address as such."""
        return IPv4Interface(self.address)


@dataclass(frozen=True, slots=True)
class Layout:
    """Who lives at the gateway's port, the network `behind` it if there is one, and where the others are.

    `sites` are those of `residents.apart`.
    """

    residents: Residents
    behind: int | None = None
    sites: Sequence[Site] = ()


Devices = tuple[Device, Sequence[Device]]
"""The gateway and the meters that are devices."""


def _virtual(devices: Devices, ground: Ground) -> Layout:
    gateway, meters = devices
    return Layout(Residents(gateway, routed=meters), behind=ground.network)


def _flat(devices: Devices, _: Ground) -> Layout:
    gateway, _meters = devices
    return Layout(Residents(gateway))


def _addresses(devices: Devices, ground: Ground) -> Layout:
    gateway, meters = devices
    sites = [Site(host, 0) for _, host in zip(meters, ground.hosts, strict=False)]
    return Layout(Residents(gateway, apart=meters), sites=sites)


def _ports(devices: Devices, ground: Ground) -> Layout:
    gateway, meters = devices
    sites = [Site(str(ground.interface.ip), meter.instance - gateway.instance) for meter in meters]
    return Layout(Residents(gateway, apart=meters), sites=sites)


TOPOLOGIES: Final[Mapping[str, Callable[[Devices, Ground], Layout]]] = MappingProxyType(
    {"virtual": _virtual, "flat": _flat, "addresses": _addresses, "ports": _ports}
)
"""By the word of the configuration: where the meters are."""
