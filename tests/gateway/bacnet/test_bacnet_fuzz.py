"""Whatever reaches a device: no crash, one right answer to a confirmed request, and one to the next."""

import asyncio

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gateway.bacnet.delivery.segmentation import WINDOW
from gateway.bacnet.wire.codes import AbortReason, Confirmed, RejectReason
from gateway.bacnet.wire.peer import Message
from tests.gateway.bacnet.conftest import PASSWORD, PEER, Flat, Meters

ENERGY = "0275770c0c000000011955"
SERVICES = (*Confirmed, 6, 7, 18, 99)
BODIES = (
    "", "0c000000011955", "0c000000011e09551f", "0c014000011955 3e91013f", "1901 2d0900 66696c6973746572",
    "0c05000001 1983 3e2101 31053f", "0901 1c00000001 2901 393c", "1900", "0900",
    "0c01400001 1e 0955 2e91012f 1f",
    "0c03c00001 1966 3e 8201fe b400000000 b4173b3b63 1e 2100 60 1f 2107 10 8205e0 3f",
    "0901 1c00c00001 2902 3e 2e a47e010501 b400000300 2f 3f 4c00414243 5e 0c00000000 5f",
)  # fmt: skip
"""Requests that begin well, for a fuzzer to spoil."""


def spoilt(draw: st.DrawFn) -> bytes:
    """Return parameters in which some octets are others, missing or too many."""
    octets = bytearray(bytes.fromhex(draw(st.sampled_from(BODIES))))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(octets)))
        octets[at : at + draw(st.integers(0, 2))] = draw(st.binary(max_size=2))
    return bytes(octets)


requests = st.builds(
    lambda first, limits, invoke, service, body: bytes((first, limits, invoke, service)) + body,
    st.sampled_from((0x00, 0x02)),
    st.sampled_from((0x00, 0x05, 0x75)),
    st.integers(0, 255),
    st.sampled_from(SERVICES),
    st.one_of(st.binary(max_size=40), st.composite(spoilt)()),
)


async def _said(meters: Meters, apdu: bytes) -> list[str]:
    meters.hear(2, apdu)
    await asyncio.gather(*meters.application._pending._tasks.values())
    said = await meters.said()
    meters.application._transactions.stop()
    return said


SEGMENTED = st.tuples(st.sampled_from((0x00, 0x02)), st.sampled_from((0x00, 0x05, 0x25, 0x70, 0x75)))
"""First octets of requests, with segmented answers accepted or not, and what their askers accept."""

references = st.builds(
    lambda prop, index: bytes((0x09, prop)) + index,
    st.sampled_from((8, 80, 105, 28, 30, 75, 76, 77, 85, 87, 102, 111, 131, 152, 245)),
    st.sampled_from((b"", b"", b"", b"\x19\x00", b"\x19\x02", b"\x1a\x01\x00")),
)
large_reads = st.lists(
    st.tuples(
        st.sampled_from((1, 5, 105, 199, 705, 1 << 22, 0x00C00065, 0x05000065, 0x020186A0, 0x023FFFFF)),
        st.lists(references, min_size=1, max_size=8),
        st.integers(1, 60),
    ),
    min_size=1,
    max_size=12,
).map(
    lambda things: b"".join(
        b"\x0c" + number.to_bytes(4, "big") + b"\x1e" + many * b"".join(found) + b"\x1f"
        for number, found, many in things
    )
)
"""Parameters of ReadPropertyMultiple: few objects and many, few properties and many thousand."""

transfers = st.lists(
    st.one_of(
        st.tuples(st.sampled_from((0x40, 0x41, 0x42, 0x43)), st.integers(0, 255), st.integers(0, 255)),
        st.tuples(st.sampled_from((0x70, 0x71)), st.integers(0, 20), st.just(0)),
    ),
    max_size=12,
)
"""SegmentACKs and Aborts: their first octet, then sequence number and window, or a reason."""


def _ask(apdu: bytes) -> tuple[list[str], list[str]]:
    """Return what a meter says to an APDU, and to a sound request after it."""

    async def ask() -> tuple[list[str], list[str]]:
        meters = Meters(3)
        said = await _said(meters, apdu)
        await meters.say(2, "00050111 1900 2d0900" + PASSWORD.encode().hex())
        return said, await _said(meters, bytes.fromhex(ENERGY))

    return asyncio.run(ask())


fuzzed = settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))


@fuzzed
@given(requests)
@example(bytes.fromhex("00050110"))
@example(bytes.fromhex("00000114 0900 1d0900") + PASSWORD.encode())
def test_every_confirmed_request_has_one_answer_of_the_right_kind(request: bytes) -> None:
    said, after = _ask(request)
    invoke, service = request[2], request[3]
    answers = [bytes.fromhex(each) for each in said if each[:2] in {"20", "30", "50", "60", "71"}]
    (answer,) = answers
    assert answer[1] == invoke
    match answer[0]:
        case 0x20 | 0x30 | 0x50:
            assert answer[2] == service
        case 0x60:
            assert answer[2] in tuple(RejectReason)
            assert (answer[2] == RejectReason.UNRECOGNIZED_SERVICE) == (service not in tuple(Confirmed))
        case 0x71:
            assert answer[2] in tuple(AbortReason)
    assert after[0].startswith("30770c")


@fuzzed
@given(st.one_of(st.binary(max_size=60), st.binary(max_size=30).map(lambda body: b"\x10" + body)))
@example(b"")
@example(bytes.fromhex("1006a47e010501b40c000000"))
def test_no_apdu_keeps_a_device_from_answering_the_next(apdu: bytes) -> None:
    assert _ask(apdu)[1][0].startswith("30770c")


@fuzzed
@given(st.binary(max_size=40).map(lambda body: b"\x10" + body))
def test_no_unconfirmed_request_to_all_stops_anything(apdu: bytes) -> None:
    async def ask() -> list[str]:
        meters = Meters(3)
        devices = [meters.gateway, *meters.devices]
        meters.application.hear(Message(PEER, (None, b""), 0, True, False, apdu), devices)
        await meters.said()
        meters.application._pacer.stop()
        return await _said(meters, bytes.fromhex(ENERGY))

    assert asyncio.run(ask())[0].startswith("30770c")


def _right(answer: bytes, service: int) -> bool:
    """Whether a PDU is an answer to a request, or the first segment of one."""
    if answer[0] in {0x60, 0x71}:
        return answer[2] in tuple(RejectReason if answer[0] == 0x60 else AbortReason)
    if answer[0] & 0xF8 == 0x38:
        return answer[2:5] == bytes((0, WINDOW, service))
    return answer[0] in {0x20, 0x30, 0x50} and answer[2] == service


@fuzzed
@given(
    SEGMENTED,
    st.one_of(requests.map(lambda request: request[3:]), large_reads.map(b"\x0e".__add__)),
    transfers,
)
@example((0x02, 0x75), bytes.fromhex("0c0c020186a0194c"), [(0x40, 0, 16), (0x42, 0, 16), (0x40, 16, 0)])
def test_a_flat_gateway_has_one_right_answer_whatever_becomes_of_its_segments(
    head: tuple[int, int], body: bytes, acks: list[tuple[int, int, int]]
) -> None:
    async def ask() -> None:
        flat = Flat(7)
        flat.hear(0, bytes((*head, 1)) + body)
        await asyncio.gather(*flat.application._pending._tasks.values())
        said = [each for each in await flat.said() if not each.startswith(("*", "10", "00"))]
        answers = [bytes.fromhex(each) for each in said]
        assert len(answers) == 1
        assert answers[0][1] == 1
        assert _right(answers[0], body[0])
        for first, number, window in acks:
            flat.hear(0, bytes((first, 1, number, window)[: 4 if first & 0xF0 == 0x40 else 3]))
        await flat.said()
        flat.hear(0, bytes.fromhex("00050114 0900 1d0900") + PASSWORD.encode())
        await flat.said()
        flat.hear(0, bytes.fromhex("0275770c 0c00000069 1955"))
        assert (await flat.said())[-1].startswith("30770c")
        await flat.application.stop()

    asyncio.run(ask())
