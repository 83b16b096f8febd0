"""How devices talk: what the application layer wants of what carries its APDUs.

Who talks to them is in `wire/peer.py`. No bytes of any layer are made here.
"""

from typing import Protocol

from gateway.bacnet.objects.model import Device
from gateway.bacnet.wire.peer import Peer


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

    def set_aside(self, rows: frozenset[int | None], numbers: frozenset[int]) -> None:
        """Have the meters in `rows`, None for all devices, or those with these identifiers hear all."""

    def forget(self) -> None:
        """Give no answer again that was given before: something else than the tick has changed."""
