"""Modbus over UDP: raw datagrams."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import AddressInUseError
from gateway.modbus.transports.datagrams import MOST_WAITING, Datagrams
from gateway.modbus.transports.pending import Pending
from gateway.transports import NetworkListener
from tests.gateway.modbus.conftest import (
    LOOPS,
    Notes,
    Serve,
    adapter_of,
    frame,
    line_of,
    ports_of,
    read_frame,
    until,
)
from tests.support.snapshots import nameplates, snapshot_of

UDP = [NetworkListener("udp", 0, ("native",), "modbus.listeners[0].port")]
READ = read_frame(3, 246, 1, transaction=7)
ANSWER = "0007000000050103020001"


class Sender(asyncio.DatagramProtocol):
    """A client that notes what comes."""

    def __init__(self) -> None:
        self.answers: asyncio.Queue[bytes] = asyncio.Queue()

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, _: Any) -> None:
        self.answers.put_nowait(data)

    async def ask(self, request: bytes) -> str:
        self.transport.sendto(request)
        return (await asyncio.wait_for(self.answers.get(), 10)).hex()


@asynccontextmanager
async def sender(port: int) -> AsyncIterator[Sender]:
    """Send to a port of this machine."""
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(Sender, remote_addr=("127.0.0.1", port))
    try:
        yield protocol
    finally:
        transport.close()


async def test_several_clients_get_their_own_answers(serve: Serve) -> None:
    (port,) = ports_of(await serve(nameplates(2), listeners=UDP))
    async with sender(port) as one, sender(port) as other:
        for transaction in range(3):
            assert (
                await one.ask(read_frame(3, 246, 1, 1, transaction)) == f"{transaction:04x}000000050103020001"
            )
            assert await other.ask(read_frame(3, 246, 1, 2, 9)) == "0009000000050203020002"
        assert await one.ask(read_frame(3, 0, 1, 7, 1)) == "00010000000307830b"


async def test_what_is_no_frame_is_dropped(serve: Serve) -> None:
    (port,) = ports_of(await serve(nameplates(1), listeners=UDP))
    async with sender(port) as client:
        for bad in (
            b"",
            b"\0",
            READ[:-1],
            READ + b"\0",
            READ + READ,
            b"\0\1\0\1" + READ[4:],
            b"GET / HTTP/1.1",
        ):
            client.transport.sendto(bad)
        assert await client.ask(READ) == ANSWER
        assert client.answers.empty()
        errors = frame(bytes.fromhex("08000c0000"), transaction=8)
        assert await client.ask(errors) == "0008000000060108000c0006"


def test_who_has_stopped_takes_nothing_though_the_system_takes_answers_again() -> None:
    meters = nameplates(1)
    line = line_of(meters, snapshot_of(meters))
    datagrams = Datagrams(line, Pending(Notes()))
    datagrams.stop()
    datagrams.pause_writing()
    datagrams.resume_writing()
    datagrams.datagram_received(READ, ("127.0.0.1", 9))
    assert line.kept == {}


async def test_writes_are_answered_when_applied_and_bounded(serve: Serve) -> None:
    notes = Notes()
    (port,) = ports_of(await serve(nameplates(1), notes, listeners=UDP))
    write = bytes.fromhex("050000ff00")
    async with sender(port) as client:
        notes.gate.clear()
        for transaction in range(MOST_WAITING + 20):
            client.transport.sendto(frame(write, 1, transaction))
            await asyncio.sleep(0)
        assert await client.ask(READ) == ANSWER
        await until(lambda: len(notes.begun) >= MOST_WAITING)
        assert len(notes.begun) == MOST_WAITING
        notes.gate.set()
        answers = [await asyncio.wait_for(client.answers.get(), 10) for _ in range(MOST_WAITING)]
        assert {answer[2:] for answer in answers} == {frame(write)[2:]}
        assert (await client.ask(frame(write, 1, 5))).endswith("050000ff00")


async def test_a_port_that_is_taken_is_told() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        adapter = adapter_of(
            nameplates(1), listeners=[NetworkListener("udp", port, ("native",), "modbus.listeners[0].port")]
        )
        with pytest.raises(AddressInUseError) as caught:
            await adapter.start()
    assert str(caught.value) == (
        f"Modbus UDP: 127.0.0.1:{port} is already in use; modbus.listeners[0].port moves it"
    )


async def _attack(datagrams: list[bytes]) -> None:
    loop = asyncio.get_running_loop()
    faults: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: faults.append(context))
    meters = nameplates(1)
    adapter = adapter_of(meters, listeners=UDP)
    adapter.show(snapshot_of(meters))
    await adapter.start()
    try:
        async with sender(ports_of(adapter)[0]) as client:
            for datagram in datagrams:
                client.transport.sendto(datagram)
            client.transport.sendto(read_frame(3, 246, 1, transaction=0xFFFF))
            last = b""
            while last[:2] != b"\xff\xff":
                last = await asyncio.wait_for(client.answers.get(), 10)
            assert last.hex() == "ffff000000050103020001"
    finally:
        await adapter.stop()
    assert faults == []


@pytest.mark.parametrize("loop", LOOPS)
@settings(max_examples=30, deadline=None)
@given(datagrams=st.lists(st.one_of(st.binary(max_size=300), st.just(READ)), max_size=6))
def test_whatever_a_client_sends_it_is_served_after(loop: str, datagrams: list[bytes]) -> None:
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(_attack(datagrams))
