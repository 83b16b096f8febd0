"""The section of MQTT in the configuration file: what each faulty combination is told, with its line."""

from pathlib import Path
from typing import Any

import pytest

from gateway.config.reader import load_config
from gateway.config.settings import MqttSettings
from gateway.errors import ConfigError, FaultyConfigError
from tests.support.certificates import Authority

URL = "mqtt://broker"
SECURE = "mqtts://broker"
SECRET = "hunter2"  # noqa: S105  that no message may show
NAMES = "mqtt:// (mqtts, ws or wss) [user:password@]host[:port]"


def _section(tmp_path: Path, lines: list[str]) -> Path:
    file = tmp_path / "plant.yaml"
    file.write_text("\n".join(["mqtt:", *(f"  {line}" for line in lines)]) + "\n")
    return file


def settings_of(tmp_path: Path, *lines: str) -> MqttSettings:
    settings = load_config(_section(tmp_path, list(lines))).mqtt
    assert settings is not None
    return settings


FAULTY = [
    (["url: broker:1883"], 2, "url", NAMES),
    (["url: http://broker"], 2, "url", "scheme 'http' is not served"),
    ([f"url: mqtt://ann:{SECRET}@bro ker"], 2, "url", "not a host's name"),
    ([f"url: mqtt://ann:{SECRET}@broker:99999"], 2, "url", "the host or the port is malformed"),
    (["url: mqtt://broker:0"], 2, "url", "port 0 is no broker's"),
    (["url: mqtt://broker/path"], 2, "url", "nothing may follow the port"),
    (["url: ws://broker/path?x=1"], 2, "url", "only a path may follow"),
    ([f"url: mqtt://:{SECRET}@broker"], 2, "url", "a password needs a user"),
    (
        [f"url: {URL}", f"password: {SECRET}"],
        3,
        "password",
        "a password needs a user; allowed: with username",
    ),
    (
        [f"url: {URL}", "username: ann", f"password: {SECRET}", "password_env: HOME"],
        5,
        "password_env",
        "password is given, too; allowed: one of them",
    ),
    (
        [f"url: {URL}", "username: ann", "username_file: user"],
        4,
        "username_file",
        "username is given, too; allowed: one of them",
    ),
    (
        [f"url: {URL}", "username_env: METERGATE_NOT_SET"],
        3,
        "username_env",
        "the variable METERGATE_NOT_SET is not set; allowed: one that is",
    ),
    ([f"url: {URL}", "username_file: nowhere"], 3, "username_file", "nowhere cannot be read: No such file"),
    ([f"url: {URL}", "username: ann", "password_file: empty"], 4, "password_file", "has no line of text"),
    ([f"url: {URL}", "username: ann", "password_file: two"], 4, "password_file", "has no line of text"),
    ([f"url: {URL}", "username: ann", "password_file: binary"], 4, "password_file", "it is not UTF-8"),
    ([f"url: {URL}", "username: ''"], 3, "username", "'' is not allowed; allowed: text (User"),
    (["username: ann"], 2, "username", "is for a broker of your own; allowed: beside url"),
    ([f"password: {SECRET}"], 2, "password", "is for a broker of your own; allowed: beside url"),
    (["password_env: HOME"], 2, "password_env", "is for a broker of your own; allowed: beside url"),
    (["tls: {}"], 2, "tls", "is for a broker of your own; allowed: beside url"),
    ([f"url: {URL}", "tls: {}"], 3, "tls", "mqtt is not over TLS; allowed: with mqtts and wss"),
    (["url: ws://broker", "tls: {}"], 3, "tls", "ws is not over TLS; allowed: with mqtts and wss"),
    ([f"url: {SECURE}", "tls: {ca: nowhere.pem}"], 3, "tls.ca", "nowhere.pem cannot be read: No such file"),
    ([f"url: {SECURE}", "tls: {ca: two}"], 3, "tls.ca", "is no PEM file; allowed: a certificate in PEM form"),
    ([f"url: {SECURE}", "tls: {key: a.key}"], 3, "tls", "one of certificate and key is missing"),
    (
        [f"url: {SECURE}", "tls: {certificate: a.pem, key: b.key}"],
        3,
        "tls.key",
        "does not belong to",
    ),
    (
        [f"url: {SECURE}", "tls: {certificate: a.pem, key: c.key}"],
        3,
        "tls.key",
        "is encrypted; allowed: a private key without a password",
    ),
    (
        [f"url: {SECURE}", "tls: {check_host: 'no'}"],
        3,
        "tls.check_host",
        "'no' is not allowed; allowed: true",
    ),
    (["version: 5"], 2, "version", "5 is not text, which stands in quotes; allowed: 3.1.1, 5"),
    (["version: '3.1'"], 2, "version", "'3.1' is not allowed; allowed: 3.1.1, 5"),
    (["expiry_s: 60"], 2, "expiry_s", "MQTT 3.1.1 knows no expiry; allowed: with version '5'"),
    (["version: '5'", "expiry_s: 0"], 3, "expiry_s", "a whole number from 1 to 4294967295"),
    (["payload: [state, state]"], 2, "payload", "a payload is named twice; allowed: each once"),
    (["payload: []"], 2, "payload", "at least 1"),
    (
        ["payload: [states]"],
        2,
        "payload[0]",
        "'states' is not allowed; allowed: state, scalars, event, history",
    ),
    (["qos: 2"], 2, "qos", "2 is not allowed; allowed: 0, 1"),
    (["publish_s: 0"], 2, "publish_s", "a number from 0.05 to 86400"),
    (["prefix: 'a/+'"], 2, "prefix", "allowed: "),
    (["prefix: ''"], 2, "prefix", "allowed: "),
    (
        ["deadband: {powered: 1}"],
        2,
        "deadband.powered",
        "unknown key; allowed: active_power, active_power_l1",
    ),
    (
        ["deadband: {active_power: -1}"],
        2,
        "deadband.active_power",
        "-1 is not allowed; allowed: a number from 0",
    ),
    (["backlog: 1"], 2, "backlog", "a whole number from 100 to 10000000"),
    (["client_id: ''"], 2, "client_id", "1 to 128 characters"),
    (["homeassistant: {prefix: 'a/#'}"], 2, "homeassistant.prefix", "allowed: "),
    (["sparkplug: {group: 'a/b'}"], 2, "sparkplug.group", "allowed: "),
    (["homie: {domain: ''}"], 2, "homie.domain", "allowed: "),
    (["port: 65536"], 2, "port", "a whole number from 0 to 65535"),
    (["broker: x"], 2, "broker", "unknown key"),
]


@pytest.fixture
def files(tmp_path: Path) -> None:
    (tmp_path / "user").write_text("ann")
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "two").write_text("one\ntwo")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    authority = Authority(tmp_path)
    for name, password in (("a", None), ("b", None), ("c", b"pass")):
        authority.issue(name, password=password)


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(("lines", "line", "key", "words"), FAULTY)
def test_a_faulty_section_is_told_with_line_key_and_what_is_allowed(
    tmp_path: Path, lines: list[str], line: int, key: str, words: str
) -> None:
    file = _section(tmp_path, lines)
    with pytest.raises(ConfigError) as raised:
        load_config(file)
    error = raised.value
    assert (error.file, error.line, error.key) == (str(file), line, f"mqtt.{key}")
    assert words in error.message
    assert SECRET not in str(error)


@pytest.mark.usefixtures("files")
def test_a_broker_of_yours_is_reached_as_the_section_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROKER_PASSWORD", SECRET)
    settings = settings_of(
        tmp_path,
        "url: wss://broker.example:8884/broker",
        "version: '5'",
        "client_id: bench",
        "username_file: user",
        "password_env: BROKER_PASSWORD",
        "tls: {ca: ca.pem, certificate: a.pem, key: a.key, check_host: false}",
    )
    access = settings.access
    assert (settings.own, access.version, access.client_id) == (False, 5, "bench")
    assert str(access.address) == "wss://ann@broker.example:8884/broker"
    assert (access.address.username, access.address.password) == ("ann", SECRET)
    assert SECRET not in repr(settings)
    assert access.tls is not None
    assert not access.tls.check_hostname


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("mqtt://broker", "mqtt://broker:1883"),
        ("mqtts://broker", "mqtts://broker:8883"),
        ("ws://broker", "ws://broker:80/mqtt"),
        ("wss://[::1]/x", "wss://[::1]:443/x"),
    ],
)
def test_each_scheme_has_its_port_and_websockets_their_path(tmp_path: Path, url: str, shown: str) -> None:
    access = settings_of(tmp_path, f"url: '{url}'").access
    assert str(access.address) == shown
    assert (access.tls is not None) == url.startswith(("mqtts", "wss"))


def test_without_a_url_a_broker_comes_along_at_the_port(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "port: 1999")
    assert (settings.own, str(settings.access.address)) == (True, "mqtt://127.0.0.1:1999")


@pytest.mark.usefixtures("files")
def test_all_that_is_wrong_is_told_together(tmp_path: Path) -> None:
    lines: list[Any] = [f"url: {URL}", "expiry_s: 60", "payload: [state, state]", "tls: {}"]
    with pytest.raises(FaultyConfigError) as raised:
        load_config(_section(tmp_path, lines))
    assert [str(error).count("allowed: ") for error in raised.value.errors] == [1, 1, 1]
