"""Where meters are found: on a virtual network, at addresses or at ports of their own."""

import asyncio
import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from ipaddress import IPv4Interface
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.bacnet.delivery.pacing import BURST, MOST_WAITING, PAUSE_S, Pacer
from gateway.bacnet.port import sockets
from gateway.bacnet.port.sockets import Site, bind
from gateway.bacnet.wire import bvlc
from gateway.bacnet.wire import network as net
from gateway.bacnet.wire.bvlc import Address, Function
from gateway.bip import BbmdPeer, BbmdRole
from gateway.errors import AddressInUseError

CLIENTS = Path(__file__).parents[3] / "clients"
METERS = 5
HOSTS = tuple(f"127.0.1.{n}" for n in range(1, METERS + 1))
APART = {"addresses": {"hosts": HOSTS}, "ports": {}}
ENERGY = bytes.fromhex("0275010c0c000000011955")
WHO_IS = bytes.fromhex("1008")


class Apart:
    """A client of meters that have ports of their own."""

    def __init__(self, udp: socket.socket) -> None:
        self._udp = udp

    def send(self, npdu: bytes, address: Address, function: Function = Function.UNICAST) -> None:
        self._udp.sendto(net.datagram(npdu, function), address)

    async def receive(self) -> tuple[bytes, Address]:
        return await asyncio.wait_for(asyncio.get_running_loop().sock_recvfrom(self._udp, 2048), 5)

    async def read(self, address: Address, invoke: int = 1) -> bytes:
        """Return what the energy of the device at an address is said to be, with all headers."""
        self.send(b"\x01\x04" + ENERGY[:2] + bytes((invoke,)) + ENERGY[3:], address)
        answer, sender = await self.receive()
        assert sender == address
        return answer

    async def find(self, count: int) -> dict[int, Address]:
        """Return from where each of the next `count` I-Ams comes, by device instance; none has a network."""
        found: dict[int, Address] = {}
        while len(found) < count:
            answer, sender = await self.receive()
            assert answer[:8] == bytes.fromhex("810a0015 01001000")
            found[int.from_bytes(answer[9:13], "big") & 0x3FFFFF] = sender
        return found


@pytest.fixture
def apart() -> Iterator[Apart]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        udp.bind(("127.0.0.1", 0))
        udp.setblocking(False)
        yield Apart(udp)


def places(adapter: Any) -> list[Address]:
    """Return the addresses of the gateway and of its meters, as the ready file tells them."""
    entry = adapter.ready()["bacnet"]
    texts = [entry["address"].replace("/8", ""), *entry["meter_addresses"]]
    return [(text.rpartition(":")[0], int(text.rpartition(":")[2])) for text in texts]


@pytest.mark.parametrize("topology", APART)
async def test_every_meter_is_a_device_at_a_port_of_its_own(serve: Any, apart: Apart, topology: str) -> None:
    adapter = await serve(METERS, topology=topology, **APART[topology])
    gateway, *meters = places(adapter)
    for n, place in enumerate(meters, 1):
        answer = await apart.read(place)
        assert answer[4:].hex().startswith("0100 30010c0c0000000119553e44".replace(" ", ""))
        apart.send(bytes.fromhex("0104 0275020c0c023fffff194b"), place)
        answer, _ = await apart.receive()
        assert int.from_bytes(answer[-4:-1], "big") == 100_000 + n
    apart.send(bytes.fromhex("0104 0275020c0c023fffff194d"), gateway)
    assert b"plant-a" in (await apart.receive())[0]


async def test_addresses_and_ports_are_those_of_the_contract(serve: Any) -> None:
    (_, port), *meters = places(await serve(METERS, topology="addresses", hosts=HOSTS))
    assert meters == [(host, port) for host in HOSTS]
    (host, port), *meters = places(await serve(METERS, topology="ports"))
    assert meters == [(host, port + n) for n in range(1, METERS + 1)]


async def test_the_table_says_where_the_meters_are(serve: Any) -> None:
    adapter = await serve(METERS, topology="addresses", hosts=HOSTS)
    (endpoint,) = adapter.endpoints()
    port = endpoint.address.rpartition(":")[2]
    assert endpoint.serves == (
        f"device 100000, meters 100001–100005 at 127.0.1.1:{port} to 127.0.1.5:{port}"  # noqa: RUF001  a range
    )


@pytest.mark.parametrize("topology", APART)
@pytest.mark.parametrize("destination", ["00", "20ffff00ff"])
@pytest.mark.parametrize("broadcast", [False, True])
async def test_who_is_at_the_first_port_is_answered_from_every_meter_s_own(
    serve: Any, apart: Apart, topology: str, destination: str, *, broadcast: bool
) -> None:
    adapter = await serve(METERS, topology=topology, **APART[topology])
    gateway, *meters = places(adapter)
    question = b"\x01" + bytes.fromhex(destination) + WHO_IS
    if broadcast:
        apart.send(question, ("127.255.255.255", gateway[1]), Function.BROADCAST)
    else:
        apart.send(question, gateway)
    found = await apart.find(METERS + 1)
    assert found == dict(enumerate([gateway, *meters], 100_000))


@pytest.mark.parametrize("topology", APART)
async def test_who_is_at_a_meter_s_port_is_answered_by_that_meter(
    serve: Any, apart: Apart, topology: str
) -> None:
    place = places(await serve(METERS, topology=topology, **APART[topology]))[2]
    apart.send(b"\x01\x00" + WHO_IS, place)
    assert await apart.find(1) == {100_002: place}
    apart.send(b"\x01\x00" + bytes.fromhex("1007 2c020186a2"), place)
    assert b"\x10\x01\xc4\x02\x01\x86\xa2" in (await apart.receive())[0]


@pytest.mark.real_client("node", "npm:@bacnet-js/client")
@pytest.mark.parametrize("topology", APART)
async def test_bacnet_js_finds_and_reads_meters_without_a_router(serve: Any, topology: str) -> None:
    adapter = await serve(METERS, topology=topology, address="127.0.0.2/8", **APART[topology])
    port = adapter.endpoints()[0].address.rpartition(":")[2]
    command = ["node", "bacnet_js_client.cjs", "127.255.255.255", port, str(METERS + 1)]
    client = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, cwd=CLIENTS)
    out, _ = await asyncio.wait_for(client.communicate(), 60)
    found = json.loads(out)
    assert found["devices"] == list(range(100_000, 100_001 + METERS))
    assert [meter["name"] for meter in found["meters"]] == [f"plant-a.M{n:04}" for n in range(1, METERS + 1)]


@pytest.mark.parametrize("topology", APART)
async def test_nobody_routes_where_every_meter_is_on_this_network(
    serve: Any, apart: Apart, topology: str
) -> None:
    place, meter, *_ = places(await serve(METERS, topology=topology, own_network=7, **APART[topology]))
    for silent in ("018000", "01800003e8", "0124 03e8030186a1 ff 0275010c0c000000011955", "018007"):
        apart.send(bytes.fromhex(silent), place)
    for each in (place, meter):
        apart.send(bytes.fromhex("018012"), each)
        assert await apart.receive() == (net.datagram(bytes.fromhex("0180 13 0007 01")), each)


async def test_a_node_is_addressed_by_the_number_of_its_network_too(serve: Any, apart: Apart) -> None:
    place = places(await serve(METERS, topology="ports", own_network=7))[3]
    mac = bvlc.pack_address(place)
    for station in (mac, bytes((1, 2, 3, 4, 5, 6))):
        apart.send(b"\x01\x24\x00\x07\x06" + station + b"\xff" + ENERGY, place)
    apart.send(b"\x01\x04" + ENERGY[:2] + b"\x09" + ENERGY[3:], place)
    assert [(await apart.receive())[0][7] for _ in range(2)] == [1, 9]


@pytest.mark.parametrize("topology", APART)
async def test_a_plain_read_is_answered_the_same_fast_and_slow_and_anew_at_the_next_tick(
    serve: Any, apart: Apart, topology: str, plates: Any, snapshot: Any
) -> None:
    adapter = await serve(METERS, topology=topology, **APART[topology])
    place = places(adapter)[2]
    for tick in (1, 2):
        adapter.show(snapshot(plates(METERS), tick))
        apart.send(b"\x01\x05" + ENERGY, place)  # of another priority: the slow way
        slow, _ = await apart.receive()
        assert [await apart.read(place) for _ in range(2)] == [
            slow.replace(b"\x01\x01\x30", b"\x01\x00\x30")
        ] * 2
        assert (await apart.read(place, invoke=200))[7] == 200
        assert len(adapter._hosts[2]._plain._ways) == 1


@pytest.mark.parametrize("topology", APART)
async def test_all_ports_are_bound_or_none(serve: Any, topology: str) -> None:
    first = await serve(METERS, topology=topology, **APART[topology])
    gateway, *meters = places(first)
    await first.stop()
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as rival:
        rival.bind(meters[3])
        with pytest.raises(AddressInUseError, match=rf"BACnet/IP: {meters[3][0]}:{meters[3][1]} is already"):
            await serve(METERS, topology=topology, port=gateway[1], **APART[topology])
    again = await serve(METERS, topology=topology, port=gateway[1], **APART[topology])
    assert places(again) == [gateway, *meters]


async def test_an_address_that_the_machine_lacks_is_refused_with_what_moves_it(serve: Any) -> None:
    fault = r"192\.0\.2\.1:\d+ is not an address of this machine; bacnet\.meters_from moves it"
    with pytest.raises(AddressInUseError, match=fault):
        await serve(1, topology="addresses", hosts=("192.0.2.1",))


async def test_ports_past_the_last_one_are_refused(serve: Any) -> None:
    with pytest.raises(AddressInUseError, match=r"127\.0\.0\.1:65536 is beyond the last port, 65535"):
        await serve(METERS, topology="ports", port=65_533)


async def test_a_taken_port_in_a_run_of_free_ones_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    refused: list[Address] = []
    whole = sockets._bound

    def bound(host: str, port: int, mover: str) -> socket.socket:
        if len(refused) < 3 and host == "127.0.0.3":
            refused.append((host, port))
            raise AddressInUseError("BACnet/IP", f"{host}:{port}", "--bacnet-port")
        return whole(host, port, mover)

    monkeypatch.setattr(sockets, "_bound", bound)
    first, *further = bind(IPv4Interface("127.0.0.1/8"), 0, [Site("127.0.0.2", 1), Site("127.0.0.3", 2)])
    assert len(refused) == 3
    assert len({udp.fileno() for udps in (first, *further) for udp in udps}) == 4
    for udp in (udp for udps in (first, *further) for udp in udps):
        udp.close()


async def test_a_thousand_meters_have_ports_of_their_own_and_are_all_found(serve: Any, apart: Apart) -> None:
    adapter = await serve(1000, topology="ports")
    gateway, *meters = places(adapter)
    apart.send(b"\x01\x00" + WHO_IS, gateway)
    assert await apart.find(1001) == dict(enumerate([gateway, *meters], 100_000))


def test_who_is_to_a_thousand_meters_is_answered_whole_within_two_seconds() -> None:
    assert 1001 / BURST * PAUSE_S < 2


async def test_a_short_answer_need_not_wait_for_a_long_one_and_floods_do_not_pile_up() -> None:
    said: list[int] = []
    pacer = Pacer()

    def stream(asker: int, count: int) -> Any:
        return ((lambda: said.append(asker)) for _ in range(count))

    for asker in range(MOST_WAITING + 10):
        pacer.add(asker, stream(asker, 1000))
    assert len(pacer._streams) == MOST_WAITING
    pacer.stop()
    said.clear()
    pacer.add("long", stream(0, 1000))
    pacer.add("short", stream(1, 1))
    pacer._burst()
    assert 1 in said
    assert said.count(0) == BURST * 2 - 1
    pacer.stop()


async def test_what_meters_of_their_own_broadcast_is_taken_to_other_subnets(serve: Any) -> None:
    adapter = await serve(
        METERS,
        topology="addresses",
        address="127.0.1.9/24",
        hosts=HOSTS,
        role=BbmdRole((BbmdPeer("127.0.2.1", 9),)),
    )
    sent: list[tuple[bytes, Address]] = []
    port = adapter._host.place[1]
    for host in adapter._hosts:
        host._sender.sendto = lambda datagram, address: sent.append((datagram, address))
    meter = adapter._meters[2]
    adapter.broadcast(meter, b"\x10\x00")
    npdu = bytes.fromhex("0120ffff00ff1000")
    assert sent == [
        (net.datagram(npdu, Function.BROADCAST), ("127.0.1.255", port)),
        (bvlc.forwarded(("127.0.1.3", port), npdu), ("127.0.2.1", 9)),
    ]
    sent.clear()
    adapter._host._plain.receive(net.datagram(npdu, Function.BROADCAST), ("127.0.1.3", port))
    assert sent == []


WHOLE = [
    net.datagram(b"\x01\x04" + ENERGY),
    net.datagram(bytes.fromhex("012403e8030186a1ff") + ENERGY),
    net.datagram(bytes.fromhex("0120ffff00ff1008"), Function.BROADCAST),
    net.datagram(bytes.fromhex("012c00010105000901aaff0275010c")),
    net.datagram(bytes.fromhex("01800601000a0100")),
    net.datagram(bytes.fromhex("018012")),
    bvlc.registration(60),
    bvlc.forwarded(("127.0.2.1", 9), bytes.fromhex("01001008")),
    *(bvlc.message(function, bytes.fromhex("0a000105bac0ffffffff")) for function in Function),
]


@pytest.mark.parametrize("topology", ["virtual", *APART])
@given(
    damages=st.lists(
        st.tuples(st.sampled_from(WHOLE), st.integers(0, 24), st.binary(max_size=6)), min_size=1, max_size=20
    )
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_headers_stop_any_port_of_a_bbmd(
    make_adapter: Any, topology: str, damages: list[tuple[bytes, int, bytes]]
) -> None:
    async def run() -> None:
        adapter = make_adapter(
            METERS,
            address="127.0.1.9/24",
            topology=topology,
            role=BbmdRole((BbmdPeer("127.0.2.1", 9),), write_peers=True),
            **APART.get(topology, {}),
        )
        await adapter.start()
        answer: list[bytes] = []
        header = bytes.fromhex("012403e8030186a1ff") if topology == "virtual" else b"\x01\x04"
        try:
            for host in adapter._hosts[:2]:
                for whole, at, put in damages:
                    for sender in (("127.0.2.1", 9), ("127.0.1.77", 9)):
                        host._plain.receive(whole[:at] + put + whole[at + len(put) :], sender)
                        host._plain.receive(whole[:at], sender)
            await asyncio.sleep(0)
            host = adapter._hosts[-1]
            host._sender.sendto = lambda datagram, _: answer.append(datagram)
            host._plain.receive(net.datagram(header + ENERGY), ("127.0.1.77", 9))
            assert answer[0][-17:-14] == b"\x30\x01\x0c"
        finally:
            await adapter.stop()

    asyncio.run(run())
