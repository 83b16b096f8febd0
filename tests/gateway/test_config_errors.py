"""Bad configurations: every error has its line, its key, what is wrong and what is allowed."""

from pathlib import Path

import pytest

from gateway.config.fleet import default_fleet
from gateway.config.reader import load_config
from gateway.errors import ConfigError, FaultyConfigError
from sims.models import MODELS
from sims.profiles import SHAPES

ONE = "meters: [{id: a}]\n"
MODEL_KEYS = ", ".join(MODELS)
METER_KEYS = (
    "id, count, model, service, name, serial, ct_a, ct_kind, enclosure, options, initial_kwh, load, wiring, "
    "supply, environment, link, accuracy, registration, apparent_power, reverse_phase, demand_method, "
    "strict_voltage, tags"
)

SECTIONS = [
    (
        "modbuss: {port: 1}",
        "modbuss",
        "unknown key (did you mean modbus?); allowed: gateway, clock, modbus, bacnet",
    ),
    ("gateway: {nme: x}", "gateway.nme", "unknown key (did you mean name?); allowed: id, name, host, seed"),
    ("gateway: {id: a/b}", "gateway.id", "'a/b' is not allowed; allowed: text like plant-a"),
    ("gateway: {id: 7}", "gateway.id", "7 is not text, which stands in quotes; allowed: text like plant-a"),
    ("gateway: 5", "gateway", "5 is not allowed; allowed: a mapping with the keys id, name, host, seed"),
    ("clock: {mode: fast}", "clock.mode", "'fast' is not allowed; allowed: real, manual"),
    ("clock: {speed: 0}", "clock.speed", "0 is not allowed; allowed: a number more than 0 and up to 100000"),
    ("clock: {speed: yes}", "clock.speed", "true is not allowed; allowed: a number"),
    ("clock: {tick_s: .nan}", "clock.tick_s", "nan is not allowed; allowed: a number from 0.05 to 3600"),
    ("clock: {start: 2026-13-05}", "clock.start", "'2026-13-05' is not allowed; allowed: ISO 8601"),
    ("clock: {start: 12}", "clock.start", "12 is not allowed; allowed: ISO 8601"),
    ("clock: {start: 1969-12-31T00:00:00Z}", "clock.start", "from 1970 to 2099"),
    ("modbus: {port: 65536}", "modbus.port", "65536 is not allowed; allowed: a whole number from 0 to 65535"),
    ("modbus: {port: '1'}", "modbus.port", "'1' is not allowed; allowed: a whole number"),
    ("modbus: {maps: []}", "modbus.maps", "an empty list is not allowed; allowed: a list of at least 1"),
    ("modbus: {maps: [mine]}", "modbus.maps", "mine: there is no such register map; allowed: a8911-23, "),
    (
        "bacnet: {topology: star}",
        "bacnet.topology",
        "'star' is not allowed; allowed: virtual, flat, addresses, ports",
    ),
    ("bacnet: {address: 1.2.3}", "bacnet.address", "'1.2.3' is no IPv4 address"),
    ("bacnet: {address: 1.2.3.4/40}", "bacnet.address", "allowed: one like 192.168.1.20/24"),
    ("gateway: {host: '::1'}", "gateway.host", "'::1' is no IPv4 address, as BACnet/IP needs"),
    ("bacnet: {device_instance: 4194302}", "bacnet.device_instance", "allowed: up to 4194301"),
    ("bacnet: {network: 65535}", "bacnet.network", "allowed: a whole number from 1 to 65534"),
    (
        "mqtt: {url: 'http://x'}",
        "mqtt.url",
        "allowed: mqtt:// (mqtts, ws or wss) [user:password@]host[:port]",
    ),
    ("mqtt: {prefix: 'a/#'}", "mqtt.prefix", "'a/#'"),
    (
        "mqtt: {homie: {domain: Site_B}}",
        "mqtt.homie.domain",
        "'Site_B' is not allowed; allowed: text like site-b",
    ),
    (
        "mqtt: {payload: [spark]}",
        "mqtt.payload[0]",
        "'spark' is not allowed; allowed: state, scalars, event",
    ),
    ("http: {port: 5020}", "http.port", "5020 is also the port of modbus, 5020; allowed: different ports"),
    ("modbus: {port: 1883}", "modbus.port", "1883 is also the port of mqtt, 1883"),
    ("http: {token: hunter2}", "http.token", "allowed: 16 or more printable ASCII characters without spaces"),
    ("state: 7", "state", "7 is not text"),
    ("1: 2", "1", "a key that is a number; allowed: text, in quotes where"),
    ("1.5: 1", "1.5", "a key that is a number; allowed: text"),
    ("~: 3", "~", "a key that is nothing; allowed: text"),
    ("true: 1", "true", "a key that is true or false; allowed: text"),
    ("gateway: {~: 1}", "~", "a key that is nothing; allowed: text"),
    ("http: {token: 1234567890123456}", "http.token", "the value is not text, which stands in quotes"),
    ("http: 1234567890123456", "http", "the value is not allowed; allowed: a mapping with the keys enabled"),
    ("mqtt: {url: ['mqtt://ann:hunter2@x']}", "mqtt.url", "the value is not text"),
    ("mqtt: {url: {'mqtt://ann:hunter2@x': 1}}", "mqtt.url", "the value is not text"),
    ("mqtt: 'mqtt://ann:hunter2@x'", "mqtt", "the value is not allowed; allowed: a mapping with the keys"),
    ("mqtt: {url: 'amqp://ann:hunter2@x'}", "mqtt.url", "scheme 'amqp' is not served"),
    ('state: "a\\0b"', "state", "is no name of a file; allowed: one without NUL"),
    ('modbus: {maps: ["a\\0.yaml"]}', "modbus.maps[0]", "is no name of a file"),
]

METERS = [
    ("modle: x", "modle", f"unknown key (did you mean model?); allowed: {METER_KEYS}"),
    ("id: 'a b'", "id", "'a b' is not allowed; allowed: text like M{n:04} or lobby"),
    ("id: '{m}'", "id", "'{m}' is not allowed"),
    (f"id: {'x' * 65}", "id", "is too long; allowed: 64 characters"),
    ("count: 0", "count", "0 is not allowed; allowed: a whole number from 1 to 10000"),
    ("model: s4000", "model", f"'s4000' is not a model; allowed: {MODEL_KEYS}"),
    (
        "model: series-2000-240-delta",
        "model",
        "wye services only (manual 1.1); allowed: series-1000-1p2w-120",
    ),
    ("service: delta", "service", "wye services only (manual 1.1); allowed: 1-phase-2-wire"),
    ("service: wye", "service", "'wye' is not a service; allowed: 1-phase-2-wire, split-phase-3-wire"),
    ("service: network-3-wire", "service", "is not the service of series-2000-120-208; allowed: wye-4-wire"),
    ("serial: 000123", "serial", "is not text, which stands in quotes"),
    ("serial: x2345678901234567", "serial", "is too long; allowed: 16 characters"),
    ("ct_a: 0", "ct_a", "0 is not allowed; allowed: a number from 0.1 to 100000"),
    ("ct_kind: rope", "ct_kind", "'rope' is not allowed; allowed: solid, split"),
    ("options: [lcd]", "options[0]", "'lcd' is not allowed; allowed: demand, peak_reset"),
    ("options: [peak_reset]", "options", "peak_reset needs demand; allowed: [demand, peak_reset]"),
    ("initial_kwh: -1", "initial_kwh", "-1 is not allowed; allowed: a number from 0 to 1000000000"),
    ("accuracy: 0.5", "accuracy", "0.5 is not allowed; allowed: drawn, ideal"),
    ("registration: gross", "registration", "allowed: net, abs, per_element_clamp"),
    ("apparent_power: rms", "apparent_power", "allowed: vectorial, arithmetic"),
    ("reverse_phase: never", "reverse_phase", "allowed: net, any_element"),
    ("demand_method: 5x3", "demand_method", "allowed: 3x5, 15x1, block"),
    ("strict_voltage: 1", "strict_voltage", "1 is not allowed; allowed: true or false"),
    (
        "supply: {volts: -1}",
        "supply.volts",
        "-1 is not a voltage; allowed: a number from 0 to 554",
    ),
    ("supply: {volts: [120, .nan, 120]}", "supply.volts", "nan is not a voltage"),
    ("supply: {volts: 240.1}", "supply.volts", "240.1 V is not allowed; allowed: up to 240 V"),
    ("supply: {volts: [120]}", "supply.volts", "has 1 values; allowed: a number, or 3 as"),
    ("supply: {lost: [4]}", "supply.lost[0]", "4 is not allowed; allowed: a whole number from 1 to 3"),
    ("model: series-1000-120-240, supply: {lost: [1, 3]}", "supply.lost[1]", "no line 3; allowed: 1, 2"),
    ("supply: {neutral: gone}", "supply.neutral", "allowed: connected, lost"),
    ("load: {amps: [0, 0, 0], between: {l1_l3: {amps: 1}}}", "load.between.l1_l3", "did you mean l"),
    ("load: {amps: [0, 0, 0], between: {l1_l2: {pf: 1}}}", "load.between.l1_l2.amps", "is missing"),
    (
        "model: series-1000-120-208, load: {amps: [0, 0], between: {l3_l1: {amps: 1}}}",
        "load.between.l3_l1",
        "series-1000-120-208 has no such lines; allowed: l1_l2",
    ),
    (
        "model: series-1000-1p2w-120, load: {amps: [0], between: {l1_l2: {amps: 1}}}",
        "load.between.l1_l2",
        "series-1000-1p2w-120 has no such lines; allowed: none on one line",
    ),
    (
        "supply: {frequency_hz: 50}",
        "supply.frequency_hz",
        "50 Hz is not for Series 2000 (manual, table 2); allowed: 60",
    ),
    (
        "supply: {frequency_hz: 49}",
        "supply.frequency_hz",
        "49 is not allowed; allowed: a number from 50 to 60",
    ),
    ("environment: {temperature_c: 200}", "environment.temperature_c", "allowed: a number from -90 to 150"),
    (
        "wiring: {ct4: {}}",
        "wiring.ct4",
        "unknown key (did you mean ct3?); allowed: ct1, ct2, ct3, v1, v2, v3, n",
    ),
    ("wiring: {ct1: {line: 4}}", "wiring.ct1.line", "4 is not allowed; allowed: a whole number from 1 to 3"),
    (
        "wiring: {ct1: {polarity: back}}",
        "wiring.ct1.polarity",
        "'back' is not allowed; allowed: normal, reversed",
    ),
    (
        "model: series-1000-120-240, wiring: {ct3: {}}",
        "wiring.ct3",
        "has no ct3; allowed: ct1, ct2, v1, v2, n",
    ),
    ("model: series-1000-120-240, wiring: {v1: {line: 3}}", "wiring.v1.line", "has no line 3; allowed: 1, 2"),
    ("load: null", "load", "nothing is not allowed; allowed: a mapping with kw, with amps or with profile"),
    ("load: {watts: 1}", "load", "a mapping with watts is not allowed; allowed: a mapping with kw"),
    ("load: {kw: 1, pf: 1}", "load.pf", "unknown key; allowed: kw, power_factor"),
    (
        "load: {kw: 1, power_factor: 2}",
        "load.power_factor",
        "2 is not allowed; allowed: a number from -1 to 1",
    ),
    ("load: {kw: 1, power_factor: 0}", "load.power_factor", "0 is not a power factor"),
    ("load: {amps: [1, 2]}", "load.amps", "has 2 values; series-2000-120-208 has 3 elements"),
    ("load: {amps: [1, 2, 3], pf: [1]}", "load.pf", "has 1 values, amps has 3"),
    ('load: {profile: greenbutton, file: "a\\0b"}', "load.file", "is no name of a file"),
    ("load: {profile: castle}", "load.profile", f"allowed: {', '.join(SHAPES)}, greenbutton, csv"),
    ("load: {profile: csv, file: x.csv, value: v, unit: W}", "load.time", "is missing; allowed: text"),
    (
        "load: {profile: greenbutton, file: no.xml}",
        "load.file",
        "no.xml cannot be read: No such file or directory",
    ),
]


def _errors(file: Path) -> list[ConfigError]:
    """Return everything that is wrong with a configuration."""
    with pytest.raises((ConfigError, FaultyConfigError)) as raised:
        load_config(file)
    error = raised.value
    assert error.exit_code == 2
    assert str(error).count("\n") == (len(error.errors) - 1 if isinstance(error, FaultyConfigError) else 0)
    if isinstance(error, FaultyConfigError):
        return list(error.errors)
    assert isinstance(error, ConfigError)
    return [error]


def _write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "plant.yaml"
    file.write_text(text)
    return file


@pytest.mark.parametrize(("section", "key", "words"), SECTIONS)
def test_a_bad_section_is_told_with_line_key_and_what_is_allowed(
    tmp_path: Path, section: str, key: str, words: str
) -> None:
    (error,) = _errors(_write(tmp_path, f"# a comment\n{ONE}{section}\n"))
    assert (error.line, error.key) == (3, key)
    assert str(error).startswith(f"{tmp_path}/plant.yaml:3: {key}: ")
    assert words in error.message
    assert "hunter2" not in str(error)
    assert "1234567890123456" not in str(error)


@pytest.mark.parametrize(("meter", "key", "words"), METERS)
def test_a_bad_meter_is_told_with_line_key_and_what_is_allowed(
    tmp_path: Path, meter: str, key: str, words: str
) -> None:
    (error,) = _errors(_write(tmp_path, f"meters:\n  - {{id: fine}}\n  -\n    {{{meter}}}\n"))
    assert (error.line, error.key) == (4, f"meters[1].{key}")
    assert words in error.message


def test_all_errors_of_a_file_are_told_at_once_in_the_order_of_lines(tmp_path: Path) -> None:
    text = """\
http: {port: 8080}
modbus: {port: 8080, maps: [sunspeck], unknown: 1}
meters:
  - {id: a, count: none}
  - {id: b}
  - {id: b, supply: {frequency_hz: 50}}
mqtt: {url: nowhere}
"""
    errors = _errors(_write(tmp_path, text))
    assert [(error.line, error.key) for error in errors] == [
        (1, "http.port"),
        (2, "modbus.unknown"),
        (2, "modbus.maps"),
        (4, "meters[0].count"),
        (6, "meters[2].supply.frequency_hz"),
        (6, "meters[2].id"),
        (7, "mqtt.url"),
    ]


@pytest.mark.parametrize("key", ["id", "serial"])
def test_what_must_be_unique_is_told_with_both_lines(tmp_path: Path, key: str) -> None:
    text = f"meters:\n  - {key}: same\n  - id: other\n  - {key}: same\n"
    (error,) = _errors(_write(tmp_path, text))
    assert (error.line, error.key) == (4, f"meters[2].{key}")
    assert f"'same' is also the {key} of the meter on line 2" in error.message


@pytest.mark.parametrize("key", ["id", "serial"])
def test_meters_alike_need_their_number_in_what_must_be_unique(tmp_path: Path, key: str) -> None:
    (error,) = _errors(_write(tmp_path, f"meters:\n  - {{count: 3, {key}: same}}\n"))
    assert error.key == f"meters[0].{key}"
    assert "'same' is the same for all 3 meters; allowed: one with {n}" in error.message


def test_more_meters_than_ports_are_refused(tmp_path: Path) -> None:
    (error,) = _errors(_write(tmp_path, "modbus: {port: 65535}\nmeters: [{count: 248}]\n"))
    assert error.message == "248 meters need the ports 65535 to 65536; allowed: up to 65534"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("meters:\n", 1, "there are no meters; allowed: at least one, or the option --meters"),
        ("http: {}\nmeters: []\n", 2, "there are no meters"),
        (
            "".join(f"{name}: {{enabled: false}}\n" for name in ("modbus", "bacnet", "mqtt", "http")),
            1,
            "nothing is served",
        ),
        ("modbus: {maps: [native, native]}\n", 1, "given twice"),
        ("- a\n", 1, "a list is not allowed; allowed: a mapping with the keys gateway"),
        ("meters:\n  - {id: a\n", 3, "is not YAML"),
        ("a: b: c\n", 1, "is not YAML"),
        ("http: {port: 1}\nhttp: {port: 2}\n", 2, "given twice; first on line 1"),
        ("meters:\n  - id: a\n    count: 1\n    id: b\n", 4, "given twice; first on line 2"),
        ("meters: !!python/object:os.system x\n", 1, "could not determine a constructor"),
        ("http:\n  port: \x01\n", 2, "is not YAML"),
        ("? [a]\n: 1\n", 1, "a key that is a list; allowed: text"),
        ("http: {}\nseed: !!int hunter2\n", 2, "is not YAML: found a value that cannot be int"),
        (f"gateway: {{seed: {'1' * 5000}}}\n", 1, "found a value that cannot be int"),
    ],
)
def test_what_is_not_a_configuration_at_all_is_refused(
    tmp_path: Path, text: str, line: int, words: str
) -> None:
    (error,) = _errors(_write(tmp_path, text))
    assert error.line == line
    assert words in error.message


def test_what_is_nested_without_end_is_refused(tmp_path: Path) -> None:
    for text in ("\n" + "[" * 100_000, "\n" + "{a: " * 51, "\n" + "- " * 51):
        (error,) = _errors(_write(tmp_path, text))
        assert (error.line, error.message) == (2, "is nested too deeply; allowed: 50 levels")


def test_aliases_that_stand_for_each_other_without_end_are_refused(tmp_path: Path) -> None:
    links = "".join(f"a{n}: &a{n} {{<<: *a{n - 1}}}\n" for n in range(1, 3000))
    errors = _errors(_write(tmp_path, f"a0: &a0 {{}}\n{links}"))
    assert errors[0].message.startswith(("unknown key", "is nested too deeply"))


def test_ticks_of_whole_nanoseconds_are_taken_whatever_their_digits(tmp_path: Path) -> None:
    for tick_s in ("0.067", "1.001", "0.05", "2.000000001"):
        assert load_config(_write(tmp_path, f"{ONE}clock: {{tick_s: {tick_s}}}\n")).clock.tick_s == float(
            tick_s
        )
    (error,) = _errors(_write(tmp_path, f"{ONE}clock: {{tick_s: 0.0500000001}}\n"))
    assert error.message == "0.0500000001 is not allowed; allowed: whole nanoseconds"


def test_an_alias_of_itself_is_refused(tmp_path: Path) -> None:
    (error,) = _errors(_write(tmp_path, "meters: &meters [*meters]\n"))
    assert error.key == "meters[0]"


def test_one_fault_of_many_meters_alike_is_told_once(tmp_path: Path) -> None:
    (error,) = _errors(
        _write(tmp_path, "meters:\n  - {count: 3}\n  - {count: 3, id: 'M000{n}'}\n  - {id: M0002}\n")
    )
    assert (error.line, error.key) == (4, "meters[2].id")
    with pytest.raises(ConfigError, match=r"^--model: 'x' is not a model; allowed: series-1000"):
        load_config(None, {("meters",): ("--model", default_fleet(10, "x"))})


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (error,) = _errors(tmp_path / "nowhere.yaml")
    assert str(error) == f"{tmp_path}/nowhere.yaml: cannot be read: No such file or directory"
    (tmp_path / "latin.yaml").write_bytes(b"# one\nname: \xe9\n")
    (error,) = _errors(tmp_path / "latin.yaml")
    assert (error.line, error.message) == (2, "is not UTF-8 text")


@pytest.mark.parametrize(
    ("data", "line", "words"),
    [
        ("when,kwh\n2026-01-05T00:00,1\n2026-01-05T01:00,x\n", 3, "'x' is not a number"),
        ("when,wh\n2026-01-05T00:00,1\n", 1, "there is no column 'kwh'; the columns are when, wh"),
    ],
)
def test_an_error_in_a_file_of_readings_has_both_places(
    tmp_path: Path, data: str, line: int, words: str
) -> None:
    (tmp_path / "load.csv").write_text(data)
    load = "{profile: csv, file: load.csv, time: when, value: kwh, unit: kWh}"
    (error,) = _errors(_write(tmp_path, f"meters:\n  - id: a\n    load: {load}\n"))
    assert (error.line, error.key) == (3, "meters[0].load.file")
    assert error.message.startswith(f"{tmp_path}/load.csv:{line}: ")
    assert words in error.message


def test_a_wrong_option_is_named_instead_of_a_line(tmp_path: Path) -> None:
    file = _write(tmp_path, ONE)
    with pytest.raises(ConfigError) as raised:
        load_config(file, {("http", "port"): ("--http-port", 70_000)})
    assert str(raised.value) == "--http-port: 70000 is not allowed; allowed: a whole number from 0 to 65535"
