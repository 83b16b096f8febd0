"""A serial line as a place where clients come in: opened, told of, and opened again when its device has gone.

How bytes move stands in `wire`, what opens in `serial_ports`.
"""

import asyncio
import contextlib
import errno
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from gateway.errors import AddressInUseError
from gateway.hub import Endpoint
from gateway.modbus.transports.listeners import Served, Shared
from gateway.modbus.transports.serial_ports import port_of
from gateway.modbus.transports.wire import Wire
from gateway.transports import SerialListener

FIRST_WAIT: Final = 0.25
LONGEST_WAIT: Final = 15.0
"""How long after a device has gone it is looked for, and how long at most between two attempts [s]."""

_LAST_ANSWER: Final = 1.0
"""How long the last answer may take until it is out, and read on a pseudo-terminal [s]."""

_LOOK: Final = 0.002
"""How often it is looked whether that is so [s]."""

_TAKEN: Final = frozenset({errno.EBUSY, errno.EAGAIN})

_log = logging.getLogger(__name__)


class SerialPoint:
    """One serial line. Once it was open it stays, whatever becomes of its device."""

    def __init__(self, settings: SerialListener, served: Sequence[Served], shared: Shared) -> None:
        self._settings = settings
        (self._served,) = served
        self._port = port_of(settings)
        self._wire = Wire(self._served.line, settings, shared.pending)
        self._open = False
        self._looking: asyncio.Task[None] | None = None

    @property
    def _service(self) -> str:
        return self._served.service

    @property
    def _place(self) -> str:
        return str(self._settings.device or self._settings.pty)

    async def open(self) -> None:
        """Open it and serve. Raises AddressInUseError."""
        try:
            file = self._port.open()
        except OSError as error:
            why = "already in use" if error.errno in _TAKEN else f"unusable ({_reason(error)})"
            key = "device" if self._settings.device else "pty"
            raise AddressInUseError(
                self._service, self._place, f"{self._settings.option}.{key}", why
            ) from error
        self._wire.attach(file, self._lost)
        self._open = True

    def _lost(self, why: str) -> None:
        """Let go of a device that has gone, and look for it from now on."""
        _log.warning("%s: %s has gone (%s); looking for it", self._service, self._place, why)
        self._wire.detach()
        self._port.close()
        self._looking = asyncio.get_running_loop().create_task(self._look())

    async def _look(self) -> None:
        wait = FIRST_WAIT
        while True:
            await asyncio.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)
            try:
                file = self._port.open()
            except OSError:
                continue
            _log.info("%s: %s is there again", self._service, self._place)
            self._wire.attach(file, self._lost)
            return

    def shut(self) -> None:
        """Take no more requests; answers due still go out."""
        if self._looking:
            self._looking.cancel()
        self._wire.shut()

    async def close(self) -> None:
        """Close it when the answer under way is out, or soon; may be called twice, and before `open`."""
        self._open = False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_ANSWER):
                await self._last_answer()
        if self._looking:
            self._looking.cancel()
        self._wire.detach()
        self._port.close()

    async def _last_answer(self) -> None:
        """Return when the answer under way is out, and read where it would be lost otherwise."""
        if self._wire.answering:
            await self._wire.drained()
        while self._port.unread():  # noqa: ASYNC110  the system tells nobody of a read
            await asyncio.sleep(_LOOK)

    def endpoints(self) -> list[Endpoint]:
        """Return where it is, if it is open."""
        words = f"{self._served.words()}; {self._settings.form}"
        return [Endpoint(self._service, self._place, words)] if self._open else []

    def ready(self) -> list[dict[str, Any]]:
        """Return transport, device as a whole path, meters or pulse hubs, and units, if it is open."""
        rows, transport = self._served.line.bank.rows, self._settings.transport
        entry = {
            "transport": transport,
            "device": str(Path(self._place).absolute()),
            self._served.subjects.replace(" ", "_"): [rows.start + 1, rows.stop],
            "units": [1, len(rows)],
        }
        return [entry] if self._open else []


def _reason(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else str(error)
