"""The adapter on real sockets: who is answered, where, and that nothing that comes stops it."""

import asyncio
import socket
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import uvloop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.bacnet.delivery.pacing import BURST, Pacer
from gateway.bacnet.port.link import Link
from gateway.bacnet.port.sockets import Port, is_own
from gateway.bacnet.server import BacnetAdapter
from gateway.bacnet.wire import network as net
from gateway.bacnet.wire.bvlc import Address, Function
from gateway.errors import AddressInUseError

ENERGY = bytes.fromhex("0275010c0c000000011955")


def to_meter(apdu: bytes, instance: int = 100_001) -> bytes:
    """Return a datagram to a meter, which expects a reply."""
    return net.datagram(bytes.fromhex("012403e803") + instance.to_bytes(3, "big") + b"\xff" + apdu)


def to_gateway(apdu: bytes) -> bytes:
    return net.datagram(b"\x01\x04" + apdu)


def port_of(adapter: BacnetAdapter) -> int:
    return int(adapter.endpoints()[0].address.rpartition(":")[2])


async def test_a_meter_answers_at_once_and_anew_at_the_next_tick(
    serve: Any, client: Any, plates: Any, snapshot: Any
) -> None:
    adapter = await serve()
    head = bytes.fromhex("810a001d 0108 03e8030186a1")
    for tick, value in ((1, "447a4000"), (1, "447a4000"), (2, "447a8000")):
        adapter.show(snapshot(plates(3), tick))
        for invoke in (1, 200):
            answer = await client.ask(to_meter(ENERGY[:2] + bytes((invoke,)) + ENERGY[3:]), adapter)
            body = bytes((0x30, invoke)) + bytes.fromhex("0c0c0000000119553e44" + value + "3f")
            assert answer == head + body


async def test_the_ready_file_and_the_table_say_where(serve: Any) -> None:
    adapter = await serve(10)
    port = port_of(adapter)
    assert adapter.ready()["bacnet"] == {
        "address": f"127.0.0.1/8:{port}",
        "topology": "virtual",
        "gateway_device": 100_000,
        "meters": [100_001, 100_010],
    }
    (endpoint,) = adapter.endpoints()
    assert endpoint.service == "BACnet/IP"
    assert endpoint.serves == "device 100000, meters 100001–100010 on network 1000"  # noqa: RUF001  a range


async def test_a_taken_port_is_refused_with_the_option_that_moves_it(serve: Any) -> None:
    adapter = await serve()
    with pytest.raises(
        AddressInUseError, match=r"BACnet/IP: 127.0.0.1:\d+ is already in use; --bacnet-port moves it"
    ):
        await serve(port=port_of(adapter))


async def test_an_address_of_no_interface_is_refused(serve: Any) -> None:
    with pytest.raises(AddressInUseError, match=r"192\.0\.2\.1:.* is not an address of this machine; --host"):
        await serve(address="192.0.2.1/24")


async def test_the_port_is_free_again_after_a_stop(serve: Any) -> None:
    first = await serve()
    port = port_of(first)
    await first.stop()
    await first.stop()
    await serve(port=port)


async def test_stopping_what_never_started_is_allowed(make_adapter: Any) -> None:
    await make_adapter().stop()


class Stopped(BaseException):
    """What ends a start."""


@pytest.mark.parametrize("failing", [1, 2])
async def test_a_start_that_fails_leaves_its_address_free(
    make_adapter: Any, serve: Any, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    adapter, opened = make_adapter(), []
    whole = Port.open

    async def fail(udp: socket.socket, receive: Any) -> Port:
        opened.append(udp)
        if len(opened) == failing:
            raise Stopped
        return await whole(udp, receive)

    monkeypatch.setattr(Port, "open", fail)
    with pytest.raises(Stopped):
        await adapter.start()
    monkeypatch.undo()
    assert opened[-1].fileno() == -1
    await serve(port=port_of(adapter))


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
@pytest.mark.parametrize("turns", range(6))
def test_a_start_that_is_cancelled_leaves_its_address_free(
    make_adapter: Any, run: Callable[..., None], turns: int
) -> None:
    async def main() -> None:
        adapter = make_adapter()
        starting = asyncio.create_task(adapter.start())
        for _ in range(turns):
            await asyncio.sleep(0)
        starting.cancel()
        await asyncio.wait([starting])
        if starting.cancelled() and port_of(adapter):
            again = make_adapter(port=port_of(adapter))
            await again.start()
            await again.stop()
        await adapter.stop()

    run(main())


async def i_ams(client: Any, count: int) -> list[tuple[int, bytes]]:
    """Return the instances of the next `count` I-Ams and the headers that they came with, by instance."""
    found: list[tuple[int, bytes]] = []
    while len(found) < count:
        answer = await client.receive()
        head, _, tail = answer[4:].partition(b"\x10\x00\xc4")
        found.append((int.from_bytes(tail[:4], "big") & 0x3FFFFF, head))
    return sorted(found)


@pytest.mark.parametrize("destination", ["20ffff00ff", "00", "2003e800ff"])
@pytest.mark.parametrize("host", [None, "127.255.255.255"])
async def test_who_is_is_answered_to_the_asker_by_every_meter(
    serve: Any, client: Any, destination: str, host: str | None
) -> None:
    adapter = await serve()
    function = Function.BROADCAST if host else Function.UNICAST
    request = net.datagram(bytes.fromhex("01" + destination + "1008"), function)
    await client.send(request, adapter, host)
    with_gateway = destination != "2003e800ff"
    found = await i_ams(client, 3 + with_gateway)
    meters = [(n, bytes.fromhex("010803e803") + n.to_bytes(3, "big")) for n in (100_001, 100_002, 100_003)]
    assert found[-3:] == meters
    if with_gateway:
        assert found[0] == (100_000, b"\x01\x00")


async def test_who_is_from_behind_a_router_is_answered_through_it(serve: Any, client: Any) -> None:
    adapter = await serve(1)
    await client.send(net.datagram(bytes.fromhex("0128 ffff00 000702aabb ff 1008")), adapter)
    found = await i_ams(client, 2)
    assert found[1] == (100_001, bytes.fromhex("0128 000702aabb 03e8030186a1 fe"))


@pytest.mark.parametrize("at_our_port", [False, True])
async def test_a_broadcast_is_answered_to_the_asker_and_by_broadcast(
    serve: Any, *, at_our_port: bool
) -> None:
    sent: list[tuple[bytes, Address]] = []
    adapter = await serve(2)
    adapter._host._sender.sendto = lambda datagram, address: sent.append((datagram, address))
    asker = ("127.0.0.7", port_of(adapter) if at_our_port else 50000)
    adapter._host._plain.receive(net.datagram(b"\x01\x00\x10\x08", Function.BROADCAST), asker)
    adapter._application._pacer.stop()
    assert [address for _, address in sent] == [asker, ("127.255.255.255", port_of(adapter))] * 3


async def test_many_announcements_are_paced_and_repeats_while_they_wait_are_not_added() -> None:
    sent: list[bytes] = []
    pacer = Pacer()

    def stream(count: int) -> Any:
        return (partial(sent.append, bytes((k,))) for k in range(count))

    pacer.add("a", stream(BURST + 10))
    pacer.add("a", stream(BURST + 10))
    pacer.add("b", stream(3))
    assert len(sent) == BURST
    await asyncio.sleep(0.2)
    assert sent == [bytes((k,)) for k in (*range(BURST + 10), *range(3))]
    pacer.add("a", stream(2))
    assert len(sent) == BURST + 15
    pacer.stop()


async def test_an_announcement_that_fails_is_given_up_and_logged_and_the_next_are_made(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sent: list[bytes] = []
    pacer = Pacer()

    def stream(count: int, *, fails: bool) -> Any:
        for k in range(count):
            yield partial(sent.append, bytes((k,)))
        if fails:
            raise ZeroDivisionError

    pacer.add("a", stream(BURST + 1, fails=True))
    pacer.add("b", stream(1, fails=True))
    pacer.add("c", stream(2, fails=False))
    await asyncio.sleep(0.2)
    assert sent[BURST:] == [bytes((k,)) for k in (BURST, 0, 0, 1)]
    assert [record.message for record in caplog.records] == ["announcements are given up"] * 2
    pacer.add("c", stream(3, fails=False))
    assert len(sent) == BURST + 7
    pacer.stop()


def test_addresses_of_this_machine_are_told_from_others() -> None:
    assert is_own("127.0.0.1")
    assert not any(map(is_own, ("192.0.2.1", "255.255.255.255", "0.0.0.0", "224.0.0.1")))  # noqa: S104  not bound


@pytest.mark.parametrize(
    "request_octets", ["0100 1008", "0120 ffff00 ff 1008", "0180 00", "0100 10072c020186a0"]
)
async def test_what_the_machine_itself_broadcasts_from_our_port_is_not_answered(
    serve: Any, request_octets: str
) -> None:
    sent: list[Address] = []
    adapter = await serve(2, address="0.0.0.0/0")
    adapter._host._sender.sendto = lambda _, address: sent.append(address)
    question = net.datagram(bytes.fromhex(request_octets), Function.BROADCAST)
    adapter._host._plain.receive(question, ("127.0.0.1", port_of(adapter)))
    assert sent == []
    adapter._host._plain.receive(question, ("192.0.2.1", port_of(adapter)))
    adapter._application._pacer.stop()
    everybody = ("255.255.255.255", port_of(adapter))
    assert sent[:2] == [("192.0.2.1", port_of(adapter)), everybody]
    assert set(sent) == {*sent[:2]}


async def test_the_way_to_the_meters_is_announced_by_broadcast_at_the_start(
    serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[bytes] = []
    monkeypatch.setattr(Link, "broadcast", lambda _, datagram: said.append(datagram))
    await serve()
    asked = bytes.fromhex("0120ffff00ff 1008 0b0186a0 1b0186a3")
    assert said == [net.i_am_router(1000), net.datagram(asked, Function.BROADCAST)]


async def test_somebody_else_with_one_of_our_instances_is_told_of_once(
    serve: Any, caplog: pytest.LogCaptureFixture
) -> None:
    adapter = await serve()
    beyond, ours = (bytes.fromhex(f"01001000c4020186{n}2205c4910322 03e7") for n in ("a4", "a3"))
    for apdu in (beyond, ours, ours, ours[:8]):
        adapter._host._plain.receive(net.datagram(apdu, Function.BROADCAST), ("192.0.2.7", 47808))
    adapter._host._plain.receive(net.datagram(ours, Function.BROADCAST), adapter._host.place)
    assert [record.message for record in caplog.records] == [
        "BACnet/IP: 192.0.2.7:47808 has device instance 100003, too; bacnet.device_instance moves ours"
    ]


async def test_a_taken_broadcast_address_is_refused(serve: Any) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.255.255.255", 0))
        with pytest.raises(AddressInUseError, match=r"127\.255\.255\.255:\d+ is already in use"):
            await serve(port=other.getsockname()[1])


@pytest.mark.parametrize(
    ("request_octets", "answer"),
    [
        ("0180 00", "0180 01 03e8"),
        ("0180 0003e8", "0180 01 03e8"),
        ("0180 0600", "0180 07 01 03e8 01 00"),
        ("0124 07d0 01 05 ff 0275010c0c000000011955", "0180 03 01 07d0"),
    ],
)
async def test_the_router_answers(serve: Any, client: Any, request_octets: str, answer: str) -> None:
    adapter = await serve()
    got = await client.ask(net.datagram(bytes.fromhex(request_octets)), adapter)
    assert got == net.datagram(bytes.fromhex(answer))


@pytest.mark.parametrize(
    "request_octets",
    [
        "0180 06",
        "0180 0601",
        "012c 03e8030186a2 0007020506 00 0275010c0c000000011955",
        "012c ffff00 0007020506 00 1008",
    ],
)
async def test_what_is_discarded_gets_no_answer(serve: Any, client: Any, request_octets: str) -> None:
    adapter = await serve()
    await client.send(net.datagram(bytes.fromhex(request_octets)), adapter)
    asked = net.datagram(bytes.fromhex("0180 00"))
    assert await client.ask(asked, adapter) == net.datagram(bytes.fromhex("0180 01 03e8"))


async def test_a_client_beside_the_gateway_needs_no_hops(serve: Any, client: Any) -> None:
    adapter = await serve()
    request = "0124 03e8030186a2 {} 0275010c0c000000011955"
    for _ in range(3):
        none, many = [
            await client.ask(net.datagram(bytes.fromhex(request.format(hops))), adapter)
            for hops in ("00", "ff")
        ]
        assert none == many


async def test_an_unknown_meter_is_silent_and_the_next_one_answers(serve: Any, client: Any) -> None:
    adapter = await serve()
    await client.send(to_meter(ENERGY, 100_099), adapter)
    await client.send(to_meter(ENERGY[:2] + b"\x07" + ENERGY[3:]), adapter)
    assert (await client.receive())[12:14] == b"\x30\x07"


async def test_the_gateway_s_device_says_what_it_is(serve: Any, client: Any) -> None:
    adapter = await serve()
    device = "0c020186a0"
    expected = {
        "194d": "750800" + b"plant-a".hex(),
        "1979": "750a00" + b"metergate".hex(),
        "1978": "2203e7",
        "194c": "c4020186a0",
        "1962": "2101",
        "198b": "210e",
    }
    for prop, value in expected.items():
        answer = await client.ask(to_gateway(bytes.fromhex("0275010c" + device + prop)), adapter)
        assert answer.hex().endswith(f"30010c{device}{prop}3e{value}3f"), prop


@pytest.mark.parametrize(
    ("apdu", "answer"),
    [
        ("0275010c", "600105"),
        ("0275010e", "600105"),
        ("02750163", "600109"),
        ("02750105 09011c0000000129003900", "5001059101911f"),
        ("0275010c 0c0000000119 55", "50010c9101911f"),
        ("0275010c 0c020186a1194d", "50010c9101911f"),
        ("0275010c 0c023fffff194b", "30010c0c020186a0194b3ec4020186a03f"),
        ("0275010f 0c020186a0194d3e750200413f", "50010f91029128"),
        ("0275010f 0c0000000119553e9100 3f", "50010f9101911f"),
        ("0275011a 0c020186a0191e", "30011a0c020186a0191e3a050049005e5f"),
        ("0a7501000c", "710104"),
    ],
)
async def test_whatever_the_gateway_s_device_is_asked_it_answers(
    serve: Any, client: Any, apdu: str, answer: str
) -> None:
    adapter = await serve()
    got = await client.ask(to_gateway(bytes.fromhex(apdu)), adapter)
    assert got == net.datagram(b"\x01\x00" + bytes.fromhex(answer))


async def test_a_confirmed_request_to_everybody_is_not_answered(serve: Any, client: Any) -> None:
    adapter = await serve()
    apdu = bytes.fromhex("0275010c0c023fffff194b")
    await client.send(net.datagram(b"\x01\x04" + apdu, Function.BROADCAST), adapter)
    await client.send(net.datagram(bytes.fromhex("0124ffff00ff") + apdu), adapter)
    await client.send(net.datagram(bytes.fromhex("012403e800ff") + apdu), adapter)
    await client.send(to_meter(ENERGY[:2] + b"\x07" + ENERGY[3:]), adapter)
    assert (await client.receive())[12:14] == b"\x30\x07"


async def test_bbmds_and_foreign_devices_are_refused(serve: Any, client: Any) -> None:
    adapter = await serve()
    assert await client.ask(bytes.fromhex("81020004"), adapter) == bytes.fromhex("810000060020")
    assert await client.ask(bytes.fromhex("81050006003c"), adapter) == bytes.fromhex("810000060030")


async def still_answers(client: Any, adapter: BacnetAdapter) -> bool:
    """Ask a meter with an invoke id that nothing else uses, and wait for that answer."""
    await client.send(to_meter(ENERGY[:2] + b"\xfe" + ENERGY[3:]), adapter)
    while True:
        answer = await client.receive()
        if answer[12:14] == b"\x30\xfe":
            return True


WHOLE = [
    to_meter(ENERGY),
    to_meter(bytes.fromhex("0275010e0c020186a11e09081f")),
    to_gateway(bytes.fromhex("0275010e0c020186a01e09081f")),
    net.datagram(bytes.fromhex("0120ffff00ff1008"), Function.BROADCAST),
    net.datagram(bytes.fromhex("0120ffff00ff10072c00000001"), Function.BROADCAST),
    bytes.fromhex("8104001e7f000001ffff012403e8030186a1ff0275010c0c000000011955"),
    to_meter(bytes.fromhex("0275010f0c0140000119553e91013f")),
    to_meter(bytes.fromhex("027501100c014000011e09552e91012f09552e91002f1f")),
    net.datagram(bytes.fromhex("01800003e8")),
]


@given(
    damages=st.lists(
        st.tuples(st.sampled_from(WHOLE), st.integers(0, 60), st.binary(max_size=6)), max_size=20
    )
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_datagram_stops_the_service(make_adapter: Any, damages: list[tuple[bytes, int, bytes]]) -> None:
    async def run() -> None:
        adapter = make_adapter()
        await adapter.start()
        try:
            for whole, at, put in damages:
                damaged = whole[:at] + put + whole[at + len(put) :]
                adapter._host._plain.receive(damaged, ("127.0.0.1", 9))
                adapter._host._plain.receive(whole[:at], ("127.0.0.1", 9))
            await asyncio.sleep(0)
            answer: list[bytes] = []
            adapter._host._sender.sendto = lambda datagram, _: answer.append(datagram)
            adapter._host._plain.receive(to_meter(ENERGY[:2] + b"\xfe" + ENERGY[3:]), ("127.0.0.1", 9))
            assert answer[0][12:14] == b"\x30\xfe"
        finally:
            await adapter.stop()

    asyncio.run(run())


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_random_datagrams_on_both_event_loops_are_survived(
    run: Callable[..., None], make_adapter: Any
) -> None:
    import random  # noqa: PLC0415

    draw = random.Random(7)  # noqa: S311  not a secret

    async def main() -> None:
        adapter = make_adapter()
        await adapter.start()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.bind(("127.0.0.1", 0))
            udp.setblocking(False)
            udp.connect(("127.0.0.1", port_of(adapter)))
            for turn in range(600):
                octets = bytearray(draw.choice(WHOLE))
                for _ in range(draw.randrange(4)):
                    octets[draw.randrange(len(octets))] = draw.randrange(256)
                udp.send(octets[: draw.randrange(1, len(octets) + 1)] if turn % 2 else octets)
                if turn % 20 == 0:
                    await asyncio.sleep(0.001)
            loop = asyncio.get_running_loop()
            udp.send(to_meter(ENERGY[:2] + b"\xfe" + ENERGY[3:]))
            while (await asyncio.wait_for(loop.sock_recv(udp, 2048), 5))[12:14] != b"\x30\xfe":
                pass
        await adapter.stop()

    run(main())


async def test_answers_to_an_address_that_cannot_be_reached_are_lost_quietly(serve: Any, client: Any) -> None:
    adapter = await serve()
    request = bytes.fromhex("012403e8030186a1ff") + ENERGY
    for origin in ("00000000 0000", "ffffffff ffff", "e0000001 0001", "7f000001 0000"):
        forwarded = b"\x81\x04" + (10 + len(request)).to_bytes(2, "big") + bytes.fromhex(origin) + request
        await client.send(forwarded, adapter)
    assert await still_answers(client, adapter)
