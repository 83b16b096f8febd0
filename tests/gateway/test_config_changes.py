"""What clients change of a meter: merged over what is, checked as the file is, shown in the same words."""

import json
import math
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import TypeAdapter

from gateway.config.changes import change_schema, changed, connection
from gateway.config.loads import Load, LoadSection
from gateway.config.reader import load_config
from gateway.errors import FaultyRequestError
from register_maps.yaml_reader import read, values
from sims.meter import MeterSpec
from sims.network import Supply
from sims.profiles import ConstantLoad, DailyShape
from sims.wiring import CtInput, VoltageInput

DATA = Path(__file__).parents[2] / "examples" / "data"
SPECIAL = """
    wiring: {ct1: {line: 2, ratio: 0.5}, ct2: {open: true, polarity: reversed}, v2: {line: 1, open: true},
      n: {open: true}}
    supply: {frequency_hz: 50, volts: [110, 125.5], lost: [2], neutral: lost}
    environment: {temperature_c: -20}
    model: series-1000-120-240
"""
LOADS = [
    "{kw: -5, power_factor: -0.9}",
    "{amps: [1, 2], pf: [1, 0]}",
    "{amps: [1, 2], between: {l1_l2: {amps: 3, pf: 0.5}}}",
    "{profile: hotel}",
    "{profile: csv, file: a.csv, time: t, value: w, unit: W, end: hold}",
    "{profile: h0_dyn, zone: Europe/Berlin}",
    "{profile: solar, kwp: 10, latitude: 48.1, longitude: 11.6}",
    "{profile: motor, kw: 5, starts: [06:00, 18:30], run_s: 600, zone: Europe/Berlin}",
    "{profile: random_walk, kw: 5, least_kw: 1, most_kw: 9, step_kw: 0.1}",
    "{schedule: [{days: [mon], begin: 06:00, end: 24:00, kw: 4}, {begin: '0:15', end: 12:00, kw: 1}]}",
    "{profile: opendss, file: b.csv, base_kw: 10, interval_s: 900}",
    "{sum: [{sum: [{kw: 1}, {sum: [{amps: [1, 2]}]}]}, {kw: 1}], shares: [1, 0]}",
    "{sum: [{kw: 1}, {profile: csv, file: a.csv, time: t, value: w, unit: W}], shares: [1, 0], noise: 0.1}",
    f"{{profile: greenbutton, file: {DATA}/01_greenbutton_inland_single_family_2011_hourly.xml}}",
]


def _meters(tmp_path: Path, text: str) -> tuple[MeterSpec, ...]:
    (tmp_path / "a.csv").write_text("t,w\n2026-01-05T00:00,1000\n2026-01-05T00:15,2000\n")
    (tmp_path / "b.csv").write_text("0.5\n1\n")
    (tmp_path / "plant.yaml").write_text(f"meters:\n{text}")
    return load_config(tmp_path / "plant.yaml").meters


@pytest.fixture
def meter(tmp_path: Path) -> MeterSpec:
    """Return a meter of three elements."""
    return _meters(tmp_path, "  - {id: a, load: {kw: 30}, wiring: {ct1: {ratio: 0.5}}}\n")[0]


def _refusal(meter: MeterSpec, body: dict[str, Any]) -> str:
    with pytest.raises(FaultyRequestError) as raised:
        changed(meter, body)
    return str(raised.value)


def test_what_is_shown_of_any_meter_can_be_sent_back_and_changes_nothing(tmp_path: Path) -> None:
    text = "".join(f"  - id: m{{n}}\n    load: {load}{SPECIAL}" for load in LOADS)
    meters = _meters(tmp_path, text)
    root = read(tmp_path / "plant.yaml")
    assert root
    sections = [TypeAdapter(Load).validate_python(entry["load"]) for entry in values(root)["meters"]]
    assert {type(section) for section in sections} == set(get_args(LoadSection))
    for meter in (*meters, *load_config().meters):
        assert changed(meter, json.loads(json.dumps(connection(meter)))) == meter


def test_nothing_that_is_shown_names_a_file(tmp_path: Path) -> None:
    (meter,) = _meters(tmp_path, f"  - {{id: a, load: {LOADS[4]}}}\n")
    assert connection(meter)["load"]["profile"] == "replay"
    assert "csv" not in json.dumps(connection(meter))


def test_wiring_supply_and_surroundings_are_merged_key_by_key(meter: MeterSpec) -> None:
    after = changed(meter, {"wiring": {"ct2": {"polarity": "reversed"}, "v3": {"open": True}}})
    assert after.wiring.cts == (CtInput(1, ratio=0.5), CtInput(2, reversed=True), CtInput(3))
    assert after.wiring.voltages == (VoltageInput(1), VoltageInput(2), VoltageInput(3, open=True))
    after = changed(after, {"wiring": {"ct2": {"line": 1}}, "supply": {"lost": [3]}})
    assert after.wiring.cts[1] == CtInput(1, reversed=True)
    after = changed(after, {"supply": {"volts": 110}, "environment": {"temperature_c": -5}})
    assert after.supply == Supply((110, 110, 110), frozenset({3}))
    assert after.temperature_c == -5
    after = changed(after, {"supply": {"volts": None, "lost": []}})
    assert after.supply == Supply()
    assert after.load == ConstantLoad(30)
    after = changed(after, {"wiring": {"n": {"open": True}}})
    assert (after.wiring.neutral_open, after.wiring.cts[1]) == (True, CtInput(1, reversed=True))
    assert not changed(after, {"wiring": {"n": {"open": False}}}).wiring.neutral_open


def test_a_load_replaces_the_load(meter: MeterSpec) -> None:
    after = changed(meter, {"load": {"profile": "school", "annual_kwh": 1000, "power_factor": 0.8}})
    after = changed(after, {"load": {"profile": "school", "annual_kwh": 2000}})
    assert after.load == DailyShape("school", 2000)
    assert after.wiring == meter.wiring


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "body: changes nothing; allowed: load, wiring, supply, environment, link"),
        ({"lod": {}}, "body.lod: unknown key (did you mean load?); allowed: load, wiring, supply"),
        (
            {"link": {"mqt": {"mode": "silent"}}},
            "body.link.mqt: unknown key (did you mean mqtt?); allowed: modbus, bacnet, mqtt, all",
        ),
        ({"load": None}, "body.load: nothing is not allowed; allowed: a mapping with kw"),
        ({"load": {"kw": math.nan}}, "body.load.kw: nan is not allowed; allowed: a number"),
        ({"load": {"kw": 10**400}}, "body.load.kw: "),
        ({"load": {"kw": 1e9}}, "body.load.kw: more than 100000 kW"),
        ({"load": {"amps": [1, 2]}}, "body.load.amps: has 2 values; series-2000-120-208 has 3 elements"),
        (
            {"load": {"profile": "csv", "file": "/dev/zero", "time": "t", "value": "v", "unit": "W"}},
            "body.load: a mapping with profile, file, time, value, unit is not allowed; allowed: a mapping",
        ),
        (
            {"load": {"sum": [{"sum": [{"profile": "greenbutton", "file": "x.xml"}]}]}},
            "body.load.sum[0].sum[0]: a mapping with profile, file is not allowed",
        ),
        ({"load": {"profile": "greenbutton", "file": "x.xml"}}, "named in the configuration alone"),
        ({"wiring": []}, "body.wiring: an empty list is not allowed; allowed: a mapping with the keys ct1"),
        ({"wiring": {"ct2": {"polarity": "x"}}}, "body.wiring.ct2.polarity: 'x' is not allowed; allowed: n"),
        ({"wiring": {"n": {"line": 1}}}, "body.wiring.n.line: unknown key"),
        ({"wiring": {"ct2": None}}, "body.wiring.ct2: nothing is not allowed"),
        ({"supply": {"volts": 300}}, "body.supply.volts: 300 V is not allowed; allowed: up to 240 V"),
        ({"supply": {"volts": 10**400}}, "is not a voltage; allowed: a number from 0 to 554"),
        ({"supply": {"frequency_hz": 50}}, "body.supply.frequency_hz: 50 Hz is not for Series 2000"),
        ({"\ud800": 1}, "body: '\\ud800' is not allowed"),
        (
            {"environment": {"temperature_c": 1e9}, "wiring": {"ct1": {"line": 4}}},
            "a whole number from 1 to 3; body.environment.temperature_c: 1000000000.0 is not allowed",
        ),
    ],
)
def test_what_cannot_be_is_told_with_its_place_and_what_is_allowed(
    meter: MeterSpec, body: dict[str, Any], words: str
) -> None:
    assert words in _refusal(meter, body)


@pytest.mark.parametrize("key", ["load", "wiring", "supply", "environment"])
def test_however_deep_it_is_nested_it_is_only_refused(meter: MeterSpec, key: str) -> None:
    lists: list[Any] = []
    mappings: dict[str, Any] = {}
    for _ in range(900):
        lists, mappings = [lists], {"ct1": mappings, "volts": lists}
    for deep in (lists, mappings):
        assert f"body.{key}" in _refusal(meter, {key: deep})


def test_inputs_and_lines_that_the_model_lacks_are_refused(tmp_path: Path) -> None:
    (meter,) = _meters(tmp_path, "  - {id: a, model: series-1000-120-240}\n")
    assert _refusal(meter, {"wiring": {"ct3": {}}, "supply": {"lost": [3]}}) == (
        "body.wiring.ct3: series-1000-120-240 has no ct3; allowed: ct1, ct2, v1, v2, n; "
        "body.supply.lost[0]: series-1000-120-240 has no line 3; allowed: 1, 2"
    )


def test_sums_that_stand_in_each_other_endlessly_are_only_refused(meter: MeterSpec) -> None:
    deep: dict[str, Any] = {"kw": 1}
    for _ in range(6):
        deep = {"sum": [deep]}
    assert _refusal(meter, {"load": deep}) == (
        "body.load: sums stand in each other too deeply; allowed: 5 levels"
    )
    wide: dict[str, Any] = {"kw": 1}
    for _ in range(5):
        wide = {"sum": [wide] * 50}
    assert _refusal(meter, {"load": wide}) == "body.load: its sums have too many loads; allowed: 100 in all"


def test_the_schema_of_a_change_is_whole_and_offers_no_file() -> None:
    schema = change_schema()
    text = json.dumps(schema)
    assert list(schema["properties"]) == ["load", "wiring", "supply", "environment", "link"]
    assert "$ref" not in text
    assert "default" not in text
    assert "greenbutton" not in text
    assert schema["properties"]["wiring"]["properties"]["ct1"]["properties"]["polarity"]["enum"] == [
        "normal",
        "reversed",
    ]


@pytest.mark.parametrize(
    ("load", "fault"),
    [
        ({"sum": []}, "body.load.sum: an empty list is not allowed; allowed: a list of 1 to 100"),
        (
            {"sum": [{"kw": 1}], "shares": [1, 2]},
            "body.load.shares[1]: 2 is not allowed; allowed: a number from 0",
        ),
        (
            {"sum": [{"kw": 1}], "noise": -1},
            "body.load.noise: -1 is not allowed; allowed: a number from 0 to 0.25",
        ),
    ],
)
def test_a_fault_in_a_sum_is_told_with_its_key_and_what_is_allowed(
    meter: MeterSpec, load: Any, fault: str
) -> None:
    assert fault in _refusal(meter, {"load": load})
