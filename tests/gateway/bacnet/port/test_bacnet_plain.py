"""Plain reads: answered in fewer steps than others, with the same octets."""

import asyncio
import logging
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.bacnet.objects.model import Device, ObjectSpec
from gateway.bacnet.port import plain
from gateway.bacnet.port.sockets import Sender
from gateway.bacnet.wire import apdu
from gateway.bacnet.wire import network as net
from gateway.link_faults import LinkFault, Links
from tests.gateway.bacnet.conftest import make_plates, make_snapshot

METERS = 6
ASKER = ("127.0.0.1", 9)
VOLTAGE = "00000002 1955"


class Asked:
    """An adapter, and what it answers without a socket between."""

    def __init__(self, adapter: Any) -> None:
        self.adapter = adapter
        self.plain: Any = adapter._host._plain
        self._said: list[bytes] = []
        self.adapter._host._sender.sendto = lambda datagram, _: self._said.append(datagram)

    def device(self, meter: int) -> Device:
        found: Device = self.adapter._meters[meter - 1]
        return found

    def take(self, datagram: bytes) -> list[bytes]:
        """Let a datagram come in; return what is said to it at once."""
        self._said.clear()
        self.plain.receive(datagram, ASKER)
        return [*self._said]

    def read(
        self, meter: int, body: bytes, invoke: int = 1, *, limits: int = 0x75, priority: int = 0
    ) -> bytes:
        """Return what a meter says to a read of one property; with another priority it goes the long way."""
        request = bytes((2, limits, invoke, 12)) + body
        (answer,) = self.take(to(self.device(meter), request, priority))
        return answer


def to(device: Device, request: bytes, priority: int = 0) -> bytes:
    """Return an APDU in a datagram to a meter, which expects a reply."""
    return net.datagram(bytes((1, 0x24 | priority)) + b"\x03\xe8\x03" + device.mac + b"\xff" + request)


def parameters(hexadecimal: str) -> bytes:
    return b"\x0c" + bytes.fromhex(hexadecimal)


def every_read(device: Device) -> Iterator[bytes]:
    """Yield the parameters that read each property of each object, elements, and what is not there."""
    specs: tuple[ObjectSpec, ...] = (device.table.device, *device.table.objects)
    for spec in specs:
        numbers = {device.number, 0x023FFFFF} if spec is device.table.device else {spec.number}
        for number in sorted(numbers):
            for attribute in (*spec.properties, 4000):
                body = b"\x0c" + number.to_bytes(4, "big") + b"\x1a" + attribute.to_bytes(2, "big")
                yield body
                if spec is device.table.device:
                    yield from (body + bytes((0x29, index)) for index in (0, 1, 255))
    yield parameters("00003fff 1955")


@pytest.fixture
async def asked(serve: Callable[..., Any]) -> Asked:
    return Asked(await serve(METERS))


def of_the_short_way(answer: bytes, invoke: int) -> bytes:
    """Return an answer of the long way as the short one gives it to another invoke id."""
    assert answer[5] == 0x09  # a source, and the request's priority
    return answer[:5] + b"\x08" + answer[6:13] + bytes((invoke,)) + answer[14:]


async def test_every_property_is_answered_the_same_the_short_way_and_the_long_one(asked: Asked) -> None:
    for tick in (1, 2):
        asked.adapter.show(make_snapshot(make_plates(METERS), tick))
        for meter in range(1, METERS + 1):
            for body in every_read(asked.device(meter)):
                wanted = asked.read(meter, body, priority=1)
                for invoke in (2, 37, 255):
                    assert asked.read(meter, body, invoke) == of_the_short_way(wanted, invoke)
    assert sum(map(len, asked.plain._forms._all.values())) > 2000
    assert len(asked.plain._known) > 100


async def test_an_object_that_a_meter_lacks_is_unknown_there_alone(asked: Asked) -> None:
    for _ in range(2):
        said = [asked.read(meter, parameters(VOLTAGE))[12] for meter in range(1, METERS + 1)]
    assert [asked.device(meter).table.find(2) is not None for meter in range(1, METERS + 1)] == [
        pdu == 0x30 for pdu in said
    ]


async def test_what_a_client_writes_is_read_at_once(asked: Asked) -> None:
    increment = parameters("00000001 1916")
    before = [asked.read(meter, increment) for meter in (1, 4, 1, 4)]
    write = bytes.fromhex("0275090f 0c00000001 1916 3e44424200003f")
    assert asked.take(to(asked.device(1), write)) == []  # said when it is carried out
    await asyncio.gather(*asked.adapter._application._pending._tasks.values())
    assert asked.read(1, increment) == before[0][:-5] + bytes.fromhex("42420000 3f")
    assert asked.read(4, increment) == before[1]


async def test_faults_and_their_end_are_seen_at_once(serve: Any) -> None:
    links = Links("bacnet", 0)
    asked = Asked(await serve(METERS, links=links))

    def show(tick: int) -> None:
        snapshot = make_snapshot(make_plates(METERS), tick)
        links.show(snapshot)
        asked.adapter.show(snapshot)

    state = parameters("00000001 1951")
    sound = [asked.read(1, state) for _ in range(2)][1]
    for mode, end in (("out_of_service", "113f"), ("frozen", "103f")):
        links.set(0, LinkFault(mode))
        show(2)
        assert asked.read(1, state)[-2:].hex() == end
        assert asked.read(4, state)[-2:].hex() == "103f"
    links.set(0, LinkFault("ok"))
    show(3)
    assert [asked.read(1, state) for _ in range(2)] == [sound] * 2


@pytest.mark.parametrize(
    "wrong",
    [
        lambda datagram: datagram[:2] + b"\x00\x19" + datagram[4:],
        lambda datagram: datagram + b"\x00",
        lambda datagram: datagram[:2] + b"\x00\x17" + datagram[4:],
        lambda datagram: datagram[:-1],
        lambda datagram: datagram[:15],
        lambda datagram: b"\x80" + datagram[1:],
    ],
    ids=["says more", "is longer", "says less", "is shorter", "ends before the invoke id", "is no BACnet"],
)
async def test_a_datagram_of_another_length_than_it_says_goes_the_long_way(
    asked: Asked, wrong: Callable[[bytes], bytes]
) -> None:
    right = to(asked.device(1), bytes.fromhex("0275010c") + parameters("00000001 1955"))
    assert asked.take(right) == asked.take(right)
    long_way: list[bytes] = []
    asked.plain._otherwise = lambda datagram, _: long_way.append(datagram)
    assert asked.take(wrong(right)) == []
    assert long_way == [wrong(right)]


async def test_an_answer_longer_than_the_asker_accepts_never_goes_into_a_form(asked: Asked) -> None:
    lengths = {False: 0, True: 0}
    for body in every_read(asked.device(3)):
        answer = asked.read(3, body, limits=0x75)
        is_long = len(answer[12:]) > apdu.APDU_LIMITS[0]
        lengths[is_long] += 1
        for _ in range(2):
            assert (asked.read(3, body, limits=0x70)[12:].hex() == "710104") == is_long
    assert min(lengths.values()) > 10


async def test_what_is_kept_is_bounded_and_right_beyond_the_bound(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plain, "_MOST_FORMS", 5)
    monkeypatch.setattr(plain, "_MOST_WAYS", 1)
    reads = list(every_read(asked.device(1)))[200:260]
    for limits in (0x75, 0x65, 0x55):
        for body in reads:
            wanted = asked.read(1, body, limits=limits, priority=1)
            assert [asked.read(1, body, limits=limits) for _ in range(2)] == [of_the_short_way(wanted, 1)] * 2
            assert sum(map(len, asked.plain._forms._all.values())) <= 5
            assert len(asked.plain._ways) <= METERS


async def test_a_datagram_for_which_there_is_no_room_is_lost_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = str(tmp_path / "peer")
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as peer,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as udp,
    ):
        peer.bind(place)
        udp.setblocking(False)
        sender: Any = Sender(udp)
        for number in range(1000):
            sender.send(number.to_bytes(2, "big"), place)
        peer.setblocking(False)
        arrived = [peer.recv(2) for _ in range(3)]
        sender.send(b"there is room again", place)
        sender.send(b"nobody is there", str(tmp_path / "nobody"))
        with caplog.at_level(logging.WARNING):
            sender.close()
    assert arrived == [b"\x00\x00", b"\x00\x01", b"\x00\x02"]
    (line,) = caplog.messages
    assert line.endswith("BACnet/IP datagrams dropped: too many wait")
    assert 0 < int(line.split()[0]) < 1000
