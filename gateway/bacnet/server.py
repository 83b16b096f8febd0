"""The BACnet/IP adapter: the gateway and its meters as devices, laid out on a network.

Datagrams are the business of `port/host.py`, what devices answer that of `application.py`, who is found where
that of `port/layout.py`.
"""

import asyncio
import socket
from collections.abc import Mapping, Sequence
from typing import Final

from gateway.bacnet.application import Application
from gateway.bacnet.objects.flat import flat_device
from gateway.bacnet.objects.gateway_device import gateway_device
from gateway.bacnet.objects.meter_objects import meter_devices
from gateway.bacnet.objects.model import Device
from gateway.bacnet.port import sockets
from gateway.bacnet.port.bbmd import Bbmd
from gateway.bacnet.port.foreign import ForeignDevice
from gateway.bacnet.port.host import Host, Residents
from gateway.bacnet.port.layout import TOPOLOGIES, Ground
from gateway.bacnet.port.link import Link, Neighbour
from gateway.bacnet.port.plain import Forms
from gateway.bacnet.port.router import Networks
from gateway.bacnet.port.sockets import SERVICE
from gateway.bacnet.services.device_control import DeviceControl
from gateway.bacnet.telling.clashes import Clashes
from gateway.bacnet.wire import network as net
from gateway.bacnet.wire.bvlc import Address
from gateway.bacnet.wire.peer import Message, Peer
from gateway.bacnet.wire.who_is import I_AM
from gateway.binding import address_text
from gateway.bip import BbmdRole
from gateway.commands import Applier
from gateway.hub import Endpoint
from gateway.link_faults import Links
from sims.models import Nameplate
from sims.snapshot import Snapshot

_NOBODY: Final = 0x800000
"""In an address of three octets on the virtual network: no device has it, instances have 22 bits."""


class BacnetAdapter:
    """Serves `meters` as devices after device `device_instance`, found where `ground` says.

    What is written goes to `commands`. `password` is what clients must give who control communication;
    `links` are the faults of the meters' lines, without it there are none.
    """

    name = "bacnet"

    def __init__(
        self,
        ground: Ground,
        *,
        device_instance: int,
        gateway_id: str,
        gateway_name: str,
        meters: Sequence[Nameplate],
        commands: Applier,
        password: str | None = None,
        links: Links | None = None,
    ) -> None:
        self._ground = ground
        self._gateway = gateway_device(device_instance, gateway_id, gateway_name)
        self._meters: Sequence[Device] = ()
        if ground.topology == "flat":
            self._gateway = flat_device(self._gateway, meters)
        else:
            self._meters = meter_devices(device_instance, gateway_id, gateway_name, meters)
        self._clashes = Clashes(self._gateway.instance, self._gateway.instance + len(self._meters))
        links, control = links or Links("bacnet", 0), DeviceControl(password)
        self._application = Application(meters, commands, self, links=links, control=control)
        self._layout = TOPOLOGIES[ground.topology]((self._gateway, self._meters), ground)
        self._hosts = self._make_hosts()
        self._host = self._hosts[0]
        self._serving = self._residences()
        self._own: frozenset[Address] = frozenset()

    def _make_hosts(self) -> list[Host]:
        """Return a host for each port, the gateway's first."""
        link, own_network = self._link(), self._ground.own_network
        apart = [Residents(device) for device in self._layout.residents.apart]
        forms = Forms(self._application.responder)
        networks = Networks(self._layout.behind, own_network)
        first = self._make_host(self._layout.residents, networks, link, forms)
        others = Networks(own=own_network)
        return [first, *(self._make_host(each, others, Neighbour(link), forms) for each in apart)]

    def _make_host(self, residents: Residents, networks: Networks, link: Link, forms: Forms) -> Host:
        return Host(residents, networks, link, forms, hear=self._hear, is_own=self._is_own)

    def _link(self) -> Link:
        role = self._ground.role
        if isinstance(role, BbmdRole):
            return Bbmd(self._ground.interface.network, role)
        return Link() if role is None else ForeignDevice(role.host, role.port, role.ttl_s)

    def _residences(self) -> dict[int, Host]:
        """Return by the object identifiers of the devices which host each is at."""
        residents = self._layout.residents
        first, *others = self._hosts
        found = dict.fromkeys((device.number for device in (residents.local, *residents.routed)), first)
        apart = (device.number for device in residents.apart)
        return found | dict(zip(apart, others, strict=True))

    async def start(self) -> None:
        """Bind all ports or none, and serve. Raises AddressInUseError."""
        interface = self._ground.interface
        bound = sockets.bind(interface, self._ground.port, self._layout.sites)
        self._own = frozenset(udps[0].getsockname() for udps in bound)
        everybody = sockets.broadcast_host(interface)
        port = bound[0][0].getsockname()[1]
        try:
            for host, udps in zip(self._hosts, bound, strict=True):
                await host.open(udps, None if everybody is None else (everybody, port))
        except BaseException:
            await self.stop()
            _close(bound)
            raise
        self.broadcast(self._gateway, self._clashes.question())

    def show(self, snapshot: Snapshot) -> None:
        """Answer from `snapshot` from now on."""
        self._application.show(snapshot)
        self.forget()

    def forget(self) -> None:
        """Forget the answers that have been given."""
        for host in self._hosts:
            host.forget()

    async def shown(self) -> None:
        """Return at once: every answer is from the latest snapshot."""

    async def stop(self) -> None:
        """Close the sockets and give up the writes that wait."""
        await self._application.stop()
        await asyncio.gather(*(host.close() for host in self._hosts))

    def send(
        self, device: Device, peer: Peer, apdu: bytes, *, priority: int = 0, expects_reply: bool = False
    ) -> None:
        """Send an APDU of `device` to one peer."""
        self._serving[device.number].send(device, peer, apdu, priority=priority, expects_reply=expects_reply)

    def broadcast(self, device: Device, apdu: bytes) -> None:
        """Send an APDU of `device` to everybody."""
        self._serving[device.number].broadcast(device, apdu)

    def impersonate(self, device: Device, peer: Peer | None, apdu: bytes) -> None:
        """Send an APDU from a station with the device's instance and another address."""
        mac = (_NOBODY | device.instance).to_bytes(len(device.mac), "big")
        station = net.station(self._ground.network, mac)
        self._serving[device.number].impersonate(station, peer, apdu)

    def set_aside(self, rows: frozenset[int | None], numbers: frozenset[int]) -> None:
        """Have the meters in `rows`, None for all devices, or those with these identifiers hear all."""
        for host in self._hosts:
            host.set_aside(rows, numbers)

    def away(self) -> bool:
        """Return false: it needs nobody."""
        return False

    def endpoints(self) -> Sequence[Endpoint]:
        """Where it serves."""
        serves = f"device {self._gateway.instance}, {self._where()}"
        return [Endpoint(SERVICE, address_text(*self._host.place), serves)]

    def ready(self) -> Mapping[str, object]:
        """Return the address, the topology and the first and last device instance of meters that are devices.

        And where each of them is, if apart.
        """
        entry = {
            "address": f"{self._ground.address}:{self._host.place[1]}",
            "topology": self._ground.topology,
            "gateway_device": self._gateway.instance,
            "meters": [self._meters[0].instance, self._meters[-1].instance] if self._meters else [],
        }
        if self._layout.sites:
            entry["meter_addresses"] = [address_text(*host.place) for host in self._hosts[1:]]
        return {"bacnet": entry}

    def _hear(self, message: Message, devices: Sequence[Device]) -> None:
        """Take a message to the devices that it is addressed to."""
        if message.apdu[:2] == I_AM:
            self._clashes.hear_i_am(message.apdu, message.peer)
        self._application.hear(message, devices)

    def _where(self) -> str:
        """Return where the meters are found, in words."""
        if not self._meters:
            return f"objects of {len(self._gateway.parts)} meters"
        meters = f"meters {self._meters[0].instance}–{self._meters[-1].instance}"  # noqa: RUF001  a range
        if self._layout.behind is not None:
            return f"{meters} on network {self._layout.behind}"
        return f"{meters} at {address_text(*self._hosts[1].place)} to {address_text(*self._hosts[-1].place)}"

    def _is_own(self, address: Address) -> bool:
        """Whether a datagram from `address` is our own; bound to every address, we send from any."""
        ip = self._ground.interface.ip
        if ip.is_unspecified:
            host, port = address
            return (str(ip), port) in self._own and sockets.is_own(host)
        return address in self._own


def _close(bound: Sequence[Sequence[socket.socket]]) -> None:
    """Close the sockets that nobody has taken yet."""
    for udp in (udp for udps in bound for udp in udps):
        udp.close()
