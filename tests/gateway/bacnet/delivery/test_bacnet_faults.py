"""Faults of the line as BACnet clients see them: exact octets, also of what is told; others are not hurt."""

import asyncio
import re
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.bacnet.delivery.faults import REQUESTS, Faults, sent
from gateway.bacnet.values.image import ROW
from gateway.bacnet.wire import encoding as enc
from gateway.bacnet.wire import network as net
from gateway.bacnet.wire.codes import Property
from gateway.bacnet.wire.peer import Message
from gateway.commands import TurnKey
from gateway.link_faults import OK, BacnetMode, LinkFault, Links
from tests.gateway.bacnet.conftest import PEER, make_plates, make_snapshot

FILE = Path(__file__).parents[4] / "docs" / "faults.md"
DOCUMENT = FILE.read_text().partition("\n## On BACnet\n")[2].partition("\n## On MQTT\n")[0]
MODES = get_args(BacnetMode)
REQUEST = bytes.fromhex("0275070e 0c020186a1 1e09391f 0c00000008 1e096f1f")
ENERGY = bytes.fromhex("0275010c0c000000011955")
RIGHT = bytes.fromhex("0275010f 0c01400001 1955 3e91013f")
SUBSCRIBE = "00050105 0901 1c00000001 {} 393c"
LOST = {"silent", "refuse", "error", "reject", "abort"}
"""What is asked is not done."""


def given_fault(mode: str, **more: Any) -> LinkFault:
    """Return the fault of the document."""
    codes = {"exception": 31, "error_class": 1} if mode == "error" else {"exception": 9}
    offset = {"offset_s": 3600.0} if mode == "wrong_clock" else {}
    return LinkFault(mode, **codes | offset | more)


def document() -> dict[str, bytes]:
    """Return the octets that the document shows for each mode."""
    rows = re.findall(r"^\| `(\w+)` \| (?:none|`([0-9a-f ]+)`) \|", DOCUMENT, re.MULTILINE)
    return {mode: bytes.fromhex(told) for mode, told in rows}


def test_the_document_has_every_mode_and_the_request() -> None:
    assert tuple(document()) == MODES
    assert f"`{REQUEST.hex(' ')}`" in DOCUMENT


def set_fault(meters: Any, row: int | None, mode: str, tick: int = 1, **more: Any) -> None:
    """Let a fault begin at a tick."""
    meters.links.set(row, given_fault(mode, **more))
    meters.show(tick)


async def until_said(meters: Any) -> list[str]:
    """Return what is said soon, late things too."""
    await asyncio.sleep(0.01)
    said: list[str] = await meters.said()
    return said


@pytest.mark.parametrize("row", [0, None], ids=["of the meter", "of the port"])
@pytest.mark.parametrize("mode", MODES)
async def test_each_fault_says_what_the_document_shows(meters: Any, mode: str, row: int | None) -> None:
    set_fault(meters, row, mode, tick=0, delay_s=0.001)
    meters.show(1)
    meters.show(2)
    meters.hear(1, REQUEST)
    assert await until_said(meters) == [each.hex() for each in [document()[mode]] if each]


@pytest.mark.parametrize("mode", MODES)
async def test_a_fault_of_one_meter_leaves_the_others_and_the_gateway_alone(meters: Any, mode: str) -> None:
    sound = [await meters.say(meter, ENERGY.hex()) for meter in (0, 2, 3)]
    set_fault(meters, 0, mode)
    assert [await meters.say(meter, ENERGY.hex()) for meter in (0, 2, 3)] == sound
    assert meters.speaker.aside == (frozenset() if mode == "ok" else {0}, frozenset())
    meters.links.set(0, OK)
    meters.show(1)
    assert meters.speaker.aside == (frozenset(), frozenset())


@pytest.mark.parametrize("mode", MODES)
async def test_a_write_that_gets_lost_or_is_refused_is_not_obeyed(meters: Any, mode: str) -> None:
    set_fault(meters, 0, mode)
    meters.hear(1, RIGHT)
    await meters.said()
    assert meters.applier.commands == ([] if mode in LOST else [TurnKey(0, "right")])


@pytest.mark.parametrize(
    ("service", "error"),
    [
        ("08 0c03c00001 1966 3e3f", "08 0e 9101911f 0f 1900"),
        ("09 0c03c00001 1966 3e3f", "09 0e 9101911f 0f 1900"),
        ("10 0c01400001 1e 0955 2e91012f 1f", "10 0e 9101911f 0f 1e 0c01400001 1955 1f"),
        ("10", "10 0e 9101911f 0f 1e 0c023fffff 1908 1f"),
        ("1a 0c05000001 1983", "1a 9101911f"),
        ("63", "63 9101911f"),
    ],
)
async def test_an_error_has_the_form_that_the_service_demands(meters: Any, service: str, error: str) -> None:
    set_fault(meters, 0, "error")
    assert await meters.say(1, "027501" + service) == [("5001" + error).replace(" ", "")]


@pytest.mark.parametrize("octets", ["", "00", "000501", "2001", "1099", "7001"])
async def test_what_is_no_request_is_answered_by_no_fault(meters: Any, octets: str) -> None:
    for mode in MODES:
        set_fault(meters, 0, mode)
        assert await meters.say(1, octets) == []


async def test_what_is_no_request_wears_no_fault_out(meters: Any) -> None:
    set_fault(meters, 1, "reject", count=1)
    for stray in ("40010004", "700100", "710100", "200100", "30010c", "1005"):
        assert await meters.say(2, stray) == []
    assert (await meters.say(2, REQUEST.hex()))[0].startswith("60")


async def test_count_rate_and_time_are_of_requests_and_of_simulated_time(meters: Any) -> None:
    set_fault(meters, 0, "reject", count=2)
    assert [(await meters.say(1, ENERGY.hex()))[0][:2] for _ in range(3)] == ["60", "60", "30"]
    set_fault(meters, 0, "reject", rate=0.5)
    said = [(await meters.say(1, ENERGY.hex()))[0][:2] for _ in range(60)]
    assert 15 < said.count("60") < 45
    set_fault(meters, 0, "reject", tick=4, for_s=2.0)
    assert (await meters.say(1, ENERGY.hex()))[0][:2] == "60"
    meters.show(6)
    assert (await meters.say(1, ENERGY.hex()))[0][:2] == "30"


def question(broadcast: bool = True) -> Message:  # noqa: FBT001, FBT002  short
    return Message(PEER, (None, b""), 0, broadcast, False, bytes.fromhex("1008"))


@pytest.mark.parametrize("mode", MODES)
async def test_what_a_fault_makes_of_i_am(meters: Any, mode: str) -> None:
    set_fault(meters, 0, mode)
    meters.application.hear(question(), [meters.device(1)])
    i_am = "1000c4020186a12205c4910322 03e7".replace(" ", "")
    said = await until_said(meters)
    if mode in {"silent", "drop"}:
        assert said == []
    elif mode == "garble":
        assert [each.removeprefix("*")[:4] for each in said] == ["1000", "1000"]
        assert said != [i_am, "*" + i_am]
    else:
        assert said == [i_am, "*" + i_am]
    others = [(meters.device(1), peer, bytes.fromhex(i_am)) for peer in (PEER, None)]
    assert meters.speaker.others == (others if mode == "duplicate_instance" else [])


async def test_somebody_else_with_the_instance_is_at_another_address(serve: Any, client: Any) -> None:
    links = Links("bacnet", 0)
    adapter = await serve(links=links)
    links.set(0, LinkFault("duplicate_instance"))
    show(adapter, links)
    await client.send(net.datagram(bytes.fromhex("0100 1008 0b0186a1 1b0186a1")), adapter)
    heard = [await client.receive() for _ in range(2)]
    assert {datagram[6:12] for datagram in heard} == {
        b"\x03\xe8\x03\x01\x86\xa1",
        b"\x03\xe8\x03\x81\x86\xa1",
    }
    assert len({datagram[12:] for datagram in heard}) == 1


@pytest.mark.parametrize("topology", ["addresses", "ports"])
async def test_it_is_on_another_network_where_meters_are_on_the_gateways(
    serve: Any, client: Any, topology: str
) -> None:
    links = Links("bacnet", 0)
    hosts = ("127.0.1.1", "127.0.1.2", "127.0.1.3") if topology == "addresses" else ()
    adapter = await serve(links=links, topology=topology, hosts=hosts)
    links.set(0, LinkFault("duplicate_instance"))
    show(adapter, links)
    await client.send(net.datagram(bytes.fromhex("0100 1008 0b0186a1 1b0186a1")), adapter)
    heard = sorted([await client.receive() for _ in range(2)], key=len)
    assert heard[1][4:12] == bytes.fromhex("0108 03e8038186a1")
    assert heard[1][12:] == heard[0][6:]


def show(adapter: Any, links: Links, tick: int = 1) -> None:
    snapshot = make_snapshot(make_plates(3), tick)
    links.show(snapshot)
    adapter.show(snapshot)


async def test_the_fast_path_meets_the_fault_and_is_as_before_afterwards(serve: Any, client: Any) -> None:
    links = Links("bacnet", 0)
    adapter = await serve(links=links)

    def to(instance: int) -> bytes:
        return net.datagram(bytes.fromhex("012403e803") + instance.to_bytes(3, "big") + b"\xff" + ENERGY)

    sound = await client.ask(to(100_001), adapter)
    links.set(0, LinkFault("abort", exception=9))
    show(adapter, links)
    assert (await client.ask(to(100_001), adapter))[-3:] == bytes.fromhex("710109")
    assert (await client.ask(to(100_002), adapter))[-3:-2] != b"\x71"
    assert len(adapter._host._plain._plain) == 2
    links.set(None, LinkFault("abort", exception=9))
    show(adapter, links)
    assert adapter._host._plain._plain == {}
    assert (await client.ask(to(100_002), adapter))[-3:] == bytes.fromhex("710109")
    for place in (0, None):
        links.set(place, OK)
    show(adapter, links)
    assert await client.ask(to(100_001), adapter) == sound
    assert len(adapter._host._plain._plain) == 3


@pytest.mark.parametrize("confirmed", ["2900", "2901"])
async def test_lost_changes_are_lost_and_nothing_else_is(meters: Any, confirmed: str) -> None:
    assert len(await meters.say(1, SUBSCRIBE.format(confirmed))) == 2
    meters.application._transactions.stop()
    set_fault(meters, 0, "cov_lost", tick=10)
    assert await meters.said() == []
    assert (await meters.say(1, ENERGY.hex()))[0][:2] == "30"
    meters.application._transactions.stop()
    meters.links.set(0, OK)
    meters.show(20)
    assert len(await meters.said()) == 1
    meters.application._transactions.stop()


async def test_a_confirmed_change_that_is_lost_in_part_arrives_by_being_repeated(meters: Any) -> None:
    await meters.say(1, SUBSCRIBE.format("2901"))
    meters.application._transactions.stop()
    set_fault(meters, 0, "cov_lost", tick=10, count=2)
    await asyncio.sleep(0.05)
    (told,) = set(await meters.said())
    assert told[:4] == "0005"
    meters.application._transactions.stop()


async def test_alarms_are_not_lost_with_changes_but_on_a_silent_line(meters: Any) -> None:
    everybody = "8201fe b400000000 b4173b3b63 1e 2100 60 1f 2107 10 8205e0"
    await meters.say(1, f"00050108 0c03c00001 1966 3e {everybody} 3f")
    for mode, tick, flags, count in (("cov_lost", 2, 17, 1), ("silent", 3, 16, 0), ("drop", 4, 17, 0)):
        meters.links.set(0, LinkFault(mode))
        meters.show(tick, flags=np.full(3, flags))
        assert len(await meters.said()) == count, mode


async def test_a_frozen_meter_shows_every_value_of_the_tick_at_which_it_was_set(meters: Any) -> None:
    everything = "0275010e" + "".join(
        f"0c{spec.number:08x}1e09081f" for spec in (*meters.table(1).objects[:5],)
    )
    set_fault(meters, 0, "frozen", tick=5)
    meters.links.set(0, OK)
    meters.show(5)
    (then,) = await meters.say(1, everything)
    set_fault(meters, 0, "frozen", tick=5)
    meters.show(9)
    assert await meters.say(1, everything) == [then]
    meters.links.set(0, LinkFault("frozen"))
    meters.show(11)
    assert await meters.say(1, everything) != [then]


async def test_changes_of_a_frozen_meter_are_not_told(meters: Any) -> None:
    await meters.say(1, SUBSCRIBE.format("2900"))
    set_fault(meters, 0, "frozen", tick=5)
    await meters.said()
    meters.show(50)
    assert await meters.said() == []
    meters.links.set(0, OK)
    meters.show(51)
    assert len(await meters.said()) == 1


@pytest.mark.parametrize(("mode", "flags"), [("out_of_service", "10"), ("unreliable", "c0")])
async def test_flags_that_a_fault_changes_are_told(meters: Any, mode: str, flags: str) -> None:
    await meters.say(1, SUBSCRIBE.format("2900"))
    set_fault(meters, 0, mode)
    (told,) = await meters.said()
    assert told.endswith(f"096f2e8204{flags}2f4f")
    meters.links.set(0, OK)
    meters.show(1)
    (told,) = await meters.said()
    assert told.endswith("096f2e8204002f4f")


async def read(meters: Any, number: int, attribute: Property, meter: int = 2) -> bytes:
    """Return the value of a property as the fault shows it."""
    asked = b"\x0c" + number.to_bytes(4, "big") + enc.context(1, enc.content(attribute))
    (answer,) = await meters.say(meter, "0275010c" + asked.hex())
    head = "30010c" + asked.hex() + "3e"
    assert answer.startswith(head)
    return bytes.fromhex(answer[len(head) : -2])


async def test_what_is_out_of_service_or_unreliable_says_so_in_every_object(meters: Any) -> None:
    table = meters.table(2)
    told: dict[str, dict[str, tuple[bytes, ...]]] = {}
    wanted = (Property.OUT_OF_SERVICE, Property.STATUS_FLAGS, Property.RELIABILITY, Property.EVENT_STATE)
    for mode in ("out_of_service", "unreliable"):
        set_fault(meters, 1, mode)
        for spec in table.objects:
            if Property.STATUS_FLAGS in spec.properties:
                found = [await read(meters, spec.number, each) for each in wanted if each in spec.properties]
                told.setdefault(mode, {})[spec.name] = tuple(found)
    logs = {"demand_log", "energy_log"}
    assert {told["out_of_service"].pop(name) for name in logs} == {
        (b"\x82\x04\x00", b"\x91\x00", b"\x91\x00")
    }
    assert {each[:2] for each in told["out_of_service"].values()} == {(b"\x11", b"\x82\x04\x10")}
    assert told["unreliable"].pop("powered")[1:] == (b"\x82\x04\x00", b"\x91\x00", b"\x91\x00")
    unsure = {each[-3:] for each in told["unreliable"].values()}
    assert unsure == {(b"\x82\x04\xc0", b"\x91\x07", b"\x91\x01")}


async def test_a_wrong_clock_is_wrong_by_as_much_as_was_said_and_synchronized_in_vain(meters: Any) -> None:
    device = meters.device(2).number
    set_fault(meters, 1, "wrong_clock", offset_s=-90.0)
    for before, shown in (("", "b4173a1f00"), ("1006 a47e010501 b40c000000", "b40b3a1e00")):
        meters.hear(2, bytes.fromhex(before))
        assert await read(meters, device, Property.LOCAL_TIME) == bytes.fromhex(shown)


async def test_without_segmentation_an_asker_of_segments_is_refused_them(meters: Any) -> None:
    everything = "".join(f"0c{spec.number:08x}1e09081f" for spec in meters.table(2).objects)
    set_fault(meters, 1, "no_segmentation")
    assert await meters.say(2, "0275010e" + everything) == ["710104"]
    assert (await meters.say(2, ENERGY.hex()))[0][:2] == "30"


async def test_what_is_late_is_of_when_it_was_asked(meters: Any) -> None:
    set_fault(meters, 0, "slow", delay_s=0.02)
    meters.hear(1, ENERGY)
    sound = meters.ask(1, 12, ENERGY[4:]).hex()
    meters.show(90)
    assert await meters.said() == []
    await asyncio.sleep(0.04)
    assert await meters.said() == [sound]


async def test_what_is_late_is_forgotten_at_the_end(meters: Any) -> None:
    set_fault(meters, 0, "slow", delay_s=0.01)
    meters.hear(1, ENERGY)
    await meters.application.stop()
    await asyncio.sleep(0.03)
    assert await meters.said() == []


@settings(max_examples=50, deadline=None)
@given(st.binary(min_size=2, max_size=60), st.integers(0, 1000))
def test_garbling_changes_every_octet_behind_the_first_two(apdu: bytes, seed: int) -> None:
    links = Links("bacnet", seed)
    links.set(0, LinkFault("garble"))
    told = sent(links.strike(0, REQUESTS), apdu)
    assert told[:2] == apdu[:2]
    assert all(one != other for one, other in zip(told[2:], apdu[2:], strict=True))


def test_without_a_fault_the_image_is_the_one_that_is_shown(meters: Any) -> None:
    faults: Faults = meters.application._faults
    assert faults.image() is meters.responder.image()
    set_fault(meters, 1, "out_of_service")
    seen, shown = faults.image(), meters.responder.image()
    assert faults.image() is seen
    assert (seen[:ROW], seen[2 * ROW :]) == (shown[:ROW], shown[2 * ROW :])
    assert seen[ROW : 2 * ROW] != shown[ROW : 2 * ROW]


@pytest.mark.parametrize("mode", ["frozen", "wrong_clock", "out_of_service", "unreliable"])
def test_a_view_is_one_row_and_the_same_for_all_who_are_told(meters: Any, mode: str) -> None:
    set_fault(meters, 1, "cov_lost", tick=1)
    set_fault(meters, None, mode, tick=2)
    meters.show(3)
    faults: Faults = meters.application._faults
    sound = meters.responder.image()
    rows = [faults.shown(meters.device(meter), meters.links.strike(meter - 1, REQUESTS)) for meter in (1, 3)]
    assert [(len(row[0]), row[1]) for row in rows if row is not None] == [(ROW, 0), (ROW, 2)]
    told = faults.image()
    assert [told[:ROW], told[2 * ROW :]] == [row[0] for row in rows if row is not None]
    assert told[ROW : 2 * ROW] == sound[ROW : 2 * ROW]
    assert told[:ROW] != sound[:ROW]


def test_a_fault_that_shows_nothing_else_leaves_the_image_as_it_is(meters: Any) -> None:
    for place in (1, None):
        set_fault(meters, place, "cov_lost")
        assert meters.application._faults.image() is meters.responder.image()


def test_what_was_frozen_is_kept_only_as_long_as_it_is_shown(meters: Any) -> None:
    faults: Faults = meters.application._faults
    for place in (0, None):
        set_fault(meters, place, "frozen")
    assert {*faults._held} == {0, None}
    set_fault(meters, 0, "slow", tick=2)
    assert {*faults._held} == {None}
    meters.links.set(None, OK)
    meters.show(3)
    assert faults._held == {}
