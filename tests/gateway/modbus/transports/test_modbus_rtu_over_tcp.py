"""RTU over TCP on real sockets: a serial line that TCP carries."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.commands import TurnKey
from gateway.modbus.framing.rtu import RtuFraming
from gateway.modbus.transports.listeners import PAUSE
from gateway.transports import NetworkListener
from tests.gateway.modbus.conftest import (
    LOOPS,
    Client,
    Notes,
    Serve,
    adapter_of,
    connected,
    connections_of,
    ports_of,
    until,
)
from tests.support.snapshots import nameplates, snapshot_of

RTU = [NetworkListener("rtu-over-tcp", 0, ("native",), "modbus.listeners[0].port")]
FRAMING = RtuFraming()


def rtu(pdu: str, unit: int = 1) -> bytes:
    """Return a frame."""
    return FRAMING.frame(unit, bytes.fromhex(pdu))


UNIT = rtu("0300f60001")
ANSWER = rtu("03020001")


async def _ask(client: Client, request: bytes, answer: bytes) -> None:
    client.send(request)
    assert await asyncio.wait_for(client.reader.readexactly(len(answer)), 10) == answer


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
async def client(serve: Serve, notes: Notes) -> AsyncIterator[Client]:
    adapter = await serve(nameplates(3), notes, listeners=RTU)
    async with connected(ports_of(adapter)[0]) as client:
        yield client


async def test_requests_are_answered_one_by_one_pipelined_and_in_pieces(client: Client) -> None:
    await _ask(client, UNIT, ANSWER)
    await _ask(client, UNIT, ANSWER)
    await _ask(client, UNIT + rtu("0300f60001", 2) + rtu("6301"), ANSWER + rtu("03020002", 2) + rtu("e301"))
    for byte in UNIT:
        client.send(bytes((byte,)))
        await asyncio.sleep(0)
    await _ask(client, b"", ANSWER)


async def test_thousands_at_once_are_answered_in_order(client: Client) -> None:
    pairs = [(rtu("0300f60001", n % 3 + 1), rtu(f"0302{n % 3 + 1:04x}", n % 3 + 1)) for n in range(3000)]
    await _ask(client, b"".join(request for request, _ in pairs), b"".join(answer for _, answer in pairs))


async def test_a_unit_that_is_not_there_is_silent(client: Client) -> None:
    await _ask(client, rtu("0300f60001", 9) + UNIT, ANSWER)


async def test_a_frame_with_a_wrong_crc_is_dropped_with_what_follows_until_a_pause(client: Client) -> None:
    client.send(UNIT[:-1] + b"\0" + UNIT)
    await asyncio.sleep(1.5 * PAUSE)
    await _ask(client, UNIT, ANSWER)


async def test_bytes_without_end_hold_nothing_and_the_line_recovers(serve: Serve) -> None:
    adapter = await serve(nameplates(1), listeners=RTU)
    async with connected(ports_of(adapter)[0]) as client:
        for _ in range(50):
            client.send(b"\x01\x41" * 2000)
            await client.writer.drain()
            await until(lambda: connections_of(adapter)[0]._stream)
            assert len(connections_of(adapter)[0]._stream) <= 257
        await asyncio.sleep(1.5 * PAUSE)
        await _ask(client, UNIT, ANSWER)


async def test_a_short_frame_of_a_known_function_is_refused_after_a_pause(client: Client) -> None:
    await _ask(client, rtu("0300f6"), rtu("8303"))


async def test_a_broadcast_is_obeyed_by_all_and_answered_by_none(client: Client, notes: Notes) -> None:
    await _ask(client, rtu("050000ff00", 0) + UNIT, ANSWER)
    assert notes.done == [TurnKey(row, "right") for row in range(3)]


async def test_a_flood_of_broadcasts_leaves_others_their_turn(serve: Serve) -> None:
    adapter = await serve(nameplates(247), listeners=RTU)
    (port,) = ports_of(adapter)
    coils = rtu("0f000207b0f6" + "00" * 246, 0)
    async with connected(port) as flooder, connected(port) as other:
        await _ask(other, UNIT, ANSWER)
        flooder.send(coils * 2000 + UNIT)
        await _ask(other, UNIT, ANSWER)
        assert any(len(guest._stream) > len(coils) for guest in connections_of(adapter))
        await _ask(flooder, b"", ANSWER)


async def test_what_comes_behind_a_write_is_answered_behind_it(client: Client, notes: Notes) -> None:
    await _ask(client, UNIT, ANSWER)
    notes.gate.clear()
    client.send(rtu("050000ff00") + UNIT)
    await until(lambda: notes.begun)
    client.send(UNIT)
    notes.gate.set()
    await _ask(client, b"", rtu("050000ff00") + ANSWER + ANSWER)


async def _attack(pieces: list[bytes]) -> None:
    loop = asyncio.get_running_loop()
    faults: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: faults.append(context))
    meters = nameplates(1)
    adapter = adapter_of(meters, listeners=RTU)
    adapter.show(snapshot_of(meters))
    await adapter.start()
    try:
        async with connected(ports_of(adapter)[0]) as bad, connected(ports_of(adapter)[0]) as good:
            for piece in pieces:
                bad.send(piece)
                await asyncio.sleep(0)
            await _ask(good, UNIT, ANSWER)
    finally:
        await adapter.stop()
    assert faults == []


@pytest.mark.parametrize("loop", LOOPS)
@settings(max_examples=30, deadline=None)
@given(pieces=st.lists(st.one_of(st.binary(max_size=300), st.just(UNIT)), max_size=6))
def test_whatever_a_client_sends_the_next_one_is_served(loop: str, pieces: list[bytes]) -> None:
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(_attack(pieces))
