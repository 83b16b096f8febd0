"""Faults of the line as clients see them: exact bytes, in order, and nobody else is held up."""

import asyncio
import contextlib
import itertools
import json
import re
import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusIOException
from pymodbus.pdu import ExceptionResponse

from gateway.commands import TurnKey
from gateway.link_faults import OK, Draws, LinkFault, Links, ModbusMode, Strike
from gateway.modbus.bank import Bank
from gateway.modbus.framing.ascii import AsciiFraming
from gateway.modbus.framing.framing import Framing
from gateway.modbus.framing.rtu import RtuFraming
from gateway.modbus.framing.tcp import TcpFraming
from gateway.modbus.line import Later, Line
from gateway.modbus.units.counters import ConnectionCounters
from gateway.modbus.units.faults import Faults
from gateway.modbus.units.gateway_unit import Gateway, GatewayPlate
from gateway.modbus.units.images import Images
from gateway.modbus.units.subjects import Meters, PulseHubs, Subjects
from gateway.transports import NetworkListener
from register_maps.loader import load, names
from register_maps.model import BIT_TABLES, TYPES, Entry, RegisterMap, Serves, Table, WordOrder
from sims import pulse_hub
from sims.points import NS_PER_S, Columns
from sims.snapshot import Snapshot, Tick
from tests.gateway.modbus.conftest import (
    LOOPS,
    Client,
    Notes,
    adapter_of,
    connected,
    frame,
    frames_in,
    ports_of,
    read_frame,
    reference,
    until,
)
from tests.support.snapshots import nameplates, snapshot_of

CLIENTS = Path(__file__).parents[2] / "clients"
DOCUMENT = (Path(__file__).parents[3] / "docs" / "faults.md").read_text().partition("\n## On BACnet\n")[0]
METERS = nameplates(3)
MODES = get_args(ModbusMode)
CLOCK = (118, 2)
REQUEST = read_frame(3, *CLOCK, 1, 7)
HEALTHY = read_frame(3, 246, 1, 3, 9)
RIGHT = frame(bytes.fromhex("050000ff00"), 1, 7)
NUMBERS = (*((address, 2) for address in range(0, 64, 2)), (100, 4), *((at, 2) for at in range(104, 122, 2)))
"""Where the map `native` has numbers of several words: address and words."""


class Faulty:
    """A gateway whose faults a test sets, each at a new tick, as the station does."""

    def __init__(self, seed: int = 0, **more: Any) -> None:
        self.links = Links("modbus", seed)
        self.adapter = adapter_of(METERS, links=self.links, **more)
        self.shown: list[Snapshot] = []
        self.show()

    def show(self) -> None:
        """Let a new tick be seen."""
        made = snapshot_of(METERS, len(self.shown))
        self.shown.append(replace(made, tick=replace(made.tick, regular=NS_PER_S)))
        self.links.show(self.shown[-1])
        self.adapter.show(self.shown[-1])

    def set(self, row: int | None, mode: str, **more: Any) -> None:
        """Let a fault begin at a new tick."""
        self.links.set(row, LinkFault(mode, **more))
        self.show()

    @property
    def port(self) -> int:
        return ports_of(self.adapter)[0]


@contextlib.asynccontextmanager
async def _serving(gateway: Faulty) -> AsyncIterator[Faulty]:
    await gateway.adapter.start()
    try:
        yield gateway
    finally:
        await gateway.adapter.stop()


@pytest.fixture
async def gateway() -> AsyncIterator[Faulty]:
    """Start a gateway of 3 meters."""
    async with _serving(Faulty()) as started:
        yield started


async def _told(client: Client, *requests: bytes) -> bytes:
    """Return all that a client is told to its requests, who then ends its side."""
    client.send(b"".join(requests))
    client.writer.write_eof()
    return await client.rest()


def _document() -> dict[str, bytes]:
    """Return the bytes that the document shows for each mode."""
    rows = re.findall(r"^\| `(\w+)` \| (?:none|`([0-9a-f ]+)`) \|", DOCUMENT, re.MULTILINE)
    return {mode: bytes.fromhex(told) for mode, told in rows}


def test_the_document_has_every_mode_and_the_request() -> None:
    assert tuple(_document()) == MODES
    assert f"`{REQUEST.hex(' ')}`" in DOCUMENT


@pytest.mark.parametrize("row", [0, None], ids=["of the meter", "of the port"])
@pytest.mark.parametrize("mode", MODES)
async def test_each_fault_puts_on_the_wire_what_the_document_shows(mode: str, row: int | None) -> None:
    made = Faulty()
    made.links.set(row, LinkFault(mode, exception=6, delay_s=0.001))
    made.shown.clear()
    for _ in range(3):
        made.show()
    async with _serving(made), connected(made.port) as client:
        assert (await _told(client, REQUEST)).hex(" ") == _document()[mode].hex(" ")


@pytest.mark.parametrize("mode", MODES)
async def test_a_fault_of_one_meter_leaves_the_others_alone_on_the_same_connection(
    gateway: Faulty, mode: str
) -> None:
    gateway.set(0, mode)
    async with connected(gateway.port) as client:
        told = await _told(client, HEALTHY, REQUEST, HEALTHY)
    async with connected(gateway.port) as client:
        sound = await client.ask(HEALTHY)
    assert told.startswith(sound)
    assert told.endswith(sound)
    assert (told == sound) == (mode == "drop")
    assert (told == 2 * sound) == (mode == "silent")


async def test_a_fault_takes_effect_at_once_and_so_does_its_end(gateway: Faulty) -> None:
    async with connected(gateway.port) as client:
        assert (await client.ask(REQUEST))[7] == 3
        gateway.set(0, "refuse")
        assert (await client.ask(REQUEST)).hex() == "00070000000301830b"
        gateway.links.set(0, OK)
        gateway.show()
        assert (await client.ask(REQUEST))[7] == 3


async def test_count_and_time_end_a_fault_on_the_wire(gateway: Faulty) -> None:
    gateway.set(0, "refuse", count=2)
    async with connected(gateway.port) as client:
        assert [(await client.ask(REQUEST))[7] for _ in range(4)] == [0x83, 0x83, 3, 3]
        gateway.set(0, "refuse", for_s=2.0)
        told = []
        for _ in range(3):
            told.append((await client.ask(REQUEST))[7])
            gateway.show()
        assert told == [0x83, 0x83, 3]


@pytest.mark.parametrize("code", [0x0A, 0x0B, 0x04, 0x06, 1, 255])
async def test_a_refusal_has_any_code_and_answers_any_function(gateway: Faulty, code: int) -> None:
    gateway.set(0, "refuse", exception=code)
    async with connected(gateway.port) as client:
        for pdu in ("0300000001", "0100000001", "050000ff00", "2b0e0100", "63"):
            function = int(pdu[:2], 16)
            answer = await client.ask(frame(bytes.fromhex(pdu), 1, 7))
            assert answer[7:] == bytes((function | 0x80, code))


@pytest.mark.parametrize("mode", MODES)
async def test_a_write_that_gets_lost_or_is_refused_is_not_obeyed(mode: str) -> None:
    notes = Notes()
    made = Faulty(commands=notes)
    made.set(0, mode)
    async with _serving(made), connected(made.port) as client:
        await _told(client, RIGHT)
        await until(lambda: not made.adapter._pending._tasks)
    assert notes.done == ([] if mode in {"silent", "refuse", "drop"} else [TurnKey(0, "right")])


async def test_part_of_the_requests_meets_a_fault_and_the_same_ones_in_every_run() -> None:
    told: list[list[bytes]] = []
    for seed in (1, 1, 2):
        made = Faulty(seed=seed)
        made.set(0, "garble", rate=0.5)
        async with _serving(made), connected(made.port) as client, connected(made.port) as other:
            answers = []
            for _ in range(40):
                answers.append(await client.ask(REQUEST))
                await other.ask(HEALTHY)
            told.append(answers)
    assert told[0] == told[1] != told[2]
    assert 10 < sum(answer[7] == 3 for answer in told[0]) < 30


async def test_what_comes_behind_a_late_answer_on_its_connection_waits_for_it(gateway: Faulty) -> None:
    gateway.set(0, "slow", delay_s=0.05)
    gateway.set(1, "refuse", delay_s=0.02)
    requests = [read_frame(3, *CLOCK, 1 + n % 3, n) for n in range(12)]
    async with connected(gateway.port) as client:
        answers = frames_in(await _told(client, *requests))
    assert [answer[:2] for answer in answers] == [request[:2] for request in requests]
    assert [answer[7] for answer in answers] == [3, 0x83, 3] * 4


async def test_who_asks_a_sound_meter_on_another_connection_does_not_wait(gateway: Faulty) -> None:
    gateway.set(0, "slow", delay_s=30.0)
    async with connected(gateway.port) as client, connected(gateway.port) as other:
        client.send(REQUEST + HEALTHY)
        await until(lambda: gateway.adapter._pending._tasks)
        for _ in range(100):
            assert (await other.ask(HEALTHY))[7] == 3
        late = asyncio.ensure_future(client.frame())
        await asyncio.sleep(0)
        assert not late.done()
        late.cancel()


async def test_a_connection_that_is_dropped_has_the_answers_due_before_and_no_more(gateway: Faulty) -> None:
    gateway.set(0, "drop", delay_s=0.01)
    async with connected(gateway.port) as client, connected(gateway.port) as other:
        client.send(HEALTHY * 3 + REQUEST + HEALTHY * 3)
        assert len(frames_in(await client.rest())) == 3
        assert (await other.ask(HEALTHY))[7] == 3
    async with connected(gateway.port) as again:
        assert (await again.ask(HEALTHY))[7] == 3


def _words(snapshot: Snapshot, row: int) -> dict[int, bytes]:
    return reference(snapshot, METERS[row], row, row + 1)


async def _registers(client: Client, unit: int) -> dict[int, bytes]:
    """Return every register of a unit, by both functions that read them."""
    found: dict[int, bytes] = {}
    for first, count in ((0, 64), (100, 28), (200, 47)):
        holding, inputs = [await client.ask(read_frame(code, first, count, unit)) for code in (3, 4)]
        assert holding[8:] == inputs[8:]
        found |= {first + n: holding[9 + 2 * n : 11 + 2 * n] for n in range(count)}
    return found


async def _bits(client: Client, unit: int) -> list[bytes]:
    return [(await client.ask(read_frame(*read, unit)))[9:] for read in ((2, 0, 16), (1, 0, 2))]


def _flags(snapshot: Snapshot, row: int) -> list[bytes]:
    columns = snapshot.columns
    return [int(columns["flags"][row]).to_bytes(2, "little"), bytes((int(columns["key_switch"][row]),))]


async def test_a_frozen_meter_shows_what_it_showed_when_that_was_set(gateway: Faulty) -> None:
    gateway.set(0, "frozen")
    gateway.set(1, "frozen")
    gateway.show()
    async with connected(gateway.port) as client:
        for row, shown in enumerate(gateway.shown[1:]):
            assert await _registers(client, row + 1) == _words(shown, row)
            assert await _bits(client, row + 1) == _flags(shown, row)
        gateway.set(None, "frozen")
        gateway.show()
        assert await _registers(client, 3) == _words(gateway.shown[4], 2)
        assert await _registers(client, 1) == _words(gateway.shown[1], 0)
        gateway.links.set(0, OK)
        gateway.show()
        assert await _registers(client, 1) == _words(gateway.shown[4], 0)


async def test_a_meter_that_is_behind_shows_the_tick_before(gateway: Faulty) -> None:
    gateway.set(0, "behind")
    async with connected(gateway.port) as client:
        for _ in range(3):
            gateway.show()
            assert await _registers(client, 1) == _words(gateway.shown[-2], 0)
            assert await _bits(client, 1) == _flags(gateway.shown[-2], 0)
            assert await _registers(client, 2) == _words(gateway.shown[-1], 1)


async def test_the_tick_that_a_command_makes_is_no_step_to_be_behind(gateway: Faulty) -> None:
    """On a manual clock it has no length, on a real one less than a regular tick."""
    gateway.set(0, "behind")
    for regular, length in ((0, 0), (NS_PER_S, NS_PER_S // 3)):
        gateway.show()
        behind = gateway.shown[-2]
        async with connected(gateway.port) as client:
            for marks in range(1, 3):
                made = snapshot_of(METERS, 50 + marks)
                time = gateway.shown[-1].tick.time + marks * length
                mark = replace(made, tick=Tick(made.tick.number, time, regular))
                gateway.links.show(mark)
                gateway.adapter.show(mark)
                assert await _registers(client, 1) == _words(behind, 0)
                assert await _registers(client, 2) == _words(mark, 1)


async def test_words_are_swapped_in_numbers_of_several_words_alone(gateway: Faulty) -> None:
    gateway.set(0, "word_swap")
    async with connected(gateway.port) as client:
        for _ in range(2):
            gateway.show()
            wanted = _words(gateway.shown[-1], 0)
            for address, words in (*NUMBERS, (244, 2)):
                turned = [wanted[address + n] for n in reversed(range(words))]
                wanted.update(zip(itertools.count(address), turned, strict=False))
            assert await _registers(client, 1) == wanted
            assert await _bits(client, 1) == _flags(gateway.shown[-1], 0)


@pytest.mark.parametrize(("order", "told"), [("CDAB", "abcd"), ("BADC", "dcba"), ("DCBA", "badc")])
def test_words_are_swapped_as_the_map_has_them(order: str, told: str) -> None:
    """A block that begins in the middle of a number has the word that stands there then."""
    word, number = (
        Entry(at, (Table.HOLDING,), TYPES[kind], size, WordOrder[order], constant=constant)
        for at, kind, size, constant in ((0, "u16", 2, 1), (1, "u32", 4, 0x61626364))
    )
    images = Images([RegisterMap("mine", "", 0, (word, number), "")], Meters(METERS))
    line, _ = _line(TcpFraming(), images, LinkFault("word_swap"))
    one = "0001" if order == "CDAB" else "0100"
    assert _said(line, read_frame(3, 0, 3))[9:] == bytes.fromhex(one) + told.encode()
    assert _said(line, read_frame(3, 2, 1))[9:] == told[2:].encode()


@pytest.mark.parametrize("name", names())
def test_in_every_map_numbers_of_several_words_and_nothing_else_stand_the_other_way_round(name: str) -> None:
    found = load(name)
    snapshot, gateway = snapshot_of(METERS), Gateway(GatewayPlate("g", "", 3, 1), ConnectionCounters())
    sources: dict[Serves, tuple[Subjects, Columns]] = {
        Serves.METER: (Meters(METERS), snapshot.columns),
        Serves.HUB: (PulseHubs(3), pulse_hub.PulseHubs(np.arange(3)).columns()),
        Serves.GATEWAY: (gateway, gateway.columns(snapshot)),
    }
    subjects, columns = sources[found.serves]
    images = Images([found], subjects)
    images.show(columns)
    strike = Strike(LinkFault("word_swap"), 0.0, Draws(""), whole=True)
    swapped = Faults(Links("modbus", 0), images).images(strike)
    for row, service in enumerate(subjects.services):
        for entry in found.of(service).entries:
            for table in set(entry.tables) - set(BIT_TABLES):
                place = (table, row, entry.address, entry.end - entry.address)
                sound = images.cells(*place)
                assert sound
                words = [sound[at : at + 2] for at in range(0, len(sound), 2)]
                turned = words[::-1] if entry.type.kind in "uifd" else words
                assert swapped.cells(*place) == b"".join(turned)
                assert swapped.cells(table, row, entry.end - 1, 1) == turned[-1]


def _line(framing: Framing, images: Images, fault: LinkFault, row: int | None = 0) -> tuple[Line, Links]:
    """Return a line on which a meter, or the port, has a fault from tick 1 on; it is tick 3."""
    links = Links("modbus", 0)
    faults = Faults(links, images)
    line = Line(Bank(images, range(len(images.subjects.services)), None, faults), framing)
    for tick in range(4):
        if tick == 1:
            links.set(row, fault)
        snapshot = snapshot_of(METERS, tick)
        links.show(snapshot)
        images.show(snapshot.columns)
        faults.show()
        line.show()
    return line, links


def _native() -> Images:
    return Images([load("native")], Meters(METERS))


def _said(line: Line, request: bytes) -> bytes:
    said = line.answer(request)
    return said.done() if isinstance(said, Later) else said


def test_what_a_meter_with_a_fault_says_is_never_kept_and_of_others_as_ever() -> None:
    line, links = _line(TcpFraming(), _native(), LinkFault("garble", rate=0.5))
    for _ in range(20):
        line.answer(REQUEST)
    line.answer(HEALTHY)
    assert list(line.kept) == [HEALTHY[2:]]
    links.set(0, OK)
    line.answer(REQUEST)
    assert list(line.kept) == [HEALTHY[2:], REQUEST[2:]]


def test_under_a_fault_of_the_port_nothing_is_kept_and_nobody_is_spared() -> None:
    line, _ = _line(TcpFraming(), _native(), LinkFault("refuse"), None)
    for unit in (1, 3, 4, 255):
        assert _said(line, read_frame(3, 0, 1, unit))[7:].hex() == "830b"
    assert line.kept == {}


@pytest.mark.parametrize(("row", "told"), [(0, "8302"), (None, "8304")])
def test_a_hub_is_no_meter_and_has_the_faults_of_the_port_alone(row: int | None, told: str) -> None:
    line, _ = _line(TcpFraming(), Images([], PulseHubs(len(METERS))), LinkFault("refuse", exception=4), row)
    assert _said(line, read_frame(3, 0, 1))[7:].hex() == told


@pytest.mark.parametrize("framing", [RtuFraming(), AsciiFraming()], ids=["rtu", "ascii"])
@pytest.mark.parametrize("mode", MODES)
def test_on_serial_lines_the_check_fails_where_something_is_garbled(framing: Framing, mode: str) -> None:
    line, _ = _line(framing, _native(), LinkFault(mode))
    request = framing.frame(1, REQUEST[7:])
    told = _said(line, request)
    line.bank.faults.links.set(0, OK)  # type: ignore[union-attr]
    sound = _said(line, request)
    match mode:
        case "silent" | "drop":
            assert told == b""
        case "truncate":
            assert told == sound[: len(sound) // 2]
        case "garble" | "wrong_transaction" | "wrong_length":
            assert (len(told), told[:1]) == (len(sound), sound[:1])
            assert framing.parse(told) is None
        case "wrong_unit":
            assert framing.parse(told) == (2, _pdu(framing, sound))
        case "refuse":
            assert framing.parse(told) == (1, b"\x83\x0b")
        case "frozen" | "behind" | "word_swap":
            assert framing.parse(told) not in {framing.parse(sound), None}
        case _:
            assert told == sound


@pytest.mark.parametrize("framing", [RtuFraming(), AsciiFraming()], ids=["rtu", "ascii"])
def test_on_serial_lines_nobody_answers_for_units_that_are_not_there(framing: Framing) -> None:
    line, _ = _line(framing, _native(), LinkFault("refuse"), None)
    told = [_said(line, framing.frame(unit, REQUEST[7:])) for unit in (0, 3, 4)]
    assert told == [b"", framing.frame(3, b"\x83\x0b"), b""]


def _pdu(framing: Framing, told: bytes) -> bytes:
    parsed = framing.parse(told)
    assert parsed
    return parsed[1]


async def test_over_udp_a_dropped_connection_is_silence_and_late_answers_hold_up_nobody() -> None:
    made = Faulty(listeners=[NetworkListener("udp", 0, ("native",), "")])
    made.set(0, "drop")
    made.set(1, "slow", delay_s=0.05)
    loop = asyncio.get_running_loop()
    async with _serving(made):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.connect(("127.0.0.1", made.port))
            for request in (REQUEST, read_frame(3, *CLOCK, 2, 8), HEALTHY):
                await loop.sock_sendall(sock, request)
            told = [await asyncio.wait_for(loop.sock_recv(sock, 300), 10) for _ in range(2)]
    assert [answer[:2].hex() for answer in told] == ["0009", "0008"]


async def test_with_rtu_over_tcp_a_garbled_answer_has_a_wrong_check_and_a_drop_ends_the_connection() -> None:
    made = Faulty(listeners=[NetworkListener("rtu-over-tcp", 0, ("native",), "")])
    made.set(0, "garble")
    made.set(1, "drop")
    framing = RtuFraming()
    first, second, third = (framing.frame(unit, REQUEST[7:]) for unit in (1, 2, 3))
    async with _serving(made), connected(made.port) as client:
        client.send(third)
        sound = await client.reader.readexactly(9)
        assert framing.parse(sound)
        client.send(first)
        garbled = await client.reader.readexactly(9)
        assert (garbled[:1], framing.parse(garbled)) == (b"\x01", None)
        client.send(second)
        assert await client.rest() == b""


def _shout(port: int, request: bytes) -> None:
    """Ask from outside the loop and take what comes until the other side closes."""
    with socket.create_connection(("127.0.0.1", port), 10) as sock, contextlib.suppress(OSError):
        sock.sendall(request)
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(65536):
            pass


async def _suffer(fault: LinkFault, row: int | None, requests: list[bytes]) -> None:
    """Let a client ask under a fault; then ask as a client should, without."""
    loop = asyncio.get_running_loop()
    noted: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: noted.append(context))
    made = Faulty()
    made.links.set(row, fault)
    made.show()
    async with _serving(made):
        await loop.run_in_executor(None, _shout, made.port, b"".join(requests))
        made.links.set(row, OK)
        made.show()
        async with connected(made.port) as client:
            assert (await client.ask(read_frame(3, 246, 1))).hex() == "0000000000050103020001"
    assert noted == []


@pytest.mark.parametrize("loop", LOOPS)
@settings(max_examples=40, deadline=None)
@given(
    fault=st.builds(
        LinkFault,
        st.sampled_from(MODES),
        st.integers(1, 255),
        st.sampled_from([0.0, 0.001]),
        st.sampled_from([0.0, 0.001]),
        st.sampled_from([0.5, 1.0]),
        st.sampled_from([None, 1, 3]),
    ),
    row=st.sampled_from([None, 0, 1]),
    requests=st.lists(
        st.one_of(
            st.builds(frame, st.binary(min_size=1, max_size=253), st.integers(0, 4)),
            st.just(read_frame(3, 0, 2)),
            st.binary(max_size=20),
        ),
        max_size=6,
    ),
)
def test_whatever_the_fault_and_the_request_the_next_client_is_served(
    loop: str, fault: LinkFault, row: int | None, requests: list[bytes]
) -> None:
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(_suffer(fault, row, requests))


async def test_the_pymodbus_client_times_out_is_refused_and_goes_on(gateway: Faulty) -> None:
    gateway.set(0, "silent")
    gateway.set(1, "refuse", exception=0x0A)
    client = AsyncModbusTcpClient("127.0.0.1", port=gateway.port, retries=0, timeout=0.2)
    async with client:
        refusal = await client.read_holding_registers(*CLOCK[:1], count=2, device_id=2)
        assert isinstance(refusal, ExceptionResponse)
        assert refusal.exception_code == 0x0A
        with pytest.raises(ModbusIOException):
            await client.read_holding_registers(118, count=2, device_id=1)
    async with client:
        answer = await client.read_holding_registers(246, count=1, device_id=3)
        assert answer.registers == [3]


@pytest.mark.real_client("node", "npm:modbus-serial")
async def test_modbus_serial_notices_every_fault_that_can_be_noticed(gateway: Faulty) -> None:
    sound = struct.unpack(">HH", bytes.fromhex("695aff03"))
    noticed = {"refuse": 6, "slow": list(sound), "word_swap": list(reversed(sound))}
    noticed |= dict.fromkeys(("silent", "wrong_transaction"), "TransactionTimedOutError")
    gateway.set(1, "refuse", exception=6)
    for mode, wanted in noticed.items():
        gateway.shown = gateway.shown[:2]
        gateway.set(0, mode, exception=6, delay_s=0.01)
        gateway.show()
        process = await asyncio.create_subprocess_exec(
            "node", "modbus_faults.cjs", str(gateway.port), "300", "1", "2",
            stdout=asyncio.subprocess.PIPE, cwd=CLIENTS,
        )  # fmt: skip
        output, _ = await asyncio.wait_for(process.communicate(), 30)
        assert json.loads(output) == {"1": wanted, "2": 6}, mode
