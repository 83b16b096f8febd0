"""What a node says of the networks that it knows (clauses 6.4 and 6.6): a router's answers and announcements.

No sockets, and no APDUs.
"""

import struct
from typing import Final, NamedTuple

from gateway.bacnet.wire import network as net
from gateway.bacnet.wire.network import NetworkMessage, Packet

_NO_ROUTE: Final = 1
"""Reject reason: not directly connected to the network, and no router to it is known (clause 6.4.4)."""
_UNKNOWN_MESSAGE: Final = 3
"""Reject reason: an unknown type of network layer message."""
_LINE: Final = 4
"""Octets of a line of a routing table before its port information."""
_CONFIGURED: Final = b"\x01"
"""A network's number was configured, not learned (clause 6.4.20)."""
_MESSAGES: Final = frozenset(NetworkMessage)


class Networks(NamedTuple):
    """The networks that a node knows by number, None for one that there is not.

    `behind` is the one that it routes to, `own` the one on which it is asked.
    """

    behind: int | None = None
    own: int | None = None

    def announcements(self) -> list[bytes]:
        """Return the datagrams with which a router begins."""
        if self.behind is None:
            return []
        questions = NetworkMessage.WHO_IS_ROUTER, NetworkMessage.WHAT_IS_NETWORK_NUMBER
        said = map(self.announcement, questions)
        return [datagram for datagram in said if datagram is not None]

    def announcement(self, question: int | None) -> bytes | None:
        """Return what everybody is told when somebody has asked everybody a question."""
        if question == NetworkMessage.WHO_IS_ROUTER and self.behind is not None:
            return net.i_am_router(self.behind)
        if question == NetworkMessage.WHAT_IS_NETWORK_NUMBER and self.own is not None:
            return net.announcement(NetworkMessage.NETWORK_NUMBER_IS, _number(self.own) + _CONFIGURED)
        return None

    def answer(self, packet: Packet) -> bytes | None:
        """Return what the sender of a network layer message is told; None if it is nothing."""
        if packet.message == NetworkMessage.WHAT_IS_NETWORK_NUMBER:
            return self._network_number(packet)
        if self.behind is None:
            return None
        match packet.message:
            case NetworkMessage.WHO_IS_ROUTER:
                own = _number(self.behind)
                asked = packet.payload[1:] in {b"", own}
                return net.reply(packet, NetworkMessage.I_AM_ROUTER, own) if asked else None
            case NetworkMessage.INITIALIZE_ROUTING_TABLE:
                table = self._initialize(packet.payload[1:])
                return None if table is None else net.reply(packet, NetworkMessage.ROUTING_TABLE_ACK, table)
        known = packet.message in _MESSAGES or packet.broadcast
        return None if known else _reject(packet, _UNKNOWN_MESSAGE)

    def _network_number(self, packet: Packet) -> bytes | None:
        """Tell the number of the asker's network: never across a router."""
        if self.own is None or packet.source or packet.network is not None:
            return None
        return net.reply(packet, NetworkMessage.NETWORK_NUMBER_IS, _number(self.own) + _CONFIGURED)

    def _initialize(self, lines: bytes) -> bytes | None:
        """Return what acknowledges lines of a routing table: the whole table if there are none, else nothing.

        None where they cannot be read: without their number, or not as many as it says. They are not taken: a
        router to a network that it makes itself has no other ways.
        """
        if not lines or not _is_table(lines):
            return None
        return b"\x00" if lines[0] else self._table()

    def _table(self) -> bytes:
        """Return the routing table: each network with its port's number and no more about it."""
        known = [network for network in self if network is not None]
        entries = (struct.pack(">HBB", network, port, 0) for port, network in enumerate(known, 1))
        return bytes((len(known),)) + b"".join(entries)


def _is_table(octets: bytes) -> bool:
    """Whether octets are lines of a routing table (clause 6.4.7) behind their number."""
    at = 1
    for _ in range(octets[0]):
        if at + _LINE > len(octets):
            return False
        at += _LINE + octets[at + _LINE - 1]
    return at == len(octets)


def no_route(packet: Packet) -> bytes:
    """Return the Reject-Message-To-Network for a packet to a network that is not known here."""
    return _reject(packet, _NO_ROUTE)


def _reject(packet: Packet, reason: int) -> bytes:
    content = bytes((reason,)) + _number(packet.network or 0)
    return net.reply(packet, NetworkMessage.REJECT, content)


def _number(network: int) -> bytes:
    return struct.pack(">H", network)
