"""What 2 000 subscriptions to changes cost at a 1-s tick, unconfirmed and confirmed, beside none."""

import contextlib
import socket
import struct
import time
from collections.abc import Iterator
from typing import Any, Final

from benchmarks.support import cpu_seconds, gateway

COLUMNS: Final = ("subscriptions", "kind", "notifications/s", "CPU [% of a core]")
METERS: Final = 200
OF_EACH: Final = 10
SECONDS: Final = 10.0
NETWORK: Final = b"\x03\xe8"
CHANGING: Final = struct.pack(">f", 0.0)
"""As an increment: every change is told."""
STANDING: Final = struct.pack(">f", 1e9)


def _to(meter: bytes, apdu: bytes) -> bytes:
    npdu = b"\x01\x24" + NETWORK + b"\x03" + meter + b"\xff" + apdu
    return b"\x81\x0a" + (len(npdu) + 4).to_bytes(2, "big") + npdu


def _subscriptions(kind: bytes) -> Iterator[bytes]:
    """Yield ten SubscribeCOVProperty for each meter: two or three of its energy, told every second."""
    for n in range(METERS):
        meter = (100_001 + n).to_bytes(3, "big")
        for k in range(OF_EACH):
            changes = k < 2 + n % 2
            number = (1 if changes else 2 + k).to_bytes(4, "big")
            watched = bytes((0x09, k, 0x1C)) + number + b"\x29" + kind + b"\x39\x00\x4e\x09\x55\x4f\x5c"
            yield _to(meter, b"\x00\x05\x01\x1c" + watched + (CHANGING if changes else STANDING))


def _take(udp: socket.socket, until: float) -> int:
    """Take what comes until a time and acknowledge it; return how many notifications there were."""
    taken = 0
    udp.settimeout(0.05)
    while time.monotonic() < until:
        with contextlib.suppress(TimeoutError):
            data = udp.recv(2048)
            if data[12] == 0:
                udp.send(_to(data[9:12], b"\x20" + data[14:15] + b"\x01"))
            taken += data[12] in {0x00, 0x10}
    return taken


def _measure(ready: dict[str, Any], kind: bytes | None) -> tuple[float, float]:
    """Return notifications a second and the share of a core."""
    host, port = ready["bacnet"]["address"].replace("/8", "").rsplit(":", 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        udp.connect((host, int(port)))
        for request in _subscriptions(kind) if kind is not None else ():
            udp.send(request)
            _take(udp, time.monotonic() + 0.0005)
        _take(udp, time.monotonic() + 3.0)
        before = cpu_seconds(ready["pid"])
        taken = _take(udp, time.monotonic() + SECONDS)
        return taken / SECONDS, (cpu_seconds(ready["pid"]) - before) / SECONDS


def measure() -> Iterator[tuple[str, ...]]:
    """Yield a row for each kind of notification."""
    for words, kind in (("none", None), ("unconfirmed", b"\x00"), ("confirmed", b"\x01")):
        with gateway("--meters", str(METERS)) as ready:
            rate, share = _measure(ready, kind)
        count = 0 if kind is None else METERS * OF_EACH
        yield str(count), words, f"{rate:.0f}", f"{100 * share:.1f}"
