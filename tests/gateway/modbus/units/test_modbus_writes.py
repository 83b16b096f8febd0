"""What requests to write are answered and ask for, byte by byte."""

import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.commands import Command, ResetPeak, TurnKey
from gateway.modbus.bank import Bank
from gateway.modbus.framing.tcp import TcpFraming
from gateway.modbus.line import Line, exchange
from gateway.modbus.pdu import Write
from gateway.modbus.units.images import Images
from gateway.modbus.units.subjects import Meters
from register_maps.loader import load, load_file
from tests.gateway.modbus.conftest import bank_of, frame, read_frame
from tests.support.snapshots import nameplates, snapshot_of

PLAIN, METER = nameplates(2)
METERS = [PLAIN, replace(METER, options=frozenset({"demand", "peak_reset"}))]
BANK = bank_of(METERS, snapshot_of(METERS))
WITHOUT_RESET, UNIT = 1, 2
RIGHT, HOME, RESET = TurnKey(1, "right"), TurnKey(1, "home"), ResetPeak(1)


def _ask(pdu: str, unit: int = UNIT, bank: Bank = BANK) -> bytes | Write:
    return bank.answer(unit, bytes.fromhex(pdu))


@pytest.mark.parametrize(
    ("pdu", "commands"),
    [
        ("050000ff00", (RIGHT,)),
        ("0500000000", (HOME,)),
        ("050001ff00", (RESET,)),
        ("0f000000010101", (RIGHT,)),
        ("0f000000010100", (HOME,)),
        ("0f0000000101fe", (HOME,)),
        ("0f000000020100", (HOME,)),
        ("0f000000020101", (RIGHT,)),
        ("0f000000020102", (HOME, RESET)),
        ("0f000000020103", (RIGHT, RESET)),
        ("0f000100010101", (RESET,)),
    ],
)
def test_a_write_is_answered_when_its_commands_are_applied(pdu: str, commands: tuple[Command, ...]) -> None:
    asked = _ask(pdu)
    assert isinstance(asked, Write)
    assert asked.commands == commands
    assert asked.done() == bytes.fromhex(pdu[:10])


@pytest.mark.parametrize("pdu", ["0500010000", "0f000100010100"])
@pytest.mark.parametrize("unit", [WITHOUT_RESET, UNIT])
def test_a_reset_that_is_not_wanted_is_answered_at_once(pdu: str, unit: int) -> None:
    assert _ask(pdu, unit) == bytes.fromhex(pdu[:10])


@pytest.mark.parametrize("pdu", ["050001ff00", "0f000000020103", "0f000100010101"])
def test_a_reset_where_the_option_is_missing_answers_0x02_and_turns_no_key(pdu: str) -> None:
    assert _ask(pdu, WITHOUT_RESET) == bytes.fromhex(f"{int(pdu[:2], 16) | 0x80:02x}02")


def test_the_key_turns_where_the_option_is_missing() -> None:
    written = _ask("0f000000020101", WITHOUT_RESET)
    assert isinstance(written, Write)
    assert written.commands == (TurnKey(0, "right"),)


def _coils(address: int, count: int, *, size: int | None = None, data: int | None = None) -> str:
    needed = (count + 7) // 8
    size = needed if size is None else size
    header = struct.pack(">BHHB", 15, address, count, size & 0xFF)
    return (header + bytes(size if data is None else data)).hex()


@pytest.mark.parametrize("address", [0, 1, 2, 65535])
@pytest.mark.parametrize("value", ["0001", "00ff", "ff01", "ffff", "0100", "fe00"])
def test_function_5_with_any_other_value_answers_0x03(address: int, value: str) -> None:
    assert _ask(f"05{address:04x}{value}") == bytes.fromhex("8503")


@pytest.mark.parametrize("address", [2, 3, 100, 65535])
@pytest.mark.parametrize("value", ["0000", "ff00"])
def test_function_5_where_no_coil_is_answers_0x02(address: int, value: str) -> None:
    assert _ask(f"05{address:04x}{value}") == bytes.fromhex("8502")


def _wrong_coils() -> Iterator[str]:
    yield from (_coils(0, count) for count in (0, 1969))
    yield from (_coils(9, count, size=1) for count in (0, 9, 1969, 65535))
    yield _coils(0, 2, size=2)
    yield _coils(0, 2, size=0)
    yield _coils(0, 2, data=0)
    yield _coils(0, 2, data=2)
    yield _coils(0, 8, size=2)
    yield from ("0f", "0f0000", "0f00000001", "0f0000000101")


@pytest.mark.parametrize("pdu", list(_wrong_coils()))
def test_function_15_with_a_wrong_count_or_length_answers_0x03(pdu: str) -> None:
    assert _ask(pdu) == bytes.fromhex("8f03")


@pytest.mark.parametrize(("address", "count"), [(0, 3), (1, 2), (2, 1), (0, 1968), (65535, 1), (65535, 2)])
def test_function_15_beyond_the_coils_answers_0x02(address: int, count: int) -> None:
    assert _ask(_coils(address, count)) == bytes.fromhex("8f02")


WHOLE = {
    6: ["0600000001", "06ffffffff"],
    16: ["100000000102" + "0000", "100000007bf6" + "00" * 246, "10ffff000102ffff"],
    22: ["16000000f20025"],
    23: ["17000000010000000102" + "0000", "170000007d00000079f2" + "00" * 242],
}
MALFORMED = {
    6: ["06", "06000000", "060000000100"],
    16: [
        "10",
        "1000000001",
        "100000000002",
        "100000000000",
        "100000000102",
        "10000000010200",
        "1000000001020000ff",
        "10000000010400000000",
        "1000000002020000",
        "100000007cf8" + "00" * 247,
    ],
    22: ["16", "16000000f200", "16000000f2002500"],
    23: [
        "17",
        "170000000100000001",
        "17000000000000000102" + "0000",
        "170000007e0000000102" + "0000",
        "17000000010000000000",
        "1700000001000000" + "7af4" + "00" * 243,
        "17000000010000000104" + "00000000",
        "17000000010000000102" + "00",
        "17000000010000000102" + "000000",
    ],
}


@pytest.mark.parametrize("pdu", [pdu for pdus in WHOLE.values() for pdu in pdus])
def test_registers_are_read_only(pdu: str) -> None:
    assert _ask(pdu) == bytes.fromhex(f"{int(pdu[:2], 16) | 0x80:02x}02")


@pytest.mark.parametrize("pdu", [pdu for pdus in MALFORMED.values() for pdu in pdus])
def test_a_malformed_request_to_write_registers_answers_0x03(pdu: str) -> None:
    assert _ask(pdu) == bytes.fromhex(f"{int(pdu[:2], 16) | 0x80:02x}03")


@pytest.mark.parametrize("rest", ["", "00", "0000", "000000", "0000000000"])
def test_function_5_of_the_wrong_length_answers_0x03(rest: str) -> None:
    assert _ask(f"05{rest}") == bytes.fromhex("8503")


def test_an_unknown_unit_answers_0x0b_to_a_write() -> None:
    assert _ask("050000ff00", 3) == bytes.fromhex("850b")


def test_what_stands_before_a_write_is_answered_and_what_stands_behind_is_left() -> None:
    before, behind = read_frame(3, 0, 1, UNIT, 1), read_frame(3, 0, 1, UNIT, 3)
    write = frame(bytes.fromhex("050000ff00"), UNIT, 2)
    line = Line(BANK, TcpFraming())
    line.answer(before)  # kept from now on, so that it takes no time of the turn
    part = exchange(before + write + behind, line)
    assert (part.used, part.broken) == (24, False)
    assert part.output[:2] == b"\0\1"
    assert part.later is not None
    assert part.later.commands == (RIGHT,)
    assert part.later.done() == write
    assert part.later.refusal() == frame(b"\x85\x04", UNIT, 2)


def test_only_the_coils_of_the_maps_in_use_can_be_written(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "name: mine\ndescription: mine\nsource: here\nentries:\n"
        "  - {address: 0, table: coil, type: bit, constant: 1, description: one}\n"
        "  - {address: 7, table: coil, type: bit, point: key_switch, access: rw, writes: key_switch}\n"
    )
    bank = Bank(Images([load_file(file)], Meters(METERS)), range(2))
    assert _ask("050000ff00", bank=bank) == bytes.fromhex("8502")
    asked = _ask("050007ff00", bank=bank)
    assert isinstance(asked, Write)
    assert asked.commands == (RIGHT,)


def test_the_key_reads_back_and_the_reset_reads_0() -> None:
    images = Images([load("native")], Meters(METERS))
    snapshot = snapshot_of(METERS)
    images.show(snapshot.columns)
    for row, right in enumerate(snapshot.column("key_switch").tolist()):
        answer = Bank(images, range(2)).answer(row + 1, read_frame(1, 0, 2)[7:])
        assert answer == bytes.fromhex(f"0101{right:02x}")
