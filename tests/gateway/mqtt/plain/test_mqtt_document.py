"""What docs/mqtt.md says is what the plain convention publishes."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from gateway.clock import MANUAL_START
from gateway.config.mqtt_sections import BrokerTlsSection, HomeAssistantSection, MqttSection
from gateway.config.reader import load_config
from gateway.database import Database
from gateway.journal import Entry, FlagChange, Journal
from gateway.mqtt.convention import Asked, Said
from gateway.mqtt.messages import Incoming, Message
from gateway.mqtt.plain.convention import Plain
from gateway.mqtt.plain.topics import Topics
from gateway.payloads import DEFAULT, PAYLOADS, Payloads
from sims.fleet import Fleet
from sims.points import NS_PER_S
from sims.snapshot import Tick
from tests.support.mqtt import Station

DOCUMENT = (Path(__file__).parents[4] / "docs/mqtt.md").read_text()
CELLS = {
    word
    for row in re.findall(r"^\|(.*?)\|", DOCUMENT, re.MULTILINE)
    for word in re.findall(r"`([^`]+)`", row)
}
ALL = Payloads(kinds=frozenset({"state", "scalars", "homeassistant"}))
LOBBY = """
gateway: {id: plant-a}
meters: [{id: lobby, model: series-1000-1p2w-120, accuracy: ideal, load: {kw: 4.2, power_factor: 0.9}}]
"""


def example(name: str) -> Any:
    """Return the JSON after a mark in the document."""
    (found,) = re.findall(rf"<!-- {name} -->\n```json\n(.*?)\n```", DOCUMENT, re.DOTALL)
    return json.loads(found)


class Lobby:
    """The meter of the document, a quarter of an hour after its start, at a station at tick 7."""

    def __init__(self, tmp_path: Path) -> None:
        file = tmp_path / "lobby.yaml"
        file.write_text(LOBBY)
        config = load_config(file)
        station = Station()
        station.tick = 7
        self.plain = Plain(Topics("metergate/plant-a"), config.nameplates, ALL, station)
        fleet = Fleet(config.meters, start=MANUAL_START, seed=config.seed)
        fleet.step(Tick(0, MANUAL_START, 0))
        self.snapshot = fleet.step(Tick(1, MANUAL_START + 900 * NS_PER_S, 0))
        self.journal = Journal(Database(), ["1"], kinds=frozenset({"history"}), most=100)

    def messages(self) -> dict[str, Message]:
        """Return what the meter and the gateway say at first, by topic."""
        births = list(self.plain.births(self.snapshot))
        states = [message for messages in self.plain.states(self.snapshot) for message in messages]
        self.journal.add(self.snapshot)
        changed = FlagChange(0, 1, MANUAL_START + 7 * NS_PER_S, 7, "reverse_phase", value=True)
        entries = [Entry(0, changed), *self.journal.pending(0, 100)]
        told = [*map(self.plain.message, entries), *self.plain.closing(self.snapshot)]
        return {message.topic: message for message in (*births, *states, *told)}


@pytest.fixture
def lobby(tmp_path: Path) -> Lobby:
    return Lobby(tmp_path)


def test_the_state_is_that_of_a_meter(lobby: Lobby) -> None:
    assert json.loads(lobby.messages()["metergate/plant-a/lobby/state"].payload) == example("state")


def test_events_and_intervals_are_those_of_a_meter(lobby: Lobby) -> None:
    messages = lobby.messages()
    for kind in ("event", "history"):
        assert json.loads(messages[f"metergate/plant-a/lobby/{kind}"].payload) == example(kind)


def test_the_component_is_that_of_its_device(lobby: Lobby) -> None:
    device = json.loads(lobby.messages()["homeassistant/device/metergate__plant-a__lobby/config"].payload)
    assert device["cmps"]["energy"] == example("component")


def test_every_topic_stands_there_with_its_qos_and_retention(lobby: Lobby) -> None:
    rows = re.findall(r"^\| `(metergate/\S+)` \|.*\| (\S+) \| (\S+) \|$", DOCUMENT, re.MULTILINE)
    table = {topic: ends for topic, *ends in rows}
    for topic, message in lobby.messages().items():
        if topic.startswith("metergate/"):
            known = re.sub("point/.*", "point/<name>", topic)
            words = {str(message.qos), "`qos`"}, {"yes" if message.retain else "no", "`retain`"}
            assert all(word in allowed for word, allowed in zip(table[known], words, strict=True)), topic


def test_the_answers_are_those_to_commands(lobby: Lobby) -> None:
    done = lobby.plain.heard(Incoming("metergate/plant-a/lobby/set/load", b'{"kw": 30}'))
    assert isinstance(done, Asked)
    (answer,) = done.answer(("",))
    assert (answer.topic, json.loads(answer.payload)) == ("metergate/plant-a/lobby/result", example("done"))
    refused = lobby.plain.heard(Incoming("metergate/plant-a/set/speed", b'{"sped": 60}'))
    assert isinstance(refused, Said)
    assert json.loads(refused.messages[0].payload) == example("refused")


def test_every_command_of_the_table_is_one_that_is_taken_and_none_is_missing(lobby: Lobby) -> None:
    table = DOCUMENT[DOCUMENT.index("| command |") : DOCUMENT.index("An underscore")]
    rows = re.findall(r"^\| `([a-z-]+)` \| (.*?) \|", table, re.MULTILINE)
    for command, examples in rows:
        for payload in re.findall(r"`([^`]+)`", examples) or ["PRESS"]:
            topic = f"metergate/plant-a/lobby/set/{command}"
            assert isinstance(lobby.plain.heard(Incoming(topic, payload.encode())), Asked), payload
    unknown = lobby.plain.heard(Incoming("metergate/plant-a/lobby/set/x", b""))
    assert isinstance(unknown, Said)
    allowed = json.loads(unknown.messages[0].payload)["error"].partition("allowed: ")[2].split(", ")
    assert sorted(command for command, _ in rows) == sorted(allowed)


@pytest.mark.parametrize("section", [MqttSection, BrokerTlsSection, HomeAssistantSection])
def test_every_key_of_the_configuration_stands_there(section: type[BaseModel]) -> None:
    configuration = DOCUMENT[DOCUMENT.index("## Configuration") :]
    assert [key for key in section.model_fields if f"`{key}`" not in configuration] == []


def test_every_payload_stands_there_and_the_default() -> None:
    assert set(PAYLOADS) <= CELLS
    assert f"`[{', '.join(DEFAULT)}]`" in DOCUMENT
