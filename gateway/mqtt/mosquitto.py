"""Mosquitto as a child process: configured by us alone, supervised, and never left behind.

A watchdog, a shell that waits at a pipe which only we hold open, kills it if we are killed ourselves.
PR_SET_PDEATHSIG would not do: the kernel forgets it when Mosquitto, started by root, drops its rights.
Neither child is in our session, so a Ctrl-C reaches us alone and the meters can still be reported offline.
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
from gateway.mqtt.broker import OPTION, SERVICE, free_port

_CONFIGURATION: Final = """\
listener {port} {host}
allow_anonymous true
persistence false
connection_messages false
log_dest stderr
log_timestamp false
set_tcp_nodelay true
"""
_WATCHDOG: Final = 'while read -r pid; do broker=$pid; done; [ -z "$broker" ] || kill -KILL "$broker"'
_VERSION: Final = re.compile(r"mosquitto version (\S+) starting")
_TAKEN: Final = "Address already in use"
_READY_S: Final = 5.0
_POLL_S: Final = 0.01
_TERMINATE_S: Final = 0.4
_FREE_PORT_TRIES: Final = 5
_FIRST_WAIT_S: Final = 0.1
_LONGEST_WAIT_S: Final = 10.0

_LOGGER: Final = logging.getLogger(__name__)


class Mosquitto:
    """Mosquitto on a loopback address; started again when it dies. Implements EmbeddedBroker."""

    def __init__(self, program: str, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self._program = program
        self._version = ""
        self._process: Process | None = None
        self._watchdog = _Watchdog()
        self._last_words: deque[str] = deque(maxlen=5)
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def words(self) -> str:
        """`Mosquitto 2.0.11` and how it runs."""
        return f"Mosquitto {self._version}".rstrip() + " as a child process, loopback only"

    async def start(self) -> None:
        """Return when it accepts connections. Raises AddressInUseError or BrokerUnavailableError."""
        await self._watchdog.start()
        wanted = self.port
        for tries_left in reversed(range(_FREE_PORT_TRIES if wanted == 0 else 1)):
            self.port = free_port(self.host, wanted)
            try:
                await self._launch()
                break
            except AddressInUseError:
                if not tries_left:
                    raise
        self._tasks.append(asyncio.create_task(self._supervise(), name="mosquitto"))

    async def stop(self) -> None:
        """Terminate it, or kill it if it does not end: a stopped process does not."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._process is not None:
            await _end(self._process)
            self._process = None
        await self._watchdog.stop()

    async def _launch(self) -> None:
        """Start one process and wait until it listens. Its configuration is needed no longer than that."""
        with tempfile.TemporaryDirectory(prefix="metergate-mqtt-") as directory:
            configuration = _write(Path(directory), _CONFIGURATION.format(host=self.host, port=self.port))
            self._process = await asyncio.create_subprocess_exec(
                self._program, "-c", configuration,
                stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE, start_new_session=True,
            )  # fmt: skip
            self._watchdog.watch(self._process.pid)
            log = asyncio.create_task(self._log(self._process.stderr))
            self._tasks = [task for task in self._tasks if not task.done()] + [log]
            try:
                async with asyncio.timeout(_READY_S):
                    await self._until_it_listens(self._process)
            except TimeoutError:
                await _end(self._process)
            if self._process.returncode is not None:
                await log
                raise self._refusal()

    async def _until_it_listens(self, process: Process) -> None:
        """Return when a connection is accepted or the process has ended."""
        while process.returncode is None:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection(self.host, self.port)
                writer.close()
                await writer.wait_closed()
                return
            await asyncio.sleep(_POLL_S)

    def _refusal(self) -> AddressInUseError | BrokerUnavailableError:
        """Return why it would not start, from its last words."""
        words = "; ".join(self._last_words) or "it said nothing"
        if _TAKEN in words:
            return AddressInUseError(SERVICE, f"{self.host}:{self.port}", OPTION)
        return BrokerUnavailableError(f"Mosquitto does not start at {self.host}:{self.port}: {words}")

    async def _supervise(self) -> None:
        """Start it again whenever it ends, sooner at first and later if it keeps ending."""
        loop = asyncio.get_running_loop()
        wait_s = _FIRST_WAIT_S
        while self._process is not None:
            began = loop.time()
            code = await self._process.wait()
            self._watchdog.watch(None)
            _LOGGER.warning("Mosquitto has ended with %d; starting it again", code)
            wait_s = (
                _FIRST_WAIT_S if loop.time() - began > _LONGEST_WAIT_S else min(2 * wait_s, _LONGEST_WAIT_S)
            )
            await asyncio.sleep(wait_s)
            try:
                await self._launch()
            except (AddressInUseError, BrokerUnavailableError) as error:
                _LOGGER.warning("%s", error)

    async def _log(self, lines: asyncio.StreamReader | None) -> None:
        """Pass on what it says: errors and warnings as such, the rest for those who debug."""
        while lines is not None and (raw := await lines.readline()):
            line = raw.decode(errors="replace").rstrip()
            self._last_words.append(line)
            if version := _VERSION.search(line):
                self._version = version[1]
            level = logging.WARNING if line.startswith(("Error", "Warning")) else logging.DEBUG
            _LOGGER.log(level, "%s", line)


class _Watchdog:
    """A shell that kills the watched process when the pipe to us breaks, that is when we are dead."""

    def __init__(self) -> None:
        self._shell: Process | None = None

    async def start(self) -> None:
        self._shell = await asyncio.create_subprocess_exec(
            "/bin/sh", "-c", _WATCHDOG, stdin=PIPE, stdout=DEVNULL, stderr=DEVNULL, start_new_session=True
        )

    def watch(self, pid: int | None) -> None:
        """Watch over this process from now on; None: over nobody."""
        if self._shell is not None and self._shell.stdin is not None:
            self._shell.stdin.write(f"{pid or ''}\n".encode())

    async def stop(self) -> None:
        """Let the shell end, harming nobody."""
        shell, self._shell = self._shell, None
        if shell is not None:
            await shell.communicate(b"\n")


def _write(directory: Path, configuration: str) -> str:
    """Write the configuration into a directory that nobody else can look into; return its path."""
    path = directory / "mosquitto.conf"
    path.write_text(configuration, encoding="utf-8")
    return str(path)


async def _end(process: Process) -> None:
    """Terminate a process and kill it if it is still there a moment later."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_TERMINATE_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
