"""Long answers in segments (clauses 5.2, 5.4.5): cut, sent window by window, sent again where some are lost.

Knows PDUs and the clock of the event loop. What an answer says, and sockets, are elsewhere.
"""

import asyncio
from collections.abc import Hashable
from typing import Final, Protocol

from gateway.bacnet.objects.device_object import APDU_RETRIES, SEGMENT_TIMEOUT_S
from gateway.bacnet.objects.model import Device
from gateway.bacnet.wire import apdu
from gateway.bacnet.wire.apdu import SEGMENT_HEADER, WHOLE_HEADER
from gateway.bacnet.wire.codes import AbortReason

WINDOW: Final = 16
"""The segments that are proposed to be sent before the asker acknowledges them; it may want fewer."""
RETRIES: Final = APDU_RETRIES
"""How often a window is sent again."""
MOST_AT_ONCE: Final = 256
"""Answers under way at once; more are aborted."""
MOST_OF_ONE: Final = 32
"""Answers under way to one asker, so that others have room."""

_MORE: Final = 0x04
_NUMBERS: Final = 256
_WINDOWS: Final = range(1, 128)
_ACKNOWLEDGEMENT: Final = 4
"""Octets of a SegmentACK."""

ACKNOWLEDGEMENTS: Final = frozenset({apdu.SEGMENT_ACK, apdu.ABORT & apdu.PDU_TYPE})
"""The types of PDU with which an asker goes on or gives up."""
_NEGATIVE: Final = 0x02
_SEGMENT_ACKS: Final = (bytes((apdu.SEGMENT_ACK,)), bytes((apdu.SEGMENT_ACK | _NEGATIVE,)))
"""How the SegmentACKs of askers begin."""


class Send(Protocol):
    """How an answer goes to the asker."""

    def __call__(self, pdu: bytes, /, *, expects_reply: bool = False) -> None:
        """Send a PDU; segments expect to be acknowledged (clause 6.2.2)."""


SOON_S: Final = 0.05
"""How long a window waits to be sent again to an asker that misses some of it."""


class _Transfer:
    """One answer on its way: its segments, which of them the asker has, and how many may be under way."""

    def __init__(self, answer: bytes, limit: int, send: Send) -> None:
        room, self._data = limit - SEGMENT_HEADER, answer[WHOLE_HEADER:]
        self._parts = range(0, len(self._data), room)
        self._room = room
        self._invoke, self._service = answer[1:2], answer[2:3]
        self.send = send
        self._window = 1
        self._first = 0
        self.retries = 0
        self.timer: asyncio.TimerHandle | None = None

    @property
    def invoke(self) -> int:
        """The invoke id of the request."""
        return self._invoke[0]

    @property
    def ended(self) -> bool:
        """Whether the asker has it all."""
        return self._first >= len(self._parts)

    def send_window(self) -> None:
        """Send the segments that may be under way."""
        last = len(self._parts) - 1
        for number in range(self._first, min(self._first + self._window, last + 1)):
            first = apdu.COMPLEX_ACK | apdu.SEGMENTED | (_MORE if number < last else 0)
            head = bytes((first, self.invoke, number % _NUMBERS, WINDOW)) + self._service
            start = self._parts[number]
            self.send(head + self._data[start : start + self._room], expects_reply=True)

    def is_last(self, number: int) -> bool:
        """Whether `number`, modulo 256, is that of the last segment that the asker has."""
        return number == (self._first - 1) % _NUMBERS

    def acknowledge(self, number: int, window: int) -> int:
        """Take what the asker says that it has; return how many segments more that are.

        `number` counts modulo 256: it is one of the segments under way; any other says nothing new.
        """
        more = (number - self._first + 1) % _NUMBERS
        if not 0 < more <= min(self._window, len(self._parts) - self._first):
            return 0
        self._first += more
        self._window = window
        return more


Key = tuple[int, Hashable]
"""A device by its object identifier, and an asker."""


class Segmenter:
    """Sends long answers; one for all devices of an adapter."""

    def __init__(self, *, timeout_s: float = SEGMENT_TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._transfers: dict[tuple[Key, int], _Transfer] = {}

    def begin(self, asked: Key, answer: bytes, limit: int, send: Send) -> None:
        """Send `answer`, a ComplexACK in one piece, in segments of up to `limit` octets by `send`.

        What an asker repeats while its answer is under way begins anew.
        """
        transfer = _Transfer(answer, limit, send)
        key = asked, transfer.invoke
        self._end(key)
        of_asker = sum(other == asked[1] for (_, other), _ in self._transfers)
        if len(self._transfers) >= MOST_AT_ONCE or of_asker >= MOST_OF_ONE:
            send(apdu.abort(answer[1:2], AbortReason.OUT_OF_RESOURCES))
            return
        self._transfers[key] = transfer
        self._send(key, transfer)

    def hear(self, asked: Key, pdu: bytes) -> None:
        """Take an asker's SegmentACK or Abort; whatever does not fit what is under way is ignored."""
        if len(pdu) < 2:  # noqa: PLR2004  type and invoke id
            return
        key = asked, pdu[1]
        transfer = self._transfers.get(key)
        if transfer is None:
            return
        if pdu[0] & apdu.PDU_TYPE == apdu.ABORT & apdu.PDU_TYPE:
            self._end(key)
        elif pdu[:1] in _SEGMENT_ACKS and len(pdu) == _ACKNOWLEDGEMENT:
            self._acknowledged(key, transfer, pdu)

    def drop(self, device: Device) -> None:
        """Give up what a device sends."""
        for key in [key for key in self._transfers if key[0][0] == device.number]:
            self._end(key)

    def stop(self) -> None:
        """Give up what is under way."""
        for key in tuple(self._transfers):
            self._end(key)

    def _acknowledged(self, key: tuple[Key, int], transfer: _Transfer, pdu: bytes) -> None:
        """Go on behind what the asker has. Said once more, negatively, it brings the window again soon.

        An asker that misses a segment says so at each one that follows: were each heeded at once, one loss
        would bring a storm.
        """
        if pdu[3] not in _WINDOWS:
            transfer.send(apdu.abort(pdu[1:2], AbortReason.WINDOW_SIZE_OUT_OF_RANGE))
            self._end(key)
            return
        more = transfer.acknowledge(pdu[2], pdu[3])
        if transfer.ended:
            self._end(key)
        elif more:
            transfer.retries = 0
            self._send(key, transfer)
        elif pdu[0] & _NEGATIVE and transfer.timer and transfer.is_last(pdu[2]):
            transfer.retries = 0  # it is there
            loop = asyncio.get_running_loop()
            if transfer.timer.when() > loop.time() + SOON_S:
                transfer.timer.cancel()
                transfer.timer = loop.call_later(SOON_S, self._send, key, transfer)

    def _send(self, key: tuple[Key, int], transfer: _Transfer) -> None:
        """Send a window and wait for its acknowledgement."""
        if transfer.timer:
            transfer.timer.cancel()
        transfer.send_window()
        loop = asyncio.get_running_loop()
        transfer.timer = loop.call_later(self._timeout_s, self._late, key, transfer)

    def _late(self, key: tuple[Key, int], transfer: _Transfer) -> None:
        """Send a window again, or give up."""
        transfer.retries += 1
        if transfer.retries > RETRIES:
            self._end(key)
        else:
            self._send(key, transfer)

    def _end(self, key: tuple[Key, int]) -> None:
        transfer = self._transfers.pop(key, None)
        if transfer and transfer.timer:
            transfer.timer.cancel()
