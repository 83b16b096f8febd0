"""One BACnet/IP port: which datagram goes to which device, and how what a device says gets out.

Plain reads, the most of what comes, are answered by `plain.py`. What devices answer else is decided where
messages are taken (`hear`), how broadcasts travel by the link.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.bacnet.objects.model import Device
from gateway.bacnet.port import sockets
from gateway.bacnet.port.link import Link
from gateway.bacnet.port.plain import Forms, PlainReads
from gateway.bacnet.port.router import Networks, no_route
from gateway.bacnet.wire import network as net
from gateway.bacnet.wire.bvlc import Address, pack_address
from gateway.bacnet.wire.network import Packet
from gateway.bacnet.wire.peer import Message, Peer
from gateway.bacnet.wire.who_is import QUESTIONS

Hear = Callable[[Message, Sequence[Device]], None]
"""Takes a message to the devices that it is addressed to."""


@dataclass(frozen=True, slots=True)
class Residents:
    """The devices of a port: `local` at it, `routed` on the network behind it, each with its `mac` there.

    `apart` are devices of other ports that hear the same broadcasts.
    """

    local: Device
    routed: Sequence[Device] = ()
    apart: Sequence[Device] = ()


class Host:
    """A port that serves `residents` and knows `networks`; `is_own` tells the gateway's own addresses."""

    def __init__(
        self,
        residents: Residents,
        networks: Networks,
        link: Link,
        forms: Forms,
        *,
        hear: Hear,
        is_own: Callable[[Address], bool],
    ) -> None:
        self.place: Address = ("", 0)
        self.everybody: Address | None = None
        self.is_own = is_own
        self._networks = networks
        self._link = link
        self._local = residents.local
        self._routed = {device.mac: device for device in residents.routed}
        self._all = (residents.local, *residents.routed, *residents.apart)
        self._stations = {device.number: _station(networks, device) for device in residents.routed}
        self._stations[residents.local.number] = b""
        self._hear = hear
        asked = residents.routed or (residents.local,)
        stations = {self._stations[device.number]: device for device in asked}
        self._plain = PlainReads(stations, forms, self._receive)
        self._ports: list[sockets.Port] = []
        self._sender: sockets.Sender | None = None

    async def open(self, bound: Sequence[socket.socket], everybody: Address | None) -> None:
        """Serve at bound sockets, the first of which is sent from, and announce the way to other networks."""
        self.place, self.everybody = bound[0].getsockname(), everybody
        self._sender = sockets.Sender(bound[0])
        self._plain.open(self._sender)
        for udp in bound:
            self._ports.append(await sockets.Port.open(udp, self._plain.receive))
        self._link.open(self)
        for datagram in self._networks.announcements():
            self._link.broadcast(datagram)

    async def close(self) -> None:
        """Close the sockets."""
        await self._link.close()
        ports, self._ports = self._ports, []
        await asyncio.gather(*(port.close() for port in ports))
        if self._sender is not None:
            self._sender.close()

    def forget(self) -> None:
        """Forget the answers that have been given: they may be others now."""
        self._plain.forget()

    def set_aside(self, rows: frozenset[int | None], numbers: frozenset[int]) -> None:
        """Let the meters in `rows`, None for all devices, or what has these identifiers hear what is asked.

        Others answer plain reads at once.
        """

        def is_aside(device: Device) -> bool:
            shows_faults = device.spans_rows and bool(rows)
            return shows_faults or device.meter_row in rows or device.number in numbers or None in rows

        self._plain.set_aside(is_aside)

    def send(
        self, device: Device, peer: Peer, apdu: bytes, *, priority: int = 0, expects_reply: bool = False
    ) -> None:
        """Send an APDU of `device` to one peer."""
        station = self._stations[device.number]
        datagram = net.unicast(apdu, station, peer.station, priority=priority, expects_reply=expects_reply)
        self.send_datagram(datagram, peer.address)

    def broadcast(self, device: Device, apdu: bytes) -> None:
        """Send an APDU of `device` to everybody."""
        self._link.broadcast(net.global_broadcast(apdu, self._stations[device.number]))

    def impersonate(self, station: bytes, peer: Peer | None, apdu: bytes) -> None:
        """Send an APDU from a station that nobody is, to one peer or to everybody."""
        if peer is None:
            self._link.broadcast(net.global_broadcast(apdu, station))
            return
        datagram = net.unicast(apdu, station, peer.station, priority=0, expects_reply=False)
        self.send_datagram(datagram, peer.address)

    def send_datagram(self, datagram: bytes, address: Address) -> None:
        """Send a datagram."""
        if self._sender is not None:
            self._sender.send(datagram, address)

    def _receive(self, data: bytes, sender: Address) -> None:
        """Deal with a datagram that is no plain read."""
        if self._link.admits(data, sender) and (packet := net.parse(data, sender)) is not None:
            self._route(packet)

    def _route(self, packet: Packet) -> None:
        """Take a packet to where it is addressed."""
        if self.is_own(packet.asker):
            return  # our own broadcast
        behind = self._networks.behind
        if packet.source_network is not None and packet.source_network == behind:
            return  # somebody who pretends to be on our network
        if packet.network is not None and packet.network == behind:
            self._for_routed(packet)
        elif packet.network in {None, net.GLOBAL} or self._is_here(packet):
            self._for_local(packet)
        elif behind is not None and packet.network != self._networks.own and not packet.broadcast:
            self.send_datagram(no_route(packet), packet.asker)

    def _is_here(self, packet: Packet) -> bool:
        """Whether a packet is for this network by its number, and on it for all or for this port."""
        own = self._networks.own
        return own == packet.network and packet.mac in {b"", pack_address(self.place)}

    def _for_local(self, packet: Packet) -> None:
        """Deal with what is for this network. Who is there, all other devices are asked too.

        Many clients ask this port alone and look no further.
        """
        if not packet.is_apdu:
            self._for_network_layer(packet)
        elif _is_direct(packet) and packet.payload[:2] not in QUESTIONS:
            self._hear(_message(packet), (self._local,))
        else:
            self._hear(_message(packet), self._all)

    def _for_network_layer(self, packet: Packet) -> None:
        if (answer := self._networks.answer(packet)) is None:
            return
        self.send_datagram(answer, packet.asker)
        if packet.broadcast and (announcement := self._networks.announcement(packet.message)) is not None:
            self._link.broadcast(announcement)

    def _for_routed(self, packet: Packet) -> None:
        device = self._routed.get(packet.mac)
        if packet.is_apdu and not packet.mac:
            self._hear(_message(packet), tuple(self._routed.values()))
        elif packet.is_apdu and device is not None:
            self._hear(_message(packet), (device,))


def _station(networks: Networks, device: Device) -> bytes:
    return net.station(networks.behind or 0, device.mac)


def _is_direct(packet: Packet) -> bool:
    """Whether a packet is addressed to one device."""
    return bool(packet.mac) or (packet.network is None and not packet.broadcast)


def _message(packet: Packet) -> Message:
    scope = packet.network, packet.mac
    peer = Peer(packet.asker, packet.source)
    return Message(peer, scope, packet.priority, packet.broadcast, _is_direct(packet), packet.payload)
