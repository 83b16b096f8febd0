"""Writes on real sockets: each client's answers stay in order while the station takes its time."""

import asyncio
import socket
import struct
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.commands import Advance, ResetPeak, TurnKey
from gateway.modbus.transports.connection import HELD
from gateway.station import Station
from tests.gateway.modbus.conftest import (
    Notes,
    Serve,
    adapter_of,
    connected,
    connections_of,
    frame,
    ports_of,
    read_frame,
    station_of,
    until,
)
from tests.support.snapshots import nameplates, snapshot_of

METERS = [replace(meter, options=frozenset({"demand", "peak_reset"})) for meter in nameplates(2)]
RIGHT = "050000ff00"
HOME = "0500000000"
RESET = "050001ff00"


def _write(pdu: str, transaction: int = 0, unit: int = 1) -> bytes:
    return frame(bytes.fromhex(pdu), unit, transaction)


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
async def port(serve: Serve, notes: Notes) -> int:
    (port,) = ports_of(await serve(METERS, notes))
    return port


async def test_a_write_is_answered_when_it_is_applied(port: int, notes: Notes) -> None:
    async with connected(port) as client:
        notes.gate.clear()
        client.send(_write(RIGHT, 7, 2))
        await until(lambda: notes.begun)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.reader.read(1), 0.05)
        notes.gate.set()
        assert await client.frame() == _write(RIGHT, 7, 2)
    assert notes.done == [TurnKey(1, "right")]


async def test_a_refused_command_answers_0x04_and_the_next_one_is_obeyed(port: int, notes: Notes) -> None:
    async with connected(port) as client:
        notes.refusing = True
        assert (await client.ask(_write(RESET, 1))).hex() == "000100000003018504"
        assert (await client.ask(_write("0f000000020103", 2))).hex() == "000200000003018f04"
        assert notes.requests == [(ResetPeak(0),), (TurnKey(0, "right"), ResetPeak(0))]
        notes.refusing = False
        assert await client.ask(_write(RESET, 3)) == _write(RESET, 3)
        assert (await client.ask(_write("0f000000020103", 4))).hex() == "000400000006010f00000002"
    assert notes.done == [ResetPeak(0), TurnKey(0, "right"), ResetPeak(0)]


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "one by one"])
async def test_what_comes_behind_a_write_is_answered_behind_it(
    port: int, notes: Notes, *, at_once: bool
) -> None:
    known = read_frame(3, 0, 1)
    requests = [_write(RIGHT, 1), read_frame(3, 0, 1, 1, 2), _write("6301", 3), _write(HOME, 4)]
    requests += [
        read_frame(1, 0, 2, 1, 5),
        _write("2b0e0100", 6),
        _write(RESET, 7),
        read_frame(3, 0, 1, 1, 8),
    ]
    async with connected(port) as client, connected(port) as other:
        await client.ask(known)
        notes.gate.clear()
        if at_once:
            client.send(b"".join(requests))
        for request in () if at_once else requests:
            client.send(request)
            await asyncio.sleep(0.01)
        await until(lambda: notes.begun)
        assert (await other.ask(known))[7] == 3
        assert notes.begun == [TurnKey(0, "right")]
        notes.gate.set()
        answers = [await asyncio.wait_for(client.frame(), 10) for _ in requests]
        assert [answer[:2] for answer in answers] == [request[:2] for request in requests]
        assert (await client.ask(known))[7] == 3
    assert notes.done == [TurnKey(0, "right"), TurnKey(0, "home"), ResetPeak(0)]


async def test_behind_a_write_only_so_much_is_held_and_then_all_is_answered(
    serve: Serve, notes: Notes
) -> None:
    adapter = await serve(METERS, notes)
    count = 400_000
    async with connected(ports_of(adapter)[0]) as client:
        notes.gate.clear()
        client.send(_write(RIGHT) + read_frame(3, 0, 1) * count)
        await until(lambda: notes.begun)
        (connection,) = connections_of(adapter)
        await until(lambda: len(connection._stream) > HELD)
        await asyncio.sleep(0.05)
        assert len(connection._stream) < 10 * HELD
        notes.gate.set()
        assert await client.frame() == _write(RIGHT)
        assert len(await client.reader.readexactly(11 * count)) == 11 * count
        assert await client.ask(_write(HOME)) == _write(HOME)


async def test_a_client_that_ends_its_side_gets_the_answers_to_its_writes(port: int, notes: Notes) -> None:
    async with connected(port) as client:
        notes.gate.clear()
        client.send(_write(RIGHT, 1) + _write(HOME, 2) + read_frame(3, 0, 1, 1, 3))
        client.writer.write_eof()
        await until(lambda: notes.begun)
        await asyncio.sleep(0.05)
        notes.gate.set()
        answers = await client.rest()
        assert answers[:24] == _write(RIGHT, 1) + _write(HOME, 2)
        assert answers[24:26] == b"\0\3"


async def test_a_bad_header_behind_a_write_closes_after_its_answer(port: int) -> None:
    async with connected(port) as client:
        client.send(_write(RIGHT) + b"GET / HTTP/1.1\r\n\r\n")
        assert await client.rest() == _write(RIGHT)


@pytest.mark.parametrize("reset", [True, False], ids=["reset", "closed"])
async def test_a_command_is_applied_though_its_asker_has_gone(
    serve: Serve, notes: Notes, *, reset: bool
) -> None:
    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
    adapter = await serve(METERS, notes)
    notes.gate.clear()
    with socket.create_connection(("127.0.0.1", ports_of(adapter)[0])) as sock:
        sock.sendall(_write("0f000000020103"))
        await until(lambda: notes.begun)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", reset, 0))
    await asyncio.sleep(0.02)
    notes.gate.set()
    await until(lambda: not adapter._connections and not adapter._pending._tasks)
    assert notes.done == [TurnKey(0, "right"), ResetPeak(0)]
    assert faults == []


async def test_stop_answers_a_write_that_ends_in_time(serve: Serve, notes: Notes) -> None:
    adapter = await serve(METERS, notes)
    async with connected(ports_of(adapter)[0]) as client:
        notes.gate.clear()
        client.send(_write(RIGHT, 5))
        await until(lambda: notes.begun)
        notes.refusing = True
        notes.gate.set()
        await adapter.stop()
        assert (await client.rest()).hex() == "000500000003018504"


async def test_stop_ends_a_write_that_takes_too_long() -> None:
    notes = Notes()
    adapter = adapter_of(METERS, commands=notes)
    adapter.show(snapshot_of(METERS))
    await adapter.start()
    async with connected(ports_of(adapter)[0]) as client:
        notes.gate.clear()
        client.send(_write(RIGHT) + _write(HOME))
        await until(lambda: notes.begun)
        async with asyncio.timeout(1.8):
            await adapter.stop()
        assert await client.rest() == b""
    assert notes.begun == [TurnKey(0, "right")]
    assert adapter._pending._tasks == set()


def _station(folder: Path, **meter: Any) -> AbstractAsyncContextManager[tuple[Station, int]]:
    """Run a real station of one meter on Modbus alone; give it and its port."""
    settings = {"id": "a", "model": "series-2000-277-480", "ct_a": 100, "options": ["demand", "peak_reset"]}
    return station_of(folder, {"meters": [settings | {"load": {"kw": 36}} | meter]})


PEAK = read_frame(3, 114, 2)
SCREEN = read_frame(3, 123, 1)
COILS = read_frame(1, 0, 2)


async def test_the_key_turned_and_back_while_the_lcd_shows_the_peak_resets_it(tmp_path: Path) -> None:
    async with _station(tmp_path) as (station, port), connected(port) as client:
        await station.control.apply(Advance(19 * 60 + 13))  # the cycle of 19 s begins at power-up
        assert (await client.ask(SCREEN))[9:].hex() == "0003"
        peak = await client.ask(PEAK)
        assert int.from_bytes(peak[9:]) > 0
        assert await client.ask(_write(RIGHT)) == _write(RIGHT)
        assert (await client.ask(COILS))[9:] == b"\1"
        await station.control.apply(Advance(0.5))
        assert await client.ask(PEAK) == peak
        assert await client.ask(_write(HOME)) == _write(HOME)
        assert (await client.ask(COILS))[9:] == b"\0"
        assert int.from_bytes((await client.ask(PEAK))[9:]) == 0


async def test_a_key_turned_for_too_long_resets_nothing(tmp_path: Path) -> None:
    async with _station(tmp_path) as (station, port), connected(port) as client:
        await station.control.apply(Advance(19 * 60 + 13))
        peak = await client.ask(PEAK)
        assert await client.ask(_write(RIGHT)) == _write(RIGHT)
        await station.control.apply(Advance(1.5))
        assert await client.ask(_write(HOME)) == _write(HOME)
        assert await client.ask(PEAK) == peak


async def test_the_reset_coil_resets_the_peak_from_afar(tmp_path: Path) -> None:
    async with _station(tmp_path) as (station, port), connected(port) as client:
        await station.control.apply(Advance(1200))
        assert int.from_bytes((await client.ask(PEAK))[9:]) > 0
        client.send(_write(RESET) + PEAK + COILS)
        assert await client.frame() == _write(RESET)
        assert int.from_bytes((await client.frame())[9:]) == 0
        assert (await client.frame())[9:] == b"\0"


async def test_a_meter_without_supply_refuses_the_reset_with_0x04_and_turns_its_key(tmp_path: Path) -> None:
    wiring = {"v1": {"open": True}}
    async with _station(tmp_path, wiring=wiring) as (_, port), connected(port) as client:
        assert (await client.ask(_write(RESET))).hex() == "000000000003018504"
        assert await client.ask(_write(RIGHT)) == _write(RIGHT)
        assert (await client.ask(COILS))[9:] == b"\1"
