"""RTU and ASCII framing: worked frames, frames cut anywhere, bytes of any kind."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer import FramerAscii, FramerRTU
from pymodbus.pdu import DecodePDU

from gateway.modbus.framing.ascii import AsciiFraming, lrc
from gateway.modbus.framing.framing import Framing
from gateway.modbus.framing.rtu import RtuFraming, crc
from gateway.modbus.line import Line, exchange
from tests.gateway.modbus.conftest import bank_of
from tests.support.snapshots import nameplates, snapshot_of

METERS = nameplates(3)
SNAPSHOT = snapshot_of(METERS)
FRAMINGS: dict[str, Framing] = {"rtu": RtuFraming(), "ascii": AsciiFraming()}
REQUESTS = (
    "0300000002",
    "0400640008",
    "0200000010",
    "0100000002",
    "06000a0001",
    "11",
    "07",
    "2b0e0100",
    "0800001234",
    "0f0000000a02ffff",
    "1000000001020001",
    "1600000001ffff",
    "170000000100010001020001",
)


def _lines() -> dict[str, Line]:
    return {name: Line(bank_of(METERS, SNAPSHOT), framing) for name, framing in FRAMINGS.items()}


LINES = _lines()


def _through(stream: bytes, cuts: list[int], line: Line) -> tuple[bytes, bytes]:
    """Send a stream in pieces; return the answers and what is left at the end."""
    places = sorted({min(cut, len(stream)) for cut in cuts} | {len(stream)})
    output, held, at = b"", b"", 0
    for place in places:
        held += stream[at:place]
        at = place
        while held:
            part = exchange(held, line)
            assert not part.broken
            output += part.output
            held = held[part.used :]
            if not part.used:
                break
    return output, held


@given(st.binary(max_size=260))
def test_the_crc_is_that_of_pymodbus(data: bytes) -> None:
    assert crc(data) == FramerRTU.compute_CRC(data).to_bytes(2, "big")


@given(st.binary(max_size=260))
def test_the_lrc_is_that_of_pymodbus(data: bytes) -> None:
    assert lrc(data) == FramerAscii.compute_LRC(data)


@given(st.integers(1, 255), st.binary(min_size=1, max_size=252))
def test_frames_are_those_of_pymodbus(unit: int, pdu: bytes) -> None:
    decoder = DecodePDU(is_server=True)
    assert RtuFraming().frame(unit, pdu) == FramerRTU(decoder).encode(pdu, unit, 0)
    assert AsciiFraming().frame(unit, pdu) == FramerAscii(decoder).encode(pdu, unit, 0)


def test_a_worked_frame_of_each_kind() -> None:
    assert RtuFraming().frame(1, bytes.fromhex("0300000002")).hex() == "010300000002c40b"
    assert AsciiFraming().frame(1, bytes.fromhex("0300000002")) == b":010300000002FA\r\n"


@pytest.mark.parametrize("pdu", REQUESTS)
@pytest.mark.parametrize("name", FRAMINGS)
def test_each_request_is_whole_with_its_last_byte_and_no_sooner(name: str, pdu: str) -> None:
    framing = FRAMINGS[name]
    frame = framing.frame(1, bytes.fromhex(pdu))
    for length in range(1, len(frame)):
        assert framing.end(frame[:length], 0) == 0
    assert framing.end(frame, 0) == len(frame)
    assert framing.parse(frame) == (1, bytes.fromhex(pdu))


@pytest.mark.parametrize("name", FRAMINGS)
def test_the_length_of_a_plain_read_is_as_it_says(name: str) -> None:
    framing = FRAMINGS[name]
    assert len(framing.frame(1, bytes.fromhex("0300000002"))) == framing.plain


frames = st.lists(st.tuples(st.integers(1, 5), st.sampled_from(REQUESTS)), min_size=1, max_size=12)


@pytest.mark.parametrize("name", FRAMINGS)
@given(requests=frames, cuts=st.lists(st.integers(0, 300), max_size=8))
def test_frames_cut_anywhere_are_each_answered_once_and_in_order(
    name: str, requests: list[tuple[int, str]], cuts: list[int]
) -> None:
    framing = FRAMINGS[name]
    asked = [(unit, bytes.fromhex(pdu)) for unit, pdu in requests if not pdu.startswith("0f")]
    stream = b"".join(framing.frame(unit, pdu) for unit, pdu in asked)
    output, left = _through(stream, cuts, LINES[name])
    assert left == b""
    answers = _answers(name, output)
    there = [(unit, pdu) for unit, pdu in asked if unit <= len(METERS)]
    assert [answer[0] for answer in answers] == [unit for unit, _ in there]
    assert [answer[1] & 0x7F for answer in answers] == [pdu[0] for _, pdu in there]


def _answers(name: str, output: bytes) -> list[bytes]:
    """Cut answers into unit id and PDU, all of which must be whole and right, by means of their own."""
    found = []
    if name == "ascii":
        for text in output.split(b"\r\n")[:-1]:
            body = bytes.fromhex(text.decode().removeprefix(":"))
            assert sum(body) % 256 == 0
            found.append(body[:-1])
        assert output.endswith(b"\r\n") or not output
        return found
    while output:
        end = next(n for n in range(4, 257) if crc(output[:n]) == b"\0\0")  # a CRC over itself is none
        found.append(output[: end - 2])
        output = output[end:]
    return found


@pytest.mark.parametrize("name", FRAMINGS)
@given(stream=st.binary(max_size=600), cuts=st.lists(st.integers(0, 600), max_size=8))
def test_any_bytes_give_right_answers_or_none_and_silence_makes_room_for_the_next(
    name: str, stream: bytes, cuts: list[int]
) -> None:
    line, framing = LINES[name], FRAMINGS[name]
    output, left = _through(stream, cuts, line)
    _answers(name, output)
    said = line.answer(left) if left else b""
    assert isinstance(said, bytes)
    request = framing.frame(2, bytes.fromhex("0300f60001"))
    assert _answers(name, exchange(request, line).output) == [bytes.fromhex("0203020002")]


def test_a_wrong_crc_is_not_answered_nor_what_comes_behind_it_before_a_silence() -> None:
    framing, line = RtuFraming(), LINES["rtu"]
    request = framing.frame(1, bytes.fromhex("0300000002"))
    wrong = request[:-1] + bytes((request[-1] ^ 1,))
    assert exchange(wrong, line).used == 0
    assert exchange(wrong + request, line).used == 0
    assert line.answer(wrong) == b""
    assert line.answer(wrong + request) == b""


def test_an_unknown_function_in_one_piece_is_answered_at_once() -> None:
    framing, line = RtuFraming(), LINES["rtu"]
    for body in ("41", "410102030405", "6301"):
        request = framing.frame(1, bytes.fromhex(body))
        answer = exchange(request, line).output
        assert answer == framing.frame(1, bytes((int(body[:2], 16) | 0x80, 1)))


def test_a_known_function_of_a_wrong_length_is_refused_with_0x03() -> None:
    framing, line = RtuFraming(), LINES["rtu"]
    refusal = framing.frame(1, b"\x83\x03")
    assert exchange(framing.frame(1, bytes.fromhex("030000000200")), line).output == refusal
    short = framing.frame(1, bytes.fromhex("03000000"))
    assert exchange(short, line).used == 0
    assert line.answer(short) == refusal


def test_ascii_takes_either_case_and_a_colon_begins_anew() -> None:
    line = LINES["ascii"]
    answer = exchange(b":0103007A000181\r\n", line).output
    assert answer.startswith(b":010302")
    assert exchange(b":0103007a000181\r\n", line).output == answer
    assert _through(b"noise:01030:0103007A000181\r\n", [], line) == (answer, b"")
    assert exchange(b":0103007A00017F\r\n", line).output == b""


def test_what_is_longer_than_any_frame_is_given_up() -> None:
    framing = AsciiFraming()
    assert framing.end(b":" + b"0" * 511, 0) == 0
    assert framing.end(b":" + b"0" * 512, 0) == 513
    assert framing.parse(b":" + b"0" * 512) is None
    assert RtuFraming().end(b"\x01" * 300, 0) == 0
    assert RtuFraming().parse(b"\x01" * 300) is None


@pytest.mark.parametrize("name", FRAMINGS)
def test_a_unit_that_is_not_there_is_silent(name: str) -> None:
    assert exchange(FRAMINGS[name].frame(9, bytes.fromhex("0300000002")), LINES[name]).output == b""
