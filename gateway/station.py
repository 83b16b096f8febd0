"""The main path: bind everything, then tick.

A tick steps the fleet, is committed to the store and becomes public in the hub: all of it here and one after
the other, so there is a single writer. What a protocol says and how is not known here.
"""

import asyncio
import contextlib
import json
import os
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self

from gateway import adapters
from gateway.addressing import Addresses, topic_root
from gateway.clock import Clock, ClockState
from gateway.commands import (
    Advance,
    Change,
    Command,
    Commands,
    HoldKey,
    Outcome,
    ResetPeak,
    TurnKey,
    refuse,
)
from gateway.config.changes import change_schema, changed, connection
from gateway.config.settings import Config
from gateway.errors import ConfigError, RequestRefusedError
from gateway.hub import Endpoint, Hub
from gateway.store import Store
from sims.fleet import Fleet
from sims.key_switch import too_long
from sims.points import NS_PER_S
from sims.profiles import LoadError
from sims.snapshot import Snapshot, Tick

Announce = Callable[[Sequence[Endpoint], Mapping[str, Any]], None]
"""Told where everything is served, and what the ready file says."""


class Station:
    """The fleet, its clock and its adapters; also what the HTTP API controls."""

    def __init__(self, config: Config, store: Store | None) -> None:
        settings = config.clock
        self._clock = Clock(settings.mode, start=settings.start, tick_s=settings.tick_s, speed=settings.speed)
        self._store = store
        self._fleet = Fleet(
            config.meters,
            start=self._clock.state.tick.time,
            seed=config.seed,
            memories=store.load() if store else None,
        )
        self._connected = list(config.meters)
        self._commands = Commands()
        self._adapters = adapters.build(config, self)
        self._serving: dict[str, bool] = {adapter.name: False for adapter in self._adapters}
        self._topic_root = topic_root(config.mqtt.prefix, config.gateway_id) if config.mqtt else None
        self._hub = Hub(self._adapters, self._fleet.step(self._clock.state.tick))

    async def __aenter__(self) -> Self:
        """Let every adapter serve, or none."""
        try:
            for adapter in self._adapters:
                await adapter.start()
                self._serving[adapter.name] = True
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop()

    async def _stop(self) -> None:
        """Refuse what still waits and stop all adapters at once."""
        self._commands.close()
        for adapter in self._adapters:
            self._serving[adapter.name] = False
        stopping = (adapter.stop() for adapter in self._adapters)
        for outcome in await asyncio.gather(*stopping, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    async def run(self) -> None:
        """Tick and apply commands for ever; raises whatever goes wrong in either."""
        async with asyncio.TaskGroup() as group:
            turn = asyncio.Lock()
            group.create_task(self._tick_for_ever(turn), name="ticks")
            group.create_task(self._apply_for_ever(turn), name="commands")

    async def _tick_for_ever(self, turn: asyncio.Lock) -> None:
        while True:
            await self._clock.due()
            async with turn:
                await self._step(self._clock.take())

    async def _apply_for_ever(self, turn: asyncio.Lock) -> None:
        while True:
            command, done = await self._commands.next()
            try:
                async with turn:
                    outcome = await self._apply(command)
                await self._hub.shown()  # ticks go on meanwhile: a slow broker must not stop the clock
            except RequestRefusedError as refusal:
                refuse(done, refusal)
            except BaseException:
                refuse(done)
                raise
            else:
                if not done.done():
                    done.set_result(outcome)

    async def _apply(self, command: Command) -> Outcome:
        """Apply one command and publish what has changed; return what it has to say."""
        if isinstance(command, Advance):
            for tick in self._clock.advance(command.seconds):
                await self._step(tick)
            return ""
        outcome = self._change(command)
        await self._step(self._clock.mark())
        self._connected[command.row] = self._fleet.meter(command.row)
        return outcome

    def _change(self, command: Change | TurnKey | HoldKey | ResetPeak) -> Outcome:
        """Let a command change the fleet. Raises RequestRefusedError."""
        match command:
            case Change(row, to):
                try:
                    self._fleet.change(row, to(self._fleet.meter(row)))
                except LoadError as error:
                    raise RequestRefusedError(str(error)) from None
            case TurnKey(row, position):
                return self._fleet.turn_key(row, right=position == "right")
            case HoldKey(row, seconds):
                held = round(seconds * NS_PER_S)
                return self._fleet.hold_key(row, held) or too_long(held)
            case ResetPeak(row):
                if refusal := self._fleet.reset_peak(row):
                    raise RequestRefusedError(refusal)
        return ""

    async def _step(self, tick: Tick) -> None:
        """Run the fleet to the end of `tick`, keep what the meters keep, then show it."""
        # In a thread, so that a long step keeps no client waiting: until it ends they read the last snapshot.
        step = asyncio.ensure_future(asyncio.to_thread(self._kept_step, tick))
        try:
            self._hub.publish(await asyncio.shield(step))
        except asyncio.CancelledError:
            await asyncio.wait({step})  # the store must not be closed under it
            raise

    def _kept_step(self, tick: Tick) -> Snapshot:
        snapshot = self._fleet.step(tick)
        if self._store:
            self._store.save(self._fleet.memories())
        return snapshot

    async def apply(self, command: Command) -> Outcome:
        """Apply a command between ticks; return when clients can see what came of it on every adapter.

        Raises RequestRefusedError with the reason.
        """
        return await self._commands.apply(command)

    async def advance(self, seconds: float) -> Snapshot:
        """Move a manual clock on; return when clients can see the new tick on every adapter.

        Raises RequestRefusedError for a real clock.
        """
        await self.apply(Advance(seconds))
        return self._hub.snapshot

    async def change_meter(self, row: int, changes: Mapping[str, Any]) -> None:
        """Put `changes` over how a meter is connected; return when clients see the new tick on every adapter.

        Raises FaultyRequestError where they cannot be, and then nothing changes.
        """
        await self.apply(Change(row, partial(changed, changes=changes)))

    def change_schema(self) -> Mapping[str, Any]:
        """Return the JSON Schema of what `change_meter` takes."""
        return change_schema()

    def connection(self, row: int) -> Mapping[str, Any]:
        """Return how a meter is connected at the tick that is shown, as `change_meter` takes it."""
        return connection(self._connected[row])

    def clock_state(self) -> ClockState:
        """Return what the clock is doing."""
        return self._clock.state

    def set_clock(self, *, speed: float | None, paused: bool | None) -> None:
        """Change a real clock. Raises RequestRefusedError for a manual one."""
        self._clock.set(speed=speed, paused=paused)

    def parts(self) -> Mapping[str, bool]:
        """Return by name which adapters serve."""
        return {
            adapter.name: self._serving[adapter.name] and not adapter.away() for adapter in self._adapters
        }

    def endpoints(self) -> Sequence[Endpoint]:
        """Return where everything is served."""
        return [endpoint for adapter in self._adapters for endpoint in adapter.endpoints()]

    def ready(self) -> dict[str, Any]:
        """Return what the ready file says."""
        found: dict[str, Any] = {"pid": os.getpid()}
        for adapter in self._adapters:
            found |= adapter.ready()
        return found

    def addresses(self) -> Addresses:
        """Return where the meters are on each protocol."""
        ready = self.ready()
        return Addresses(
            modbus_ports=tuple(entry["port"] for entry in ready.get("modbus", ())),
            gateway_device=ready.get("bacnet", {}).get("gateway_device"),
            topic_root=self._topic_root,
        )


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
                if ready_file:
                    _write_whole(ready_file, json.dumps(station.ready()))
                announce(station.endpoints(), station.ready())
                await station.run()
        except asyncio.CancelledError:
            if not stopped.is_set():
                raise


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
    yield stopped


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
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text + "\n")
    Path(draft).replace(file)
