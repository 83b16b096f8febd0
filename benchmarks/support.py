"""Processes under measurement: a gateway, and the programs of others that load it or stand beside it."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

SOURCES: Final = Path(os.environ.get("METERGATE_BENCH", Path(__file__).parents[2] / "shared" / "bench"))
_BUILD_FLAGS: Final = {"modbus_libmodbus": ["-lmodbus"]}
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


@cache
def built(name: str) -> Path | None:
    """Return the program built from `name`.c of the sources, or None where it cannot be built."""
    source = SOURCES / f"{name}.c"
    if not source.exists() or not shutil.which("gcc"):
        return None
    program = Path(tempfile.mkdtemp(prefix="metergate-bench-")) / name
    flags = _BUILD_FLAGS.get(name, [])
    command = ["gcc", "-O2", "-I/usr/include/modbus", "-o", str(program), str(source), *flags]
    done = subprocess.run(command, capture_output=True, check=False)
    return program if done.returncode == 0 else None


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used [s]."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process [MB]."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextlib.contextmanager
def gateway(*arguments: str) -> Iterator[dict[str, Any]]:
    """Run a gateway on free ports; give its ready file with `start_s`, what it took to get ready [s]."""
    with tempfile.TemporaryDirectory() as directory:
        ready_file = Path(directory) / "ready.json"
        command = [str(Path(sys.executable).with_name("metergate")), "run", "--ephemeral", *arguments]
        begin = time.monotonic()
        process = subprocess.Popen(
            [*command, "--ready-file", str(ready_file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            while not ready_file.exists():
                if process.poll() is not None or time.monotonic() > begin + 60:
                    raise RuntimeError(f"the gateway did not start: {' '.join(command)}")
                time.sleep(0.002)
            yield json.loads(ready_file.read_bytes()) | {"start_s": time.monotonic() - begin}
        finally:
            process.terminate()
            process.wait(timeout=30)


@contextlib.contextmanager
def peer(*command: str | Path, tcp: int | None = None) -> Iterator[int]:
    """Run a server of others for the time of a measurement; give its process id once `tcp` is served."""
    process = subprocess.Popen(command)
    try:
        _await_port(tcp)
        yield process.pid
    finally:
        process.kill()
        process.wait(timeout=10)


def _await_port(port: int | None) -> None:
    """Return when somebody serves there; a server of datagrams has to be believed."""
    for _ in range(100 if port else 6):
        time.sleep(0.05)
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port or 0)):
            return
