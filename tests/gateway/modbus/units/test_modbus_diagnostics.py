"""Function 8, byte by byte, and what a line counts for each of its units."""

import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.modbus.line import Later, Line, exchange
from gateway.modbus.pdu import changes
from gateway.modbus.units.diagnostics import LineCounters, UnitCounters, answer
from tests.gateway.modbus.conftest import frame, frames_in, line_of, read_frame
from tests.support.snapshots import nameplates, snapshot_of

METERS = nameplates(3)
READ = "0300000001"
REFUSED = "0300400001"
COUNTERS = range(11, 19)
BUS, ERRORS, EXCEPTIONS, MESSAGES, UNANSWERED, NAKS, BUSY, OVERRUNS = COUNTERS
SERVED = {0, 1, 2, 4, 10, *COUNTERS, 20}


@pytest.fixture
def line() -> Line:
    return line_of(METERS, snapshot_of(METERS))


def _say(line: Line, pdu: str, unit: int = 1) -> str:
    """Send one request and return the PDU of the answer."""
    output = exchange(frame(bytes.fromhex(pdu), unit), line).output
    return output[7:].hex()


def _count(line: Line, counter: int, unit: int = 1) -> int:
    said = bytes.fromhex(_say(line, f"08{counter:04x}0000", unit))
    function, asked, count = struct.unpack(">BHH", said)
    assert (function, asked) == (8, counter)
    assert isinstance(count, int)
    return count


@pytest.mark.parametrize("data", ["a537", "0000", "ffff", "00112233", "ab" * 250])
def test_a_query_is_returned(line: Line, data: str) -> None:
    assert _say(line, f"080000{data}") == f"080000{data}"


@pytest.mark.parametrize("sub", range(70))
def test_a_sub_function_that_is_not_served_answers_0x01(line: Line, sub: int) -> None:
    said = _say(line, f"08{sub:04x}0000")
    assert (said == "8801") == (sub not in SERVED)
    if sub not in SERVED:
        assert _say(line, f"08{sub:04x}") == "8801"


@pytest.mark.parametrize("sub", sorted(SERVED - {0}))
@pytest.mark.parametrize("data", ["", "00", "000000", "00000000", "0001", "0100", "ffff", "ff01", "00ff"])
def test_wrong_data_answers_0x03(line: Line, sub: int, data: str) -> None:
    assert _say(line, f"08{sub:04x}{data}") == "8803"
    assert _count(line, EXCEPTIONS) == 1


@pytest.mark.parametrize("pdu", ["08", "0800", "080000", "08000000", "0800000000ff"])
def test_a_request_of_the_wrong_length_answers_0x03(line: Line, pdu: str) -> None:
    assert _say(line, pdu) == "8803"


def test_each_unit_counts_its_own_and_all_count_the_line(line: Line) -> None:
    for pdu, unit in ((READ, 1), (READ, 1), (REFUSED, 1), (READ, 2), (READ, 9)):
        _say(line, pdu, unit)
    assert _count(line, MESSAGES, 1) == 4
    assert _count(line, EXCEPTIONS, 1) == 1
    assert _count(line, BUS, 1) == 8
    assert _count(line, MESSAGES, 2) == 2
    assert _count(line, EXCEPTIONS, 2) == 0
    assert _count(line, BUS, 2) == 11
    assert _count(line, BUS, 3) == 12
    assert [_count(line, counter) for counter in (ERRORS, UNANSWERED, NAKS, BUSY, OVERRUNS)] == [0] * 5
    assert _say(line, "0800110000", 9) == "880b"


def test_what_is_answered_from_what_is_kept_counts_too(line: Line) -> None:
    stream = read_frame(3, 0, 1) * 100 + read_frame(3, 64, 1) * 50
    for _ in range(3):
        left = stream
        while left:
            left = left[exchange(left, line).used :]
        line.show()
    assert _count(line, MESSAGES) == 451
    assert _count(line, EXCEPTIONS) == 150
    assert _count(line, BUS, 2) == 453
    assert line.counters.refusals == 150
    assert line.counters.answers == 453


@pytest.mark.parametrize("request_pdu", ["080001" + "0000", "080001" + "ff00", "08000a0000"])
def test_clearing_sets_a_unit_back_and_leaves_the_others(line: Line, request_pdu: str) -> None:
    exchange(b"GET / HTTP/1.1\r\n\r\n", line)
    for unit in (1, 2):
        _say(line, REFUSED, unit)
    assert _say(line, request_pdu) == request_pdu
    assert _say(line, "0800020000") == "0800020009"
    assert [_count(line, counter) for counter in (BUS, ERRORS, EXCEPTIONS, MESSAGES)] == [2, 0, 0, 5]
    assert [_count(line, counter, 2) for counter in (BUS, ERRORS, EXCEPTIONS)] == [9, 1, 1]


def test_the_register_has_a_bit_for_each_counter_that_is_not_0(line: Line) -> None:
    assert _say(line, "0800020000") == "0800020009"
    _say(line, REFUSED)
    assert _say(line, "0800020000") == "080002000d"
    exchange(b"\0\0\0\7\0\1", line)
    assert _say(line, "0800020000") == "080002000f"
    assert _say(line, "0800140000") == "0800140000"
    assert _say(line, "0800020000") == "080002000f"
    assert _count(line, EXCEPTIONS) == 1


def test_a_unit_that_only_listens_is_silent_until_it_is_restarted(line: Line) -> None:
    assert _say(line, READ)[:4] == "0302"
    assert _say(line, "0800040000") == ""
    for pdu in (
        READ,
        REFUSED,
        "050000ff00",
        "2b0e0100",
        "11",
        "0800000000",
        "08000b0000",
        "08000a0000",
        "08",
    ):
        assert _say(line, pdu) == ""
    assert _say(line, READ, 2)[:4] == "0302"
    assert _say(line, "080001ff01") == ""
    assert _say(line, READ) == ""
    line.show()
    assert _say(line, READ) == ""
    assert _say(line, "0800010000") == ""
    assert _say(line, READ)[:4] == "0302"
    assert _count(line, MESSAGES) == 2
    assert _count(line, UNANSWERED) == 1


def test_what_is_not_answered_is_counted(line: Line) -> None:
    unit = line._counters(1)
    _say(line, "0800040000")
    for _ in range(5):
        _say(line, READ)
    assert (unit.messages, unit.unanswered) == (6, 6)


def test_a_refused_write_is_counted(line: Line) -> None:
    later = line.answer(frame(bytes.fromhex("050000ff00")))
    assert isinstance(later, Later)
    assert _count(line, EXCEPTIONS) == 0
    assert later.refusal()[7:].hex() == "8504"
    assert _count(line, EXCEPTIONS) == 1
    assert later.done()[7:].hex() == "050000ff00"
    assert _count(line, MESSAGES) == 4


@given(st.integers(0, 2**40), st.sampled_from(COUNTERS))
def test_counters_wrap_at_16_bits(count: int, counter: int) -> None:
    bus = LineCounters()
    unit = UnitCounters(bus)
    unit.received(count)
    unit.answered(b"\x83\x06", count)
    unit.answered(b"\x83\x07", count)
    unit.answered(b"", count)
    bus.bus_errors = count
    wanted = {EXCEPTIONS: 2 * count, OVERRUNS: 0}.get(counter, count)
    assert answer(struct.pack(">BHH", 8, counter, 0), unit)[3:] == struct.pack(">H", wanted % 2**16)


@example([(0, bytes.fromhex("0100000000"))] * 2)
@given(st.lists(st.tuples(st.integers(0, 5), st.binary(min_size=1, max_size=8)), max_size=40))
def test_the_counters_of_the_units_agree_with_what_went_over_the_line(
    requests: list[tuple[int, bytes]],
) -> None:
    line = line_of(METERS, snapshot_of(METERS))
    said = dict.fromkeys(range(6), 0)
    refusals = dict.fromkeys(range(6), 0)
    for unit, pdu in requests:
        if pdu[0] == 8:
            continue
        said[unit] += 1
        output, _, _, later = exchange(frame(pdu, unit), line)
        for each in frames_in(output + (later.done() if later else b"")):
            refusals[unit] += each[7] >> 7
    line.count()
    assert line.counters.bus_messages == sum(said.values())
    assert line.counters.refusals == sum(refusals.values())
    for unit in (1, 2, 3):
        assert line._counters(unit).messages == said[unit]
        assert line._counters(unit).exceptions == refusals[unit]


@pytest.mark.parametrize(
    ("pdu", "wanted"),
    [
        *((f"{function:02x}00000001", False) for function in (1, 2, 3, 4, 7, 17, 43)),
        *((f"{function:02x}00000001", True) for function in (5, 6, 15, 16, 22, 23)),
        *((f"08{sub:04x}0000", sub in {1, 4, 10, 20}) for sub in SERVED),
    ],
)
def test_what_changes_something_is_told_from_what_only_asks(pdu: str, wanted: bool) -> None:  # noqa: FBT001  a table's column
    assert changes(bytes.fromhex(pdu)) == wanted
