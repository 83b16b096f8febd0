"""Functions 6, 16, 22 and 23 where registers can be written: the settings of a pulse hub, byte by byte."""

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.commands import Command, ResetPeak, SetPulseHub, TurnKey
from gateway.modbus.bank import Bank
from gateway.modbus.framing.rtu import RtuFraming
from gateway.modbus.framing.tcp import TcpFraming
from gateway.modbus.line import Later, Line
from gateway.modbus.pdu import Write
from gateway.modbus.units.images import Images
from gateway.modbus.units.subjects import PulseHubs
from register_maps.loader import load, load_file
from sims import pulse_hub
from tests.gateway.modbus.conftest import bank_of, frame
from tests.support.snapshots import nameplates, snapshot_of

UNIT, HUB = 2, 1
REGISTERS = {1012: "hub_threshold", 1013: "hub_speed", 1014: "hub_kyz_low", 1015: "hub_kyz_high"}


class Place:
    """A bank of three hubs, and the hubs; `obey` does what the station would."""

    def __init__(self) -> None:
        self.hubs = pulse_hub.PulseHubs(np.zeros(60, np.int64))
        self.images = Images([load("a8911-23")], PulseHubs(60))
        self.bank = Bank(self.images, range(3))
        self.images.show(self.hubs.columns())

    def obey(self, commands: tuple[Command, ...]) -> None:
        for command in commands:
            assert isinstance(command, SetPulseHub)
            kept = self.hubs.settings[command.pulse_hub][command.setting] & command.kept
            self.hubs.set(command.pulse_hub, command.setting, command.value | kept)
        self.images.show(self.hubs.columns())

    def ask(self, pdu: str | bytes, unit: int = UNIT) -> str:
        """Let one request be answered, and what it asks for done before."""
        said = self.bank.answer(unit, bytes.fromhex(pdu) if isinstance(pdu, str) else pdu)
        if isinstance(said, bytes):
            return said.hex()
        self.obey(said.commands)
        return said.done().hex()

    def settings(self, unit: int = UNIT) -> list[int]:
        said = self.bank.answer(unit, struct.pack(">BHH", 3, 1012, 4))
        assert isinstance(said, bytes)
        return list(struct.unpack(">4H", said[2:]))


@pytest.fixture
def place() -> Place:
    return Place()


FACTORY = [1000, 0, 0, 0]


@pytest.mark.parametrize(
    ("pdu", "commands", "after"),
    [
        ("0603f40064", [("hub_threshold", 100)], [100, 0, 0, 0]),
        ("0603f409f6", [("hub_threshold", 2550)], [2550, 0, 0, 0]),
        ("0603f50002", [("hub_speed", 2)], [1000, 2, 0, 0]),
        ("0603f6ffff", [("hub_kyz_low", 0xFFFF)], [1000, 0, 0xFFFF, 0]),
        ("0603f7007f", [("hub_kyz_high", 0x7F)], [1000, 0, 0, 0x7F]),
        ("1003f40001020101", [("hub_threshold", 257)], [257, 0, 0, 0]),
        (
            "1003f400040801f4000112340007",
            [("hub_threshold", 500), ("hub_speed", 1), ("hub_kyz_low", 0x1234), ("hub_kyz_high", 7)],
            [500, 1, 0x1234, 7],
        ),
    ],
)
def test_registers_are_written_in_order_and_read_back(
    place: Place, pdu: str, commands: list[tuple[str, int]], after: list[int]
) -> None:
    said = place.bank.answer(UNIT, bytes.fromhex(pdu))
    assert isinstance(said, Write)
    assert said.commands == tuple(SetPulseHub(HUB, name, value) for name, value in commands)
    assert place.settings() == FACTORY
    assert place.ask(pdu) == pdu[:10]
    assert place.settings() == after
    assert place.settings(1) == place.settings(3) == FACTORY


@pytest.mark.parametrize(
    "pdu",
    [
        "0603f40063",
        "0603f409f7",
        "0603f40000",
        "0603f4ffff",
        "0603f50003",
        "0603f70080",
        "1003f400020401f40003",
        "1003f5000306000100010080",
        "1603f400000063",
        "1703f4000103f500010200ff",
    ],
)
def test_a_value_out_of_range_answers_0x03_and_nothing_is_written(place: Place, pdu: str) -> None:
    assert place.ask(pdu) == f"{int(pdu[:2], 16) | 0x80:02x}03"
    assert place.settings() == FACTORY


@pytest.mark.parametrize(
    "pdu",
    [
        "0600000001",
        "0603f30001",
        "0603f80001",
        "0603fd0001",
        "06ffff0001",
        "0604000001",
        "1003f3000204000101f4",
        "1003f70002040001" + "0001",
        "1003f4000a14" + "01f4" * 10,
        "16000000ff0000",
        "1603f300ff0000",
        "1703f4000103f3000102" + "0001",
        "1703f4000103f70002040001" + "0001",
        "17" + "03fd000c" + "03f400010201f4",
        "17" + "ffff0001" + "03f400010201f4",
        "17" + "ffff0002" + "03f400010201f4",
        "17" + "002e0001" + "03f400010201f4",
    ],
)
def test_what_is_read_only_or_unmapped_answers_0x02_and_nothing_is_written(place: Place, pdu: str) -> None:
    assert place.ask(pdu) == f"{int(pdu[:2], 16) | 0x80:02x}02"
    assert place.settings() == FACTORY


def test_an_address_that_cannot_be_written_comes_before_a_value_out_of_range(place: Place) -> None:
    assert place.ask("1003f700020400ff0001") == "9002"


@pytest.mark.parametrize(
    ("before", "kept", "put", "after"),
    [
        (0x0012, 0x00F2, 0x0025, 0x0017),
        (0xFFFF, 0, 0, 0),
        (0x1234, 0xFFFF, 0xFFFF, 0x1234),
        (0, 0, 0xA5A5, 0xA5A5),
    ],
)
def test_a_mask_keeps_some_bits_and_puts_others(
    place: Place, before: int, kept: int, put: int, after: int
) -> None:
    place.ask(struct.pack(">BHH", 6, 1014, before))
    request = struct.pack(">BHHH", 22, 1014, kept, put)
    assert place.ask(request) == request.hex()
    assert place.settings() == [1000, 0, after, 0]


@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.integers(0, 0xFFFF))
def test_a_mask_does_what_the_specification_says(before: int, kept: int, put: int) -> None:
    place = Place()
    place.ask(struct.pack(">BHH", 6, 1014, before))
    place.ask(struct.pack(">BHHH", 22, 1014, kept, put))
    assert place.settings()[2] == (before & kept) | (put & ~kept & 0xFFFF)


def test_function_23_writes_first_and_reads_what_is_there_then(place: Place) -> None:
    assert place.ask("1703f4000403f500020400021234") == "170803e8000212340000"
    assert place.ask("1703f5000103f50001020001") == "17020001"
    assert place.ask("17000a000203f50001020000") == "170400000000"


@given(
    st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=6),
    st.integers(1008, 1020),
    st.booleans(),
)
def test_a_write_of_several_is_done_as_a_whole_or_not_at_all(
    values: list[int],
    address: int,
    beside: bool,  # noqa: FBT001  drawn
) -> None:
    place = Place()
    asked = dict(enumerate(values, address))
    data = struct.pack(f">{len(values)}H", *values)
    if beside:
        request = struct.pack(">BHHHHB", 23, 1012, 4, address, len(values), len(data)) + data
    else:
        request = struct.pack(">BHHB", 16, address, len(values), len(data)) + data
    said = bytes.fromhex(place.ask(request))
    if not asked.keys() <= REGISTERS.keys():
        assert said == bytes((request[0] | 0x80, 2))
        assert place.settings() == FACTORY
    elif not all(value in pulse_hub.SETTINGS[REGISTERS[at]][0] for at, value in asked.items()):
        assert said == bytes((request[0] | 0x80, 3))
        assert place.settings() == FACTORY
    else:
        after = [asked.get(1012 + k, FACTORY[k]) for k in range(4)]
        assert place.settings() == after
        wanted = b"\x17\x08" + struct.pack(">4H", *after) if beside else request[:5]
        assert said == wanted


def test_a_register_with_its_bytes_turned_is_written_as_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "turned.yaml"
    file.write_text(
        "name: turned\ndescription: turned\nsource: here\nserves: hub\nword_order: BADC\ntable: holding\n"
        "entries:\n  - {address: 5, type: u16, point: hub_kyz_low, access: rw, writes: hub_kyz_low,"
        " range: [0, 0xFFFF]}\n"
    )
    images, hubs = Images([load_file(file)], PulseHubs(60)), pulse_hub.PulseHubs(np.zeros(60, np.int64))
    bank = Bank(images, range(3))
    hubs.set(0, "hub_kyz_low", 0x1234)
    images.show(hubs.columns())
    assert bank.answer(1, bytes.fromhex("0300050001")) == bytes.fromhex("03023412")
    written = {"060005efbe": (0xBEEF, 0), "16000500ffef00": (0xEF, 0xFF00), "160005ff003400": (0, 0xFF)}
    for pdu, (value, kept) in written.items():
        said = bank.answer(1, bytes.fromhex(pdu))
        assert isinstance(said, Write)
        assert said.commands == (SetPulseHub(0, "hub_kyz_low", value, kept),), pdu


def _rtu(pdu: bytes, unit: int) -> bytes:
    return RtuFraming().frame(unit, pdu)


def test_a_broadcast_on_a_serial_line_is_obeyed_by_all_and_answered_by_none(place: Place) -> None:
    line = Line(place.bank, RtuFraming())
    said = line.answer(_rtu(bytes.fromhex("0603f50001"), 0))
    assert isinstance(said, Later)
    assert said.commands == tuple(SetPulseHub(hub, "hub_speed", 1) for hub in range(3))
    assert said.done() == said.refusal() == b""
    assert said.everybody
    for pdu in ("0300000001", "0603f500ff", "0603f300ff", "11", "2b0e0100", "0800000000"):
        assert line.answer(_rtu(bytes.fromhex(pdu), 0)) == b""
    for unit in (1, 3):
        counted = line.answer(_rtu(bytes.fromhex("08000e0000"), unit))
        assert isinstance(counted, bytes)
        assert counted[1:6].hex() == "08000e0008"


def test_a_broadcast_reaches_the_meters_that_can_obey() -> None:
    plain, able = nameplates(2)
    object.__setattr__(able, "options", frozenset({"peak_reset"}))
    bank = bank_of([plain, able], snapshot_of([plain, able]))
    assert bank.broadcast(bytes.fromhex("0f000000020103")) == (TurnKey(1, "right"), ResetPeak(1))
    assert bank.broadcast(bytes.fromhex("0500000000")) == (TurnKey(0, "home"), TurnKey(1, "home"))


def test_unit_0_over_tcp_is_no_broadcast(place: Place) -> None:
    line = Line(place.bank, TcpFraming())
    said = line.answer(frame(bytes.fromhex("0603f50001"), 0))
    assert isinstance(said, bytes)
    assert said[7:].hex() == "860b"
