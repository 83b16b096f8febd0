"""Clients written by others are told of changes and alarms by the running adapter."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gateway.bacnet.server import BacnetAdapter
from gateway.bacnet.wire import network as net
from gateway.commands import Change
from gateway.config.reader import load_config
from gateway.station import Station
from sims.points import FLAGS, MJ_PER_WH

CLIENTS = Path(__file__).parents[2] / "clients"
BACPYPES3 = Path(__file__).parent / "bacpypes3_events.py"
POWERED = 1 << FLAGS.index("powered")
REVERSED = POWERED | 1 << FLAGS.index("reverse_phase")
METER = 100_002
CLASS = "0c03c00001 1966"
ACTIVE = 1
ONE_METER = """
clock: {mode: manual}
bacnet: {port: 0}
modbus: {enabled: false}
mqtt: {enabled: false}
http: {enabled: false}
meters:
  - {id: one, model: series-2000-277-480, load: {kw: 30}}
"""


class Conversation:
    """A client that says a line of JSON now and then."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def begin(cls, *command: str) -> "Conversation":
        """Start a client."""
        pipe = subprocess.PIPE
        return cls(await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe, cwd=CLIENTS))

    async def hear(self) -> dict[str, Any]:
        """Return the next line."""
        assert self._process.stdout
        assert self._process.stderr
        line = await asyncio.wait_for(self._process.stdout.readline(), 30)
        assert line, (await self._process.stderr.read()).decode()
        heard: dict[str, Any] = json.loads(line)
        return heard

    async def end(self) -> None:
        """Wait for the client's end; one that goes on is stopped."""
        try:
            await asyncio.wait_for(self._process.communicate(), 5)
        except TimeoutError:
            self._process.kill()
            await self._process.communicate()


@pytest.fixture
async def converse() -> AsyncIterator[Callable[..., Any]]:
    """Return a function that begins a conversation, which ends with the test."""
    begun: list[Conversation] = []

    async def begin(*command: str) -> Conversation:
        begun.append(await Conversation.begin(*command))
        return begun[-1]

    yield begin
    for each in begun:
        await each.end()


def gateway(adapter: BacnetAdapter) -> str:
    return adapter.endpoints()[0].address


def change(adapter: BacnetAdapter, snapshot: Any, plates: Any) -> None:
    """Let the energy of meter 2 be 5000 kWh and its phases reversed."""
    energy = np.array([0, 5_000_000 * MJ_PER_WH, 0])
    adapter.show(snapshot(plates(3), 2, energy=energy, flags=np.array([POWERED, REVERSED, POWERED])))


@pytest.mark.parametrize("library", ["@bacnet-js/client", "node-bacnet"])
@pytest.mark.real_client("node", "npm:@bacnet-js/client", "npm:node-bacnet")
async def test_a_javascript_client_is_told_and_acknowledges(
    serve: Any, converse: Any, client: Any, *, snapshot: Any, plates: Any, library: str
) -> None:
    adapter = await serve()
    there = await converse("node", "bacnet_events.cjs", library, gateway(adapter), str(METER))
    port = (await there.hear())["port"]
    here = f"1e 2100 65067f000001{port:04x} 1f"
    write = f"0275010f {CLASS} 3e 8201fe b400000000 b4173b3b63 {here} 2107 11 8205e0 3f"
    request = net.datagram(bytes.fromhex("012403e8030186a2ff") + bytes.fromhex(write))
    assert (await client.ask(request, adapter))[12:] == bytes.fromhex("20010f")
    change(adapter, snapshot, plates)
    told = await there.hear()
    assert [dict(each)[85] for each in told["confirmed"]] == [2001.0, 5000.0]
    assert [dict(each)[85] for each in told["unconfirmed"]] == [0, ACTIVE]
    if library == "node-bacnet":
        assert told["events"] == [None]
    else:
        keys = ("toState", "eventType", "notifyType", "notificationClass", "priority")
        events = [[event[key] for key in keys] for event in told["events"]]
        assert events == [[2, 1, 0, 1, 64], [2, 1, 2, 1, 64]]
    assert [each["objectId"] for each in told["summary"]] == [{"type": 3, "instance": 1}]
    left = adapter._application._list(adapter._meters[1], 152)
    assert len(left) == 1


async def test_bacpypes3_is_told_and_acknowledges_through_the_router(
    serve: Any, converse: Any, snapshot: Any, plates: Any
) -> None:
    adapter = await serve()
    there = await converse(sys.executable, str(BACPYPES3), gateway(adapter), str(METER))
    await there.hear()
    change(adapter, snapshot, plates)
    told = await there.hear()
    assert told["first"] == [["present-value", 2001.0], ["status-flags", ""]]
    assert told["changed"] == [["present-value", 5000.0], ["status-flags", ""]]
    assert told["subscriptions"] == 1
    event = {"object": "binary-input,1", "type": "change-of-state", "to": "offnormal", "process": 9}
    text = "Reverse-phase LED: offnormal"
    assert told["events"] == [
        event | {"notify": "alarm", "text": text},
        event | {"notify": "ack-notification", "text": None},
    ]
    assert told["information"] == [["binary-input,1", "offnormal", "to-offnormal;to-fault;to-normal"]]
    assert adapter._application._list(adapter._meters[1], 152) == []


async def test_answers_are_not_given_again_after_something_else_than_the_tick_has_changed(
    serve: Any, client: Any
) -> None:
    adapter = await serve()

    async def ask(apdu: str) -> str:
        request = bytes.fromhex("012403e8030186a2ff 027501" + apdu)
        answer: bytes = await client.ask(net.datagram(request), adapter)
        return answer[12:].hex()

    increment, subscriptions = "0c 0c00000001 1916", "0c 0c020186a2 1998"
    before = await ask(increment), await ask(subscriptions)
    assert before == (await ask(increment), await ask(subscriptions))
    assert await ask("0f 0c00000001 1916 3e44412000003f") == "20010f"
    assert (await ask(increment)).endswith("3e44412000003f")
    assert await ask("05 0912 1c00000001 2900 393c") == "200105"
    assert (await client.receive())[12:14] == b"\x10\x02"
    assert len(await ask(subscriptions)) > len(before[1])
    assert await ask("05 0912 1c00000001") == "200105"
    assert await ask(subscriptions) == before[1]


async def test_a_meter_that_loses_its_supply_tells_so(tmp_path: Path, client: Any) -> None:
    (tmp_path / "one.yaml").write_text(ONE_METER)
    async with Station(load_config(tmp_path / "one.yaml"), None) as station:
        running = asyncio.create_task(station.run())
        adapter = next(each for each in station.control.hub.adapters if isinstance(each, BacnetAdapter))
        here = "1e 2100 65067f000001" + f"{client.port:04x} 1f"
        write = f"0275010f {CLASS} 3e 8201fe b400000000 b4173b3b63 {here} 2107 10 8205e0 3f"
        request = net.datagram(bytes.fromhex("012403e8030186a1ff") + bytes.fromhex(write))
        assert (await client.ask(request, adapter))[12:] == bytes.fromhex("20010f")
        told = []
        for is_open in (True, False):
            await station.control.apply((Change(0, {"wiring": {"v1": {"open": is_open}}}),))
            told.append([await client.receive() for _ in range(2 if is_open else 8)])
        numbers = [[apdu[apdu.index(b"\x2c\x00\xc0\x00") + 4] for apdu in some] for some in told]
        assert numbers == [[1, 5], [1, 5, 6, 7, 8, 9, 10, 11]]
        running.cancel()
