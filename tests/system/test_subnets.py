"""Meters are found across a router that no broadcast passes: through BBMDs and as foreign devices."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.process import Gateway
from tests.support.subnets import Subnets, subnets

CLIENTS = Path(__file__).parents[1] / "clients"
METERS = 3
DEVICES = [4001, *range(100_000, 100_001 + METERS)]
"""The BBMD of bacpypes3 is a device, too."""
PORT = 47808
ALONE = ("--no-modbus", "--no-mqtt", "--no-http")
SECONDS = 10.0
LINK_AND_NETWORK = {
    "81020004": "81030018" + "0a4d0102bac0ffffffff" + "0a4d0202bac0ffffffff",
    "81010004": "810000060010",
    "81050006003c": "810000060000",
    "8108000a0a4d020301f4": "810000060050",
    "810a0007018000": "810a0009018001" + "03e8",
    "810a000801800600": "810a00100180070203e8010000070200",
    "810a000c0180060100090100": "810a0008018007" + "00",
    "810a0007018012": "810a000a018013" + "000701",
    "810a000701807f": "810a000a01800303" + "0000",
    "810a000f012407d00105ff0275010c": "810a000a01800301" + "07d0",
}
"""Questions of the link and of the network layer, and what the gateway answers."""

pytestmark = pytest.mark.real_client("ip", "sysctl", "node", "npm:@bacnet-js/client", "dumpcap", "tshark")


class Run:
    """Programs on the nodes of two subnets, and a capture of what went over them."""

    def __init__(self, nets: Subnets, folder: Path) -> None:
        self.nets = nets
        self._folder = folder
        self._capture = folder / "all.pcapng"
        self._running: list[subprocess.Popen[bytes]] = []
        command = ["dumpcap", "-q", "-i", "any", "-f", "udp", "-w", str(self._capture)]
        self._dumpcap = self._start("router", *command)
        _until(lambda: self._capture.exists() and self._capture.stat().st_size > 0, "a capture")

    def _start(self, node: str, *command: str) -> subprocess.Popen[bytes]:
        whole = [*self.nets.within(node), *command]
        log = (self._folder / "programs.log").open("ab")
        with log:
            self._running.append(subprocess.Popen(whole, stdout=subprocess.PIPE, stderr=log, cwd=CLIENTS))
        return self._running[-1]

    def gateway(self, role: str) -> Gateway:
        """Start a gateway with a role in its network."""
        file = self._folder / "subnets.yaml"
        address = self.nets.address("gateway")
        file.write_text(f"bacnet: {{address: {address}/24, {role}}}\nmeters: [{{count: {METERS}}}]\n")
        within = self.nets.within("gateway")
        return Gateway(self._folder, str(file), *ALONE, within=within)

    def bbmd(self, *peers: str) -> None:
        """Start a BBMD of another make on the client's subnet."""
        address = f"{self.nets.address('bbmd')}/24"
        started = self._start("bbmd", sys.executable, "bacpypes3_bbmd.py", address, *peers)
        assert started.stdout is not None
        assert started.stdout.readline() == b"ready\n"

    def client(self, *command: str) -> Any:
        """Return what a client prints, as JSON."""
        whole = [*self.nets.within("client"), *command]
        done = subprocess.run(whole, capture_output=True, text=True, timeout=30, cwd=CLIENTS, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def stop(self) -> None:
        """End what runs, the capture last."""
        for running in reversed(self._running):
            running.terminate()
            running.communicate(timeout=SECONDS)
        self._running.clear()

    def captured(self, *fields: str) -> list[list[str]]:
        """Return fields of all that was captured, as tshark sees it."""
        self.client(sys.executable, "-c", _END, self.nets.address("bbmd"), _MARK)
        _until(lambda: _MARK.encode() in self._capture.read_bytes(), "the end of the capture")
        self.stop()
        wanted = [part for field in fields for part in ("-e", field)]
        command = [shutil.which("tshark") or "", "-r", str(self._capture), "-T", "fields", *wanted]
        seen = subprocess.run(command, capture_output=True, text=True, check=True)
        return [line.split("\t") for line in seen.stdout.splitlines()]


_MARK = "nothing after this matters"
_END = "import socket, sys; socket.socket(2, 2).sendto(sys.argv[2].encode(), (sys.argv[1], 9)); print(0)"
_ASK = """
import json, socket, sys
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.settimeout(5)
answers = []
for question in sys.argv[2:]:
    udp.sendto(bytes.fromhex(question), (sys.argv[1], 47808))
    answers.append(udp.recv(2048).hex())
print(json.dumps(answers))
"""


def _until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < deadline, f"no sign of {what}"
        time.sleep(0.02)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    with subnets() as nets:
        made = Run(nets, tmp_path)
        try:
            yield made
        finally:
            made.stop()


def _broadcast(run: Run) -> list[int]:
    """Return the devices that a broadcast on the client's subnet finds; every meter is read, too."""
    subnet = run.nets.address("client").rpartition(".")[0]
    found = run.client("node", "bacnet_js_client.cjs", f"{subnet}.255", str(PORT), str(len(DEVICES)))
    assert [meter["name"] for meter in found["meters"]] == [f"metergate.M{n:04}" for n in (1, 2, 3)]
    devices: list[int] = found["devices"]
    return devices


def test_meters_are_found_from_another_subnet_through_bbmds_and_as_foreign_devices(run: Run) -> None:
    far, near = run.nets.address("bbmd"), run.nets.address("gateway")
    run.bbmd(f"{near}:{PORT}")
    with run.gateway(f"own_network: 7, bbmd: {{bdt: ['{far}:{PORT}']}}"):
        assert _broadcast(run) == DEVICES  # two BBMDs of different makes
        bbmd = f"{near}:{PORT}"
        name = f"metergate.M{METERS:04}"
        own = f"{run.nets.address('client')}:{PORT}"
        foreign = run.client(sys.executable, "bacpypes3_foreign.py", own, bbmd, str(len(DEVICES)))
        assert foreign == {"devices": DEVICES, "name": name}
        foreign = run.client("node", "bacnet_foreign.cjs", bbmd, str(len(DEVICES)))
        assert foreign == {"devices": DEVICES, "name": name}
        answered = run.client(sys.executable, "-c", _ASK, near, *LINK_AND_NETWORK)
        assert answered == list(LINK_AND_NETWORK.values())
    with run.gateway(f"foreign: {{bbmd: '{far}:{PORT}'}}") as gateway:
        _until(lambda: "registered as a foreign device" in gateway.log(), "a registration")
        assert _broadcast(run) == DEVICES
    rows = run.captured("bvlc.function", "_ws.malformed", "_ws.expert.severity", "frame.number")
    assert {"0x00", "0x04", "0x05", "0x09", "0x0a", "0x0b"} <= {row[0] for row in rows}
    assert [row for row in rows if row[1] or row[2]] == []


def test_one_hop_is_enough_where_the_router_lets_directed_broadcasts_through(run: Run) -> None:
    run.nets.let_directed_broadcasts_through()
    far, near = (f"{run.nets.address(node)}/24:{PORT}" for node in ("bbmd", "gateway"))
    run.bbmd(near)
    with run.gateway(f"bbmd: {{bdt: ['{near}', '{far}']}}"):
        assert _broadcast(run) == DEVICES
    broadcasts = {run.nets.address(node).rpartition(".")[0] + ".255" for node in ("bbmd", "gateway")}
    forwarded = [row for row in run.captured("bvlc.function", "ip.dst") if row[0] == "0x04"]
    assert {address for _, address in forwarded} == broadcasts


def test_no_broadcast_crosses_the_router(run: Run) -> None:
    with run.gateway("bbmd: {enabled: false}"):
        subnet = run.nets.address("client").rpartition(".")[0]
        script = "import socket; s = socket.socket(2, 2); s.setsockopt(1, 6, 1); s.settimeout(1)\n"
        script += f"s.sendto(bytes.fromhex('810b000c0120ffff00ff1008'), ('{subnet}.255', {PORT}))\n"
        script += "try: print(s.recv(99)[1])\nexcept TimeoutError: print(0)"
        assert run.client(sys.executable, "-c", script) == 0
