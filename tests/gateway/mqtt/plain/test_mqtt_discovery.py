"""Home Assistant's device discovery, key by key against what its documentation allows."""

import json
import re
from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mqtt.convention import Reborn, Said
from gateway.mqtt.messages import Incoming, Message
from gateway.mqtt.plain.discovery import LARGEST_NOTE, Discovery, identifier
from gateway.mqtt.plain.topics import Topics
from gateway.payloads import Payloads
from sims.models import MODELS, Nameplate
from sims.points import FLAGS, POINTS, PUBLISHED, Kind
from tests.support.snapshots import nameplates

TOPICS = Topics.under("metergate", "plant-a")
NOTE = "metergate/plant-a/homeassistant"
WANTED = Payloads(kinds=frozenset({"state", "homeassistant"}))

ENTITY: Final = {"p", "name", "unique_id", "device_class", "entity_category", "enabled_by_default"}
KEYS: Final = {
    "sensor": ENTITY
    | {
        "availability",
        "options",
        "state_class",
        "state_topic",
        "suggested_display_precision",
        "unit_of_measurement",
        "value_template",
    },
    "binary_sensor": ENTITY | {"payload_off", "payload_on", "state_topic", "value_template"},
    "button": ENTITY | {"command_topic", "payload_press"},
    "number": ENTITY
    | {
        "command_template",
        "command_topic",
        "max",
        "min",
        "mode",
        "step",
        "unit_of_measurement",
        "value_template",
    },
}
"""Keys of the platforms at https://www.home-assistant.io/integrations/ (sensor.mqtt and so on)."""

DEVICE: Final = {
    "identifiers",
    "manufacturer",
    "model",
    "model_id",
    "name",
    "serial_number",
    "sw",
    "via_device",
}
SHARED: Final = {"availability", "availability_mode", "state_topic"}

CLASSES: Final[dict[str | None, tuple[set[str | None], set[str | None]]]] = {
    None: ({None, "pulses"}, {None, "total_increasing"}),
    "apparent_power": ({"VA"}, {"measurement"}),
    "current": ({"A", "mA"}, {"measurement"}),
    "energy": ({"Wh", "kWh", "MWh"}, {"total", "total_increasing"}),
    "enum": ({None}, {None}),
    "frequency": ({"Hz", "kHz"}, {"measurement"}),
    "power": ({"W", "kW"}, {"measurement"}),
    "power_factor": ({"%", None}, {"measurement"}),
    "reactive_power": ({"var"}, {"measurement"}),
    "temperature": ({"°C", "°F", "K"}, {"measurement"}),
    "timestamp": ({None}, {None}),
    "voltage": ({"V", "mV"}, {"measurement"}),
}
"""Units and state classes of the device classes of sensors that all versions with device discovery take."""

BINARY_CLASSES: Final = {None, "connectivity", "light", "power", "problem"}


def meter(key: str = "series-2000-277-480", **rest: Any) -> Nameplate:
    given: dict[str, Any] = {"options": frozenset({"demand", "peak_reset"}), "id": "M0001", **rest}
    return Nameplate(number=1, model=MODELS[key], serial="000000000017", **given)


def devices(*meters: Nameplate, payloads: Payloads = WANTED) -> dict[str, Any]:
    """Return the devices by their topics, and the note."""
    messages = list(Discovery(TOPICS, meters, payloads).messages())
    assert {(message.qos, message.retain) for message in messages} <= {(1, True)}
    return {message.topic: json.loads(message.payload) for message in messages}


def of(one: Nameplate, payloads: Payloads = WANTED) -> dict[str, Any]:
    return dict(devices(one, payloads=payloads)["homeassistant/device/metergate__plant-a__M0001/config"])


def shown(device: dict[str, Any]) -> dict[str, Any]:
    """Return the components that a device has."""
    return {name: one for name, one in device["cmps"].items() if set(one) != {"p"}}


@pytest.mark.parametrize("key", MODELS)
def test_every_key_is_one_that_home_assistant_knows(key: str) -> None:
    gateway, device, _ = devices(meter(key)).values()
    for each in (gateway, device):
        assert set(each) <= {"dev", "o", "cmps"} | SHARED
        assert set(each["dev"]) <= DEVICE
        assert set(each["o"]) <= {"name", "sw", "url"}
        for name, component in shown(each).items():
            assert set(component) <= KEYS[component["p"]], name
            assert component["unique_id"] == f"{each['dev']['identifiers'][0]}__{name}"
            assert component.get("entity_category") in {None, "config", "diagnostic"}


@pytest.mark.parametrize("key", MODELS)
def test_classes_units_and_state_classes_go_together(key: str) -> None:
    gateway, device, _ = devices(meter(key)).values()
    for name, one in (shown(gateway) | shown(device)).items():
        if one["p"] == "sensor":
            units, states = CLASSES[one.get("device_class")]
            assert one.get("unit_of_measurement") in units, name
            assert one.get("state_class") in states, name
            assert ("options" in one) is (one.get("device_class") == "enum")
        if one["p"] == "binary_sensor":
            assert one.get("device_class") in BINARY_CLASSES, name


@pytest.mark.parametrize("key", MODELS)
def test_a_meter_has_all_points_of_its_model_and_what_it_lacks_is_removed(key: str) -> None:
    device = of(meter(key))
    points = {point.name for point in PUBLISHED if point.lines <= MODELS[key].lines}
    assert set(shown(device)) == points | {"reset_peak", "load"}
    lacking = {name: one for name, one in device["cmps"].items() if name not in shown(device)}
    assert set(lacking) == {point.name for point in PUBLISHED} - points
    assert all(one["p"] == ("binary_sensor" if name in FLAGS else "sensor") for name, one in lacking.items())


def test_a_value_is_found_by_its_name_in_its_own_unit_or_a_thousand_times_it() -> None:
    for name, one in shown(of(meter())).items():
        if name not in {"reset_peak", "load"}:
            assert f"value_json.get('{name}')" in one["value_template"]
            thousand = "* 1000" in one["value_template"]
            units = {"kvar": "var", "kVA": "VA"} if thousand else {}
            expected = POINTS[name].shown_unit if POINTS[name].kind is not Kind.TIME else ""
            assert one.get("unit_of_measurement", "") == units.get(expected, expected)
            assert thousand is (one.get("unit_of_measurement") in {"var", "VA"})


def test_entities_are_named_so_that_their_ids_end_with_the_names_of_points() -> None:
    for name, one in shown(of(meter())).items():
        assert re.sub(r"[^a-z0-9]+", "_", one["name"].lower()) == name.replace(
            "reset_peak", "reset_peak_demand"
        )


def test_flags_are_problems_but_for_those_that_tell_of_none() -> None:
    components = shown(of(meter()))
    problems = {name for name in FLAGS if components[name].get("device_class") == "problem"}
    assert problems == set(FLAGS) - {"led_10wh", "led_1kwh", "lcd_on", "powered"}
    for name in FLAGS:
        assert (components[name]["payload_on"], components[name]["payload_off"]) == ("True", "False")


def test_the_energy_dashboard_takes_the_energy() -> None:
    energy = shown(of(meter()))["energy"]
    keys = ("device_class", "state_class", "unit_of_measurement")
    assert [energy[key] for key in keys] == ["energy", "total_increasing", "kWh"]


def test_a_meter_is_available_with_its_gateway_and_behind_it() -> None:
    device = of(meter(name="Lobby"))
    assert device["state_topic"] == "metergate/plant-a/M0001/state"
    assert device["availability_mode"] == "all"
    assert device["availability"] == [
        {"topic": "metergate/plant-a/status"},
        {"topic": "metergate/plant-a/M0001/status"},
    ]
    assert device["dev"] == {
        "identifiers": ["metergate__plant-a__M0001"],
        "name": "Lobby",
        "manufacturer": "Leviton",
        "model": "Series 2000, 3-phase, 4-wire wye",
        "model_id": "series-2000-277-480",
        "serial_number": "000000000017",
        "sw": "1.0",
        "via_device": "metergate__plant-a",
    }
    assert device["o"]["name"] == "metergate"


def test_the_gateway_is_a_device_that_comes_before_its_meters() -> None:
    first = next(iter(devices(meter()).items()))
    assert first[0] == "homeassistant/device/metergate__plant-a/config"
    assert first[1]["dev"]["identifiers"] == ["metergate__plant-a"]
    assert set(first[1]["cmps"]) == {"status", "tick", "time"}
    assert first[1]["cmps"]["status"]["state_topic"] == "metergate/plant-a/status"


def test_the_button_resets_the_peak_and_the_number_sets_the_load() -> None:
    components = of(meter())["cmps"]
    assert components["reset_peak"]["command_topic"] == "metergate/plant-a/M0001/set/reset-peak"
    assert components["reset_peak"]["payload_press"] == "PRESS"
    assert components["load"]["command_topic"] == "metergate/plant-a/M0001/set/load"
    assert json.loads(components["load"]["command_template"].replace("{{ value }}", "30.5")) == {"kw": 30.5}


@pytest.mark.parametrize(
    ("one", "payloads", "lacking"),
    [
        (meter(options=frozenset()), WANTED, {"reset_peak"}),
        (meter(), replace(WANTED, commands=False), {"reset_peak", "load"}),
    ],
    ids=["no option", "no commands"],
)
def test_what_cannot_be_done_is_not_offered(one: Nameplate, payloads: Payloads, lacking: set[str]) -> None:
    device = of(one, payloads)
    assert {"reset_peak", "load"} - set(shown(device)) == lacking


@given(names=st.lists(st.lists(st.text(min_size=1), min_size=2, max_size=2).map(tuple), unique=True))
def test_ids_are_unique_and_of_the_characters_that_are_allowed(names: list[tuple[str, str]]) -> None:
    ids = [identifier(*each) for each in names]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]+", each) for each in ids)


@pytest.mark.parametrize(
    ("name", "written"),
    [("M0001", "M0001"), ("main_lobby", "main_5flobby"), ("Zähler 1", "Z_c3_a4hler_201")],
)
def test_an_id_stays_readable(name: str, written: str) -> None:
    assert identifier(name) == written


def heard(discovery: Discovery, topic: str, payload: bytes, *, retain: bool = False) -> Any:
    return discovery.heard(Incoming(topic, payload, retain))


def test_devices_are_announced_again_soon_after_home_assistant_has_come() -> None:
    discovery = Discovery(TOPICS, nameplates(2), replace(WANTED, homeassistant_prefix="ha/x"))
    assert "ha/x/status" in discovery.subscriptions
    born = heard(discovery, "ha/x/status", b"online")
    assert isinstance(born, Reborn)
    assert 0 < born.within_s <= 10
    assert heard(discovery, "ha/x/status", b"offline") is None
    assert heard(discovery, "homeassistant/status", b"online") is None


def removed(said: Said | None) -> set[str]:
    """Return the topics that are cleared."""
    assert isinstance(said, Said)
    assert all(message == Message(message.topic, b"", 1, retain=True) for message in said.messages)
    return {message.topic for message in said.messages}


def note(count: int, payloads: Payloads = WANTED) -> bytes:
    """Return what a gateway with so many meters notes last."""
    *_, last = Discovery(TOPICS, nameplates(count), payloads).messages()
    assert last.topic == NOTE
    return last.payload


def test_devices_that_are_not_configured_any_more_are_removed() -> None:
    discovery = Discovery(TOPICS, nameplates(1), WANTED)
    assert NOTE in discovery.subscriptions
    assert removed(heard(discovery, NOTE, note(3), retain=True)) == {
        "homeassistant/device/metergate__plant-a__M0002/config",
        "homeassistant/device/metergate__plant-a__M0003/config",
    }
    assert removed(heard(discovery, NOTE, note(1), retain=True)) == set()
    assert heard(discovery, NOTE, note(3)) is None


def test_all_devices_go_with_another_prefix_and_when_home_assistant_is_switched_off() -> None:
    elsewhere = Discovery(TOPICS, nameplates(1), replace(WANTED, homeassistant_prefix="ha"))
    gone = {
        "homeassistant/device/metergate__plant-a/config",
        "homeassistant/device/metergate__plant-a__M0001/config",
    }
    assert removed(heard(elsewhere, NOTE, note(1), retain=True)) == gone
    off = Discovery(TOPICS, nameplates(1), Payloads())
    assert list(off.messages()) == []
    assert removed(heard(off, NOTE, note(1), retain=True)) == gone | {NOTE}
    assert heard(off, "homeassistant/status", b"online") is None


@pytest.mark.parametrize(
    "topic",
    [
        "homeassistant/device/zigbee/config",
        "homeassistant/device/metergate__plant-b__M0001/config",
        "homeassistant/device/metergate__plant-a__M0002/state",
        "homeassistant/device/metergate__plant-aM0002/config",
        "+/device/metergate__plant-a__M0002/config",
        "#",
        "",
        None,
        7,
    ],
)
def test_a_note_of_somebody_else_removes_nothing_of_others(topic: object) -> None:
    discovery = Discovery(TOPICS, nameplates(1), WANTED)
    assert removed(heard(discovery, NOTE, json.dumps([topic]).encode(), retain=True)) == set()


@pytest.mark.parametrize("payload", [b"{", b"\xff", b"7", b"null", b'{"a": 1}', b'"h"', b"[" * 2000])
def test_a_note_that_is_none_removes_nothing(payload: bytes) -> None:
    assert removed(heard(Discovery(TOPICS, nameplates(1), WANTED), NOTE, payload, retain=True)) == set()


def test_a_note_that_is_too_large_is_not_read() -> None:
    discovery = Discovery(TOPICS, nameplates(1), WANTED)
    large = note(2).ljust(LARGEST_NOTE)
    assert removed(heard(discovery, NOTE, large, retain=True))
    assert removed(heard(discovery, NOTE, large + b" ", retain=True)) == set()
