"""Device instances that somebody else on the network has, too: asked for at the start, told in the log.

The gateway goes on: whose the instance is by right, it cannot know.
"""

import logging
from typing import Final

from gateway.bacnet.wire.codes import ANY_INSTANCE
from gateway.bacnet.wire.peer import Peer
from gateway.bacnet.wire.who_is import read_i_am, who_is

_MOST_TOLD: Final = 16
"""Clashes that are told; more say nothing new."""

_log: Final = logging.getLogger(__name__)


class Clashes:
    """Notes who announces a device instance from `low` to `high`."""

    def __init__(self, low: int, high: int) -> None:
        self._instances = range(low, high + 1)
        self._told: set[tuple[int, Peer]] = set()

    def question(self) -> bytes:
        """Return the Who-Is that all who have such an instance answer."""
        return who_is(self._instances[0], self._instances[-1])

    def hear_i_am(self, apdu: bytes, peer: Peer) -> None:
        """Tell of an I-Am of somebody else with one of our instances, once."""
        number = read_i_am(apdu)
        if number is None or number & ANY_INSTANCE not in self._instances or len(self._told) >= _MOST_TOLD:
            return
        clash = number & ANY_INSTANCE, peer
        if clash not in self._told:
            self._told.add(clash)
            _log.warning(
                "BACnet/IP: %s:%d has device instance %d, too; bacnet.device_instance moves ours",
                *peer.address,
                number & ANY_INSTANCE,
            )
