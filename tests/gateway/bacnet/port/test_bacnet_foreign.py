"""The foreign device: it registers, stays registered and has its broadcasts distributed."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from gateway.bacnet.port import foreign
from gateway.bacnet.wire import bvlc
from gateway.bacnet.wire.bvlc import GRACE_S, Function
from gateway.bip import BbmdPeer, BbmdRole, ForeignRole

TTL = 60
DONE = bytes.fromhex("810000060000")
WHO_IS = bytes.fromhex("0120ffff00ff1008")


class Socket:
    """A UDP socket on the loopback that others take for a BBMD, or for a client."""

    def __init__(self) -> None:
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.setblocking(False)
        self._udp.bind(("127.0.3.1", 0))
        self.place = self._udp.getsockname()

    async def receive(self) -> tuple[bytes, Any]:
        return await asyncio.wait_for(asyncio.get_running_loop().sock_recvfrom(self._udp, 2048), 10)

    def send(self, datagram: bytes, address: Any) -> None:
        self._udp.sendto(datagram, address)

    def close(self) -> None:
        self._udp.close()


@pytest.fixture
async def bbmd() -> AsyncIterator[Socket]:
    made = Socket()
    yield made
    made.close()


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let attempts follow each other at once."""
    monkeypatch.setattr(foreign, "_ANSWER_S", 0.05)
    monkeypatch.setattr(foreign, "_RETRY_S", 0.01)


@pytest.fixture
def start(serve: Any) -> Callable[..., Any]:
    """Return a function that starts an adapter that is a foreign device at a BBMD."""

    async def started(place: tuple[str, int], ttl_s: int = TTL) -> Any:
        return await serve(3, address="127.0.1.1/24", role=ForeignRole(*place, ttl_s))

    return started


async def registered(adapter: Any, bbmd: Socket) -> Any:
    """Register an adapter at a BBMD, take what it says at its start, and return where it is."""
    registration, place = await bbmd.receive()
    assert registration == bvlc.registration(TTL)
    bbmd.send(DONE, place)
    await until(lambda: link_of(adapter).registered)
    for npdu in (bytes.fromhex("01800103e8"), bytes.fromhex("0120ffff00ff 1008 0b0186a0 1b0186a3")):
        assert await bbmd.receive() == (bvlc.message(Function.DISTRIBUTE, npdu), place)
    return place


async def until(true: Callable[[], object]) -> None:
    """Return when something has come true."""
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110  what is waited for has no event
            await asyncio.sleep(0.005)


def link_of(adapter: Any) -> foreign.ForeignDevice:
    link: foreign.ForeignDevice = adapter._host._link
    return link


async def test_it_registers_and_has_distributed_what_it_says_at_the_start_and_later(
    start: Any, bbmd: Socket
) -> None:
    adapter = await start(bbmd.place)
    place = await registered(adapter, bbmd)
    bbmd.send(bvlc.forwarded(("127.0.3.9", 9), WHO_IS), place)
    datagram, sender = await bbmd.receive()
    assert sender == place
    assert datagram == bvlc.message(
        Function.DISTRIBUTE, bytes.fromhex("0120ffff00ff 1000 c4020186a0 2205c4 9101 2203e7")
    )


async def test_it_leaves_when_it_stops_and_nobody_hears_it_while_the_bbmd_is_lost(
    start: Any, bbmd: Socket
) -> None:
    adapter = await start(bbmd.place)
    place = await registered(adapter, bbmd)
    link_of(adapter)._until = 0.0
    adapter.broadcast(adapter._gateway, b"\x10\x00")
    await adapter.stop()
    assert (await bbmd.receive())[0] == bvlc.message(Function.DELETE, bvlc.pack_address(place))


async def test_what_others_than_the_bbmd_forward_is_not_answered(start: Any, bbmd: Socket) -> None:
    adapter = await start(bbmd.place)
    _, place = await bbmd.receive()
    client = Socket()
    client.send(bvlc.forwarded(client.place, WHO_IS), place)
    client.send(bvlc.message(Function.READ_FDT), place)
    assert (await client.receive())[0] == bytes.fromhex("810000060040")
    assert not adapter._application._pacer._streams
    client.close()


@pytest.mark.usefixtures("fast")
async def test_loss_and_recovery_are_told_once(
    start: Any, bbmd: Socket, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, foreign.__name__)
    adapter = await start(bbmd.place)
    where = f"the BBMD at 127.0.3.1:{bbmd.place[1]}"
    for _ in range(3):
        _, place = await bbmd.receive()
    while not link_of(adapter).registered:
        bbmd.send(DONE, place)
        await asyncio.sleep(0.005)
    await until(lambda: len(caplog.records) == 2)
    assert [record.message for record in caplog.records] == [
        f"BACnet/IP: {where} does not answer; tried again every 0.01 s",
        f"BACnet/IP: registered as a foreign device at {where}",
    ]


@pytest.mark.usefixtures("fast")
async def test_a_bbmd_that_takes_no_more_is_asked_again(
    start: Any, bbmd: Socket, caplog: pytest.LogCaptureFixture
) -> None:
    await start(bbmd.place)
    for _ in range(3):
        registration, place = await bbmd.receive()
        assert registration[1] == Function.REGISTER
        bbmd.send(bytes.fromhex("810000060030"), place)
    assert "takes no more foreign devices" in caplog.text


async def test_a_bbmd_that_was_started_anew_is_registered_at_again(start: Any, bbmd: Socket) -> None:
    adapter = await start(bbmd.place)
    place = await registered(adapter, bbmd)
    bbmd.send(bytes.fromhex("810000060060"), place)
    assert (await bbmd.receive())[0] == bvlc.registration(TTL)


async def test_it_is_renewed_in_half_its_time(start: Any, bbmd: Socket) -> None:
    await start(bbmd.place, ttl_s=2)
    loop = asyncio.get_running_loop()
    _, place = await bbmd.receive()
    first = loop.time()
    bbmd.send(DONE, place)
    while (await bbmd.receive())[0] != bvlc.registration(2):
        pass
    assert loop.time() - first < 2


@pytest.mark.usefixtures("fast")
async def test_a_bbmd_whose_name_nobody_knows_is_told_of(
    start: Any, caplog: pytest.LogCaptureFixture
) -> None:
    await start(("no-such-host.invalid", 47808))
    await until(lambda: "no-such-host.invalid:47808 cannot be found" in caplog.text)


async def found_on(subnet: str, near: Any, count: int) -> list[int]:
    """Return the device instances that a broadcast on the subnet of `near` finds."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind((subnet + "9", 0))
        udp.setblocking(False)
        everybody = (subnet + "255", near._host.place[1])
        await loop.sock_sendto(udp, bvlc.message(Function.BROADCAST, WHO_IS), everybody)
        found: set[int] = set()
        while len(found) < count:
            datagram = await asyncio.wait_for(loop.sock_recv(udp, 2048), 5)
            _, _, tail = datagram.partition(b"\x10\x00\xc4")
            found.add(int.from_bytes(tail[:4], "big") & 0x3FFFFF)
    return sorted(found)


DEVICES = [100_000, 100_001, 200_000, 200_001]


async def test_a_foreign_device_is_found_on_the_subnet_of_its_bbmd(serve: Any) -> None:
    home = await serve(1, address="127.0.2.1/24", role=BbmdRole())
    host, port = home._host.place
    role = ForeignRole(host, port, TTL)
    away = await serve(1, address="127.0.1.1/24", device_instance=200_000, role=role)
    await until(lambda: link_of(away).registered)
    assert await found_on("127.0.2.", home, 4) == DEVICES


async def test_what_is_asked_on_one_subnet_is_answered_from_the_other(serve: Any) -> None:
    near = await serve(1, address="127.0.1.1/24", role=BbmdRole(write_peers=True))
    role = BbmdRole((BbmdPeer(*near._host.place),))
    far = await serve(1, address="127.0.2.1/24", device_instance=200_000, role=role)
    table = bvlc.message(Function.WRITE_BDT, bvlc.pack_peers([BbmdPeer(*far._host.place)]))
    manager = Socket()
    manager.send(table, near._host.place)
    assert (await manager.receive())[0] == DONE
    manager.close()
    assert await found_on("127.0.1.", near, 4) == DEVICES


async def test_a_client_registers_without_a_time_to_live_and_hears_broadcasts_for_the_grace(
    serve: Any, bbmd: Socket
) -> None:
    home = await serve(1, address="127.0.2.1/24", role=BbmdRole())
    bbmd.send(bvlc.registration(0), home._host.place)
    assert (await bbmd.receive())[0] == DONE
    bbmd.send(bvlc.message(Function.READ_FDT, b""), home._host.place)
    line = (await bbmd.receive())[0][4:].hex()
    assert line[12:16] == "0000"
    assert 0 < int(line[16:], 16) <= GRACE_S
    home._host.broadcast(home._gateway, b"\x10\x08")
    assert (await bbmd.receive())[0][1] == Function.FORWARDED
