"""Long answers over the network: in segments to whoever accepts them, through loss, of every size."""

import asyncio
import json
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.bacnet.delivery import segmentation
from gateway.bacnet.delivery.segmentation import WINDOW, Segmenter
from gateway.bacnet.wire import network as net
from tests.support.programs import program

CLIENTS = Path(__file__).parents[3] / "clients"
BACPYPES3 = Path(__file__).parents[1] / "bacpypes3_flat.py"
OBJECT_LIST = bytes.fromhex("0c0c020186a0194c")
HEAD = bytes.fromhex("0c0c020186a0194c3e")
APDU_LIMITS = {0: 50, 1: 128, 2: 206, 3: 480, 4: 1024, 5: 1476}
METERS = 500


class Asker:
    """Asks once and puts the segments of the answer together (clause 5.4.4.4); loses datagrams both ways.

    `lost` are the datagrams, counted in both directions together, that do not arrive.
    """

    def __init__(self, udp: socket.socket, window: int = WINDOW, lost: frozenset[int] = frozenset()) -> None:
        self._udp = udp
        self._window = window
        self._lost = lost
        self._count = 0
        self.seen: list[bytes] = []
        self.segments = 0

    async def ask(
        self, gateway: tuple[str, int], limits: int, kind: int = 2, body: bytes = OBJECT_LIST
    ) -> bytes:
        """Return the answer in one piece from its service choice on, or the PDU that is none."""
        request = bytes((kind, limits, 7)) + body
        await self._send(net.datagram(b"\x01\x04" + request), gateway, certain=True)
        whole, expected, behind = b"", 0, 0
        while True:
            pdu = await self._receive()
            if pdu[0] & 0xF8 != 0x38:
                return pdu[2:] if pdu[0] == 0x30 else pdu
            assert len(pdu) <= APDU_LIMITS[limits & 15]
            assert pdu[1] == 7
            assert pdu[3] == WINDOW
            if pdu[2] != expected % 256:
                await self._acknowledge(0x42, expected - 1, gateway)
                behind = 0
                continue
            whole += pdu[5:]
            expected, behind = expected + 1, behind + 1
            last = not pdu[0] & 4
            if last or behind == self._window or expected == 1:
                await self._acknowledge(0x40, expected - 1, gateway, certain=last)
                behind = 0
            if last:
                self.segments = expected
                return pdu[4:5] + whole

    async def _acknowledge(
        self, kind: int, number: int, gateway: tuple[str, int], *, certain: bool = False
    ) -> None:
        pdu = bytes((kind, 7, number % 256, self._window))
        await self._send(net.datagram(b"\x01\x00" + pdu), gateway, certain=certain)

    async def _send(self, datagram: bytes, gateway: tuple[str, int], *, certain: bool) -> None:
        self.seen.append(datagram)
        self._count += 1
        if certain or self._count not in self._lost:
            await asyncio.get_running_loop().sock_sendto(self._udp, datagram, gateway)

    async def _receive(self) -> bytes:
        while True:
            datagram = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self._udp, 2048), 10)
            self.seen.append(datagram)
            self._count += 1
            if self._count not in self._lost:
                assert datagram[4:6] == (b"\x01\x04" if datagram[6] & 0xF8 == 0x38 else b"\x01\x00")
                return datagram[6:]


@pytest.fixture
def udp(client: Any) -> socket.socket:
    found: socket.socket = client._udp
    found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
    return found


@pytest.fixture
async def gateway(serve: Any) -> Any:
    """Return an adapter for many meters whose objects one device has."""
    return await serve(METERS, topology="flat")


async def idle(adapter: Any) -> None:
    """Return when nothing is sent in segments any more."""
    for _ in range(1000):
        if not adapter._application._segmenter._transfers:
            return
        await asyncio.sleep(0.001)
    raise AssertionError("segments are still under way")


def place(adapter: Any) -> tuple[str, int]:
    host, _, port = adapter.endpoints()[0].address.rpartition(":")
    return host, int(port)


def objects(adapter: Any) -> bytes:
    """Return the whole answer to a read of the object list."""
    listed = [0x020186A0]
    for part in adapter._gateway.parts:
        listed += [spec.number + part.base for spec in part.table.objects]
    assert len(listed) > 20_000
    return HEAD + b"".join(b"\xc4" + number.to_bytes(4, "big") for number in listed) + b"\x3f"


@pytest.mark.parametrize("code", APDU_LIMITS)
@pytest.mark.parametrize("window", [1, 5, 127])
async def test_the_whole_object_list_arrives_in_segments_of_every_size(
    gateway: Any, udp: socket.socket, code: int, window: int
) -> None:
    asker = Asker(udp, window)
    expected = objects(gateway)
    assert await asker.ask(place(gateway), 0x70 | code) == expected
    assert asker.segments == -(-(len(expected) - 1) // (APDU_LIMITS[code] - 5))
    await idle(gateway)


@pytest.mark.parametrize("every", [3, 7, 50])
@pytest.mark.parametrize("window", [1, 4, 16])
async def test_lost_segments_and_acknowledgements_are_survived(
    gateway: Any, udp: socket.socket, every: int, window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segmentation, "SOON_S", 0.002)
    gateway._application._segmenter = Segmenter(timeout_s=0.01)
    lost = frozenset(range(every, 4000, every))
    assert await Asker(udp, window, lost).ask(place(gateway), 0x75) == objects(gateway)


@pytest.mark.parametrize(
    ("kind", "limits", "reason"),
    [(0x00, 0x75, 4), (0x02, 0x15, 1), (0x02, 0x25, 1), (0x02, 0x65, 1), (0x02, 0x60, 1)],
)
async def test_whoever_does_not_accept_so_many_segments_is_told_why(
    gateway: Any, udp: socket.socket, kind: int, limits: int, reason: int
) -> None:
    assert await Asker(udp).ask(place(gateway), limits, kind) == bytes((0x71, 7, reason))


async def test_what_fits_is_not_segmented(gateway: Any, udp: socket.socket) -> None:
    answer = await Asker(udp).ask(place(gateway), 0x70, body=OBJECT_LIST + b"\x29\x00")
    assert answer[:11] == HEAD[:-1] + b"\x29\x00\x3e"


async def test_an_abort_of_the_asker_ends_it(gateway: Any, udp: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    request = net.datagram(b"\x01\x04\x02\x75\x07" + OBJECT_LIST)
    await loop.sock_sendto(udp, request, place(gateway))
    assert (await loop.sock_recv(udp, 2048))[6:11] == bytes.fromhex("3c070010 0c")
    await loop.sock_sendto(udp, net.datagram(bytes.fromhex("0100 700700")), place(gateway))
    await idle(gateway)


async def test_a_meter_sends_no_segments(meters: Any) -> None:
    assert await meters.say(3, "0275010e 0c020186a3 1e" + "094c" * 6 + "1f") == ["710104"]


async def test_the_gateway_of_every_topology_sends_segments(meters: Any) -> None:
    (said,) = await meters.say(0, "0270010e 0c023fffff 1e09081f")
    assert said.startswith("3c0100100e")
    meters.application._segmenter.stop()


def write_capture(path: Path, datagrams: list[bytes]) -> None:
    octets = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
    for n, datagram in enumerate(datagrams):
        udp = struct.pack(">HHHH", 47808, 47808, 8 + len(datagram), 0) + datagram
        head = struct.pack(
            ">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), n % 65536, 0, 64, 17, 0, b"\x7f\0\0\1", b"\x7f\0\0\2"
        )
        octets += struct.pack("<IIII", n, 0, len(head + udp), len(head + udp)) + head + udp
    path.write_bytes(octets)


@pytest.mark.real_client("tshark")
@pytest.mark.parametrize("code", [1, 5])
async def test_tshark_puts_the_segments_together(
    gateway: Any, udp: socket.socket, tmp_path: Path, code: int
) -> None:
    asker = Asker(udp, 5)
    await asker.ask(place(gateway), 0x70 | code)
    write_capture(tmp_path / "segments.pcap", asker.seen)
    fields = ["bacapp.type", "_ws.malformed", "_ws.expert.severity"]
    command = [program("tshark") or "", "-r", str(tmp_path / "segments.pcap"), "-T", "fields"]
    command += [word for field in fields for word in ("-e", field)]
    tshark = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    out, _ = await asyncio.wait_for(tshark.communicate(), 60)
    rows = [line.split("\t") for line in out.decode().splitlines()]
    assert len(rows) == len(asker.seen)
    assert [row for row in rows if row[1]] == []


async def run(*command: str) -> Any:
    """Return what a client prints, as JSON."""
    client = await asyncio.create_subprocess_exec(
        *command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=CLIENTS
    )
    out, err = await asyncio.wait_for(client.communicate(), 90)
    assert client.returncode == 0, err.decode()
    return json.loads(out)


async def test_bacpypes3_reads_the_object_list_whole_and_by_index(gateway: Any) -> None:
    host, port = place(gateway)
    found = await run(sys.executable, str(BACPYPES3), f"{host}:{port}")
    expected = objects(gateway)
    assert found["whole"] == found["length"] == (len(expected) - len(HEAD) - 1) // 5
    assert found["same"]
    assert found["name"] == "M0500.active_power"


@pytest.mark.real_client("node", "npm:@bacnet-js/client")
async def test_bacnet_js_reads_the_object_list_whole_and_by_index(serve: Any) -> None:
    adapter = await serve(METERS, topology="flat", address="127.0.0.2/8")
    host, port = place(adapter)
    found = await run("node", "bacnet_flat.cjs", "@bacnet-js/client", f"{host}:{port}")
    expected = objects(adapter)
    assert found["whole"] == found["length"] == (len(expected) - len(HEAD) - 1) // 5
    assert found["same"]


@pytest.mark.real_client("node", "npm:node-bacnet")
async def test_node_bacnet_reads_the_object_list_by_index(gateway: Any) -> None:
    """It broadcasts its SegmentACKs, so that nobody can send it segments."""
    host, port = place(gateway)
    found = await run("node", "bacnet_flat.cjs", "node-bacnet", f"{host}:{port}")
    expected = objects(gateway)[len(HEAD) : -1]
    assert found["length"] == len(expected) // 5
    numbers = [(each["type"] << 22 | each["instance"]).to_bytes(4, "big") for each in found["sample"]]
    assert [b"\xc4" + number for number in numbers] == [
        expected[5 * k : 5 * k + 5] for k in range(0, found["length"], 97)
    ]
