"""Between the application layer and what carries it: who talks to a device, and how a device talks.

No bytes of any layer are made here.
"""

from typing import NamedTuple, Protocol

from gateway.bacnet.bvlc import Address
from gateway.bacnet.objects import Device


class Peer(NamedTuple):
    """Somebody on the other side: the address that datagrams come from, and behind a router the station.

    `station` is network, length and address as they stand in a header; empty for one on this network.
    """

    address: Address
    station: bytes = b""


class Message(NamedTuple):
    """An APDU and how it came: from whom, addressed to what (`scope`), at which priority.

    `broadcast` says whether its datagram came by broadcast, `direct` whether it is addressed to one device.
    """

    peer: Peer
    scope: tuple[int | None, bytes]
    priority: int
    broadcast: bool
    direct: bool
    apdu: bytes


class Voice(Protocol):
    """How a device says something of its own accord, as far as it may."""

    def send(self, device: Device, peer: Peer, apdu: bytes, *, expects_reply: bool = False) -> None:
        """Send an APDU of `device` to one peer."""

    def broadcast(self, device: Device, apdu: bytes) -> None:
        """Send an APDU of `device` to everybody."""


class Speaker(Protocol):
    """What carries the APDUs of devices."""

    def send(
        self, device: Device, peer: Peer, apdu: bytes, *, priority: int = 0, expects_reply: bool = False
    ) -> None:
        """Send an APDU of `device` to one peer."""

    def broadcast(self, device: Device, apdu: bytes) -> None:
        """Send an APDU of `device` to everybody."""

    def impersonate(self, device: Device, peer: Peer | None, apdu: bytes) -> None:
        """Send an APDU as if it came from another station than `device`, to one peer or to everybody."""

    def set_aside(self, lines: frozenset[int | None], numbers: frozenset[int]) -> None:
        """Have devices on `lines`, None for all, or with these identifiers hear all that they are asked."""

    def forget(self) -> None:
        """Give no answer again that was given before: something else than the tick has changed."""
