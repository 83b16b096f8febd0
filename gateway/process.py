"""A run of the process: the station from its start to a signal, the ready file, the state directory.

What the station does meanwhile is not known here.
"""

import asyncio
import contextlib
import gc
import json
import logging
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from os import fdopen
from pathlib import Path
from typing import Any

from gateway.clock import iso
from gateway.config.settings import Config
from gateway.errors import ConfigError
from gateway.hub import Endpoint
from gateway.station import Station
from gateway.store import Store

_log = logging.getLogger(__name__)

Announce = Callable[[Sequence[Endpoint], Mapping[str, Any]], None]
"""Told where everything is served, and what the ready file says."""


async def run(config: Config, *, ready_file: Path | None, announce: Announce) -> None:
    """Serve until SIGINT or SIGTERM, then say good-bye and return.

    `announce` is told where everything is served as soon as it is; then `ready_file` is written. Raises
    ConfigError and AddressInUseError with nothing left running.
    """
    if ready_file:
        _prepare(ready_file)
    with (
        _until_signal() as stopped,
        Store(config.state) if config.state else contextlib.nullcontext() as store,
    ):
        try:
            async with Station(config, store) as station:
                if store and (start := station.control.clock_state().tick.time) == store.reached:
                    _log.info("simulated time goes on at %s, where %s left off", iso(start), config.state)
                if ready_file:
                    _write_whole(ready_file, json.dumps(station.control.ready()))
                announce(station.control.endpoints(), station.control.ready())
                _settle()
                await station.run()
        except asyncio.CancelledError:
            if not stopped.is_set():
                raise


def _settle() -> None:
    """Let the collector of garbage leave alone what is there for good: to look at it takes 60 ms and more."""
    gc.freeze()
    gc.enable()


@contextlib.contextmanager
def _until_signal() -> Iterator[asyncio.Event]:
    """Cancel this task at the first SIGINT or SIGTERM and set the event; a second one ends the process."""
    loop, task, stopped = asyncio.get_running_loop(), asyncio.current_task(), asyncio.Event()
    numbers = (signal.SIGINT, signal.SIGTERM)

    def stop() -> None:
        stopped.set()
        for number in numbers:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)
        if task:
            task.cancel()

    for number in numbers:
        loop.add_signal_handler(number, stop)
    try:
        yield stopped
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def _prepare(ready_file: Path) -> None:
    """Take away what an earlier run left. Raises ConfigError where the file could not be written."""
    if not ready_file.parent.is_dir():
        raise ConfigError(f"{ready_file.parent} is no directory; allowed: a file in one", key="--ready-file")
    try:
        ready_file.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(f"{ready_file} cannot be written: {error.strerror}", key="--ready-file") from None


def _write_whole(file: Path, text: str) -> None:
    """Write a file that nobody ever sees half written, and that only its owner can read."""
    handle, draft = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    with fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text + "\n")
    Path(draft).replace(file)
