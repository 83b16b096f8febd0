"""A connection that is slow, lost, frozen or taken over: nothing piles up, nothing hangs, rounds go on."""

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import ssl
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import aiomqtt
import pytest

from gateway.broker import Access, BrokerAddress
from gateway.mqtt import connection as connections
from gateway.mqtt import link
from gateway.mqtt.connection import MOST_HEARD, Connection, ConnectionLostError
from gateway.mqtt.messages import Message, publish_packet

MOSQUITTO = pytest.mark.real_client("mosquitto")
CONNACK = b"\x20\x02\x00\x00"
WILL = Message("will", b"gone")
BIG = [Message(f"big/{number}", bytes([number]) * 100_000) for number in range(50)]

Served = Callable[[asyncio.StreamReader], Any]


@contextlib.asynccontextmanager
async def connected(serve: Served) -> AsyncIterator[Connection]:
    """Connect to a server that says CONNACK, does `serve` and ends."""

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(CONNACK)
        with contextlib.suppress(ConnectionResetError):
            await serve(reader)
        writer.transport.abort()

    async with await asyncio.start_server(client, "127.0.0.1", 0, limit=4096) as server:
        access = Access(BrokerAddress("127.0.0.1", server.sockets[0].getsockname()[1]))
        connection = Connection(access, "id", WILL)
        await connection.__aenter__()
        yield connection
        connection.cut()
        with contextlib.suppress(ConnectionLostError):
            await connection.__aexit__(None, None, None)


async def test_what_a_slow_broker_takes_in_pieces_arrives_whole_and_in_order(eventually: Any) -> None:
    got = bytearray()

    async def read_slowly(reader: asyncio.StreamReader) -> None:
        while piece := await reader.read(8192):
            got.extend(piece)
            if len(got) % 7 == 0:
                await asyncio.sleep(0.001)

    wanted = b"".join(map(publish_packet, BIG))
    async with connected(read_slowly) as connection, asyncio.timeout(20):
        await asyncio.gather(*(connection.send(BIG[first : first + 10]) for first in range(0, 50, 10)))
        await eventually(lambda: len(got) >= len(wanted))
        assert bytes(got) == wanted


async def test_a_connection_that_is_lost_in_the_middle_of_a_write_is_told_at_once() -> None:
    async def read_little(reader: asyncio.StreamReader) -> None:
        await reader.readexactly(10_000)

    async with connected(read_little) as connection:
        began = time.monotonic()
        for _ in range(2):
            with pytest.raises(ConnectionLostError):
                await connection.send(BIG)
        with pytest.raises(ConnectionLostError):
            await connection.send([Message("a", b"", qos=1)])
        assert time.monotonic() - began < 3.0


async def test_a_broker_that_reads_no_more_is_given_up_after_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_ANSWER_S", 0.3)
    ended = asyncio.Event()
    async with connected(lambda _: ended.wait()) as connection:
        for _ in range(2):
            with pytest.raises(ConnectionLostError, match="timed out"):
                await connection.send(BIG)
        ended.set()


@MOSQUITTO
async def test_what_others_say_waits_up_to_a_bound(yours: Any, caplog: pytest.LogCaptureFixture) -> None:
    connection = Connection(Access(BrokerAddress.parse(yours.url)), "id", WILL)
    await connection.__aenter__()
    await connection.listen(["flood"])
    async with aiomqtt.Client("127.0.0.1", yours.port) as client:
        for number in range(MOST_HEARD + 500):
            await client.publish("flood", str(number))
        await client.publish("flood", b"end", qos=1)
    await connection.send([Message("barrier", b"", qos=1, retain=False)])
    heard = connection.heard()
    payloads = [(await anext(heard)).payload for _ in range(MOST_HEARD)]
    assert payloads == [str(number).encode() for number in range(MOST_HEARD)]
    assert [record.getMessage() for record in caplog.records] == [
        f"messages of others are dropped: {MOST_HEARD} wait on this connection"
    ]
    await connection.__aexit__(None, None, None)


@MOSQUITTO
async def test_a_broker_that_is_frozen_in_the_middle_of_a_round_lets_nothing_pile_up(
    yours: Any, gateway: Any, eventually: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_ANSWER_S", 0.5)
    made = await gateway(2000, url=yours.url)
    shown = made.show()
    size = sum(column.nbytes for column in shown.columns.values())
    waiting = asyncio.create_task(made.adapter.shown())
    await asyncio.sleep(0.02)
    yours.signal(signal.SIGSTOP)
    tracemalloc.start()
    for _ in range(50):
        copied = {name: column.copy() for name, column in shown.columns.items()}
        made.adapter.show(replace(shown, columns=copied))
        del copied
        await asyncio.sleep(0.01)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 10 * size
    await eventually(lambda: made.away)
    await waiting
    yours.signal(signal.SIGCONT)
    await eventually(lambda: not made.away)
    made.show()
    async with asyncio.timeout(10):
        await made.adapter.shown()
    assert not made.away


@MOSQUITTO
async def test_a_broker_may_be_killed_and_started_ten_times(
    yours: Any, gateway: Any, listen: Any, eventually: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "_BRIEF_S", 0.0)
    made = await gateway(30, url=yours.url)
    for _ in range(10):
        yours.kill()
        await eventually(lambda: made.away)
        made.show()
        yours.start()
        await eventually(lambda: not made.away)
        await made.adapter.shown()
    assert not made.away
    async with listen(yours.port) as client:
        await client.until(lambda: client.text("tick"))
        assert {client.state(meter.id)["tick"] for meter in made.meters} == {made.tick}


@MOSQUITTO
@pytest.mark.parametrize("version", [4, 5])
async def test_a_client_of_the_same_id_takes_over_and_is_taken_over(
    yours: Any, gateway: Any, eventually: Any, version: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    made = await gateway(3, url=yours.url, version=version)
    taken = aiomqtt.Client(
        "127.0.0.1", yours.port, identifier="metergate-plant-a", protocol=aiomqtt.ProtocolVersion(version)
    )
    await taken.__aenter__()
    await eventually(lambda: made.away)
    async with asyncio.timeout(10):
        with pytest.raises(aiomqtt.MqttError):
            await anext(taken.messages)
    await eventually(lambda: not made.away)
    with contextlib.suppress(aiomqtt.MqttError):
        await taken.__aexit__(None, None, None)
    made.show()
    await made.adapter.shown()
    assert not made.away
    assert "is there again" in caplog.text


@pytest.mark.parametrize("scheme", ["mqtts", "ws", "wss"])
async def test_who_accepts_and_shakes_no_hands_holds_up_neither_start_nor_stop(
    gateway: Any, scheme: str, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        tls = ssl.create_default_context() if scheme != "ws" else None
        made = await gateway(1, start=False, url=f"{scheme}://127.0.0.1:{mute.getsockname()[1]}", tls=tls)
        async with asyncio.timeout(4.0):
            await made.adapter.start()
        async with asyncio.timeout(2.0):
            await made.adapter.stop()
    del made
    gc.collect()
    assert not [record for record in caplog.records if record.name == "asyncio"]
