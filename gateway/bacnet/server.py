"""The BACnet/IP adapter: which datagram goes to the meters, which to the gateway's own device, which nowhere.

With `sockets.py` below it, this is what talks to the network; what meters answer, `responder.py` decides. A
plain read that differs from an earlier one of the same tick in its invoke id alone gets the same answer but
for that.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Interface
from typing import TYPE_CHECKING, Final

from gateway.bacnet import network as net
from gateway.bacnet import sockets
from gateway.bacnet.apdu import SEGMENTED
from gateway.bacnet.codes import ANY_INSTANCE
from gateway.bacnet.discovery import QUESTIONS
from gateway.bacnet.network import Address, Packet
from gateway.bacnet.objects import Device
from gateway.bacnet.pacing import Pacer, Sending
from gateway.bacnet.responder import READS, Responder
from gateway.errors import ConfigError
from gateway.hub import Endpoint
from sims.models import Nameplate
from sims.snapshot import Snapshot

if TYPE_CHECKING:
    from gateway.bacnet.gateway_device import GatewayDevice

_INVOKE: Final = 15
"""Where the invoke id of a plain read stands: from a station of this network to a meter, in one segment."""
_ANSWERED: Final = 13
"""Where the invoke id stands in the answer, which has no hop count and only one of the two addresses."""
_MOST_KNOWN: Final = 8192
_HIGHEST_INSTANCE: Final = ANY_INSTANCE - 1
_NETWORKS: Final = range(1, net.GLOBAL)


class BacnetAdapter:
    """Serves the meters as devices on virtual network `network` behind device `device_instance`.

    `address` is an IPv4 address with the length of its network ("192.168.1.20/24"); `port` 0 is any free one.
    Raises ConfigError for what cannot be served.
    """

    name = "bacnet"

    def __init__(
        self,
        *,
        address: str,
        port: int,
        device_instance: int,
        network: int,
        gateway_id: str,
        gateway_name: str,
        meters: Sequence[Nameplate],
    ) -> None:
        self._address = address
        self._interface = _interface(address)
        self._everybody = sockets.broadcast_host(self._interface)
        self._port = port
        self._instance = device_instance
        self._network = _checked_network(network)
        self._id = gateway_id
        self._description = gateway_name
        self._devices = _devices(device_instance, gateway_id, gateway_name, meters)
        self._responder = Responder(self._devices)
        self._known: dict[bytes, tuple[bytes, bytes]] = {}
        self._own: Address = (str(self._interface.ip), port)
        self._stations = {device.mac: net.station(network, device.mac) for device in self._devices}
        self._pacer = Pacer(self._send)
        self._ports: list[sockets.Port] = []
        self._gateway: GatewayDevice | None = None

    async def start(self) -> None:
        """Bind, announce the way to the meters and serve. Raises AddressInUseError."""
        from gateway.bacnet.gateway_device import GatewayDevice  # noqa: PLC0415  takes 0.3 s to import

        bound = sockets.bind(self._interface, self._port)
        self._own = bound[0].getsockname()
        self._port = self._own[1]
        self._gateway = GatewayDevice(
            host=self._own[0],
            port=self._port,
            instance=self._instance,
            name=self._id,
            description=self._description,
            send=self._send_from_gateway,
        )
        for udp in bound:
            self._ports.append(await sockets.Port.open(udp, self._receive))
        self._broadcast(net.i_am_router(self._network))

    def show(self, snapshot: Snapshot) -> None:
        """Answer from `snapshot` from now on."""
        self._responder.show(snapshot)
        self._known.clear()

    async def shown(self) -> None:
        """Return at once: every answer is from the latest snapshot."""

    async def stop(self) -> None:
        """Close the sockets."""
        self._pacer.stop()
        ports, self._ports = self._ports, []
        await asyncio.gather(*(port.close() for port in ports))
        if self._gateway is not None:
            await self._gateway.close()
            self._gateway = None

    def endpoints(self) -> Sequence[Endpoint]:
        """Where it serves."""
        low, high = self._span()
        serves = f"device {self._instance}, meters {low}–{high} on network {self._network}"  # noqa: RUF001  a range
        return [Endpoint(sockets.SERVICE, f"{self._own[0]}:{self._port}", serves)]

    def ready(self) -> Mapping[str, object]:
        """Return the address and the device instances."""
        entry = {
            "address": f"{self._address}:{self._port}",
            "gateway_device": self._instance,
            "meters": list(self._span()),
        }
        return {"bacnet": entry}

    def _span(self) -> tuple[int, int]:
        return self._devices[0].instance, self._devices[-1].instance

    def _receive(self, data: bytes, sender: Address) -> None:
        """Deal with a datagram."""
        known = self._known.get(data[:_INVOKE] + data[_INVOKE + 1 :])
        if known is not None:
            self._send(known[0] + data[_INVOKE : _INVOKE + 1] + known[1], sender)
            return
        packet = net.parse(data, sender)
        if packet is not None:
            self._route(packet, data)
        elif not net.carries_npdu(data) and self._gateway is not None:
            self._gateway.receive(data, sender, broadcast=False)

    def _route(self, packet: Packet, data: bytes) -> None:
        """Take a packet to where it is addressed.

        What asks this network alone who is there, the meters hear too: many clients look no further.
        """
        if packet.asker == self._own or packet.source_network == self._network:
            return  # our own broadcast, or somebody who pretends to be on our network
        if packet.network == self._network:
            self._for_meters(packet, data)
        elif packet.network is None or packet.network == net.GLOBAL:
            self._for_gateway(packet)
            self._for_meters(packet, data)
        elif not packet.broadcast:
            self._send(net.no_route(packet), packet.asker)

    def _for_gateway(self, packet: Packet) -> None:
        if packet.is_apdu:
            if self._gateway is not None:
                self._gateway.receive(net.as_local(packet), packet.asker, broadcast=packet.broadcast)
        elif (answer := net.router_answer(packet, self._network)) is not None:
            self._send(answer, packet.asker)
            if packet.broadcast and packet.message == net.WHO_IS_ROUTER:
                self._broadcast(net.i_am_router(self._network))

    def _for_meters(self, packet: Packet, data: bytes) -> None:
        device = self._responder.devices.get(packet.mac)
        if not packet.is_apdu or (packet.mac and device is None):
            return
        if packet.payload[:2] in QUESTIONS:
            sayings = self._announcements(packet, device)
            self._pacer.add((packet.asker, packet.source, packet.mac, packet.payload), sayings)
        elif device is not None and (apdu := self._responder.answer(packet.payload, device)) is not None:
            answer = net.answer(packet, apdu, self._stations[device.mac])
            self._send(answer, packet.asker)
            self._remember(data, answer)

    def _remember(self, data: bytes, answer: bytes) -> None:
        """Keep the answer for the rest of the tick, if the datagram is a plain read."""
        if net.is_plain(data) and data[_INVOKE + 1] in READS and not data[_INVOKE - 2] & SEGMENTED:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[data[:_INVOKE] + data[_INVOKE + 1 :]] = answer[:_ANSWERED], answer[_ANSWERED + 1 :]

    def _announcements(self, packet: Packet, device: Device | None) -> Iterator[list[Sending]]:
        """Yield what the meters say to an unconfirmed request, for each of them to whom.

        To a broadcast they answer by broadcast and to the asker as well: one bound to its own address, or to
        another port, would not hear the broadcast.
        """
        everybody = (self._everybody, self._port) if self._everybody and packet.broadcast else None
        for speaker, apdu in self._responder.announce(packet.payload, device):
            source = self._stations[speaker.mac]
            sendings = [(net.answer(packet, apdu, source), packet.asker)]
            if everybody is not None:
                sendings.append((net.global_broadcast(apdu, source), everybody))
            yield sendings

    def _send(self, datagram: bytes, address: Address) -> None:
        if self._ports:
            self._ports[0].send(datagram, address)

    def _send_from_gateway(self, datagram: bytes, address: Address | None) -> None:
        if address is None:
            self._broadcast(datagram)
        else:
            self._send(datagram, address)

    def _broadcast(self, datagram: bytes) -> None:
        if self._everybody is not None:
            self._send(datagram, (self._everybody, self._port))


def _interface(address: str) -> IPv4Interface:
    try:
        return IPv4Interface(address)
    except ValueError as problem:
        message = (
            f'{problem}; an IPv4 address with the length of its network is wanted, as in "192.168.1.20/24"'
        )
        raise ConfigError(message, key="bacnet.address") from None


def _checked_network(network: int) -> int:
    if network not in _NETWORKS:
        message = f"network {network} is not from {_NETWORKS[0]} to {_NETWORKS[-1]}"
        raise ConfigError(message, key="bacnet.network")
    return network


def _devices(gateway: int, gateway_id: str, place: str, meters: Sequence[Nameplate]) -> list[Device]:
    """Return the meters as devices; a device's object name is unique beyond this gateway by its id."""
    highest = max([gateway, *(gateway + plate.number for plate in meters)])
    if gateway < 0 or highest > _HIGHEST_INSTANCE:
        message = f"device instances {gateway} to {highest} are not from 0 to {_HIGHEST_INSTANCE}"
        raise ConfigError(message, key="bacnet.device_instance")
    return [
        Device(
            row=row,
            instance=gateway + plate.number,
            name=f"{gateway_id}.{plate.id}",
            location=plate.name or place,
            plate=plate,
        )
        for row, plate in enumerate(meters)
    ]
