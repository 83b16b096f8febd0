"""Commands to `set/<command>`: what each payload asks for, and what is answered to the rest."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.commands import Change, HoldKey, Outcome, ResetPeak, SetClock, SetLink, TurnKey
from gateway.errors import RequestRefusedError
from gateway.link_faults import LinkFault
from gateway.mqtt.convention import Asked, Said
from gateway.mqtt.messages import Incoming, Message
from gateway.mqtt.plain.commands import LARGEST_BODY, Commands
from gateway.mqtt.plain.convention import Plain
from gateway.mqtt.plain.topics import Topics
from gateway.payloads import Payloads
from tests.support.mqtt import Station
from tests.support.snapshots import nameplates

ROOT = "metergate/plant-a"
METERS = nameplates(3)
COMMANDS = Commands(Topics(ROOT), METERS, Station())


def asked(topic: str, payload: bytes) -> Asked:
    heard = COMMANDS.heard(Incoming(f"{ROOT}/{topic}", payload))
    assert isinstance(heard, Asked)
    return heard


def answered(message: Message) -> dict[str, Any]:
    assert (message.qos, message.retain) == (1, False)
    assert message.properties.content_type == "application/json"
    return dict(json.loads(message.payload))


def refused(topic: str, payload: bytes = b"", **incoming: Any) -> dict[str, Any]:
    heard = COMMANDS.heard(Incoming(f"{ROOT}/{topic}", payload, **incoming))
    assert isinstance(heard, Said)
    (message,) = heard.messages
    return answered(message)


@pytest.mark.parametrize(
    ("topic", "payload", "request_"),
    [
        ("M0002/set/load", b'{"kw": 30}', (Change(1, {"load": {"kw": 30}}),)),
        ("M0001/set/wiring", b'{"ct1": {}}', (Change(0, {"wiring": {"ct1": {}}}),)),
        ("M0001/set/supply", b'{"lost": [1]}', (Change(0, {"supply": {"lost": [1]}}),)),
        ("M0001/set/environment", b"{}", (Change(0, {"environment": {}}),)),
        ("M0003/set/link", b'{"all": null}', (Change(2, {"link": {"all": None}}),)),
        ("M0001/set/key-switch", b'{"held_s": 0.5}', (HoldKey(0, 0.5),)),
        ("M0001/set/key_switch", b'{"position": "right"}', (TurnKey(0, "right"),)),
        ("M0001/set/reset-peak", b"", (ResetPeak(0),)),
        ("M0001/set/reset-peak", b"PRESS", (ResetPeak(0),)),
        ("M0001/set/reset_peak", b"\xff{", (ResetPeak(0),)),
        ("M0001/set/speed", b"60", SetClock(60, None)),
        ("set/speed", b"0.5", SetClock(0.5, None)),
        ("set/speed", b'{"speed": 60, "paused": true}', SetClock(60, True)),
        ("set/link", b'{"modbus": {"mode": "silent"}}', (SetLink(None, {"modbus": LinkFault("silent")}),)),
    ],
)
def test_a_command_asks_for_what_the_http_api_takes(topic: str, payload: bytes, request_: object) -> None:
    assert asked(topic, payload).request == request_


@pytest.mark.parametrize(
    ("topic", "payload", "words"),
    [
        ("M0001/set/load", b"{kw", "body, character 1: is not JSON: "),
        ("M0001/set/load", b"", "body, character 0: is not JSON: "),
        ("M0001/set/load", b"NaN", "is not JSON"),
        ("M0001/set/load", b"[" * 60_000, "depth limit exceeded"),
        ("M0001/set/load", b" " * (LARGEST_BODY + 1), "the body is too large; allowed: 65536 bytes"),
        ("M0001/set/speed", b"0", "body.speed: 0 is not allowed; allowed: "),
        ("M0001/set/speed", b"true", "body: true is not allowed; allowed: a mapping with the keys speed"),
        ("set/speed", b'{"sped": 1}', "body.sped: unknown key (did you mean speed?); allowed: speed, paused"),
        ("set/speed", b"{}", "body: changes nothing; allowed: speed, paused, or both"),
        ("M0001/set/key-switch", b'{"position": "left"}', "'left' is not allowed; allowed: right, home"),
        ("M0001/set/key-switch", b"{}", "body: is not one turn; allowed: held_s, or position"),
        (
            "set/link",
            b'{"modbus": {"mode": "odd"}}',
            "body.link.modbus.mode: 'odd' is not allowed; allowed: ",
        ),
        ("set/load", b"{}", "there is no command 'load'; allowed: link, speed"),
        (
            "M0001/set/lod",
            b"{}",
            "'lod'; allowed: load, wiring, supply, environment, link, key-switch, reset-peak, speed",
        ),
        ("M0009/set/load", b"{}", "there is no meter 'M0009'; allowed: M0001 to M0003"),
    ],
)
def test_what_is_wrong_is_answered_with_what_is_allowed(topic: str, payload: bytes, words: str) -> None:
    answer = refused(topic, payload)
    assert (answer["ok"], answer["command"]) == (False, topic.rpartition("/")[2])
    assert words in answer["error"]


@pytest.mark.parametrize("topic", ["M0001/set/reset-peak", "set/speed"])
def test_a_retained_command_is_refused(topic: str) -> None:
    assert "a retained command is not obeyed" in refused(topic, b"1", retain=True)["error"]


@pytest.mark.parametrize(
    ("incoming", "where"),
    [
        (Incoming(f"{ROOT}/M0001/set/speed", b"1"), f"{ROOT}/M0001/result"),
        (Incoming(f"{ROOT}/set/speed", b"1"), f"{ROOT}/result"),
        (Incoming(f"{ROOT}/set/set/speed", b"1"), f"{ROOT}/set/result"),
        (Incoming(f"{ROOT}/set/speed", b"1", response_topic="ask/me"), "ask/me"),
        (Incoming(f"{ROOT}/set/speed", b"1", response_topic="ask/+"), f"{ROOT}/result"),
        (Incoming(f"{ROOT}/set/speed", b"1", response_topic="$SYS/a"), f"{ROOT}/result"),
        (Incoming(f"{ROOT}/set/speed", b"1", response_topic="a" * 70_000), f"{ROOT}/result"),
        (Incoming(f"{ROOT}/{'a' * 65_512}/set/a", b"1"), f"{ROOT}/result"),
    ],
)
def test_the_answer_goes_where_it_is_wanted_if_that_can_be(incoming: Incoming, where: str) -> None:
    heard = COMMANDS.heard(incoming._replace(correlation=b"\x00mark"))
    refusal = RequestRefusedError("no")
    (message,) = heard.answer(refusal) if isinstance(heard, Asked) else heard.messages  # type: ignore[union-attr]  # one of both
    assert message.topic == where
    assert message.properties.correlation == b"\x00mark"


@pytest.mark.parametrize(
    ("topic", "payload", "outcome", "answer"),
    [
        ("M0001/set/load", b'{"kw": 1}', ("",), {"ok": True}),
        ("M0001/set/load", b'{"kw": 1}', RequestRefusedError("body.load: x"), {"error": "body.load: x"}),
        ("M0001/set/key-switch", b'{"held_s": 1}', ("",), {"reset": None, "reason": ""}),
        ("M0001/set/key-switch", b'{"position": "home"}', ("",), {"reset": True, "reason": ""}),
        ("M0001/set/key-switch", b'{"position": "home"}', ("why",), {"reset": False, "reason": "why"}),
        (
            "M0001/set/key_switch",
            b'{"position": "right"}',
            ("why",),
            {"command": "key-switch", "reset": False},
        ),
    ],
)
def test_the_answer_tells_what_came_of_a_command(
    topic: str, payload: bytes, outcome: Outcome | RequestRefusedError, answer: dict[str, Any]
) -> None:
    (message,) = asked(topic, payload).answer(outcome)
    told = answered(message)
    assert answer.items() <= told.items()
    if told["ok"]:
        assert (told["tick"], told["time"]) == (0, "2026-01-05T00:00:00Z")
    else:
        assert set(told) == {"command", "ok", "error"}


@pytest.mark.parametrize(
    "topic",
    [
        f"{ROOT}/M0001/state",
        f"{ROOT}/M0001/set/a/b",
        f"{ROOT}/set",
        "M0001/set/load",
        "x/M0001/set/speed",
        "",
    ],
)
def test_what_is_no_command_is_not_answered(topic: str) -> None:
    assert COMMANDS.heard(Incoming(topic, b"1")) is None


def test_without_commands_nothing_is_subscribed_to_and_nothing_obeyed() -> None:
    plain = Plain(Topics(ROOT), METERS, Payloads(commands=False), Station())
    assert not [each for each in plain.subscriptions if "set" in each]
    assert plain.heard(Incoming(f"{ROOT}/set/speed", b"1")) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)
topics = st.one_of(
    st.builds(
        "/".join,
        st.lists(
            st.sampled_from(["M0001", "set", "load", "link", "key_switch", "reset-peak", "speed", ""])
            | st.text(st.characters(exclude_characters="/+#\0", exclude_categories=["Cs"]), max_size=5),
            max_size=4,
        ),
    ).map(f"{ROOT}/".__add__),
    st.text(max_size=20),
)


@given(
    topic=topics,
    payload=st.binary(max_size=40) | json_values.map(lambda value: json.dumps(value).encode()),
    retain=st.booleans(),
    response=st.text(max_size=10),
    correlation=st.binary(max_size=10),
)
@example(topic=f"{ROOT}/M0001/set/speed", payload=b"1e999", retain=False, response="", correlation=b"")
def test_whatever_is_published_is_asked_for_answered_or_passed_over(
    *, topic: str, payload: bytes, retain: bool, response: str, correlation: bytes
) -> None:
    plain = Plain(Topics(ROOT), METERS, Payloads(kinds=frozenset({"state", "homeassistant"})), Station())
    heard = plain.heard(Incoming(topic, payload, retain, response, correlation))
    messages = heard.answer(("",)) if isinstance(heard, Asked) else ()
    messages = heard.messages if isinstance(heard, Said) else messages
    for message in messages:
        told = answered(message)
        assert told["ok"] is isinstance(heard, Asked) is ("error" not in told)
