"""Network headers (clause 6), and the datagrams that have them behind their first header.

Datagrams are taken apart and put together here; who answers them, and sockets, are elsewhere: what a router
says of its networks is in `port/router.py`, the first header and what concerns BBMDs and foreign devices in
`bvlc.py`.
"""

import struct
from enum import IntEnum
from typing import Final, NamedTuple

from gateway.bacnet.wire import bvlc
from gateway.bacnet.wire.bvlc import Address, Function

GLOBAL: Final = 0xFFFF
"""As a destination network: all of them."""
_NO_NETWORKS: Final = frozenset({0, GLOBAL})
"""What no network has as its number."""

_CARRIERS: Final = frozenset({Function.FORWARDED, Function.DISTRIBUTE, Function.UNICAST, Function.BROADCAST})
"""The BVLC functions that carry an NPDU."""
_ORIGIN: Final = 6
"""Octets of the address that a forwarded NPDU is from, before it."""
_VERSION: Final = 1

_MESSAGE: Final = 0x80
_DESTINATION: Final = 0x20
_SOURCE: Final = 0x08
_REPLY_EXPECTED: Final = 0x04
_PRIORITY: Final = 0x03

_HOPS: Final = 255
"""The hop count of what has passed no router yet."""


class NetworkMessage(IntEnum):
    """The network layer messages (clause 6.4)."""

    WHO_IS_ROUTER = 0x00
    I_AM_ROUTER = 0x01
    I_COULD_BE_ROUTER = 0x02
    REJECT = 0x03
    ROUTER_BUSY = 0x04
    ROUTER_AVAILABLE = 0x05
    INITIALIZE_ROUTING_TABLE = 0x06
    ROUTING_TABLE_ACK = 0x07
    WHAT_IS_NETWORK_NUMBER = 0x12
    NETWORK_NUMBER_IS = 0x13


class Packet(NamedTuple):
    """An NPDU and how it came.

    `asker` is the address an answer is sent to: the sender's, or the one that a BBMD gives. `broadcast` says
    how the datagram came; `network` and `mac` are its destination (None: this network), `source` where it is
    from if that is behind a router: network, length and address as they stand in a header.
    """

    asker: Address
    broadcast: bool
    control: int
    network: int | None
    mac: bytes
    source: bytes
    payload: bytes

    @property
    def message(self) -> int | None:
        """The type of the network layer message, None if the payload is an APDU."""
        return self.payload[0] if self.control & _MESSAGE and self.payload else None

    @property
    def source_network(self) -> int | None:
        """The network that the packet came from, None if it is this one."""
        return int.from_bytes(self.source[:2], "big") if self.source else None

    @property
    def priority(self) -> int:
        """The network priority, 0 normal to 3 life safety."""
        return self.control & _PRIORITY

    @property
    def is_apdu(self) -> bool:
        """Whether the payload is for the application layer."""
        return not self.control & _MESSAGE


def parse(data: bytes, sender: Address) -> Packet | None:
    """Take a datagram apart; None if it is no NPDU, or none that can be read."""
    function = bvlc.function_of(data)
    if function not in _CARRIERS:
        return None
    asker: Address | None = sender
    npdu = bvlc.body(data)
    if function == Function.FORWARDED:
        asker, npdu = bvlc.read_address(npdu[:_ORIGIN]), npdu[_ORIGIN:]
    if asker is None:
        return None
    try:
        return _npdu(npdu, asker, broadcast=function != Function.UNICAST)
    except IndexError:
        return None


def _npdu(data: bytes, asker: Address, *, broadcast: bool) -> Packet | None:
    """Take an NPDU apart. Raises IndexError where it ends too soon."""
    control, at = data[1], 2
    network, mac, source = None, b"", b""
    if control & _DESTINATION:
        network, mac, at = _station(data, at)
    if control & _SOURCE:
        begin = at
        origin, station, at = _station(data, at)
        source = data[begin:at]
        if not station or origin in _NO_NETWORKS:
            return None
    if control & _DESTINATION:
        if source and not data[at]:
            return None  # no router lets out what has no hops left; clients beside us may (decision 9)
        at += 1
    if data[0] != _VERSION or at > len(data) or network == 0:
        return None
    return Packet(asker, broadcast, control, network, mac, source, data[at:])


def _station(data: bytes, at: int) -> tuple[int, bytes, int]:
    """Return the network and the address at `at`, and where they end."""
    end = at + 3 + data[at + 2]
    if end > len(data):
        raise IndexError
    return data[at] << 8 | data[at + 1], data[at + 3 : end], end


def datagram(npdu: bytes, function: Function = Function.UNICAST) -> bytes:
    """Put an NPDU into a BACnet/IP datagram."""
    return bvlc.message(function, npdu)


def _header(source: bytes, destination: bytes, control: int) -> bytes:
    """Return a header; `source` and `destination` are networks with length and address, or empty."""
    if source:
        control |= _SOURCE
    if destination:
        hops = bytes((_HOPS - 1 if source else _HOPS,))  # from the virtual network it has passed our router
        return bytes((_VERSION, control | _DESTINATION)) + destination + source + hops
    return bytes((_VERSION, control)) + source


def station(network: int, mac: bytes) -> bytes:
    """Return a network and an address on it as they stand in a header; an empty address is all stations."""
    return struct.pack(">HB", network, len(mac)) + mac


def plain(station: bytes) -> tuple[bytes, bytes]:
    """Return the headers of a plain request to a station, empty for one of this network, and of the answer.

    A plain one is of normal priority and from a station of this network; a hop count is left out.
    """
    request = _header(b"", station, _REPLY_EXPECTED)
    return request[:-1] if station else request, _header(station, b"", 0)


def unicast(apdu: bytes, source: bytes, destination: bytes, *, priority: int, expects_reply: bool) -> bytes:
    """Return the datagram in which the station `source` tells the station `destination` something."""
    control = priority | (_REPLY_EXPECTED if expects_reply else 0)
    return datagram(_header(source, destination, control) + apdu)


def global_broadcast(apdu: bytes, source: bytes) -> bytes:
    """Return the datagram in which the station `source` tells everybody something."""
    return datagram(_header(source, station(GLOBAL, b""), 0) + apdu, Function.BROADCAST)


def i_am_router(network: int) -> bytes:
    """Return the datagram that announces the way to a network."""
    return announcement(NetworkMessage.I_AM_ROUTER, struct.pack(">H", network))


def announcement(message: NetworkMessage, content: bytes) -> bytes:
    """Return the datagram that tells a network layer message to everybody on this network."""
    return datagram(bytes((_VERSION, _MESSAGE, message)) + content, Function.BROADCAST)


def reply(packet: Packet, message: NetworkMessage, content: bytes) -> bytes:
    """Return the datagram that tells a network layer message to where a packet is from."""
    return datagram(_header(b"", packet.source, _MESSAGE) + bytes((message,)) + content)
