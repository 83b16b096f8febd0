"""The listeners of Modbus in the configuration: what they become, and what is wrong with them."""

from pathlib import Path

import pytest

from gateway.config.reader import load_config
from gateway.config.settings import ModbusSettings
from gateway.errors import ConfigError, FaultyConfigError, MetergateError
from gateway.transports import NetworkListener, SerialListener, TlsListener
from tests.support.certificates import Authority

TRANSPORTS = "tcp, rtu-over-tcp, udp, tls, rtu, ascii"


def _load(folder: Path, modbus: str, more: str = "meters: [{count: 300}]") -> ModbusSettings:
    file = folder / "plant.yaml"
    file.write_text(f"modbus: {modbus}\n{more}\n")
    config = load_config(file)
    assert config.modbus
    return config.modbus


def _first_fault(folder: Path, modbus: str) -> ConfigError:
    with pytest.raises(MetergateError) as caught:
        _load(folder, modbus)
    error = caught.value
    if isinstance(error, FaultyConfigError):
        return error.errors[0]
    assert isinstance(error, ConfigError)
    return error


def _wrong(folder: Path, modbus: str, more: str = "meters: [{count: 300}]") -> ConfigError:
    """Return the only thing that is wrong."""
    with pytest.raises(MetergateError) as caught:
        _load(folder, modbus, more)
    error = caught.value
    assert isinstance(error, ConfigError), error
    return error


def test_listeners_stand_beside_the_one_of_the_section(tmp_path: Path) -> None:
    found = _load(
        tmp_path,
        "{maps: [native], connections: 20, idle_s: 60, listeners: [{transport: udp, port: 5020}, "
        "{transport: rtu-over-tcp, port: 0, maps: [sunspec]}]}",
    )
    assert (found.connections, found.idle_s) == (20, 60.0)
    assert found.listeners == (
        NetworkListener("tcp", 5020, ("native",), "--modbus-port"),
        NetworkListener("udp", 5020, ("native",), "modbus.listeners[0].port"),
        NetworkListener("rtu-over-tcp", 0, ("sunspec",), "modbus.listeners[1].port"),
    )


def test_the_listener_of_the_section_can_be_off(tmp_path: Path) -> None:
    (only,) = _load(tmp_path, "{tcp: false, port: 8080, listeners: [{transport: udp, port: 1}]}").listeners
    assert only.transport == "udp"


def test_a_serial_line_has_the_form_of_its_transport_and_all_meters_left(tmp_path: Path) -> None:
    entries = (
        "{transport: rtu, device: /dev/ttyUSB0, first_meter: 291}",
        "{transport: ascii, pty: line, units: 5, baud: 9600}",
        "{transport: rtu, pty: other, parity: none, stop_bits: 1}",
        "{transport: rtu, pty: third, parity: none}",
    )
    lines = _load(tmp_path, f"{{listeners: [{', '.join(entries)}]}}").listeners[1:]
    rtu, ascii_, other, third = [line for line in lines if isinstance(line, SerialListener)]
    assert (rtu.device, rtu.pty, rtu.first_meter, rtu.units) == (Path("/dev/ttyUSB0"), None, 291, 10)
    assert (ascii_.device, ascii_.pty, ascii_.first_meter, ascii_.units) == (None, tmp_path / "line", 1, 5)
    forms = [line.form for line in (rtu, ascii_, other, third)]
    assert forms == ["19200 8E1", "9600 7E1", "19200 8N1", "19200 8N2"]
    assert other.units == 247


@pytest.mark.parametrize(
    ("baud", "silence"), [(9600, 3.5 * 11 / 9600), (19_200, 3.5 * 11 / 19_200), (38_400, 0.00175)]
)
def test_the_silence_of_rtu_is_that_of_the_guide(tmp_path: Path, baud: int, silence: float) -> None:
    line = _load(tmp_path, f"{{listeners: [{{transport: rtu, pty: p, baud: {baud}}}]}}").listeners[1]
    assert isinstance(line, SerialListener)
    assert line.silence_s == pytest.approx(silence)


def test_a_tls_listener_finds_its_files_beside_the_configuration(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    authority.issue("server")
    files = "certificate: server.pem, key: server.key, client_ca: ca.pem"
    entry = f"{{transport: tls, port: 802, {files}, operators: [chief]}}"
    listener = _load(tmp_path, f"{{listeners: [{entry}]}}").listeners[1]
    assert isinstance(listener, TlsListener)
    assert listener.operators == ("chief",)
    assert listener.context.get_ca_certs()
    error = _wrong(tmp_path, f"{{listeners: [\n{entry.replace('server.key', 'ca.pem')}]}}")
    assert (error.line, error.key) == (2, "modbus.listeners[0].key")
    assert "is no PEM file; allowed: a private key in PEM form" in error.message


@pytest.mark.parametrize(
    ("entry", "key", "words"),
    [
        ("{port: 1}", "", f"has no transport; allowed: {TRANSPORTS}"),
        (
            "{transport: carrier-pigeon}",
            "",
            f"transport 'carrier-pigeon' is not allowed; allowed: {TRANSPORTS}",
        ),
        ("5", "", "5 is not allowed; allowed: a mapping with transport: tcp"),
        ("{transport: udp}", ".port", "is missing; allowed: a whole number from 0 to 65535"),
        ("{transport: udp, prt: 1, port: 1}", ".prt", "unknown key (did you mean port?)"),
        ("{transport: udp, port: 65535}", ".port", "300 meters need the ports 65535 to 65536"),
        ("{transport: tcp, port: 5021}", ".port", "5021 to 5022 is also the port of modbus, 5020 to 5021"),
        ("{transport: udp, port: 47807}", ".port", "47807 to 47808 is also the port of bacnet, 47808"),
        ("{transport: tcp, port: 1, maps: [native, native]}", ".maps", "a map is given twice"),
        ("{transport: tcp, port: 1, maps: [mine]}", ".maps", "there is no such register map"),
        ("{transport: rtu}", "", "needs a place; allowed: one of device and pty"),
        ("{transport: rtu, pty: a, device: b}", "", "needs a place; allowed: one of device and pty"),
        ("{transport: rtu, pty: a, data_bits: 7}", "", "7 data bits are not for rtu; allowed: 8"),
        (
            "{transport: rtu, pty: a, baud: 50}",
            ".baud",
            "50 is not allowed; allowed: a whole number from 300",
        ),
        (
            "{transport: rtu, pty: a, parity: mark}",
            ".parity",
            "'mark' is not allowed; allowed: even, odd, none",
        ),
        ("{transport: rtu, pty: a, first_meter: 301}", ".first_meter", "no meter 301; allowed: up to 300"),
        (
            "{transport: rtu, pty: a, first_meter: 300, units: 2}",
            ".units",
            "2 are too many; allowed: up to 1, the meters left",
        ),
        ("{transport: rtu, pty: plant.yaml}", ".pty", "is there already; allowed: a new file, or a link"),
        (
            "{transport: tls, port: 1, certificate: a, key: b, client_ca: c}",
            ".certificate",
            "cannot be read: No such file or directory",
        ),
        ("{transport: tls, port: 1}", ".certificate", "is missing"),
    ],
)
def test_a_bad_listener_is_told_with_line_key_and_what_is_allowed(
    tmp_path: Path, entry: str, key: str, words: str
) -> None:
    error = _first_fault(tmp_path, f"\n  listeners:\n    - {entry}")
    assert (error.line, error.key) == (3, f"modbus.listeners[0]{key}")
    assert words in error.message


def test_a_line_of_pulse_hubs_has_as_many_units_as_the_meters_left_need(tmp_path: Path) -> None:
    lines = "[{transport: rtu, pty: p, maps: [a8911-23], first_meter: 24}, {transport: ascii, pty: q}]"
    _, hubs, meters = _load(tmp_path, f"{{listeners: {lines}}}").listeners
    assert isinstance(hubs, SerialListener)
    assert isinstance(meters, SerialListener)
    assert (hubs.first_meter, hubs.units, meters.units) == (24, 13, 247)
    error = _wrong(tmp_path, "{listeners: [{transport: rtu, pty: p, maps: [a8911-23], units: 15}]}")
    assert error.key == "modbus.listeners[0].units"
    assert error.message.endswith("15 are too many; allowed: up to 14, the pulse hubs left")


def test_a_line_whose_map_is_wrong_is_told_of_that_alone(tmp_path: Path) -> None:
    error = _wrong(tmp_path, "{listeners: [{transport: rtu, pty: p, maps: [mine]}]}")
    assert error.key == "modbus.listeners[0].maps"


def test_everything_that_is_wrong_with_several_maps_is_told_at_once(tmp_path: Path) -> None:
    entry = "name: x\ndescription: x\nsource: x\nentries: [{address: 0, type: u99, point: flags}]\n"
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(entry)
    with pytest.raises(FaultyConfigError) as caught:
        _load(tmp_path, "{maps: [native, one.yaml, two.yaml, eastron-sdm630]}")
    told = str(caught.value)
    assert "one.yaml:4: type: 'u99' is not possible" in told
    assert "two.yaml:4: type: 'u99' is not possible" in told
    assert "overlaps address" in told


def test_two_listeners_need_different_places(tmp_path: Path) -> None:
    lines = "[{transport: rtu, pty: same}, {transport: ascii, pty: same}]"
    error = _wrong(tmp_path, f"{{listeners: {lines}}}")
    assert error.key == "modbus.listeners[1].pty"
    assert "is also that of modbus.listeners[0]; allowed: different ones" in error.message
    ports = "[{transport: tcp, port: 9000}, {transport: rtu-over-tcp, port: 9001}]"
    error = _wrong(tmp_path, f"{{listeners: {ports}}}")
    assert error.key == "modbus.listeners[1].port"
    assert "9001 to 9002 is also the port of modbus.listeners[0], 9000 to 9001" in error.message


def test_with_neither_a_port_nor_listeners_nothing_is_served(tmp_path: Path) -> None:
    assert "tcp is off and there are no listeners" in _wrong(tmp_path, "{tcp: false}").message


def test_free_ports_everywhere_are_those_of_listeners_too(tmp_path: Path) -> None:
    file = tmp_path / "plant.yaml"
    file.write_text("modbus: {listeners: [{transport: udp, port: 7}, {transport: rtu, pty: p}]}\n")
    found = load_config(file, {("modbus", "listeners", "port"): ("--ephemeral", 0)}).modbus
    assert found
    assert [each.port for each in found.listeners if isinstance(each, NetworkListener)] == [5020, 0]
