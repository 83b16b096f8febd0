"""Read device identification, byte by byte; each unit has its own."""

import struct
import subprocess
import sys
from dataclasses import replace

import pytest

from gateway.modbus.slow import answer
from tests.support.snapshots import nameplates

METERS = nameplates(7)
METER = METERS[6]
OBJECTS = [
    b"Leviton",
    b"series-2000-120-208",
    b"1.0",
    b"https://www.leviton.com",
    b"Series 2000 kWh meter",
    b"3-phase, 4-wire wye, 120 V",
    b"M0007",
]


def _pdu(code: int, numbers: range) -> bytes:
    objects = b"".join(struct.pack(">BB", n, len(OBJECTS[n])) + OBJECTS[n] for n in numbers)
    return bytes((0x2B, 0x0E, code, 0x82, 0, 0, len(numbers))) + objects


@pytest.mark.parametrize(
    ("code", "first", "numbers"),
    [
        (1, 0, range(3)),
        (1, 2, range(2, 3)),
        (1, 3, range(3)),
        (2, 0, range(7)),
        (2, 3, range(3, 7)),
        (2, 7, range(7)),
        (3, 0, range(7)),
        (3, 0x80, range(7)),
        *((4, n, range(n, n + 1)) for n in range(7)),
    ],
)
def test_the_objects_of_a_category_from_the_one_asked_for(code: int, first: int, numbers: range) -> None:
    assert answer(bytes((0x2B, 0x0E, code, first)), METER) == _pdu(code, numbers)


@pytest.mark.parametrize(
    ("request_pdu", "refusal"),
    [
        ("2b0e0407", "ab02"),
        ("2b0e0480", "ab02"),
        ("2b0e0000", "ab03"),
        ("2b0e0500", "ab03"),
        ("2b0eff00", "ab03"),
        ("2b0e01", "ab03"),
        ("2b0e", "ab03"),
        ("2b0e010000", "ab03"),
        ("2b", "ab01"),
        ("2b0d0100", "ab01"),
    ],
)
def test_what_is_not_served_is_refused(request_pdu: str, refusal: str) -> None:
    assert answer(bytes.fromhex(request_pdu), METER).hex() == refusal


def test_each_unit_has_its_own_identity() -> None:
    basic = [answer(b"\x2b\x0e\x01\x00", meter) for meter in METERS]
    assert len(set(basic)) == len(METERS)
    named = replace(METER, name="Lobby é")
    assert answer(b"\x2b\x0e\x04\x06", named)[9:] == b"Lobby ?"


def test_an_identity_that_does_not_fit_goes_on_in_a_second_answer() -> None:
    long = replace(METER, name="x" * 300)
    first = answer(b"\x2b\x0e\x02\x00", long)
    assert len(first) <= 253
    assert first[4:7] == bytes((0xFF, 6, 6))
    second = answer(b"\x2b\x0e\x02\x06", long)
    assert len(second) <= 253
    assert second[4:7] == bytes((0, 0, 1))
    assert second[9:] == b"x" * 240


def test_pymodbus_is_not_imported_before_it_is_needed() -> None:
    script = "import sys, gateway.modbus.server; sys.exit('pymodbus' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
