"""What messages are given to, whatever they travel on."""

from collections.abc import Sequence
from typing import Protocol

from gateway.mqtt.messages import Message


class Sender(Protocol):
    """What messages are given to."""

    async def send(self, messages: Sequence[Message]) -> None:
        """Return when `messages` are written (QoS 0) and acknowledged (QoS 1), in their order."""
