"""What a port keeps within a tick, and that it never gives out what an earlier tick said."""

import itertools
import struct

import pytest

from gateway.modbus import line as line_module
from gateway.modbus.bank import Bank
from gateway.modbus.framing.rtu import RtuFraming
from gateway.modbus.framing.tcp import TcpFraming
from gateway.modbus.line import Line, exchange
from gateway.modbus.units import writes
from gateway.modbus.units.images import Images
from gateway.modbus.units.subjects import Meters
from register_maps.loader import load
from tests.gateway.modbus.conftest import frame, line_of, read_frame
from tests.support.snapshots import nameplates, snapshot_of

METERS = nameplates(3)
UNIT = 3


@pytest.fixture
def line() -> Line:
    return line_of(METERS, snapshot_of(METERS))


def test_answers_are_kept_for_a_tick_and_forgotten_at_the_next() -> None:
    images = Images([load("native")], Meters(METERS))
    line = Line(Bank(images, range(3)), TcpFraming())
    request = read_frame(3, 118, 2, transaction=7)
    for tick in (1, 2):
        images.show(snapshot_of(METERS, tick).columns)
        line.show()
        assert line.kept == {}
        answer = line.answer(request)
        assert isinstance(answer, bytes)
        assert answer[:2] == request[:2]
        assert line.kept[request[2:]].answer == answer[2:]
        assert struct.unpack(">I", answer[9:]) == (1_767_571_200 + tick,)


def test_an_answer_that_is_kept_counts_who_else_got_it(line: Line) -> None:
    request = read_frame(3, 0, 2, UNIT)
    answer = line.answer(request)
    assert line.kept[request[2:]].given == 1
    assert exchange(request * 5, line).output == answer * 5
    assert line.kept[request[2:]].given == 6


def test_only_plain_reads_are_kept(line: Line) -> None:
    for pdu in ("0600000001", "0500000000", "2b0e0100", "03000000", "6300000001"):
        line.answer(frame(bytes.fromhex(pdu), UNIT))
    assert line.kept == {}


@pytest.mark.parametrize(
    "pdu", [b"\x0f\0\2\7\xb0\xf6" + bytes(246), b"\x10\0\2\0\x7b\xf6" + bytes(246), b"\6\0\2\0\0"]
)
def test_a_broadcast_that_nobody_can_obey_is_judged_once_and_not_for_each_unit(
    pdu: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    meters, asked = nameplates(247), list[int]()
    line = Line(line_of(meters, snapshot_of(meters)).bank, RtuFraming())
    monkeypatch.setattr(writes, "commands", lambda *arguments: asked.append(arguments[2]))
    assert line.answer(line.framing.frame(0, pdu)) == b""
    assert asked == []


def test_a_turn_ends_when_its_time_is_over(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not kept takes time; what is kept takes as good as none."""
    clock = itertools.count(0.0, line_module.TURN / 4)
    monkeypatch.setattr(line_module, "perf_counter", lambda: next(clock))
    stream = b"".join(read_frame(3, 2 * n, 2, UNIT) for n in range(20))
    used = exchange(stream, line).used
    assert 12 <= used < len(stream) / 2
    while used < len(stream):
        used += exchange(stream[used:], line).used
    assert exchange(stream, line).used == len(stream)


def test_the_answers_kept_are_bounded(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_module, "ANSWERS_KEPT", 10)
    for address in range(100):
        line.answer(read_frame(3, address, 1, UNIT))
        assert len(line.kept) <= 10
