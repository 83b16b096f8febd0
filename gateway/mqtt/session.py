"""One convention on one connection: what it says goes out, what others ask goes to the station.

How a connection is kept is in `link`, when something goes out in `publisher`; no topics and no payloads here.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any

from gateway.broker import Access
from gateway.commands import Applier, Outcome
from gateway.errors import RequestRefusedError
from gateway.link_faults import Links
from gateway.mqtt import faults
from gateway.mqtt.connection import Connection, ConnectionLostError
from gateway.mqtt.convention import SILENCE, Asked, Convention, Reborn, Said
from gateway.mqtt.late import Late
from gateway.mqtt.link import Link
from gateway.mqtt.messages import Incoming, Message
from gateway.mqtt.publisher import Publisher
from gateway.mqtt.teller import Teller
from gateway.tasks import give_up
from sims.snapshot import Snapshot


class Session:
    """Says and hears what `convention` is about, from `start` on; `teller` tells beside it what waits."""

    def __init__(
        self,
        convention: Convention,
        *,
        identifier: str,
        meters: int,
        publish_s: float,
        control: Applier,
        links: Links,
        longest_wait_s: float,
        teller: Teller | None = None,
    ) -> None:
        self._convention = convention
        self._control = control
        self._teller = teller
        self._running: asyncio.Task[None] | None = None
        self._faults = faults.Faults(links, convention)
        self._late = Late()
        self._publisher = Publisher(convention, meters, publish_s, self._faults, self._late)
        self._link = Link(
            identifier=identifier,
            will=convention.will,
            farewell=convention.farewell,
            serve=self._serve,
            changed=self._wake,
            longest_wait_s=longest_wait_s,
        )

    @property
    def topics(self) -> str:
        """A filter of what is said, for people."""
        return self._convention.topics

    def start(self, access: Access) -> None:
        """Begin to connect."""
        name = f"mqtt {self._convention.name}".rstrip()
        self._running = asyncio.create_task(self._link.run(access), name=name)
        self._running.add_done_callback(lambda _: self._wake())

    def show(self, snapshot: Snapshot) -> None:
        """Say what there is to say of `snapshot` when its time comes."""
        self._publisher.show(snapshot)
        if self._teller:
            self._teller.show()

    async def states_out(self, *, unless: Callable[[], bool]) -> None:
        """Return when the states of the latest snapshot are out, or as soon as `unless` holds."""
        await self._publisher.latest_out(unless=unless)

    async def shown(self, *, unless: Callable[[], bool]) -> None:
        """Return when the broker has the latest snapshot and what waits now, or as soon as `unless` holds."""
        await self.states_out(unless=unless)
        if self._teller:
            await self._teller.all_told(unless=unless)

    def away(self) -> bool:
        """Return whether there is no connection at the moment."""
        return self.ended() or not self._link.connected

    def failed(self) -> bool:
        """Return whether the first attempt to connect has failed, and none since has succeeded."""
        return self.ended() or (self._link.tried and not self._link.connected)

    def ended(self) -> bool:
        """Return whether it does not run."""
        return self._running is None or self._running.done()

    def raise_if_ended(self) -> None:
        """Raise what has ended it though nobody has stopped it, which only a bug can."""
        if self._running is not None and self._running.done():
            self._running.result()

    async def stop(self, within_s: float) -> None:
        """Say good-bye and disconnect, or break off after `within_s` [s]; safe to call more than once."""
        running, self._running = self._running, None
        self._wake()
        if running is not None:
            running.cancel()
            await asyncio.wait({running}, timeout=within_s)

    def _wake(self) -> None:
        """Let those who wait look again whether they still should."""
        self._publisher.wake()
        if self._teller:
            self._teller.wake()

    async def _serve(self, connection: Connection) -> None:
        """Do everything at once that is done on a connection; raise what ends any of it."""
        await connection.listen(self._convention.subscriptions)
        tasks = [asyncio.create_task(each) for each in self._work(connection)]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            await give_up(tasks)

    def _work(self, connection: Connection) -> Iterator[Coroutine[Any, Any, None]]:
        yield self._publisher.serve(connection)
        yield self._late.serve(connection)
        yield self._hear(connection)
        if self._teller:
            yield self._teller.tell(connection)

    async def _hear(self, connection: Connection) -> None:
        """Do what others ask, one after the other. Raises ConnectionLostError when the connection is lost."""
        async for incoming in connection.heard():
            await self._obey(connection, incoming)
        raise ConnectionLostError("the broker has ended the connection")

    async def _obey(self, connection: Connection, incoming: Incoming) -> None:
        match self._convention.heard(incoming):
            case Asked() as asked:
                await connection.send(await self._answer(asked))
            case Said(messages):
                await connection.send(messages)
            case Reborn(within_s):
                self._publisher.be_born_again(within_s)

    async def _answer(self, asked: Asked) -> Sequence[Message]:
        """Have done what is asked, unless its line is at fault; return what is answered now."""
        row, strike = self._faults.asked(asked.request)
        if faults.lost(strike):
            return SILENCE
        outcome: Outcome | RequestRefusedError | None = faults.refused(strike)
        if outcome is None:
            try:
                outcome = await self._control.apply(asked.request)
            except RequestRefusedError as refusal:
                outcome = refusal
        answer = faults.sent(strike, asked.answer(outcome))
        return self._late.pass_on(faults.Utterance(row, answer, strike.delay))
