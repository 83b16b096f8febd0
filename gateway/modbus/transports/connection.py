"""A client's connection: moves bytes, in order, and bounds what it holds and how long others wait for it.

What a request is answered stands in `line` and `bank`; ports are opened in `listeners`.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Final, cast

from gateway.modbus.line import Kept, Later, Line, exchange
from gateway.modbus.transports.connections import Connections
from gateway.modbus.transports.pending import Pending

HELD: Final = 65_536
"""What may wait behind a request before no more is read from its connection [bytes]."""

PATIENCE: Final = 10
"""How many seconds a client may take for the rest of a frame."""

_KEEPALIVE: Final = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))
"""After how many seconds a silent client is asked whether it is there, how often and how many times."""


class Connection(asyncio.Protocol):
    """One client of `line`. What was asked before in this tick is answered at once, from what is kept.

    While the client does not take its answers, nothing more is read from it. What comes behind a request that
    is answered later waits until it is; what comes behind many, until others have had their turn. Where the
    framing needs silence, `silence` [s] ends what it cannot cut, and a stream is never broken for good.
    """

    __slots__ = (
        "_connections",
        "_ended",
        "_known",
        "_later",
        "_line",
        "_overdue",
        "_paused",
        "_pending",
        "_plain",
        "_silence",
        "_stream",
        "_tag",
        "_timer",
        "_transport",
        "_turn",
        "_write",
        "active",
        "heard",
        "opened",
    )

    _transport: asyncio.Transport

    def __init__(
        self, line: Line, connections: Connections, pending: Pending, *, silence: float = 0.0
    ) -> None:
        self._serve_from(line)
        self._connections = connections
        self._pending = pending
        self._silence = silence
        self._stream = b""
        self._later: Later | None = None
        self._turn = self._paused = self._ended = self.active = False
        self._timer: asyncio.TimerHandle | None = None
        self._overdue = 0
        self.opened = self.heard = 0.0

    def _serve_from(self, line: Line) -> None:
        self._line = line
        self._tag, self._plain = line.framing.tag, line.framing.plain
        self._known: Callable[[bytes], Kept | None] = line.kept.get

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to serve a client, if there is room for it."""
        self._begin(transport)
        set_options(transport)
        if not self._connections.admit(self):
            self._transport.close()

    def _begin(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._write = self._transport.write

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  the protocol's signature
        """Forget the client; a write under way is applied all the same."""
        self._connections.forget(self)
        self._stream = b""
        self._hush()

    def data_received(self, data: bytes) -> None:
        """Answer what `data` completes."""
        self.active = True
        if len(data) == self._plain and not self._stream:
            kept = self._known(data[self._tag :])
            if kept is not None:
                kept.given += 1
                self._write(data[: self._tag] + kept.answer)
                return
        self._stream += data
        if not self._turn:
            self._serve()
        if (self._later or self._turn) and len(self._stream) > HELD:
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """Return whether the connection stays open, for the answers due, though the client says no more."""
        self._ended = self._turn or self._later is not None
        return self._ended

    def pause_writing(self) -> None:
        """Read no more: the client does not take its answers."""
        self._paused = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Answer what was put off, and read again."""
        self._paused = False
        self._go_on()

    def overdue(self) -> bool:
        """Return whether the client takes too long for the rest of a frame; asked every second."""
        waiting = self._stream and not (self._paused or self._later or self._turn)
        self._overdue = self._overdue + 1 if waiting else 0
        return self._overdue > PATIENCE

    def close(self) -> None:
        """End the connection now: a client that does not take its answers loses them."""
        if self._transport.get_write_buffer_size():
            self._transport.abort()
        else:
            self._transport.close()

    def _serve(self) -> None:
        """Answer whole frames received so far, if the client is there and takes the answers."""
        self._hush()
        if not self._stream or self._paused or self._later or self._transport.is_closing():
            return
        output, used, broken, later = exchange(self._stream, self._line)
        self._stream = self._stream[used:]
        if output:
            self._write(output)
        if used:
            self._overdue = 0
        if later:
            self._put_off(later)
        elif broken:
            self._stream = b""
            self._transport.close()
        elif used and self._stream:
            self._turn = True
            asyncio.get_running_loop().call_soon(self._take_turn)
        elif self._stream and self._silence:
            self._await_silence()

    def _put_off(self, later: Later) -> None:
        """Answer when that is done which must be done before."""
        self._later = later
        self._known = _unknown
        self._pending.begin(later, self._answered)

    def _take_turn(self) -> None:
        self._turn = False
        self._go_on()

    def _await_silence(self) -> None:
        """Wait for what ends a frame that cannot be cut; of one that is too long keep what shows it."""
        self._stream = self._stream[: self._line.framing.longest + 1]
        self._timer = asyncio.get_running_loop().call_later(self._silence, self._fall_silent)

    def _fall_silent(self) -> None:
        """Take what came before the silence for a frame."""
        request, self._stream = self._stream, b""
        said = self._line.answer(request)
        if isinstance(said, Later):
            self._put_off(said)
        elif said:
            self._write(said)

    def _hush(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _answered(self, answer: bytes) -> None:
        """Answer what took its time, then what came behind it."""
        hang_up = self._later is not None and self._later.hang_up
        self._later = None
        self._known = self._line.kept.get
        if self._transport.is_closing():
            return
        if answer:
            self._write(answer)
        if hang_up:
            self._transport.close()
        else:
            self._go_on()

    def _go_on(self) -> None:
        """Answer what was put off; then read again, or end where the client has ended."""
        self._serve()
        if self._paused or self._later or self._turn:
            return
        if self._ended:
            self._transport.close()
        elif not self._transport.is_closing():
            self._transport.resume_reading()


def set_options(transport: asyncio.BaseTransport) -> None:
    """Let small answers go out at once, and find out about clients that vanish without a word."""
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _KEEPALIVE:
        if hasattr(socket, option):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def _unknown(_: bytes) -> None:
    """Know no answer: what comes behind a request must not overtake it."""
