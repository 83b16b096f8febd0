"""Mosquitto as a child process: configured by us alone, supervised, and never left behind.

Neither it nor its watchdog is in our session, so a Ctrl-C reaches us alone and the meters can still be
reported offline. How a child is kept, ended and watched is in `processes`.
"""

import asyncio
import contextlib
import logging
import re
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import deque
from pathlib import Path
from typing import Final

from gateway.errors import AddressInUseError, BrokerUnavailableError
from gateway.mqtt.brokers.embedded import OPTION, SERVICE, on_port
from gateway.mqtt.brokers.processes import Watchdog, end, keep_running, spawn
from gateway.tasks import give_up

_CONFIGURATION: Final = """\
listener {port} {host}
allow_anonymous true
persistence false
connection_messages false
log_dest stderr
log_timestamp false
set_tcp_nodelay true
"""
_VERSION: Final = re.compile(r"mosquitto version (\S+) starting")
_TAKEN: Final = "Address already in use"
_READY_S: Final = 5.0
_POLL_S: Final = 0.01

_LOGGER: Final = logging.getLogger(__name__)


class Mosquitto:
    """Mosquitto on a loopback address; started again when it dies. Implements EmbeddedBroker."""

    versions = (4, 5)

    def __init__(self, program: str, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self._program = program
        self._version = ""
        self._process: Process | None = None
        self._watchdog = Watchdog()
        self._last_words: deque[str] = deque(maxlen=5)
        self._keeper: asyncio.Task[None] | None = None
        self._log: asyncio.Task[None] | None = None

    @property
    def words(self) -> str:
        """`Mosquitto 2.0.11` and how it runs."""
        return f"Mosquitto {self._version}".rstrip() + " as a child process, loopback only"

    async def start(self) -> None:
        """Return when it accepts connections. Raises AddressInUseError or BrokerUnavailableError."""
        try:
            await self._watchdog.start()
            self.port = await on_port(self.host, self.port, self._launch)
        except OSError as error:
            raise BrokerUnavailableError(f"Mosquitto cannot be started: {error}") from None
        again = keep_running("Mosquitto", self._ended, lambda: self._launch(self.port))
        self._keeper = spawn(again, "mosquitto")

    async def stop(self) -> None:
        """Terminate it, or kill it if it does not end: a stopped process does not."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            await give_up([keeper])
        process, self._process = self._process, None
        if process is not None:
            await end(process)
        await self._watchdog.stop()
        log, self._log = self._log, None
        if log is not None:
            await give_up([log])

    async def _launch(self, port: int) -> None:
        """Start one process and wait until it listens. Its configuration is needed no longer than that."""
        with tempfile.TemporaryDirectory(prefix="metergate-mqtt-", ignore_cleanup_errors=True) as directory:
            configuration = _write(Path(directory), _CONFIGURATION.format(host=self.host, port=port))
            process = self._process = await asyncio.create_subprocess_exec(
                self._program, "-c", configuration,
                stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE, start_new_session=True,
            )  # fmt: skip
            self._watchdog.watch(process.pid)
            log = self._log = spawn(self._pass_on(process.stderr), "mosquitto's log")
            try:
                async with asyncio.timeout(_READY_S):
                    await self._until_it_listens(process, port)
            except TimeoutError:
                await end(process)
            if process.returncode is not None:
                await log
                raise self._refusal(port)

    async def _ended(self) -> int:
        """Return its exit code when it has ended; its process id may then be another's."""
        code = await self._process.wait() if self._process is not None else 0
        self._watchdog.watch(None)
        return code

    async def _until_it_listens(self, process: Process, port: int) -> None:
        """Return when a connection is accepted or the process has ended."""
        while process.returncode is None:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection(self.host, port)
                writer.close()
                await writer.wait_closed()
                return
            await asyncio.sleep(_POLL_S)

    def _refusal(self, port: int) -> AddressInUseError | BrokerUnavailableError:
        """Return why it would not start, from its last words."""
        words = "; ".join(self._last_words) or "it said nothing"
        if _TAKEN in words:
            return AddressInUseError(SERVICE, f"{self.host}:{port}", OPTION)
        return BrokerUnavailableError(f"Mosquitto does not start at {self.host}:{port}: {words}")

    async def _pass_on(self, lines: asyncio.StreamReader | None) -> None:
        """Pass on what it says: errors and warnings as such, the rest for those who debug."""
        while lines is not None and (raw := await lines.readline()):
            line = raw.decode(errors="replace").rstrip()
            self._last_words.append(line)
            if version := _VERSION.search(line):
                self._version = version[1]
            level = logging.WARNING if line.startswith(("Error", "Warning")) else logging.DEBUG
            _LOGGER.log(level, "%s", line)


def _write(directory: Path, configuration: str) -> str:
    """Write the configuration into a directory that nobody else can look into; return its path."""
    path = directory / "mosquitto.conf"
    path.write_text(configuration, encoding="utf-8")
    return str(path)
