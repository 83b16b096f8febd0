"""The main path: bind everything, then tick, and carry out between ticks what is asked.

A tick is made and committed by the writer, in a thread, and becomes public in the hub: one after the other,
so there is a single writer. What a protocol says and how is not known here, nor what the process does about
signals and files: that is `process`.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Final, Self, TypeVar

from gateway.clock import Clock
from gateway.commands import Broadcast, Command, OneTick, Outcome, Requests, SetClock
from gateway.conditions import Conditions
from gateway.config.settings import Config
from gateway.control import Control
from gateway.database import Database
from gateway.journal import Journal
from gateway.link_faults import links_of
from gateway.store import Store
from gateway.writer import Made, Writer
from sims.snapshot import Tick

_T = TypeVar("_T")


class Station:
    """The fleet, its clock and its adapters; `control` is what these may ask of it."""

    def __init__(self, config: Config, store: Store | None) -> None:
        settings = config.clock
        self._clock = Clock(
            settings.mode,
            start=settings.start,
            reached=store.reached if store else 0,
            tick_s=settings.tick_s,
            speed=settings.speed,
        )
        first = self._clock.state.tick
        database = store.database if store else Database()
        self._closing = contextlib.nullcontext() if store else contextlib.closing(database)
        serials = [nameplate.serial for nameplate in config.nameplates]
        kept = config.journal
        journal = Journal(database, serials, kinds=kept.kinds, most=kept.most)
        self._writer = Writer(config, database, store, journal, first.time)
        self._conditions = Conditions(config.meters, links_of(config.seed, config.links))
        self._requests = Requests()
        self.control: Final = Control(config, self._requests, self._clock, self._conditions, journal)
        self._hub = self.control.hub
        self._alone = asyncio.Lock()  # whoever makes a tick, from asking for it to showing it
        self._publish(self._writer.step(first))

    async def __aenter__(self) -> Self:
        """Let every adapter serve, or none."""
        try:
            for adapter in self._hub.adapters:
                await adapter.start()
                self.control.serving.add(adapter.name)
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop()

    async def _stop(self) -> None:
        """Refuse what still waits and stop all adapters at once."""
        self._requests.close()
        self.control.serving.clear()
        with self._closing:
            stopping = (adapter.stop() for adapter in self._hub.adapters)
            for outcome in await asyncio.gather(*stopping, return_exceptions=True):
                if isinstance(outcome, BaseException):
                    raise outcome

    async def run(self) -> None:
        """Tick and carry out requests for ever; raises whatever goes wrong in any of it."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._tick_for_ever(), name="ticks")
            group.create_task(self._apply_for_ever(), name="commands")
            group.create_task(self._advance_for_ever(), name="advances")

    async def _tick_for_ever(self) -> None:
        while True:
            await self._clock.due()
            async with self._alone:
                if tick := self._clock.take():
                    await self._step(tick)

    async def _apply_for_ever(self) -> None:
        while True:
            asked = await self._requests.changes.get()
            with asked.refused_if_raised():
                async with self._alone:
                    outcome = await self._apply(asked.request)
                asked.tell(outcome)

    async def _advance_for_ever(self) -> None:
        while True:
            asked = await self._requests.advances.get()
            with asked.refused_if_raised():
                for end in self._clock.advance(asked.request.seconds):
                    async with self._alone:  # others have their turn between two ticks
                        await self._step(self._clock.go_to(end))
                asked.tell(("",))

    async def _apply(self, request: OneTick) -> Outcome:
        """Do what is asked for at the present instant, and show it. Raises RequestRefusedError."""
        match request:
            case SetClock(speed, paused):
                await self._step(self._clock.set(speed=speed, paused=paused))
                return ("",)
            case Broadcast(commands):
                made = await self._change(commands, broadcast=True)
            case _:
                made = await self._change(request, broadcast=False)
                if made.refusal:
                    raise made.refusal
        return made.outcome

    async def _change(self, commands: Sequence[Command], *, broadcast: bool) -> Made:
        tick = self._clock.mark()
        made = await _in_thread(lambda: self._writer.change(commands, tick, broadcast=broadcast))
        self._publish(made)
        return made

    async def _step(self, tick: Tick) -> None:
        """Run the fleet to the end of `tick`, and show it."""
        self._publish(await _in_thread(lambda: self._writer.step(tick)))

    def _publish(self, made: Made) -> None:
        """Show what was made, if that is a tick."""
        if made.snapshot:
            self._clock.adopt(made.snapshot.tick)
            self._conditions.adopt(made)
            self._hub.publish(made.snapshot)


async def _in_thread(work: Callable[[], _T]) -> _T:
    """Return what `work` returns, done beside the event loop: until then clients read the last snapshot."""
    done = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(done)
    except asyncio.CancelledError:
        await asyncio.wait({done})  # the store must not be closed under it
        raise
