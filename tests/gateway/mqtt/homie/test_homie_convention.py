import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.commands import Change, ResetPeak
from gateway.errors import RequestRefusedError
from gateway.mqtt.convention import Asked, Said
from gateway.mqtt.homie.convention import Homie
from gateway.mqtt.homie.properties import PROPERTIES, WAYS
from gateway.mqtt.messages import Incoming, Message
from gateway.payloads import Payloads
from sims.models import Nameplate
from sims.points import FLAGS, PUBLISHED
from sims.snapshot import Snapshot
from tests.support.mqtt import plain_snapshot
from tests.support.snapshots import nameplates

Plates = Callable[[int], list[Nameplate]]
Reading = Callable[..., Snapshot]

ROOT = "homie/5/plant-a"
FIRST = f"{ROOT}--m0001"

VALID = {
    "float": rb"-?\d+(\.\d+)?([eE]-?\d+)?",
    "integer": rb"-?\d+",
    "boolean": b"true|false",
    "datetime": rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z|",
    "enum": b"blank|total|instantaneous|peak|test",
    "string": rb"[ -~]+|\x00",
}


def homie(meters: Sequence[Nameplate], **payloads: Any) -> Homie:
    return Homie("plant-a", meters, Payloads(**payloads))


def resettable(meters: Sequence[Nameplate]) -> list[Nameplate]:
    return [replace(meter, options=frozenset({"demand", "peak_reset"})) for meter in meters]


def last(messages: Sequence[Message]) -> dict[str, bytes]:
    return {message.topic: message.payload for message in messages}


def put(snapshot: Snapshot, **columns: Any) -> Snapshot:
    return replace(snapshot, columns={**snapshot.columns, **columns})


def born(meters: Sequence[Nameplate], **columns: Any) -> tuple[Homie, Snapshot]:
    convention, snapshot = homie(meters), plain_snapshot(meters, **columns)
    list(convention.births(snapshot))
    return convention, snapshot


def test_a_device_is_in_init_then_described_then_shown_and_then_ready(
    plates: Plates, reading: Reading
) -> None:
    meters = plates(5)
    said = list(homie(meters).births(reading(meters)))
    devices = [ROOT, *(f"{ROOT}--m{n:04}" for n in range(1, 6))]
    for device in devices:
        own = [(m.topic.removeprefix(device), m.payload) for m in said if m.topic.startswith(f"{device}/")]
        topics = [topic for topic, _ in own]
        assert own[0] == ("/$state", b"init")
        assert own[-1] == ("/$state", b"ready")
        assert topics[1] == "/$description"
        assert topics.count("/$state") == 2
        assert topics.count("/$description") == 1
    assert said[0].topic == said[-1].topic == f"{ROOT}/$state"
    assert all(message.retain for message in said)
    assert {m.qos for m in said if m.payload == b"ready"} == {1}
    assert {m.qos for m in said if m.payload != b"ready" and not m.topic.endswith("/tick")} == {0}
    (qos,) = {m.qos for m in homie(meters, qos=1).births(reading(meters))}
    assert qos == 1


def test_every_value_that_is_described_is_there_at_birth_and_as_homie_writes_it(
    plates: Plates, reading: Reading
) -> None:
    meters = plates(7)
    values = last(list(homie(meters).births(reading(meters))))
    for meter in meters:
        device = f"{ROOT}--{meter.id.lower()}"
        for point in PUBLISHED:
            topic = device + WAYS[point.name][0]
            if point.lines <= meter.model.lines:
                kind = PROPERTIES[point.name].datatype
                assert re.fullmatch(VALID[kind], values[topic]), (topic, values[topic])
            else:
                assert topic not in values
        assert values[f"{device}/flags/powered"] == b"true"
        assert values[f"{device}/display/lcd-text"] == b"  000042"
        assert values[f"{device}/display/lcd-screen"] == b"total"
    assert values[f"{ROOT}--m0001/demand/peak-demand-time"] == b"2026-01-05T00:15:00Z"
    assert values[f"{ROOT}--m0002/demand/peak-demand-time"] == b""
    assert values[f"{ROOT}/gateway/tick"] == b"1"
    assert values[f"{ROOT}/gateway/clock"] == b"2026-01-05T00:00:01Z"


def test_a_string_without_characters_is_one_byte_0(plates: Plates, reading: Reading) -> None:
    meters = plates(1)
    blank = reading(meters, lcd_text=np.array([b""], dtype="S8"))
    assert last(list(homie(meters).births(blank)))[f"{FIRST}/display/lcd-text"] == b"\x00"


def test_after_birth_changes_alone_are_told_at_the_qos_of_scalars(plates: Plates, reading: Reading) -> None:
    meters = plates(2)
    convention, snapshot = homie(meters, qos=1), reading(meters)
    list(convention.births(snapshot))
    assert list(convention.states(snapshot)) == [[], []]
    power = snapshot.columns["active_power"] + np.array([0.0, 1500.0])
    first, (change,) = convention.states(put(snapshot, active_power=power))
    assert first == []
    assert change.topic == f"{ROOT}--m0002/power/active-power"
    assert (change.qos, change.retain) == (1, True)


def test_a_deadband_holds_values_back(plates: Plates, reading: Reading) -> None:
    meters = plates(1)
    convention, snapshot = homie(meters, deadbands={"active_power": 2.0}), reading(meters)
    list(convention.births(snapshot))
    assert list(convention.states(put(snapshot, active_power=snapshot.columns["active_power"] + 1500))) == [
        []
    ]


def test_an_alert_lasts_as_long_as_its_flag(plates: Plates, reading: Reading) -> None:
    meters = plates(1)
    convention, snapshot = homie(meters), reading(meters)
    assert last(list(convention.births(snapshot)))[f"{FIRST}/$alert/over-current"] == b""
    lit = put(snapshot, flags=snapshot.columns["flags"] | np.uint16(1 << FLAGS.index("over_current")))
    (messages,) = convention.states(lit)
    assert last(messages) == {
        f"{FIRST}/flags/over-current": b"true",
        f"{FIRST}/$alert/over-current": b"A current is over 110 % of the rated current",
    }
    (messages,) = convention.states(snapshot)
    assert last(messages)[f"{FIRST}/$alert/over-current"] == b""
    assert all(message.retain for message in messages)


def test_a_round_ends_with_a_tick_that_is_acknowledged(plates: Plates, reading: Reading) -> None:
    meters = plates(1)
    clock, tick = homie(meters).closing(reading(meters, tick=5))
    assert clock[:2] == (f"{ROOT}/gateway/clock", b"2026-01-05T00:00:05Z")
    assert tick[:4] == (f"{ROOT}/gateway/tick", b"5", 1, True)


def test_the_will_is_that_the_root_is_lost_and_the_farewell_that_all_are_disconnected(plates: Plates) -> None:
    convention = homie(plates(2))
    assert convention.will()[:4] == (f"{ROOT}/$state", b"lost", 1, True)
    assert [message[:2] for message in convention.farewell()] == [
        (f"{ROOT}--m0001/$state", b"disconnected"),
        (f"{ROOT}--m0002/$state", b"disconnected"),
        (f"{ROOT}/$state", b"disconnected"),
    ]


def test_a_meter_that_is_found_shows_everything_before_it_is_ready(plates: Plates, reading: Reading) -> None:
    meters = plates(3)
    convention, snapshot = homie(meters), reading(meters)
    at_birth = last(list(convention.births(snapshot)))
    assert [message[:4] for message in convention.lost(1)] == [(f"{ROOT}--m0002/$state", b"lost", 1, True)]
    first, *values, ready = convention.found(1, snapshot)
    assert (first.payload, ready.payload) == (b"init", b"ready")
    assert {first.topic, ready.topic} == {f"{ROOT}--m0002/$state"}
    own = {
        topic: payload
        for topic, payload in at_birth.items()
        if topic.startswith(f"{ROOT}--m0002/") and "/$state" not in topic and "/control/" not in topic
    }
    del own[f"{ROOT}--m0002/$description"]
    assert last(values) == own


def test_another_domain_begins_all_topics(plates: Plates, reading: Reading) -> None:
    meters = plates(2)
    convention = homie(meters, homie_domain="site-b")
    said = [*convention.births(reading(meters)), *convention.farewell(), convention.will()]
    assert all(message.topic.startswith("site-b/5/plant-a") for message in said)
    assert convention.subscriptions == ("site-b/5/+/control/+/set",)


def asked(convention: Homie, topic: str, payload: bytes) -> Asked:
    heard = convention.heard(Incoming(f"{FIRST}/control/{topic}/set", payload))
    assert isinstance(heard, Asked)
    return heard


def test_a_load_is_set_and_keeps_its_power_factor(plates: Plates) -> None:
    watts, factor = np.array([5000.4]), np.array([-0.9])
    convention, snapshot = born(plates(1), active_power=watts, power_factor=factor)
    values = last(list(convention.births(snapshot)))
    assert values[f"{FIRST}/control/load"] == b"5.0"
    assert values[f"{FIRST}/control/load-power-factor"] == b"0.9"
    heard = asked(convention, "load", b"30")
    assert heard.request == (Change(0, {"load": {"kw": 30.0, "power_factor": 0.9}}),)
    assert last(heard.answer(("",))) == {
        f"{FIRST}/control/load": b"30.0",
        f"{FIRST}/control/load-power-factor": b"0.9",
    }
    heard = asked(convention, "load-power-factor", b"-5e-1")
    assert heard.request == (Change(0, {"load": {"kw": 30.0, "power_factor": -0.5}}),)
    heard.answer(("",))
    again = last(list(convention.births(snapshot)))
    assert again[f"{FIRST}/control/load"] == b"30.0"
    assert again[f"{FIRST}/control/load-power-factor"] == b"-0.5"


def test_a_meter_that_measures_nothing_has_no_load(plates: Plates) -> None:
    nothing = np.array([np.nan])
    convention, snapshot = born(plates(1), active_power=nothing, power_factor=nothing)
    values = last(list(convention.births(snapshot)))
    assert (values[f"{FIRST}/control/load"], values[f"{FIRST}/control/load-power-factor"]) == (b"0.0", b"1.0")


def test_a_refusal_leaves_the_load_and_is_in_the_log(plates: Plates) -> None:
    convention, snapshot = born(plates(1))
    before = last(list(convention.births(snapshot)))[f"{FIRST}/control/load"]
    (warning,) = asked(convention, "load", b"30").answer(RequestRefusedError("the gateway is stopping"))
    assert warning[:4] == (f"{FIRST}/$log/warn", b"the gateway is stopping", 0, False)
    assert last(list(convention.births(snapshot)))[f"{FIRST}/control/load"] == before


def test_the_peak_is_reset_and_that_is_told_once(plates: Plates) -> None:
    convention, _ = born(resettable(plates(1)))
    heard = asked(convention, "reset-peak", b"reset")
    assert heard.request == (ResetPeak(0),)
    assert [message[:4] for message in heard.answer(("",))] == [
        (f"{FIRST}/control/reset-peak", b"reset", 0, False)
    ]


@pytest.mark.parametrize(
    ("property_id", "payload", "words"),
    [
        ("load", b"much", "load: 'much' cannot be; allowed: a number of -1000000 to 1000000"),
        ("load", b"", "load: '' cannot be"),
        ("load", b"-", "cannot be"),
        ("load", b" 5", "cannot be"),
        ("load", b"+5", "cannot be"),
        ("load", b"NaN", "cannot be"),
        ("load", b"1e999", "cannot be"),
        ("load", b"1" * 500, "cannot be"),
        ("load", "٣".encode(), "cannot be"),
        ("load", b"\xff", r"load: '\ufffd' cannot be"),
        ("load-power-factor", b"1.01", "load-power-factor: '1.01' cannot be; allowed: a number of -1 to 1"),
        ("reset-peak", b"true", "reset-peak: 'true' is no command; allowed: reset"),
        ("speed", b"5", "no such property to set; allowed: reset-peak, load, load-power-factor"),
    ],
)
def test_what_cannot_be_set_is_in_the_log_with_what_is_allowed(
    plates: Plates, property_id: str, payload: bytes, words: str
) -> None:
    convention, _ = born(resettable(plates(1)))
    heard = convention.heard(Incoming(f"{FIRST}/control/{property_id}/set", payload))
    assert isinstance(heard, Said)
    (warning,) = heard.messages
    assert warning.topic == f"{FIRST}/$log/warn"
    assert not warning.retain
    assert words in warning.payload.decode()


def test_a_meter_without_the_option_has_no_reset(plates: Plates) -> None:
    convention, _ = born(plates(1))
    heard = convention.heard(Incoming(f"{FIRST}/control/reset-peak/set", b"reset"))
    assert isinstance(heard, Said)
    assert b"allowed: load, load-power-factor" in heard.messages[0].payload


@pytest.mark.parametrize(
    "topic",
    [
        f"{FIRST}/control/load",
        f"{FIRST}/power/active-power/set",
        f"{ROOT}--m0009/control/load/set",
        f"{ROOT}/control/load/set",
        "homie/5/another/control/load/set",
        "homie/4/plant-a--m0001/control/load/set",
    ],
)
def test_what_concerns_nobody_is_left_alone(plates: Plates, topic: str) -> None:
    convention, _ = born(plates(1))
    assert convention.heard(Incoming(topic, b"5")) is None


def test_a_retained_set_is_not_obeyed(plates: Plates) -> None:
    convention, _ = born(plates(1))
    assert convention.heard(Incoming(f"{FIRST}/control/load/set", b"5", retain=True)) is None


CONVENTION = homie(resettable(nameplates(1)))


@given(st.text(), st.binary())
def test_whatever_the_topic_nothing_is_raised(topic: str, payload: bytes) -> None:
    for each in (topic, f"{FIRST}/{topic}", f"{FIRST}/control/{topic}"):
        assert isinstance(CONVENTION.heard(Incoming(each, payload)), Asked | Said | None)


@given(
    st.sampled_from(["reset-peak", "load", "load-power-factor", "", "x/y"]) | st.text(max_size=9),
    st.binary(max_size=80) | st.floats().map(lambda number: str(number).encode()),
)
def test_whatever_is_set_is_asked_for_or_refused_and_raises_nothing(property_id: str, payload: bytes) -> None:
    heard = CONVENTION.heard(Incoming(f"{FIRST}/control/{property_id}/set", payload))
    assert isinstance(heard, Asked | Said)
    if isinstance(heard, Asked) and property_id != "reset-peak":
        for message in heard.answer(("",)):
            assert re.fullmatch(VALID["float"], message.payload)


def test_who_wants_no_commands_hears_none() -> None:
    assert homie(nameplates(1), commands=False).subscriptions == ()
