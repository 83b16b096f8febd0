"""Who-Is and Who-Has: which meters answer, and with what."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from gateway.bacnet.delivery.pacing import BURST, Pacer
from gateway.bacnet.objects.model import ObjectSpec, ObjectTable
from gateway.bacnet.services.discovery import announcements
from gateway.bacnet.wire import encoding as enc
from gateway.bacnet.wire.peer import Message
from tests.gateway.bacnet.conftest import PEER

NOBODY_HAS = b"\x10\x07" + enc.context(3, b"\x00nothing")


def instances(meters: Any, request: str) -> list[int]:
    return [device.instance for device, _ in meters.announce(bytes.fromhex(request))]


@pytest.mark.parametrize(
    ("request_octets", "answer"),
    [
        ("1008", [100_001, 100_002, 100_003]),
        ("1008 0900 1b3fffff", [100_001, 100_002, 100_003]),
        ("1008 0b0186a2 1b0186a2", [100_002]),
        ("1008 0b0186a3 1b0186ff", [100_003]),
        ("1008 0900 1901", []),
        ("1008 0b0186a2", []),
        ("1008 0b0186a2 1b400000", []),
        ("1008 0900 1b3fffff 2901", []),
        ("1008 ff", []),
        ("10", []),
        ("1009", []),
    ],
)
def test_meters_in_the_range_answer_who_is(meters: Any, request_octets: str, answer: list[int]) -> None:
    assert instances(meters, request_octets) == answer


def test_i_am_says_what_a_meter_can_do(meters: Any) -> None:
    (_, apdu), *_ = meters.announce(b"\x10\x08")
    assert apdu == bytes.fromhex("1000 c4020186a1 2205c4 9103 2203e7")


@pytest.mark.parametrize(
    ("request_octets", "answer"),
    [
        ("1007 2c00000001", [100_001, 100_002, 100_003]),
        ("1007 2c0000000f", [100_003]),
        ("1007 2c020186a2", [100_002]),
        ("1007 2c00000063", []),
        ("1007 0b0186a2 1b0186a3 2c00000001", [100_002, 100_003]),
        ("1007 " + enc.context(3, b"\x00energy").hex(), [100_001, 100_002, 100_003]),
        ("1007 " + enc.context(3, b"\x00plant-a.M0002").hex(), [100_002]),
        ("1007 " + enc.context(3, b"\x00nothing").hex(), []),
        ("1007 " + enc.context(3, b"\x00\xff").hex(), []),
        ("1007", []),
        ("1007 0b0186a2 1b0186a3", []),
    ],
)
def test_meters_that_have_it_answer_who_has(meters: Any, request_octets: str, answer: list[int]) -> None:
    assert instances(meters, request_octets) == answer


def test_i_have_names_the_device_and_the_object(meters: Any) -> None:
    (_, apdu), *_ = meters.announce(bytes.fromhex("1007 2c00000001"))
    assert apdu == bytes.fromhex("1001 c4020186a1 c400000001 7507 00") + b"energy"
    ((_, own),) = meters.announce(bytes.fromhex("1007 2c020186a2"))
    assert own == bytes.fromhex("1001 c4020186a2 c4020186a2 750e 00") + b"plant-a.M0002"


async def test_what_nobody_answers_takes_no_turn_from_others(meters: Any) -> None:
    whole = [meters.gateway, *meters.devices]
    for instance in range(1000):
        limits = b"".join(enc.context(tag, enc.content(instance)) for tag in (0, 1))
        meters.application.hear(Message(PEER, (None, b""), 0, True, False, b"\x10\x08" + limits), whole)
    meters.application.hear(Message(PEER, (None, b""), 0, True, False, NOBODY_HAS), whole)
    assert meters.application._pacer._streams == {}
    meters.application.hear(Message(PEER, (None, b""), 0, False, False, b"\x10\x08"), whole)
    assert [device for device, _, _ in meters.speaker.said] == whole


async def test_looking_in_vain_counts_as_something_said() -> None:
    looked: list[int] = []

    def silent(number: int) -> Iterator[Callable[[], None]]:
        looked.append(number)
        yield from ()

    pacer = Pacer()
    pacer.add("long", iter([lambda: None] * 2 * BURST))
    for number in range(10 * BURST):
        pacer.add(number, silent(number))
    pacer._burst()
    assert 0 < len(looked) <= BURST
    pacer.stop()


class Asked(ObjectTable):
    """Counts how often it is asked for an object."""

    times = 0

    def named(self, name: str) -> ObjectSpec | None:
        self.times += 1
        return super().named(name)


def test_a_table_is_asked_once_for_all_meters_that_share_it(meters: Any) -> None:
    table = Asked(meters.table(1).device, meters.table(1).objects)
    devices = [replace(meters.device(1), table=table, instance=n, name=str(n)) for n in range(100)]
    assert list(announcements(NOBODY_HAS, devices)) == []
    assert table.times == 1


def test_one_meter_that_is_asked_answers_for_itself(meters: Any) -> None:
    sayings = announcements(b"\x10\x08", meters.devices[1:2])
    assert [device.instance for device, _ in sayings] == [100_002]
