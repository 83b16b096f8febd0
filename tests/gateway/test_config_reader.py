"""Good configurations: what they come to."""

import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest

from gateway.config.fleet import default_fleet
from gateway.config.loads import LoadSection
from gateway.config.meter_sections import MeterSection
from gateway.config.reader import load_config
from gateway.config.schema import json_schema
from gateway.config.settings import Config
from gateway.transports import NetworkListener
from sims.fleet import Fleet
from sims.meter import Settings
from sims.models import MODELS, OPTIONS
from sims.network import Supply
from sims.profiles import ConstantLoad, DailyShape, LineCurrents, PairCurrent, Replay
from sims.snapshot import Tick
from sims.wiring import CtInput, VoltageInput

EXAMPLES = Path(__file__).parents[2] / "examples"

CONTRACT = """
gateway: {id: plant-a, name: Plant A}
clock:   {mode: real, start: 2026-01-05T00:00:00Z, speed: 1, tick_s: 1}
modbus:  {port: 5020, maps: [native]}
bacnet:  {address: 192.168.1.20/24, port: 47808, device_instance: 100000, network: 1000, topology: virtual}
mqtt:    {url: "mqtt://broker:1883", payload: [state]}
http:    {port: 8080}
meters:
  - {id: "M{n:04}", count: 200, model: series-2000-277-480, ct_a: 400, options: [demand, peak_reset],
     initial_kwh: 0, load: {profile: office, annual_kwh: 180000, power_factor: 0.95}}
  - {id: lobby, model: series-1000-120-240, ct_a: 100, load: {kw: 1},
     wiring: {ct1: {polarity: reversed}}}
"""


def _config(tmp_path: Path, text: str) -> Config:
    (tmp_path / "plant.yaml").write_text(text)
    return load_config(tmp_path / "plant.yaml")


def _tcp(config: Config) -> NetworkListener:
    """Return the listener of Modbus TCP that is there by default."""
    assert config.modbus
    listener = config.modbus.listeners[0]
    assert isinstance(listener, NetworkListener)
    return listener


def test_the_example_of_the_contract_is_right(tmp_path: Path) -> None:
    config = _config(tmp_path, CONTRACT)
    assert (config.gateway_id, config.gateway_name, config.state) == ("plant-a", "Plant A", None)
    assert config.clock.start == 1_767_571_200 * 10**9
    assert config.bacnet
    assert config.bacnet.address == "192.168.1.20/24"
    assert config.mqtt
    assert str(config.mqtt.access.address) == "mqtt://broker:1883"
    assert len(config.meters) == 201
    first, *_, lobby = config.meters
    assert (first.nameplate.id, first.nameplate.number, first.nameplate.ct_a) == ("M0001", 1, 400)
    assert first.nameplate.options == {"demand", "peak_reset"}
    assert first.load == DailyShape("office", 180_000, 0.95)
    assert (lobby.nameplate.id, lobby.nameplate.number) == ("lobby", 201)
    assert lobby.wiring.cts == (CtInput(1, reversed=True), CtInput(2))


def test_a_file_that_names_no_meters_has_the_ten_of_no_file(tmp_path: Path) -> None:
    config = _config(tmp_path, "modbus: {port: 5021}\n")
    assert config.meters == load_config().meters
    assert _tcp(config).port == 5021


def test_what_will_not_do_as_somebody_may_expect_is_noted(tmp_path: Path) -> None:
    assert _config(tmp_path, "clock: {mode: manual}\n").notes == ()
    notes = _config(tmp_path, "clock: {mode: manual, speed: 5}\nhttp: {enabled: false}\n").notes
    assert [note.split(":")[0] for note in notes] == ["clock", "clock.speed"]


def test_without_a_file_there_are_ten_meters_of_mixed_models_on_the_usual_ports() -> None:
    config = load_config()
    assert [meter.nameplate.id for meter in config.meters] == [f"M{n:04}" for n in range(1, 11)]
    assert {meter.nameplate.model.key for meter in config.meters} == set(MODELS)
    assert all(isinstance(meter.load, DailyShape) for meter in config.meters)
    assert all(meter.nameplate.options == set(OPTIONS) for meter in config.meters)
    assert config.gateway_id == "metergate"
    assert (config.clock.mode, config.clock.start) == ("real", None)
    assert config.modbus
    assert config.bacnet
    assert config.mqtt
    assert config.http
    assert (config.modbus.host, config.modbus.connections, config.modbus.idle_s) == ("127.0.0.1", 512, 0.0)
    assert (_tcp(config).port, _tcp(config).maps) == (5020, ("native", "sunspec"))
    assert (config.bacnet.address, config.bacnet.port) == ("127.0.0.1/8", 47808)
    assert (config.mqtt.own, config.mqtt.access.address.port) == (True, 1883)
    assert (config.http.port, config.http.token) == (8080, None)


def test_options_go_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "plant.yaml"
    file.write_text("http: {port: 1234}\nmqtt: {url: 'mqtt://x'}\nmeters: [{id: a}, {id: b}]\nstate: kept\n")
    options: dict[tuple[str, ...], tuple[str, Any]] = {
        ("http", "port"): ("--http-port", 4321),
        ("mqtt", "url"): ("--mqtt-port", None),
        ("bacnet", "enabled"): ("--no-bacnet", False),
        ("state",): ("--no-state", None),
        ("meters",): ("--meters", default_fleet(3, "series-1000-120-208")),
    }
    config = load_config(file, options)
    assert config.http
    assert config.http.port == 4321
    assert config.mqtt
    assert config.mqtt.own
    assert config.bacnet is None
    assert config.state is None
    assert [meter.nameplate.model.key for meter in config.meters] == ["series-1000-120-208"] * 3
    kept = load_config(file)
    assert kept.state == tmp_path / "kept"
    assert len(kept.meters) == 2


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "127.0.0.1/8"),
        ("localhost", "127.0.0.1/8"),
        ("127.0.0.2", "127.0.0.2/8"),
        ("10.1.2.3", "10.1.2.3/24"),
        ("0.0.0.0", "0.0.0.0/0"),  # noqa: S104  nothing is bound
    ],
)
def test_bacnet_is_on_the_host_unless_it_has_an_address_of_its_own(
    tmp_path: Path, host: str, address: str
) -> None:
    config = _config(tmp_path, f"gateway: {{host: {host}}}\nmeters: [{{id: a}}]\n")
    assert config.bacnet
    assert config.bacnet.address == address


def test_a_host_without_ipv4_is_right_where_bacnet_is_off(tmp_path: Path) -> None:
    config = _config(tmp_path, "gateway: {host: '::1'}\nbacnet: {enabled: false}\nmeters: [{id: a}]\n")
    assert config.bacnet is None
    assert config.http
    assert config.http.host == "::1"


def test_free_ports_never_clash(tmp_path: Path) -> None:
    config = _config(
        tmp_path, "modbus: {port: 0}\nmqtt: {port: 0}\nhttp: {port: 0}\nmeters: [{count: 500}]\n"
    )
    assert _tcp(config).port == 0


def test_the_number_of_a_meter_runs_through_the_whole_file(tmp_path: Path) -> None:
    text = (
        "meters: [{id: 'a{n}', count: 2}, {id: b}, {id: 'c-{n:03}', name: 'Flat {n}', serial: 'K{n:09}'}]\n"
    )
    plates = _config(tmp_path, text).nameplates
    assert [(plate.number, plate.id) for plate in plates] == [(1, "a1"), (2, "a2"), (3, "b"), (4, "c-004")]
    assert (plates[3].name, plates[3].serial) == ("Flat 4", "K000000004")


def test_a_serial_depends_on_the_ids_alone(tmp_path: Path) -> None:
    one = _config(tmp_path, "meters: [{id: a}, {id: b}]\n").nameplates
    turned = _config(tmp_path, "meters: [{id: b, ct_a: 5}, {id: new}, {id: a}]\n").nameplates
    other = _config(tmp_path, "gateway: {id: other}\nmeters: [{id: a}, {id: b}]\n").nameplates
    assert [plate.serial for plate in one] == [turned[2].serial, turned[0].serial]
    assert {plate.serial for plate in one}.isdisjoint(plate.serial for plate in other)
    assert all(len(plate.serial) == 12 and plate.serial.isdecimal() for plate in one)


def test_every_way_to_write_a_load_gives_that_load(tmp_path: Path) -> None:
    (tmp_path / "readings").mkdir()
    (tmp_path / "readings" / "a.csv").write_text("t,w\n2026-01-05T00:00,1000\n2026-01-05T00:15,2000\n")
    replay = "{profile: csv, file: readings/a.csv, time: t, value: w, unit: W, end: hold}"
    loads = [
        "{kw: 5, power_factor: -0.9}",
        "{amps: [1, 2, 3], pf: [1, 0.5, 1]}",
        "{profile: hotel}",
        replay,
        replay,
    ]
    text = "meters:\n" + "".join(f"  - {{id: 'm{{n}}', load: {load}}}\n" for load in loads)
    constant, currents, daily, csv, shared = (meter.load for meter in _config(tmp_path, text).meters)
    assert constant == ConstantLoad(5, -0.9)
    assert currents == LineCurrents((1, 2, 3), (1, 0.5, 1))
    assert isinstance(daily, DailyShape)
    assert daily.annual_kwh == pytest.approx(0.15 * 120 * 100 * 3 / 1000 * 8766)
    assert isinstance(csv, Replay)
    assert isinstance(shared, Replay)
    assert csv.end == "hold"
    assert csv.series is shared.series
    assert csv.series.energy.tolist() == [900_000 * 10**6, 1_800_000 * 10**6]


def test_what_was_mended_in_a_file_of_readings_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("t,w\n2026-01-05T01:00,1\n2026-01-05T00:00,1\n2026-01-05T02:00,1\n")
    load = "{profile: csv, file: a.csv, time: t, value: w, unit: W}"
    (note,) = _config(tmp_path, f"meters: [{{count: 5, load: {load}}}, {{load: {load}}}]\n").notes
    assert note.startswith(f"{tmp_path}/a.csv: ")
    assert "line 3" in note


def test_wiring_supply_and_surroundings_reach_the_meter(tmp_path: Path) -> None:
    text = """
meters:
  - model: series-1000-120-240
    ct_kind: split
    enclosure: outdoor-plastic
    initial_kwh: 0.1
    wiring: {ct1: {line: 2, ratio: 0.5}, ct2: {open: true}, v2: {line: 1}, v1: {open: true}, n: {open: true}}
    supply: {frequency_hz: 50}
    environment: {temperature_c: -20}
    tags: {floor: "3"}
"""
    (meter,) = _config(tmp_path, text).meters
    assert meter.wiring.cts == (CtInput(2, ratio=0.5), CtInput(2, open=True))
    assert meter.wiring.voltages == (VoltageInput(1, open=True), VoltageInput(1))
    assert meter.wiring.neutral_open
    assert (meter.frequency_hz, meter.temperature_c, meter.initial_energy) == (50, -20, 360_000_000)
    assert (meter.nameplate.ct_kind, meter.nameplate.enclosure) == ("split", "outdoor-plastic")


def test_supply_and_settings_reach_the_meter(tmp_path: Path) -> None:
    text = """
meters:
  - {id: usual}
  - id: special
    accuracy: ideal
    registration: per_element_clamp
    apparent_power: arithmetic
    reverse_phase: any_element
    demand_method: block
    strict_voltage: true
    supply: {volts: [110, 120, 130.5], lost: [2], neutral: lost}
  - {id: low, supply: {volts: 103}}
  - {id: nominal, supply: {volts: 120}}
  - {id: two-wires, model: series-1000-1p2w-120, supply: {neutral: lost}}
"""
    usual, special, low, nominal, two_wires = _config(tmp_path, text).meters
    assert (usual.settings, usual.supply) == (Settings(), Supply())
    assert special.settings == Settings(
        ideal=True,
        registration="per_element_clamp",
        apparent_power="arithmetic",
        reverse_phase="any_element",
        demand="block",
        strict_voltage=True,
    )
    assert special.supply == Supply((110, 120, 130.5), frozenset({2}), neutral_lost=True)
    assert (low.supply, nominal.supply) == (Supply((103, 103, 103)), Supply())
    assert two_wires.supply == Supply(neutral_lost=True)


def test_a_load_between_lines_puts_its_power_on_both_elements(tmp_path: Path) -> None:
    load = "{amps: [0, 0], between: {l1_l2: {amps: 50}}}"
    text = f"meters: [{{model: series-1000-120-208, accuracy: ideal, load: {load}}}]\n"
    (meter,) = _config(tmp_path, text).meters
    assert meter.load == LineCurrents((0, 0), between=(PairCurrent("l1_l2", 50),))
    snapshot = Fleet([meter], start=0).step(Tick(0, 0))
    for line in (1, 2):
        assert snapshot.column(f"active_power_l{line}")[0] == pytest.approx(5196.15, abs=5e-3)
        assert snapshot.column(f"current_l{line}")[0] == pytest.approx(50)


def test_anchors_and_merges_save_repetition(tmp_path: Path) -> None:
    text = "meters:\n  - &usual {id: a, ct_a: 250}\n  - {<<: *usual, id: b}\n"
    assert [(plate.id, plate.ct_a) for plate in _config(tmp_path, text).nameplates] == [
        ("a", 250),
        ("b", 250),
    ]


@pytest.mark.parametrize(
    ("start", "seconds"),
    [("2026-01-05", 1_767_571_200), ("2026-01-05T01:00:00+01:00", 1_767_571_200), ("1970-01-01 00:00:01", 1)],
)
def test_a_start_is_in_utc_unless_it_says_otherwise(tmp_path: Path, start: str, seconds: int) -> None:
    config = _config(tmp_path, f"clock: {{start: {start}}}\nmeters: [{{id: a}}]\n")
    assert config.clock.start == seconds * 10**9


def test_a_register_map_of_ones_own_is_found_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "name: mine\ndescription: d\nsource: s\nbase: 0\ntable: both\nword_order: ABCD\n"
        "entries:\n  - {address: 1000, type: f32, point: energy}\n"
    )
    config = _config(tmp_path, "modbus: {maps: [native, mine.yaml]}\nmeters: [{id: a}]\n")
    assert _tcp(config).maps == ("native", f"{tmp_path}/mine.yaml")


def test_the_examples_are_right() -> None:
    for file in EXAMPLES.glob("*.yaml"):
        assert load_config(file).meters


def test_the_published_schema_describes_every_key() -> None:
    schema = json_schema()
    sections = [schema, *schema["$defs"].values()]
    assert {kind.__name__ for kind in get_args(LoadSection)} <= set(schema["$defs"])
    for section in sections:
        assert section["description"]
        assert section["additionalProperties"] is False
        for name, value in section["properties"].items():
            assert {"description", "$ref", "enum", "const"} & set(value), (section["title"], name)
    assert schema["$defs"]["MeterSection"]["properties"]["model"]["enum"] == list(MODELS)


def test_the_schema_offers_the_options_that_there_are() -> None:
    options = MeterSection.model_json_schema()["properties"]["options"]
    assert tuple(options["items"]["enum"]) == OPTIONS


def test_reading_a_configuration_loads_nothing_of_a_protocol() -> None:
    code = "import sys, gateway.config.reader; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = ("orjson", "uvicorn", "gateway.mqtt", "gateway.modbus", "gateway.bacnet", "gateway.web")
    assert not set(heavy) & set(done.stdout.split())
