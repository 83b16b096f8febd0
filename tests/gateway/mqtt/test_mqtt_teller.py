"""Who waits for what the journal has to tell, and for how much of it."""

import asyncio
from typing import Any

import numpy as np
import pytest

from gateway.broker import Access, BrokerAddress
from gateway.database import Database
from gateway.journal import Entry, Journal
from gateway.mqtt.connection import Connection
from gateway.mqtt.messages import Message
from gateway.mqtt.teller import Teller
from sims.points import FLAGS
from tests.support.mqtt import plain_snapshot
from tests.support.snapshots import nameplates

pytestmark = pytest.mark.real_client("mosquitto")

METERS = nameplates(1)


class Restless:
    """A journal in which another change waits for each that is told."""

    def __init__(self) -> None:
        serials = [meter.serial for meter in METERS]
        self.journal = Journal(Database(), serials, kinds=frozenset({"event"}), most=1000)
        self.told = 0
        self._tick = 0
        self.change()

    def change(self) -> None:
        self._tick += 1
        flags = np.array([(self._tick % 2) << FLAGS.index("powered")], np.uint16)
        self.journal.add(plain_snapshot(METERS, self._tick, flags=flags))

    def message(self, entry: Entry) -> Message:
        self.told += 1
        self.change()
        return Message("told", str(entry.number).encode(), qos=1, retain=False)


async def test_what_comes_meanwhile_is_not_waited_for(yours: Any) -> None:
    restless = Restless()
    for _ in range(300):
        restless.change()
    teller = Teller(restless.journal, restless.message)
    async with Connection(
        Access(BrokerAddress.parse(yours.url)), "teller", Message("will", b"")
    ) as connection:
        telling = asyncio.create_task(teller.tell(connection))
        async with asyncio.timeout(10):
            await teller.all_told(unless=telling.done)
        assert restless.told >= 300
        assert restless.journal.waiting
        telling.cancel()
        await asyncio.wait({telling})
    assert telling.cancelled()
