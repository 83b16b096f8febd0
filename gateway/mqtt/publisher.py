"""When a snapshot goes out: at the publish interval, spread over it, or at once where somebody waits for it.

The publisher keeps the latest snapshot alone, so nothing piles up while no broker listens. What is said is a
convention's business, how it travels is the connection's; neither sockets nor JSON belong here.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from random import uniform
from typing import Final

from gateway.mqtt.convention import Convention
from gateway.mqtt.faults import Faults
from gateway.mqtt.late import Late
from gateway.mqtt.messages import Message
from gateway.mqtt.sender import Sender
from sims.snapshot import Snapshot

SPREAD: Final = 0.8
"""The part of the publish interval over which a round is spread."""

SLICE: Final = 10
"""Meters whose states go out in one go: some 0.3 ms, during which nobody else is served."""

GROUP: Final = 50
"""The same where there is a hurry."""


class Publisher:
    """Says by `convention` what `meters` meters show, each `publish_s` [s], and keeps track of what is out.

    A round is what each meter has to say, and then the closing. `given` and `out` count the snapshots, so
    that one may wait for the latest. `faults` are those of its lines; what they delay is left to `late`.
    """

    def __init__(
        self, convention: Convention, meters: int, publish_s: float, faults: Faults, late: Late
    ) -> None:
        self._convention = convention
        self._faults = faults
        self._late = late
        self._publish_s = publish_s
        self._gap_s = SPREAD * publish_s / max(1, meters)
        self._snapshot: Snapshot | None = None
        self._given = 0
        self._out = 0
        self._unborn = True
        self._rebirth: asyncio.TimerHandle | None = None
        self._fresh = asyncio.Event()
        self._hurried = False
        self._turn = asyncio.Event()
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

    def be_born_again(self, within_s: float) -> None:
        """Say all births again, at a time drawn from the next `within_s` [s]; no round goes on beyond it.

        Whoever else asks before that time has asked for the same.
        """
        if self._rebirth is None:
            wait = uniform(0.0, within_s)  # noqa: S311  no secret
            self._rebirth = asyncio.get_running_loop().call_later(wait, self._come_early)

    def _come_early(self) -> None:
        """Let a round with births begin at once; who has asked for births later has asked for these."""
        if self._rebirth is not None:
            self._rebirth.cancel()
            self._rebirth = None
        self._unborn = True
        if self._snapshot is not None:
            self._fresh.set()
            self._hurry()

    async def latest_out(self, *, unless: Callable[[], bool]) -> None:
        """Return when the snapshot shown last is out, or as soon as `unless` holds; the round hurries."""
        awaited = self._given
        while self._out < awaited and not unless():
            self._hurry()
            await self._changed.wait()

    def _hurry(self) -> None:
        """Let the round go on without waiting for its turns."""
        self._hurried = True
        self._turn.set()

    async def serve(self, sender: Sender) -> None:
        """Publish for as long as the connection lasts: births, all states at once, then at the interval."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        self._faults.forget()
        self._late.forget()
        self._come_early()
        while True:
            await self._fresh.wait()
            await self._until(due)
            now = loop.time()
            due = max(min(due, now) + self._publish_s, now)
            if self._snapshot is not None:
                await self._round(sender, self._snapshot)

    async def _round(self, sender: Sender, snapshot: Snapshot) -> None:
        """Publish the latest snapshot whole, unless births fall due: then another round says everything.

        What is drawn from the convention is sent before anything else can be: it may be numbered.
        """
        number = self._given
        self._fresh.clear()
        turn = asyncio.get_running_loop().time()
        view = self._faults.shown(snapshot)
        if self._unborn:
            self._unborn = False
            await _send_all(sender, self._faults.births(view))
        states = self._states(view)
        while not self._unborn:
            part = list(islice(states, GROUP if self._hurried else SLICE))
            if group := [message for messages in part for message in messages]:
                await sender.send(group)
            if not part:
                await self._close(sender, snapshot, number)
                return
            turn += self._gap_s * len(part)
            await self._until(turn)

    async def _close(self, sender: Sender, snapshot: Snapshot, number: int) -> None:
        """Say that the snapshot is out, and tell those who wait for it."""
        if closing := self._convention.closing(snapshot):
            await sender.send(closing)
        self._out = number
        if number == self._given and not self._unborn:
            self._hurried = False
            self._turn.clear()
        self.wake()

    def _states(self, view: Snapshot) -> Iterator[Sequence[Message]]:
        """Return what each meter in turn says now."""
        if self._faults or self._late:
            return map(self._late.pass_on, self._faults.states(view))
        return self._convention.states(view)

    async def _until(self, time: float) -> None:
        """Return at `time` on the loop's clock, or as soon as there is a hurry."""
        loop = asyncio.get_running_loop()
        if time <= loop.time() or self._hurried:
            await asyncio.sleep(0)
            return
        timer = loop.call_at(time, self._turn.set)
        try:
            await self._turn.wait()
        finally:
            timer.cancel()
            self._turn.clear()


async def _send_all(sender: Sender, messages: Iterator[Message]) -> None:
    """Send messages in groups, so that others have their turn between them."""
    while group := list(islice(messages, GROUP)):
        await sender.send(group)
        await asyncio.sleep(0)
