"""The UDP sockets of one BACnet/IP port: bound for this process alone, heard and written through asyncio.

Knows nothing of what the datagrams say.
"""

import asyncio
import os
import socket
import sys
from collections.abc import Callable, Sequence
from functools import lru_cache
from ipaddress import IPv4Interface
from typing import Final, NamedTuple, cast

from gateway.addressing import HIGHEST_PORT
from gateway.bacnet.delivery.drops import Drops
from gateway.bacnet.wire.bvlc import Address
from gateway.binding import address_text, refused
from gateway.errors import AddressInUseError

SERVICE: Final = "BACnet/IP"
_POINT_TO_POINT: Final = 31
"""From this length on, a network has no broadcast address."""
_TRIES: Final = 64
_BUFFER: Final = 1 << 20
_OPTION: Final = "--bacnet-port"
_HOST: Final = "--host"
_METERS: Final = "bacnet.meters_from"
"""What moves an address that cannot be had: the port, the gateway's host, the hosts of meters."""
_DISCARD: Final = 9
_OTHER_FILES: Final = 1024
"""What the rest of the process has open at most: connections, logs, the state."""

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


class Site(NamedTuple):
    """Where a further device is found: its host, and its port counted from the first one's."""

    host: str
    offset: int


def bind(interface: IPv4Interface, port: int, sites: Sequence[Site] = ()) -> list[list[socket.socket]]:
    """Return the sockets that hear `port` at the interface, and those of each of `sites`; 0 is any free port.

    The one to send from is the first of each. On Linux a socket bound to an address hears no broadcasts, so
    another one is bound to the address of those, for all sites together. No SO_REUSEPORT: two gateways must
    not share a port unnoticed. Raises AddressInUseError with nothing left bound.
    """
    _allow(len(sites))
    hosts = [Site(str(interface.ip), 0)]
    everybody = broadcast_host(interface)
    if everybody and not interface.ip.is_unspecified and os.name != "nt":
        hosts.append(Site(everybody, 0))
    for tries_left in reversed(range(1 if port else _TRIES)):
        bound: list[socket.socket] = []
        try:
            for host, offset in (*hosts, *sites):
                first = bound[0].getsockname()[1] if bound else port
                mover = _HOST if len(bound) < len(hosts) else _METERS
                bound.append(_bound(host, first + offset, mover))
        except AddressInUseError:
            for each in bound:
                each.close()
            if not tries_left:
                raise
        else:
            break
    return [bound[: len(hosts)], *([udp] for udp in bound[len(hosts) :])]


def _allow(sockets: int) -> None:
    """Let the process open so many files more, if it may: the usual bound is lower than some fleets are."""
    if not sockets or sys.platform == "win32":
        return
    import resource  # noqa: PLC0415  not everywhere

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = sockets + _OTHER_FILES
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _bound(host: str, port: int, mover: str) -> socket.socket:
    if port > HIGHEST_PORT:
        why = f"beyond the last port, {HIGHEST_PORT}"
        raise AddressInUseError(SERVICE, address_text(host, port), _OPTION, why)
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        udp.setblocking(False)
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        udp.bind((host, port))
    except OSError as refusal:
        udp.close()
        raise refused(SERVICE, host, port, _OPTION, refusal, host_option=mover) from refusal
    return udp


class Sender:
    """Sends from one socket at once or not at all: what the system has no room for is lost, as UDP has it."""

    def __init__(self, udp: socket.socket) -> None:
        self.sendto = udp.sendto
        """Sends a datagram to an address; `lose` must be told of an OSError."""
        self._drops = Drops(f"{SERVICE} datagrams")

    def send(self, datagram: bytes, address: Address) -> None:
        """Send a datagram."""
        try:
            self.sendto(datagram, address)
        except OSError as failure:
            self.lose(failure)

    def lose(self, failure: OSError) -> None:
        """Give up a datagram: whoever asked may ask again. It is counted where somebody could be reached."""
        if isinstance(failure, BlockingIOError):
            self._drops.add()

    def close(self) -> None:
        """Tell what was lost."""
        self._drops.say()


class Port(asyncio.DatagramProtocol):
    """Hears one socket: what comes goes to `receive` with no step between."""

    _transport: asyncio.DatagramTransport

    def __init__(self, receive: Receive) -> None:
        self.datagram_received = receive  # type: ignore[method-assign, assignment]
        self._closed = asyncio.get_running_loop().create_future()

    @classmethod
    async def open(cls, udp: socket.socket, receive: Receive) -> "Port":
        """Hear a bound socket from now on; it is closed if this is cancelled."""
        port = cls(receive)
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

    async def close(self) -> None:
        """Close the socket; its address is free when this returns."""
        self._transport.close()
        await self._closed
