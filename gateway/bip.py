"""BACnet/IP addresses as people write them, and what a node can be beside a node. No sockets live here."""

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv4Interface, NetmaskValueError
from typing import Final, NamedTuple

from gateway.addressing import HIGHEST_PORT

DEFAULT_PORT: Final = 47808
_PEER_FORM: Final = "192.168.2.20:47808, or with the length of its network 192.168.2.20/24:47808"
_HOST_FORM: Final = "192.168.2.20:47808, or a host's name and a port"
ONE_HOST: Final = 0xFFFF_FFFF
"""The broadcast distribution mask of a peer that is sent its copies directly (two-hop distribution)."""

_HOST: Final = re.compile(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*")


class BbmdPeer(NamedTuple):
    """An entry of a broadcast distribution table: a BBMD, and the mask with which it is sent its copies."""

    host: str
    port: int
    mask: int = ONE_HOST

    @property
    def usable(self) -> bool:
        """Whether a BBMD can be there at all, and its mask names a network."""
        host = IPv4Address(self.host)
        nowhere = host.is_unspecified or host.is_multicast or int(host) == ONE_HOST
        return bool(self.mask) and self.port > 0 and not nowhere

    @property
    def address(self) -> tuple[str, int]:
        """Where the BBMD itself is."""
        return self.host, self.port

    @property
    def target(self) -> tuple[str, int]:
        """Where its copies go: to it, or with the mask of its network to all who are there."""
        return str(IPv4Address(int(IPv4Address(self.host)) | ~self.mask & ONE_HOST)), self.port

    def __str__(self) -> str:
        length = "" if self.mask == ONE_HOST else f"/{self.mask.bit_count()}"
        return f"{self.host}{length}:{self.port}"


@dataclass(frozen=True, slots=True)
class BbmdRole:
    """A broadcast management device: which others there are, whether their table can be written from afar.

    `most_foreign` devices may be registered at once.
    """

    peers: tuple[BbmdPeer, ...] = ()
    write_peers: bool = False
    most_foreign: int = 64


@dataclass(frozen=True, slots=True)
class ForeignRole:
    """A foreign device: the BBMD at which it registers, and for how long at a time [s]."""

    host: str
    port: int
    ttl_s: int


Role = BbmdRole | ForeignRole


def parse_peer(text: str) -> BbmdPeer:
    """Take apart `host[/length][:port]`. Raises ValueError, which says what is allowed."""
    fault = f"{text!r} is no BBMD's address; allowed: {_PEER_FORM}"
    address, port = _split(text, fault)
    try:
        interface = IPv4Interface(address)
    except (AddressValueError, NetmaskValueError):
        raise ValueError(fault) from None
    peer = BbmdPeer(str(interface.ip), port, int(interface.netmask))
    if not peer.usable:
        raise ValueError(fault)
    return peer


def parse_host(text: str) -> tuple[str, int]:
    """Take apart `host[:port]`, an IPv4 address or a name. Raises ValueError likewise."""
    fault = f"{text!r} is no BBMD's address; allowed: {_HOST_FORM}"
    host, port = _split(text, fault)
    if not _HOST.fullmatch(host):
        raise ValueError(fault)
    return host, port


def _split(text: str, fault: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon:
        return text, DEFAULT_PORT
    if not port.isascii() or not port.isdigit() or not 0 < int(port) <= HIGHEST_PORT:
        raise ValueError(fault)
    return host, int(port)
