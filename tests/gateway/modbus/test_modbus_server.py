"""The adapter on real sockets, on asyncio's loop and on uvloop."""

import asyncio
import os
import socket
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import AddressInUseError
from gateway.modbus.line import FRAMES_AT_ONCE
from gateway.modbus.transports.connection import Connection
from gateway.modbus.transports.listeners import Streams
from register_maps.errors import RegisterMapError
from tests.gateway.modbus.conftest import (
    LOOPS,
    Serve,
    adapter_of,
    connected,
    connections_of,
    frame,
    frames_in,
    ports_of,
    read_frame,
    reference,
)
from tests.support.snapshots import nameplates, snapshot_of


async def test_a_read_is_answered_from_the_snapshot(serve: Serve) -> None:
    meters = nameplates(3)
    (port,) = ports_of(await serve(meters))
    words = reference(snapshot_of(meters), meters[2], 2, 3)
    async with connected(port) as client:
        for transaction in (1, 0xFFFF):
            answer = await client.ask(read_frame(4, 200, 47, 3, transaction))
            assert answer == struct.pack(">HHHBBB", transaction, 0, 97, 3, 4, 94) + b"".join(
                words[at] for at in range(200, 247)
            )


async def test_the_next_tick_shows_on_open_connections(serve: Serve) -> None:
    meters = nameplates(2)
    adapter = await serve(meters)
    async with connected(ports_of(adapter)[0]) as client:
        for tick in range(1, 5):
            snapshot = snapshot_of(meters, tick)
            adapter.show(snapshot)
            await adapter.shown()
            words = reference(snapshot, meters[1], 1, 2)
            for _ in range(2):
                answer = await client.ask(read_frame(3, 100, 28, 2, tick))
                assert answer[9:] == b"".join(words[at] for at in range(100, 128))


async def test_pipelined_requests_are_answered_in_order(serve: Serve) -> None:
    (port,) = ports_of(await serve(nameplates(3)))
    pdus = [
        bytes.fromhex(pdu)
        for pdu in ("0300000002", "2b0e0100", "0300400001", "0200000010", "6301", "04006e0002", "0600000001")
    ]
    requests = [frame(pdus[n % 7], n % 5, n) for n in range(2000)]
    async with connected(port) as client:
        client.send(b"".join(requests))
        for n, request in enumerate(requests):
            answer = await asyncio.wait_for(client.frame(), 10)
            assert answer[:2] == struct.pack(">H", n)
            assert answer[6] == request[6]
            assert answer[7] & 0x7F == request[7]


async def test_a_frame_may_come_byte_by_byte(serve: Serve) -> None:
    (port,) = ports_of(await serve(nameplates(1)))
    request = read_frame(3, 0, 64, 1, 9)
    async with connected(port) as client:
        whole = await client.ask(request)
        for byte in request * 2:
            client.send(bytes((byte,)))
            await asyncio.sleep(0)
        assert await client.frame() == whole
        assert await client.frame() == whole
        client.send(request + request[:5])
        assert await client.frame() == whole
        assert await client.ask(request[5:]) == whole


async def test_a_known_request_behind_half_a_frame_is_not_taken_for_a_frame(serve: Serve) -> None:
    """Twelve bytes that were asked before are an answer only where a frame begins."""
    (port,) = ports_of(await serve(nameplates(1)))
    request = read_frame(3, 0, 1)
    async with connected(port) as client:
        await client.ask(request)
        client.send(b"\0\1\0\0\0\x0e\x01")
        await asyncio.sleep(0.05)
        answer = await client.ask(b"\x63" + request)
        assert answer.hex() == "00010000000301e301"


@pytest.mark.parametrize(
    "bad", ["000000010006", "000000000001", "000000000000", "0000000000ff", "474554202f20"]
)
async def test_a_bad_header_closes_its_connection_after_the_answers_due(serve: Serve, bad: str) -> None:
    (port,) = ports_of(await serve(nameplates(1)))
    async with connected(port) as other, connected(port) as client:
        requests = b"".join(read_frame(3, 0, 64, 1, n) for n in range(FRAMES_AT_ONCE + 50))
        client.send(requests + bytes.fromhex(bad) + read_frame(3, 0, 1))
        answers = frames_in(await client.rest())
        assert [answer[:2] for answer in answers] == [
            struct.pack(">H", n) for n in range(FRAMES_AT_ONCE + 50)
        ]
        assert (await other.ask(read_frame(3, 0, 1)))[7:9] == b"\x03\x02"
    async with connected(port) as later:
        assert (await later.ask(read_frame(3, 0, 1)))[7:9] == b"\x03\x02"


async def test_a_client_that_ends_its_side_gets_its_answers(serve: Serve) -> None:
    (port,) = ports_of(await serve(nameplates(1)))
    async with connected(port) as client:
        client.send(b"".join(read_frame(3, 0, 125 - n % 2, 1, n) for n in range(3000)) + b"\0\0\0")
        client.writer.write_eof()
        assert len(frames_in(await client.rest())) == 3000


def _shout(port: int, pieces: list[bytes]) -> bytes:
    """Send what no one should, from outside the loop; return the answers."""
    answers = b""
    with socket.create_connection(("127.0.0.1", port), 10) as sock, suppress(OSError):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            sock.sendall(piece)
        sock.shutdown(socket.SHUT_WR)
        while part := sock.recv(65536):
            answers += part
    return answers


async def _attack(pieces: list[bytes]) -> None:
    """Let one client misbehave; then ask as a client should, on a new connection."""
    loop = asyncio.get_running_loop()
    faults: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: faults.append(context))
    meters = nameplates(1)
    adapter = adapter_of(meters)
    adapter.show(snapshot_of(meters))
    await adapter.start()
    (port,) = ports_of(adapter)
    try:
        frames_in(await loop.run_in_executor(None, _shout, port, pieces))
        async with connected(port) as client:
            assert (await client.ask(read_frame(3, 246, 1))).hex() == "0000000000050103020001"
    finally:
        await adapter.stop()
    assert faults == []


@pytest.mark.parametrize("loop", LOOPS)
@settings(max_examples=40, deadline=None)
@given(pieces=st.lists(st.one_of(st.binary(max_size=300), st.just(read_frame(3, 0, 2))), max_size=6))
def test_whatever_a_client_sends_the_next_one_is_served(loop: str, pieces: list[bytes]) -> None:
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(_attack(pieces))


async def test_a_client_that_is_gone_in_the_middle_of_its_answers_harms_nobody(serve: Serve) -> None:
    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
    adapter = await serve(nameplates(1))
    (port,) = ports_of(adapter)
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.setblocking(False)
            sock.send(read_frame(3, 0, 64) * 20_000)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            await asyncio.sleep(0.01)
    async with connected(port) as client:
        assert (await client.ask(read_frame(3, 0, 1)))[7] == 3
        assert len(adapter._connections) == 1
    assert faults == []


async def test_a_client_that_does_not_read_is_not_read_from(serve: Serve) -> None:
    """Megabytes of requests wait in the sockets, not in the process; when it reads, all are answered."""
    adapter = await serve(nameplates(1))
    (port,) = ports_of(adapter)
    count = 60_000
    async with connected(port) as client:
        client.reader._transport.pause_reading()  # type: ignore[attr-defined]  # only the kernel takes answers
        client.send(b"".join(read_frame(3, 0, 64, 1, n % 65536) for n in range(count)))
        for _ in range(50):
            await asyncio.sleep(0.01)
        (connection,) = connections_of(adapter)
        assert connection._paused
        assert connection._transport.get_write_buffer_size() < 1_000_000
        assert len(connection._stream) < 1_000_000
        async with connected(port) as other:
            assert (await other.ask(read_frame(3, 0, 1)))[7] == 3
        client.reader._transport.resume_reading()  # type: ignore[attr-defined]
        for n in range(count):
            assert (await client.frame())[:2] == struct.pack(">H", n % 65536)


async def test_stop_closes_listeners_and_connections_even_those_that_do_not_read(serve: Serve) -> None:
    adapter = await serve(nameplates(1))
    (port,) = ports_of(adapter)
    async with connected(port) as idle, connected(port) as stuck:
        await idle.ask(read_frame(3, 0, 1))
        stuck.reader._transport.pause_reading()  # type: ignore[attr-defined]
        stuck.send(read_frame(3, 0, 64) * 60_000)
        await asyncio.sleep(0.2)
        await asyncio.wait_for(adapter.stop(), 5)
        assert await idle.rest() == b""
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        await adapter.stop()
        assert adapter.endpoints() == []
        assert adapter.ready() == {"modbus": []}


async def test_stop_before_start_does_nothing() -> None:
    await adapter_of(nameplates(1)).stop()


async def test_every_247_meters_have_a_port(serve: Serve) -> None:
    meters = nameplates(500)
    adapter = await serve(meters)
    ports = ports_of(adapter)
    assert adapter.ready() == {
        "modbus": [
            {"host": "127.0.0.1", "port": port, "units": [1, units]}
            for port, units in zip(ports, (247, 247, 6), strict=True)
        ]
    }
    assert [endpoint.serves for endpoint in adapter.endpoints()] == [
        "meters 1 to 247 as units 1 to 247; native",
        "meters 248 to 494 as units 1 to 247; native",
        "meters 495 to 500 as units 1 to 6; native",
    ]
    for port, unit, number in ((ports[0], 247, 247), (ports[1], 1, 248), (ports[2], 6, 500)):
        async with connected(port) as client:
            answer = await client.ask(read_frame(3, 232, 4, unit))
            assert answer[9:] == f"S{number:07}".encode()
    async with connected(ports[2]) as client:
        assert (await client.ask(read_frame(3, 232, 4, 7))).hex() == "00000000000307830b"


def _free_ports(count: int) -> int:
    """Return the first of `count` free consecutive ports, below those that the system hands out."""
    for first in range(20_000 + os.getpid() % 1000 * 10, 32_000, count):
        if all(_is_free(port) for port in range(first, first + count)):
            return first
    raise AssertionError("no consecutive free ports")


def _is_free(port: int) -> bool:
    with suppress(OSError), socket.create_server(("127.0.0.1", port)):
        return True
    return False


async def test_later_ports_follow_the_first_one() -> None:
    port, meters = _free_ports(3), nameplates(500)
    adapter = adapter_of(meters, port=port)
    adapter.show(snapshot_of(meters))
    await adapter.start()
    assert ports_of(adapter) == [port, port + 1, port + 2]
    await adapter.stop()


async def test_a_later_port_that_is_taken_is_told_and_frees_the_earlier_ones() -> None:
    port, meters = _free_ports(3), nameplates(500)
    adapter = adapter_of(meters, port=port)
    with socket.create_server(("127.0.0.1", port + 2)), pytest.raises(AddressInUseError) as caught:
        await adapter.start()
    assert str(caught.value) == (
        f"Modbus TCP: 127.0.0.1:{port + 2} is already in use; --modbus-port moves it"
    )
    assert adapter.endpoints() == []
    assert _is_free(port)
    assert _is_free(port + 1)


async def test_a_second_gateway_cannot_share_the_port(serve: Serve) -> None:
    (port,) = ports_of(await serve(nameplates(1)))
    second = adapter_of(nameplates(1), port=port)
    with pytest.raises(AddressInUseError, match="already in use; --modbus-port moves it"):
        await second.start()


@pytest.mark.parametrize("host", ["203.0.113.5", "no.such.host.invalid", "300.1.2.3"])
async def test_an_address_that_is_not_here_is_told(host: str) -> None:
    adapter = adapter_of(nameplates(1), host=host)
    with pytest.raises(AddressInUseError) as caught:
        await adapter.start()
    assert str(caught.value) == f"Modbus TCP: {host}:0 is not an address of this machine; --host moves it"


async def test_ports_past_the_last_one_are_told() -> None:
    adapter = adapter_of(nameplates(1), port=65536)
    with pytest.raises(
        AddressInUseError, match="65536 is beyond the last port, 65535; --modbus-port moves it"
    ):
        await adapter.start()


async def test_it_serves_on_ipv6_too() -> None:
    meters = nameplates(1)
    adapter = adapter_of(meters, host="::1")
    adapter.show(snapshot_of(meters))
    await adapter.start()
    (port,) = ports_of(adapter)
    assert adapter.endpoints()[0].address == f"[::1]:{port}"
    _, writer = await asyncio.open_connection("::1", port)
    writer.close()
    await adapter.stop()


async def test_small_answers_are_not_held_back_and_ports_are_not_shared(serve: Serve) -> None:
    adapter = await serve(nameplates(1))
    async with connected(ports_of(adapter)[0]) as client:
        await client.ask(read_frame(3, 0, 1))
        (connection,) = connections_of(adapter)
        assert _option(connection, socket.IPPROTO_TCP, socket.TCP_NODELAY)
    (point,) = adapter._points
    assert isinstance(point, Streams)
    listener = point._servers[0].sockets[0]
    assert not listener.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT)


def _option(connection: Connection, level: int, option: int) -> int:
    sock: socket.socket = connection._transport.get_extra_info("socket")
    return sock.getsockopt(level, option)


def test_a_map_that_is_wrong_is_told_before_anything_is_bound(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("name: mine\n")
    with pytest.raises(RegisterMapError, match=r"mine\.yaml:1: entries: missing"):
        adapter_of(nameplates(1), maps=["native", str(file)])
    with pytest.raises(RegisterMapError, match="no such register map"):
        adapter_of(nameplates(1), maps=["sunspeck"])
