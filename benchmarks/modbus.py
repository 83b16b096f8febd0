"""Register reads a second and their latency, beside libmodbus in C, one epoll loop in C and stock pymodbus.

All servers stand at once, and each case is measured on one after the other, several times over: what the
machine does beside it then strikes all of them. Figures are medians of the rounds.
"""

import contextlib
import json
import socket
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.support import built, cpu_seconds, gateway, peer

COLUMNS: Final = (
    "case",
    "server",
    "requests/s",
    "beside libmodbus",
    "p50 [µs]",
    "p99 [µs]",
    "CPU a request [µs]",
)
ROUNDS: Final = 3
SECONDS: Final = 1.5
WARM_S: Final = 0.5
"""What the generator runs before it counts [s]."""
PEER: Final = "libmodbus"
OURS: Final = "metergate"
ALONE: Final = "metergate, Modbus alone"
"""The same without BACnet, MQTT and HTTP: what each tick does for those keeps nobody waiting."""
_OTHERS_OFF: Final = ("--no-bacnet", "--no-mqtt", "--no-http")
STUCK: Final = 3
"""What the generator ends with where requests stay unanswered."""
MANY: Final = 2000
_PORTS: Final = range(15021, 16000)
_LONG: Final = 40000
"""Where `sunspec` begins: the only default map with a hundred registers in a row."""
_METERS_ON_LAST_PORT: Final = 24


@dataclass(frozen=True)
class Server:
    """A server under load: its ports, its process and how many of its units every port has."""

    name: str
    ports: tuple[int, int]
    pid: int
    units: int = 247


@dataclass(frozen=True)
class Case:
    """A load: connections, registers a request, requests pipelined, and requests a second if it is paced."""

    connections: int
    registers: int
    pipelined: int = 1
    paced: int = 0

    def __str__(self) -> str:
        words = f"{self.connections} connections, {self.registers} registers"
        if self.paced:
            return f"{words}, {self.paced:,} a second"
        return words + (f", {self.pipelined} pipelined" if self.pipelined > 1 else "")


@dataclass(frozen=True)
class Figures:
    """What came of one round."""

    rate: float
    p50: float
    p99: float
    cpu: float


CASES: Final = (
    *(Case(connections, registers) for connections in (1, 10, 100, 300) for registers in (10, 100)),
    Case(100, 10, pipelined=8),
    Case(100, 10, paced=5000),
)


def measure() -> Iterator[tuple[str, ...]]:
    """Yield a row for each case and server: 247 live meters, the peers, and 2 000 meters on 9 ports."""
    if built("mbload") is None:
        yield "left out: no mbload.c", *[""] * (len(COLUMNS) - 1)
        return
    with contextlib.ExitStack() as stack:
        servers = _servers(stack)
        for case in CASES:
            yield from _rows(case, servers)
    yield from _many()


def _servers(stack: contextlib.ExitStack) -> list[Server]:
    """Start the gateway and the peers that there are."""
    servers = [_gateway(stack, OURS), _gateway(stack, ALONE, *_OTHERS_OFF)]
    ports = iter(_PORTS)
    for name, words in (("modbus_libmodbus", PEER), ("modbus_epoll", "epoll limit")):
        program = built(name)
        if program is not None:
            servers.append(_peer(stack, words, next(ports), str(program)))
    servers.append(
        _peer(stack, "stock pymodbus", next(ports), sys.executable, "-m", "benchmarks.stock_pymodbus")
    )
    return servers


def _gateway(stack: contextlib.ExitStack, words: str, *arguments: str) -> Server:
    ready = stack.enter_context(gateway("--meters", "247", *arguments))
    port = ready["modbus"][0]["port"]
    return Server(words, (port, port), ready["pid"])


def _peer(stack: contextlib.ExitStack, name: str, port: int, *command: str) -> Server:
    pid = stack.enter_context(peer(*command, str(port), tcp=port))
    return Server(name, (port, port), pid)


def _rows(case: Case, servers: Sequence[Server]) -> Iterator[tuple[str, ...]]:
    """Measure one case on all servers, round by round."""
    rounds = [[_load(server, case) for server in servers] for _ in range(ROUNDS)]
    figures = {server.name: _median([each[k] for each in rounds]) for k, server in enumerate(servers)}
    for name, found in figures.items():
        best = figures.get(PEER)
        beside = f"{found.rate / best.rate:.2f}" if found and best else ""
        yield _row(str(case), name, found, beside)


def _row(case: str, server: str, figures: Figures | None, beside: str) -> tuple[str, ...]:
    if figures is None:
        return case, server, "loses answers", *[""] * (len(COLUMNS) - 3)
    numbers = f"{figures.rate:,.0f}", beside, f"{figures.p50:.0f}", f"{figures.p99:.0f}", f"{figures.cpu:.1f}"
    return case, server, *numbers


def _median(rounds: Sequence[Figures | None]) -> Figures | None:
    """Return the medians of all rounds, None if one has failed."""
    if None in rounds:
        return None
    columns = zip(*((one.rate, one.p50, one.p99, one.cpu) for one in rounds if one), strict=True)
    return Figures(*map(statistics.median, columns))


def _load(server: Server, case: Case) -> Figures | None:
    """Load a server once; None if it leaves requests unanswered.

    Raises RuntimeError where it answers anything but what was asked.
    """
    long = case.registers > 10 and server.name in {OURS, ALONE}
    options = {
        "-p": f"{server.ports[0]}-{server.ports[1]}",
        "-c": case.connections,
        "-k": case.registers,
        "-d": case.pipelined,
        "-a": _LONG if long else 0,
        "-u": f"1-{server.units}",
        "-t": SECONDS,
        "-w": WARM_S,
        **({"-r": case.paced} if case.paced else {}),
    }
    program = built("mbload")
    assert program is not None
    command = [str(program), *(str(word) for pair in options.items() for word in pair), "-j"]
    command += ["-C"] if case.paced else []
    before = cpu_seconds(server.pid)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode == STUCK:
        return None
    said = json.loads(done.stdout)
    if wrong := {key: said[key] for key in ("exc", "badtid", "badlen", "badunit", "dropped") if said[key]}:
        raise RuntimeError(f"{server.name}, {case}: {wrong}")
    requests = said["rps"] * (said["secs"] + WARM_S)
    return Figures(said["rps"], said["p50"], said["p99"], (cpu_seconds(server.pid) - before) / requests * 1e6)


def _many() -> Iterator[tuple[str, ...]]:
    """Yield rows of 2 000 meters on nine ports, and of 247 on one, in turn: Modbus alone, as ports are."""
    case = Case(100, 10)
    first = _free_ports(9)
    with (
        gateway("--meters", str(MANY), "--modbus-port", str(first), *_OTHERS_OFF) as many,
        gateway("--meters", "247", *_OTHERS_OFF) as few,
    ):
        port = few["modbus"][0]["port"]
        servers = [
            Server(f"{MANY} meters", (first, first + 8), many["pid"], _METERS_ON_LAST_PORT),
            Server("247 meters", (port, port), few["pid"], _METERS_ON_LAST_PORT),
        ]
        rounds = [[_load(server, case) for server in servers] for _ in range(ROUNDS)]
        for k, server in enumerate(servers):
            figures = _median([each[k] for each in rounds])
            yield _row(f"{case}, {_METERS_ON_LAST_PORT} units a port", server.name, figures, "")


def _free_ports(count: int) -> int:
    """Return the first of so many free ports in a row."""
    for first in range(_PORTS.start + 100, _PORTS.stop, count):
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for port in range(first, first + count):
                stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return first
    raise RuntimeError(f"no {count} free ports in a row")
