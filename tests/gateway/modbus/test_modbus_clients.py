"""Clients written by others read what the reference says."""

import asyncio
import json
import re
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
from pymodbus import FramerType
from pymodbus.client import AsyncModbusTcpClient, AsyncModbusUdpClient
from pymodbus.pdu import ExceptionResponse
from pymodbus.pdu.mei_message import ReadDeviceInformationRequest, ReadDeviceInformationResponse

from gateway.commands import ResetPeak, TurnKey
from gateway.tls_files import server_context
from gateway.transports import NetworkListener, TlsListener
from tests.gateway.modbus.conftest import Notes, Serve, line_at, ports_of, reference
from tests.support.certificates import Authority, role_extension
from tests.support.snapshots import nameplates, snapshot_of

CLIENTS = Path(__file__).parents[2] / "clients"
METERS = nameplates(7)
SNAPSHOT = snapshot_of(METERS)
WITH_RESET = [replace(meter, options=frozenset({"peak_reset"})) for meter in METERS]


def _words(unit: int, first: int, end: int) -> list[int]:
    """Return what the reference has at these addresses of a unit, as numbers."""
    words = reference(SNAPSHOT, METERS[unit - 1], unit - 1, unit)
    return [int.from_bytes(words[at], "big") for at in range(first, end)]


def _flags(unit: int) -> list[int]:
    flags = int(SNAPSHOT.columns["flags"][unit - 1])
    return [flags >> bit & 1 for bit in range(16)]


def _key(unit: int) -> int:
    return int(SNAPSHOT.columns["key_switch"][unit - 1])


async def _output(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=CLIENTS
    )
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, output.decode()
    return output.decode()


async def _mbpoll(port: int, *options: str) -> list[str]:
    """Return the values that mbpoll prints, one for each reference."""
    output = await _output("mbpoll", "-0", "-1", "-p", str(port), *options, "127.0.0.1")
    return re.findall(r"^\[\d+\]:\s+(\S+)", output, re.MULTILINE)


@pytest.mark.real_client("mbpoll")
@pytest.mark.parametrize("table", ["3", "4"])
async def test_mbpoll_reads_floats(serve: Serve, table: str) -> None:
    (port,) = ports_of(await serve(METERS))
    for unit in (1, 7):
        options = ("-a", str(unit), "-r", "0", "-c", "32", "-t", f"{table}:float", "-B")
        said = await _mbpoll(port, *options)
        raw = struct.pack(">64H", *_words(unit, 0, 64))
        wanted = struct.unpack(">32f", raw)
        assert [float(text) for text in said] == pytest.approx(wanted, rel=1e-5, nan_ok=True)


@pytest.mark.real_client("mbpoll")
async def test_mbpoll_reads_counters_and_bits(serve: Serve) -> None:
    (port,) = ports_of(await serve(METERS))
    said = await _mbpoll(port, "-a", "3", "-r", "104", "-c", "9", "-t", "4:int", "-B")
    wanted = struct.unpack(">9i", struct.pack(">18H", *_words(3, 104, 122)))
    assert [int(text) for text in said] == list(wanted)
    said = await _mbpoll(port, "-a", "3", "-r", "0", "-c", "16", "-t", "1")
    assert [int(text) for text in said] == _flags(3)
    assert await _mbpoll(port, "-a", "3", "-r", "0", "-c", "2", "-t", "0") == [str(_key(3)), "0"]


@pytest.fixture(params=[3, 7])
def unit(request: pytest.FixtureRequest) -> int:
    number: int = request.param
    return number


async def test_the_pymodbus_client_reads_everything(serve: Serve, unit: int) -> None:
    (port,) = ports_of(await serve(METERS))
    async with AsyncModbusTcpClient("127.0.0.1", port=port, retries=0) as client:
        for first, end in ((0, 64), (100, 128), (200, 247)):
            holding = await client.read_holding_registers(first, count=end - first, device_id=unit)
            inputs = await client.read_input_registers(first, count=end - first, device_id=unit)
            assert holding.registers == inputs.registers == _words(unit, first, end)
        discrete = await client.read_discrete_inputs(0, count=16, device_id=unit)
        assert [int(bit) for bit in discrete.bits] == _flags(unit)
        coils = await client.read_coils(0, count=2, device_id=unit)
        assert coils.bits[:2] == [bool(_key(unit)), False]


async def test_the_pymodbus_client_understands_every_refusal(serve: Serve) -> None:
    (port,) = ports_of(await serve(METERS))
    async with AsyncModbusTcpClient("127.0.0.1", port=port, retries=0) as client:
        for address, count, unit, code in ((64, 1, 1, 2), (0, 65, 1, 2), (0, 1, 8, 0x0B), (0, 1, 0xFE, 0x0B)):
            answer = await client.read_holding_registers(address, count=count, device_id=unit)
            assert isinstance(answer, ExceptionResponse)
            assert answer.exception_code == code
        written = await client.write_register(0, 1, device_id=1)
        assert (written.isError(), written.exception_code) == (True, 2)


async def test_the_pymodbus_client_writes_coils(serve: Serve) -> None:
    notes = Notes()
    (port,) = ports_of(await serve(WITH_RESET, notes))
    async with AsyncModbusTcpClient("127.0.0.1", port=port, retries=0) as client:
        right = await client.write_coil(0, True, device_id=2)
        assert (right.isError(), right.address, right.bits) == (False, 0, [True])
        both = await client.write_coils(0, [False, True], device_id=2)
        assert (both.isError(), both.address, both.count) == (False, 0, 2)
        nowhere = await client.write_coils(1, [False, True], device_id=2)
        assert (nowhere.isError(), nowhere.exception_code) == (True, 2)
    assert notes.done == [TurnKey(1, "right"), TurnKey(1, "home"), ResetPeak(1)]


async def test_the_pymodbus_client_reads_the_identification(serve: Serve, unit: int) -> None:
    (port,) = ports_of(await serve(METERS))
    async with AsyncModbusTcpClient("127.0.0.1", port=port, retries=0) as client:
        request = ReadDeviceInformationRequest(read_code=2, dev_id=unit)
        answer = await client.execute(no_response_expected=False, request=request)
    assert isinstance(answer, ReadDeviceInformationResponse)
    assert answer.information[0] == b"Leviton"
    assert answer.information[1] == METERS[unit - 1].model.key.encode()
    assert answer.information[6] == f"M{unit:04}".encode()


def _agrees(said: dict[str, Any], unit: int) -> None:
    assert said["holding"] == _words(unit, 0, 64)
    assert said["input"] == _words(unit, 100, 128)
    assert said["discrete"] == _flags(unit)
    assert said["coils"] == [_key(unit), 0]
    assert said["unmapped"] == 2


@pytest.mark.real_client("node", "npm:jsmodbus")
async def test_jsmodbus_reads_pipelined(serve: Serve, unit: int) -> None:
    (port,) = ports_of(await serve(METERS))
    said = json.loads(await _output("node", "modbus_jsmodbus.cjs", str(port), str(unit)))
    _agrees(said, unit)
    assert said["written"] == 2


@pytest.mark.real_client("node", "npm:modbus-serial")
async def test_modbus_serial_reads_several_units_on_one_connection(serve: Serve) -> None:
    (port,) = ports_of(await serve(METERS))
    said = json.loads(await _output("node", "modbus_serial.cjs", str(port), "1", "7"))
    for number in (1, 7):
        _agrees(said[str(number)], number)
        assert said[str(number)]["count"] == 3
        assert said[str(number)]["identity"]["1"] == METERS[number - 1].model.key
        assert said[str(number)]["identity"]["6"] == f"M{number:04}"
    assert said["nobody"] == 0x0B


async def _modbus_serial_agrees(transport: str, place: str, notes: Notes) -> None:
    """Let modbus-serial read and write two units."""
    said = json.loads(await _output("node", "modbus_transports.cjs", transport, place, "1", "7"))
    for unit in (1, 7):
        assert said[str(unit)] == {
            "holding": _words(unit, 0, 64),
            "discrete": _flags(unit),
            "unmapped": 2,
            "written": True,
        }
    assert notes.done == [TurnKey(0, "right"), TurnKey(6, "right")]


@pytest.mark.parametrize("transport", ["rtu-over-tcp", "udp"])
@pytest.mark.real_client("node", "npm:modbus-serial")
async def test_modbus_serial_reads_and_writes_over_other_transports(
    serve: Serve, transport: Literal["rtu-over-tcp", "udp"]
) -> None:
    notes = Notes()
    listener = NetworkListener(transport, 0, ("native",), "port")
    (port,) = ports_of(await serve(METERS, notes, listeners=[listener]))
    await _modbus_serial_agrees(transport, str(port), notes)


@pytest.mark.parametrize("transport", ["rtu", "ascii"])
@pytest.mark.real_client("node", "npm:modbus-serial")
async def test_modbus_serial_reads_and_writes_over_a_line(
    serve: Serve, tmp_path: Path, transport: Literal["rtu", "ascii"]
) -> None:
    notes = Notes()
    listener = line_at(tmp_path / "meters", transport=transport, baud=19_200, units=7)
    await serve(METERS, notes, listeners=[listener])
    await _modbus_serial_agrees(transport, str(tmp_path / "meters"), notes)


@pytest.mark.real_client("node", "npm:modbus-serial")
async def test_modbus_serial_reads_and_writes_over_tls(serve: Serve, tmp_path: Path) -> None:
    authority, notes = Authority(tmp_path), Notes()
    certificate, key = authority.issue("server")
    context = server_context(certificate=certificate, key=key, client_ca=authority.file)
    listener = TlsListener(0, ("native",), "port", context, ("operator",))
    (port,) = ports_of(await serve(METERS, notes, listeners=[listener]))
    client = authority.issue("ann", role=role_extension("operator"))
    place = ",".join(map(str, (port, authority.file, *client)))
    await _modbus_serial_agrees("tls", place, notes)


@pytest.mark.parametrize(
    ("transport", "kind", "framer"),
    [
        ("rtu-over-tcp", AsyncModbusTcpClient, FramerType.RTU),
        ("udp", AsyncModbusUdpClient, FramerType.SOCKET),
    ],
    ids=["rtu-over-tcp", "udp"],
)
async def test_the_pymodbus_client_reads_and_writes_over_other_transports(
    serve: Serve,
    transport: Literal["rtu-over-tcp", "udp"],
    kind: type[AsyncModbusTcpClient] | type[AsyncModbusUdpClient],
    framer: FramerType,
) -> None:
    notes = Notes()
    listener = NetworkListener(transport, 0, ("native",), "port")
    (port,) = ports_of(await serve(METERS, notes, listeners=[listener]))
    async with kind("127.0.0.1", port=port, framer=framer, retries=0) as client:
        for unit in (1, 7):
            said = await client.read_holding_registers(0, count=64, device_id=unit)
            assert said.registers == _words(unit, 0, 64)
        assert not (await client.write_coil(0, True, device_id=7)).isError()
    assert notes.done == [TurnKey(6, "right")]
