"""Register reads a second and their latency, beside libmodbus in C and the limit of one epoll loop."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.support import built, cpu_seconds, gateway, peer

COLUMNS: Final = (
    "server",
    "connections",
    "registers",
    "pipelined",
    "requests/s",
    "p99 [µs]",
    "CPU a request [µs]",
)
CASES: Final = ((1, 10, 1), (10, 10, 1), (100, 10, 1), (100, 100, 1), (300, 10, 1), (100, 10, 8))
SECONDS: Final = "2"
PEER_PORT: Final = 15021
PEERS: Final = {"modbus_libmodbus": "libmodbus", "modbus_epoll": "epoll limit"}


def _load(port: int, pid: int, case: tuple[int, int, int]) -> tuple[str, ...]:
    connections, registers, depth = case
    program = built("mbload")
    assert program is not None
    before = cpu_seconds(pid)
    command = [str(program), "-p", str(port), "-c", str(connections), "-k", str(registers), "-d", str(depth)]
    done = subprocess.run(
        [*command, "-u", "1-247", "-t", SECONDS, "-j"], capture_output=True, text=True, timeout=60, check=True
    )
    said = json.loads(done.stdout)
    requests = said["rps"] * (said["secs"] + 0.5)  # the generator warms up for half a second
    each = (cpu_seconds(pid) - before) / requests * 1e6
    return (*map(str, case), f"{said['rps']:,.0f}", f"{said['p99']:.0f}", f"{each:.1f}")


def measure() -> Iterator[tuple[str, ...]]:
    """Yield a row for each server and load: the gateway with 247 live meters, then the peers."""
    if built("mbload") is None:
        yield "left out: no mbload.c", *[""] * (len(COLUMNS) - 1)
        return
    with gateway("--meters", "247") as ready:
        for case in CASES:
            yield "metergate", *_load(ready["modbus"][0]["port"], ready["pid"], case)
    for name, words in PEERS.items():
        program = built(name)
        if program is None:
            yield f"left out: {name} does not build here", *[""] * (len(COLUMNS) - 1)
            continue
        yield from _peer_rows(program, words)


def _peer_rows(program: Path, words: str) -> Iterator[tuple[str, ...]]:
    with peer(program, str(PEER_PORT)) as pid:
        for case in CASES:
            yield words, *_load(PEER_PORT, pid, case)
