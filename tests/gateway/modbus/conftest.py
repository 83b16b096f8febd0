"""An encoder that shares nothing with ours, and raw clients, on both loops."""

import asyncio
import importlib
import math
import struct
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml

from gateway.commands import Applier, Broadcast, Command, Outcome, Request
from gateway.config.reader import load_config
from gateway.errors import RequestRefusedError
from gateway.link_faults import Links
from gateway.modbus.bank import Bank
from gateway.modbus.framing.tcp import TcpFraming
from gateway.modbus.line import Line
from gateway.modbus.server import ModbusAdapter
from gateway.modbus.transports.connection import Connection
from gateway.modbus.units.images import Images
from gateway.modbus.units.subjects import Meters
from gateway.station import Station
from gateway.transports import Listener, NetworkListener, SerialListener
from register_maps.loader import load
from sims.models import Nameplate
from sims.points import MJ_PER_WH, NS_PER_S
from sims.snapshot import Snapshot
from tests.support.snapshots import snapshot_of

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
"""The event loops to test on: uvloop where the platform has it."""
with suppress(ImportError):
    LOOPS["uvloop"] = importlib.import_module("uvloop").new_event_loop


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run every asynchronous test here on each of these loops."""
    return LOOPS


def _float(value: float) -> bytes:
    return bytes.fromhex("7fc00000") if math.isnan(value) else struct.pack(">f", value)


_KILO = ("active_power", "reactive_power", "apparent_power")
_FLOATS = (
    *((f"voltage_{pair}", 1) for pair in ("l1_n", "l2_n", "l3_n", "l1_l2", "l2_l3", "l3_l1")),
    *((f"current_{line}", 1) for line in ("l1", "l2", "l3", "n")),
    *((f"{power}{line}", 1000) for power in _KILO for line in ("_l1", "_l2", "_l3", "")),
    *((f"power_factor{line}", 1) for line in ("_l1", "_l2", "_l3", "")),
    *(("frequency", 1), ("temperature", 1), ("energy", 1000 * MJ_PER_WH)),
    *((f"{name}demand", 1000) for name in ("", "rolling_", "peak_")),
)


def reference(snapshot: Snapshot, meter: Nameplate, row: int, unit: int) -> dict[int, bytes]:
    """Return every register of a meter by its address, as the contract says, made with `struct` alone."""
    held = {name: column[row].item() for name, column in snapshot.columns.items()}
    blocks = {2 * i: _float(held[name] / divisor) for i, (name, divisor) in enumerate(_FLOATS)}
    blocks[100] = struct.pack(">Q", held["energy"] // MJ_PER_WH)
    for i, name in enumerate(("lcd_energy", "pulse_10wh", "pulse_1kwh")):
        blocks[104 + 2 * i] = struct.pack(">I", held[name] % 2**32)
    for i, name in enumerate(("demand", "rolling_demand", "peak_demand")):
        blocks[110 + 2 * i] = struct.pack(">I", math.floor(held[name] / 10 + 0.5))
    for i, name in enumerate(("peak_demand_time", "clock", "uptime")):
        blocks[116 + 2 * i] = struct.pack(">I", held[name] // NS_PER_S % 2**32)
    blocks[122] = struct.pack(">HH", held["flags"], held["lcd_screen"]) + held["lcd_text"].ljust(8)
    blocks[200] = struct.pack(">32s32s16s8s", *(text.encode() for text in _texts(meter)))
    blocks[244] = struct.pack(">IH", round(meter.ct_a * 10), unit)
    return {
        address + i // 2: block[i : i + 2]
        for address, block in blocks.items()
        for i in range(0, len(block), 2)
    }


def _texts(meter: Nameplate) -> tuple[str, str, str, str]:
    return meter.vendor, meter.model.key, meter.serial, meter.firmware


def bank_of(meters: Sequence[Nameplate], snapshot: Snapshot) -> Bank:
    """Return a bank of the map `native` that shows `snapshot`."""
    images = Images([load("native")], Meters(meters))
    images.show(snapshot.columns)
    return Bank(images, range(len(meters)))


def line_of(meters: Sequence[Nameplate], snapshot: Snapshot) -> Line:
    """Return a Modbus TCP port that shows `snapshot`."""
    return Line(bank_of(meters, snapshot), TcpFraming())


def frame(pdu: bytes, unit: int = 1, transaction: int = 0) -> bytes:
    """Return a whole Modbus TCP frame."""
    return struct.pack(">HHHB", transaction, 0, len(pdu) + 1, unit) + pdu


def read_frame(function: int, address: int, count: int, unit: int = 1, transaction: int = 0) -> bytes:
    """Return the frame of a plain read."""
    return frame(struct.pack(">BHH", function, address, count), unit, transaction)


def frames_in(stream: bytes) -> list[bytes]:
    """Cut a stream into its frames, all of which must be whole."""
    frames, at = [], 0
    while at < len(stream):
        transaction, protocol, length = struct.unpack_from(">HHH", stream, at)
        assert protocol == 0, (transaction, protocol)
        assert 3 <= length <= 254
        frames.append(stream[at : at + 6 + length])
        assert len(frames[-1]) == 6 + length
        at += 6 + length
    return frames


@dataclass(slots=True)
class Client:
    """A raw connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def frame(self) -> bytes:
        """Return the next frame."""
        header = await self.reader.readexactly(6)
        return header + await self.reader.readexactly(int.from_bytes(header[4:], "big"))

    async def ask(self, request: bytes) -> bytes:
        """Send one frame and return the next that comes."""
        self.send(request)
        return await asyncio.wait_for(self.frame(), 10)

    async def rest(self) -> bytes:
        """Return all that comes until the other side closes."""
        return await asyncio.wait_for(self.reader.read(), 10)


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Client]:
    """Connect to a port of this machine, and close."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()


def adapter_of(
    meters: Sequence[Nameplate],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    maps: Sequence[str] = ("native",),
    commands: Applier | None = None,
    links: Links | None = None,
    listeners: Sequence[Listener] | None = None,
    connections: int = 512,
    idle_s: float = 0.0,
) -> ModbusAdapter:
    """Return an adapter that has not started, of Modbus TCP unless `listeners` say otherwise.

    What is written to it is noted and no more.
    """
    return ModbusAdapter(
        host=host,
        listeners=listeners or [NetworkListener("tcp", port, tuple(maps), "--modbus-port")],
        connections=connections,
        idle_s=idle_s,
        meters=meters,
        commands=commands or Notes(),
        gateway_id="plant-a",
        gateway_name="Plant A",
        links=links or Links("modbus", 0),
    )


FAST = 1_000_000
"""A baud rate at which nothing waits for the wire."""


def line_at(
    path: Path,
    *,
    transport: Literal["rtu", "ascii"] = "rtu",
    device: bool = False,
    baud: int = FAST,
    first_meter: int = 1,
    units: int = 3,
    maps: tuple[str, ...] = ("native",),
) -> SerialListener:
    """Return the settings of a serial line."""
    return SerialListener(
        transport=transport,
        device=path if device else None,
        pty=None if device else path,
        baud=baud,
        data_bits=8,
        parity="none",
        stop_bits=1,
        first_meter=first_meter,
        units=units,
        maps=maps,
        option="modbus.listeners[0]",
    )


def ports_of(adapter: ModbusAdapter) -> list[int]:
    """Return the ports of an adapter in order."""
    return [int(endpoint.address.rpartition(":")[2]) for endpoint in adapter.endpoints()]


def connections_of(adapter: ModbusAdapter) -> list[Connection]:
    """Return the clients that are being served."""
    return [guest for guest in adapter._connections if isinstance(guest, Connection)]


class Notes:
    """Stands where the station stands: notes what is asked and lets it through while `gate` is set."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.begun: list[Command] = []
        self.done: list[Command] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.refusing = False

    async def apply(self, request: Request) -> Outcome:
        assert isinstance(request, Broadcast | tuple)
        commands = request.commands if isinstance(request, Broadcast) else request
        self.requests.append(request)
        self.begun += commands
        await self.gate.wait()
        if self.refusing:
            raise RequestRefusedError("no")
        self.done += commands
        return ("",) * len(commands)


async def until(condition: Callable[[], object]) -> None:
    """Return when `condition` holds."""
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never came about")


Serve = Callable[..., Coroutine[Any, Any, ModbusAdapter]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start adapters on free ports; each is stopped at the end."""
    async with AsyncExitStack() as stack:

        async def start(
            meters: Sequence[Nameplate], commands: Applier | None = None, **settings: Any
        ) -> ModbusAdapter:
            adapter = adapter_of(meters, commands=commands or Notes(), **settings)
            adapter.show(snapshot_of(meters))
            await adapter.start()
            stack.push_async_callback(adapter.stop)
            return adapter

        yield start


@asynccontextmanager
async def station_of(folder: Path, settings: Mapping[str, Any]) -> AsyncIterator[tuple[Station, int]]:
    """Run a real station with a manual clock on Modbus alone; give it and its port."""
    file = folder / "station.yaml"
    file.write_text(yaml.safe_dump(dict(settings)))
    options: dict[tuple[str, ...], tuple[str, Any]] = {
        ("clock", "mode"): ("--clock", "manual"),
        ("modbus", "port"): ("--ephemeral", 0),
        ("bacnet", "enabled"): ("--no-bacnet", False),
        ("mqtt", "enabled"): ("--no-mqtt", False),
        ("http", "enabled"): ("--no-http", False),
    }
    async with Station(load_config(file, options=options), None) as station:
        running = asyncio.create_task(station.run())
        try:
            yield station, station.control.ready()["modbus"][0]["port"]
        finally:
            running.cancel()
