"""amqtt in the process: that its known faults are fenced, by MQTT 3.1.1 byte by byte."""

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from gateway.mqtt.brokers.in_process import InProcessBroker

CONNACK = bytes.fromhex("20020000")
PINGREQ, PINGRESP = bytes.fromhex("c000"), bytes.fromhex("d000")
SUBACK = bytes.fromhex("9003000101")

Dial = Callable[[bytes], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


def packet(first: int, *fields: bytes) -> bytes:
    body = b"".join(fields)
    return bytes((first, len(body))) + body


def text(word: str) -> bytes:
    return struct.pack(">H", len(word)) + word.encode()


def connect(client: str, keepalive: int = 60, will: str = "") -> bytes:
    """CONNECT with a clean session; the will's topic is also what it says, QoS 1."""
    head = text("MQTT") + struct.pack(">BBH", 4, 0x0E if will else 0x02, keepalive)
    return packet(0x10, head, text(client), *(2 * [text(will)] if will else []))


def subscribe(topic: str) -> bytes:
    return packet(0x82, b"\x00\x01", text(topic), b"\x01")


@pytest.fixture
async def broker() -> AsyncIterator[InProcessBroker]:
    made = InProcessBroker("127.0.0.1", 0)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def dial(broker: InProcessBroker) -> AsyncIterator[Dial]:
    """Open a connection and send its first bytes."""
    writers: list[asyncio.StreamWriter] = []

    async def to(first: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)
        writers.append(writer)
        writer.write(first)
        return reader, writer

    yield to
    for writer in writers:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def exactly(reader: asyncio.StreamReader, expected: bytes) -> None:
    async with asyncio.timeout(10):
        assert await reader.readexactly(len(expected)) == expected


async def closed(reader: asyncio.StreamReader) -> None:
    async with asyncio.timeout(10):
        await reader.read()


async def test_a_client_that_subscribed_to_nothing_gets_nothing(dial: Dial) -> None:
    reader, _ = await dial(connect("subscriber") + subscribe("t/#"))
    await exactly(reader, CONNACK + SUBACK)
    retained = packet(0x31, text("t/x"), b"kept")
    await dial(connect("publisher") + retained)
    await exactly(reader, packet(0x32, text("t/x"), b"\x00\x01", b"kept"))
    other, writer = await dial(connect("other"))
    await exactly(other, CONNACK)
    writer.write(PINGREQ)
    await exactly(other, PINGRESP)


async def test_a_silent_client_is_closed_and_its_will_published(dial: Dial) -> None:
    reader, _ = await dial(connect("subscriber") + subscribe("gone"))
    await exactly(reader, CONNACK + SUBACK)
    silent, _ = await dial(connect("silent", keepalive=1, will="gone"))
    await exactly(silent, CONNACK)
    await exactly(reader, packet(0x32, text("gone"), b"\x00\x01", b"gone"))
    await closed(silent)


async def test_a_client_that_comes_a_second_time_loses_its_first_connection(dial: Dial) -> None:
    first, _ = await dial(connect("twice"))
    await exactly(first, CONNACK)
    second, writer = await dial(connect("twice"))
    await exactly(second, CONNACK)
    await closed(first)
    writer.write(PINGREQ)
    await exactly(second, PINGRESP)


@pytest.mark.parametrize(
    "first",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        bytes(64),
        b"\xff" * 64,
        packet(0x10, text("MQTT"), b"\x05\x02\x00\x00\x00", text("five")),
        connect("system") + packet(0x30, text("$SYS/x"), b"x"),
    ],
    ids=["http", "zeros", "ones", "MQTT 5", "system topic"],
)
async def test_who_sends_improper_packets_is_closed_and_others_are_served(dial: Dial, first: bytes) -> None:
    reader, _ = await dial(first)
    await closed(reader)
    other, _ = await dial(connect("other"))
    await exactly(other, CONNACK)


async def test_random_bytes_never_stop_the_service(dial: Dial) -> None:
    for size in (1, 2, 17, 300, 5000):
        _, writer = await dial(connect(f"noise{size}") + os.urandom(size))
        writer.close()
    other, _ = await dial(connect("other"))
    await exactly(other, CONNACK)


async def test_a_start_that_is_cancelled_gives_the_address_back(broker: InProcessBroker) -> None:
    await broker.stop()
    for turns in range(20):
        again = InProcessBroker("127.0.0.1", broker.port)
        starting = asyncio.create_task(again.start())
        for _ in range(turns):
            await asyncio.sleep(0)
        starting.cancel()
        await asyncio.wait({starting})
        await again.stop()
        with socket.create_server(("127.0.0.1", broker.port)):
            pass


async def test_nobody_takes_the_free_port_of_another(broker: InProcessBroker) -> None:
    others = [InProcessBroker("127.0.0.1", 0) for _ in range(20)]
    await asyncio.gather(*(other.start() for other in others))
    assert len({broker.port, *(other.port for other in others)}) == 21
    await asyncio.gather(*(other.stop() for other in others))


async def test_it_stops_with_clients_connected(broker: InProcessBroker, dial: Dial) -> None:
    readers: list[Any] = [(await dial(connect(f"client{n}")))[0] for n in range(5)]
    for reader in readers:
        await exactly(reader, CONNACK)
    async with asyncio.timeout(1):
        await broker.stop()
    for reader in readers:
        await closed(reader)


async def test_it_stops_with_clients_that_have_not_said_connect(broker: InProcessBroker, dial: Dial) -> None:
    before = asyncio.all_tasks()
    await dial(b"")
    await dial(connect("half")[:7])
    await exactly((await dial(connect("whole")))[0], CONNACK)  # the others have been accepted before it
    await broker.stop()
    assert asyncio.all_tasks() <= before
