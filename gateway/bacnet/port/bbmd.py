"""The BACnet/IP broadcast management device (annex J.4, J.5): takes broadcasts from subnet to subnet.

Whom it serves is the configuration's business; what is in the NPDUs is none of its own.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from math import ceil
from typing import Final

from gateway.bacnet.port.link import Link, Outlet
from gateway.bacnet.wire import bvlc
from gateway.bacnet.wire.bvlc import GRACE_S, NAKS, Address, Function, Registration
from gateway.bip import ONE_HOST, BbmdPeer, BbmdRole

MOST_PEERS: Final = 128
"""Entries of a broadcast distribution table: as many as fit one datagram that nobody takes apart."""
MOST_COPIES: Final = 20_000
"""Copies that are sent in a second; no broadcasts make more of this gateway's own."""

_SHORTEST: Final = 2
"""Octets of an NPDU: its version and its control octet."""

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Foreign:
    """A foreign device's time to live [s] and when it is forgotten."""

    ttl_s: int
    end: float


class Bbmd(Link):
    """The BBMD of the subnet `subnet`; `now` is a clock that never goes back [s]."""

    def __init__(
        self, subnet: IPv4Network, role: BbmdRole, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._subnet = subnet
        self._role = role
        self._now = now
        self._peers = role.peers
        self._foreign: dict[Address, _Foreign] = {}
        self._second, self._copies = 0, 0

    def open(self, outlet: Outlet) -> None:
        """Talk through `outlet`; without an entry of its own in the table, copies are sent to it directly."""
        super().open(outlet)
        if all(peer.address != outlet.place for peer in self._peers):
            self._peers = (BbmdPeer(*outlet.place), *self._peers)

    def admits(self, data: bytes, sender: Address) -> bool:
        """Deal with a datagram; return whether there is an NPDU in it for the node."""
        function = bvlc.function_of(data)
        if function is None or self.outlet.is_own(sender):
            return False  # our own broadcast, back again
        body = bvlc.body(data)
        match function:
            case Function.UNICAST:
                return True
            case Function.BROADCAST:
                return self._hear_broadcast(body, sender)
            case Function.FORWARDED:
                return self._hear_forwarded(body, sender)
            case Function.DISTRIBUTE:
                return self._distribute(body, sender)
            case _ if function in NAKS:
                self.outlet.send_datagram(self._answer(Function(function), body, sender), sender)
        return False

    def broadcast(self, datagram: bytes) -> None:
        """Take a broadcast of the node's own to everybody, here and elsewhere."""
        super().broadcast(datagram)
        self.relay(bvlc.body(datagram), self.outlet.place)

    def relay(self, npdu: bytes, origin: Address) -> None:
        """Take to the peers and the foreign devices what `origin` has broadcast on this subnet."""
        copy = bvlc.forwarded(origin, npdu)
        self._copy(copy, [peer.target for peer in self._others()])
        self._copy_to_foreign(copy, origin)

    def _others(self) -> list[BbmdPeer]:
        return [peer for peer in self._peers if peer.address != self.outlet.place]

    def _hear_broadcast(self, npdu: bytes, sender: Address) -> bool:
        """Take a broadcast elsewhere, if it was made here: who is elsewhere must register or be a peer."""
        if IPv4Address(sender[0]) in self._subnet:
            self.relay(npdu, sender)
        return True

    def _hear_forwarded(self, body: bytes, sender: Address) -> bool:
        """Take what a peer forwards to the foreign devices, and to this subnet unless it came there itself.

        How it came follows from the mask of our own entry in the table (clause J.4.5).
        """
        origin = bvlc.read_address(body[:6])
        if origin is None or all(peer.address != sender for peer in self._others()):
            return False
        if self.outlet.is_own(origin):
            return False  # somebody sends back what we sent him
        copy = bvlc.message(Function.FORWARDED, body)
        own = next(peer for peer in self._peers if peer.address == self.outlet.place)
        if own.mask == ONE_HOST:
            self._copy_here(copy)
        self._copy_to_foreign(copy, origin)
        return True

    def _distribute(self, npdu: bytes, sender: Address) -> bool:
        """Take a foreign device's broadcast to everybody else."""
        if sender not in self._registered():
            self.outlet.send_datagram(bvlc.result(NAKS[Function.DISTRIBUTE]), sender)
            return False
        if len(npdu) < _SHORTEST:
            return False
        self._copy_here(bvlc.forwarded(sender, npdu))
        self.relay(npdu, sender)
        return True

    def _copy_here(self, copy: bytes) -> None:
        if self.outlet.everybody is not None:
            self._copy(copy, [self.outlet.everybody])

    def _copy_to_foreign(self, copy: bytes, origin: Address) -> None:
        self._copy(copy, [address for address in self._registered() if address != origin])

    def _copy(self, copy: bytes, targets: Sequence[Address]) -> None:
        """Send copies, of which there is a bound in every second."""
        second = int(self._now())
        if second != self._second:
            self._second, self._copies = second, 0
        room = max(0, MOST_COPIES - self._copies)
        for target in targets[:room]:
            self.outlet.send_datagram(copy, target)
        self._copies += len(targets)
        if self._copies > MOST_COPIES >= self._copies - len(targets):
            _log.warning("more than %d copies of broadcasts in a second; the rest is dropped", MOST_COPIES)

    def _answer(self, function: Function, body: bytes, sender: Address) -> bytes:
        """Return the answer to what is asked of the tables."""
        match function:
            case Function.READ_BDT:
                return bvlc.message(Function.READ_BDT_ACK, bvlc.pack_peers(self._peers))
            case Function.READ_FDT:
                return bvlc.message(Function.READ_FDT_ACK, bvlc.pack_registrations(self._entries()))
            case Function.REGISTER:
                done = self._register(sender, bvlc.read_number(body))
            case Function.DELETE:
                address = bvlc.read_address(body)
                done = address in self._registered() and self._foreign.pop(address) is not None
            case _:
                done = self._role.write_peers and self._write(bvlc.read_peers(body))
        return bvlc.result(bvlc.DONE if done else NAKS[function])

    def _entries(self) -> list[Registration]:
        now = self._now()
        return [
            Registration(address, device.ttl_s, ceil(device.end - now))
            for address, device in self._registered().items()
        ]

    def _registered(self) -> dict[Address, _Foreign]:
        """Return the foreign devices whose time has not run out."""
        now = self._now()
        for address in [address for address, device in self._foreign.items() if device.end <= now]:
            del self._foreign[address]
        return self._foreign

    def _register(self, sender: Address, ttl_s: int | None) -> bool:
        """Remember a foreign device for its time to live, even 0, and half a minute (clause J.5.2.3)."""
        known = self._registered()
        if ttl_s is None or sender in {peer.address for peer in self._peers}:
            return False
        if sender not in known and len(known) >= self._role.most_foreign:
            return False
        known[sender] = _Foreign(ttl_s, self._now() + ttl_s + GRACE_S)
        return True

    def _write(self, peers: list[BbmdPeer] | None) -> bool:
        """Take a new table; not one with another BBMD on our subnet, which would send in circles.

        Who is there twice gets one copy, as the last entry says.
        """
        if peers is None or len(peers) > MOST_PEERS or not all(peer.usable for peer in peers):
            return False
        place = self.outlet.place
        if any(peer.address != place and IPv4Address(peer.host) in self._subnet for peer in peers):
            return False
        own = () if any(peer.address == place for peer in peers) else (BbmdPeer(*place),)
        self._peers = (*own, *{peer.address: peer for peer in peers}.values())
        _log.info("the broadcast distribution table has been written: %s", ", ".join(map(str, peers)))
        return True
