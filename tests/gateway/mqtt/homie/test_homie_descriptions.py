"""Every description against the rules of the convention, and the tables of docs/homie.md against both."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.mqtt.homie.description import Descriptions
from gateway.mqtt.homie.properties import ALERTS, CONTROL, NODES, nodes_of
from sims.models import MODELS, Nameplate
from sims.points import POINTS, PUBLISHED

DOCUMENT = Path(__file__).parents[4] / "docs/homie.md"

TYPES = {"integer", "float", "boolean", "string", "enum", "color", "datetime", "duration", "json"}
DEVICE = {
    "homie": str, "version": int, "nodes": dict, "name": str, "type": str,
    "children": list, "root": str, "parent": str, "extensions": list,
}  # fmt: skip
NODE = {"name": str, "type": str, "properties": dict}
PROPERTY = {"name": str, "datatype": str, "format": str, "settable": bool, "retained": bool, "unit": str}
NUMBER = {"float": r"-?\d+(\.\d*)?([eE]-?\d+)?", "integer": r"-?\d+"}


def plate(model: str, *options: str, name: str = "") -> Nameplate:
    return Nameplate(1, "M0001", MODELS[model], "S1", options=frozenset(options), name=name)


PLATES = [plate(model, *options) for model in MODELS for options in ((), ("demand", "peak_reset"))]


def faults(document: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with a description by the tables of the convention 5.0."""
    yield from _fields("device", document, DEVICE, {"homie", "version"})
    if not re.fullmatch(r"5\.\d+", document["homie"]):
        yield f"homie: {document['homie']}"
    for device_id in (
        *document.get("children", []),
        *(document[key] for key in ("root", "parent") if key in document),
    ):
        yield from _id(device_id)
    for node_id, node in document.get("nodes", {}).items():
        yield from _id(node_id)
        yield from _fields(node_id, node, NODE, set())
        for property_id, one in node.get("properties", {}).items():
            yield from _id(property_id)
            yield from _fields(property_id, one, PROPERTY, {"datatype"})
            yield from _format(property_id, one)


def _id(text: str) -> Iterator[str]:
    if not re.fullmatch("[a-z0-9-]+", text):
        yield f"id {text!r}"


def _fields(where: str, thing: dict[str, Any], known: Mapping[str, type], needed: set[str]) -> Iterator[str]:
    for key, value in thing.items():
        if key not in known or type(value) is not known[key]:
            yield f"{where}.{key}: {value!r}"
    for key in needed - set(thing):
        yield f"{where}.{key} is missing"


def _format(where: str, one: dict[str, Any]) -> Iterator[str]:
    kind, text = one["datatype"], one.get("format")
    if kind not in TYPES:
        yield f"{where}: datatype {kind}"
    if kind in {"enum", "color"} and not text:
        yield f"{where}: no format"
    if text is not None and kind in {"enum", "boolean"}:
        words = text.split(",")
        if "" in words or len(set(words)) < len(words) or (kind == "boolean" and len(words) != 2):
            yield f"{where}: format {text}"
    if text is not None and kind in NUMBER:
        bound = f"({NUMBER[kind]})?"
        if not re.fullmatch(f"{bound}:{bound}(:{NUMBER[kind]})?", text):
            yield f"{where}: format {text}"


def described(meter: Nameplate) -> dict[str, Any]:
    return dict(json.loads(Descriptions("plant-a", "plant-a").meter(meter)))


@pytest.mark.parametrize("meter", PLATES, ids=lambda meter: f"{meter.model.key} {len(meter.options)}")
def test_a_meter_is_described_by_the_rules_as_a_child_of_the_gateway(meter: Nameplate) -> None:
    document = described(meter)
    assert list(faults(document)) == []
    head = {key: value for key, value in document.items() if key not in {"nodes", "version"}}
    assert head == {
        "homie": "5.0",
        "name": "M0001",
        "type": f"metergate.{meter.model.key}",
        "root": "plant-a",
        "parent": "plant-a",
    }
    described_points = {
        one.replace("-", "_")
        for node, about in document["nodes"].items()
        if node != "control"
        for one in about["properties"]
    }
    assert described_points == {point.name for point in PUBLISHED if point.lines <= meter.model.lines}
    resettable = "reset-peak" in document["nodes"]["control"]["properties"]
    assert resettable is ("peak_reset" in meter.options)


def test_the_gateway_is_described_by_the_rules_as_the_root() -> None:
    document = json.loads(Descriptions("plant-a", "Plant A").gateway(["plant-a--m1", "plant-a--m2"]))
    assert list(faults(document)) == []
    assert document["children"] == ["plant-a--m1", "plant-a--m2"]
    assert document["name"] == "Plant A"
    assert not {"root", "parent"} & set(document)
    assert {key: one["datatype"] for key, one in document["nodes"]["gateway"]["properties"].items()} == {
        "clock": "datetime",
        "tick": "integer",
    }


def test_a_version_is_as_long_the_same_as_the_document_is() -> None:
    plates = [*PLATES, plate("series-2000-277-480", name="Lobby")]
    first, again = ([described(meter)["version"] for meter in plates] for _ in range(2))
    assert first == again
    assert len(set(first)) == len(plates)
    assert all(0 < version < 2**53 for version in first)


def test_the_check_finds_what_is_wrong() -> None:
    document = described(PLATES[1])
    document |= {"homie": "4.0", "parent": "Plant", "colour": "red"}
    document["nodes"]["voltage"]["properties"]["voltage-l1-n"]["datatype"] = "double"
    document["nodes"]["control"]["properties"]["load"]["format"] = "0-5"
    del document["nodes"]["display"]["properties"]["lcd-screen"]["format"]
    assert len(list(faults(document))) == 6


def test_a_name_is_told_beside_the_id() -> None:
    assert described(plate("series-1000-1p2w-120", name="Küche"))["name"] == "Küche (M0001)"


def test_properties_are_typed_and_have_their_units() -> None:
    nodes = described(plate("series-2000-277-480", "demand", "peak_reset"))["nodes"]
    wanted = {
        "voltage/voltage-l1-n": ("float", "V"),
        "voltage/frequency": ("float", "Hz"),
        "current/current-n": ("float", "A"),
        "power/active-power": ("float", "kW"),
        "power/reactive-power-l2": ("float", "kvar"),
        "power/power-factor": ("float", None),
        "energy/energy": ("float", "kWh"),
        "energy/pulse-10wh": ("integer", "#"),
        "display/lcd-energy": ("integer", "kWh"),
        "display/lcd-text": ("string", None),
        "demand/peak-demand-time": ("datetime", None),
        "environment/temperature": ("float", "°C"),
        "flags/reverse-phase": ("boolean", None),
        "control/load": ("float", "kW"),
    }
    for place, (datatype, unit) in wanted.items():
        node, one = place.split("/")
        about = nodes[node]["properties"][one]
        assert (about["datatype"], about.get("unit")) == (datatype, unit), place
    assert nodes["display"]["properties"]["lcd-screen"]["format"] == "blank,total,instantaneous,peak,test"
    assert nodes["control"]["properties"]["reset-peak"] == {
        "name": "Reset of the peak demand",
        "datatype": "enum",
        "format": "reset",
        "settable": True,
        "retained": False,
    }


def test_meters_of_a_model_share_what_is_the_same_and_nothing_else() -> None:
    descriptions = Descriptions("plant-a", "plant-a")
    meter = plate("series-2000-277-480")
    other = replace(meter, id="M0002", options=frozenset({"demand", "peak_reset"}))
    first, second, third = (json.loads(descriptions.meter(one)) for one in (meter, other, meter))
    assert first == third
    assert second["name"] == "M0002"
    assert "reset-peak" in second["nodes"]["control"]["properties"]
    assert "reset-peak" not in first["nodes"]["control"]["properties"]


def tables() -> str:
    """Return the tables of docs/homie.md."""
    whole = nodes_of(plate("series-2000-277-480", "demand", "peak_reset"))
    rows = [
        "| node | property | name | datatype | unit | format | meters |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for node in (*NODES, CONTROL):
        for one in whole[node]:
            point = POINTS.get(one.id.replace("-", "_"))
            lines = max(point.lines, default=1) if point else 1
            if one.id == "reset-peak":
                where = "with the option `peak_reset`"
            else:
                where = {1: "all", 2: "2 or 3 lines", 3: "3 lines"}[lines]
            shown = f"`{one.format}`" if one.format else ""
            rows.append(
                f"| `{node.id}` | `{one.id}` | {one.name} | {one.datatype} | {one.unit} | {shown} | {where} |"
            )
    rows += ["", "| alert | message |", "| --- | --- |"]
    rows += [f"| `{name.replace('_', '-')}` | {POINTS[name].description} |" for name in ALERTS]
    return "\n".join(rows)


def test_the_tables_of_the_document_are_those_of_the_code() -> None:
    shown = DOCUMENT.read_text().split("<!-- tables: made of the vocabulary -->\n")[1].split("\n<!-- end")[0]
    assert shown == tables()
