"""Where recipients are: addresses of devices as their I-Am tells them, and the routers that lead to networks.

What is not on the port's own network is reached through the router from which something came from there.
"""

import socket
import struct
from collections.abc import Collection
from typing import Final

from gateway.bacnet import encoding as enc
from gateway.bacnet.apdu import UNCONFIRMED_REQUEST
from gateway.bacnet.codes import ANY_INSTANCE, Unconfirmed
from gateway.bacnet.encoding import Reader, RejectError
from gateway.bacnet.network import Address, station
from gateway.bacnet.peer import Peer
from gateway.bacnet.recipients import Recipient

I_AM: Final = bytes((UNCONFIRMED_REQUEST, Unconfirmed.I_AM))
"""How an I-Am begins."""

_MOST_ROUTES: Final = 256
_MOST_DEVICES: Final = 1024
_IP_MAC: Final = 6
_OBJECT_IDENTIFIER: Final = 12


def as_recipient(peer: Peer) -> Recipient:
    """Return the address of a peer."""
    if peer.station:
        return Recipient(network=int.from_bytes(peer.station[:2], "big"), mac=peer.station[3:])
    host, port = peer.address
    return Recipient(mac=socket.inet_aton(host) + struct.pack(">H", port))


def who_is(number: int) -> bytes:
    """Return the question where the device with this object identifier is."""
    instance = enc.content(number & ANY_INSTANCE)
    return (
        bytes((UNCONFIRMED_REQUEST, Unconfirmed.WHO_IS)) + enc.context(0, instance) + enc.context(1, instance)
    )


def read_i_am(apdu: bytes) -> int | None:
    """Return the object identifier of the device that an I-Am announces; None if it cannot be read."""
    try:
        return enc.read_object_number(Reader(apdu, 2).application(_OBJECT_IDENTIFIER))
    except RejectError:
        return None


class Bindings:
    """What is known of where recipients are."""

    def __init__(self) -> None:
        self._devices: dict[int, Peer] = {}
        self._routes: dict[int, Address] = {}

    def hear(self, peer: Peer) -> None:
        """Note the way to a peer's network; of too many the oldest is forgotten."""
        if not peer.station:
            return
        network = int.from_bytes(peer.station[:2], "big")
        if network not in self._routes and len(self._routes) >= _MOST_ROUTES:
            del self._routes[next(iter(self._routes))]
        self._routes[network] = peer.address

    def bind(self, number: int, peer: Peer) -> None:
        """Note where the device with this object identifier is; of too many the oldest is forgotten."""
        if number not in self._devices and len(self._devices) >= _MOST_DEVICES:
            del self._devices[next(iter(self._devices))]
        self._devices[number] = peer

    def find_device(self, number: int) -> Peer | None:
        """Return where the device with this object identifier is, None if nobody knows."""
        return self._devices.get(number)

    def find(self, recipient: Recipient) -> Peer | None:
        """Return the peer that a recipient is, None if nobody knows.

        An address of six octets on a network that is not known is taken for one of the port's own network:
        recipients are entered with that network's number where it has one.
        """
        if recipient.device is not None:
            return self.find_device(recipient.device)
        router = self._routes.get(recipient.network)
        if router is not None:
            return Peer(router, station(recipient.network, recipient.mac))
        if len(recipient.mac) != _IP_MAC:
            return None
        host, port = recipient.mac[:4], recipient.mac[4:]
        return Peer((socket.inet_ntoa(host), int.from_bytes(port, "big")))

    def listing(self, wanted: Collection[int]) -> list[bytes]:
        """Return a BACnetAddressBinding for each `wanted` device, by object identifier, that is found."""
        found = []
        for number, peer in self._devices.items():
            if number in wanted:
                where = as_recipient(peer)
                found.append(enc.object_identifier(number) + enc.address(where.network, where.mac))
        return found
