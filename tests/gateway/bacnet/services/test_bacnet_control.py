"""What workstations may do to a device: to its communication and to its clock; and what passwords are for."""

from functools import partial
from typing import Any

import numpy as np
import pytest

from gateway.bacnet.objects.model import Device
from gateway.bacnet.services.device_control import DeviceControl
from gateway.bacnet.wire import network as net
from gateway.bacnet.wire.codes import Property
from gateway.bacnet.wire.peer import Message
from gateway.link_faults import LinkFault
from sims.points import FLAGS
from tests.gateway.bacnet.conftest import PASSWORD, PEER

DISABLE, ENABLE, QUIET = "1901", "1900", "1902"
SECRET = "2d0900" + PASSWORD.encode().hex()
RIGHT = "1d0900" + PASSWORD.encode().hex()
ENERGY = "000501 0c 0c00000001 1955"
SUBSCRIBE = "00050105 0901 1c00000001 {confirmed} 393c"
DCC = "00050111"
RD = "00050114"
WRONG_PASSWORD = "5001119104911a"  # noqa: S105  an answer
NO_BACKUP = "5001149105912d"
SOUND, ALARM = np.full(3, 1 << FLAGS.index("powered")), np.full(3, 1 << FLAGS.index("powered") | 1)
"""Flags of all meters: alike, and all with reverse phase."""
MONDAY = "a47e010501 b40c000000"
"""2026-01-05, 12:00."""


def ask_all(meters: Any, apdu: str, *, broadcast: bool = True) -> None:
    """Let all meters and the gateway hear an unconfirmed request."""
    message = Message(PEER, (None, b""), 0, broadcast, False, bytes.fromhex(apdu))
    meters.application.hear(message, [meters.gateway, *meters.devices])


async def control(meters: Any, what: str, meter: int = 2) -> list[str]:
    said: list[str] = await meters.say(meter, DCC + what + SECRET)
    return said


async def test_a_disabled_device_answers_nothing_but_what_enables_it(meters: Any) -> None:
    assert await control(meters, DISABLE) == ["200111"]
    assert meters.speaker.aside == (frozenset(), {meters.device(2).number})
    for request in (
        ENERGY,
        "0005010f 0c01400001 1955 3e91013f",
        SUBSCRIBE.format(confirmed="2900"),
        "00050163",
    ):
        assert await meters.say(2, request) == []
        assert await meters.say(1, request) != []
    ask_all(meters, "1008")
    ask_all(meters, "1007 2c00000001")
    heard = [device for device, _, _ in meters.speaker.said]
    assert meters.device(2) not in heard
    assert meters.device(1) in heard
    meters.speaker.said.clear()
    assert await control(meters, DISABLE) == ["200111"]
    assert await control(meters, ENABLE) == ["200111"]
    assert len(await meters.say(2, ENERGY)) == 1
    assert meters.speaker.aside == (frozenset(), frozenset())


async def test_a_device_that_may_not_initiate_answers_and_says_i_am_when_asked_alone(meters: Any) -> None:
    await meters.say(2, SUBSCRIBE.format(confirmed="2900"))
    assert await control(meters, QUIET) == ["200111"]
    assert meters.speaker.aside == (frozenset(), frozenset())
    assert len(await meters.say(2, ENERGY)) == 1
    ask_all(meters, "1007 2c00000001")
    assert {device for device, _, _ in meters.speaker.said} == {meters.device(1), meters.device(3)}
    meters.speaker.said.clear()
    ask_all(meters, "1008")
    assert meters.device(2) in {device for device, _, _ in meters.speaker.said}
    meters.speaker.said.clear()
    meters.show(9)
    assert await meters.said() == []


@pytest.mark.parametrize("confirmed", ["2900", "2901"])
@pytest.mark.parametrize("state", [DISABLE, QUIET])
async def test_nothing_is_told_meanwhile_and_subscriptions_stay(
    meters: Any, state: str, confirmed: str
) -> None:
    assert len(await meters.say(2, SUBSCRIBE.format(confirmed=confirmed))) == 2
    await control(meters, state)
    for tick in range(5, 30, 5):
        meters.show(tick)
        assert await meters.said() == []
    await control(meters, ENABLE)
    meters.show(40)
    (told,) = await meters.said()
    assert told.startswith("1002" if confirmed == "2900" else "0005")
    meters.application._transactions.stop()


async def test_alarms_are_told_to_nobody_meanwhile(meters: Any) -> None:
    everybody = "8201fe b400000000 b4173b3b63 1e 2100 60 1f 2107 10 8205e0"
    await meters.say(2, f"00050108 0c03c00001 1966 3e {everybody} 3f")
    await control(meters, DISABLE)
    meters.show(2, flags=ALARM)
    assert await meters.said() == []
    await control(meters, ENABLE)
    meters.show(3, flags=SOUND)
    assert [each[:5] for each in await meters.said()] == ["*1003"]


async def test_a_device_speaks_again_when_its_minutes_are_over(meters: Any) -> None:
    assert await control(meters, "0902" + DISABLE) == ["200111"]
    meters.seconds = 119.9
    meters.show(2)
    assert await meters.say(2, ENERGY) == []
    meters.seconds = 120.0
    assert len(await meters.say(2, ENERGY)) == 1
    meters.show(3)
    assert meters.speaker.aside == (frozenset(), frozenset())


@pytest.mark.parametrize(
    ("request_octets", "answer"),
    [
        ("11 1903" + SECRET, "600108"),
        ("11 0a" + "ffff" + DISABLE, WRONG_PASSWORD),
        ("11 0b010000" + DISABLE + SECRET, "600106"),
        ("11 1901 2d0700" + "6d6973666974", WRONG_PASSWORD),
        ("11 1901", WRONG_PASSWORD),
        ("11 1901 2900", "600106"),
        ("11 1901 2d1600" + "61" * 21, "600106"),
        ("11", "600105"),
        ("11 0901", "600105"),
        ("11 1901" + SECRET + "ff", "600107"),
        ("14 0907" + RIGHT, "600108"),
        ("14 0902" + RIGHT, NO_BACKUP),
        ("14 0906" + RIGHT, NO_BACKUP),
        ("14 0902", "5001149104911a"),
        ("14 0900", "5001149104911a"),
        ("14 1900", "600104"),
        ("14 0900" + RIGHT + "00", "600107"),
    ],
)
async def test_what_is_not_right_is_refused_and_changes_nothing(
    meters: Any, request_octets: str, answer: str
) -> None:
    assert await meters.say(2, "000501" + request_octets) == [answer]
    assert meters.application._voices.may_speak(meters.device(2))


async def test_without_a_password_in_the_settings_any_is_right(meters: Any) -> None:
    control = DeviceControl(None, lambda: 0.0)
    for given in ("", "2d0900" + b"whatever".hex()):
        control.control(bytes.fromhex("11 1901" + given), meters.device(1))
        assert control.disabled() == {meters.device(1).number}
        control.reinitialize(bytes.fromhex("14 0901"), meters.device(1))
        assert control.disabled() == frozenset()


@pytest.mark.parametrize("state", ["0900", "0901"])
async def test_a_restart_forgets_what_clients_wanted_to_be_told_and_says_i_am(
    meters: Any, state: str
) -> None:
    await meters.say(2, SUBSCRIBE.format(confirmed="2900"))
    await meters.say(3, SUBSCRIBE.format(confirmed="2900"))
    await control(meters, DISABLE)
    assert await meters.say(2, RD + state + RIGHT) == ["200114", "*1000c4020186a22205c491032203e7"]
    assert meters.read(2, 8, 100_002, Property.ACTIVE_COV_SUBSCRIPTIONS) == b""
    meters.show(9)
    assert len(await meters.said()) == 1
    assert meters.read(3, 8, 100_003, Property.ACTIVE_COV_SUBSCRIPTIONS) != b""
    assert len(await meters.say(2, ENERGY)) == 1


async def test_a_restart_drops_what_was_about_to_be_told_and_keeps_what_is_set(meters: Any) -> None:
    recipient = "8201fe b400000000 b4173b3b63 0c02000063 2107 11 8205e0"
    await meters.say(2, f"00050108 0c03c00001 1966 3e {recipient} 3f")
    meters.hear(2, bytes.fromhex(SUBSCRIBE.format(confirmed="2901")))
    meters.show(2, flags=ALARM)
    said = await meters.say(2, RD + "0900" + RIGHT)
    assert [each for each in said if each.startswith("00")] == []
    meters.hear(2, bytes.fromhex("1000c4020000632205c4910022 0063"))
    assert await meters.said() == []
    assert meters.read(2, 15, 1, Property.RECIPIENT_LIST) == bytes.fromhex(recipient)


@pytest.mark.parametrize("silencing", [DCC + DISABLE + SECRET, RD + "0901" + RIGHT])
async def test_segments_and_late_answers_end_with_the_communication(meters: Any, silencing: str) -> None:
    transfers, late = meters.application._segmenter._transfers, meters.application._voices._late
    (first,) = await meters.say(0, "0200050e 0c023fffff 1e 0908 1f")
    assert first.startswith("3c")
    meters.links.set(None, LinkFault("slow", delay_s=60))
    meters.show(2)
    await meters.say(1, ENERGY)
    await meters.say(0, "0000060c 0c023fffff 191c")
    assert len(late._timers) == 2
    assert len(transfers) == 1
    meters.links.set(None, LinkFault("ok"))
    meters.show(3)
    await meters.say(0, silencing)
    assert transfers == {}
    assert len(late._timers) == 1
    await meters.application.stop()


def clock(meters: Any, meter: int) -> bytes:
    read = partial(meters.read, meter, 8, 100_000 + meter)
    return bytes(read(Property.LOCAL_DATE) + read(Property.LOCAL_TIME))


@pytest.mark.parametrize("service", ["06", "09"])
async def test_a_broadcast_sets_the_clock_of_every_meter_but_not_the_gateways(
    meters: Any, service: str
) -> None:
    meters.show(5)
    before = clock(meters, 0)
    ask_all(meters, f"10{service} {MONDAY}")
    assert [clock(meters, meter) for meter in (1, 2, 3)] == [bytes.fromhex(MONDAY)] * 3
    assert clock(meters, 0) == before
    meters.show(8)
    assert clock(meters, 2) == bytes.fromhex("a47e010501 b40c000300")


async def test_one_meters_clock_is_set_alone_and_stamps_its_alarms(meters: Any) -> None:
    meters.hear(2, bytes.fromhex(f"1006 {MONDAY}"))
    assert [clock(meters, meter) == bytes.fromhex(MONDAY) for meter in (1, 2, 3)] == [False, True, False]
    meters.show(2, flags=ALARM)
    for meter, stamp in ((1, "b400000200"), (2, "b40c000100")):
        stamps = meters.read(meter, 3, 1, Property.EVENT_TIME_STAMPS)
        assert stamps.startswith(bytes.fromhex("2e a47e010501" + stamp + "2f"))


@pytest.mark.parametrize(
    "octets",
    ["", "a47effff01 b400000000", "a47e010501 b4ffffffff", "a47e020001 b400000000", "a47e010501",
     "a47e010501 b400000064", "a47e010501 b400000000 00", "a47e010501 2100", "0c00000001"],
)  # fmt: skip
async def test_a_time_that_is_none_sets_no_clock(meters: Any, octets: str) -> None:
    before = clock(meters, 2)
    for service in ("06", "09"):
        ask_all(meters, f"10{service} {octets}")
    assert clock(meters, 2) == before


async def test_a_disabled_device_keeps_its_clock(meters: Any) -> None:
    before = clock(meters, 2)
    await control(meters, DISABLE)
    ask_all(meters, f"1006 {MONDAY}")
    await control(meters, ENABLE)
    assert clock(meters, 2) == before
    assert clock(meters, 1) == bytes.fromhex(MONDAY)


def to_meter(apdu: str, instance: int = 100_001) -> bytes:
    head = bytes.fromhex("012403e803") + instance.to_bytes(3, "big") + b"\xff"
    return net.datagram(head + bytes.fromhex(apdu))


async def test_the_fast_path_is_silent_too_and_as_before_afterwards(serve: Any, client: Any) -> None:
    adapter = await serve(password=PASSWORD)
    sound = await client.ask(to_meter(ENERGY), adapter)
    assert (await client.ask(to_meter(DCC + DISABLE + SECRET), adapter))[-3:] == bytes.fromhex("200111")
    await client.send(to_meter(ENERGY), adapter)
    other = await client.ask(to_meter(ENERGY, 100_002), adapter)
    assert other[9:12] == (100_002).to_bytes(3, "big")
    assert len(adapter._host._plain._plain) == 2
    assert (await client.ask(to_meter(DCC + ENABLE + SECRET), adapter))[-3:] == bytes.fromhex("200111")
    assert await client.ask(to_meter(ENERGY), adapter) == sound
    assert len(adapter._host._plain._plain) == 3


@pytest.mark.parametrize("topology", ["virtual", "addresses", "ports"])
async def test_a_meter_is_disabled_and_restarted_wherever_it_is(make_adapter: Any, topology: str) -> None:
    hosts = ("127.0.1.1", "127.0.1.2", "127.0.1.3")
    adapter = make_adapter(topology=topology, hosts=hosts if topology == "addresses" else ())
    meter: Device = adapter._meters[1]
    told: list[tuple[Any, ...]] = []
    for host in adapter._hosts:
        host.send = lambda *what, **_: told.append(what)
    message = partial(Message, PEER, (None, b""), 0, False, True)
    adapter._application.hear(message(bytes.fromhex(DCC + DISABLE)), [meter])
    adapter._application.hear(message(bytes.fromhex(ENERGY)), [meter])
    assert [what[2].hex() for what in told] == ["200111"]
    assert all(meter is not plain[0] for host in adapter._hosts for plain in host._plain._plain.values())
