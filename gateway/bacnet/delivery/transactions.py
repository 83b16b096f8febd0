"""What devices ask of others and must have answered: repeated until it is, or nobody is there any more.

A device asks a peer one thing at a time, so that everything arrives in order. Once a peer has not answered
one device, it is away for all: whatever waits for it is given up, and one request at a time finds out whether
it is back. Knows PDU types and the clock of the event loop, not what is asked.
"""

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Final

from gateway.bacnet.delivery.drops import Drops
from gateway.bacnet.delivery.voice import Voice
from gateway.bacnet.objects.device_object import APDU_RETRIES, APDU_TIMEOUT_S, MOST_SUBSCRIPTIONS
from gateway.bacnet.objects.model import Device
from gateway.bacnet.wire import apdu as pdu
from gateway.bacnet.wire.peer import Peer

MOST_WAITING: Final = 256
"""Requests of one device that wait for one peer, unless it has the objects of several meters.

More are dropped.
"""
MOST_AT_ONCE: Final = 32_768
"""Requests of all devices together that wait or are under way; more are dropped."""
_MOST_AWAY: Final = 1024
"""Peers of which it is known that they are away; the oldest are tried like any other."""

ANSWERS: Final = frozenset({pdu.SIMPLE_ACK, pdu.ERROR, pdu.REJECT, pdu.ABORT & 0xF0})
"""The types of PDU that end a transaction."""

_LIMITS: Final = 0x05
"""No segments are accepted, and 1476 octets (clause 20.1.2.4)."""
_WITH_SERVICE: Final = frozenset({pdu.SIMPLE_ACK, pdu.ERROR})

_Key = tuple[int, Peer]
"""The number of a device and whom it asks."""

Compose = Callable[[], bytes | None]
"""Gives a request from its service choice on when its turn has come; None if nobody wants it any more."""


@dataclass(slots=True)
class _Queue:
    """What one device has to ask of one peer: one request is under way, the others wait for it."""

    waiting: dict[Hashable, tuple[Compose, Callable[[], None]]] = field(default_factory=dict)
    request: bytes = b""
    lost: Callable[[], None] | None = None
    sent: int = 0
    timer: asyncio.TimerHandle | None = None


class Transactions:
    """The client side of confirmed services, for all devices. Times [s]."""

    def __init__(
        self, voice: Voice, may_speak: Callable[[Device], bool], timeout_s: float = APDU_TIMEOUT_S
    ) -> None:
        self._voice = voice
        self._may_speak = may_speak
        self._timeout_s = timeout_s
        self._queues: dict[_Key, _Queue] = {}
        self._waiting = 0
        self._away: dict[Peer, _Key | None] = {}
        self._drops = Drops("confirmed notifications")
        self._invoke = 0

    def ask(
        self, device: Device, peer: Peer, key: Hashable, compose: Compose, lost: Callable[[], None]
    ) -> None:
        """Ask a peer what `compose` gives once those before are answered; call `lost` if nobody answers.

        A device that may not speak asks nothing. Nor is a peer asked that is away, while it is tried already:
        `lost` is called at once. While something with the same `key` still waits, this adds nothing.
        """
        if not self._may_speak(device):
            return
        place = device.number, peer
        if peer in self._away:
            if self._away[peer] in self._queues:
                lost()
                return
            self._away[peer] = place
        queue = self._queues.get(place) or _Queue()
        if key in queue.waiting:
            return
        most = MOST_SUBSCRIPTIONS if device.base else MOST_WAITING
        if len(queue.waiting) >= most or self._waiting + len(self._queues) >= MOST_AT_ONCE:
            self._drops.add()
            return
        self._queues[place] = queue
        queue.waiting[key] = compose, lost
        self._waiting += 1
        if queue.timer is None:
            self._next(device, peer, queue)

    def forget(self, device: Device, peer: Peer) -> None:
        """Drop what waits for a peer."""
        if queue := self._queues.get((device.number, peer)):
            self._waiting -= len(queue.waiting)
            queue.waiting.clear()

    def notice(self, peer: Peer) -> None:
        """Take notice of a peer that says something: it is not away."""
        self._away.pop(peer, None)

    def hear(self, device: Device, peer: Peer, apdu: bytes) -> None:
        """Take a peer's answer. Whatever it says, the peer is there and has dealt with the request."""
        queue = self._queues.get((device.number, peer))
        if queue is None or queue.timer is None or len(apdu) < 3 or apdu[1] != queue.request[2]:  # noqa: PLR2004  the shortest
            return
        if apdu[0] & 0xF0 in _WITH_SERVICE and apdu[2] != queue.request[3]:
            return
        queue.timer.cancel()
        self._next(device, peer, queue)

    def drop(self, device: Device) -> None:
        """Forget all that a device asks."""
        for key in [key for key in self._queues if key[0] == device.number]:
            self._end(key)

    def stop(self) -> None:
        """Forget all that is under way or waits."""
        for key in [*self._queues]:
            self._end(key)
        self._drops.say()

    def _end(self, key: _Key) -> _Queue:
        """Give up a queue, whatever waits in it; return it."""
        queue = self._queues.pop(key)
        self._waiting -= len(queue.waiting)
        if queue.timer is not None:
            queue.timer.cancel()
        return queue

    def _next(self, device: Device, peer: Peer, queue: _Queue) -> None:
        """Begin with what waits longest; without anything, the queue is gone."""
        while queue.waiting:
            compose, queue.lost = queue.waiting.pop(next(iter(queue.waiting)))
            self._waiting -= 1
            if (body := compose()) is not None:
                self._invoke = (self._invoke + 1) % 256
                queue.request = bytes((pdu.CONFIRMED_REQUEST, _LIMITS, self._invoke)) + body
                queue.sent = 0
                self._send(device, peer, queue)
                return
        del self._queues[device.number, peer]

    def _send(self, device: Device, peer: Peer, queue: _Queue) -> None:
        queue.sent += 1
        later = asyncio.get_running_loop().call_later
        queue.timer = later(self._timeout_s, self._overdue, device, peer, queue)
        self._voice.send(device, peer, queue.request, expects_reply=True)

    def _overdue(self, device: Device, peer: Peer, queue: _Queue) -> None:
        if queue.sent <= APDU_RETRIES:
            self._send(device, peer, queue)
            return
        if peer not in self._away and len(self._away) >= _MOST_AWAY:
            del self._away[next(iter(self._away))]
        self._away[peer] = None
        for gone in [self._end(key) for key in [*self._queues] if key[1] == peer]:
            for lost in (gone.lost, *(lost for _, lost in gone.waiting.values())):
                if lost is not None:
                    lost()
