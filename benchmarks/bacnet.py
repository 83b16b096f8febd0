"""Property reads a second over the virtual network, beside the limit of one C thread with answers as long."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, Final

from benchmarks.support import SOURCES, built, gateway, peer

COLUMNS: Final = ("server", "service", "requests/s", "p99 [ms]", "CPU a request [µs]", "answer [bytes]")
METERS: Final = 200
PEER_PORT: Final = 15900
SERVICES: Final[dict[str, list[str]]] = {"ReadProperty": [], "ReadPropertyMultiple of 15": ["--rpm"]}


def _load(port: int, pid: int, *arguments: str) -> dict[str, Any]:
    first, last = 100_001, 100_000 + METERS
    command = [sys.executable, str(SOURCES / "bacload.py"), "--port", str(port), "--dnet", "1000"]
    command += [
        "--dadr",
        f"{first:06x}-{last:06x}",
        "--concurrency",
        "8",
        "--seconds",
        "3",
        "--pid",
        str(pid),
    ]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=60, check=True)
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def _row(server: str, service: str, said: dict[str, Any]) -> tuple[str, ...]:
    figures = f"{said['req_s']:,.0f}", f"{said['p99_ms']:.2f}", f"{said['cpu_us_per_req']:.1f}"
    return server, service, *figures, str(said["resp_bytes"])


def measure() -> Iterator[tuple[str, ...]]:
    """Yield a row for each server and service: the gateway with 200 live meters, then the limit."""
    if not (SOURCES / "bacload.py").exists():
        yield "left out: no bacload.py", *[""] * (len(COLUMNS) - 1)
        return
    sizes = {}
    with gateway("--meters", str(METERS)) as ready:
        port = int(ready["bacnet"]["address"].rsplit(":", 1)[1])
        for service, arguments in SERVICES.items():
            said = _load(port, ready["pid"], *arguments)
            sizes[service] = said["resp_bytes"]
            yield _row("metergate", service, said)
    if limit := built("bacnet_udp_limit"):
        for service, arguments in SERVICES.items():
            with peer(limit, str(PEER_PORT), str(sizes[service] - 4 - 8 - 3)) as pid:
                yield _row("one C thread", service, _load(PEER_PORT, pid, *arguments))
