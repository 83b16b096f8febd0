"""Brokers that are not ours."""

import contextlib
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Self

from tests.support.programs import program

MOSQUITTO = "user root\nlistener {port} 127.0.0.1\npersistence false\nlog_type none\n"
ANYBODY = "allow_anonymous true"


class BrokerOfYours:
    """A Mosquitto that is not ours, on a port of its own; it can be killed, frozen and started again.

    `settings` are further lines of its configuration.
    """

    def __init__(self, directory: Path, *settings: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.url = f"mqtt://127.0.0.1:{self.port}"
        self._configuration = directory / f"{self.port}.conf"
        self._configuration.write_text(
            MOSQUITTO.format(port=self.port) + "\n".join(settings or (ANYBODY,)) + "\n"
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        self._process = subprocess.Popen([program("mosquitto") or "mosquitto", "-c", self._configuration])
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return self
            time.sleep(0.01)

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
