"""The main path: bind everything, then tick.

A tick steps the fleet, is committed to the store and becomes public in the hub: all of it here and one after
the other, so there is a single writer. What a protocol says and how is not known here, nor what the process
does about signals and files: that is `process`.
"""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self, TypeVar

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
    SetHub,
    SetLink,
    TurnKey,
    refuse,
)
from gateway.config.changes import (
    change_schema,
    changed,
    connection,
    gateway_change_schema,
    gateway_changed,
    link_changed,
)
from gateway.config.link_sections import shown
from gateway.config.settings import Config
from gateway.errors import RequestRefusedError
from gateway.hub import Endpoint, Hub
from gateway.link_faults import links_of
from gateway.store import Store
from sims.fleet import Fleet
from sims.key_switch import KeyOutcome, too_long
from sims.points import NS_PER_S
from sims.profiles import LoadError
from sims.snapshot import Snapshot, Tick

_T = TypeVar("_T")


class Station:
    """The fleet, its clock and its adapters; also what the HTTP API controls."""

    def __init__(self, config: Config, store: Store | None) -> None:
        settings = config.clock
        self._clock = Clock(
            settings.mode,
            start=settings.start,
            reached=store.reached if store else 0,
            tick_s=settings.tick_s,
            speed=settings.speed,
        )
        self._store = store
        self._fleet = Fleet(
            config.meters,
            start=self._clock.state.tick.time,
            seed=config.seed,
            memories=store.load() if store else None,
            hubs=config.modbus is not None and config.modbus.hubs,
        )
        # What is shown beside a snapshot is of the same tick: the fleet itself may be a step ahead.
        self._connected = list(config.meters)
        self._key_outcomes: dict[int, KeyOutcome] = {}
        self._turned = set[int]()  # rows of keys whose outcome may not be the one that is shown
        self._commands = Commands()
        self._links = links_of(config.seed, config.links)
        self._adapters = adapters.build(config, self, self._links)
        self._serving: dict[str, bool] = {adapter.name: False for adapter in self._adapters}
        self._topic_root = topic_root(config.mqtt.prefix, config.gateway_id) if config.mqtt else None
        first = self._fleet.step(self._clock.state.tick)
        self._show_links(first)
        self._hub = Hub(self._adapters, first)

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
                if tick := self._clock.take():
                    await self._step(tick)

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
        reached = None if self._clock.standing else self._clock.mark()
        snapshot, outcome = await _in_thread(lambda: self._change_now(command, reached))
        if not isinstance(outcome, RequestRefusedError):
            self._set_links(command)
        if snapshot:
            row = None if isinstance(command, SetHub) else command.row
            if row is not None:
                self._connected[row] = self._fleet.meter(row)
                self._turned.add(row)
            self._publish(snapshot)
        if isinstance(outcome, RequestRefusedError):
            raise outcome
        return outcome

    def _change_now(
        self, command: Change | TurnKey | HoldKey | ResetPeak | SetLink | SetHub, reached: Tick | None
    ) -> tuple[Snapshot | None, Outcome | RequestRefusedError]:
        """Bring the fleet to the end of `reached` as it was, change it there, and return what is to be shown.

        Without `reached` the clock stands, and a refused command shows nothing.
        """
        before = self._fleet.step(reached) if reached else None
        try:
            outcome = self._change(command)
        except RequestRefusedError as refusal:
            return before and self._kept(before), refusal
        after = self._fleet.step(reached or self._clock.mark())
        return self._kept(replace(after, intervals=before.intervals) if before else after), outcome

    def _change(self, command: Change | TurnKey | HoldKey | ResetPeak | SetLink | SetHub) -> Outcome:
        """Let a command change the fleet, if it is about that. Raises RequestRefusedError."""
        match command:
            case Change(row, changes):
                try:
                    self._fleet.change(row, changed(self._fleet.meter(row), changes))
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
            case SetHub(hub, setting, value):
                try:
                    self._fleet.set_hub(hub, setting, value)
                except ValueError as error:
                    raise RequestRefusedError(str(error)) from None
        return ""

    async def _step(self, tick: Tick) -> None:
        """Run the fleet to the end of `tick`, keep what the meters keep, then show it."""
        self._publish(await _in_thread(lambda: self._kept(self._fleet.step(tick))))

    def _publish(self, snapshot: Snapshot) -> None:
        """Show `snapshot`, at the end of which the fleet stands, and what has come of keys by then."""
        for row in list(self._turned):
            if outcome := self._fleet.key_outcome(row):
                self._key_outcomes[row] = outcome
            if not snapshot.columns["key_switch"][row]:
                self._turned.remove(row)  # nothing more comes of it without another command
        self._show_links(snapshot)
        self._hub.publish(snapshot)

    def _set_links(self, command: Command) -> None:
        """Let the line that a command is about have the faults that it names from the next snapshot on."""
        match command:
            case SetLink(row, faults):
                pass
            case Change(row, changes):
                faults = link_changed(changes)
            case _:
                return
        for protocol, fault in faults.items():
            self._links[protocol].set(row, fault)

    def _show_links(self, snapshot: Snapshot) -> None:
        for links in self._links.values():
            links.show(snapshot)

    def _kept(self, snapshot: Snapshot) -> Snapshot:
        """Return what may be shown now that the store has what the meters keep at it."""
        if self._store:
            self._store.save(self._fleet.memories(), snapshot.tick.time)
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
        await self.apply(Change(row, changes))

    def change_schema(self) -> Mapping[str, Any]:
        """Return the JSON Schema of what `change_meter` takes."""
        return change_schema()

    def connection(self, row: int) -> Mapping[str, Any]:
        """Return how a meter is connected at the tick that is shown, as `change_meter` takes it."""
        return connection(self._connected[row]) | {"link": self.link(row)}

    async def change_gateway(self, changes: Mapping[str, Any]) -> None:
        """Put `changes` over the gateway; return when clients see the new tick on every adapter.

        Raises FaultyRequestError where they cannot be, and then nothing changes.
        """
        await self.apply(SetLink(None, gateway_changed(changes)))

    def gateway_change_schema(self) -> Mapping[str, Any]:
        """Return the JSON Schema of what `change_gateway` takes."""
        return gateway_change_schema()

    def link(self, row: int | None = None) -> Mapping[str, Any]:
        """Return the faults of a meter's line, or of the port, with what is left of them, by protocol."""
        return shown({protocol: links.fault(row) for protocol, links in self._links.items()})

    def key_outcome(self, row: int) -> KeyOutcome | None:
        """Return what has come of the last turn of a key by the tick that is shown, None before the first."""
        return self._key_outcomes.get(row)

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
            modbus_ports=tuple(
                entry["port"] for entry in ready.get("modbus", ()) if "transport" not in entry
            ),
            gateway_device=ready.get("bacnet", {}).get("gateway_device"),
            topic_root=self._topic_root,
        )


async def _in_thread(work: Callable[[], _T]) -> _T:
    """Return what `work` returns, done beside the event loop: until then clients read the last snapshot."""
    done = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(done)
    except asyncio.CancelledError:
        await asyncio.wait({done})  # the store must not be closed under it
        raise
