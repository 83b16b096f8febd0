"""What devices ask of others and must have answered: repeated until it is, or nobody is there any more.

A device asks a peer one thing at a time, so that everything arrives in order. Once a peer has not answered
one device, it is away for all: whatever waits for it is given up, and one request at a time finds out whether
it is back. Knows PDU types and the clock of the event loop, not what is asked.
"""

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Final

from gateway.bacnet import apdu as pdu
from gateway.bacnet.device_object import APDU_RETRIES, APDU_TIMEOUT_S, MOST_SUBSCRIPTIONS
from gateway.bacnet.drops import Drops
from gateway.bacnet.objects import Device
from gateway.bacnet.peer import Peer
from gateway.bacnet.voice import Voice

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
class _Line:
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
        self._lines: dict[_Key, _Line] = {}
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
            if self._away[peer] in self._lines:
                lost()
                return
            self._away[peer] = place
        line = self._lines.get(place) or _Line()
        if key in line.waiting:
            return
        most = MOST_SUBSCRIPTIONS if device.base else MOST_WAITING
        if len(line.waiting) >= most or self._waiting + len(self._lines) >= MOST_AT_ONCE:
            self._drops.add()
            return
        self._lines[place] = line
        line.waiting[key] = compose, lost
        self._waiting += 1
        if line.timer is None:
            self._next(device, peer, line)

    def forget(self, device: Device, peer: Peer) -> None:
        """Drop what waits for a peer."""
        if line := self._lines.get((device.number, peer)):
            self._waiting -= len(line.waiting)
            line.waiting.clear()

    def notice(self, peer: Peer) -> None:
        """Take notice of a peer that says something: it is not away."""
        self._away.pop(peer, None)

    def hear(self, device: Device, peer: Peer, apdu: bytes) -> None:
        """Take a peer's answer. Whatever it says, the peer is there and has dealt with the request."""
        line = self._lines.get((device.number, peer))
        if line is None or line.timer is None or len(apdu) < 3 or apdu[1] != line.request[2]:  # noqa: PLR2004  the shortest
            return
        if apdu[0] & 0xF0 in _WITH_SERVICE and apdu[2] != line.request[3]:
            return
        line.timer.cancel()
        self._next(device, peer, line)

    def drop(self, device: Device) -> None:
        """Forget all that a device asks."""
        for key in [key for key in self._lines if key[0] == device.number]:
            self._end(key)

    def stop(self) -> None:
        """Forget all that is under way or waits."""
        for key in [*self._lines]:
            self._end(key)
        self._drops.say()

    def _end(self, key: _Key) -> _Line:
        """Close a line, whatever waits on it; return it."""
        line = self._lines.pop(key)
        self._waiting -= len(line.waiting)
        if line.timer is not None:
            line.timer.cancel()
        return line

    def _next(self, device: Device, peer: Peer, line: _Line) -> None:
        """Begin with what waits longest; without anything, the line is closed."""
        while line.waiting:
            compose, line.lost = line.waiting.pop(next(iter(line.waiting)))
            self._waiting -= 1
            if (body := compose()) is not None:
                self._invoke = (self._invoke + 1) % 256
                line.request = bytes((pdu.CONFIRMED_REQUEST, _LIMITS, self._invoke)) + body
                line.sent = 0
                self._send(device, peer, line)
                return
        del self._lines[device.number, peer]

    def _send(self, device: Device, peer: Peer, line: _Line) -> None:
        line.sent += 1
        later = asyncio.get_running_loop().call_later
        line.timer = later(self._timeout_s, self._overdue, device, peer, line)
        self._voice.send(device, peer, line.request, expects_reply=True)

    def _overdue(self, device: Device, peer: Peer, line: _Line) -> None:
        if line.sent <= APDU_RETRIES:
            self._send(device, peer, line)
            return
        if peer not in self._away and len(self._away) >= _MOST_AWAY:
            del self._away[next(iter(self._away))]
        self._away[peer] = None
        for gone in [self._end(key) for key in [*self._lines] if key[1] == peer]:
            for lost in (gone.lost, *(lost for _, lost in gone.waiting.values())):
                if lost is not None:
                    lost()
