"""The command as users run it: a process, its output and its exit code."""

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from gateway.cli import _announce
from gateway.hub import Endpoint

METERGATE = str(Path(sys.executable).with_name("metergate"))
MAP = """name: mine
description: Energy alone
source: this test
base: 0
table: both
word_order: CDAB
entries:
  - {address: 0, type: u32, point: energy, scale: 0.01}
"""


def _run(*arguments: str, **settings: object) -> subprocess.CompletedProcess[str]:
    command = [METERGATE, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **settings)  # type: ignore[call-overload, no-any-return]


def _serving(tmp_path: Path, *arguments: str) -> tuple[subprocess.Popen[str], dict[str, str]]:
    """Start a gateway of HTTP alone; return it and what its ready file says."""
    ready = tmp_path / "ready.json"
    off = ["--no-modbus", "--no-bacnet", "--no-mqtt", "--ephemeral", "--ready-file", str(ready)]
    process = subprocess.Popen(
        [METERGATE, "run", *off, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 30
    while not ready.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    return process, json.loads(ready.read_text())


def test_version_and_help_are_there() -> None:
    assert _run("--version").stdout.startswith("metergate ")
    said = _run("run", "--help").stdout
    for option in ("--meters", "--mqtt-url", "--no-state", "--ready-file", "--log-format"):
        assert option in said


def test_the_command_is_there_as_a_module_of_python_too(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "metergate"]
    (tmp_path / "plant.yaml").write_text("meters: [{count: no}]\n")
    for arguments in (["--version"], ["config", "check", "plant.yaml"]):
        as_module = subprocess.run(
            [*command, *arguments], capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path
        )
        done = _run(*arguments, cwd=tmp_path)
        assert (as_module.returncode, as_module.stdout, as_module.stderr) == (
            done.returncode,
            done.stdout,
            done.stderr,
        )


def test_a_right_configuration_is_said_to_be_right(tmp_path: Path) -> None:
    (tmp_path / "plant.yaml").write_text("meters: [{count: 3}]\n")
    done = _run("config", "check", "plant.yaml", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "plant.yaml is right: 3 meters\n")


def test_each_fault_is_a_line_that_an_editor_can_jump_to(tmp_path: Path) -> None:
    (tmp_path / "plant.yaml").write_text("meters:\n  - {id: a, ct_a: -1}\n  - {id: b, modle: x}\n")
    for command in (("config", "check", "plant.yaml"), ("run", "plant.yaml")):
        done = _run(*command, cwd=tmp_path)
        assert done.returncode == 2
        first, second = done.stderr.splitlines()
        assert first.startswith("plant.yaml:2: meters[0].ct_a: -1 is not allowed; allowed: ")
        assert second.startswith(
            "plant.yaml:3: meters[1].modle: unknown key (did you mean model?); allowed: "
        )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["--http-port", "70000"],
            "--http-port: 70000 is not allowed; allowed: a whole number from 0 to 65535",
        ),
        (["--clock", "fast"], "--clock: 'fast' is not allowed; allowed: real, manual"),
        (["--start", "yesterday"], "--start: 'yesterday' is not allowed; allowed: ISO 8601"),
        (["--model", "delta"], "--model: a delta service is refused"),
        (["--meters", "0"], "--meters"),
        (["--mqtt-url", "mqtt://x", "--mqtt-port", "1"], "one of --mqtt-port and --mqtt-url"),
        (["--state", "x", "--no-state"], "one of --state and --no-state"),
        (["--nonsense"], "--nonsense"),
    ],
)
def test_a_wrong_option_exits_with_2_and_is_named(arguments: list[str], words: str) -> None:
    done = _run("run", *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_taken_port_exits_with_3_and_says_which_option_moves_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = _run("run", "--no-modbus", "--no-bacnet", "--no-mqtt", "--http-port", str(port))
    assert done.returncode == 3
    assert done.stderr == f"HTTP: 127.0.0.1:{port} is already in use; --http-port moves it\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_0(tmp_path: Path, number: signal.Signals) -> None:
    process, ready = _serving(tmp_path, "--meters", "2")
    with urllib.request.urlopen(f"{ready['http']}/readyz", timeout=10) as answer:  # noqa: S310  our own gateway
        assert answer.status == 200
    process.send_signal(number)
    out, error = process.communicate(timeout=20)
    assert process.returncode == 0
    assert out.count(ready["http"]) == 1
    assert "Traceback" not in error


def test_the_log_is_json_lines_if_wanted(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("t,w\n2026-01-05T01:00,1\n2026-01-05T00:00,1\n")
    (tmp_path / "plant.yaml").write_text(
        "meters: [{load: {profile: csv, file: a.csv, time: t, value: w, unit: W}}]\n"
    )
    process, _ = _serving(tmp_path, str(tmp_path / "plant.yaml"), "--log-format", "json")
    process.terminate()
    _, error = process.communicate(timeout=20)
    first = json.loads(error.splitlines()[0])
    assert first["level"] == "warning"
    assert "a.csv" in first["message"]


def test_the_schema_is_json() -> None:
    assert json.loads(_run("config", "schema").stdout)["title"] == "ConfigFile"


def test_maps_are_listed_and_shown() -> None:
    assert "native" in _run("maps", "list").stdout
    lines = _run("maps", "show", "native").stdout.splitlines()
    assert lines[0].split()[:7] == ["address", "table", "type", "order", "point", "scale", "unit"]
    (energy,) = [line for line in lines if line.split()[0] == "100"]
    assert energy.split()[:7] == ["100", "holding+input", "u64", "ABCD", "energy", "0.001", "kWh"]


def test_a_register_map_is_checked(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(MAP)
    done = _run("maps", "check", "mine.yaml", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "mine.yaml is right: map mine, 1 entries\n")
    (tmp_path / "mine.yaml").write_text(MAP.replace("energy,", "enrgy,"))
    done = _run("maps", "check", "mine.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("mine.yaml:8: ")
    done = _run("maps", "show", "nothing")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert done.stderr.startswith("nothing: there is no such register map; allowed: a8911-23, ")


def test_addresses_of_a_map_are_shown_zero_based_whatever_its_base(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        MAP.replace("base: 0", "base: 40001").replace("address: 0", "address: 40001")
    )
    lines = _run("maps", "show", "mine.yaml", cwd=tmp_path).stdout.splitlines()
    assert lines[1].split()[0] == "0"


@pytest.mark.parametrize("command", [("config", "check"), ("run",), ("maps", "check")])
@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 100_000, "~: 3\n", "1.5: 1\n", "gateway: {~: 1}\n"])
def test_no_yaml_ends_the_process_without_a_word(tmp_path: Path, command: tuple[str, ...], text: str) -> None:
    (tmp_path / "x.yaml").write_text(text)
    done = _run(*command, "x.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("x.yaml:1: ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("address", "token_made_up", "told"),
    [
        ("http://192.0.2.1:8080", True, 1),
        ("http://[2001:db8::1]:8080", True, 1),
        ("http://192.0.2.1:8080", False, 0),
        ("http://127.0.0.1:8080", True, 0),
        ("http://[::1]:8080", True, 0),
    ],
)
def test_the_token_is_told_once_where_it_is_needed_and_was_made_up(
    capsys: pytest.CaptureFixture[str], address: str, *, token_made_up: bool, told: int
) -> None:
    ready = {"http": address, "token": "made-up-by-the-gateway"}
    _announce([Endpoint("HTTP", address, "API")], ready, token_made_up=token_made_up)
    assert capsys.readouterr().out.count("Token for changes: made-up-by-the-gateway\n") == told


def test_a_token_is_not_told_on_the_loopback(tmp_path: Path) -> None:
    process, ready = _serving(tmp_path, "--meters", "1")
    process.terminate()
    assert ready["token"] not in "".join(process.communicate(timeout=20))
