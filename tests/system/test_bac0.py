"""BAC0 finds meters, reads all of them, writes, and is told of changes and alarms."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.support.process import Gateway
from tests.support.subnets import Subnets, subnets

CLIENTS = Path(__file__).parents[1] / "clients"
CLIENT = CLIENTS / "bac0_client.py"
DISCOVER = CLIENTS / "bac0_discover.py"
CONFIGURATION = """
clock: {mode: manual}
bacnet: {topology: TOPOLOGY}
modbus: {enabled: false}
mqtt: {enabled: false}
meters:
  - {id: small, model: series-1000-120-240, ct_a: 100, options: [demand, peak_reset], load: {kw: 5}}
  - {id: large, model: series-2000-277-480, ct_a: 400, options: [demand, peak_reset], load: {kw: 30}}
"""
DEVICES = [100_000, 100_001, 100_002, 100_003]
METERS = {"100001": "small", "100002": "large"}
BASIC = {"object-identifier", "object-name", "object-type"}
"""What every object has that a property-list leaves out; all but itself."""


def at_home(folder: Path) -> dict[str, str]:
    """Return the environment for BAC0, which logs into the home directory and takes settings from there."""
    return os.environ | {"HOME": str(folder)}


class Bac0:
    """The client in a process of its own, whose lines are heard one by one."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._log = folder / "bac0.log"
        with self._log.open("wb") as log:
            command = [sys.executable, str(CLIENT), *arguments]
            pipe = subprocess.PIPE
            self.process = subprocess.Popen(command, stdout=pipe, stderr=log, cwd=folder, env=at_home(folder))

    def hear(self) -> Any:
        """Return what it says next; the client itself ends after two minutes."""
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, self._log.read_text()
        return json.loads(line)


@pytest.fixture
def bac0(tmp_path: Path) -> Iterator[Callable[..., Bac0]]:
    started: list[Bac0] = []

    def start(*arguments: str) -> Bac0:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            own = f"127.0.0.1:{free.getsockname()[1]}"
        started.append(Bac0(tmp_path, own, *arguments))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.communicate()


def readings(gateway: Gateway) -> dict[str, Any]:
    """Return what HTTP shows of each meter."""
    return {meter["id"]: meter["readings"] for meter in gateway.http("/api/v1/meters")["meters"]}


def reverse(gateway: Gateway, meter: str) -> None:
    """Let a meter's load feed back."""
    url = f"{gateway.ready['http']}/api/v1/meters/{meter}"
    body = json.dumps({"load": {"kw": -20}}).encode()
    header = {"Content-Type": "application/json"}
    with urlopen(Request(url, body, header, method="PATCH"), timeout=60) as answer:  # noqa: S310  our own gateway
        assert answer.status == 200


def shown(told: dict[str, Any]) -> dict[str, Any]:
    """Return the present-values of a meter's objects by their names, booleans as booleans."""
    active = {"active": True, "inactive": False}
    return {
        each["object-name"]: active.get(each["present-value"], each["present-value"])
        for each in told["objects"].values()
        if "present-value" in each
    }


def check_values(told: dict[str, Any], over_http: dict[str, Any]) -> None:
    """Compare every point with HTTP, and BAC0's own points with the objects."""
    values = shown(told)
    missing = over_http.keys() - values.keys()
    assert missing == {"lcd_energy", "peak_demand_time", "stale"}
    assert values["lcd_text"] == over_http["lcd_text"]
    expected = {key: over_http[key] for key in over_http.keys() - missing - {"lcd_text"}}
    expected["lcd_screen"] += 1  # states are counted from 1, screens from 0
    assert {key: values[key] for key in expected} == pytest.approx(expected, rel=1e-6, abs=1e-9)
    active = {"active": True, "inactive": False}
    points = {name: active.get(value, value) for name, value in told["points"].items()}
    assert points == {name: values[name] for name in points}
    assert values.keys() - points.keys() == {"pulse_10wh", "pulse_1kwh", "lcd_text"}


def check_objects(told: dict[str, Any], instance: str, count: int) -> None:
    """See that each object has exactly the properties that it lists, and all but logs can be read."""
    assert told["count"] == len(told["objects"]) == count
    assert f"device,{instance}" in told["objects"]
    for name, attributes in told["objects"].items():
        assert attributes.keys() == BASIC | set(told["property_lists"][name]), name
        errors = {key: value for key, value in attributes.items() if str(value).startswith("error")}
        refused = {"log-buffer": "error property: read-access-denied"}  # ReadRange alone reads it
        assert errors == (refused if name.startswith("trend-log") else {})


def check_told(told: list[Any], over_http: dict[str, Any]) -> None:
    """Compare what a client is told of the energy and the reverse phase of both meters with HTTP."""
    expected: list[Any] = []
    for instance, name in METERS.items():
        shows = over_http[name]
        value = "active" if shows["reverse_phase"] else "inactive"
        energy = pytest.approx(shows["energy"], rel=1e-6)
        expected += [
            [int(instance), "analog-input,1", "present-value", energy],
            [int(instance), "analog-input,1", "status-flags", [0, 0, 0, 0]],
            [int(instance), "binary-input,1", "present-value", value],
            [int(instance), "binary-input,1", "status-flags", [int(shows["reverse_phase"]), 0, 0, 0]],
        ]
    assert told == expected


def check_logs(told: dict[str, Any], over_http: dict[str, Any]) -> None:
    """See that every way of reading ends with what HTTP shows, at the end of the third hour."""
    counts = {"demand": 36, "energy": 12}
    for point, count in counts.items():
        log = told["logs"][f"{point}_log"]
        assert log.pop("count") == len(log["by position"]) == count
        assert log["by sequence"] == log["by position"][1:]
        assert log["by time"] == log["by position"][-(count * 2 // 3) :]
        assert log["by position"][-1] == pytest.approx(over_http[point], rel=1e-6)


@pytest.mark.parametrize("topology", ["ports", "virtual"])
def test_bac0_reads_all_of_both_series_writes_and_is_told_of_changes_and_alarms(
    gateway: Callable[..., Gateway], bac0: Callable[..., Bac0], tmp_path: Path, topology: str
) -> None:
    file = tmp_path / "bac0.yaml"
    file.write_text(CONFIGURATION.replace("TOPOLOGY", topology))
    running = gateway(str(file))
    running.advance(3 * 3600)
    before = readings(running)
    there = running.ready["bacnet"]
    client = bac0(f"127.0.0.1:{running.bacnet_port}", *there.get("meter_addresses", []))
    read = client.hear()
    assert read.keys() == METERS.keys()
    for (instance, name), count in zip(METERS.items(), (47, 57), strict=True):
        check_objects(read[instance], instance, count)
        check_values(read[instance], before[name])
        check_logs(read[instance], before[name])
    written = client.hear()
    denied = "write-access-denied"
    assert written == {key: ["active", "inactive", "inactive", "2.5", denied, denied] for key in METERS}
    between = readings(running)
    assert [each["peak_demand"] for each in between.values()] == [0, 0]
    check_told(client.hear(), between)
    running.advance(3600)
    for name in METERS.values():
        reverse(running, name)
    heard = client.hear()
    check_told(heard["changed"], readings(running))
    kinds = ("ack-notification", "alarm")
    assert heard["alarms"] == [[int(instance), kind, "offnormal"] for instance in METERS for kind in kinds]
    left = [["binary-input,1", "offnormal", "to-offnormal;to-fault;to-normal"]]
    assert heard["left"] == dict.fromkeys(METERS, left)
    assert client.process.wait(60) == 0


@pytest.mark.real_client("ip", "sysctl")
def test_bac0_discovers_by_broadcast_and_from_another_subnet_as_a_foreign_device(tmp_path: Path) -> None:
    with subnets() as nets:
        address = nets.address("bbmd")  # on the client's subnet; the node "gateway" is beyond the router
        file = tmp_path / "bac0.yaml"
        file.write_text(
            f"bacnet: {{address: {address}/24, own_network: 7, bbmd: {{bdt: []}}}}\nmeters: [{{count: 3}}]\n"
        )
        alone = ("--no-modbus", "--no-mqtt", "--no-http")
        with Gateway(tmp_path, str(file), *alone, within=nets.within("bbmd")):
            near = discoverer(nets, "client", tmp_path)
            far = discoverer(nets, "gateway", tmp_path, f"{address}:47808")
            said = [client.communicate(timeout=90) for client in (near, far)]
    names = ["metergate", *(f"metergate.M{n:04}" for n in (1, 2, 3))]
    found = {"networks": [7, 1000], "devices": DEVICES, "names": names}
    for client, (out, err) in zip((near, far), said, strict=True):
        assert client.returncode == 0, err
        assert json.loads(out) == found


def discoverer(nets: Subnets, node: str, folder: Path, *bbmd: str) -> subprocess.Popen[str]:
    """Start a search for all devices on a node."""
    own = f"{nets.address(node)}/24"
    script = [sys.executable, str(DISCOVER), own, str(DEVICES[0]), str(DEVICES[-1]), *bbmd]
    return subprocess.Popen(
        [*nets.within(node), *script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=at_home(folder),
    )
