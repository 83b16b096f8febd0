"""A serial line: one request at a time, each answered no sooner than the wire would have carried both.

What a request is answered stands in `line` and `bank`; devices are opened in `serial_ports`.
"""

import asyncio
import os
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from gateway.modbus.line import Later, Line, exchange
from gateway.modbus.transports.pending import Pending
from gateway.transports import SerialListener

HELD: Final = 4096
"""What may wait behind a request before no more is read from the line [bytes]."""

_GONE: Final = "hung up"


class Wire:
    """The units of `line` on one serial line, which may go away and come again."""

    def __init__(self, line: Line, settings: SerialListener, pending: Pending) -> None:
        self._line = line
        self._settings = settings
        self._pending = pending
        self._stream = b""
        self._full = False
        self._idle = asyncio.Event()  # set while no request is being dealt with
        self._idle.set()
        self._from = 0.0  # when the request at the front began on the wire [s, monotonic]
        self._timer: asyncio.TimerHandle | None = None
        self._file, self._times = -1, 0  # what is open, and how often something was before
        self._lost: Callable[[str], None] = _ignore

    def attach(self, file: int, lost: Callable[[str], None]) -> None:
        """Serve what comes over an open file that does not block; `lost` is told why if that ends."""
        self._file, self._lost, self._full = file, lost, False
        asyncio.get_running_loop().add_reader(file, self._read)

    def shut(self) -> None:
        """Read no more; the answer to a request that is being dealt with still goes out."""
        self._stream, self._full = b"", False
        if self._file >= 0:
            asyncio.get_running_loop().remove_reader(self._file)
        if self._idle.is_set():
            self._stop_waiting()

    @property
    def answering(self) -> bool:
        """Whether an answer is on the wire, which goes out when its time has come."""
        return self._timer is not None and not self._idle.is_set()

    async def drained(self) -> None:
        """Return when the answer that is on the wire has been carried."""
        await self._idle.wait()

    def detach(self) -> None:
        """Leave the file alone; what came over it is forgotten."""
        self.shut()
        self._file = -1
        self._idle.set()
        self._times += 1
        self._stop_waiting()

    def _read(self) -> bool:
        """Take what has come; return whether something has."""
        try:
            data = os.read(self._file, HELD)
        except BlockingIOError:
            return False
        except OSError as error:
            data, why = b"", error.strerror or str(error)
        else:
            why = _GONE
        if data:
            self._received(data)
        else:
            self._lost(why)
        return True

    def _received(self, data: bytes) -> None:
        idle = self._idle.is_set()
        if idle and not self._stream:
            self._from = max(self._from, time.monotonic())
        self._stream += data
        if idle:
            self._serve()
        elif len(self._stream) > HELD:
            self._full = True
            asyncio.get_running_loop().remove_reader(self._file)

    def _serve(self) -> None:
        """Deal with the next request, or wait for more of it."""
        self._stop_waiting()
        if not self._stream:
            return
        output, used, _, later = exchange(self._stream, self._line, 1)
        self._stream = self._stream[used:]
        if used:
            self._deal_with(later or output, used)
            return
        self._stream = self._stream[: self._line.framing.longest + 1]
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._settings.patience_s, self._fall_silent)

    def _fall_silent(self) -> None:
        """Take what came before the silence for a frame, unless there is more that we had no time to read."""
        self._timer = None
        if self._read():
            return
        request, self._stream = self._stream, b""
        self._deal_with(self._line.answer(request), len(request))

    def _deal_with(self, said: bytes | Later, asked: int) -> None:
        """Answer a request of so many bytes when its time has come."""
        self._idle.clear()
        if isinstance(said, Later):
            self._pending.begin(said, partial(self._answer, asked, self._times))
        else:
            self._answer(asked, self._times, said)

    def _answer(self, asked: int, times: int, answer: bytes) -> None:
        """Let an answer go out in its time, if the file over which it was asked is still open."""
        if times != self._times:
            return
        settings, now = self._settings, time.monotonic()
        if not answer:
            self._at(now, answer)  # what nobody is told may be garbage, and no client waits for it
        elif settings.pty:
            carried = (asked + len(answer)) * settings.character_s
            self._at(self._from + carried + settings.silence_s, answer)
        else:
            self._at(now + settings.silence_s, answer)

    def _at(self, due: float, answer: bytes) -> None:
        """Let an answer go out when it is due [s, monotonic], and then go on with what waits behind it."""
        loop, left = asyncio.get_running_loop(), due - time.monotonic()
        if left > 0:
            self._timer = loop.call_later(left, self._at, due, answer)
            return
        self._timer = None
        self._idle.set()
        self._write(answer)
        self._from = time.monotonic()
        if self._full:
            self._full = False
            loop.add_reader(self._file, self._read)
        if self._stream:
            self._timer = loop.call_later(0, self._serve)  # others first: there may be many short frames

    def _write(self, answer: bytes) -> None:
        """Put an answer on the wire; what it does not take is lost, as where nobody listens."""
        try:
            os.write(self._file, answer)
        except BlockingIOError:
            return
        except OSError as error:
            self._lost(error.strerror or str(error))

    def _stop_waiting(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None


def _ignore(_: str) -> None:
    """Let it go: nothing is attached."""
