"""Faults of the line in the configuration file and in what clients change: what is allowed and told."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.config.changes import changed, gateway_change_schema, gateway_changed, link_changed
from gateway.config.reader import load_config
from gateway.errors import ConfigError, FaultyRequestError
from gateway.link_faults import MODES, LinkFault

PLANT = """
gateway: {link: {all: {mode: slow, delay_s: 1.5, jitter_s: 0.25}}}
meters:
  - {id: lobby, link: {modbus: {mode: word_swap}}}
  - {id: "M{n}", count: 2}
  - {id: "N{n}", count: 3, link: {all: {mode: refuse, exception: 6, rate: 0.1, count: 4, for_s: 60}}}
"""
COMMON = "ok, silent, refuse, slow, drop, garble, frozen"
MODBUS = f"{COMMON}, truncate, wrong_transaction, wrong_unit, wrong_length, word_swap, behind"
MQTT = f"{COMMON}, offline, late, out_of_order, duplicate, malformed, nan"
BACNET = f"{COMMON}, error, reject, abort, no_segmentation, cov_lost, duplicate_instance, wrong_clock"
FAULTY = [
    ({"modbus": {"mode": "deaf"}}, "modbus.mode", f"'deaf' is not allowed; allowed: {MODBUS}"),
    ({"all": {"mode": "truncate"}}, "all.mode", f"'truncate' is not allowed; allowed: {COMMON}"),
    ({"modbus": {}}, "modbus.mode", "is missing; allowed: ok, silent"),
    ({"bacnet": {"mode": "behind"}}, "bacnet.mode", f"'behind' is not allowed; allowed: {BACNET}"),
    ({"bacnet": {"mode": "error", "exception": 256}}, "bacnet.exception", "a whole number from 0 to 255"),
    ({"bacnet": {"mode": "error", "error_class": -1}}, "bacnet.error_class", "a whole number from 0 to 255"),
    ({"bacnet": {"mode": "wrong_clock", "offset_s": "1"}}, "bacnet.offset_s", "allowed: a number from"),
    ({"modbus": {"mode": "drop", "offset_s": 1}}, "modbus.offset_s", "unknown key"),
    ({"mqtt": {"mode": "behind"}}, "mqtt.mode", f"'behind' is not allowed; allowed: {MQTT}"),
    ({"mqtt": {"mode": "late", "delay_s": -1}}, "mqtt.delay_s", "allowed: a number from 0 to 3600"),
    ({"mqtt": {"mode": "nan", "offset_s": 1}}, "mqtt.offset_s", "unknown key"),
    ({"modbs": {"mode": "ok"}}, "modbs", "unknown key (did you mean modbus?); allowed: modbus, bacnet, mqtt"),
    ({"all": {"mode": "refuse", "exception": 0}}, "all.exception", "allowed: a whole number from 1 to 255"),
    ({"all": {"mode": "slow", "delay_s": -1}}, "all.delay_s", "allowed: a number from 0 to 3600"),
    ({"all": {"mode": "slow", "jitter_s": -1}}, "all.jitter_s", "allowed: a number from 0 to 3600"),
    ({"all": {"mode": "drop", "rate": 0}}, "all.rate", "allowed: a number more than 0 and up to 1"),
    ({"all": {"mode": "drop", "count": 0}}, "all.count", "allowed: a whole number from 1"),
    ({"all": {"mode": "drop", "for_s": 0}}, "all.for_s", "allowed: a number more than 0"),
    ({"all": {"mode": "drop", "delay": 1}}, "all.delay", "unknown key (did you mean delay_s?)"),
]


def _write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "plant.yaml"
    file.write_text(text)
    return file


def test_a_file_has_faults_for_the_port_for_meters_and_for_groups(tmp_path: Path) -> None:
    refused = LinkFault("refuse", rate=0.1, count=4, for_s=60)
    refuse = {"modbus": replace(refused, exception=6), "bacnet": refused, "mqtt": refused}
    slow = LinkFault("slow", delay_s=1.5, jitter_s=0.25)
    links = load_config(_write(tmp_path, PLANT)).links
    assert {row: links[row] for row in (3, 4, 5)} == dict.fromkeys((3, 4, 5), refuse)
    assert {row: links[row] for row in links.keys() - {3, 4, 5}} == {
        None: dict.fromkeys(MODES, slow),
        0: {"modbus": LinkFault("word_swap")},
    }


def test_without_a_word_about_it_no_line_has_a_fault() -> None:
    assert load_config().links == {None: {}}


@pytest.mark.parametrize("place", ["gateway", "meters[0]"])
@pytest.mark.parametrize(("link", "key", "words"), FAULTY)
def test_a_faulty_link_in_a_file_is_told_with_line_key_and_what_is_allowed(
    tmp_path: Path, place: str, link: dict[str, Any], key: str, words: str
) -> None:
    head = "gateway:\n  link:" if place == "gateway" else "meters:\n  - link:"
    with pytest.raises(ConfigError) as raised:
        load_config(_write(tmp_path, f"{head} {link}\n"))
    assert (raised.value.line, raised.value.key) == (2, f"{place}.link.{key}")
    assert words in raised.value.message


@pytest.mark.parametrize(("link", "key", "words"), FAULTY)
def test_a_faulty_link_that_a_client_sends_is_told_likewise(
    link: dict[str, Any], key: str, words: str
) -> None:
    (meter,) = load_config(options={("meters",): ("", [{}])}).meters
    with pytest.raises(FaultyRequestError) as of_meter:
        changed(meter, {"link": link})
    with pytest.raises(FaultyRequestError) as of_gateway:
        gateway_changed({"link": link})
    assert str(of_meter.value) == str(of_gateway.value)
    assert str(of_meter.value).startswith(f"body.link.{key}: ")
    assert words in str(of_meter.value)


def test_a_link_is_told_together_with_what_else_is_wrong() -> None:
    (meter,) = load_config(options={("meters",): ("", [{}])}).meters
    with pytest.raises(FaultyRequestError) as raised:
        changed(meter, {"load": {"kw": "1"}, "link": {"all": {"mode": "x"}}})
    assert "body.load.kw" in str(raised.value)
    assert "body.link.all.mode" in str(raised.value)


def test_a_client_changes_the_protocols_that_it_names() -> None:
    assert link_changed({"link": {"modbus": {"mode": "ok"}}}) == {"modbus": LinkFault()}
    assert link_changed({"load": {"kw": 1}}) == {}
    drop = LinkFault("drop")
    assert gateway_changed({"link": {"all": {"mode": "drop"}}}) == dict.fromkeys(MODES, drop)
    with pytest.raises(FaultyRequestError, match="body: changes nothing; allowed: link"):
        gateway_changed({})


def test_the_schema_of_the_gateways_changes_is_whole_and_names_every_mode() -> None:
    link = gateway_change_schema()["properties"]["link"]["properties"]
    for protocol, modes in MODES.items():
        section = next(one for one in link[protocol]["anyOf"] if one["type"] == "object")
        assert tuple(section["properties"]["mode"]["enum"]) == modes
