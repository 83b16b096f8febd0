"""Report server id and read device identification, byte by byte; each unit has its own."""

import struct
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.modbus.bank import Bank
from gateway.modbus.units.identification import Identity, identification, report
from gateway.modbus.units.images import Images
from gateway.modbus.units.subjects import PulseHubs
from register_maps.loader import load
from tests.gateway.modbus.conftest import bank_of
from tests.support.snapshots import nameplates, snapshot_of

NAME = f"{'Riser 4, tenant 12, ' * 4}left"
METERS = [replace(meter, options=frozenset({"peak_reset", "demand"})) for meter in nameplates(7)]
METERS[6] = replace(METERS[6], name=NAME)
SNAPSHOT = snapshot_of(METERS)
BANK = bank_of(METERS, SNAPSHOT)
UNIT = 7
OBJECTS = {
    0x00: b"Leviton",
    0x01: b"series-2000-120-208",
    0x02: b"1.0",
    0x03: b"https://www.leviton.com",
    0x04: b"Series 2000 kWh meter",
    0x05: b"3-phase, 4-wire wye, 120 V",
    0x06: NAME.encode(),
    0x80: b"S0000007",
    0x81: b"M0007",
    0x82: b"7",
    0x83: b"7",
    0x84: b"wye-4-wire",
    0x85: b"120 V",
    0x86: b"100.7 A",
    0x87: b"solid",
    0x88: b"indoor-steel",
    0x89: b"demand,peak_reset",
}
BASIC, REGULAR, EXTENDED = list(OBJECTS)[:3], list(OBJECTS)[:7], list(OBJECTS)


def _pdu(code: int, numbers: list[int]) -> bytes:
    objects = b"".join(struct.pack(">BB", n, len(OBJECTS[n])) + OBJECTS[n] for n in numbers)
    return bytes((0x2B, 0x0E, code, 0x83, 0, 0, len(numbers))) + objects


def _ask(pdu: str | bytes, unit: int = UNIT, bank: Bank = BANK) -> bytes:
    said = bank.answer(unit, bytes.fromhex(pdu) if isinstance(pdu, str) else pdu)
    assert isinstance(said, bytes)
    return said


@pytest.mark.parametrize(
    ("code", "first", "numbers"),
    [
        (1, 0, BASIC),
        (1, 2, BASIC[2:]),
        (1, 3, BASIC),
        (1, 0x80, BASIC),
        (2, 0, REGULAR),
        (2, 3, REGULAR[3:]),
        (2, 7, REGULAR),
        (2, 0x80, REGULAR),
        (3, 0x80, EXTENDED[7:]),
        (3, 0x84, EXTENDED[11:]),
        *((4, n, [n]) for n in EXTENDED),
    ],
)
def test_the_objects_of_a_category_from_the_one_asked_for(code: int, first: int, numbers: list[int]) -> None:
    assert _ask(bytes((0x2B, 0x0E, code, first))) == _pdu(code, numbers)


@pytest.mark.parametrize("first", [0, 0x7F, 0x8A, 0xFF])
def test_the_whole_identity_goes_on_in_a_second_answer(first: int) -> None:
    begin = _ask(bytes((0x2B, 0x0E, 3, first)))
    assert len(begin) <= 253
    more, follows, count = begin[4:7]
    assert more == 0xFF
    assert begin[7:] == _pdu(3, EXTENDED[:count])[7:]
    assert follows == EXTENDED[count]
    assert _ask(bytes((0x2B, 0x0E, 3, follows))) == _pdu(3, EXTENDED[count:])


@pytest.mark.parametrize(
    ("request_pdu", "refusal"),
    [
        ("2b0e0407", "ab02"),
        ("2b0e047f", "ab02"),
        ("2b0e048a", "ab02"),
        ("2b0e0000", "ab03"),
        ("2b0e0500", "ab03"),
        ("2b0eff00", "ab03"),
        ("2b0e01", "ab03"),
        ("2b0e", "ab03"),
        ("2b0e010000", "ab03"),
        ("2b", "ab01"),
        ("2b0d0100", "ab01"),
        ("1100", "9103"),
        ("11" + "00" * 252, "9103"),
    ],
)
def test_what_is_not_served_is_refused(request_pdu: str, refusal: str) -> None:
    assert _ask(request_pdu).hex() == refusal


def test_each_unit_has_its_own_identity() -> None:
    for pdu in ("2b0e0100", "2b0e0480", "11"):
        assert len({_ask(pdu, unit) for unit in range(1, 8)}) == 7
    named = bank_of([replace(METERS[0], name="Lobby é")], snapshot_of(METERS[:1]))
    assert _ask("2b0e0406", 1, named)[9:] == b"Lobby ?"


def _read_through(identity: Identity, code: int) -> dict[int, bytes]:
    """Read a stream as a client does, answer by answer."""
    found: dict[int, bytes] = {}
    first, more = 0, 0xFF
    while more:
        said = identification(bytes((0x2B, 0x0E, code, first)), identity)
        assert len(said) <= 253
        assert said[:4] == bytes((0x2B, 0x0E, code, 0x83))
        more, first, count = said[4:7]
        at = 7
        for _ in range(count):
            number, length = said[at : at + 2]
            assert number not in found
            found[number] = said[at + 2 : at + 2 + length]
            at += 2 + length
        assert at == len(said)
    return found


@given(st.dictionaries(st.integers(0, 255), st.text(max_size=300), min_size=1))
def test_any_identity_comes_whole_in_as_many_answers_as_it_needs(texts: dict[int, str]) -> None:
    identity = Identity(1, "", {0: "vendor"} | texts)
    found = _read_through(identity, 3)
    assert found == {
        number: text.encode("ascii", "replace")[:244] for number, text in identity.objects.items()
    }
    assert list(found) == sorted(found)


def test_a_meter_reports_its_id_whether_it_is_powered_and_what_it_is() -> None:
    text = b"Leviton, series-2000-120-208, kWh meter, S0000007"
    for powered, status in ((0, 0x00), (1, 0xFF)):
        flags = np.full(7, powered << 4, np.uint16)
        bank = bank_of(METERS, snapshot_of(METERS, flags=flags))
        assert _ask("11", bank=bank) == bytes((0x11, 2 + len(text), 20, status)) + text
        assert _ask("11", 1, bank)[2] == 10


def test_a_hub_reports_what_the_manual_says() -> None:
    images = Images([load("a8911-23")], PulseHubs(30))
    bank = Bank(images, range(2))
    text = b"Leviton, A8911-23, pulse counter, 23 channel"
    assert _ask("11", 2, bank) == bytes((0x11, 2 + len(text), 47, 0xFF)) + text
    assert _ask("2b0e0406", 2, bank)[9:] == b"Meters 24 to 30"
    assert _ask("2b0e0480", 1, bank)[9:] != _ask("2b0e0480", 2, bank)[9:]
    assert _ask("11", 3, bank).hex() == "910b"


def test_a_report_that_is_too_long_is_cut() -> None:
    said = report(b"\x11", Identity(1, "x" * 300, {}), running=True)
    assert said == b"\x11\xfb\x01\xff" + b"x" * 249
    assert len(said) == 253


def test_nothing_that_serves_imports_pymodbus() -> None:
    script = "import sys, gateway.modbus.server; sys.exit('pymodbus' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
