"""Where recipients are: addresses of devices as their I-Am tells them, and the routers that lead to networks.

What is not on the port's own network is reached through the router from which something came from there.
"""

from collections.abc import Collection
from typing import Final

from gateway.bacnet.objects.recipients import Recipient
from gateway.bacnet.wire import encoding as enc
from gateway.bacnet.wire.bvlc import Address, pack_address, read_address
from gateway.bacnet.wire.network import station
from gateway.bacnet.wire.peer import Peer

_MOST_ROUTES: Final = 256
_MOST_DEVICES: Final = 1024


def as_recipient(peer: Peer) -> Recipient:
    """Return the address of a peer."""
    if peer.station:
        return Recipient(network=int.from_bytes(peer.station[:2], "big"), mac=peer.station[3:])
    return Recipient(mac=pack_address(peer.address))


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
        address = read_address(recipient.mac)
        return None if address is None else Peer(address)

    def listing(self, wanted: Collection[int]) -> list[bytes]:
        """Return a BACnetAddressBinding for each `wanted` device, by object identifier, that is found."""
        found = []
        for number, peer in self._devices.items():
            if number in wanted:
                where = as_recipient(peer)
                found.append(enc.object_identifier(number) + enc.address(where.network, where.mac))
        return found
