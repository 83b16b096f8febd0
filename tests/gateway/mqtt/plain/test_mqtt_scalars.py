"""What goes to the `point` topics: single values, when they change."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gateway.mqtt.messages import Message, Properties
from gateway.mqtt.plain.convention import Plain
from gateway.mqtt.plain.scalars import Scalars
from gateway.mqtt.plain.state import States
from gateway.mqtt.plain.topics import Topics
from gateway.payloads import Payloads
from sims.models import Nameplate
from sims.snapshot import Snapshot
from tests.support.mqtt import Station

Plates = Callable[[int], list[Nameplate]]
Reading = Callable[..., Snapshot]

TOPICS = Topics.under("metergate", "plant-a")


def by_topic(messages: list[Message]) -> dict[str, bytes]:
    return {message.topic.removeprefix("metergate/plant-a/"): message.payload for message in messages}


def test_the_first_scalars_are_what_the_state_says_and_text_has_no_quotes(
    plates: Plates, reading: Reading
) -> None:
    meters = plates(3)
    snapshot = reading(meters)
    states = States(TOPICS, meters, Payloads()).of(snapshot)
    for meter, said, (state,) in zip(
        meters, Scalars(TOPICS, meters, Payloads()).of(snapshot), states, strict=True
    ):
        expected: dict[str, Any] = json.loads(state.payload)
        for name in ("time", "tick"):
            del expected[name]
        spoken = by_topic(said)
        assert set(spoken) == {f"{meter.id}/point/{name}" for name in expected}
        for name, value in expected.items():
            payload = spoken[f"{meter.id}/point/{name}"].decode()
            assert payload == value if isinstance(value, str) else json.loads(payload) == value


def test_flags_numbers_times_and_text_read_as_tools_expect_them(plates: Plates, reading: Reading) -> None:
    meters = plates(2)
    first, second = map(by_topic, Scalars(TOPICS, meters, Payloads()).of(reading(meters)))
    assert first["M0001/point/powered"] == b"true"
    assert first["M0001/point/stale"] == b"false"
    assert first["M0001/point/lcd_text"] == b"  000042"
    assert first["M0001/point/lcd_screen"] == b"1"
    assert first["M0001/point/peak_demand_time"] == b"2026-01-05T00:15:00Z"
    assert second["M0002/point/peak_demand_time"] == b"null"


def test_only_what_has_changed_by_more_than_its_deadband_is_said(plates: Plates, reading: Reading) -> None:
    meters = plates(2)
    scalars = Scalars(TOPICS, meters, Payloads(deadbands={"active_power": 0.1}))
    for watts, frequency in (([1000.0, 1000.0], [60.0, 60.0]), ([1099.0, 1101.0], [60.0, 60.01])):
        columns = {"active_power": np.array(watts), "frequency": np.array(frequency)}
        first, second = scalars.of(reading(meters, **columns))
    assert first == []
    assert by_topic(second) == {
        "M0002/point/active_power": b"1.101",
        "M0002/point/frequency": b"60.01",
    }


def test_all_of_them_are_said_again_after_each_birth(plates: Plates, reading: Reading) -> None:
    meters, snapshot = plates(1), reading(plates(1))
    plain = Plain(TOPICS, meters, Payloads(kinds=frozenset({"scalars"})), Station())
    list(plain.births(snapshot))
    (first,) = plain.states(snapshot)
    assert list(plain.states(snapshot)) == [[]]
    list(plain.births(snapshot))
    assert list(plain.states(snapshot)) == [first]


@pytest.mark.parametrize(("qos", "retain", "expiry_s"), [(0, True, None), (1, False, 60)])
def test_states_and_scalars_have_the_qos_retention_and_properties_that_are_wanted(
    plates: Plates, reading: Reading, *, qos: int, retain: bool, expiry_s: int | None
) -> None:
    meters = plates(1)
    payloads = Payloads(kinds=frozenset({"state", "scalars"}), qos=qos, retain=retain, expiry_s=expiry_s)
    plain = Plain(TOPICS, meters, payloads, Station())
    ((state, *scalars),) = plain.states(reading(meters))
    user = (("gateway", "plant-a"),)
    assert state[2:] == (qos, retain, Properties("application/json", expiry_s, user))
    assert {message[2:] for message in scalars} == {(qos, retain, Properties("text/plain", expiry_s, user))}
