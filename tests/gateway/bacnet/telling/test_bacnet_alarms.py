"""Alarms: when they come and go, who is told and in which octets, how they are acknowledged and asked for."""

import asyncio
from typing import Any

import numpy as np
import pytest
from bacpypes3.apdu import APDU, APCISequence  # type: ignore[import-untyped]
from bacpypes3.pdu import PDU  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.bacnet.delivery import outbox, transactions
from gateway.bacnet.delivery.seeking import BURST
from gateway.bacnet.objects.bindings import Bindings
from gateway.bacnet.objects.meter_objects import OBJECTS
from gateway.bacnet.objects.recipients import MOST_RECIPIENTS, Recipient
from gateway.bacnet.values.alarms import ALARMS, Alarms
from gateway.bacnet.values.device_clocks import DeviceClocks
from gateway.bacnet.wire import encoding as enc
from gateway.bacnet.wire.codes import EventState, Property
from gateway.bacnet.wire.peer import Message, Peer
from sims.points import FLAGS, NS_PER_S
from sims.snapshot import Snapshot, Tick
from tests.gateway.bacnet.conftest import PASSWORD

POWERED = 1 << FLAGS.index("powered")
STALE = 1 << FLAGS.index("stale")
REVERSE = 1 << FLAGS.index("reverse_phase")
ALWAYS = "8201fe b400000000 b4173b3b63"
HERE = "1e 2100 65067f00000ac000 1f"
PEER = Peer(("127.0.0.10", 0xC000))
FAR = Peer(("127.0.0.9", 0xBAC0), bytes.fromhex("000702aabb"))
CLASS = "0c03c00001 1966"
T2, T3, T5 = ("2e a47e010501 b40000" + time + "00 2f" for time in ("02", "03", "05"))
NEVER = "2e a4ffffffff b4ffffffff 2f"


def destination(recipient: str = HERE, how: str = "10", when: str = ALWAYS, bits: str = "8205e0") -> str:
    return f"{when} {recipient} 2107 {how} {bits}"


def tell(*destinations: str) -> str:
    """Return WriteProperty of a recipient list."""
    return f"0005010f {CLASS} 3e {' '.join(destinations)} 3f"


def shown(meters: Any, tick: int, flags: int, **others: Any) -> None:
    """Show a tick at which meter 2 has `flags` and the others are as they should be."""
    meters.show(tick, flags=np.array([POWERED, flags, POWERED]), **others)


def octets(text: str) -> str:
    return bytes.fromhex(text).hex()


async def read(meters: Any, thing: str, prop: str) -> str:
    (answer,) = await meters.say(2, f"0005010c 0c{thing} {prop}")
    begin = answer.index("3e", 2 * (3 + 5 + len(bytes.fromhex(prop)))) + 2
    return str(answer[begin:-2])


REVERSED = octets(
    f"1003 0907 1c020186a2 2c00c00001 3e {T3} 3f 4901 5940 6901"
    f"7d1d 00 {b'Reverse-phase LED: offnormal'.hex()}"
    "8900 9901 a900 b902 ce 1e 0e 1901 0f 1a0480 1f cf"
)


async def test_an_alarm_is_told_when_it_comes_and_when_it_goes(meters: Any) -> None:
    shown(meters, 2, POWERED)
    assert await meters.say(2, tell(destination())) == ["20010f"]
    shown(meters, 3, POWERED | REVERSE)
    assert await meters.said() == [REVERSED]
    assert meters.speaker.said == []
    assert await read(meters, "00c00001", "1924") == "9102"
    assert await read(meters, "00c00001", "196f") == "820480"
    assert await read(meters, "00c00001", "1900") == "820560"
    shown(meters, 4, POWERED | REVERSE)
    assert await meters.said() == []
    shown(meters, 5, POWERED)
    gone = octets(
        f"1003 0907 1c020186a2 2c00c00001 3e {T5} 3f 4901 59c0 6901"
        f"7d1a 00 {b'Reverse-phase LED: normal'.hex()}"
        "8900 9900 a902 b900 ce 1e 0e 1900 0f 1a0400 1f cf"
    )
    assert await meters.said() == [gone]
    assert await read(meters, "00c00001", "1982") == octets(T3 + NEVER + T5)
    assert await read(meters, "00c00001", "1982 2903") == octets(T5)


async def test_a_confirmed_recipient_is_asked_until_it_answers(meters: Any) -> None:
    shown(meters, 2, POWERED)
    await meters.say(2, tell(destination(how="11")))
    shown(meters, 3, POWERED | REVERSE)
    (asked,) = await meters.said()
    assert asked == "0005" + "01" + "02" + REVERSED[4:]
    await asyncio.sleep(0.02)
    assert asked in await meters.said()
    assert await meters.say(2, "200102", PEER) == []
    await asyncio.sleep(0.05)
    assert await meters.said() == []
    assert await read(meters, "03c00001", "1966") == octets(destination(how="11"))


async def test_an_abort_counts_for_the_side_that_it_is_of(meters: Any) -> None:
    shown(meters, 2, POWERED)
    await meters.say(2, tell(destination(how="11")))
    shown(meters, 3, POWERED | REVERSE)
    await meters.said()
    transactions = meters.application._transactions._queues
    await meters.say(2, "700100", PEER)
    assert transactions
    await meters.say(2, "710100", PEER)
    assert not transactions


async def test_a_recipient_that_is_not_there_stays_on_the_list(meters: Any) -> None:
    shown(meters, 2, POWERED)
    await meters.say(2, tell(destination(how="11")))
    shown(meters, 3, POWERED | REVERSE)
    await asyncio.sleep(0.1)
    assert len(await meters.said()) == 4
    shown(meters, 4, POWERED)
    assert len(await meters.said()) == 1
    meters.application._transactions.stop()


@pytest.mark.parametrize(
    ("when", "bits", "told"),
    [
        (ALWAYS, "820580", True),
        (ALWAYS, "820560", False),
        ("820180 b400000000 b4173b3b63", "8205e0", True),
        ("82017e b400000000 b4173b3b63", "8205e0", False),
        ("8201fe b400000300 b400000300", "8205e0", True),
        ("8201fe b4ffffffff b4ffffffff", "8205e0", True),
        ("8201fe b400000301 b4173b3b63", "8205e0", False),
        ("8201fe b400000000 b400000263", "8205e0", False),
    ],
)
async def test_a_recipient_is_told_what_it_wants_when_it_wants(
    meters: Any, when: str, bits: str, *, told: bool
) -> None:
    shown(meters, 2, POWERED)
    assert await meters.say(2, tell(destination(when=when, bits=bits))) == ["20010f"]
    shown(meters, 3, POWERED | REVERSE)
    assert bool(await meters.said()) is told


async def test_a_recipient_named_by_its_device_is_sought_and_told_when_found(meters: Any) -> None:
    meters.application._notifier._seeker._pause_s = 0
    shown(meters, 2, POWERED)
    who_is = "*100809071907"
    assert await meters.say(2, tell(destination("0c02000007"))) == [who_is, "20010f"]
    assert await read(meters, "020186a2", "191e") == ""
    shown(meters, 3, POWERED | REVERSE)
    assert await meters.said() == [who_is]
    assert await meters.say(2, "1000 c402000008 2205c4 9103 2103", PEER) == []
    assert await meters.say(2, "1000 c402000007 2205c4 9103 2103", PEER) == [REVERSED]
    assert await read(meters, "020186a2", "191e") == octets("c402000007 2100 65067f00000ac000")
    shown(meters, 5, POWERED)
    assert len(await meters.said()) == 1
    assert await meters.say(2, "1000 c4", PEER) == []


async def test_many_recipients_are_sought_a_few_at_a_time_and_each_once(meters: Any) -> None:
    meters.application._notifier._seeker._pause_s = 3600
    asked = [
        apdu
        for some in range(4)
        for apdu in await meters.say(
            2,
            tell(*(destination(f"0c020000{some:02x}"), *(destination(f"0c020001{k:02x}") for k in range(9)))),
        )
        if apdu.startswith("*")
    ]
    assert len(asked) == len(set(asked)) == 13
    many = [destination(f"0c020002{k:02x}") for k in range(16)]
    said = await meters.say(2, tell(*many))
    assert len([apdu for apdu in said if apdu.startswith("*")]) == BURST - 13
    sought = meters.application._notifier._seeker
    found = next(number for number in sought._waiting if number >= 0x02000200)
    await meters.say(2, f"1000 c4{found:08x} 2205c4 9103 2103", PEER)
    assert found not in sought._waiting
    sought._go_on()
    asked = [apdu for apdu in await meters.said() if apdu.startswith("*")]
    assert len(asked) == len(set(asked)) == BURST
    await meters.application.stop()
    assert sought._waiting == {}


async def test_a_recipient_behind_a_router_is_told_through_it(meters: Any) -> None:
    shown(meters, 2, POWERED)
    await meters.say(2, tell(destination("1e 2107 62aabb 1f")), FAR)
    shown(meters, 3, POWERED | REVERSE)
    meters.speaker.said.clear()
    shown(meters, 4, POWERED)
    for _ in range(3):
        await asyncio.sleep(0)
    assert {peer for _, peer, _ in meters.speaker.said} == {FAR}


@pytest.mark.parametrize(
    ("recipient", "said"),
    [
        ("1e 2100 60 1f", "*" + REVERSED),
        ("1e 22ffff 60 1f", "*" + REVERSED),
        ("1e 2101 65067f00000ac000 1f", REVERSED),
        ("1e 2108 62aabb 1f", None),
    ],
)
async def test_recipients_may_be_everybody_or_on_a_network_that_has_a_number(
    meters: Any, recipient: str, said: str | None
) -> None:
    shown(meters, 2, POWERED)
    await meters.say(2, tell(destination(recipient)))
    shown(meters, 3, POWERED | REVERSE)
    assert await meters.said() == ([] if said is None else [said])


async def test_over_current_must_last_its_time_delay(meters: Any) -> None:
    over = POWERED | 1 << FLAGS.index("over_current")
    delay = 10
    assert meters.read(2, 3, 8, Property.TIME_DELAY) == enc.unsigned(delay)
    shown(meters, 2, POWERED)
    for tick in (3, 12):
        shown(meters, tick, over)
        assert meters.read(2, 3, 8, Property.EVENT_STATE) == b"\x91\x00"
    shown(meters, 13, over)
    assert meters.read(2, 3, 8, Property.EVENT_STATE) == b"\x91\x02"
    shown(meters, 14, POWERED)
    shown(meters, 15, over)
    shown(meters, 24, POWERED)
    shown(meters, 33, POWERED)
    assert meters.read(2, 3, 8, Property.EVENT_STATE) == b"\x91\x02"
    shown(meters, 34, POWERED)
    assert meters.read(2, 3, 8, Property.EVENT_STATE) == b"\x91\x00"


async def test_a_meter_without_supply_sends_one_alarm_and_one_fault(meters: Any) -> None:
    shown(meters, 2, POWERED)
    await meters.say(2, tell(destination()))
    shown(meters, 3, STALE)
    fault = octets(
        f"1003 0907 1c020186a2 2c00c00001 3e {T3} 3f 4901 5940 6913"
        f"7d19 00 {b'Reverse-phase LED: fault'.hex()}"
        "8900 9901 a900 b901 ce fe13 090c 1a04c0 2e 0955 2e9100 2f 2f ff13 cf"
    )
    said = await meters.said()
    assert said[0] == fault
    assert [bytes.fromhex(each)[9:14].hex() for each in said] == ["2c00c00001", "2c00c00005"]
    for instance in (1, 6, 7, 8, 9):
        assert meters.read(2, 3, instance, Property.EVENT_STATE) == b"\x91\x01"
        assert meters.read(2, 3, instance, Property.STATUS_FLAGS) == bytes.fromhex("8204c0")
        acked = meters.read(2, 3, instance, Property.ACKED_TRANSITIONS)
        assert acked == bytes.fromhex("8205a0" if instance == 1 else "8205e0")
    assert meters.read(2, 3, 5, Property.EVENT_STATE) == b"\x91\x02"
    assert meters.read(2, 3, 5, Property.RELIABILITY) == b"\x91\x00"
    shown(meters, 4, POWERED)
    back = await meters.said()
    assert len(back) == 7
    for apdu in back:
        told = APCISequence.decode(APDU.decode(PDU(bytes.fromhex(apdu))))
        assert str(told.toState) == "normal"
        assert str(told.eventType) == (
            "change-of-state" if told.eventObjectIdentifier[1] == 5 else "change-of-reliability"
        )


async def test_what_alarms_while_it_fails_does_so_after_it_is_back(meters: Any) -> None:
    shown(meters, 3, STALE | REVERSE)
    shown(meters, 4, POWERED | REVERSE)
    assert meters.read(2, 3, 1, Property.EVENT_STATE) == b"\x91\x00"
    shown(meters, 5, POWERED | REVERSE)
    assert meters.read(2, 3, 1, Property.EVENT_STATE) == b"\x91\x02"


ACK = "00050100 0901 1c00c00001 2902 3e {stamp} 3f 4c00414243 5e 0c00000000 5f"


async def test_an_alarm_is_acknowledged_and_everybody_told(meters: Any) -> None:
    shown(meters, 2, POWERED)
    await meters.say(2, tell(destination()))
    shown(meters, 3, POWERED | REVERSE)
    await meters.said()
    shown(meters, 5, POWERED | REVERSE)
    told = octets(f"1003 0907 1c020186a2 2c00c00001 3e {T5} 3f 4901 5940 6901 8902 b902")
    for stamp in (T3, T3.replace("a47e010501", "a47e0105ff")):
        assert await meters.say(2, ACK.format(stamp=stamp)) == ["200100", told]
        assert await read(meters, "00c00001", "1900") == "8205e0"


@pytest.mark.parametrize(
    ("request_octets", "answer"),
    [
        (ACK.format(stamp=T2), "5001009105910e"),
        (ACK.format(stamp="1901"), "5001009105910e"),
        (ACK.replace("2902", "2900").format(stamp=T3), "5001009105910e"),
        (ACK.replace("2902", "2903").format(stamp=T3), "50010091059149"),
        (ACK.replace("1c00c00001", "1c00c00002").format(stamp=T3), "5001009101914a"),
        (ACK.replace("1c00c00001", "1c00000001").format(stamp=T3), "5001009101914a"),
        (ACK.replace("1c00c00001", "1c00c00063").format(stamp=T3), "5001009101911f"),
        (ACK.replace("1c00c00001", "1c00c0000b").format(stamp=T3), "5001009101911f"),
        (ACK.replace("4c00", "4c01").format(stamp=T3), "50010091029129"),
        (ACK.format(stamp=T3)[:-3], "600105"),
        (ACK.format(stamp=T3) + "00", "600107"),
    ],
)
async def test_what_cannot_be_acknowledged_gets_the_right_error_or_reject(
    meters: Any, request_octets: str, answer: str
) -> None:
    shown(meters, 2, POWERED)
    shown(meters, 3, POWERED | REVERSE)
    assert await meters.say(2, request_octets) == [answer]
    assert await read(meters, "00c00001", "1900") == "820560"


async def test_a_transition_that_never_was_cannot_be_acknowledged(meters: Any) -> None:
    shown(meters, 2, POWERED)
    request = ACK.replace("2902", "2901").format(stamp=NEVER)
    assert await meters.say(2, request) == ["5001009105910e"]


async def test_an_event_or_element_longer_than_the_limit_is_aborted(meters: Any) -> None:
    shown(meters, 2, POWERED)
    await meters.say(2, tell(destination()))
    shown(meters, 3, POWERED | REVERSE)
    await meters.said()
    assert await meters.say(2, "0000011d") == ["710101"]
    assert await meters.say(2, "0000011a 0c03c00001 1966") == ["710101"]


async def test_a_write_that_is_denied_changes_nothing_and_seeks_nobody(meters: Any) -> None:
    shown(meters, 2, POWERED)
    unknown = destination("0c02000007")
    assert await meters.say(2, tell(unknown)) == ["*10080907 1907".replace(" ", ""), "20010f"]
    image = meters.responder.image()
    assert await meters.say(2, "0005010f 0c00000001 1955 3e4400000000 3f") == ["50010f91029128"]
    assert await meters.say(2, f"00050108 {CLASS} 3e {destination()} 00 3f") != []
    assert [said for said in await meters.said() if said.startswith("*")] == []
    meters.application.hear(
        Message(PEER, (None, b""), 0, True, False, bytes.fromhex("1006a47e010503b40a000000")),
        [meters.gateway],
    )
    assert meters.responder.image() is image


SUMMARY = f"0c00c00001 1902 2a0560 3e {T3} {NEVER} {NEVER} 3f 4900 5a05e0 6e 2140 2140 21c0 6f"


async def test_event_information_has_what_is_not_as_it_should_be(meters: Any) -> None:
    shown(meters, 2, POWERED)
    assert await meters.say(2, "0005011d") == [octets("30011d 0e0f 1900")]
    shown(meters, 3, POWERED | REVERSE)
    assert await meters.say(2, "0005011d") == [octets(f"30011d 0e {SUMMARY} 0f 1900")]
    assert await meters.say(2, "0005011d 0c00c00001") == [octets("30011d 0e0f 1900")]
    assert await meters.say(1, "0005011d") == [octets("30011d 0e0f 1900")]
    assert await meters.say(0, "0005011d") == [octets("30011d 0e0f 1900")]
    shown(meters, 5, POWERED)
    (answer,) = await meters.say(2, "0005011d")
    assert octets("0c00c00001 1900 2a0560") in answer
    await meters.say(2, ACK.format(stamp=T3))
    await meters.said()
    assert await meters.say(2, "0005011d") == [octets("30011d 0e0f 1900")]


async def test_event_information_comes_in_as_many_answers_as_the_limit_demands(meters: Any) -> None:
    shown(meters, 2, STALE)
    found, last, more = [], "", True
    while more:
        (answer,) = await meters.say(2, f"0001011d {last}")
        assert len(answer) <= 2 * 128
        ack = APCISequence.decode(APDU.decode(PDU(bytes.fromhex(answer))))
        found += [each.objectIdentifier[1] for each in ack.listOfEventSummaries]
        more = bool(ack.moreEvents)
        last = "0c00c000" + f"{found[-1]:02x}"
    assert found == [1, 5, 6, 7, 8, 9, 10]


async def test_the_summaries_say_what_alarms_and_what_is_enrolled(meters: Any) -> None:
    shown(meters, 2, POWERED)
    assert await meters.say(2, "00050103") == ["300103"]
    shown(meters, 3, POWERED | REVERSE)
    assert await meters.say(2, "00050103") == [octets("300103 c400c00001 9102 820560")]
    assert await meters.say(2, "00050103 0900") == ["600107"]
    one = octets("300104 c400c00001 9101 9102 2140 2101")
    for wanted in ("0902", "0900 2904", "0900 2900", "0900 2904 3901 4e 0900 1940 4f 5901"):
        assert await meters.say(2, f"00050104 {wanted}") == [one]
    for wanted in ("0900 2901", "0900 2904 3905", "0900 2904 4e 0941 19ff 4f", "0900 5902", "0902 2902"):
        assert await meters.say(2, f"00050104 {wanted}") == ["300104"]
    (everything,) = await meters.say(2, "00050104 0900")
    assert len(everything) == 2 * (3 + 7 * 13)
    assert await meters.say(2, f"00050104 0901 1e 0e {HERE} 0f 1901 1f 2904") == ["300104"]
    assert await meters.say(2, "00050104 0903") == ["600108"]
    assert await meters.say(2, "00050104 0900 2905") == ["600108"]
    assert await meters.say(0, "00050104 0900") == ["300104"]


ADD, REMOVE = f"00050108 {CLASS} 3e", f"00050109 {CLASS} 3e"


async def test_recipients_are_added_and_removed_one_by_one(meters: Any) -> None:
    first, second = destination(), destination(how="11")
    assert await meters.say(2, f"{ADD} {first} 3f") == ["200108"]
    assert await meters.say(2, f"{ADD} {first} {second} 3f") == ["200108"]
    assert await read(meters, "03c00001", "1966") == octets(first + second)
    assert meters.read(1, 15, 1, Property.RECIPIENT_LIST) == b""
    (ranged,) = await meters.say(2, f"0005011a {CLASS} 3e 2102 3101 3f")
    assert ranged == octets(f"30011a {CLASS} 3a0540 4901 5e {second} 5f")
    (whole,) = await meters.say(2, f"0000011a {CLASS}")
    assert whole == "710101"
    (numbered,) = await meters.say(2, f"0005011a {CLASS} 6e 2101 3101 6f")
    assert numbered == octets(f"30011a {CLASS} 3a0500 4900 5e 5f")
    other = destination(bits="820580")
    assert await meters.say(2, f"{REMOVE} {second} {other} 3f") == [octets("500109 0e 9105 9151 0f 1902")]
    assert await meters.say(2, f"{REMOVE} {first} 3f") == ["200109"]
    assert await read(meters, "03c00001", "1966") == octets(second)
    assert await meters.say(2, tell()) == ["20010f"]
    assert await read(meters, "03c00001", "1966") == ""


async def test_a_list_of_recipients_is_bounded(meters: Any) -> None:
    some = [
        destination(how=f"1{k % 2}", when=f"8201{2 * k:02x} b400000000 b4173b3b63")
        for k in range(MOST_RECIPIENTS + 1)
    ]
    assert await meters.say(2, tell(*some)) == ["50010f91039114"]
    assert await meters.say(2, tell(*some[1:])) == ["20010f"]
    assert await meters.say(2, f"{ADD} {some[0]} 3f") == [octets("500108 0e 9103 9113 0f 1901")]
    twice = f"{ADD} {some[1]} {some[0]} {some[2]} 3f"
    assert await meters.say(2, twice) == [octets("500108 0e 9103 9113 0f 1902")]
    assert await read(meters, "03c00001", "1966") == octets("".join(some[1:]))


@pytest.mark.parametrize(
    ("request_octets", "answer"),
    [
        (f"{ADD} 2101 3f", "500108 0e91029109 0f 1901"),
        (f"{ADD} {destination('0c00000007')} 3f", "500108 0e91029125 0f 1901"),
        (f"{ADD} {destination('1e 23010000 60 1f')} 3f", "500108 0e91029125 0f 1901"),
        (f"{ADD} {destination(when='8201fe b418000000 b4173b3b63')} 3f", "500108 0e91029125 0f 1901"),
        (f"{ADD} {destination(bits='8204f0')} 3f", "500108 0e91029109 0f 1901"),
        (f"{ADD} {destination(how='9101')} 3f", "500108 0e91029109 0f 1901"),
        (f"{ADD} {destination()} {destination()} 2101 3f", "500108 0e91029109 0f 1903"),
        (f"{REMOVE} {destination(bits='8204f0')} 3f", "500109 0e91029109 0f 1901"),
        (f"{ADD} {destination('1e 2100 63020304 1f')} 3f", "500108 0e91029125 0f 1901"),
        (f"{ADD} {destination('1e 2100 65077f00000901bac0 1f')} 3f", "500108 0e91029125 0f 1901"),
        (f"{ADD} {destination('1e 22ffff 65067f000009bac0 1f')} 3f", "500108 0e91029125 0f 1901"),
        (f"00050108 {CLASS} 2901 3e 3f", "500108 0e91029132 0f 1900"),
        ("00050108 0c03c00001 1957 3e 3f", "500108 0e91029120 0f 1900"),
        ("00050108 0c03c00002 1966 3e 3f", "500108 0e9101911f 0f 1900"),
        ("00050108 0c020186a2 1998 3e 3f", "500108 0e91029128 0f 1900"),
        ("00050108 0c05000001 1983 3e 3f", "500108 0e91029128 0f 1900"),
        ("00050109 0c020186a2 194c 3e 3f", "500109 0e91059116 0f 1900"),
        ("00050109 0c00000001 1955 3e 3f", "500109 0e91059116 0f 1900"),
        (f"00050108 {CLASS}", "600105"),
        (f"{ADD} 3f 4901", "600107"),
    ],
)
async def test_what_cannot_be_put_on_a_list_gets_the_right_error_or_reject(
    meters: Any, request_octets: str, answer: str
) -> None:
    assert await meters.say(2, request_octets) == [octets(answer)]


def test_the_objects_of_the_alarms_are_the_binary_inputs_of_their_flags() -> None:
    by_number = {spec.number: spec for spec in OBJECTS}
    assert [by_number[alarm.number].name for alarm in ALARMS] == [alarm.flag for alarm in ALARMS]
    reporting = {spec.name for spec in OBJECTS if Property.EVENT_ENABLE in spec.properties}
    assert reporting == {alarm.flag for alarm in ALARMS}


@settings(max_examples=60, deadline=None)
@given(
    ticks=st.lists(
        st.tuples(st.integers(1, 8), st.lists(st.integers(0, 0xFFFF), min_size=2, max_size=2)), max_size=25
    )
)
def test_all_meters_at_once_are_as_one_alarm_after_the_other(ticks: list[tuple[int, list[int]]]) -> None:
    alarms, now = Alarms(2, DeviceClocks(2)), 0
    states = {
        (row, k): (EventState.NORMAL, EventState.NORMAL, 0) for row in (0, 1) for k in range(len(ALARMS))
    }
    for seconds, flags in ticks:
        now += seconds
        columns = {"flags": np.array(flags, np.uint16), "clock": np.full(2, now * NS_PER_S)}
        changed = {
            (c.row, c.alarm): (c.before, c.after)
            for c in alarms.update(Snapshot(Tick(1, now * NS_PER_S), columns)).each()
        }
        for (row, k), (state, wanted_before, since) in states.items():
            spec = ALARMS[k]
            fails = bool(flags[row] & STALE) and spec.fails
            off = flags[row] >> FLAGS.index(spec.flag) & 1 == spec.alarm_value
            wanted = EventState.OFFNORMAL if off and state is not EventState.FAULT else EventState.NORMAL
            wanted = EventState.FAULT if fails else wanted
            begun = now if wanted is not wanted_before else since
            delay = 0 if EventState.FAULT in (wanted, state) else spec.delay_s
            moves = wanted is not state and now - begun >= delay
            assert changed.get((row, k)) == ((state, wanted) if moves else None)
            states[row, k] = (wanted if moves else state), wanted, begun
            assert alarms.state(row, k) is states[row, k][0]


async def test_what_is_told_late_is_what_was_so_when_it_changed(meters: Any) -> None:
    shown(meters, 2, POWERED)
    await meters.say(2, tell(destination()))
    shown(meters, 3, POWERED | REVERSE)
    shown(meters, 4, POWERED)
    shown(meters, 5, POWERED | REVERSE)
    said = await meters.said()
    assert said[0] == REVERSED
    assert [bytes.fromhex(each)[15:27].hex() for each in said[::2]] == [octets(T3), octets(T5)]


async def test_more_than_may_wait_is_dropped_and_logged_in_one_line(
    meters: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(outbox, "MOST_WAITING", 3)
    shown(meters, 2, POWERED)
    await meters.say(2, tell(destination()))
    shown(meters, 3, STALE)
    shown(meters, 4, POWERED)
    shown(meters, 5, STALE)
    assert len(await meters.said()) == 3
    await meters.application.stop()
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
        "8 notifications dropped: too many wait"
    ]


async def test_what_waits_already_is_no_drop_of_a_full_outbox(
    meters: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(outbox, "MOST_WAITING", 1)
    box = outbox.Outbox()
    for _ in range(2):
        box.put(meters.device(1), "the same", meters.show)
    box.stop()
    assert caplog.records == []


async def test_a_peer_that_one_device_has_found_away_is_away_for_all(meters: Any) -> None:
    meters.show(2, flags=np.full(3, POWERED))
    for meter in (1, 2, 3):
        await meters.say(meter, tell(destination(how="11")))
    meters.show(3, flags=np.full(3, POWERED | REVERSE))
    await asyncio.sleep(0.1)
    assert len(await meters.said()) == 3 * 4
    for tick in range(4, 10):
        meters.show(tick, flags=np.full(3, POWERED if tick % 2 else POWERED | REVERSE))
    assert len(await meters.said()) == 1
    meters.hear(0, bytes.fromhex("0005010c 0c02ffffff 194d"), PEER)
    await meters.said()
    meters.show(10, flags=np.full(3, POWERED | REVERSE))
    assert len(set(await meters.said())) == 2  # some may have been said again by now
    await meters.application.stop()


async def test_what_all_devices_ask_together_is_bounded(
    meters: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(transactions, "MOST_AT_ONCE", 4)
    meters.show(2, flags=np.full(3, POWERED))
    for meter in (1, 2, 3):
        await meters.say(meter, tell(destination(how="11")))
    for tick in (3, 4):
        meters.show(tick, flags=np.full(3, POWERED | REVERSE if tick % 2 else POWERED))
    assert len(await meters.said()) == 3
    await meters.application.stop()
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
        "2 confirmed notifications dropped: too many wait"
    ]


async def test_what_is_kept_for_a_recipient_goes_when_it_leaves_the_list_or_the_device_restarts(
    meters: Any,
) -> None:
    held = meters.application._notifier._held
    shown(meters, 2, POWERED)
    for tick in (3, 5):
        await meters.say(2, tell(destination("0c02000007"), destination("0c02000008")))
        shown(meters, tick, POWERED | REVERSE)
        await meters.said()
        assert {number & 0x3FFFFF for number in held} == {7, 8}
        if tick == 3:
            await meters.say(2, tell(destination("0c02000008")))
            assert {number & 0x3FFFFF for number in held} == {8}
        shown(meters, tick + 1, POWERED)
        await meters.said()
    await meters.say(2, f"00050114 0900 1d 09 00 {PASSWORD.encode().hex()}")
    assert held == {}


def test_of_too_many_routes_the_oldest_is_forgotten() -> None:
    bindings = Bindings()
    for network in range(1, 301):
        bindings.hear(Peer(("127.0.0.9", network), network.to_bytes(2, "big") + b"\x01\xaa"))
    found = {n for n in range(1, 301) if bindings.find(Recipient(network=n, mac=b"\xaa")) is not None}
    assert found == {*range(45, 301)}


async def test_what_is_dropped_by_what_is_told_before_it_is_not_told(meters: Any) -> None:
    box, told = outbox.Outbox(pause_s=0), []
    box.put(meters.device(1), "first", lambda: box.drop(meters.device(2)))
    box.put(meters.device(2), "second", lambda: told.append("second"))
    box.put(meters.device(3), "third", lambda: told.append("third"))
    await meters.said()
    assert told == ["third"]
