"""What one datagram may cost: the work of the interpreter is counted, not the time."""

import sys
from collections.abc import Callable
from functools import cache
from types import FrameType
from typing import Any

import numpy as np
import pytest

from gateway.bacnet.objects.device_object import MOST_SUBSCRIPTIONS
from gateway.bacnet.services import responder
from gateway.bacnet.wire import encoding as enc
from gateway.bacnet.wire.codes import Property
from gateway.bacnet.wire.peer import Message
from tests.gateway.bacnet.conftest import PEER, Flat, Meters

MOST = 2_000_000
"""Instructions of the interpreter: some 20 ms at 10 ns each."""
METERS = 10_000
SOME = 400
"""Meters that are counted with, and half as many, to tell how the work grows."""

STALE = 1 << 15
ALL, PRESENT_VALUE, UNKNOWN = "0908", "0955", "09fe"


def instructions(work: Callable[[], Any]) -> int:
    """Return how many instructions of the interpreter a call takes."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


@cache
def flat_of(meters: int) -> Flat:
    """Return a gateway all of whose meters are stale."""
    flat = Flat(meters)
    flat.show(2, flags=np.full(meters, STALE))
    flat.responder.image()
    return flat


REQUESTS = {
    "GetEventInformation": (29, ""),
    "GetEventInformation, the last": (29, "0c00ffffff"),
    "GetAlarmSummary": (3, ""),
    "GetEnrollmentSummary": (4, "0900"),
    "GetEnrollmentSummary of nothing": (4, "0900 5901"),
    "object-list": (12, "0c020186a0 194c"),
    "one element of it": (12, "0c020186a0 194c 2a0100"),
    "device-address-binding": (12, "0c020186a0 191e"),
    "all of many objects": (14, "".join(f"0c{100 * n + 5:08x} 1e{ALL}1f" for n in range(1, 147))),
    "all of an object many times": (14, f"0c000000cd 1e {ALL * 700} 1f"),
    "all of the device many times": (14, f"0c020186a0 1e {ALL * 700} 1f"),
    "a value many times": (14, f"0c000000cd 1e {PRESENT_VALUE * 700} 1f"),
    "what is not there": (14, f"0c000000cd 1e {UNKNOWN * 700} 1f"),
    "many objects that are not there": (14, "".join(f"0c{n:08x} 1e0955 1f" for n in range(147))),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_one_request_to_a_flat_gateway_costs_little_however_many_meters_there_are(name: str) -> None:
    service, parameters = REQUESTS[name]
    body = bytes.fromhex(parameters)
    small, large = (cost_to(flat_of(meters), service, body) for meters in (SOME // 2, SOME))
    assert extrapolated(small, large) < MOST, (small, large)


def cost_to(flat: Flat, service: int, body: bytes) -> int:
    return instructions(lambda: flat.ask(0, service, body))


def extrapolated(small: int, large: int) -> float:
    """Return the instructions for `METERS`, of those for `SOME` and half as many, on a straight line."""
    return large + max(0, large - small) * (METERS - SOME) / (SOME / 2)


@pytest.mark.parametrize(
    "said",
    [
        "1008 0a0001 1a0002",
        "1008",
        "1007 2c0000ffff",
        "1007 3d0700" + b"nobody".hex(),
        "1006 a47e010501 b40c000000",
        "1000 c4020186ff 2205c4 9103 2203e7",
    ],
)
async def test_one_message_to_all_meters_costs_little_however_many_they_are(said: str) -> None:
    async def cost(count: int) -> int:
        meters = Meters(count)
        message = Message(PEER, (None, b""), 0, True, False, bytes.fromhex(said))
        counted = instructions(lambda: meters.application.hear(message, meters.devices))
        await meters.application.stop()
        return counted

    assert extrapolated(await cost(SOME // 2), await cost(SOME)) < MOST


async def test_the_list_of_all_subscriptions_that_there_can_be_costs_little() -> None:
    flat = Flat(SOME)
    listed = bytes.fromhex("0c020186a0") + enc.context(1, bytes((Property.ACTIVE_COV_SUBSCRIPTIONS,)))
    cost = []
    for process in range(SOME):
        flat.hear(0, bytes.fromhex(f"00050105 0a{process:04x} 1c{100 * process + 105:08x} 2900 3900"))
        if process + 1 in {SOME // 2, SOME}:
            flat.ask(0, 12, listed)
            cost.append(instructions(lambda: flat.ask(0, 12, listed)))
    assert cost[1] + (cost[1] - cost[0]) * (MOST_SUBSCRIPTIONS - SOME) / (SOME / 2) < MOST
    await flat.application.stop()


async def test_what_a_client_sets_or_acknowledges_encodes_no_other_meter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    flat = Flat(7)
    flat.show(2, flags=np.full(7, STALE))
    assert flat.read(0, 3, 201, Property.ACKED_TRANSITIONS).hex() == "8205a0"
    stamp = flat.read(0, 3, 201, Property.EVENT_TIME_STAMPS, 2).hex()
    monkeypatch.setattr(responder, "encode", None)
    await flat.say(0, "00050110 0c000000cd 1e 0916 2e44424800002f 1f 0c00000131 1e 0916 2e44428000002f 1f")
    assert [flat.read(0, 0, 100 * n + 5, 22).hex() for n in (2, 3)] == ["4442480000", "4442800000"]
    await flat.say(0, f"00050100 0901 1c00c000c9 2901 3e {stamp} 3f 4c00414243 5e 0c00000000 5f")
    assert flat.read(0, 3, 201, Property.ACKED_TRANSITIONS).hex() == "8205e0"
    monkeypatch.undo()
    shown = flat.responder.image()
    flat.responder.forget()
    assert flat.responder.image() == shown
