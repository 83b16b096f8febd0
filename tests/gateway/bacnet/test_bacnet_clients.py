"""Clients written by others against the running adapter, and tshark's opinion of what it sends."""

import asyncio
import json
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gateway.bacnet.server import BacnetAdapter
from gateway.bacnet.services.discovery import announcements
from gateway.bacnet.wire import network as net
from gateway.bacnet.wire.apdu import abort
from gateway.bacnet.wire.codes import AbortReason
from gateway.bacnet.wire.peer import Peer
from gateway.commands import ResetPeak, TurnKey

CLIENTS = Path(__file__).parents[2] / "clients"
BACPYPES3 = Path(__file__).parent / "bacpypes3_client.py"
METERS = 10
UNKNOWN = 254


async def run(*command: str) -> dict[str, Any]:
    """Return what a client prints, as JSON."""
    client = await asyncio.create_subprocess_exec(
        *command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=CLIENTS
    )
    out, err = await asyncio.wait_for(client.communicate(), 60)
    assert client.returncode == 0, err.decode()
    found: dict[str, Any] = json.loads(out)
    return found


def port_of(adapter: BacnetAdapter) -> str:
    return adapter.endpoints()[0].address.rpartition(":")[2]


def demand(snapshot: Any, plates: Any, meter: int) -> float:
    """Return the demand of a meter as a 32-bit float shows it [kW]."""
    held = snapshot(plates(METERS)).columns["demand"][meter - 1] / 1000
    return float(struct.unpack(">f", struct.pack(">f", held))[0])


@pytest.mark.real_client("node", "npm:@bacnet-js/client")
async def test_bacnet_js_finds_and_reads_every_meter(serve: Any, snapshot: Any, plates: Any) -> None:
    adapter = await serve(METERS, address="127.0.0.2/8")
    found = await run("node", "bacnet_js_client.cjs", "127.255.255.255", port_of(adapter), str(METERS + 1))
    assert found["devices"] == [100_000, *range(100_001, 100_011)]
    for meter, read in enumerate(found["meters"], 1):
        assert read["energy"] == meter * 1000 + 1
        assert read["demand"] == read["multiple_demand"] == pytest.approx(demand(snapshot, plates, meter))
        assert read["name"] == f"plant-a.M{meter:04}"
        assert read["objects"] == {1: 38, 2: 47, 0: 57}[meter % 3]
        assert read["properties"] == 13
        assert read["logged"] == 0


@pytest.mark.real_client("node", "npm:node-bacnet")
async def test_node_bacnet_finds_and_reads_every_meter(serve: Any, snapshot: Any, plates: Any) -> None:
    adapter = await serve(METERS)
    found = await run("node", "bacnet_node_bacnet.cjs", "127.255.255.255", port_of(adapter), str(METERS + 1))
    assert found["devices"] == [100_000, *range(100_001, 100_011)]
    for meter, read in enumerate(found["meters"], 1):
        assert read["energy"] == meter * 1000 + 1
        assert read["demand"] == pytest.approx(demand(snapshot, plates, meter))
        assert read["name"] == f"plant-a.M{meter:04}"


async def test_bacpypes3_finds_reads_and_writes_through_the_router(serve: Any, applier: Any) -> None:
    adapter = await serve(METERS)
    found = await run(sys.executable, str(BACPYPES3), f"127.0.0.1:{port_of(adapter)}")
    assert found["devices"] == [100_000, *range(100_001, 100_011)]
    assert found["routed"] == ["1000:0x0186a1", *(f"1000:0x0186{n:02x}" for n in range(0xA2, 0xAB))]
    assert found["energy"] == [n * 1000 + 1.0 for n in range(1, 11)]
    assert found["object_list"] == 38
    assert found["all"] == 13
    assert found["gateway"] == "plant-a"
    denied = "property: write-access-denied"
    assert found["write"] == [denied, "None", "None", denied]
    assert applier.commands == [TurnKey(0, "right"), TurnKey(0, "home")]


@pytest.mark.real_client("node", "npm:node-bacnet")
async def test_node_bacnet_turns_the_key_and_resets_the_peak_of_one_meter(serve: Any, applier: Any) -> None:
    adapter = await serve(METERS)
    found = await run("node", "bacnet_write.cjs", f"127.0.0.1:{port_of(adapter)}", "100002")
    assert "VALUE_OUT_OF_RANGE" in found.pop("beyond")
    assert "WRITE_ACCESS_DENIED" in found.pop("energy")
    assert found == dict.fromkeys(("right", "home", "reset", "both"), "done")
    key = [TurnKey(1, "right"), TurnKey(1, "home")]
    assert applier.commands == [*key, ResetPeak(1), TurnKey(1, "right"), ResetPeak(1)]


def pcap(path: Path, datagrams: list[bytes]) -> None:
    """Write datagrams as a capture: raw IPv4, UDP from and to port 47808."""
    octets = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
    for n, datagram in enumerate(datagrams):
        udp = struct.pack(">HHHH", 47808, 47808, 8 + len(datagram), 0) + datagram
        head = struct.pack(
            ">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), n, 0, 64, 17, 0, b"\x7f\0\0\1", b"\x7f\0\0\2"
        )
        octets += struct.pack("<IIII", n, 0, len(head + udp), len(head + udp)) + head + udp
    path.write_bytes(octets)


def everything(meters: Any) -> list[bytes]:
    """Return an answer of every kind, each in the datagram in which it is sent."""
    sent = [net.i_am_router(1000)]
    for meter, device in enumerate([meters.gateway, *meters.devices]):
        table = device.table
        source = net.station(1000, device.mac) if meter else b""
        for spec in (table.device, *table.objects):
            number = device.number if spec is table.device else spec.number
            specification = b"\x0c" + number.to_bytes(4, "big") + b"\x1e\x09\x08\x1f"
            sent.append(in_datagram(meters.ask(meter, 14, specification), source))
            for prop in (*spec.properties, UNKNOWN):
                reference = b"\x0c" + number.to_bytes(4, "big") + b"\x1a" + prop.to_bytes(2, "big")
                sent.append(in_datagram(meters.ask(meter, 12, reference), source))
        for request in (b"\x10\x08", bytes.fromhex("10072c00000001")):
            sent += [net.global_broadcast(apdu, source) for _, apdu in announcements(request, [device])]
        for log in (1, 2):
            sent.append(in_datagram(meters.ask(meter, 26, bytes.fromhex(f"0c050000{log:02x}1983")), source))
        for writes in ("0c000000011e09552e91012f1f", "0c014000011e09552e91012f1f"):
            sent.append(in_datagram(meters.ask(meter, 16, bytes.fromhex(writes)), source))
        for write in ("0c0140000119553e91013f", "0c0140000119553e91023f", "0c0140000119553e21013f"):
            sent.append(in_datagram(meters.ask(meter, 15, bytes.fromhex(write)), source))
        sent.append(in_datagram(meters.ask(meter, 99, b""), source))
        sent.append(in_datagram(meters.ask(meter, 14, specification * 200), source))
        sent += [in_datagram(abort(b"\x01", reason), source) for reason in AbortReason]
    meters.applier.refuse()
    refused = bytes.fromhex("0c0140000119553e91013f"), bytes.fromhex("0c014000011e09552e91012f1f")
    sent += [in_datagram(meters.ask(1, service, refused[service - 15]), source) for service in (15, 16)]
    return sent


async def told(meters: Any) -> list[bytes]:
    """Return what meter 2 tells of its own accord, in the datagrams in which it does."""
    hear_requests(meters)
    for tick, flags in ((3, 17), (4, 16), (5, 1 << 15), (6, 16), (7, 1 << 10 | 16)):
        meters.show(tick, flags=np.array([16, flags, 16]))
        await turns()
        for _, peer, apdu in [*meters.speaker.said]:
            if apdu[0] == 0:
                meters.hear(2, bytes((0x20, apdu[2], apdu[3])), peer)
    stamp = "2e a47e010501 b400000300 2f"
    meters.hear(2, bytes.fromhex(f"00050100 0901 1c00c00001 2902 3e {stamp} 3f 4c00414243 5e 0c00000000 5f"))
    for body in ("1d", "03", "040900", "0c 0c020186a2 1998", "0c 0c03c00001 1966", "1a 0c020186a2 1998"):
        meters.hear(2, bytes.fromhex("000501" + body))
    await turns()
    meters.application._transactions.stop()
    source = net.station(1000, meters.device(2).mac)
    said = [apdu for _, _, apdu in meters.speaker.said]
    return [net.unicast(apdu, source, b"", priority=0, expects_reply=apdu[0] == 0) for apdu in said]


async def turns() -> None:
    """Let the event loop do what is due."""
    for _ in range(6):
        await asyncio.sleep(0)


def hear_requests(meters: Any) -> None:
    """Let meter 2 hear who wants to be told of what."""
    for process, kind in ((1, "2901"), (2, "2900")):
        for thing in ("00000001", "00c00001", "01400001", "03400001", "0a000001", "05c00001"):
            subscribe = f"00050105 09{process:02x} 1c{thing} {kind} 393c"
            meters.hear(2, bytes.fromhex(subscribe), Peer(("127.0.0.1", process << 8 | int(thing[:2], 16))))
        for attribute in ("6f", "67", "24"):
            watch = f"0005011c 09{process:02x} 1c00c00001 {kind} 393c 4e 09{attribute} 4f"
            meters.hear(2, bytes.fromhex(watch), Peer(("127.0.0.2", process << 8 | int(attribute, 16))))
    for how in ("10", "11"):
        recipient = f"8201fe b400000000 b4173b3b63 1e 2100 65067f000009c0{how} 1f 2107 {how} 8205e0"
        meters.hear(2, bytes.fromhex(f"00050108 0c03c00001 1966 3e {recipient} 3f"))


def in_datagram(apdu: bytes, source: bytes) -> bytes:
    return net.unicast(apdu, source, b"", priority=0, expects_reply=False)


@pytest.mark.real_client("tshark")
def test_tshark_finds_nothing_malformed_in_any_answer(meters: Any, tmp_path: Path) -> None:
    meters.show(2, intervals=20)
    sent = everything(meters) + asyncio.run(told(type(meters)(3)))
    pcap(tmp_path / "answers.pcap", sent)
    tshark = shutil.which("tshark") or ""
    fields = [
        "-T",
        "fields",
        "-e",
        "frame.number",
        "-e",
        "bacapp.type",
        "-e",
        "_ws.malformed",
        "-e",
        "_ws.expert.severity",
    ]
    seen = subprocess.run(
        [tshark, "-r", str(tmp_path / "answers.pcap"), *fields], capture_output=True, text=True, check=True
    )
    rows = [line.split("\t") for line in seen.stdout.splitlines()]
    assert len(rows) == len(sent)
    assert {row[1] for row in rows} == {"", "0", "1", "2", "3", "5", "6", "7"}
    assert [sent[int(row[0]) - 1].hex() for row in rows if row[2]] == []
    assert [row for row in rows if row[3]] == []
