"""Topology flat: the gateway device has the objects of all meters, those of meter n at instance 100·n + k."""

import asyncio
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gateway.bacnet.objects.flat import flat_device
from gateway.bacnet.objects.gateway_device import gateway_device
from gateway.bacnet.objects.meter_objects import OBJECTS
from gateway.bacnet.services import responder
from gateway.bacnet.services.discovery import announcements
from gateway.bacnet.services.reading import MOST_READ, MOST_RESULTS
from gateway.bacnet.values.alarms import ALARMS
from gateway.bacnet.wire import encoding as enc
from gateway.bacnet.wire.codes import ObjectType, Property
from gateway.bacnet.wire.encoding import Reader
from gateway.commands import ResetPeak, TurnKey
from tests.gateway.bacnet.conftest import Flat

METERS = 7
DEVICE = "020186a0"
LARGE = 0x75
SMALL = 0x70
NAMING = {
    Property.OBJECT_IDENTIFIER,
    Property.OBJECT_NAME,
    Property.DESCRIPTION,
    Property.NOTIFICATION_CLASS,
    Property.LOG_DEVICE_OBJECT_PROPERTY,
}
"""What is not the same where a meter is a part of another device."""


@pytest.fixture
def alone(meters: Any) -> Any:
    """Return the same meters as devices of their own."""
    return type(meters)(METERS)


def reference(number: int, attribute: int) -> bytes:
    return enc.context(0, number.to_bytes(4, "big")) + enc.context(1, enc.content(attribute))


def names_of(flat: Any) -> list[tuple[int, str]]:
    """Return (identifier, name) of every object of the device but itself, as it is read."""
    found = []
    for number in object_list(flat)[1:]:
        name = flat.read(0, number >> 22, number & 0x3FFFFF, Property.OBJECT_NAME)
        found.append((number, enc.read_text(Reader(name).application(7)) or ""))
    return found


def object_list(flat: Any) -> list[int]:
    """Return the identifiers of all objects, as object-list has them."""
    octets = flat.read(0, 8, 100_000, Property.OBJECT_LIST)
    assert octets[::5] == b"\xc4" * (len(octets) // 5)
    return [int.from_bytes(octets[k + 1 : k + 5], "big") for k in range(0, len(octets), 5)]


def test_every_property_of_every_object_is_that_of_the_meter(flat: Any, alone: Any) -> None:
    for part in flat.gateway.parts:
        n = part.row + 1
        for spec in part.table.objects:
            moved = spec.number + 100 * n
            for attribute in (*spec.properties, 254):
                of_part = flat.ask(0, 12, reference(moved, attribute))
                of_meter = alone.ask(n, 12, reference(spec.number, attribute))
                if attribute not in NAMING:
                    assert of_part == of_meter.replace(
                        spec.number.to_bytes(4, "big"), moved.to_bytes(4, "big"), 1
                    )
                else:
                    assert of_part[:1] == b"\x30"


def test_an_object_s_identity_names_its_meter(flat: Any) -> None:
    def text(kind: int, instance: int, attribute: int) -> str | None:
        return enc.read_text(Reader(flat.read(0, kind, instance, attribute)).application(7))

    assert flat.read(0, 0, 205, 75) == bytes.fromhex("c4000000cd")
    assert text(0, 205, 77) == "M0002.active_power"
    assert text(0, 205, 28) == "M0002: Active power, total"
    assert text(5, 301, 77) == "M0003.key_switch"
    assert flat.read(0, 3, 201, 17) == enc.unsigned(201) == flat.read(0, 15, 201, 17)
    assert flat.read(0, 20, 302, 132) == bytes.fromhex("0c0000012d 1955")


def test_a_meter_s_name_stands_in_the_descriptions(plates: Any) -> None:
    lobby = replace(plates(1)[0], name="Lobby")
    device = flat_device(gateway_device(100_000, "plant-a", "Plant A"), [lobby])
    found = device.find(101)
    assert found is not None
    assert found.description.startswith("M0001 Lobby: ")


def test_names_and_identifiers_are_unique(flat: Any) -> None:
    found = names_of(flat)
    assert len({name for _, name in found}) == len({number for number, _ in found}) == len(found)
    assert all(name.startswith(f"M{(number & 0x3FFFFF) // 100:04}.") for number, name in found)


def test_all_instances_of_a_meter_fit_its_hundred() -> None:
    assert {1 <= spec.instance < 100 for spec in OBJECTS} == {True}


def test_the_object_list_is_the_device_and_then_meter_by_meter(flat: Any) -> None:
    expected = [0x020186A0]
    for n, part in enumerate(flat.gateway.parts, 1):
        expected += [spec.number + 100 * n for spec in part.table.objects]
    assert object_list(flat) == expected
    for index, number in enumerate(expected, 1):
        assert flat.read(0, 8, 100_000, 76, index) == enc.object_identifier(number)
    assert flat.read(0, 8, 100_000, 76, 0) == enc.unsigned(len(expected))
    beyond = reference(0x020186A0, 76) + enc.context(2, enc.content(len(expected) + 1))
    assert flat.ask(0, 12, beyond).hex() == "50010c9102912a"


def test_the_device_supports_the_types_of_its_objects(flat: Any) -> None:
    bits = flat.read(0, 8, 100_000, Property.PROTOCOL_OBJECT_TYPES_SUPPORTED)
    value = int.from_bytes(bits[3:], "big") >> bits[2]
    supported = {kind for kind in range(55) if value >> 54 - kind & 1}
    assert supported == {ObjectType.DEVICE, *(number >> 22 for number in object_list(flat))}


@pytest.mark.parametrize("thing", ["00000063", "00000001", "00000384", "00000121", "020186a1", "0100006a"])
def test_what_no_meter_has_is_an_unknown_object(flat: Any, thing: str) -> None:
    assert flat.ask(0, 12, bytes.fromhex(f"0c{thing}1955")).hex() == "50010c9101911f"
    answer = flat.ask(0, 14, bytes.fromhex(f"0c{thing}1e0955 1f 0c000000651e09551f"))
    assert bytes.fromhex(f"0c{thing}1e 2955 5e9101911f5f 1f 0c000000651e 29554e44") in answer
    assert flat.ask(0, 15, bytes.fromhex(f"0c{thing}19553e91013f")).hex() == "50010f9101911f"
    assert flat.ask(0, 26, bytes.fromhex(f"0c{thing}1983")).hex() == "50011a9101911f"
    assert flat.ask(0, 5, bytes.fromhex(f"09011c{thing}29003900")).hex() == "5001059101911f"
    stamp = "2e a47e010501 b400000300 2f"
    acknowledge = f"0901 1c{thing} 2902 3e {stamp} 3f 4c00414243 5e 0c00000000 5f"
    assert flat.ask(0, 0, bytes.fromhex(acknowledge)).hex() == "5001009101911f"


def test_one_request_may_want_objects_of_several_meters(flat: Any) -> None:
    asked, expected = b"", b""
    for thing, attribute in ((105, 85), (205, 85), (0x05C00000 + 301, 85), (0x020186A0, 56), (702, 77)):
        asked += enc.context(0, thing.to_bytes(4, "big")) + enc.constructed(
            1, enc.context(0, bytes((attribute,)))
        )
        value = flat.read(0, thing >> 22, thing & 0x3FFFFF, attribute)
        result = enc.context(2, bytes((attribute,))) + enc.constructed(4, value)
        expected += enc.context(0, thing.to_bytes(4, "big")) + enc.constructed(1, result)
    for _ in range(2):
        assert flat.ask(0, 14, asked) == b"\x30\x01\x0e" + expected
    flat.show(2)
    changed = flat.ask(0, 14, asked)
    assert len(changed) == len(expected) + 3
    assert changed[3:] != expected
    everything = flat.ask(0, 14, bytes.fromhex("0c000000cd1e09081f"))
    assert enc.character_string("M0002.active_power") in everything


def test_meters_share_the_templates_of_what_changes_and_nothing_else_is_kept(flat: Any) -> None:
    templates = flat.responder._templates
    for n in (1, 4, 7):
        flat.read(0, 0, 100 * n + 5, 85)
        for attribute in NAMING & {75, 77, 28}:
            flat.read(0, 0, 100 * n + 5, attribute)
    for index in range(50):
        flat.read(0, 8, 100_000, 76, index)
    assert len(templates) == 1


def test_what_is_asked_over_and_over_again_overflows(flat: Any) -> None:
    """The asker accepts any number of segments."""
    numbers = [enc.context(0, (100 * n + 5).to_bytes(4, "big")) for n in range(1, 8)]
    of_meters = b"".join(number + b"\x1e\x09\x08\x1f" for number in numbers)
    assert flat.ask(0, 14, 3 * of_meters)[0] == 0x30
    assert flat.responder._templates == {}
    every = bytes.fromhex("0c023fffff1e 094c 094c 094c 1f")
    assert len(flat.ask(0, 14, 10 * every)) > 10 * 3 * 5 * len(object_list(flat))
    assert flat.ask(0, 14, 120 * every) == b"\x71\x01\x01"


def test_what_is_asked_of_every_meter_by_itself_is_kept_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(responder, "_FEWEST_TEMPLATES", 1)
    flat = Flat(METERS)
    for n in 2 * [*range(1, METERS + 1)]:
        of_meter = f"0c{100 * n + 5:08x} 1e0955 1f 0c{100 * n + 9:08x} 1e0955 1f"
        flat.ask(0, 14, bytes.fromhex(of_meter))
    assert len(flat.responder._templates) == METERS


async def test_lists_and_names_count_in_what_is_asked_over_and_over_again(flat: Any) -> None:
    for process in range(200):
        flat.hear(0, bytes.fromhex(f"00050105 09{process:02x} 1c000000cd 2900 3900"))
    await flat.said()
    lists = 40 * enc.context(0, bytes((Property.ACTIVE_COV_SUBSCRIPTIONS,)))
    asked = bytes.fromhex("0c020186a0") + enc.constructed(1, lists)
    one = len(flat.read(0, 8, 100_000, Property.ACTIVE_COV_SUBSCRIPTIONS))
    assert one < MOST_READ < 40 * one
    assert flat.ask(0, 14, asked) == b"\x71\x01\x01"
    texts = {**flat.gateway.texts, Property.DESCRIPTION: 200 * "x"}
    flat.gateway = replace(flat.gateway, texts=texts)
    one = len(flat.read(0, 8, 100_000, Property.DESCRIPTION)) + len(b"\x29\x1c\x4e\x4f")
    for times, first in (((MOST_READ - 100) // one, 0x30), (MOST_READ // one + 1, 0x71)):
        assert flat.ask(0, 14, many("0c020186a0", Property.DESCRIPTION, times))[0] == first


def test_only_so_many_results_are_in_one_answer(flat: Any) -> None:
    assert flat.ask(0, 14, many("0c000000cd", Property.EVENT_STATE, MOST_RESULTS))[0] == 0x30
    assert flat.ask(0, 14, many("0c000000cd", Property.EVENT_STATE, MOST_RESULTS + 1)) == b"\x71\x01\x01"


def many(thing: str, attribute: Property, times: int) -> bytes:
    """Return a request to read a property of an object so many times."""
    return bytes.fromhex(thing) + enc.constructed(1, times * enc.context(0, bytes((attribute,))))


def test_a_trend_log_is_that_of_its_meter(flat: Any, alone: Any) -> None:
    for each in (flat, alone):
        each.show(2, intervals=20)
    for n in (1, 5):
        of_part = flat.ask(
            0, 26, bytes.fromhex("0c05000000")[:-2] + (100 * n + 1).to_bytes(2, "big") + b"\x19\x83"
        )
        of_meter = alone.ask(n, 26, bytes.fromhex("0c050000011983"))
        assert of_part[3:8] == bytes.fromhex("0c0500") + (100 * n + 1).to_bytes(2, "big")
        assert of_part[8:] == of_meter[8:]


def test_what_is_written_goes_to_the_right_meter(flat: Any) -> None:
    assert flat.ask(0, 15, bytes.fromhex("0c014000c9 1955 3e91013f")).hex() == "20010f"
    assert flat.ask(0, 15, bytes.fromhex("0c01400192 1955 3e91013f")).hex() == "20010f"
    assert flat.ask(0, 15, bytes.fromhex("0c0140012e 1955 3e91013f")).hex() == "50010f91029128"
    assert flat.applier.commands == [TurnKey(1, "right"), ResetPeak(3)]
    both = bytes.fromhex("0c000000cd 1e 0916 2e44424800002f 1f 0c00000131 1e 0916 2e44428000002f 1f")
    assert flat.ask(0, 16, both).hex() == "200110"
    assert [flat.read(0, 0, 100 * n + 5, 22).hex() for n in (2, 3)] == ["4442480000", "4442800000"]
    assert flat.read(0, 0, 105, 22) == b"\x44" + enc.real_content(0.1)


RECIPIENT = "8201fe b400000000 b4173b3b63 0c020186ff 2107 10 8205e0"


async def test_every_meter_has_a_recipient_list_of_its_own(flat: Any) -> None:
    said = await flat.say(0, f"00050108 0c03c000c9 1966 3e {RECIPIENT} 3f")
    assert said[-1] == "200108"
    assert said[:-1] == ["*10080b0186ff1b0186ff"]
    destination = bytes.fromhex(RECIPIENT)
    assert [flat.read(0, 15, 100 * n + 1, 102) for n in (1, 2)] == [b"", destination]
    both = bytes.fromhex("0c03c00065 1e09661f 0c03c000c9 1e09661f")
    assert flat.ask(0, 14, both) == b"\x30\x01\x0e" + bytes.fromhex(
        "0c03c00065 1e 29664e4f 1f 0c03c000c9 1e 29664e"
    ) + destination + bytes.fromhex("4f1f")
    flat.hear(0, bytes.fromhex("1000 c4020186ff 2205c4 9103 2203e7"))
    assert flat.read(0, 8, 100_000, 30).hex().startswith("c4020186ff")


async def test_subscriptions_are_to_the_right_meter_and_the_device_lists_all(flat: Any) -> None:
    for process, thing in ((1, "000000cd"), (2, "00000131")):
        said = await flat.say(0, f"00050105 09{process:02x} 1c{thing} 2900 3900")
        assert said == ["200105", notification(flat, process, thing)]
    power = np.arange(METERS) * 1000.0
    for _ in range(2):
        flat.show(2, active_power=power)
        await flat.said()
    power[2] += 1000
    flat.show(3, active_power=power)
    assert await flat.said() == [notification(flat, 2, "00000131")]
    listed = flat.read(0, 8, 100_000, Property.ACTIVE_COV_SUBSCRIPTIONS)
    assert [listed.count(bytes.fromhex(f"0c{thing}1955")) for thing in ("000000cd", "00000131")] == [1, 1]


def notification(flat: Any, process: int, thing: str) -> str:
    """Return what a subscriber is told of an analog-input."""
    value = flat.read(0, 0, int(thing, 16), 85).hex()
    return f"100209{process:02x}1c{DEVICE}2c{thing}39004e09552e{value}2f096f2e8204002f4f"


async def test_a_client_is_told_one_thing_at_a_time_whichever_meters_tell(flat: Any) -> None:
    subscribe = "00050105 09{:02x} 1c{:08x} 2901 3900"
    flat.application._transactions._timeout_s = 60
    said = []
    for process in range(1, METERS + 1):
        said += await flat.say(0, subscribe.format(process, 100 * process + 5))
    told = [apdu for apdu in said if apdu[:2] == "00"]
    while len(told) < METERS:
        assert len(flat.application._transactions._queues) == 1
        last = bytes.fromhex(told[-1])
        flat.hear(0, bytes((0x20, last[2], last[3])))
        (more,) = await flat.said()
        told.append(more)
    assert [apdu[8:12] for apdu in told] == [f"09{process:02x}" for process in range(1, METERS + 1)]
    flat.application._transactions.stop()


async def test_a_client_that_is_gone_loses_its_subscriptions_to_all_meters(flat: Any) -> None:
    for process in (1, 2):
        flat.hear(0, bytes.fromhex(f"00050105 09{process:02x} 1c{100 * process + 5:08x} 2901 3900"))
    assert flat.read(0, 8, 100_000, Property.ACTIVE_COV_SUBSCRIPTIONS).count(b"\x19\x55") == 2
    for _ in range(1000):
        if not flat.read(0, 8, 100_000, Property.ACTIVE_COV_SUBSCRIPTIONS):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the subscriptions are still there")


def stale(*rows: int) -> Any:
    """Return flags of which those of meters in `rows` say reverse phase."""
    flags = np.full(METERS, 1 << 4)
    flags[list(rows)] |= 1
    return flags


async def test_alarms_name_the_object_and_the_class_of_their_meter(flat: Any) -> None:
    recipient = "8201fe b400000000 b4173b3b63 1e 2100 65067f000009bac0 1f 2107 10 8205e0"
    await flat.say(0, f"00050108 0c03c000c9 1966 3e {recipient} 3f")
    flat.show(3, flags=stale(1, 2))
    (said,) = await flat.said()
    stamp = flat.read(0, 3, 201, 130, 1).hex()
    assert said.startswith(f"10030907 1c{DEVICE} 2c00c000c9 3e{stamp}3f 49c9".replace(" ", ""))
    assert flat.read(0, 3, 201, 36).hex() == flat.read(0, 3, 301, 36).hex() == "9102"
    acknowledge = f"00050100 0901 1c00c000c9 2902 3e {stamp} 3f 4c00414243 5e 0c00000000 5f"
    assert (await flat.say(0, acknowledge))[0] == "200100"
    assert flat.read(0, 3, 201, 0).hex() == "8205e0"
    assert flat.read(0, 3, 301, 0).hex() == "820560"


def events(flat: Any, last: int | None, limit: int) -> tuple[list[int], bool]:
    """Return the objects that GetEventInformation has, and whether there are more."""
    parameters = b"" if last is None else enc.context(0, last.to_bytes(4, "big"))
    answer = flat.ask(0, 29, parameters, max_apdu=limit)
    reader = Reader(answer, 3)
    inner = Reader(reader.constructed(0))
    found = []
    while inner.more():
        found.append(enc.read_object_number(inner.context(0)))
        for tag in (1, 2, 3, 4, 5, 6):
            inner.constructed(tag) if tag in {3, 6} else inner.context(tag)
    return found, enc.read_boolean(reader.context(1))


@pytest.mark.parametrize("limit", [0x72, 0x73, LARGE])
def test_events_of_all_meters_come_page_by_page_in_their_order(flat: Any, limit: int) -> None:
    flat.show(3, flags=np.full(METERS, 1 << 15))
    expected = [
        alarm.number + part.base
        for part in flat.gateway.parts
        for alarm in ALARMS
        if part.table.find(alarm.number)
    ]
    assert expected == sorted(expected)
    found: list[int] = []
    more, last = True, None
    while more:
        page, more = events(flat, last, limit)
        found += page
        last = page[-1]
    assert found == expected
    summary = flat.ask(0, 3, b"")
    assert [summary[k : k + 5] for k in range(3, len(summary), 10)] == [
        enc.object_identifier(n) for n in expected
    ]


def test_enrollments_are_of_the_class_of_their_meter(flat: Any) -> None:
    answer = flat.ask(0, 4, bytes.fromhex("0900"))
    assert answer[3:].startswith(bytes.fromhex("c400c00065 9101 9100 21c0 2165"))
    assert flat.ask(0, 4, bytes.fromhex("0900 59c9"))[3:8].hex() == "c400c000c9"
    assert flat.ask(0, 4, bytes.fromhex("0900 5901")).hex() == "300104"


@pytest.mark.parametrize(
    ("question", "number", "name"),
    [
        ("2c000000cd", "000000cd", "M0002.active_power"),
        ("3d" + (b"\x13\x00M0002.active_power").hex(), "000000cd", "M0002.active_power"),
        ("3d08" + (b"\x00plant-a").hex(), "020186a0", "plant-a"),
    ],
)
def test_an_object_is_found_by_identifier_and_by_name(
    flat: Any, question: str, number: str, name: str
) -> None:
    ((_, said),) = announcements(bytes.fromhex("1007" + question), [flat.gateway])
    assert said == bytes.fromhex(f"1001c4{DEVICE}c4{number}") + enc.character_string(name)


@pytest.mark.parametrize("name", ["active_power", "M0002", "M0008.active_power", "M0002.none", "M0002."])
def test_a_name_that_no_object_has_is_not_answered(flat: Any, name: str) -> None:
    text = enc.context(3, b"\x00" + name.encode())
    assert list(announcements(b"\x10\x07" + text, [flat.gateway])) == []


async def test_a_flat_gateway_is_found_as_one_device(serve: Any, client: Any) -> None:
    adapter = await serve(METERS, topology="flat")
    (endpoint,) = adapter.endpoints()
    assert endpoint.serves == "device 100000, objects of 7 meters"
    assert adapter.ready()["bacnet"]["meters"] == []
    await client.send(bytes.fromhex("810a0008 01001008"), adapter)
    assert (await client.receive()).hex() == "810a001501001000c4020186a02205c491012203e7"
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.receive(), 0.1)


async def test_fast_and_slow_answers_are_the_same(
    serve: Any, client: Any, snapshot: Any, plates: Any
) -> None:
    adapter = await serve(METERS, topology="flat")
    for tick in (1, 2):
        adapter.show(snapshot(plates(METERS), tick))
        for thing in ("000000cd1955", "000000cd194d", "020186a0194c2903", "05c000ca1955"):
            request = bytes.fromhex("0275010c0c" + thing)
            length = (6 + len(request)).to_bytes(2, "big")
            slow = await client.ask(b"\x81\x0a" + length + b"\x01\x05" + request, adapter)
            for _ in range(2):
                fast = await client.ask(b"\x81\x0a" + length + b"\x01\x04" + request, adapter)
                assert fast[6:] == slow[6:]
        assert len(adapter._hosts[0]._plain._known) == 4


def test_the_most_meters_have_instances_of_their_own(plates: Any) -> None:
    gateway = gateway_device(100_000, "plant-a", "Plant A")
    device = flat_device(gateway, plates(41_942))
    found = device.find(4_194_201)
    assert found is not None
    assert found.name == "M41942.energy"
