"""Who talks to devices, and an APDU with how it came: what the application layer knows of those below it.

How devices talk is in `delivery/voice.py`. No bytes of any layer are made here.
"""

from typing import NamedTuple

from gateway.bacnet.wire.bvlc import Address


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
