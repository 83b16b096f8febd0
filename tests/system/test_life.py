"""The life of the process: ready, stopped, started again."""

import json
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Gateways = Callable[..., Any]
Cli = Callable[..., subprocess.CompletedProcess[str]]

ONE_METER = """
meters:
  - {id: only, model: series-2000-120-208, accuracy: ideal, load: {kw: 30}}
"""


def test_the_ready_file_says_where_everything_is(gateway: Gateways) -> None:
    running = gateway("--meters", "300", "--clock", "manual")
    ready = running.ready
    assert ready["pid"] == running.process.pid
    assert [entry["units"] for entry in ready["modbus"]] == [[1, 247], [1, 53]]
    assert ready["bacnet"]["gateway_device"] == 100_000
    assert ready["bacnet"]["meters"] == [100_001, 100_300]
    assert ready["mqtt"].startswith("mqtt://127.0.0.1:")
    assert ready["http"].startswith("http://127.0.0.1:")
    assert running.http("/healthz")["status"] == "ok"
    assert running.http("/readyz")["status"] == "ready"
    assert running.http("/api/v1/gateway")["meters"] == 300


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_cleanly(gateway: Gateways, number: signal.Signals) -> None:
    running = gateway("--meters", "3")
    assert running.stop(number) == 0
    assert "Traceback" not in running.log()


def test_energy_and_peak_are_kept_over_a_restart(gateway: Gateways, tmp_path: Path) -> None:
    (tmp_path / "plant.yaml").write_text(ONE_METER)
    arguments = ("plant.yaml", "--clock", "manual", "--state", "state")
    first = gateway(*arguments)
    first.advance(3600)
    before = first.http("/api/v1/meters/only")["readings"]
    assert before["energy"] == 30.0
    assert before["peak_demand"] == 30.0
    assert first.stop() == 0
    again = gateway(*arguments)
    after = again.http("/api/v1/meters/only")["readings"]
    for point in ("energy", "pulse_10wh", "peak_demand", "peak_demand_time"):
        assert after[point] == before[point]
    again.advance(60)
    assert again.http("/api/v1/meters/only")["readings"]["energy"] == 30.5


def test_even_a_killed_gateway_keeps_what_a_client_has_read(gateway: Gateways, tmp_path: Path) -> None:
    (tmp_path / "plant.yaml").write_text(ONE_METER)
    arguments = ("plant.yaml", "--clock", "manual", "--state", "state")
    first = gateway(*arguments)
    first.advance(3600)
    assert first.stop(signal.SIGKILL) == -signal.SIGKILL
    assert gateway(*arguments).http("/api/v1/meters/only")["readings"]["energy"] == 30.0


def test_without_a_state_directory_nothing_is_kept_and_nothing_is_written(
    gateway: Gateways, tmp_path: Path
) -> None:
    (tmp_path / "plant.yaml").write_text(ONE_METER + "state: state\n")
    gateway("plant.yaml", "--clock", "manual", "--no-state").stop()
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    ("option", "kind"),
    [
        ("--modbus-port", socket.SOCK_STREAM),
        ("--bacnet-port", socket.SOCK_DGRAM),
        ("--mqtt-port", socket.SOCK_STREAM),
        ("--http-port", socket.SOCK_STREAM),
    ],
)
def test_a_taken_port_says_which_option_moves_it(
    cli: Cli, tmp_path: Path, option: str, kind: socket.SocketKind
) -> None:
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if kind is socket.SOCK_STREAM:
            taken.listen()
        port = str(taken.getsockname()[1])
        ready = tmp_path / "ready.json"
        done = cli("run", "--ephemeral", option, port, "--ready-file", str(ready), cwd=tmp_path)
    assert done.returncode == 3
    assert option in done.stderr
    assert port in done.stderr
    assert not ready.exists()


def test_the_same_seed_and_clock_give_the_same_readings_and_another_meter_changes_none(
    gateway: Gateways, tmp_path: Path
) -> None:
    readings = []
    for meters in ("4", "4", "7"):
        (tmp_path / "ready.json").unlink(missing_ok=True)
        running = gateway("--meters", meters, "--seed", "7", "--clock", "manual")
        running.advance(86_400)
        readings.append(
            json.dumps([meter["readings"] for meter in running.http("/api/v1/meters")["meters"][:4]])
        )
        running.stop()
    assert readings[0] == readings[1] == readings[2]
