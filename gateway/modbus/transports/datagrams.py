"""Modbus over UDP: a datagram is a frame, and its sender gets the answer.

What a request is answered stands in `line` and `bank`; ports are opened in `listeners`.
"""

import asyncio
from functools import partial
from typing import Any, Final, cast

from gateway.modbus.line import Later, Line
from gateway.modbus.transports.pending import Pending

MOST_WAITING: Final = 256
"""How many requests may wait for something to be done at once; more are dropped, as datagrams are."""


class Datagrams(asyncio.DatagramProtocol):
    """The clients of `line`. Answers that the system does not take are dropped."""

    def __init__(self, line: Line, pending: Pending) -> None:
        self._line = line
        self._pending = pending
        self._tag = line.framing.tag
        self._waiting = 0
        self._paused = self._stopped = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to serve."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """Answer one request."""
        if self._paused or self._stopped:
            return
        kept = self._line.kept.get(data[self._tag :])
        if kept is not None:
            kept.given += 1
            self._transport.sendto(data[: self._tag] + kept.answer, addr)
            return
        if not data or self._line.framing.end(data, 0) != len(data):
            self._line.counters.bus_errors += 1
            return
        said = self._line.answer(data)
        if not isinstance(said, Later):
            self._send(addr, said)
        elif self._waiting < MOST_WAITING:
            self._waiting += 1
            self._pending.begin(said, partial(self._answered, addr))

    def error_received(self, exc: Exception) -> None:
        """Go on: a client has gone before its answer came."""

    def pause_writing(self) -> None:
        """Take no requests while the system takes no answers."""
        self._paused = True

    def resume_writing(self) -> None:
        """Take requests again."""
        self._paused = False

    def stop(self) -> None:
        """Take no more requests; answers due still go out."""
        self._stopped = True

    def close(self) -> None:
        """Close the socket."""
        self._transport.close()

    def _answered(self, addr: tuple[Any, ...], answer: bytes) -> None:
        self._waiting -= 1
        self._send(addr, answer)

    def _send(self, addr: tuple[Any, ...], answer: bytes) -> None:
        if answer and not self._transport.is_closing():
            self._transport.sendto(answer, addr)
