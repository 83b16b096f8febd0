"""When a round goes out, and what it does when births fall due."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence

import pytest

from gateway.link_faults import Links
from gateway.mqtt.convention import Heard
from gateway.mqtt.faults import Faults
from gateway.mqtt.late import Late
from gateway.mqtt.messages import Incoming, Message
from gateway.mqtt.publisher import Publisher
from sims.snapshot import Snapshot
from tests.support.mqtt import plain_snapshot
from tests.support.snapshots import nameplates

METERS = nameplates(20)


class Counting:
    """A convention whose messages are numbered as they are handed out."""

    name = topics = ""
    subscriptions: Sequence[str] = ()

    def __init__(self) -> None:
        self.number = 0

    def numbered(self, topic: str) -> Message:
        self.number += 1
        return Message(topic, str(self.number).encode())

    def will(self) -> Message:
        return Message("will", b"")

    def births(self, snapshot: Snapshot) -> Iterator[Message]:
        yield self.numbered(f"birth {snapshot.tick.number}")

    def states(self, snapshot: Snapshot) -> Iterator[Sequence[Message]]:
        for _ in METERS:
            yield [self.numbered(f"state {snapshot.tick.number}")]

    def closing(self, snapshot: Snapshot) -> Sequence[Message]:
        return [self.numbered(f"closing {snapshot.tick.number}")]

    def farewell(self) -> Sequence[Message]:
        return ()

    def lost(self, row: int) -> Sequence[Message]:
        return [self.numbered(f"lost {row}")]

    def found(self, row: int, snapshot: Snapshot) -> Sequence[Message]:  # noqa: ARG002  Convention's
        return [self.numbered(f"found {row}")]

    def heard(self, incoming: Incoming) -> Heard:  # noqa: ARG002  Convention's
        return None


class Noting:
    """A sender that notes what it is given."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.more = asyncio.Event()

    async def send(self, messages: Sequence[Message]) -> None:
        self.sent += messages
        self.more.set()
        await asyncio.sleep(0)

    @property
    def topics(self) -> list[str]:
        """Topics in their order, each run of the same once."""
        topics = [message.topic for message in self.sent]
        return [topic for topic, before in zip(topics, ["", *topics], strict=False) if topic != before]

    async def until(self, holds: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not holds():
                self.more.clear()
                await self.more.wait()


@contextlib.asynccontextmanager
async def publishing(publish_s: float) -> AsyncIterator[tuple[Publisher, Counting, Noting]]:
    convention, sender = Counting(), Noting()
    faults = Faults(Links("mqtt", 0), convention)
    publisher = Publisher(convention, len(METERS), publish_s, faults, Late())
    publisher.show(plain_snapshot(METERS, 1))
    serving = asyncio.create_task(publisher.serve(sender))
    await publisher.latest_out(unless=lambda: False)
    yield publisher, convention, sender
    serving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await serving


@pytest.mark.parametrize("within_s", [0.0, 0.05])
async def test_births_that_are_asked_for_do_not_wait_for_the_interval(within_s: float) -> None:
    async with publishing(3600.0) as (publisher, _, sender):
        publisher.be_born_again(within_s)
        await sender.until(lambda: sender.topics[-4:] == ["closing 1", "birth 1", "state 1", "closing 1"])


async def test_births_of_a_new_connection_are_those_that_were_asked_for_on_the_last_one() -> None:
    async with publishing(3600.0) as (publisher, _, _):
        publisher.be_born_again(0.02)
    anew = Noting()
    serving = asyncio.create_task(publisher.serve(anew))
    await anew.until(lambda: anew.topics[-1:] == ["closing 1"])
    await asyncio.sleep(0.05)
    serving.cancel()
    await asyncio.wait({serving})
    assert anew.topics == ["birth 1", "state 1", "closing 1"]


async def test_births_break_a_round_off_and_another_one_follows_whole() -> None:
    async with publishing(1.0) as (publisher, _, sender):
        publisher.show(plain_snapshot(METERS, 2))
        await sender.until(lambda: sender.topics[-1] == "state 2")
        publisher.be_born_again(0.0)
        await sender.until(lambda: sender.topics[-1] == "closing 2")
        assert sender.topics == [
            "birth 1",
            "state 1",
            "closing 1",
            "state 2",
            "birth 2",
            "state 2",
            "closing 2",
        ]
        topics = [message.topic for message in sender.sent]
        born = topics.index("birth 2")
        assert topics[:born].count("state 2") < len(METERS)
        assert topics[born:].count("state 2") == len(METERS)


async def test_numbers_have_no_gap_when_others_speak_amid_a_round() -> None:
    async with publishing(0.5) as (publisher, convention, sender):
        publisher.show(plain_snapshot(METERS, 2))
        await sender.until(lambda: sender.topics[-1] == "state 2")
        await asyncio.sleep(0.01)  # the publisher waits for the turn of the next meters
        await sender.send(convention.lost(3))
        await sender.until(lambda: sender.topics[-1] == "closing 2")
        assert [int(message.payload) for message in sender.sent] == [*range(1, len(sender.sent) + 1)]
        assert "lost 3" in sender.topics[:-1]


async def test_a_snapshot_after_one_in_a_hurry_waits_for_its_interval() -> None:
    async with publishing(0.5) as (publisher, _, sender):
        began = asyncio.get_running_loop().time()
        publisher.show(plain_snapshot(METERS, 2))
        await sender.until(lambda: sender.topics[-1] == "state 2")
        assert asyncio.get_running_loop().time() - began > 0.3


async def test_rounds_in_a_hurry_do_not_put_off_those_that_follow() -> None:
    async with publishing(0.2) as (publisher, _, sender):
        for tick in range(2, 52):
            publisher.show(plain_snapshot(METERS, tick))
            await publisher.latest_out(unless=lambda: False)
        began = asyncio.get_running_loop().time()
        publisher.show(plain_snapshot(METERS, 52))
        await sender.until(lambda: sender.topics[-1] == "closing 52")
        assert asyncio.get_running_loop().time() - began < 5.0
