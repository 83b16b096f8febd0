"""When a snapshot goes out: at the publish interval, spread over it, or at once where somebody waits for it.

The publisher keeps the latest snapshot alone, so nothing piles up while no broker listens. How a message
looks is in `messages`, how it travels in `client`; neither sockets nor JSON belong here.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Final, Protocol

from gateway.mqtt.messages import GROUP, ONLINE, Message, StateEncoder, Topics, statuses, tick_message
from sims.models import Nameplate
from sims.snapshot import Snapshot

SPREAD: Final = 0.8
"""The part of the publish interval over which a round is spread."""

SLICE: Final = 10
"""States that go out in one go where there is no hurry: half a millisecond in which nobody else is served."""


class Sender(Protocol):
    """What messages are given to."""

    async def send(self, messages: Sequence[Message]) -> None:
        """Return when the last of `messages` is written (QoS 0) or acknowledged (QoS 1)."""


class Publisher:
    """Publishes the states of `meters` each `publish_s` [s] and keeps track of what is out.

    A round is the state of every meter and then the tick, at QoS 1: a broker that has acknowledged the tick
    has all the states. `given` and `out` count the snapshots, so that one may wait for the latest.
    """

    def __init__(self, topics: Topics, meters: Sequence[Nameplate], publish_s: float) -> None:
        self._topics = topics
        self._publish_s = publish_s
        self._encoder = StateEncoder(topics, meters)
        self._statuses = statuses(topics, meters, ONLINE)
        self._gap_s = SPREAD * publish_s / max(1, len(meters))
        self._snapshot: Snapshot | None = None
        self._given = 0
        self._out = 0
        self._fresh = asyncio.Event()
        self._hurry = asyncio.Event()
        self._changed = asyncio.Event()

    def show(self, snapshot: Snapshot) -> None:
        """Publish `snapshot` when its time comes, instead of any that is still waiting."""
        self._snapshot = snapshot
        self._given += 1
        self._fresh.set()

    def wake(self) -> None:
        """Let those who wait look again whether they still should."""
        self._changed.set()
        self._changed.clear()

    async def latest_out(self, *, unless: Callable[[], bool]) -> None:
        """Return when the snapshot shown last is out, or as soon as `unless` holds; the round hurries."""
        awaited = self._given
        while self._out < awaited and not unless():
            self._hurry.set()
            await self._changed.wait()

    async def serve(self, sender: Sender) -> None:
        """Publish for as long as the connection lasts: statuses, all states at once, then at the interval."""
        await sender.send(self._statuses)
        loop = asyncio.get_running_loop()
        due = loop.time()
        if self._snapshot is not None:
            self._fresh.set()
            self._hurry.set()
        while True:
            await self._fresh.wait()
            await self._until(due)
            due = max(due + self._publish_s, loop.time())
            if self._snapshot is not None:
                await self._round(sender, self._snapshot)

    async def _round(self, sender: Sender, snapshot: Snapshot) -> None:
        """Publish the latest snapshot whole."""
        number = self._given
        self._fresh.clear()
        turn = asyncio.get_running_loop().time()
        states = self._encoder.encode(snapshot)
        while group := list(islice(states, GROUP if self._hurry.is_set() else SLICE)):
            await self._until(turn)
            await sender.send(group)
            turn += self._gap_s * len(group)
        await sender.send([tick_message(self._topics, snapshot.tick)])
        self._out = number
        if number == self._given:
            self._hurry.clear()
        self.wake()

    async def _until(self, time: float) -> None:
        """Return at `time` on the loop's clock, or as soon as there is a hurry."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(time):
                await self._hurry.wait()
