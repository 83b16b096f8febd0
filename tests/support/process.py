"""The gateway as its users run it: a process of its own, on free ports, told by its ready file."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

START_SECONDS = 30.0
METERGATE = str(Path(sys.executable).with_name("metergate"))


class Gateway:
    """A running `metergate run`, started by the command `within`; `ready` is what its ready file says."""

    def __init__(self, directory: Path, *arguments: str, within: Sequence[str] = ()) -> None:
        self._log = directory / "gateway.log"
        ready_file = directory / "ready.json"
        ready_file.unlink(missing_ok=True)
        command = [*within, METERGATE, "run", *arguments, "--ready-file", str(ready_file)]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=directory)
        self.ready: dict[str, Any] = self._wait_for(ready_file)

    def _wait_for(self, ready_file: Path) -> dict[str, Any]:
        deadline = time.monotonic() + START_SECONDS
        while not ready_file.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                raise AssertionError(f"the gateway did not get ready:\n{self.log()}")
            time.sleep(0.01)
        ready: dict[str, Any] = json.loads(ready_file.read_bytes())
        return ready

    @property
    def modbus(self) -> tuple[str, int]:
        """Host and port of the first 247 meters."""
        entry = self.ready["modbus"][0]
        return entry["host"], entry["port"]

    @property
    def bacnet_port(self) -> int:
        """UDP port of BACnet/IP."""
        return int(self.ready["bacnet"]["address"].rpartition(":")[2])

    def log(self) -> str:
        """Return what the process has printed so far."""
        return self._log.read_text(errors="replace")

    def http(self, path: str, body: object = None) -> Any:
        """Return the JSON answer to GET, or to POST where there is a `body`."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310  a URL of our own gateway
            self.ready["http"] + path, data=data, headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=300) as answer:  # noqa: S310  likewise
            return json.load(answer)

    def advance(self, seconds: float) -> Any:
        """Advance a manual clock."""
        return self.http("/api/v1/clock/advance", {"seconds": seconds})

    def stop(self, signal_number: int = signal.SIGTERM) -> int:
        """Stop the process and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal_number)
        return self.process.wait(timeout=20)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.stop()


def run_cli(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command to its end and return what it said."""
    command = [METERGATE, *arguments]
    environment = os.environ | {"NO_COLOR": "1", "COLUMNS": "200"}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, cwd=cwd, env=environment
    )
