"""How many clients there may be, who must make room, and what one client may cost the others."""

import asyncio
import socket

import pytest

from gateway.modbus.transports import connection as connection_module
from gateway.modbus.transports import connections as connections_module
from gateway.modbus.transports.connections import Connections
from gateway.modbus.units.counters import ConnectionCounters
from tests.gateway.modbus.conftest import Serve, connected, connections_of, ports_of, read_frame, until
from tests.support.snapshots import nameplates

READ = read_frame(3, 246, 1)
ANSWER = "0000000000050103020001"


class Guest:
    """A connection by name."""

    def __init__(self, name: str, ended: list[str]) -> None:
        self.name = name
        self.active = False
        self.opened = self.heard = 0.0
        self._ended = ended

    def overdue(self) -> bool:
        return False

    def close(self) -> None:
        self._ended.append(self.name)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Give a clock that stands at its only entry."""
    clock = [1000.0]
    monkeypatch.setattr("gateway.modbus.transports.connections.time.monotonic", lambda: clock[0])
    return clock


def test_the_one_that_is_idle_longest_makes_room_and_first_those_that_never_spoke(now: list[float]) -> None:
    ended: list[str] = []
    counters = ConnectionCounters()
    connections = Connections(3, 0, counters)
    guests = {name: Guest(name, ended) for name in "abcdef"}
    for name in "abc":
        assert connections.admit(guests[name])
    for name in "bac":
        now[0] += 10
        guests[name].active = True
        connections._refreshed()
    guests["c"].active = True
    now[0] += 10
    assert connections.admit(guests["d"])
    assert connections.admit(guests["e"])
    assert connections.admit(guests["f"])
    assert ended == ["b", "d", "e"]
    assert (counters.open, counters.accepted, counters.closed_idle, counters.refused) == (3, 6, 3, 0)
    for guest in guests.values():
        guest.active = True
    assert not connections.admit(Guest("g", ended))
    assert (counters.open, counters.refused) == (3, 1)


async def test_a_newcomer_takes_the_place_of_an_idle_client(serve: Serve) -> None:
    adapter = await serve(nameplates(1), connections=2)
    (port,) = ports_of(adapter)
    async with connected(port) as idle:
        await until(lambda: len(adapter._connections) == 1)
        async with connected(port) as busy, connected(port) as newcomer:
            assert (await busy.ask(READ)).hex() == ANSWER
            assert (await newcomer.ask(READ)).hex() == ANSWER
            assert await idle.rest() == b""
            assert (await busy.ask(READ)).hex() == ANSWER


async def test_where_all_are_at_work_a_newcomer_is_refused(serve: Serve) -> None:
    adapter = await serve(nameplates(1), connections=1)
    (port,) = ports_of(adapter)
    async with connected(port) as busy:
        await busy.ask(READ)
        async with connected(port) as newcomer:
            assert await newcomer.rest() == b""
        assert (await busy.ask(READ)).hex() == ANSWER
    counters = adapter._connections._counters
    await until(lambda: counters.open == 0)
    assert (counters.accepted, counters.refused, counters.closed_idle) == (1, 1, 0)


async def test_an_idle_connection_is_closed_after_its_time(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections_module, "_EVERY", 0.01)
    adapter = await serve(nameplates(1), idle_s=0.2)
    (port,) = ports_of(adapter)
    async with connected(port) as idle, connected(port) as busy:
        resting = asyncio.create_task(idle.rest())
        while not resting.done():
            await busy.ask(READ)
            await asyncio.sleep(0.01)
        assert resting.result() == b""
        assert (await busy.ask(READ)).hex() == ANSWER
    assert adapter._connections._counters.closed_idle == 1


async def test_who_does_not_finish_a_frame_is_closed(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections_module, "_EVERY", 0.01)
    monkeypatch.setattr(connection_module, "PATIENCE", 5)
    (port,) = ports_of(await serve(nameplates(1)))
    async with connected(port) as stuck, connected(port) as fine:
        stuck.send(READ + READ[:7])
        assert (await stuck.frame()).hex() == ANSWER
        assert await stuck.rest() == b""
        assert (await fine.ask(READ)).hex() == ANSWER


async def test_byte_by_byte_is_slow_but_no_reason_to_close(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody looks after every byte, as if one came a second."""
    monkeypatch.setattr(connection_module, "PATIENCE", len(READ))
    adapter = await serve(nameplates(1))
    (port,) = ports_of(adapter)
    async with connected(port) as client:
        await client.ask(READ)
        (connection,) = connections_of(adapter)

        async def come(count: int) -> None:
            await until(lambda: len(connection._stream) == count % len(READ))

        for _ in range(5):
            for at, byte in enumerate(READ):
                client.send(bytes((byte,)))
                await come(at + 1)
                assert not connection.overdue()
            assert (await client.frame()).hex() == ANSWER


async def test_thousands_of_connections_come_and_go_and_one_that_works_stays(serve: Serve) -> None:
    adapter = await serve(nameplates(1), connections=50)
    counters = adapter._connections._counters
    (port,) = ports_of(adapter)
    flood: list[socket.socket] = []
    async with connected(port) as client:
        await client.ask(READ)
        try:
            for _ in range(1000):
                sock = socket.socket()
                sock.setblocking(False)
                sock.connect_ex(("127.0.0.1", port))
                flood.append(sock)
                if len(flood) % 100 == 0:
                    assert (await client.ask(READ)).hex() == ANSWER
                    await until(lambda: counters.accepted == len(flood) + 1)
            assert len(adapter._connections) <= 50
            assert (await client.ask(READ)).hex() == ANSWER
        finally:
            for sock in flood:
                sock.close()


async def test_a_flood_of_requests_leaves_others_their_turn(serve: Serve) -> None:
    """While thousands of requests of one client wait, those of another are answered in between."""
    adapter = await serve(nameplates(1))
    (port,) = ports_of(adapter)
    async with connected(port) as flooder, connected(port) as other:
        await other.ask(READ)
        count = 20_000
        flooder.send(b"".join(read_frame(3, 0, 2 + n % 60, 1, n) for n in range(count)))
        assert (await other.ask(READ)).hex() == ANSWER
        assert any(len(guest._stream) >= len(READ) for guest in connections_of(adapter))
        for n in range(count):
            assert (await flooder.frame())[:2] == n.to_bytes(2, "big")
