"""Long answers against an asker that follows clause 5.4.4 and loses whatever it is told to."""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.bacnet.delivery import segmentation
from gateway.bacnet.delivery.segmentation import RETRIES, WINDOW, Segmenter
from gateway.bacnet.wire.codes import AbortReason

LIMIT = 50
ROOM = LIMIT - 5
KEY = 1, "asker"


def answer_of(octets: int, invoke: int = 7) -> bytes:
    """Return a ComplexACK of ReadProperty with so many octets behind the service choice."""
    return bytes((0x30, invoke, 12)) + bytes(k % 251 for k in range(octets))


class Asker:
    """Puts an answer together; acknowledges each `window` segments; loses those whose turn is in `lost`."""

    def __init__(self, segmenter: Segmenter, window: int = 4, lost: frozenset[int] = frozenset()) -> None:
        self._segmenter = segmenter
        self._window = window
        self._lost = lost
        self._sent = 0
        self._behind = 0
        self.got = b""
        self.next = 0
        self.whole = False
        self.frames: list[bytes] = []

    def receive(self, pdu: bytes, *, expects_reply: bool = False) -> None:
        """Take a segment. It is dealt with when the sender has come to rest, as on a network."""
        assert expects_reply
        self.frames.append(pdu)
        self._sent += 1
        if self._sent - 1 not in self._lost:
            asyncio.get_running_loop().call_soon(self._take, pdu)

    def _take(self, pdu: bytes) -> None:
        assert pdu[0] & 0xF8 == 0x38, pdu.hex()
        assert pdu[3] == WINDOW
        assert len(pdu) <= LIMIT
        if self.whole:
            return
        if pdu[2] != self.next % 256:
            self._say(0x42, self.next - 1)
            self._behind = 0
            return
        self.got += pdu[5:]
        self.next += 1
        self._behind += 1
        self.whole = not pdu[0] & 0x04
        if self.whole or self._behind == self._window or self.next == 1:
            self._say(0x40, self.next - 1)
            self._behind = 0

    def _say(self, kind: int, number: int) -> None:
        self._segmenter.hear(KEY, bytes((kind, 7, number % 256, self._window)))


class Sent:
    """Notes what is sent; segments expect to be acknowledged, aborts do not."""

    def __init__(self) -> None:
        self.pdus: list[bytes] = []

    def take(self, pdu: bytes, *, expects_reply: bool = False) -> None:
        assert expects_reply == (pdu[0] & 0xF8 == 0x38)
        self.pdus.append(pdu)


async def until(condition: Callable[[], object]) -> None:
    for _ in range(4000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never came about")


@pytest.mark.parametrize("octets", [ROOM - 1, ROOM, ROOM + 1, 5 * ROOM, 300 * ROOM + 1])
@pytest.mark.parametrize("window", [1, 4, 16, 127])
async def test_an_answer_arrives_whole(octets: int, window: int) -> None:
    segmenter = Segmenter()
    asker = Asker(segmenter, window)
    segmenter.begin(KEY, answer_of(octets), LIMIT, asker.receive)
    await until(lambda: asker.whole)
    assert asker.got == answer_of(octets)[3:]
    assert len(asker.frames) == asker.next
    assert segmenter._transfers == {}


@given(lost=st.frozensets(st.integers(0, 40), max_size=12), window=st.integers(1, 8))
@settings(max_examples=40, deadline=None)
def test_lost_segments_are_sent_again(lost: frozenset[int], window: int) -> None:
    async def main() -> None:
        segmenter = Segmenter(timeout_s=0.002)
        asker = Asker(segmenter, window, lost)
        segmenter.begin(KEY, answer_of(20 * ROOM), LIMIT, asker.receive)
        await until(lambda: asker.whole or not segmenter._transfers)
        assert not asker.whole or asker.got == answer_of(20 * ROOM)[3:]
        if len(lost) <= RETRIES:
            assert asker.whole
        segmenter.stop()

    asyncio.run(main())


async def test_an_asker_that_is_silent_is_given_up() -> None:
    sent = Sent()
    segmenter = Segmenter(timeout_s=0.001)
    segmenter.begin(KEY, answer_of(100), LIMIT, sent.take)
    await until(lambda: not segmenter._transfers)
    assert sent.pdus == [sent.pdus[0]] * (1 + RETRIES)
    assert sent.pdus[0][:5] == bytes((0x3C, 7, 0, WINDOW, 12))


async def test_what_was_said_before_moves_nothing() -> None:
    sent = Sent()
    segmenter = Segmenter()
    segmenter.begin(KEY, answer_of(4 * ROOM), LIMIT, sent.take)
    segmenter.hear(KEY, bytes((0x40, 7, 0, 2)))
    assert [pdu[2] for pdu in sent.pdus] == [0, 1, 2]
    for stray in (
        (0x40, 7, 0, 2),
        (0x42, 7, 0, 2),
        (0x40, 7, 9, 2),
        (0x41, 7, 2, 2),
        (0x40, 8, 2, 2),
        (0x40, 7, 2),
        (0x20, 7, 2, 2),
    ):
        segmenter.hear(KEY, bytes(stray))
    segmenter.hear((1, "other"), bytes((0x40, 7, 2, 2)))
    segmenter.hear(KEY, b"\x40")
    assert len(sent.pdus) == 3
    segmenter.stop()


async def test_one_lost_segment_brings_one_window_however_often_the_asker_says_so() -> None:
    """An asker that misses 6 of 1 to 16 acknowledges 5, negatively, at each of the ten that follow."""
    sent = Sent()
    segmenter = Segmenter()
    segmenter.begin(KEY, answer_of(40 * ROOM), LIMIT, sent.take)
    segmenter.hear(KEY, bytes((0x40, 7, 0, 16)))
    assert len(sent.pdus) == 17
    for _ in range(10):
        segmenter.hear(KEY, bytes((0x42, 7, 5, 16)))
    assert [pdu[2] for pdu in sent.pdus[17:]] == list(range(6, 22))
    await until(lambda: len(sent.pdus) > 33)
    assert [pdu[2] for pdu in sent.pdus[33:]] == list(range(6, 22))
    await asyncio.sleep(0.1)
    assert len(sent.pdus) == 49
    segmenter.stop()


async def test_an_abort_ends_it_and_a_window_of_0_is_aborted() -> None:
    sent = Sent()
    segmenter = Segmenter()
    segmenter.begin(KEY, answer_of(100), LIMIT, sent.take)
    segmenter.hear(KEY, b"\x70\x07\x00")
    assert segmenter._transfers == {}
    segmenter.begin(KEY, answer_of(100), LIMIT, sent.take)
    segmenter.hear(KEY, bytes((0x40, 7, 0, 0)))
    assert sent.pdus[-1] == bytes((0x71, 7, AbortReason.WINDOW_SIZE_OUT_OF_RANGE))
    assert segmenter._transfers == {}


async def test_only_so_many_are_under_way_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segmentation, "MOST_AT_ONCE", 2)
    sent = Sent()
    segmenter = Segmenter()
    for key in "abb":
        segmenter.begin((1, key), answer_of(100), LIMIT, sent.take)
    assert {pdu[0] for pdu in sent.pdus} == {0x3C}
    segmenter.begin((1, "c"), answer_of(100), LIMIT, sent.take)
    assert sent.pdus[-1] == bytes((0x71, 7, AbortReason.OUT_OF_RESOURCES))
    segmenter.stop()


async def test_one_asker_leaves_room_for_others() -> None:
    mine, others = Sent(), Sent()
    segmenter = Segmenter()
    for device in range(segmentation.MOST_OF_ONE + 1):
        segmenter.begin((device, "a"), answer_of(100), LIMIT, mine.take)
    assert [pdu[0] for pdu in mine.pdus] == [0x3C] * segmentation.MOST_OF_ONE + [0x71]
    segmenter.begin((1, "b"), answer_of(100), LIMIT, others.take)
    assert [pdu[0] for pdu in others.pdus] == [0x3C]
    segmenter.stop()
