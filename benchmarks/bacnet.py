"""Property reads over BACnet/IP, beside the limit of one C thread with answers as long and stock bacpypes3.

The latter serves as many devices with the same objects on a virtual network, too, but its values stand still.
All servers stand at once, and each case is measured on one after the other, several times over: what the
machine does beside it then strikes all of them. Figures are medians of the rounds. In cases that are `fresh`
no request is asked twice in a tick, so that no answer can be given again.
"""

import contextlib
import json
import select
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import cycle
from typing import Final

from benchmarks.support import SOURCES, built, cpu_seconds, gateway, peer

COLUMNS: Final = (
    "service",
    "server",
    "requests/s",
    "p99 [ms]",
    "CPU a request [µs]",
    "times the limit",
    "stock, times this",
)
METERS: Final = 200
_INSTANCES: Final = range(100_001, 100_001 + METERS)
_NETWORK: Final = 1000
CLIENTS: Final = 8
ROUNDS: Final = 5
SECONDS: Final = 1.0
OURS: Final = "metergate"
LIMIT: Final = "one C thread"
STOCK: Final = "stock bacpypes3"
_PORTS: Final = range(15900, 15910)
_HEAD: Final = 4 + 8 + 3
"""Octets of an answer that the limit program adds by itself."""
_ATTRIBUTES: Final = (85, 111, 36, 81, 117, 103, 22)
"""Properties of analog inputs."""
_INPUTS: Final = 30


@dataclass(frozen=True)
class Server:
    """A server under load, with devices on the virtual network; the limit program answers for any."""

    name: str
    port: int
    pid: int


@dataclass(frozen=True)
class Figures:
    """What came of one round."""

    rate: float
    p99: float
    cpu: float
    octets: int


Load = Callable[[Server], Figures]


def _bacload(*arguments: str) -> Load:
    """Return the load of the generator of others: the same request again and again, meter by meter."""

    def load(server: Server) -> Figures:
        command = [sys.executable, str(SOURCES / "bacload.py"), "--port", str(server.port)]
        command += ["--dnet", str(_NETWORK), "--dadr", f"{_INSTANCES[0]:06x}-{_INSTANCES[-1]:06x}"]
        command += ["--concurrency", str(CLIENTS), "--seconds", str(SECONDS), "--pid", str(server.pid)]
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=60, check=True)
        said = json.loads(done.stdout)
        return Figures(said["req_s"], said["p99_ms"], said["cpu_us_per_req"], said["resp_bytes"])

    return load


def _to(meter: int, apdu: bytes) -> bytes:
    """Return an APDU in a datagram to a meter."""
    npdu = b"\x01\x24" + _NETWORK.to_bytes(2, "big") + b"\x03" + meter.to_bytes(3, "big") + b"\xff" + apdu
    return b"\x81\x0a" + (len(npdu) + 4).to_bytes(2, "big") + npdu


@cache
def _fresh_requests(objects: int) -> tuple[bytes, ...]:
    """Return reads of `objects` properties each, no two alike, for more than a second."""
    requests = []
    for attribute in _ATTRIBUTES:
        for k in range(_INPUTS):
            wanted = [1 + (k + n) % _INPUTS for n in range(objects)]
            tail = bytes((0x1E, 0x09, attribute, 0x1F))
            body = b"".join(b"\x0c" + number.to_bytes(4, "big") + tail for number in wanted)
            if objects == 1:
                body = b"\x0c" + wanted[0].to_bytes(4, "big") + bytes((0x19, attribute))
            apdu = bytes((0x02, 0x75, 0, 12 if objects == 1 else 14)) + body
            requests += [_to(meter, apdu) for meter in _INSTANCES]
    return tuple(requests)


def _fresh(objects: int) -> Load:
    """Return a load of requests that differ, each client waiting for its answer."""

    def load(server: Server) -> Figures:
        requests, epoll, times, octets = cycle(_fresh_requests(objects)), select.epoll(), [], 0
        with contextlib.ExitStack() as stack:
            clients: dict[int, tuple[socket.socket, list[float]]] = {}
            for _ in range(CLIENTS):
                udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                udp.connect(("127.0.0.1", server.port))
                epoll.register(udp.fileno(), select.EPOLLIN)
                clients[udp.fileno()] = udp, [time.perf_counter()]
                udp.send(next(requests))
            before, begin = cpu_seconds(server.pid), time.perf_counter()
            while time.perf_counter() < begin + SECONDS:
                for number, _ in epoll.poll(0.1):
                    udp, asked = clients[number]
                    octets = len(udp.recv(2048))
                    now = time.perf_counter()
                    times.append(now - asked[0])
                    asked[0] = now
                    udp.send(next(requests))
            took, used = time.perf_counter() - begin, cpu_seconds(server.pid) - before
        p99 = statistics.quantiles(times, n=100)[-1] * 1000
        return Figures(len(times) / took, p99, used / len(times) * 1e6, octets)

    return load


CASES: Final[dict[str, Load]] = {
    "ReadProperty": _bacload(),
    "ReadPropertyMultiple of 15": _bacload("--rpm"),
    "ReadProperty, fresh": _fresh(1),
    "ReadPropertyMultiple of 15, fresh": _fresh(15),
}


def measure() -> Iterator[tuple[str, ...]]:
    """Yield a row for each case and server: the gateway with 200 live meters, and its peers."""
    if not (SOURCES / "bacload.py").exists():
        yield "left out: no bacload.py", *[""] * (len(COLUMNS) - 1)
        return
    ports = iter(_PORTS)
    with contextlib.ExitStack() as stack:
        ready = stack.enter_context(gateway("--meters", str(METERS)))
        ours = Server(OURS, int(ready["bacnet"]["address"].rsplit(":", 1)[1]), ready["pid"])
        port = next(ports)
        copied = (port, ours.port, _NETWORK, _INSTANCES[0], _INSTANCES[-1])
        command = [sys.executable, "-m", "benchmarks.stock_bacpypes3", *map(str, copied)]
        slow = Server(STOCK, port, stack.enter_context(peer(*command)))
        _await_answer(slow)
        for case, load in CASES.items():
            servers = [ours]
            if limit := built("bacnet_udp_limit"):
                size, port = load(ours).octets - _HEAD, next(ports)
                pid = stack.enter_context(peer(limit, str(port), str(size)))
                servers.append(Server(LIMIT, port, pid))
            yield from _rows(case, load, [*servers, slow])


def _await_answer(server: Server) -> None:
    """Return when the last meter answers: to build 200 devices takes bacpypes3 some 10 s."""
    request = _to(_INSTANCES[-1], bytes.fromhex("0275010c0c000000011955"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(0.5)
        udp.connect(("127.0.0.1", server.port))
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                udp.send(request)
                udp.recv(2048)
                return
            time.sleep(0.1)
    raise RuntimeError(f"{server.name} does not answer")


def _rows(case: str, load: Load, servers: Sequence[Server]) -> Iterator[tuple[str, ...]]:
    """Measure one case on all servers, round by round."""
    rounds = [[load(server) for server in servers] for _ in range(ROUNDS)]
    found = {server.name: _median([each[k] for each in rounds]) for k, server in enumerate(servers)}
    for name, figures in found.items():
        limit = f"{figures.cpu / found[LIMIT].cpu:.2f}" if LIMIT in found else ""
        shares = limit, f"{found[STOCK].cpu / figures.cpu:.3g}"
        yield case, name, f"{figures.rate:,.0f}", f"{figures.p99:.2f}", f"{figures.cpu:.1f}", *shares


def _median(rounds: Sequence[Figures]) -> Figures:
    rate, p99, cpu = (
        statistics.median(getattr(one, each) for one in rounds) for each in ("rate", "p99", "cpu")
    )
    return Figures(rate, p99, cpu, rounds[0].octets)
