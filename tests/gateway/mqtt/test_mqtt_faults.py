"""Faults of the line on MQTT, each mode as a client on a real broker sees it."""

import asyncio
import contextlib
import json
import math
import re
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

import aiomqtt
import numpy as np
import pytest

from gateway.commands import Advance, Broadcast, Change, HoldKey, Request, ResetPeak, SetLink
from gateway.link_faults import MODES, LinkFault, Links
from gateway.mqtt.faults import Faults, Utterance, sent
from gateway.mqtt.late import MOST_LATE, Late
from gateway.mqtt.messages import Message
from gateway.mqtt.plain.convention import Plain
from gateway.mqtt.plain.topics import Topics
from gateway.payloads import Payloads
from tests.support.mqtt import Gateway, Station, plain_snapshot
from tests.support.snapshots import nameplates

DOCUMENT = (Path(__file__).parents[3] / "docs" / "faults.md").read_text().partition("\n## On MQTT\n")[2]

pytestmark = pytest.mark.real_client("mosquitto")

PREFIX = "metergate/plant-a/"
MODES_OF_STATES = [
    "silent",
    "drop",
    "garble",
    "frozen",
    "offline",
    "out_of_order",
    "duplicate",
    "malformed",
    "nan",
]


class Line:
    """A gateway on a broker, and everything that a client there hears in order."""

    def __init__(self, made: Gateway, client: aiomqtt.Client) -> None:
        self.made = made
        self._client = client

    async def heard(self, ends: Callable[[str, bytes], bool]) -> list[tuple[str, bytes]]:
        """Return topics and payloads up to one at which `ends` holds, without what all topics begin with."""
        heard: list[tuple[str, bytes]] = []
        async with asyncio.timeout(10):
            async for message in self._client.messages:
                topic, payload = str(message.topic).removeprefix(PREFIX), message.payload
                assert isinstance(payload, bytes)
                heard.append((topic, payload))
                if ends(topic, payload):
                    break
        return heard

    async def next_round(self) -> list[tuple[str, bytes]]:
        """Show another tick and return all that is heard of it."""
        self.made.show()
        await self.made.adapter.shown()
        tick = self.made.tick
        return (
            await self.heard(lambda topic, payload: topic == "tick" and json.loads(payload)["tick"] == tick)
        )[:-1]

    async def meter(self, name: str = "M0001") -> list[tuple[str, bytes]]:
        """Return what is heard of a meter in the next round, each topic without its id."""
        heard = await self.next_round()
        return [
            (topic.removeprefix(f"{name}/"), payload) for topic, payload in heard if topic.startswith(name)
        ]


@contextlib.asynccontextmanager
async def line_to(port: int, made: Gateway) -> AsyncIterator[Line]:
    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.subscribe("metergate/#", qos=1)
        line = Line(made, client)
        await line.next_round()
        yield line
        with contextlib.suppress(asyncio.InvalidStateError, aiomqtt.MqttError):
            client._disconnected.result()  # aiomqtt asks nobody why a broker that a test has ended is gone


@pytest.fixture
async def line(yours: Any, gateway: Any) -> AsyncIterator[Line]:
    made = await gateway(3, url=yours.url)
    async with line_to(yours.port, made) as line:
        yield line


def ticks(heard: Iterable[tuple[str, bytes]]) -> list[int]:
    return [json.loads(payload)["tick"] for topic, payload in heard if topic == "state"]


def plain(payload: bytes) -> dict[str, Any]:
    return dict(json.loads(payload))


@pytest.mark.parametrize("mode", MODES_OF_STATES)
async def test_a_fault_meets_one_meter_alone_and_ok_ends_it(line: Line, mode: str) -> None:
    line.made.fault(0, mode)
    sound = await line.meter("M0002")
    assert [topic for topic, _ in sound] == ["state"]
    assert plain(sound[0][1])["tick"] == line.made.tick
    line.made.fault(0, "ok")
    await line.next_round()
    assert ticks(await line.meter()) == [line.made.tick]


@pytest.mark.parametrize("mode", ["silent", "offline", "nan", "malformed"])
async def test_a_fault_of_the_port_meets_all_meters(line: Line, mode: str) -> None:
    before = {name: (await line.meter(name))[0][1] for name in ("M0001", "M0003")}
    line.made.fault(None, mode)
    heard = await line.next_round()
    states = [payload for topic, payload in heard if topic.endswith("state")]
    assert len(states) == (0 if mode in {"silent", "offline"} else 3)
    assert not set(states) & set(before.values())


async def test_a_silent_meter_says_nothing_and_stays_online(line: Line) -> None:
    line.made.fault(0, "silent")
    assert await line.meter() == []
    assert await line.meter() == []
    line.made.fault(0, "ok")
    assert ticks(await line.meter()) == [line.made.tick]


@pytest.mark.parametrize("mode", ["offline", "drop"])
async def test_a_meter_off_its_line_says_so_and_when_it_is_back(line: Line, mode: str) -> None:
    line.made.fault(0, mode)
    assert await line.meter() == [("status", b"offline")]
    assert await line.meter() == []
    line.made.fault(0, "ok")
    (status, online), state = await line.meter()
    assert (status, online) == ("status", b"online")
    assert ticks([state]) == [line.made.tick]


async def test_a_frozen_meter_goes_on_saying_the_same_at_later_times(line: Line) -> None:
    line.made.fault(0, "frozen")
    ((_, first),) = await line.meter()
    ((_, second),) = await line.meter()
    moving = ("time", "tick")
    begun, later = plain(first), plain(second)
    assert [later.pop(name) for name in moving] != [begun.pop(name) for name in moving]
    assert later == begun
    line.made.fault(0, "ok")
    ((_, third),) = await line.meter()
    assert plain(third)["energy"] != begun["energy"]


@pytest.mark.parametrize("mode", ["slow", "late"])
async def test_states_of_a_slow_line_come_later_in_their_order(line: Line, mode: str) -> None:
    line.made.fault(0, mode, delay_s=0.3, jitter_s=0.2)
    first = line.made.tick + 1
    rounds = [await line.next_round() for _ in range(4)]
    line.made.fault(0, "ok")
    rounds.append(await line.next_round())
    heard = [each for one in rounds for each in one]
    late = [payload for topic, payload in heard if topic == "M0001/state"]
    while len(late) < 5:
        late.append((await line.heard(lambda topic, _: topic == "M0001/state"))[-1][1])
    assert [plain(payload)["tick"] for payload in late] == list(range(first, first + 5))
    others = [payload for topic, payload in heard if topic == "M0002/state"]
    assert [plain(payload)["tick"] for payload in others] == list(range(first, first + 5))
    assert rounds[0] == [one for one in rounds[0] if one[0] != "M0001/state"]


async def test_two_states_are_swapped(line: Line) -> None:
    line.made.fault(0, "out_of_order", count=1)
    tick = line.made.tick + 1
    assert await line.meter() == []
    assert ticks(await line.meter()) == [tick + 1, tick]
    assert ticks(await line.meter()) == [tick + 2]


async def test_a_state_is_said_twice(line: Line) -> None:
    line.made.fault(0, "duplicate")
    first, second = await line.meter()
    assert first == second
    assert ticks([first]) == [line.made.tick]


async def test_a_malformed_state_is_json_that_ends_in_the_middle(line: Line) -> None:
    line.made.fault(0, "malformed")
    ((_, payload),) = await line.meter()
    with pytest.raises(json.JSONDecodeError):
        json.loads(payload)
    assert payload.startswith(b'{"time":"2026-01-05T00:00:0')


async def test_of_a_garbled_state_no_byte_is_right(line: Line) -> None:
    ((_, sound),) = await line.meter()
    line.made.fault(0, "garble")
    ((_, payload),) = await line.meter()
    assert abs(len(payload) - len(sound)) < 100
    assert all(
        byte != ord(right) for byte, right in zip(payload, '{"time":"2026-01-05T00:00:0', strict=False)
    )


async def test_one_number_of_a_state_is_not_one(line: Line) -> None:
    line.made.fault(0, "nan")
    places = set()
    for _ in range(5):
        ((_, payload),) = await line.meter()
        assert len(re.findall(rb":NaN[,}]", payload)) == 1
        state = plain(payload)
        assert state["tick"] == line.made.tick
        places |= {name for name, value in state.items() if isinstance(value, float) and math.isnan(value)}
    assert len(places) > 1


async def test_a_fault_wears_off_by_count(line: Line) -> None:
    line.made.fault(0, "duplicate", count=2)
    assert [len(await line.meter()) for _ in range(4)] == [2, 2, 1, 1]
    line.made.fault(0, "offline", count=2)
    said = [[topic for topic, _ in await line.meter()] for _ in range(4)]
    assert said == [["status"], [], ["status", "state"], ["state"]]


async def test_a_fault_wears_off_by_time(line: Line) -> None:
    line.made.fault(0, "offline", for_s=2.0)
    said = [[topic for topic, _ in await line.meter()] for _ in range(4)]
    assert said == [["status"], [], ["status", "state"], ["state"]]


async def test_the_rate_is_the_part_of_the_rounds_that_meets_it_and_the_seed_says_which(line: Line) -> None:
    drawn = []
    for _ in range(2):
        line.made.links._asked.clear()
        line.made.fault(0, "duplicate", rate=0.5)
        drawn.append([len(await line.meter()) for _ in range(20)])
    assert set(drawn[0]) == {1, 2}
    assert drawn[0] == drawn[1]


async def test_who_is_off_line_is_off_line_on_a_new_connection_too(
    line: Line, yours: Any, eventually: Any, listen: Any
) -> None:
    line.made.fault(0, "offline")
    await line.next_round()
    yours.kill()
    await eventually(lambda: line.made.away)
    yours.start()
    await eventually(lambda: not line.made.away)
    async with listen(yours.port) as client:
        await client.until(lambda: client.text("M0001/status") == "offline" and client.text("tick"))
        assert client.text("M0002/status") == "online"
        line.made.fault(0, "ok")
        line.made.show()
        await client.until(lambda: client.text("M0001/status") == "online")


async def ask(line: Line, *topics: str) -> list[tuple[str, Any]]:
    """Give commands; return the answers up to that of the last one: what was refused, and why not."""
    for topic in topics:
        await line._client.publish(PREFIX + topic, b"{}", qos=1)
    last = topics[-1].partition("/")[0] + "/result"
    heard = await line.heard(lambda topic, _: topic == last)
    return [(topic, json.loads(answer).get("error")) for topic, answer in heard if topic.endswith("result")]


async def test_a_line_that_refuses_lets_states_through_and_refuses_commands(line: Line) -> None:
    line.made.fault(0, "refuse")
    assert ticks(await line.meter()) == [line.made.tick]
    refusal = "a fault of the line refuses every command"
    assert await ask(line, "M0001/set/reset-peak") == [("M0001/result", refusal)]
    assert line.made.asked == []
    assert await ask(line, "M0002/set/reset-peak") == [("M0002/result", None)]
    assert line.made.asked == [(ResetPeak(1),)]


@pytest.mark.parametrize("mode", ["silent", "offline", "drop"])
async def test_a_command_gets_lost_with_its_line_but_what_sets_the_line(line: Line, mode: str) -> None:
    line.made.fault(0, mode)
    await line.next_round()
    assert await ask(line, "M0001/set/reset-peak", "M0001/set/link") == [("M0001/result", None)]
    assert line.made.asked == [(Change(0, {"link": {}}),)]


async def test_an_answer_is_met_like_a_state(line: Line) -> None:
    line.made.fault(0, "slow", delay_s=0.2)
    await line.next_round()
    answers = await ask(line, "M0001/set/reset-peak", "M0002/set/reset-peak", "M0001/set/link")
    assert [topic for topic, _ in answers] == ["M0002/result", "M0001/result"]
    assert line.made.asked == [(ResetPeak(0),), (ResetPeak(1),), (Change(0, {"link": {}}),)]
    line.made.fault(0, "malformed")
    await line.next_round()
    with pytest.raises(json.JSONDecodeError):
        await ask(line, "M0001/set/reset-peak")


def struck_by(fault: LinkFault, *, row: int | None = 0, meters: int = 3) -> tuple[Links, Faults]:
    links = Links("mqtt", 0)
    links.set(row, fault)
    links.show(plain_snapshot(nameplates(meters)))
    topics = Topics.under("metergate", "plant-a")
    return links, Faults(links, Plain(topics, nameplates(meters), Payloads(), Station()))


CHANGE = Change(0, {"link": {"mqtt": {"mode": "ok"}}})


@pytest.mark.parametrize(
    ("request_", "row", "mode"),
    [
        ((ResetPeak(0),), 0, "refuse"),
        (Broadcast((HoldKey(0, 1.0),)), 0, "refuse"),
        ((ResetPeak(1),), 1, "ok"),
        ((SetLink(0, {}),), 0, "ok"),
        ((CHANGE,), 0, "ok"),
        ((CHANGE, ResetPeak(0)), 0, "refuse"),
        (Advance(1.0), None, "ok"),
    ],
)
def test_a_command_meets_the_fault_of_the_meter_that_it_is_for(
    request_: Request, row: int | None, mode: str
) -> None:
    _, faults = struck_by(LinkFault("refuse"))
    asked, strike = faults.asked(request_)
    assert (asked, strike.fault.mode) == (row, mode)


def test_what_is_for_no_meter_meets_the_fault_of_the_port() -> None:
    _, faults = struck_by(LinkFault("refuse"), row=None)
    assert faults.asked(Advance(1.0))[1].fault.mode == "refuse"


def test_what_changes_while_a_meter_says_nothing_is_new_when_it_speaks_again() -> None:
    links, faults = struck_by(LinkFault("ok"))
    first, second, third = (plain_snapshot(nameplates(3), tick) for tick in (1, 2, 3))
    assert faults.shown(first) is first
    links.set(0, LinkFault("silent"))
    shown = faults.shown(second)
    for name, column in shown.columns.items():
        np.testing.assert_array_equal(column[:1], first.columns[name][:1])
        np.testing.assert_array_equal(column[1:], second.columns[name][1:])
    links.set(0, LinkFault("ok"))
    assert faults.shown(third) is third


def test_of_several_numbers_by_themselves_one_is_none() -> None:
    links, _ = struck_by(LinkFault("nan"))
    messages = [Message("a", b"-12.5"), Message("b", b"on"), Message("c", b"1e-7"), Message("d", b"")]
    payloads = [each.payload for each in sent(links.strike(0), messages)]
    assert payloads in ([b"NaN", b"on", b"1e-7", b""], [b"-12.5", b"on", b"NaN", b""])
    assert sent(links.strike(0), messages[1:2]) == messages[1:2]


async def test_no_more_than_so_much_is_late_at_once(caplog: pytest.LogCaptureFixture) -> None:
    late, messages = Late(), [Message("a", b"1")]
    assert late.pass_on(Utterance(0, messages, 0.0)) == messages
    for row in range(MOST_LATE + 2):
        assert late.pass_on(Utterance(row, messages, 60.0)) == ()
    assert len(caplog.records) == 1
    assert "is lost: 8192 are under way" in caplog.text
    assert late.pass_on(Utterance(MOST_LATE + 2, messages, 0.0)) == messages
    late.forget()
    assert late.pass_on(Utterance(0, messages, 0.0)) == messages


def test_the_documentation_shows_each_mode_and_what_it_puts_on_the_wire() -> None:
    rows = [line.split(" | ") for line in DOCUMENT.splitlines() if line.startswith("| `")]
    shown = {mode.strip("| `"): re.findall("`([^`]+)`", wire) for mode, wire, *_ in rows}
    assert tuple(shown) == MODES["mqtt"]
    ((state,), *_) = shown.values()
    for mode in ("ok", "duplicate", "malformed", "garble", "nan", "refuse"):
        links, _ = struck_by(LinkFault(mode))
        payloads = [each.payload for each in sent(links.strike(0), [Message("", state.encode())])]
        assert shown[mode] == [each.hex(" ") if mode == "garble" else each.decode() for each in payloads]


async def test_a_meter_off_its_line_is_offline_where_events_alone_are_published(
    yours: Any, gateway: Any, listen: Any
) -> None:
    made = await gateway(2, url=yours.url, kinds=frozenset({"event"}))
    async with listen(yours.port) as listener:
        made.fault(0, "offline")
        made.show()
        await listener.until(lambda: listener.text("M0001/status") == "offline")
        made.fault(0, "ok")
        made.show()
        await listener.until(lambda: listener.text("M0001/status") == "online")
    assert listener.text("M0002/status") == "online"


async def test_a_meter_off_its_line_is_lost_to_homie_too(yours: Any, gateway: Any) -> None:
    made = await gateway(2, url=yours.url, kinds=frozenset({"homie"}))
    states: list[tuple[str, str]] = []
    meter = "homie/5/plant-a--m0001/$state"
    async with aiomqtt.Client("127.0.0.1", yours.port) as client, asyncio.timeout(10):
        await client.subscribe("homie/5/+/$state", qos=1)
        for mode, last in (("ok", "ready"), ("offline", "lost"), ("ok", "ready")):
            made.fault(0, mode)
            made.show()
            await made.adapter.shown()
            while not states or states[-1] != (meter, last):
                message = await anext(client.messages)
                assert isinstance(message.payload, bytes)
                states.append((str(message.topic), message.payload.decode()))
    assert [word for topic, word in states if topic == meter] == ["ready", "lost", "init", "ready"]
    assert ("homie/5/plant-a--m0002/$state", "lost") not in states
