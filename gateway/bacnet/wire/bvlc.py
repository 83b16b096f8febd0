"""The messages of the BACnet virtual link (annex J.2) as bytes: the first header of every datagram.

What is done about those that carry no NPDU of their own account is decided by the roles of a link, in
`port/link.py`, `port/bbmd.py` and `port/foreign.py`; the NPDUs are taken apart in `network.py`.
"""

import socket
import struct
from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Final, NamedTuple

from gateway.bip import BbmdPeer

Address = tuple[str, int]
"""Host and UDP port."""

_ANNEX_J: Final = 0x81
_HEADER: Final = struct.Struct(">BBH")
_ADDRESS: Final = struct.Struct(">4sH")
_PEER: Final = struct.Struct(">4sHI")
_REGISTRATION: Final = struct.Struct(">4sHHH")
_NUMBER: Final = struct.Struct(">H")
_HIGHEST: Final = 0xFFFF


class Function(IntEnum):
    """The BVLC functions."""

    RESULT = 0x00
    WRITE_BDT = 0x01
    READ_BDT = 0x02
    READ_BDT_ACK = 0x03
    FORWARDED = 0x04
    REGISTER = 0x05
    READ_FDT = 0x06
    READ_FDT_ACK = 0x07
    DELETE = 0x08
    DISTRIBUTE = 0x09
    UNICAST = 0x0A
    BROADCAST = 0x0B


DONE: Final = 0x0000
NAKS: Final[Mapping[int | None, int]] = {
    Function.WRITE_BDT: 0x0010,
    Function.READ_BDT: 0x0020,
    Function.REGISTER: 0x0030,
    Function.READ_FDT: 0x0040,
    Function.DELETE: 0x0050,
    Function.DISTRIBUTE: 0x0060,
}
"""The result code (clause J.2.1) that refuses each request."""

GRACE_S: Final = 30
"""How long a foreign device is remembered beyond its time to live [s] (clause J.5.2.3)."""


class Registration(NamedTuple):
    """An entry of a foreign device table: where the device is, its time to live, what is left of it [s]."""

    address: Address
    ttl_s: int
    left_s: int


def function_of(data: bytes) -> int | None:
    """Return the function of a datagram; None if it is no BACnet/IP or shorter than it says."""
    if len(data) < _HEADER.size or data[0] != _ANNEX_J or not _HEADER.size <= length(data) <= len(data):
        return None
    return data[1]


def length(data: bytes) -> int:
    """Return how long a datagram says it is."""
    return data[2] << 8 | data[3]


def body(data: bytes) -> bytes:
    """Return what follows a datagram's header."""
    return data[_HEADER.size : length(data)]


def message(function: Function, content: bytes = b"") -> bytes:
    """Return a datagram."""
    return _HEADER.pack(_ANNEX_J, function, _HEADER.size + len(content)) + content


def registration(ttl_s: int) -> bytes:
    """Return the Register-Foreign-Device of one that will be back within its time to live [s]."""
    return message(Function.REGISTER, _NUMBER.pack(ttl_s))


def result(code: int) -> bytes:
    """Return a BVLC-Result."""
    return message(Function.RESULT, _NUMBER.pack(code))


def refusal(data: bytes) -> bytes | None:
    """Return the BVLC-Result that refuses a request; None if the datagram is none."""
    code = NAKS.get(function_of(data))
    return None if code is None else result(code)


def forwarded(origin: Address, npdu: bytes) -> bytes:
    """Return the Forwarded-NPDU of what `origin` has broadcast."""
    return message(Function.FORWARDED, pack_address(origin) + npdu)


def pack_address(address: Address) -> bytes:
    """Return a host and a port in six octets."""
    return _ADDRESS.pack(socket.inet_aton(address[0]), address[1])


def read_address(octets: bytes) -> Address | None:
    """Return the host and the port that six octets stand for."""
    if len(octets) != _ADDRESS.size:
        return None
    host, port = _ADDRESS.unpack(octets)
    return socket.inet_ntoa(host), port


def read_number(octets: bytes) -> int | None:
    """Return the number that two octets stand for: a result code, a time to live [s]."""
    return int.from_bytes(octets, "big") if len(octets) == _NUMBER.size else None


def pack_peers(peers: Iterable[BbmdPeer]) -> bytes:
    """Return a broadcast distribution table."""
    return b"".join(_PEER.pack(socket.inet_aton(peer.host), peer.port, peer.mask) for peer in peers)


def read_peers(octets: bytes) -> list[BbmdPeer] | None:
    """Return a broadcast distribution table; None if it is cut off."""
    if len(octets) % _PEER.size:
        return None
    return [BbmdPeer(socket.inet_ntoa(host), port, mask) for host, port, mask in _PEER.iter_unpack(octets)]


def pack_registrations(registrations: Iterable[Registration]) -> bytes:
    """Return a foreign device table."""
    return b"".join(
        _REGISTRATION.pack(
            socket.inet_aton(each.address[0]), each.address[1], each.ttl_s, min(each.left_s, _HIGHEST)
        )
        for each in registrations
    )
