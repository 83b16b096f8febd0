"""A whole session as tshark sees it: what is asked of a running gateway, and all that it says."""

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gateway.bacnet.objects.model import Device
from gateway.bacnet.wire import network as net
from gateway.bacnet.wire.bvlc import Function
from gateway.link_faults import LinkFault, Links
from sims.points import FLAGS
from tests.gateway.bacnet.conftest import PASSWORD, make_interval, make_plates, make_snapshot
from tests.gateway.bacnet.test_bacnet_clients import pcap

POWERED = 1 << FLAGS.index("powered")
SECRET = "0900" + PASSWORD.encode().hex()
MALFORMED = (
    "0275010c", "0275010cff", "0275010e0c00000001", "0275010509", "0a75010c0c00000001", "027501117f",
    "02750114", "027501630c", "0275010f0c01400001 1955 3e9101", "0275011a0c05000001 1983 3e21",
)  # fmt: skip
WRITES = (
    "0275010f 0c01400001 1955 3e91013f", "0275010f 0c00000001 1955 3e44000000003f",
    "02750110 0c01400001 1e 0955 2e91002f 1f 0c00000001 1e 0955 2e91012f 1f",
    "0275010f 0c00000001 1916 3e44000000003f",
    "02750108 0c03c00001 1966 3e 8201fe b400000000 b4173b3b63 1e 2100 60 1f 2107 10 8205e0 3f",
)  # fmt: skip
SUBSCRIPTIONS = tuple(
    f"02750105 09{process:02x} 1c{thing} 2900 393c"
    for process, thing in enumerate(("00000001", "00c00001", "01400001", "03400001", "05c00001", "0a000001"))
)
RANGES = (
    "",
    "3e2101 31023f",
    "6e2101 31056f",
    "7ea47e010501b400050000 31057f",
    "3e2109 31fd3f",
    "3e2163 31013f",
)
EVENTS = (
    "1d", "03", "040900", "1c 0905 1c00000001 2900 393c 4e 0955 4f 5c3f800000", "0c 0c020186a1 1998",
)  # fmt: skip
CONTROL = (
    f"02750111 0901 1901 2d{SECRET}", f"02750111 1900 2d{SECRET}", f"02750111 1902 2d{SECRET}",
    f"02750114 0900 1d{SECRET}", f"02750114 0903 1d{SECRET}", "02750114 0900", "02750111 1900",
    "1006 a47e010501 b40c000000", "1009 a47e010501 b40c000000",
    "0275010c 0c020186a1 1938", "0275010c 0c020186a1 1939",
)  # fmt: skip
FAULTS = ("refuse", "error", "reject", "abort", "slow", "duplicate_instance", "wrong_clock", "out_of_service",
          "unreliable", "frozen", "ok")  # fmt: skip


def to(device: Device, apdu: str) -> bytes:
    """Return an APDU in a datagram to a meter."""
    control = b"\x01\x24" if apdu[0] == "0" else b"\x01\x20"
    return net.datagram(control + b"\x03\xe8\x03" + device.mac + b"\xff" + bytes.fromhex(apdu))


def everything_of(device: Device) -> Iterator[bytes]:
    """Yield reads of every property of every object, one by one and all at once."""
    for spec in (device.table.device, *device.table.objects):
        number = device.number if spec is device.table.device else spec.number
        yield to(device, f"0275010e 0c{number:08x} 1e09081f")
        for attribute in spec.properties:
            yield to(device, f"0275010c 0c{number:08x} 1a{attribute:04x}")


def script(device: Device) -> Iterator[bytes]:
    """Yield what is asked of a meter."""
    yield net.datagram(bytes.fromhex("0120ffff00ff1008"), Function.BROADCAST)
    yield net.datagram(bytes.fromhex("0120ffff00ff10072c00000001"), Function.BROADCAST)
    yield net.datagram(bytes.fromhex("018000"), Function.BROADCAST)
    yield from everything_of(device)
    requests = (*SUBSCRIPTIONS, *WRITES, *(f"0275011a 0c05000001 1983 {each}" for each in RANGES))
    for apdu in (*requests, *(f"027501{each}" for each in EVENTS), *CONTROL):
        yield to(device, apdu)


class Capture:
    """What goes both ways between a client and an adapter."""

    def __init__(self, client: Any, adapter: Any) -> None:
        self._client = client
        self._adapter = adapter
        self.sent: list[bytes] = []
        self.said: list[bytes] = []

    async def ask(self, datagram: bytes) -> None:
        """Send a datagram and take what comes at once."""
        self.sent.append(datagram)
        await self._client.send(datagram, self._adapter)
        await self.take(0.003)

    async def take(self, seconds: float) -> None:
        """Take what comes for some time."""
        try:
            while True:
                self.said.append(await asyncio.wait_for(self._client.receive(), seconds))
        except TimeoutError:
            return


def decoded(path: Path, datagrams: list[bytes]) -> list[list[str]]:
    """Return what tshark says of datagrams: type and service, and what it finds malformed."""
    pcap(path, datagrams)
    fields = (
        "frame.number",
        "bacapp.type",
        "bacapp.confirmed_service",
        "_ws.malformed",
        "_ws.expert.severity",
    )
    wanted = [word for field in fields for word in ("-e", field)]
    command = [shutil.which("tshark") or "", "-r", str(path), "-T", "fields", *wanted]
    seen = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line.split("\t") for line in seen.stdout.splitlines()]


@pytest.mark.real_client("tshark")
@pytest.mark.parametrize("meter", [1, 3], ids=["Series 1000", "Series 2000"])
async def test_a_whole_session_decodes_without_a_malformed_packet(
    serve: Any, client: Any, tmp_path: Path, meter: int
) -> None:
    links = Links("bacnet", 0)
    plates = make_plates(3)
    closed = tuple(make_interval(3, k) for k in range(1, 13))
    adapter = await serve(shown=make_snapshot(plates, 1, closed), links=links, password=PASSWORD)
    device: Device = adapter._meters[meter - 1]
    capture = Capture(client, adapter)
    for datagram in script(device):
        await capture.ask(datagram)
    for tick, alarm in enumerate((1, 0, 1 << 8, 0), 2):
        adapter.show(make_snapshot(plates, tick, flags=np.full(3, POWERED | alarm)))
        await capture.take(0.06)
    asked = len(capture.sent)
    for tick, mode in enumerate(FAULTS, 6):
        links.set(meter - 1, LinkFault(mode, exception=9, error_class=1, offset_s=60.0))
        snapshot = make_snapshot(plates, tick)
        links.show(snapshot)
        adapter.show(snapshot)
        for apdu in ("0275010c0c000000011955", "02750110 0c01400001 1e 0955 2e91002f 1f", "1008"):
            await capture.ask(to(device, apdu))
    sound = capture.sent[:]
    for apdu in MALFORMED:
        await capture.ask(to(device, apdu))
    assert asked > 250
    asked_rows = decoded(tmp_path / "asked.pcap", sound)
    said_rows = decoded(tmp_path / "said.pcap", capture.said)
    assert [sound[int(row[0]) - 1].hex() for row in asked_rows if row[3]] == []
    assert [capture.said[int(row[0]) - 1].hex() for row in said_rows if row[3] or row[4]] == []
    assert {row[1] for row in said_rows} >= {"1", "2", "3", "5", "6", "7"}
    assert len(said_rows) == len(capture.said) >= len(capture.sent) - 3
