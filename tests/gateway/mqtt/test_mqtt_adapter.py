"""The adapter on a broker of the user's: a real Mosquitto that is killed, frozen and cut."""

import asyncio
import gc
import json
import logging
import signal
import socket
import sys
import time
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

import pytest

from tests.support.mqtt import Gateway

pytestmark = pytest.mark.real_client("mosquitto")

CLIENTS = Path(__file__).parents[2] / "clients"
PROCESS = Path(__file__).parent / "gateway_process.py"


async def output_of(*command: object) -> str:
    """Run a program to its end and return what it printed."""
    process = await asyncio.create_subprocess_exec(*map(str, command), stdout=PIPE)
    async with asyncio.timeout(20):
        printed, _ = await process.communicate()
    assert process.returncode == 0
    return printed.decode()


@pytest.mark.real_client("mosquitto_sub")
async def test_mosquitto_sub_sees_states_and_retained_statuses(yours: Any, gateway: Any) -> None:
    made = await gateway(3, url=yours.url)
    sub = ("mosquitto_sub", "-p", yours.port, "-W", 10, "-F", "%r %t %p")
    printed = await output_of(*sub, "-C", 8, "-t", "metergate/plant-a/#")
    lines = dict(line.split(" ", 2)[1:] for line in printed.splitlines())
    assert all(line.startswith("1 ") for line in printed.splitlines())
    assert lines["metergate/plant-a/status"] == "online"
    for meter in made.meters:
        assert lines[f"metergate/plant-a/{meter.id}/status"] == "online"
        assert json.loads(lines[f"metergate/plant-a/{meter.id}/state"])["tick"] == 1
    assert json.loads(lines["metergate/plant-a/tick"]) == {"time": "2026-01-05T00:00:01Z", "tick": 1}


@pytest.mark.real_client("node", "npm:mqtt")
async def test_a_javascript_client_sees_the_same(yours: Any, gateway: Any) -> None:
    made = await gateway(3, url=yours.url)
    made.show()
    await made.adapter.shown()
    seen = json.loads(
        await output_of("node", CLIENTS / "mqtt_retained.cjs", yours.url, "metergate/plant-a/#", 8)
    )
    assert seen["metergate/plant-a/M0002/status"] == "online"
    state = json.loads(seen["metergate/plant-a/M0002/state"])
    assert (state["tick"], state["powered"], state["lcd_text"]) == (2, True, "  000042")


async def test_what_is_shown_is_retained_for_a_client_that_comes_after(
    yours: Any, gateway: Any, listen: Any
) -> None:
    made = await gateway(100, url=yours.url, publish_s=3600.0)
    for tick in (2, 3, 4):
        made.show()
        await made.adapter.shown()
        async with listen(yours.port) as client:
            await client.until(lambda heard=client.heard: len(heard) == 202)
            assert {client.state(meter.id)["tick"] for meter in made.meters} == {tick}
            assert all(message.retain for message in client.heard.values())


async def test_every_snapshot_is_published_when_its_interval_has_come(
    yours: Any, gateway: Any, listen: Any
) -> None:
    made = await gateway(45, url=yours.url, publish_s=0.2)
    async with listen(yours.port) as client:
        for tick in (2, 3):
            made.show()
            await client.until(
                lambda tick=tick: {client.state(meter.id).get("tick") for meter in made.meters} == {tick}
            )


async def test_an_orderly_stop_says_offline_for_all(yours: Any, gateway: Any, listen: Any) -> None:
    made = await gateway(3, url=yours.url)
    await made.adapter.stop()
    await made.adapter.stop()
    async with listen(yours.port) as client:
        await client.until(lambda: len(client.heard) == 8)
    assert client.text("status") == "offline"
    assert [client.text(f"{meter.id}/status") for meter in made.meters] == ["offline"] * 3


async def test_the_will_says_offline_when_the_process_is_killed(yours: Any, listen: Any) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, PROCESS, yours.url, stdout=PIPE)
    assert process.stdout is not None
    await process.stdout.readline()
    async with listen(yours.port) as client:
        await client.until(lambda: client.text("status") == "online")
        process.kill()
        await process.wait()
        await client.until(lambda: client.text("status") == "offline")


async def test_the_will_says_offline_when_the_line_is_cut_and_the_gateway_comes_back(
    yours: Any, gateway: Any, listen: Any
) -> None:
    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends.append(writer)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", yours.port)
        ends.append(far_writer)
        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    ends: list[asyncio.StreamWriter] = []
    async with await asyncio.start_server(forward, "127.0.0.1", 0) as line:
        made = await gateway(3, url=f"mqtt://127.0.0.1:{line.sockets[0].getsockname()[1]}")
        async with listen(yours.port) as client:
            await client.until(lambda: client.text("status") == "online")
            for end in ends:
                end.transport.abort()
            await client.until(lambda: client.text("status") == "offline")
            await client.until(lambda: client.text("status") == "online")
        await made.adapter.stop()


async def test_a_broker_that_was_killed_gets_statuses_and_states_when_it_is_back(
    yours: Any, gateway: Any, listen: Any, eventually: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    made = await gateway(30, url=yours.url)
    yours.kill()
    await eventually(lambda: made.away)
    made.show()
    await made.adapter.shown()
    made.show()
    await asyncio.sleep(1.0)
    yours.start()
    async with listen(yours.port) as client:
        await client.until(lambda: client.text("tick"))
        assert client.text("status") == "online"
        assert {client.text(f"{meter.id}/status") for meter in made.meters} == {"online"}
        assert {client.state(meter.id)["tick"] for meter in made.meters} == {3}
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("gateway.mqtt")]
    assert len(lines) == 2, lines
    assert "is away" in lines[0]
    assert "is there again" in lines[1]


async def test_nobody_waits_for_a_broker_that_is_not_there(gateway: Any, closed_port: int) -> None:
    made = await gateway(3, start=False, url=f"mqtt://ann:secret@127.0.0.1:{closed_port}")
    await made.adapter.start()
    made.show()
    await made.adapter.shown()
    assert made.adapter.ready()["mqtt"] == f"mqtt://ann@127.0.0.1:{closed_port}"
    assert made.adapter.endpoints()[0].serves == "broker of yours, away, topics metergate/plant-a/#"


async def test_the_password_is_in_no_line_of_the_log(
    gateway: Any, closed_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await gateway(1, url=f"mqtt://ann:secret@127.0.0.1:{closed_port}")
    assert "is away" in caplog.text
    assert "secret" not in caplog.text


async def test_a_frozen_broker_delays_neither_the_stop_nor_those_who_wait_for_ever(
    yours: Any, gateway: Any, caplog: pytest.LogCaptureFixture
) -> None:
    made = await gateway(200, url=yours.url)
    yours.signal(signal.SIGSTOP)
    made.show()
    waiting = asyncio.create_task(made.adapter.shown())
    await asyncio.sleep(0.2)
    assert not waiting.done()
    stopping = asyncio.create_task(made.adapter.stop())
    async with asyncio.timeout(0.5):
        await waiting
    assert not stopping.done()
    async with asyncio.timeout(1.8):
        await stopping
    yours.signal(signal.SIGCONT)
    del made, stopping
    gc.collect()
    assert not [record for record in caplog.records if record.name == "asyncio"]


async def test_a_broker_that_dies_during_the_farewell_leaves_no_noise(
    yours: Any, gateway: Any, caplog: pytest.LogCaptureFixture
) -> None:
    made = await gateway(3, url=yours.url)
    yours.signal(signal.SIGSTOP)
    stopping = asyncio.create_task(made.adapter.stop())
    await asyncio.sleep(0.1)
    yours.kill()
    await stopping
    del made, stopping
    gc.collect()
    assert not caplog.records


async def test_a_broker_that_accepts_and_says_nothing_delays_the_start_by_three_seconds_at_most(
    gateway: Any,
) -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        made = await gateway(1, start=False, url=f"mqtt://127.0.0.1:{mute.getsockname()[1]}")
        began = time.monotonic()
        await made.adapter.start()
        assert time.monotonic() - began < 4.0
        async with asyncio.timeout(2.0):
            await made.adapter.stop()


@pytest.mark.parametrize("others", [0, 1], ids=["says nothing", "does not even accept"])
def test_a_start_that_is_cancelled_leaves_nothing_behind(
    caplog: pytest.LogCaptureFixture, others: int
) -> None:
    async def start_and_cancel(port: int) -> None:
        made = Gateway(1, url=f"mqtt://127.0.0.1:{port}")
        starting = asyncio.create_task(made.adapter.start())
        await asyncio.sleep(0.1)
        starting.cancel()
        async with asyncio.timeout(0.3):
            await asyncio.wait({starting})
        assert starting.cancelled()

    with socket.socket() as mute, socket.socket() as first:
        mute.bind(("127.0.0.1", 0))
        mute.listen(0)
        if others:
            first.connect(mute.getsockname())
        began = time.monotonic()
        asyncio.run(start_and_cancel(mute.getsockname()[1]))
        assert time.monotonic() - began < 1.0
    gc.collect()
    assert not caplog.records


async def test_two_gateways_of_one_id_on_one_broker_are_told_that_ids_must_differ(
    yours: Any, gateway: Any, eventually: Any, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        await gateway(1, url=yours.url)
    await eventually(lambda: "gateway.id" in caplog.text)
    assert "two clients have the id metergate-plant-a" in caplog.text


async def test_it_can_be_stopped_before_it_is_started() -> None:
    adapter = Gateway(1).adapter
    await adapter.stop()
    await adapter.shown()
