"""Several listeners at once: what they share, where they are told of, and that all start or none."""

import socket
from pathlib import Path
from typing import Any

import pytest

from gateway.config.reader import load_config
from gateway.errors import AddressInUseError
from gateway.station import Station
from gateway.transports import Listener, NetworkListener, SerialListener
from tests.gateway.modbus.conftest import Serve, adapter_of, connected, ports_of, read_frame
from tests.support.snapshots import nameplates, snapshot_of

METERS = nameplates(250)


def _serial(path: Path) -> SerialListener:
    return SerialListener(
        transport="rtu",
        device=None,
        pty=path,
        baud=19_200,
        data_bits=8,
        parity="even",
        stop_bits=1,
        first_meter=1,
        units=2,
        maps=("native",),
        option="modbus.listeners[2]",
    )


def _listeners(path: Path) -> list[Listener]:
    return [
        NetworkListener("tcp", 0, ("native",), "--modbus-port"),
        NetworkListener("tcp", 0, ("sunspec",), "modbus.listeners[0].port"),
        NetworkListener("udp", 0, ("native",), "modbus.listeners[1].port"),
        _serial(path),
    ]


async def test_each_kind_is_told_of_in_its_own_words(serve: Serve, tmp_path: Path) -> None:
    adapter = await serve(METERS, listeners=_listeners(tmp_path / "line"))
    assert [(each.service, each.serves) for each in adapter.endpoints()] == [
        ("Modbus TCP", "meters 1 to 247 as units 1 to 247; native"),
        ("Modbus TCP", "meters 248 to 250 as units 1 to 3; native"),
        ("Modbus TCP", "meters 1 to 247 as units 1 to 247; sunspec"),
        ("Modbus TCP", "meters 248 to 250 as units 1 to 3; sunspec"),
        ("Modbus UDP", "meters 1 to 247 as units 1 to 247; native"),
        ("Modbus UDP", "meters 248 to 250 as units 1 to 3; native"),
        ("Modbus RTU", "meters 1 to 2 as units 1 to 2; native; 19200 8E1"),
    ]
    ready = adapter.ready()["modbus"]
    assert [entry.get("transport") for entry in ready] == [None] * 4 + ["udp", "udp", "rtu"]
    assert [set(entry) for entry in ready[:4]] == [{"host", "port", "units"}] * 4


async def test_listeners_have_maps_of_their_own(serve: Serve, tmp_path: Path) -> None:
    adapter = await serve(METERS, listeners=_listeners(tmp_path / "line")[:2])
    native, _, sunspec, _ = ports_of(adapter)
    for port, address, there in ((native, 0, True), (native, 40_000, False), (sunspec, 40_000, True)):
        async with connected(port) as client:
            assert ((await client.ask(read_frame(3, address, 1)))[7] == 3) is there


def test_listeners_with_the_same_maps_share_their_images(tmp_path: Path) -> None:
    adapter = adapter_of(METERS, listeners=_listeners(tmp_path / "line"))
    banks = [line.bank for line in adapter._lines]
    assert banks[0]._images is banks[4]._images is banks[6]._images
    assert banks[0]._images is not banks[2]._images


async def test_all_start_or_none(tmp_path: Path) -> None:
    line = tmp_path / "line"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        last = NetworkListener("udp", port, ("native",), "modbus.listeners[3].port")
        adapter = adapter_of(nameplates(2), listeners=[*_listeners(line), last])
        with pytest.raises(AddressInUseError, match=r"modbus.listeners\[3\].port moves it"):
            await adapter.start()
    assert adapter.endpoints() == []
    assert not line.is_symlink()


async def test_meters_are_found_at_the_first_listener_of_modbus_tcp(tmp_path: Path) -> None:
    file = tmp_path / "plant.yaml"
    file.write_text(
        "modbus: {tcp: false, listeners: [{transport: rtu, pty: line}, {transport: udp, port: 0}, "
        "{transport: tcp, port: 0}]}\n"
    )
    off: dict[tuple[str, ...], tuple[str, Any]] = {
        (name, "enabled"): ("", False) for name in ("bacnet", "mqtt", "http")
    }
    async with Station(load_config(file, off), None) as station:
        entry = station.control.ready()["modbus"][-1]
        assert station.control.addresses().modbus_ports == (entry["port"],)
        assert "transport" not in entry


async def test_a_snapshot_reaches_every_listener(serve: Serve) -> None:
    meters = nameplates(2)
    listeners = [
        NetworkListener("tcp", 0, ("native",), "port"),
        NetworkListener("tcp", 0, ("native",), "port"),
    ]
    adapter = await serve(meters, listeners=listeners)
    for tick in (2, 3):
        adapter.show(snapshot_of(meters, tick))
        for port in ports_of(adapter):
            async with connected(port) as client:
                answer = await client.ask(read_frame(3, 118, 2))
                assert int.from_bytes(answer[9:]) == 1_767_571_200 + tick
