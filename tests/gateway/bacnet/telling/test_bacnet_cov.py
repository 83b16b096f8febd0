"""Subscriptions to changes of values: in octets as 135-2012 encodes them, and as bacpypes3 decodes them."""

import asyncio
import struct
from functools import partial
from typing import Any

import numpy as np
import pytest
from bacpypes3.apdu import APDU, APCISequence  # type: ignore[import-untyped]
from bacpypes3.basetypes import COVSubscription  # type: ignore[import-untyped]
from bacpypes3.constructeddata import ListOf  # type: ignore[import-untyped]
from bacpypes3.pdu import PDU  # type: ignore[import-untyped]
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.bacnet.delivery.outbox import BURST, PAUSE_S, Outbox
from gateway.bacnet.telling import subscriptions
from gateway.bacnet.telling.watches import Watched, Watches
from gateway.bacnet.values.image import PLACES, ROW, Cut
from gateway.bacnet.wire.codes import Property
from gateway.bacnet.wire.peer import Peer
from sims.points import MJ_PER_WH

ACK = "200105"
ENERGY = "1c00000001"
FOR_EVER = "2900 3900"
CONFIRMED = "2901 3900"
OTHER = Peer(("127.0.0.10", 0xBAC0))
BEHIND = Peer(("127.0.0.9", 0xBAC0), bytes.fromhex("000702aabb"))


def subscribe(thing: str = ENERGY, how: str = FOR_EVER, process: int = 18) -> str:
    return f"00050105 09{process:02x} {thing} {how}"


def subscribe_property(attribute: str, how: str = FOR_EVER, thing: str = ENERGY) -> str:
    """Return SubscribeCOVProperty; the increment, if there is one, is under [5]."""
    mode, _, increment = how.partition("/")
    return f"0005011c 0912 {thing} {mode} 4e {attribute} 4f {increment}"


def told(value: str, left: str = "3900", flags: str = "00", thing: str = "2c00000001") -> str:
    """Return the unconfirmed notification about present-value and status-flags of an object of meter 2."""
    content = f"4e 0955 2e {value} 2f 096f 2e 8204{flags} 2f 4f"
    return bytes.fromhex(f"1002 0912 1c020186a2 {thing} {left} {content}").hex()


def real(value: float) -> str:
    return "44" + struct.pack(">f", value).hex()


def kwh(value: float) -> Any:
    """Return a column of energies: those of meter 2 are `value` [kWh]."""
    return np.array([0, value * 1000 * MJ_PER_WH, 0])


async def active(meters: Any, meter: int = 2) -> list[Any]:
    """Return active-cov-subscriptions of a meter as bacpypes3 decodes it."""
    number = (8 << 22 | 100_000 + meter).to_bytes(4, "big").hex()
    (answer,) = await meters.say(meter, f"0005010c 0c{number} 1998")
    ack = APCISequence.decode(APDU.decode(PDU(bytes.fromhex(answer))))
    found: list[Any] = ack.propertyValue.cast_out(ListOf(COVSubscription))
    return found


async def test_a_subscriber_is_told_at_once_and_when_the_value_has_changed_enough(meters: Any) -> None:
    meters.show(2, energy=kwh(100))
    assert await meters.say(2, subscribe()) == [ACK, told(real(100))]
    meters.show(3, energy=kwh(100.5))
    assert await meters.said() == []
    meters.show(4, energy=kwh(101))
    assert await meters.said() == [told(real(101))]
    meters.show(5, energy=kwh(100.5))
    meters.show(6, energy=kwh(100.01))
    assert await meters.said() == []
    meters.show(7, energy=kwh(100))
    assert await meters.said() == [told(real(100))]


async def test_a_change_of_the_status_flags_is_told_whatever_the_value(meters: Any) -> None:
    meters.show(2, energy=kwh(100))
    await meters.say(2, subscribe())
    meters.show(3, energy=kwh(100.1), flags=np.array([0, 1 << 15, 0]))
    assert await meters.said() == [told(real(100.1), flags="c0")]


@pytest.mark.parametrize(
    ("thing", "column", "held", "value", "flags"),
    [
        ("00c00001", "flags", 17, "9101", "80"),
        ("00c00002", "flags", 18, "9101", "00"),
        ("01400001", "key_switch", 1, "9101", "00"),
        ("03400001", "lcd_screen", 4, "2105", "00"),
        ("0a000001", "lcd_text", b"8888", "7509003838383820202020", "00"),
        ("05c00001", "pulse_10wh", 70_000, "23011170", "00"),
        ("05c00002", "pulse_1kwh", 7, "2107", "00"),
    ],
)
async def test_every_type_of_object_tells_any_change(
    meters: Any, thing: str, column: str, *, held: Any, value: str, flags: str
) -> None:
    ack, first = await meters.say(2, subscribe("1c" + thing))
    assert (ack, value in first) == (ACK, False)
    values = meters.responder._snapshot.columns[column].copy()
    values[1] = held
    meters.show(3, **{column: values})
    assert await meters.said() == [told(value, flags=flags, thing="2c" + thing)]
    meters.show(4, **{column: values})
    assert await meters.said() == []


async def test_the_reset_is_never_seen_active_but_can_be_subscribed_to(meters: Any) -> None:
    assert await meters.say(2, subscribe("1c01400002")) == [ACK, told("9100", thing="2c01400002")]


async def test_the_increment_of_an_object_is_each_meter_s_own_and_can_be_written(meters: Any) -> None:
    meters.show(2, energy=kwh(100))
    await meters.say(2, subscribe())
    meters.hear(2, bytes.fromhex("0005010f 0c00000001 1916 3e44412000003f"))
    assert (await meters.said()) == ["20010f"]
    assert meters.read(2, 0, 1, Property.COV_INCREMENT) == bytes.fromhex("4441200000")
    assert meters.read(1, 0, 1, Property.COV_INCREMENT) == bytes.fromhex("443f800000")
    meters.show(3, energy=kwh(109.9))
    assert await meters.said() == []
    meters.show(4, energy=kwh(110))
    assert await meters.said() == [told(real(110))]


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ("44bf800000", "0225"),
        ("447f800000", "0225"),
        ("447fc00000", "0225"),
        ("2101", "0209"),
        ("", "0209"),
        ("4441200000 4441200000", "0209"),
    ],
)
def test_an_increment_is_a_real_that_is_not_negative(meters: Any, value: str, error: str) -> None:
    answer = meters.ask(2, 15, bytes.fromhex(f"0c00000001 1916 3e {value} 3f"))
    assert answer == bytes.fromhex(f"50010f 91{error[:2]} 91{error[2:]}")


async def test_an_increment_of_nothing_tells_every_change_but_no_standstill(meters: Any) -> None:
    meters.show(2, energy=kwh(100))
    await meters.say(2, subscribe_property("0955", FOR_EVER + "/5c00000000"))
    meters.show(3, energy=kwh(100))
    assert await meters.said() == []
    meters.show(4, energy=kwh(100.001))
    assert await meters.said() == [told(real(100.001))]


async def test_a_subscriber_to_a_property_has_an_increment_of_its_own(meters: Any) -> None:
    meters.show(2, energy=kwh(100))
    assert await meters.say(2, subscribe_property("0955", FOR_EVER + "/5c40400000")) == [
        "20011c",
        told(real(100)),
    ]
    await meters.say(2, subscribe())
    meters.show(3, energy=kwh(102))
    assert await meters.said() == [told(real(102))]
    meters.show(4, energy=kwh(103))
    assert await meters.said() == [told(real(103)), told(real(103))]


@pytest.mark.parametrize(
    ("attribute", "content"),
    [
        ("096f", "096f2e820400 2f"),
        ("0967", "09672e9100 2f 096f2e820400 2f"),
        ("0916", "09162e443f800000 2f 096f2e820400 2f"),
        ("0975", "09752e9113 2f 096f2e820400 2f"),
    ],
)
async def test_other_properties_can_be_subscribed_to(meters: Any, attribute: str, content: str) -> None:
    ack, first = await meters.say(2, subscribe_property(attribute))
    assert ack == "20011c"
    expected = bytes.fromhex(f"1002 0912 1c020186a2 2c00000001 3900 4e {content} 4f")
    assert first == expected.hex()


@pytest.mark.parametrize(
    ("request_octets", "answer"),
    [
        (subscribe("1c00000063"), "5001059101911f"),
        (subscribe("1c020186a2"), "5001059101912d"),
        (subscribe("1c05000001"), "5001059101912d"),
        (subscribe("1c03c00001"), "5001059101912d"),
        (subscribe_property("0957"), "50011c91029120"),
        (subscribe_property("0955", thing="1c00000063"), "50011c9101911f"),
        (subscribe_property("0955 1901"), "50011c91029132"),
        (subscribe_property("0a0173"), "50011c9102912c"),
        (subscribe_property("0998", thing="1c020186a2"), "50011c9102912c"),
        (subscribe_property("0a0082", thing="1c00c00001"), "50011c9102912c"),
        (subscribe_property("0955", FOR_EVER + "/5cbf800000"), "600106"),
        (subscribe_property("0955", FOR_EVER + "/5c7fc00000"), "600106"),
        (subscribe_property("0955", FOR_EVER + "/5a0000"), "600103"),
        (subscribe(how="3900"), "600105"),
        (subscribe(how="2902 3900"), "600103"),
        (subscribe(how="2900 3900 4900"), "600107"),
        ("00050105 0912", "600105"),
        ("0005011c 0912 1c00000001 2900", "600105"),
    ],
)
async def test_what_cannot_be_subscribed_to_gets_the_right_error_or_reject(
    meters: Any, request_octets: str, answer: str
) -> None:
    assert await meters.say(2, request_octets) == [answer]
    assert await active(meters) == []


@pytest.mark.parametrize("how", ["2900", "2900 3900"])
async def test_without_a_lifetime_or_with_none_it_is_for_ever(meters: Any, how: str) -> None:
    assert (await meters.say(2, subscribe(how=how)))[1].startswith(told("")[: 2 * 16])
    meters.seconds = 1e9
    assert [each.timeRemaining for each in await active(meters)] == [0]


async def test_a_lifetime_runs_down_and_ends(meters: Any) -> None:
    meters.show(2, energy=kwh(100))
    assert (await meters.say(2, subscribe(how="2900 3a012c")))[1] == told(real(100), "3a012c")
    meters.seconds = 99.5
    assert [each.timeRemaining for each in await active(meters)] == [201]
    meters.show(3, energy=kwh(200))
    assert await meters.said() == [told(real(200), "39c9")]
    meters.seconds = 299.9
    assert [each.timeRemaining for each in await active(meters)] == [1]
    meters.seconds = 300
    meters.show(4, energy=kwh(300))
    assert await meters.said() == []
    assert await active(meters) == []


async def test_a_renewal_replaces_and_tells_at_once(meters: Any) -> None:
    meters.show(2, energy=kwh(100))
    await meters.say(2, subscribe(how="2900 390a"))
    meters.seconds = 9
    assert await meters.say(2, subscribe(how="2900 3914")) == [ACK, told(real(100), "3914")]
    meters.seconds = 28
    assert [each.timeRemaining for each in await active(meters)] == [1]


async def test_a_cancellation_ends_one_subscription_and_may_be_repeated(meters: Any) -> None:
    for process in (18, 19):
        await meters.say(2, subscribe(process=process))
    await meters.say(2, subscribe(), OTHER)
    await meters.say(2, subscribe_property("0955"))
    for _ in range(2):
        assert await meters.say(2, subscribe(how="")) == [ACK]
    left = [(each.recipient.processIdentifier, each.covIncrement) for each in await active(meters)]
    assert left == [(19, 1.0), (18, 1.0), (18, 1.0)]
    meters.show(3, energy=kwh(1e4))
    assert len(await meters.said()) == 3


async def test_the_list_of_subscriptions_is_true_to_the_octet(meters: Any) -> None:
    await meters.say(2, subscribe(how="2901 393c"))
    await meters.said()
    await meters.say(2, subscribe_property("0955", "2900/5c40400000", ENERGY), BEHIND)
    await meters.say(2, subscribe("1c00c00001"), OTHER)
    meters.seconds = 1
    (answer,) = await meters.say(2, "0005010c 0c020186a2 1998")
    first = "0e 0e1e 2100 65067f000009bac0 1f0f 1912 0f 1e 0c00000001 1955 1f 2901 393b 4c3f800000"
    second = "0e 0e1e 2107 62aabb 1f0f 1912 0f 1e 0c00000001 1955 1f 2900 3900 4c40400000"
    third = "0e 0e1e 2100 65067f00000abac0 1f0f 1912 0f 1e 0c00c00001 1955 1f 2900 3900"
    assert answer == bytes.fromhex(f"30010c 0c020186a2 1998 3e {first} {second} {third} 3f").hex()
    for each in await active(meters):
        assert each.recipient.recipient.address is not None
    (ranged,) = await meters.say(2, "0005011a 0c020186a2 1998 3e 2102 3101 3f")
    assert ranged == bytes.fromhex(f"30011a 0c020186a2 1998 3a0500 4901 5e {second} 5f").hex()
    meters.application._transactions.stop()


async def test_subscriptions_are_bounded_for_a_device_and_in_all(
    meters: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "MOST_OF_A_DEVICE", 3)
    monkeypatch.setattr(subscriptions, "MOST_SUBSCRIPTIONS", 4)
    full = "5001059103" + "9113"
    for process in (1, 2, 3):
        assert (await meters.say(2, subscribe(process=process)))[0] == ACK
    assert await meters.say(2, subscribe(process=4)) == [full]
    assert (await meters.say(2, subscribe(process=3)))[0] == ACK
    assert (await meters.say(1, subscribe()))[0] == ACK
    assert await meters.say(3, subscribe()) == [full]
    await meters.say(2, subscribe(how="", process=1))
    assert (await meters.say(3, subscribe()))[0] == ACK


def confirmed(invoke: int, value: str, process: int = 18) -> str:
    """Return the confirmed form of a notification."""
    body = told(value)[8:]
    return f"0005{invoke:02x}0109{process:02x}" + body


async def test_a_confirmed_subscriber_is_asked_one_thing_at_a_time_and_told_the_newest(meters: Any) -> None:
    meters.show(2, energy=kwh(100))
    assert await meters.say(2, subscribe(how=CONFIRMED)) == [ACK, confirmed(1, real(100))]
    for tick, value in ((3, 200), (4, 300)):
        meters.show(tick, energy=kwh(value))
        assert await meters.said() == []
    await asyncio.sleep(0)
    assert await meters.say(2, "200201") == []
    assert await meters.say(2, "200105") == []
    assert await meters.say(2, "200101", OTHER) == []
    assert await meters.say(2, "200101") == [confirmed(2, real(300))]
    meters.application._transactions.stop()


@pytest.mark.parametrize("answer", ["200101", "50010191059100", "600109", "710100"])
async def test_whoever_answers_anything_stays_subscribed(meters: Any, answer: str) -> None:
    await meters.say(2, subscribe(how=CONFIRMED))
    assert await meters.say(2, answer) == []
    await asyncio.sleep(0.06)
    assert await meters.said() == []
    assert len(await active(meters)) == 1


async def test_a_confirmed_subscriber_that_is_dead_is_dropped_after_the_retries(meters: Any) -> None:
    meters.show(2, energy=kwh(100))
    await meters.say(2, subscribe(process=1))
    await meters.say(2, subscribe("1c00000002", CONFIRMED, 2))
    await meters.say(2, subscribe("1c00000003", CONFIRMED, 3), OTHER)
    assert await meters.say(2, "200201", OTHER) == []
    assert await meters.say(2, subscribe(how=CONFIRMED)) == [ACK]
    await asyncio.sleep(0.1)
    await meters.said()
    assert [each.recipient.processIdentifier for each in await active(meters)] == [1, 3]


async def test_a_request_is_repeated_as_it_is_as_often_as_the_device_says(meters: Any) -> None:
    await meters.say(2, subscribe(how=CONFIRMED))
    await asyncio.sleep(0.1)
    assert meters.read(2, 8, 100_002, Property.NUMBER_OF_APDU_RETRIES) == b"\x21\x03"
    assert meters.read(2, 8, 100_002, Property.APDU_TIMEOUT) == b"\x22\x0b\xb8"
    assert len(said := await meters.said()) == 3
    assert len(set(said)) == 1


async def test_the_notifications_of_a_tick_are_spread_and_in_order(meters: Any) -> None:
    outbox = Outbox()
    told_: list[int] = []
    times: list[float] = []

    def tell(number: int) -> None:
        told_.append(number)
        times.append(asyncio.get_running_loop().time())

    for k in (*range(BURST + 5), 3):
        outbox.put(meters.device(1), k, partial(tell, k))
    assert told_ == []
    await asyncio.sleep(0.15)
    assert told_ == list(range(BURST + 5))
    assert times[BURST] - times[BURST - 1] > PAUSE_S / 2


@given(
    start=st.floats(-1e6, 1e6, width=32),
    steps=st.lists(st.floats(-1e6, 1e6, width=32), max_size=20),
    increment=st.floats(0, 1e5, width=32),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_change_is_told_if_it_is_as_large_as_the_increment(
    start: float, steps: list[float], increment: float
) -> None:
    place = PLACES["energy"]
    watches = Watches()

    def image(value: float) -> bytes:
        row = bytearray(ROW)
        row[place.start : place.stop] = b"\x44" + struct.pack(">f", value)
        return bytes(row)

    slot = watches.add(Watched(0, place, PLACES["status_flags"], None, increment), image(start))
    last = np.float32(start)
    for step in map(np.float32, steps):
        expected = struct.pack(">f", step) != struct.pack(">f", last) and abs(step - last) >= np.float32(
            increment
        )
        assert (list(watches.look(image(float(step)))) == [slot]) == expected
        last = step if expected else last
        assert watches.value(slot)[0] == b"\x44" + struct.pack(">f", last)


def test_slots_are_used_again_and_grow() -> None:
    watches = Watches()
    image = bytes(ROW * 2)
    cut = Cut(0, 5)
    slots = [watches.add(Watched(1, cut, None, None, None), image) for _ in range(200)]
    assert slots == list(range(200))
    watches.remove(7)
    changed = bytes(ROW) + b"\x01" * 5 + bytes(ROW - 5)
    assert list(watches.look(changed)) == [slot for slot in slots if slot != 7]
    assert watches.add(Watched(0, cut, None, None, None), changed) == 7
    assert list(watches.look(changed)) == []
