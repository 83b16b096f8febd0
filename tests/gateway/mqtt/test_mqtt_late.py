"""What is late goes out in order, and what is too much is told once."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import pytest

from gateway.mqtt.faults import Utterance
from gateway.mqtt.late import MOST_LATE, Late
from gateway.mqtt.messages import Message

Eventually = Callable[[Callable[[], object]], Awaitable[None]]

FIRST, SECOND = [Message("first", b"", qos=1)], [Message("second", b"")]


class Slow:
    """A sender whose broker acknowledges when it is told to."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.sending = asyncio.Event()
        self.acknowledge = asyncio.Event()

    async def send(self, messages: Sequence[Message]) -> None:
        self.sending.set()
        await self.acknowledge.wait()
        self.sent += messages


@contextlib.asynccontextmanager
async def serving(late: Late, sender: Slow) -> AsyncIterator[None]:
    task = asyncio.create_task(late.serve(sender))
    async with asyncio.timeout(10):
        await sender.sending.wait()
        yield
    task.cancel()
    await asyncio.wait({task})


async def test_what_a_meter_says_while_the_broker_acknowledges_waits_its_turn(eventually: Eventually) -> None:
    late, sender = Late(), Slow()
    assert late.pass_on(Utterance(0, FIRST, 0.001)) == ()
    async with serving(late, sender):
        assert late
        assert late.pass_on(Utterance(0, SECOND, 0.0)) == ()
        assert late.pass_on(Utterance(1, SECOND, 0.0)) == SECOND
        sender.acknowledge.set()
        await eventually(lambda: not late)
    assert sender.sent == [*FIRST, *SECOND]


async def test_a_line_that_stays_too_slow_is_told_of_once(
    eventually: Eventually, caplog: pytest.LogCaptureFixture
) -> None:
    late, sender = Late(), Slow()
    sender.acknowledge.set()
    for row in range(MOST_LATE + 1):
        late.pass_on(Utterance(row, FIRST, 60.0 if row else 0.001))
    async with serving(late, sender):
        await eventually(lambda: sender.sent)
        for row in range(2):
            late.pass_on(Utterance(row, FIRST, 60.0))
    assert [record.args for record in caplog.records] == [(MOST_LATE,)]
