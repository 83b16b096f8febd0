"""Any bytes, cut anywhere: whole answers in order, or a broken stream; never an error."""

import itertools
import struct

from hypothesis import example, given
from hypothesis import strategies as st

from gateway.modbus.line import FRAMES_AT_ONCE, Later, Line, exchange
from tests.gateway.modbus.conftest import frame, frames_in, line_of, read_frame
from tests.support.snapshots import nameplates, snapshot_of

METERS = nameplates(3)
LINE = line_of(METERS, snapshot_of(METERS))

transactions = st.integers(0, 65535)
reads = st.builds(
    read_frame,
    st.integers(0, 8),
    st.one_of(st.integers(0, 260), st.integers(0, 65535)),
    st.one_of(st.integers(0, 130), st.integers(0, 65535)),
    st.integers(0, 5),
    transactions,
)
LISTEN_ONLY = bytes.fromhex("0800040000")
pdus = st.binary(min_size=1, max_size=253).filter(lambda pdu: pdu != LISTEN_ONLY)
others = st.builds(frame, pdus, st.integers(0, 255), transactions)
identifications = st.builds(
    lambda code, number, unit, transaction: frame(bytes((0x2B, 0x0E, code, number)), unit, transaction),
    st.integers(0, 5),
    st.integers(0, 255),
    st.integers(0, 4),
    transactions,
)
frames = st.lists(st.one_of(reads, others, identifications), max_size=12)


def _through(stream: bytes, cuts: list[int], line: Line) -> tuple[bytes, bytes, bool]:
    """Feed `stream` in pieces, as a connection does; return the answers, what is left, and if it broke."""
    output, held, edges = b"", b"", sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    for start, end in itertools.pairwise(edges):
        held += stream[start:end]
        while True:
            part = exchange(held, line)
            output, held = output + part.output, held[part.used :]
            output += part.later.done() if part.later else b""
            if part.broken:
                return output, held, True
            if not part.used:
                break
    return output, held, False


@given(frames, st.lists(st.integers(0, 4000), max_size=8))
def test_frames_cut_anywhere_are_each_answered_once_and_in_order(
    requests: list[bytes], cuts: list[int]
) -> None:
    output, left, broken = _through(b"".join(requests), cuts, LINE)
    assert (left, broken) == (b"", False)
    answers = frames_in(output)
    assert [answer[:2] for answer in answers] == [request[:2] for request in requests]
    for request, answer in zip(requests, answers, strict=True):
        assert answer[6] == request[6]
        assert answer[7] & 0x7F == request[7] & 0x7F
        made = LINE.answer(request)
        assert answer == (made.done if isinstance(made, Later) else made)


@given(st.binary(max_size=600), st.lists(st.integers(0, 600), max_size=8))
@example(b"\0\0\0\1", [])
@example(b"\0\1\0\0\0\1\1\3", [])
@example(b"\0\1\0\0\0\xff\1\3", [])
def test_any_bytes_cut_anywhere_give_the_same_as_uncut(stream: bytes, cuts: list[int]) -> None:
    cut = _through(stream, cuts, LINE)
    assert cut[0] == _through(stream, [], LINE)[0]
    assert cut[2] == _through(stream, [], LINE)[2]
    frames_in(cut[0])


@given(frames, st.binary(min_size=6, max_size=40), st.lists(st.integers(0, 4000), max_size=4))
def test_what_comes_before_a_broken_header_is_answered(
    requests: list[bytes], junk: bytes, cuts: list[int]
) -> None:
    bad = junk[:2] + b"\0\1" + junk[4:]
    output, _, broken = _through(b"".join(requests) + bad, cuts, LINE)
    assert broken
    assert [answer[:2] for answer in frames_in(output)] == [request[:2] for request in requests]


def test_lengths_that_no_frame_has_break_the_stream() -> None:
    for length in (0, 1, 255, 256, 65535):
        assert exchange(struct.pack(">HHHBB", 7, 0, length, 1, 3), LINE) == (b"", 0, True, None)


def test_the_longest_frame_there_may_be_is_answered() -> None:
    request = frame(b"\x63" + bytes(252), 1, 7)
    assert exchange(request[:-1], LINE) == (b"", 0, False, None)
    assert exchange(request, LINE).output.hex() == "00070000000301e301"


def test_a_flood_is_answered_in_portions() -> None:
    flood = b"".join(read_frame(3, 0, 64, 1, n % 65536) for n in range(1000))
    LINE.answer(flood[:12])  # kept from now on, so that the turn does not end before the portion
    first = exchange(flood, LINE)
    assert first.used == 12 * FRAMES_AT_ONCE
    output, left, _ = _through(flood, [], LINE)
    assert left == b""
    assert [answer[:2] for answer in frames_in(output)] == [struct.pack(">H", n) for n in range(1000)]
