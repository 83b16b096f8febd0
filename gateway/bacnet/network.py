"""BACnet/IP and network headers (annex J, clause 6), and what a router says of its networks.

Datagrams are taken apart and put together here; who answers them, and sockets, are elsewhere.
"""

import socket
import struct
from typing import Final, NamedTuple

Address = tuple[str, int]
"""Host and UDP port."""

GLOBAL: Final = 0xFFFF
"""As a destination network: all of them."""

ORIGINAL_UNICAST: Final = 0x0A
ORIGINAL_BROADCAST: Final = 0x0B
_FORWARDED: Final = 0x04
_CARRIERS: Final = frozenset({_FORWARDED, ORIGINAL_UNICAST, ORIGINAL_BROADCAST})
"""The BVLC functions that carry an NPDU; the others concern BBMDs and foreign devices."""
_ANNEX_J: Final = 0x81
_RESULT: Final = 0x00
_REFUSALS: Final = {0x01: 0x10, 0x02: 0x20, 0x05: 0x30, 0x06: 0x40, 0x07: 0x50, 0x09: 0x60}
"""The result code (clause J.2.1) with which what only a BBMD does is refused, by BVLC function."""
_VERSION: Final = 1

_MESSAGE: Final = 0x80
_DESTINATION: Final = 0x20
_SOURCE: Final = 0x08
_REPLY_EXPECTED: Final = 0x04
_PRIORITY: Final = 0x03

WHO_IS_ROUTER: Final = 0x00
I_AM_ROUTER: Final = 0x01
_REJECT: Final = 0x03
INITIALIZE_ROUTING_TABLE: Final = 0x06
_ROUTING_TABLE_ACK: Final = 0x07

_BVLC: Final = 4
"""Octets of a datagram's first header."""
_FIRST_HEADER: Final = struct.Struct(">BBH")
_HEADERS: Final = 6
"""Octets of a datagram with the least headers and nothing in it."""

_NO_ROUTE: Final = 1
"""Reject reason: not directly connected to the network, and no router to it is known (clause 6.4.4)."""


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
    if len(data) < _HEADERS or data[0] != _ANNEX_J or data[1] not in _CARRIERS:
        return None
    end = data[2] << 8 | data[3]
    if end > len(data):
        return None
    at = 4
    if data[1] == _FORWARDED:
        sender, at = (socket.inet_ntoa(data[4:8].ljust(4)), int.from_bytes(data[8:10], "big")), 10
    try:
        return _npdu(data[at:end], sender, broadcast=data[1] != ORIGINAL_UNICAST)
    except IndexError:
        return None


def refusal(data: bytes) -> bytes | None:
    """Return the BVLC-Result that refuses what only a BBMD does; None if the datagram wants no such thing."""
    if len(data) < _BVLC or data[0] != _ANNEX_J or int.from_bytes(data[2:4], "big") > len(data):
        return None
    code = _REFUSALS.get(data[1])
    return None if code is None else bytes((_ANNEX_J, _RESULT, 0, 6, 0, code))


def _npdu(data: bytes, asker: Address, *, broadcast: bool) -> Packet | None:
    """Take an NPDU apart. Raises IndexError where it ends too soon."""
    control, at = data[1], 2
    network, mac, source = None, b"", b""
    if control & _DESTINATION:
        network, mac, at = _station(data, at)
    if control & _SOURCE:
        begin = at
        _, station, at = _station(data, at)
        source = data[begin:at]
        if not station:
            return None
    if control & _DESTINATION:
        at += 1  # the hop count: nothing is routed further than here, and some clients send 0
    if data[0] != _VERSION or at > len(data):
        return None
    return Packet(asker, broadcast, control, network, mac, source, data[at:])


def _station(data: bytes, at: int) -> tuple[int, bytes, int]:
    """Return the network and the address at `at`, and where they end."""
    end = at + 3 + data[at + 2]
    if end > len(data):
        raise IndexError
    return data[at] << 8 | data[at + 1], data[at + 3 : end], end


def datagram(npdu: bytes, function: int = ORIGINAL_UNICAST) -> bytes:
    """Put an NPDU into a BACnet/IP datagram."""
    return _FIRST_HEADER.pack(_ANNEX_J, function, len(npdu) + _BVLC) + npdu


def _header(source: bytes, destination: bytes, control: int) -> bytes:
    """Return a header; `source` and `destination` are networks with length and address, or empty."""
    if source:
        control |= _SOURCE
    if destination:
        return bytes((_VERSION, control | _DESTINATION)) + destination + source + b"\xff"
    return bytes((_VERSION, control)) + source


def station(network: int, mac: bytes) -> bytes:
    """Return a network and an address on it as they stand in a header; an empty address is all stations."""
    return struct.pack(">HB", network, len(mac)) + mac


def plain(station: bytes) -> tuple[bytes, bytes]:
    """Return the headers of a plain request to a station of another network, and of the answer to it.

    A plain one is of normal priority and from a station of this network; its hop count is left out.
    """
    return _header(b"", station, _REPLY_EXPECTED)[:-1], _header(station, b"", 0)


def unicast(apdu: bytes, source: bytes, destination: bytes, *, priority: int, expects_reply: bool) -> bytes:
    """Return the datagram in which the station `source` tells the station `destination` something."""
    control = priority | (_REPLY_EXPECTED if expects_reply else 0)
    return datagram(_header(source, destination, control) + apdu)


def global_broadcast(apdu: bytes, source: bytes) -> bytes:
    """Return the datagram in which the station `source` tells everybody something."""
    return datagram(_header(source, station(GLOBAL, b""), 0) + apdu, ORIGINAL_BROADCAST)


def i_am_router(network: int) -> bytes:
    """Return the datagram that announces the way to a network."""
    return datagram(bytes((_VERSION, _MESSAGE, I_AM_ROUTER)) + struct.pack(">H", network), ORIGINAL_BROADCAST)


def no_route(packet: Packet) -> bytes:
    """Return the Reject-Message-To-Network for a packet to a network that is not known here."""
    message = bytes((_REJECT, _NO_ROUTE)) + struct.pack(">H", packet.network or 0)
    return datagram(_header(b"", packet.source, _MESSAGE) + message)


def router_answer(packet: Packet, network: int) -> bytes | None:
    """Return what a router to `network` alone answers to a network layer message; None if it is nothing."""
    if packet.message == WHO_IS_ROUTER:
        wanted = packet.payload[1:3]
        message = bytes((I_AM_ROUTER,)) + struct.pack(">H", network)
        if wanted and wanted != message[1:]:
            return None
    elif packet.message == INITIALIZE_ROUTING_TABLE and packet.payload[1:2] == b"\x00":
        message = bytes((_ROUTING_TABLE_ACK, 1)) + struct.pack(">HBB", network, 1, 0)
    else:
        return None
    return datagram(_header(b"", packet.source, _MESSAGE) + message)
