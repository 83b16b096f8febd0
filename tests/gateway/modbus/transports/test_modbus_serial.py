"""Serial lines: pseudo-terminals made by the gateway, and devices that come and go."""

import asyncio
import logging
import os
import re
import time
import tty
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymodbus import FramerType
from pymodbus.client import AsyncModbusSerialClient

from gateway.commands import Broadcast, TurnKey
from gateway.errors import AddressInUseError
from gateway.modbus.framing.ascii import AsciiFraming
from gateway.modbus.framing.rtu import RtuFraming
from gateway.modbus.server import ModbusAdapter
from gateway.modbus.transports import serial_listener
from gateway.modbus.transports.serial_ports import Pty
from tests.gateway.modbus.conftest import FAST, LOOPS, Notes, Serve, adapter_of, line_at, until
from tests.support.snapshots import nameplates, snapshot_of

RTU, ASCII = RtuFraming(), AsciiFraming()
UNIT = bytes.fromhex("0300f60001")


class Master:
    """The other end of a line."""

    def __init__(self, file: int) -> None:
        self._file = file
        self._come = asyncio.Queue[bytes]()
        asyncio.get_running_loop().add_reader(file, lambda: self._come.put_nowait(os.read(file, 4096)))

    def send(self, data: bytes) -> None:
        os.write(self._file, data)

    async def read(self, length: int) -> bytes:
        """Return so many bytes of what comes."""
        data = b""
        while len(data) < length:
            data += await asyncio.wait_for(self._come.get(), 10)
        assert len(data) == length
        return data

    async def ask(self, request: bytes, answer: bytes) -> None:
        self.send(request)
        assert await self.read(len(answer)) == answer

    def silent(self) -> bool:
        return self._come.empty()


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Master]:
    """Open the terminal at `path` as a client does."""
    file = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        yield Master(file)
    finally:
        asyncio.get_running_loop().remove_reader(file)
        os.close(file)


@contextmanager
def _cable(path: Path) -> Iterator[int]:
    """Make a device at `path`, as an adapter does that is plugged in; give the file of its other end."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    path.unlink(missing_ok=True)
    path.symlink_to(os.ttyname(theirs))
    os.close(theirs)
    try:
        yield ours
    finally:
        os.close(ours)


@asynccontextmanager
async def _served(
    folder: Path, *, device: bool, transport: Literal["rtu", "ascii"] = "rtu", notes: Notes | None = None
) -> AsyncIterator[tuple[ModbusAdapter, Master]]:
    """Serve one meter on a device or a pseudo-terminal; give the adapter and the other end of the line."""
    meters, path = nameplates(1), folder / "line"
    baud = 19_200 if device else FAST
    async with AsyncExitStack() as stack:
        file = stack.enter_context(_cable(path)) if device else -1
        settings = line_at(path, transport=transport, device=device, baud=baud, units=1)
        adapter = adapter_of(meters, commands=notes, listeners=[settings])
        adapter.show(snapshot_of(meters))
        await adapter.start()
        stack.push_async_callback(adapter.stop)
        if device:
            os.set_blocking(file, False)
            stack.callback(asyncio.get_running_loop().remove_reader, file)
            yield adapter, Master(file)
        else:
            yield adapter, await stack.enter_async_context(opened(path))


EITHER = pytest.mark.parametrize("device", [False, True], ids=["pty", "device"])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "meters"


async def test_units_of_a_line_begin_with_its_first_meter(serve: Serve, path: Path) -> None:
    adapter = await serve(nameplates(9), listeners=[line_at(path, first_meter=4, units=2)])
    assert adapter.ready() == {
        "modbus": [{"transport": "rtu", "device": str(path), "meters": [4, 5], "units": [1, 2]}]
    }
    (endpoint,) = adapter.endpoints()
    assert (endpoint.service, endpoint.address) == ("Modbus RTU", str(path))
    assert endpoint.serves == "meters 4 to 5 as units 1 to 2; native; 1000000 8N1"
    async with opened(path) as master:
        await master.ask(RTU.frame(2, UNIT), RTU.frame(2, bytes.fromhex("03020005")))
        master.send(RTU.frame(3, UNIT))
        await master.ask(RTU.frame(1, UNIT), RTU.frame(1, bytes.fromhex("03020004")))


async def test_pulse_hubs_on_a_line_begin_with_the_one_that_has_its_first_meter(
    serve: Serve, path: Path
) -> None:
    settings = replace(line_at(path, first_meter=30, units=9), maps=("a8911-23",))
    meters = nameplates(60)
    adapter = await serve(meters, listeners=[settings])
    assert adapter.ready() == {
        "modbus": [{"transport": "rtu", "device": str(path), "pulse_hubs": [2, 3], "units": [1, 2]}]
    }
    (endpoint,) = adapter.endpoints()
    assert endpoint.serves == "pulse hubs 2 to 3 as units 1 to 2; a8911-23; 1000000 8N1"
    identify = bytes.fromhex("2b0e0481")
    async with opened(path) as master:
        for unit in (1, 2):
            number = str(unit + 1).encode()
            said = bytes.fromhex("2b0e04830000018101") + number
            await master.ask(RTU.frame(unit, identify), RTU.frame(unit, said))


async def test_all_transports_show_one_snapshot_at_once(serve: Serve, tmp_path: Path) -> None:
    meters, rtu, ascii_ = nameplates(2), tmp_path / "rtu", tmp_path / "ascii"
    adapter = await serve(meters, listeners=[line_at(rtu), line_at(ascii_, transport="ascii")])
    for tick in (2, 3):
        adapter.show(snapshot_of(meters, tick))
        said = bytes.fromhex("0304") + (1_767_571_200 + tick).to_bytes(4, "big")
        ask = bytes.fromhex("0300760002")
        async with opened(rtu) as one, opened(ascii_) as other:
            await one.ask(RTU.frame(1, ask), RTU.frame(1, said))
            await other.ask(ASCII.frame(1, ask), ASCII.frame(1, said))


@pytest.mark.parametrize("baud", [1200, 9600])
async def test_an_answer_is_whole_no_sooner_than_a_wire_would_have_carried_it(
    serve: Serve, path: Path, baud: int
) -> None:
    await serve(nameplates(1), listeners=[line_at(path, baud=baud)])
    request, answer = RTU.frame(1, UNIT), RTU.frame(1, bytes.fromhex("03020001"))
    async with opened(path) as master:
        for _ in range(2):
            begun = time.monotonic()
            await master.ask(request, answer)
            assert time.monotonic() - begun >= (8 + 3.5 + 7) * 10 / baud
        begun = time.monotonic()
        await master.ask(request * 2, answer * 2)
        assert time.monotonic() - begun >= 2 * (8 + 3.5 + 7) * 10 / baud


async def test_a_broadcast_is_obeyed_by_the_units_of_the_line_and_not_answered(
    serve: Serve, path: Path
) -> None:
    notes = Notes()
    await serve(nameplates(5), notes, listeners=[line_at(path, first_meter=2, units=3)])
    async with opened(path) as master:
        master.send(RTU.frame(0, bytes.fromhex("050000ff00")))
        await until(lambda: len(notes.done) == 3)
        await master.ask(RTU.frame(1, UNIT), RTU.frame(1, bytes.fromhex("03020002")))
        assert master.silent()
        notes.refusing = True
        master.send(RTU.frame(0, bytes.fromhex("0500000000")))
        await until(lambda: len(notes.begun) == 6)
        assert master.silent()
    assert notes.requests == [
        Broadcast(tuple(TurnKey(row, position) for row in (1, 2, 3))) for position in ("right", "home")
    ]
    assert len(notes.done) == 3


async def test_a_write_is_answered_when_applied_and_what_follows_waits(serve: Serve, path: Path) -> None:
    notes = Notes()
    await serve(nameplates(1), notes, listeners=[line_at(path)])
    write = RTU.frame(1, bytes.fromhex("050000ff00"))
    async with opened(path) as master:
        notes.gate.clear()
        master.send(write)
        await until(lambda: notes.begun)
        master.send(RTU.frame(1, UNIT))
        await asyncio.sleep(0.02)
        assert master.silent()
        notes.gate.set()
        assert await master.read(15) == write + RTU.frame(1, bytes.fromhex("03020001"))


@EITHER
async def test_half_a_frame_is_dropped_after_the_silence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, *, device: bool
) -> None:
    request, answer = RTU.frame(1, UNIT), RTU.frame(1, bytes.fromhex("03020001"))
    async with _served(tmp_path, device=device) as (_, master):
        for broken in (request[:5], request[:-1] + b"\0", b"\xff" * 300):
            master.send(broken)
            await asyncio.sleep(0.06)
            await master.ask(request, answer)
    assert caplog.text == ""


@EITHER
@pytest.mark.parametrize("transport", ["rtu", "ascii"])
async def test_a_write_that_is_applied_while_the_gateway_stops_is_answered(
    tmp_path: Path, transport: Literal["rtu", "ascii"], *, device: bool
) -> None:
    notes, framing = Notes(), RTU if transport == "rtu" else ASCII
    notes.gate.clear()
    write = framing.frame(1, bytes.fromhex("050000ff00"))
    async with _served(tmp_path, device=device, transport=transport, notes=notes) as (adapter, master):
        master.send(write)
        await until(lambda: notes.begun)
        stopping = asyncio.create_task(adapter.stop())
        await asyncio.sleep(0)
        notes.gate.set()
        assert await master.read(len(write)) == write
        await stopping


@asynccontextmanager
async def _answered(path: Path) -> AsyncIterator[tuple[ModbusAdapter, int, bytes]]:
    """Have a request answered on a terminal; give the client's file and the answer, which it has not read."""
    adapter = adapter_of(nameplates(1), listeners=[line_at(path, units=1)])
    adapter.show(snapshot_of(nameplates(1)))
    await adapter.start()
    file = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        os.write(file, RTU.frame(1, UNIT))
        readable = asyncio.Event()
        asyncio.get_running_loop().add_reader(file, readable.set)
        await asyncio.wait_for(readable.wait(), 10)
        asyncio.get_running_loop().remove_reader(file)
        yield adapter, file, RTU.frame(1, bytes.fromhex("03020001"))
    finally:
        os.close(file)


async def test_a_terminal_ends_when_its_client_has_read_the_last_answer(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serial_listener, "_LAST_ANSWER", 600.0)
    async with _answered(path) as (adapter, file, answer):
        stopping = asyncio.create_task(adapter.stop())
        done, _ = await asyncio.wait({stopping}, timeout=0.1)
        assert not done
        assert os.read(file, 100) == answer
        await asyncio.wait_for(stopping, 10)


async def test_a_client_that_never_reads_does_not_keep_a_terminal_from_ending(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serial_listener, "_LAST_ANSWER", 0.05)
    async with _answered(path) as (adapter, file, _):
        await asyncio.wait_for(adapter.stop(), 10)
        assert os.read(file, 100) == b""  # hung up


def test_what_was_just_written_to_a_terminal_is_unread(path: Path) -> None:
    for _ in range(200):
        port = Pty(path)
        try:
            os.write(port.open(), b"answer")
            assert port.unread()
        finally:
            port.close()


async def test_nobody_looks_for_a_device_that_goes_while_the_gateway_stops(tmp_path: Path) -> None:
    notes, path = Notes(), tmp_path / "device"
    notes.gate.clear()
    with _cable(path) as file:
        adapter = adapter_of(nameplates(1), commands=notes, listeners=[line_at(path, device=True, units=1)])
        adapter.show(snapshot_of(nameplates(1)))
        await adapter.start()
        os.write(file, RTU.frame(1, bytes.fromhex("050000ff00")))
        await until(lambda: notes.begun)
        stopping = asyncio.create_task(adapter.stop())
        await asyncio.sleep(0)
    notes.gate.set()
    await stopping
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_flood_of_a_client_that_reads_nothing_holds_up_nobody(serve: Serve, tmp_path: Path) -> None:
    flooded, calm = tmp_path / "flooded", tmp_path / "calm"
    await serve(nameplates(1), listeners=[line_at(flooded), line_at(calm)])
    request, answer = RTU.frame(1, UNIT), RTU.frame(1, bytes.fromhex("03020001"))
    file = os.open(flooded, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        async with opened(calm) as master:
            for _ in range(20):
                for _ in range(50):
                    try:
                        os.write(file, request * 100)
                    except BlockingIOError:
                        break
                await master.ask(request, answer)
    finally:
        os.close(file)


async def test_the_link_is_made_anew_and_removed_and_files_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "meters"
    path.symlink_to(tmp_path / "gone")
    adapter = adapter_of(nameplates(1), listeners=[line_at(path)])
    adapter.show(snapshot_of(nameplates(1)))
    await adapter.start()
    assert path.is_symlink()
    assert str(path.readlink()).startswith("/dev/")
    await adapter.stop()
    assert not path.is_symlink()
    path.write_text("precious")
    with pytest.raises(AddressInUseError) as caught:
        await adapter_of(nameplates(1), listeners=[line_at(path)]).start()
    assert str(caught.value) == (
        f"Modbus RTU: {path} is unusable (File exists); modbus.listeners[0].pty moves it"
    )
    assert path.read_text() == "precious"
    nowhere = line_at(tmp_path / "no" / "device", device=True)
    with pytest.raises(
        AddressInUseError, match=r"unusable \(No such file .*modbus.listeners\[0\].device moves"
    ):
        await adapter_of(nameplates(1), listeners=[nowhere]).start()


async def test_a_link_is_of_one_gateway_while_that_is_alive(serve: Serve, path: Path) -> None:
    await serve(nameplates(1), listeners=[line_at(path, units=1)])
    terminal = path.readlink()
    with pytest.raises(AddressInUseError) as caught:
        await adapter_of(nameplates(1), listeners=[line_at(path)]).start()
    assert str(caught.value) == f"Modbus RTU: {path} is already in use; modbus.listeners[0].pty moves it"
    assert path.readlink() == terminal
    async with opened(path) as master:
        await master.ask(RTU.frame(1, UNIT), RTU.frame(1, bytes.fromhex("03020001")))


async def test_a_link_to_a_file_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "precious")
    with pytest.raises(AddressInUseError, match="already in use"):
        await adapter_of(nameplates(1), listeners=[line_at(tmp_path / "link")]).start()
    assert (tmp_path / "link").read_text() == "mine"


async def test_a_link_whose_terminal_has_gone_is_taken_over_also_when_its_number_is_given_again(
    serve: Serve, path: Path
) -> None:
    later, other = os.openpty()  # another program's, which got the number that the link names
    try:
        path.symlink_to(os.ttyname(other))
        os.utime(path, ns=(0, 0), follow_symlinks=False)
        await serve(nameplates(1), listeners=[line_at(path, units=1)])
        assert str(path.readlink()) != os.ttyname(other)
    finally:
        os.close(later)
        os.close(other)


async def test_a_device_is_for_one_gateway_at_a_time(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "device"
    with _cable(path):
        await serve(nameplates(1), listeners=[line_at(path, device=True, baud=19_200)])
        second = adapter_of(nameplates(1), listeners=[line_at(path, device=True, baud=19_200)])
        with pytest.raises(
            AddressInUseError, match=r"is already in use; modbus.listeners\[0\].device moves it"
        ):
            await second.start()


async def test_a_device_that_goes_away_is_opened_again(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(serial_listener, "FIRST_WAIT", 0.01)
    caplog.set_level(logging.INFO)
    path, other = tmp_path / "device", tmp_path / "other"
    answer = RTU.frame(1, bytes.fromhex("03020001"))
    settings = [line_at(path, device=True, baud=19_200), line_at(other)]
    with _cable(path) as file:
        await serve(nameplates(1), listeners=settings)
        master = Master(file)
        await master.ask(RTU.frame(1, UNIT), answer)
        asyncio.get_running_loop().remove_reader(file)
    path.unlink()
    await until(lambda: "has gone" in caplog.text)
    async with opened(other) as calm:
        await calm.ask(RTU.frame(1, UNIT), answer)
    with _cable(path) as file:
        await until(lambda: "is there again" in caplog.text)
        master = Master(file)
        await master.ask(RTU.frame(1, UNIT), answer)
        asyncio.get_running_loop().remove_reader(file)


async def test_an_answer_to_a_line_that_was_pulled_out_is_not_given_to_the_next(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(serial_listener, "FIRST_WAIT", 0.01)
    caplog.set_level(logging.INFO)
    path, notes = tmp_path / "device", Notes()
    notes.gate.clear()
    with _cable(path) as file:
        await serve(nameplates(1), notes, listeners=[line_at(path, device=True, baud=19_200)])
        os.write(file, RTU.frame(1, bytes.fromhex("050000ff00")))
        await until(lambda: notes.begun)
    path.unlink()
    await until(lambda: "has gone" in caplog.text)
    with _cable(path) as file:
        await until(lambda: "is there again" in caplog.text)
        notes.gate.set()
        await until(lambda: notes.done)
        master = Master(file)
        await master.ask(RTU.frame(1, UNIT), RTU.frame(1, bytes.fromhex("03020001")))
        asyncio.get_running_loop().remove_reader(file)


async def _attack(
    transport: Literal["rtu", "ascii"], folder: Path, pieces: list[bytes], *, device: bool
) -> None:
    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
    framing = RTU if transport == "rtu" else ASCII
    async with _served(folder, device=device, transport=transport) as (_, master):
        for piece in pieces:
            master.send(piece)
        answer = framing.frame(1, bytes.fromhex("03020001"))
        said = b""
        while not said.endswith(answer):
            await asyncio.sleep(0.04 if device else 0.005)  # silence, which ends what is broken
            master.send(framing.frame(1, UNIT))
            said += await asyncio.wait_for(master._come.get(), 10) if not master.silent() else b""
    assert faults == []


@EITHER
@pytest.mark.parametrize("transport", ["rtu", "ascii"])
@pytest.mark.parametrize("loop", LOOPS)
@settings(max_examples=10, deadline=None)
@given(
    pieces=st.lists(
        st.one_of(
            st.binary(max_size=300),
            st.builds(bytes.__mul__, st.sampled_from([b":", b"\r\n", b"\0", b"\xff"]), st.integers(0, 2000)),
        ),
        max_size=4,
    )
)
def test_whatever_comes_over_a_line_the_next_request_is_answered(
    loop: str,
    transport: Literal["rtu", "ascii"],
    tmp_path_factory: pytest.TempPathFactory,
    pieces: list[bytes],
    *,
    device: bool,
) -> None:
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(_attack(transport, tmp_path_factory.getbasetemp(), pieces, device=device))


async def test_thousands_of_broken_frames_in_a_row_are_dropped(tmp_path: Path) -> None:
    async with _served(tmp_path, device=True, transport="ascii") as (_, master):
        master.send(b":" * 3000)
        await master.ask(ASCII.frame(1, UNIT), ASCII.frame(1, bytes.fromhex("03020001")))


@pytest.mark.parametrize("junk", [b":", b":zz\r\n", b"?"])
async def test_what_nobody_is_told_of_takes_no_time_on_a_slow_line(
    serve: Serve, tmp_path: Path, junk: bytes
) -> None:
    """At 1200 baud 20 kB would be on the wire for nearly three minutes."""
    path = tmp_path / "line"
    await serve(nameplates(3), listeners=[line_at(path, transport="ascii", baud=1200)])
    async with opened(path) as master:
        for _ in range(20):
            master.send((junk * 1000)[:1000])
            await asyncio.sleep(0.01)
        master.send(b"\r\n")
        request = ASCII.frame(1, UNIT)
        answer = ASCII.frame(1, bytes.fromhex("03020001"))
        await master.ask(request, answer)


@pytest.mark.parametrize(
    ("transport", "framer"), [("rtu", FramerType.RTU), ("ascii", FramerType.ASCII)], ids=["rtu", "ascii"]
)
async def test_the_pymodbus_client_reads_and_writes_over_a_line(
    serve: Serve, path: Path, transport: Literal["rtu", "ascii"], framer: FramerType
) -> None:
    await serve(nameplates(3), listeners=[line_at(path, transport=transport, baud=115_200)])
    async with AsyncModbusSerialClient(
        str(path), framer=framer, baudrate=115_200, retries=0, timeout=5
    ) as client:
        for unit in (1, 3):
            said = await client.read_holding_registers(246, count=1, device_id=unit)
            assert said.registers == [unit]
        written = await client.write_coil(0, True, device_id=2)
        assert not written.isError()


@pytest.mark.real_client("mbpoll")
async def test_mbpoll_reads_over_rtu(serve: Serve, path: Path) -> None:
    await serve(nameplates(3), listeners=[line_at(path, baud=19_200)])
    command = [
        "mbpoll",
        "-m",
        "rtu",
        "-b",
        "19200",
        "-P",
        "none",
        "-0",
        "-1",
        "-a",
        "3",
        "-r",
        "246",
        "-c",
        "1",
    ]
    process = await asyncio.create_subprocess_exec(*command, str(path), stdout=asyncio.subprocess.PIPE)
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, output.decode()
    assert re.findall(r"^\[\d+\]:\s+(\S+)", output.decode(), re.MULTILINE) == ["3"]
