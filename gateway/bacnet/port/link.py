"""How a node takes part in its BACnet/IP network (annex J): as one of many, unless it has a role of its own.

A link deals with BVLC messages and carries broadcasts; the NPDUs in them, and sockets, are not its business.
The roles are in `bbmd.py` and `foreign.py`.
"""

from typing import Protocol

from gateway.bacnet.wire import bvlc
from gateway.bacnet.wire.bvlc import Address, Function


class Outlet(Protocol):
    """The port that a link talks through."""

    @property
    def place(self) -> Address:
        """Where the port is."""

    @property
    def everybody(self) -> Address | None:
        """The address of all who are on its network, None if there is none."""

    def send_datagram(self, datagram: bytes, address: Address) -> None:
        """Send a datagram."""

    def is_own(self, address: Address) -> bool:
        """Whether a datagram from `address` is this gateway's own."""


class Link:
    """An ordinary node: broadcasts reach its own subnet, what only a BBMD does is refused."""

    outlet: Outlet

    def open(self, outlet: Outlet) -> None:
        """Talk through `outlet` from now on."""
        self.outlet = outlet

    async def close(self) -> None:
        """Take leave."""

    def admits(self, data: bytes, sender: Address) -> bool:
        """Deal with a datagram; return whether there is an NPDU in it for the node."""
        if bvlc.function_of(data) in {Function.FORWARDED, Function.UNICAST, Function.BROADCAST}:
            return True
        if (refusal := bvlc.refusal(data)) is not None:
            self.outlet.send_datagram(refusal, sender)
        return False

    def broadcast(self, datagram: bytes) -> None:
        """Take an Original-Broadcast-NPDU of the node's own to everybody."""
        if self.outlet.everybody is not None:
            self.outlet.send_datagram(datagram, self.outlet.everybody)

    def relay(self, npdu: bytes, origin: Address) -> None:
        """Take to other subnets what another port of this gateway has broadcast on this one."""


class Neighbour(Link):
    """The link of a further port of the gateway: `first` is that of the first one, which may have a role."""

    def __init__(self, first: Link) -> None:
        self._first = first

    def broadcast(self, datagram: bytes) -> None:
        """Take a broadcast to everybody here, and by the first port's role elsewhere."""
        super().broadcast(datagram)
        self._first.relay(bvlc.body(datagram), self.outlet.place)
