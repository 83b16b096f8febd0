"""The main path: bind everything, then tick.

A tick steps the fleet, is committed to the store and becomes public in the hub: all of it here and one after
the other, so there is a single writer. What a protocol says and how is not known here.
"""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from gateway import adapters
from gateway.addressing import Addresses
from gateway.clock import Clock, ClockState
from gateway.config.settings import Config
from gateway.hub import Endpoint, Hub
from gateway.store import Store
from sims.fleet import Fleet
from sims.snapshot import Snapshot, Tick


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
        self._adapters = adapters.build(config, self)
        self._serving: dict[str, bool] = {adapter.name: False for adapter in self._adapters}
        self._hub = Hub(self._adapters, self._fleet.step(self._clock.state.tick))
        self._turn = asyncio.Lock()
        self._topic_root = f"{config.mqtt.prefix}/{config.gateway_id}" if config.mqtt else None

    async def __aenter__(self) -> Self:
        """Let every adapter serve, or none: the first that cannot stops those before it."""
        async with contextlib.AsyncExitStack() as stack:
            for adapter in self._adapters:
                stack.push_async_callback(adapter.stop)
                await adapter.start()
                self._serving[adapter.name] = True
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def tick_for_ever(self) -> None:
        """Step whenever the clock says so."""
        while True:
            await self._step(await self._clock.next_tick())

    async def advance(self, seconds: float) -> Snapshot:
        """Move a manual clock on; return when clients can see the new tick on every adapter.

        Raises RequestRefusedError for a real clock.
        """
        async with self._turn:
            for tick in self._clock.advance(seconds):
                await self._step(tick)
            await self._hub.shown()
            return self._hub.snapshot

    async def _step(self, tick: Tick) -> None:
        """Run the fleet to the end of `tick`, keep what the meters keep, then show it."""
        # In a thread, so that a long step keeps no client waiting: until it ends they read the last snapshot.
        snapshot = await asyncio.to_thread(self._fleet.step, tick)
        if self._store:
            self._store.save(self._fleet.memories())
        self._hub.publish(snapshot)

    def clock_state(self) -> ClockState:
        """Return what the clock is doing."""
        return self._clock.state

    def set_clock(self, *, speed: float | None, paused: bool | None) -> None:
        """Change a real clock. Raises RequestRefusedError for a manual one."""
        self._clock.set(speed=speed, paused=paused)

    def parts(self) -> Mapping[str, bool]:
        """Return by name which adapters serve."""
        return self._serving

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


async def run(
    config: Config, *, ready_file: Path | None, announce: Callable[[Sequence[Endpoint]], None]
) -> None:
    """Serve until SIGINT or SIGTERM, then say good-bye and return.

    `announce` is told where everything is served as soon as it is; then `ready_file` is written. Raises
    ConfigError and AddressInUseError with nothing left running.
    """
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    with Store(config.state) if config.state else contextlib.nullcontext() as store:
        async with Station(config, store) as station:
            announce(station.endpoints())
            if ready_file:
                _write_whole(ready_file, json.dumps(station.ready()))
            await _until(stopped, station.tick_for_ever())


async def _until(stopped: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Let `work` go on until `stopped` is set, or until it fails: then raise what it raised."""
    working = asyncio.create_task(work, name="ticks")
    stopping = asyncio.create_task(stopped.wait(), name="signals")
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    working.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await working


def _write_whole(file: Path, text: str) -> None:
    """Write a file that nobody ever sees half written, and that only its owner can read."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(text + "\n", encoding="utf-8")
    draft.replace(file)
