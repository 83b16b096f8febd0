"""The section of MQTT: what is published, and whether commands are obeyed."""

from pathlib import Path

import pytest

from gateway.config.reader import load_config
from gateway.errors import ConfigError
from gateway.payloads import Payloads


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "plant.yaml"
    file.write_text(f"meters: [{{id: a}}]\nmqtt: {text}\n")
    return file


def test_what_is_published_is_what_the_section_says(tmp_path: Path) -> None:
    config = load_config(
        written(
            tmp_path,
            "{version: '5', payload: [state, scalars, homeassistant], qos: 1, retain: false, expiry_s: 60, "
            "deadband: {active_power: 0.05}, commands: false, homeassistant: {prefix: ha}}",
        )
    )
    assert config.mqtt
    assert config.mqtt.payloads == Payloads(
        kinds=frozenset({"state", "scalars", "homeassistant"}),
        qos=1,
        retain=False,
        expiry_s=60,
        deadbands={"active_power": 0.05},
        commands=False,
        homeassistant_prefix="ha",
        sparkplug_node=config.gateway_id,
    )


def test_commands_are_obeyed_unless_the_section_says_no(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, "{}"))
    assert config.mqtt
    assert config.mqtt.payloads.commands


@pytest.mark.parametrize(
    ("section", "words"),
    [
        (
            "{payload: [homeassistant]}",
            "mqtt.payload: homeassistant shows what state says; allowed: with state",
        ),
        ("{commands: 1}", "mqtt.commands: 1 is not allowed; allowed: true or false"),
    ],
)
def test_what_contradicts_itself_is_told_with_what_is_allowed(
    tmp_path: Path, section: str, words: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        load_config(written(tmp_path, section))
    assert words in str(raised.value)
