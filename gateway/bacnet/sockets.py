"""The UDP sockets of one BACnet/IP port: bound for this process alone, heard and written through asyncio.

Knows nothing of what the datagrams say.
"""

import asyncio
import os
import socket
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv4Interface
from typing import Final, cast

from gateway.bacnet.network import Address
from gateway.binding import refused
from gateway.errors import AddressInUseError

SERVICE: Final = "BACnet/IP"
_POINT_TO_POINT: Final = 31
"""From this length on, a network has no broadcast address."""
_TRIES: Final = 64
_BUFFER: Final = 1 << 20
_OPTION: Final = "--bacnet-port"
_DISCARD: Final = 9

Receive = Callable[[bytes, Address], None]


def broadcast_host(interface: IPv4Interface) -> str | None:
    """Return the address that reaches everybody on the interface's network, None if there is none."""
    if interface.ip.is_unspecified:
        return "255.255.255.255"
    return str(interface.network.broadcast_address) if interface.network.prefixlen < _POINT_TO_POINT else None


@lru_cache(maxsize=1024)
def is_own(host: str) -> bool:
    """Whether `host` is an address of this machine: the system then talks to it from that very address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host, _DISCARD))  # sends nothing
        except OSError:
            return False
        own: str = probe.getsockname()[0]
        return own == host


def bind(interface: IPv4Interface, port: int) -> list[socket.socket]:
    """Return the sockets that hear `port` at the interface, the one to send from first; 0 is any free port.

    On Linux a socket bound to an address hears no broadcasts, so another is bound to the address of those.
    No SO_REUSEPORT: two gateways must not share a port unnoticed. Raises AddressInUseError.
    """
    hosts = [str(interface.ip)]
    everybody = broadcast_host(interface)
    if everybody and not interface.ip.is_unspecified and os.name != "nt":
        hosts.append(everybody)
    for tries_left in reversed(range(1 if port else _TRIES)):
        bound: list[socket.socket] = []
        try:
            for host in hosts:
                bound.append(_bound(host, bound[0].getsockname()[1] if bound else port))
        except AddressInUseError:
            for each in bound:
                each.close()
            if not tries_left:
                raise
        else:
            break
    return bound


def _bound(host: str, port: int) -> socket.socket:
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        udp.setblocking(False)
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        udp.bind((host, port))
    except OSError as refusal:
        udp.close()
        raise refused(SERVICE, host, port, _OPTION, refusal) from refusal
    return udp


class Port(asyncio.DatagramProtocol):
    """Hears one socket and sends from it: what comes goes to `receive` with no step between."""

    _transport: asyncio.DatagramTransport

    def __init__(self, udp: socket.socket, receive: Receive) -> None:
        self._sendto = udp.sendto
        self.datagram_received = receive  # type: ignore[method-assign, assignment]
        self._closed = asyncio.get_running_loop().create_future()

    @classmethod
    async def open(cls, udp: socket.socket, receive: Receive) -> "Port":
        """Hear a bound socket from now on; it is closed if this is cancelled."""
        port = cls(udp, receive)
        loop = asyncio.get_running_loop()
        opening = loop.create_task(loop.create_datagram_endpoint(lambda: port, sock=udp))
        try:
            await asyncio.shield(opening)
        except asyncio.CancelledError:
            await opening  # takes one turn of the loop; a half-open socket could not be closed on every loop
            await port.close()
            raise
        return port

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast("asyncio.DatagramTransport", transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  the protocol's signature
        """Note that the socket is closed."""
        if not self._closed.done():
            self._closed.set_result(None)

    def send(self, datagram: bytes, address: Address) -> None:
        """Send at once where the system takes it, which costs half of what the transport's own way does."""
        try:
            self._sendto(datagram, address)
        except BlockingIOError:
            self._transport.sendto(datagram, address)
        except OSError:
            return  # nobody can be reached there; whoever sent from there may try again

    async def close(self) -> None:
        """Close the socket; its address is free when this returns."""
        self._transport.close()
        await self._closed
