"""The topologies: which device is found where, as data. Nothing is bound here.

To add one: a function and a line in TOPOLOGIES, and its word in the configuration.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from gateway.bacnet.host import Residents
from gateway.bacnet.objects import Device
from gateway.bacnet.sockets import Site


@dataclass(frozen=True, slots=True)
class Ground:
    """What a topology is laid out on: the gateway's address, the number of the virtual network, and `hosts`.

    `hosts` are addresses for meters that have their own, in the meters' order.
    """

    host: str
    network: int
    hosts: Sequence[str] = ()


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
    sites = [Site(ground.host, meter.instance - gateway.instance) for meter in meters]
    return Layout(Residents(gateway, apart=meters), sites=sites)


TOPOLOGIES: Final[Mapping[str, Callable[[Devices, Ground], Layout]]] = MappingProxyType(
    {"virtual": _virtual, "flat": _flat, "addresses": _addresses, "ports": _ports}
)
"""By the word of the configuration: where the meters are."""
