"""One BACnet/IP port: which datagram goes to which device, and how what a device says gets out.

A plain read that differs from an earlier one of the same tick in its invoke id alone gets the same answer but
for that. What devices answer, `application.py` decides.
"""

import asyncio
from collections.abc import Callable, Sequence
from ipaddress import IPv4Interface
from typing import Final

from gateway.bacnet import network as net
from gateway.bacnet import sockets
from gateway.bacnet.discovery import QUESTIONS
from gateway.bacnet.network import Address, Packet
from gateway.bacnet.objects import Device
from gateway.bacnet.peer import Message, Peer
from gateway.bacnet.responder import READS

_HEADER: Final = slice(4, 12)
"""Where the header of a plain request to a meter stands, but for its hop count."""
_REQUEST: Final = 13
"""Where the request itself begins."""
_INVOKE: Final = 15
"""Where its invoke id stands; the service choice is next."""
_ANSWERED: Final = 13
"""Where the invoke id stands in the answer, which has no hop count and only one of the two addresses."""
_NO_WHOLE_REQUEST: Final = 0xF8
"""Bits of a request's first octet of which one is set in another PDU and in a segment."""
_UNICAST: Final = net.datagram(b"")[:2]
_MOST_KNOWN: Final = 8192

Read = Callable[[bytes, Device], bytes | None]
"""Gives a device's answer to a request that reads."""
Hear = Callable[[Message, Sequence[Device]], None]
"""Takes a message to the devices that it is addressed to."""


class Host:
    """The port `port` of `interface` (0: any free one): device `local`, and `routed` on network `network`.

    Each of `routed` has its `mac` as its address there.
    """

    def __init__(
        self,
        interface: IPv4Interface,
        port: int,
        *,
        local: Device,
        network: int,
        routed: Sequence[Device],
        read: Read,
        hear: Hear,
    ) -> None:
        self._interface = interface
        self._everybody = sockets.broadcast_host(interface)
        self.port = port
        self._network = network
        self._local = local
        self._routed = {device.mac: device for device in routed}
        self._stations = {device: net.station(network, device.mac) for device in routed}
        self._stations[local] = b""
        self._read = read
        self._hear = hear
        self._plain = self._plain_requests()
        self._known: dict[bytes, tuple[bytes, bytes]] = {}
        self.address = str(interface.ip)
        self._ports: list[sockets.Port] = []

    async def start(self) -> None:
        """Bind, announce the way to the routed devices and serve. Raises AddressInUseError."""
        bound = sockets.bind(self._interface, self.port)
        self.address, self.port = bound[0].getsockname()
        try:
            for udp in bound:
                self._ports.append(await sockets.Port.open(udp, self._receive))
        except BaseException:
            for udp in bound[len(self._ports) :]:
                udp.close()
            await self.stop()
            raise
        self._to_everybody(net.i_am_router(self._network))

    async def stop(self) -> None:
        """Close the sockets."""
        ports, self._ports = self._ports, []
        await asyncio.gather(*(port.close() for port in ports))

    def forget(self) -> None:
        """Forget the answers of the tick before."""
        self._known.clear()

    def send(
        self, device: Device, peer: Peer, apdu: bytes, *, priority: int = 0, expects_reply: bool = False
    ) -> None:
        """Send an APDU of `device` to one peer."""
        station = self._stations[device]
        datagram = net.unicast(apdu, station, peer.station, priority=priority, expects_reply=expects_reply)
        self._send(datagram, peer.address)

    def broadcast(self, device: Device, apdu: bytes) -> None:
        """Send an APDU of `device` to everybody."""
        self._to_everybody(net.global_broadcast(apdu, self._stations[device]))

    def _receive(self, data: bytes, sender: Address) -> None:
        """Deal with a datagram."""
        known = self._known.get(data[:_INVOKE] + data[_INVOKE + 1 :])
        if known is not None:
            self._send(known[0] + data[_INVOKE : _INVOKE + 1] + known[1], sender)
            return
        plain = self._plain.get(data[_HEADER])
        if plain is not None and _is_plain_read(data):
            self._read_plain(*plain, data, sender)
        elif (packet := net.parse(data, sender)) is not None:
            self._route(packet)
        elif (refusal := net.refusal(data)) is not None:
            self._send(refusal, sender)

    def _plain_requests(self) -> dict[bytes, tuple[Device, bytes]]:
        """Return by the header of a plain request which device it is to, and the header of the answer."""
        found = {}
        for device in self._routed.values():
            request, answer = net.plain(self._stations[device])
            found[request] = device, answer
        return found

    def _read_plain(self, device: Device, header: bytes, data: bytes, sender: Address) -> None:
        """Answer a plain read and keep the answer for the rest of the tick."""
        apdu = self._read(data[_REQUEST:], device)
        if apdu is None:
            return
        answer = net.datagram(header + apdu)
        self._send(answer, sender)
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[data[:_INVOKE] + data[_INVOKE + 1 :]] = answer[:_ANSWERED], answer[_ANSWERED + 1 :]

    def _route(self, packet: Packet) -> None:
        """Take a packet to where it is addressed."""
        if packet.asker[1] == self.port and self._is_own(packet.asker[0]):
            return  # our own broadcast
        if packet.source and packet.source_network == self._network:
            return  # somebody who pretends to be on our network
        if packet.network == self._network:
            self._for_routed(packet)
        elif packet.network is None or packet.network == net.GLOBAL:
            self._for_local(packet)
        elif not packet.broadcast:
            self._send(net.no_route(packet), packet.asker)

    def _is_own(self, host: str) -> bool:
        """Whether a datagram from our port at `host` is our own; bound to every address, we send from any."""
        return sockets.is_own(host) if self._interface.ip.is_unspecified else host == self.address

    def _for_local(self, packet: Packet) -> None:
        """Deal with what is for this network. Who is there, the routed devices are asked too.

        Many clients ask this network alone and look no further.
        """
        if not packet.is_apdu:
            self._for_router(packet)
        elif packet.network is None and not packet.broadcast and packet.payload[:2] not in QUESTIONS:
            self._hear(_message(packet), (self._local,))
        else:
            self._hear(_message(packet), (self._local, *self._routed.values()))

    def _for_router(self, packet: Packet) -> None:
        if (answer := net.router_answer(packet, self._network)) is not None:
            self._send(answer, packet.asker)
            if packet.broadcast and packet.message == net.WHO_IS_ROUTER:
                self._to_everybody(net.i_am_router(self._network))

    def _for_routed(self, packet: Packet) -> None:
        device = self._routed.get(packet.mac)
        if packet.is_apdu and not packet.mac:
            self._hear(_message(packet), tuple(self._routed.values()))
        elif packet.is_apdu and device is not None:
            self._hear(_message(packet), (device,))

    def _send(self, datagram: bytes, address: Address) -> None:
        if self._ports:
            self._ports[0].send(datagram, address)

    def _to_everybody(self, datagram: bytes) -> None:
        if self._everybody is not None:
            self._send(datagram, (self._everybody, self.port))


def _message(packet: Packet) -> Message:
    scope = packet.network, packet.mac
    direct = bool(packet.mac) or (packet.network is None and not packet.broadcast)
    peer = Peer(packet.asker, packet.source)
    return Message(peer, scope, packet.priority, packet.broadcast, direct, packet.payload)


def _is_plain_read(data: bytes) -> bool:
    """Whether a datagram with a plain header is a read in one segment, and as long as it says."""
    return (
        len(data) > _INVOKE + 1
        and data[_INVOKE + 1] in READS
        and data[_REQUEST] & _NO_WHOLE_REQUEST == 0
        and data[:2] == _UNICAST
        and data[2] << 8 | data[3] == len(data)
    )
