"""A client's connection: moves bytes, in order, and bounds what it holds.

What a request is answered stands in `line` and `bank`; ports are opened in `server`.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Final, cast

from gateway.commands import Applier
from gateway.errors import RequestRefusedError
from gateway.modbus.line import Kept, Later, Line, exchange

HELD: Final = 65_536
"""What may wait behind a request before no more is read from its connection [bytes]."""

_LAST_ANSWERS: Final = 0.5
"""How long the requests under way at the end may take to be answered [s]."""


class Pending:
    """Sees to what must be done before an answer: a task for each, which nobody but the end stops."""

    def __init__(self, commands: Applier) -> None:
        self._commands = commands
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, later: Later, answer: Callable[[bytes], None]) -> None:
        """Let `answer` be called with the answer when what must be done before it is done."""
        task = asyncio.create_task(self._answer(later, answer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, later: Later, answer: Callable[[bytes], None]) -> None:
        if later.delay:
            await asyncio.sleep(later.delay)
        try:
            for command in later.commands:
                await self._commands.apply(command)
        except RequestRefusedError:
            answer(later.refusal)
        else:
            answer(later.done)

    async def last(self) -> None:
        """Return when what is under way is answered, or soon."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_LAST_ANSWERS)

    async def end(self) -> None:
        """Stop what is not answered by now."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class Connection(asyncio.Protocol):
    """One client of `line`. What was asked before in this tick is answered at once, from what is kept.

    While the client does not take its answers, nothing more is read from it. What comes behind a request that
    is answered later waits until it is.
    """

    __slots__ = (
        "_ended",
        "_known",
        "_later",
        "_line",
        "_open",
        "_paused",
        "_pending",
        "_plain",
        "_stream",
        "_tag",
        "_transport",
        "_write",
    )

    _transport: asyncio.Transport

    def __init__(self, line: Line, connections: "set[Connection]", pending: Pending) -> None:
        self._line = line
        self._tag, self._plain = line.framing.tag, line.framing.plain
        self._known: Callable[[bytes], Kept | None] = line.kept.get
        self._pending = pending
        self._open = connections
        self._stream = b""
        self._later: Later | None = None
        self._paused = self._ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to serve a client."""
        self._transport = cast(asyncio.Transport, transport)
        self._write = self._transport.write
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  the protocol's signature
        """Forget the client; a write under way is applied all the same."""
        self._open.discard(self)
        self._stream = b""

    def data_received(self, data: bytes) -> None:
        """Answer what `data` completes."""
        if len(data) == self._plain and not self._stream:
            kept = self._known(data[self._tag :])
            if kept is not None:
                kept.given += 1
                self._write(data[: self._tag] + kept.answer)
                return
        self._stream += data
        self._serve()
        if self._later and len(self._stream) > HELD:
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """Return whether the connection stays open, for the answers due, though the client says no more."""
        self._ended = self._later is not None
        return self._ended

    def pause_writing(self) -> None:
        """Read no more: the client does not take its answers."""
        self._paused = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Answer what was put off, and read again."""
        self._paused = False
        self._go_on()

    def close(self) -> None:
        """End the connection now: a client that does not take its answers loses them."""
        if self._transport.get_write_buffer_size():
            self._transport.abort()
        else:
            self._transport.close()

    def _serve(self) -> None:
        """Answer the whole frames received so far, as long as the client is there and takes the answers."""
        while self._stream and not (self._paused or self._later) and not self._transport.is_closing():
            output, used, broken, later = exchange(self._stream, self._line)
            self._stream = self._stream[used:]
            if output:
                self._write(output)
            if later:
                self._later = later
                self._known = _unknown
                self._pending.begin(later, self._answered)
            elif broken:
                self._stream = b""
                self._transport.close()
            elif not used:
                break

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
        if self._paused or self._later:
            return
        if self._ended:
            self._transport.close()
        elif not self._transport.is_closing():
            self._transport.resume_reading()


def _unknown(_: bytes) -> None:
    """Know no answer: what comes behind a request must not overtake it."""
