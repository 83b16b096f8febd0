"""The BACnet/IP adapter: which datagram goes to the meters, which to the gateway's own device, which nowhere.

With `sockets.py` below it, this is what talks to the network; what devices answer, `responder.py` decides. A
plain read that differs from an earlier one of the same tick in its invoke id alone gets the same answer but
for that.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Interface
from typing import Final

from gateway.bacnet import network as net
from gateway.bacnet import sockets
from gateway.bacnet.discovery import QUESTIONS, announcements
from gateway.bacnet.gateway_device import gateway_device
from gateway.bacnet.meter_objects import meter_devices
from gateway.bacnet.network import Address, Packet
from gateway.bacnet.objects import Device
from gateway.bacnet.pacing import Pacer, Sending
from gateway.bacnet.pending import PendingWrites
from gateway.bacnet.responder import READS, Responder
from gateway.bacnet.writing import WriteRequest
from gateway.commands import Applier
from gateway.hub import Endpoint
from sims.models import Nameplate
from sims.snapshot import Snapshot

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


class BacnetAdapter:
    """Serves the meters as devices on virtual network `network` behind device `device_instance`.

    `address` is an IPv4 address with the length of its network ("192.168.1.20/24"); `port` 0 is any free one.
    What is written goes to `commands`.
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
        commands: Applier,
    ) -> None:
        self._address = address
        self._interface = IPv4Interface(address)
        self._everybody = sockets.broadcast_host(self._interface)
        self._port = port
        self._network = network
        self._gateway = gateway_device(device_instance, gateway_id, gateway_name)
        devices = meter_devices(device_instance, gateway_id, gateway_name, meters)
        self._meters = {device.mac: device for device in devices}
        self._stations = {device: net.station(network, device.mac) for device in devices}
        self._stations[self._gateway] = b""
        self._responder = Responder(len(devices))
        self._plain = self._plain_requests()
        self._known: dict[bytes, tuple[bytes, bytes]] = {}
        self._own: Address = (str(self._interface.ip), port)
        self._pacer = Pacer(self._send)
        self._pending = PendingWrites(commands)
        self._ports: list[sockets.Port] = []

    async def start(self) -> None:
        """Bind, announce the way to the meters and serve. Raises AddressInUseError."""
        bound = sockets.bind(self._interface, self._port)
        self._own = bound[0].getsockname()
        self._port = self._own[1]
        try:
            for udp in bound:
                self._ports.append(await sockets.Port.open(udp, self._receive))
        except BaseException:
            for udp in bound[len(self._ports) :]:
                udp.close()
            await self.stop()
            raise
        self._broadcast(net.i_am_router(self._network))

    def show(self, snapshot: Snapshot) -> None:
        """Answer from `snapshot` from now on."""
        self._responder.show(snapshot)
        self._known.clear()

    async def shown(self) -> None:
        """Return at once: every answer is from the latest snapshot."""

    async def stop(self) -> None:
        """Close the sockets and give up the writes that wait."""
        self._pacer.stop()
        ports, self._ports = self._ports, []
        await asyncio.gather(*(port.close() for port in ports), self._pending.stop())

    def away(self) -> bool:
        """Return false: it needs nobody."""
        return False

    def endpoints(self) -> Sequence[Endpoint]:
        """Where it serves."""
        low, high = self._span()
        serves = f"device {self._gateway.instance}, meters {low}–{high} on network {self._network}"  # noqa: RUF001  a range
        return [Endpoint(sockets.SERVICE, f"{self._own[0]}:{self._port}", serves)]

    def ready(self) -> Mapping[str, object]:
        """Return the address and the device instances."""
        entry = {
            "address": f"{self._address}:{self._port}",
            "gateway_device": self._gateway.instance,
            "meters": list(self._span()),
        }
        return {"bacnet": entry}

    def _span(self) -> tuple[int, int]:
        instances = [device.instance for device in self._meters.values()]
        return instances[0], instances[-1]

    def _receive(self, data: bytes, sender: Address) -> None:
        """Deal with a datagram."""
        known = self._known.get(data[:_INVOKE] + data[_INVOKE + 1 :])
        if known is not None:
            self._send(known[0] + data[_INVOKE : _INVOKE + 1] + known[1], sender)
            return
        plain = self._plain.get(data[_HEADER])
        if plain is not None and _is_plain_read(data):
            self._read(*plain, data, sender)
        elif (packet := net.parse(data, sender)) is not None:
            self._route(packet)
        elif (refusal := net.refusal(data)) is not None:
            self._send(refusal, sender)

    def _plain_requests(self) -> dict[bytes, tuple[Device, bytes]]:
        """Return by the header of a plain request which meter it is to, and the header of the answer."""
        found = {}
        for device in self._meters.values():
            request, answer = net.plain(self._stations[device])
            found[request] = device, answer
        return found

    def _read(self, device: Device, header: bytes, data: bytes, sender: Address) -> None:
        """Answer a plain read and keep the answer for the rest of the tick."""
        apdu = self._responder.answer(data[_REQUEST:], device)
        if not isinstance(apdu, bytes):
            return
        answer = net.datagram(header + apdu)
        self._send(answer, sender)
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[data[:_INVOKE] + data[_INVOKE + 1 :]] = answer[:_ANSWERED], answer[_ANSWERED + 1 :]

    def _route(self, packet: Packet) -> None:
        """Take a packet to where it is addressed.

        What asks this network alone who is there, the meters hear too: many clients look no further.
        """
        if packet.asker[1] == self._port and self._is_own(packet.asker[0]):
            return  # our own broadcast
        if packet.source and packet.source_network == self._network:
            return  # somebody who pretends to be on our network
        if packet.network == self._network:
            self._for_meters(packet)
        elif packet.network is None or packet.network == net.GLOBAL:
            self._for_gateway(packet)
        elif not packet.broadcast:
            self._send(net.no_route(packet), packet.asker)

    def _is_own(self, host: str) -> bool:
        """Whether a datagram from our port at `host` is our own; bound to every address, we send from any."""
        return sockets.is_own(host) if self._interface.ip.is_unspecified else host == self._own[0]

    def _for_gateway(self, packet: Packet) -> None:
        if not packet.is_apdu:
            self._for_router(packet)
        elif packet.payload[:2] in QUESTIONS:
            self._announce(packet, (self._gateway, *self._meters.values()))
        elif packet.network is None and not packet.broadcast:
            self._ask(self._gateway, packet)

    def _for_router(self, packet: Packet) -> None:
        if (answer := net.router_answer(packet, self._network)) is not None:
            self._send(answer, packet.asker)
            if packet.broadcast and packet.message == net.WHO_IS_ROUTER:
                self._broadcast(net.i_am_router(self._network))

    def _for_meters(self, packet: Packet) -> None:
        device = self._meters.get(packet.mac)
        if not packet.is_apdu or (packet.mac and device is None):
            return
        if packet.payload[:2] in QUESTIONS:
            self._announce(packet, self._meters.values() if device is None else (device,))
        elif device is not None:
            self._ask(device, packet)

    def _ask(self, device: Device, packet: Packet) -> None:
        """Let a device answer a request: at once, or when what it wants written is."""

        def answer(apdu: bytes) -> None:
            self._send(net.answer(packet, apdu, self._stations[device]), packet.asker)

        found = self._responder.answer(packet.payload, device)
        if isinstance(found, WriteRequest):
            self._pending.add((packet.asker, packet.source), found, answer)
        elif found is not None:
            answer(found)

    def _announce(self, packet: Packet, devices: Iterable[Device]) -> None:
        """Let `devices` answer a question, unless it is still being answered."""
        request = packet.asker, packet.source, packet.network, packet.mac, packet.payload
        self._pacer.add(request, self._sayings(packet, devices))

    def _sayings(self, packet: Packet, devices: Iterable[Device]) -> Iterator[list[Sending]]:
        """Yield what `devices` say to an unconfirmed request, for each of them to whom.

        To a broadcast they answer by broadcast and to the asker as well: one bound to its own address, or to
        another port, would not hear the broadcast.
        """
        everybody = (self._everybody, self._port) if self._everybody and packet.broadcast else None
        for speaker, apdu in announcements(packet.payload, devices):
            source = self._stations[speaker]
            sendings = [(net.answer(packet, apdu, source), packet.asker)]
            if everybody is not None:
                sendings.append((net.global_broadcast(apdu, source), everybody))
            yield sendings

    def _send(self, datagram: bytes, address: Address) -> None:
        if self._ports:
            self._ports[0].send(datagram, address)

    def _broadcast(self, datagram: bytes) -> None:
        if self._everybody is not None:
            self._send(datagram, (self._everybody, self._port))


def _is_plain_read(data: bytes) -> bool:
    """Whether a datagram with a plain header is a read in one segment, and as long as it says."""
    return (
        len(data) > _INVOKE + 1
        and data[_INVOKE + 1] in READS
        and data[_REQUEST] & _NO_WHOLE_REQUEST == 0
        and data[:2] == _UNICAST
        and data[2] << 8 | data[3] == len(data)
    )
