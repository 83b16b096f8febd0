"""What it costs to publish states: CPU by meters, how long others wait meanwhile, and messages a second.

All by the Mosquitto that comes along. What others wait is measured on Modbus: the longest answer to a client
that asks all the time. The peer of the last table is aiomqtt, one message after the other.
"""

import asyncio
import json
import socket
import struct
import time
import urllib.request
from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any, Final

from benchmarks.support import cpu_seconds, gateway

COLUMNS: Final = ("meters", "CPU with MQTT [% of a core]", "CPU without", "longest answer on Modbus [ms]")
RATE_COLUMNS: Final = ("server", "states a second", "beside aiomqtt")
SIZES: Final = (100, 1000, 2000, 5000)
SECONDS: Final = 10.0
ROUNDS: Final = 20
METERS: Final = 1000
_ASK_EVERY_S: Final = 0.0005
_QUIET: Final = ("--no-bacnet", "--no-http")


def measure() -> Iterator[tuple[str, ...]]:
    """Yield a row for each number of meters: states each second on the broker, or nothing on any."""
    for meters in SIZES:
        with gateway("--meters", str(meters), *_QUIET) as ready:
            time.sleep(2.0)
            published = _share(ready)
            longest = _longest_answer(ready["modbus"][0]["port"])
        with gateway("--meters", str(meters), *_QUIET, "--no-mqtt") as ready:
            time.sleep(2.0)
            silent = _share(ready)
        yield str(meters), f"{100 * published:.1f}", f"{100 * silent:.1f}", f"{1000 * longest:.1f}"


def _share(ready: dict[str, Any]) -> float:
    """Return the part of a core that a gateway takes."""
    before = cpu_seconds(ready["pid"])
    time.sleep(SECONDS)
    return (cpu_seconds(ready["pid"]) - before) / SECONDS


def _longest_answer(port: int) -> float:
    """Ask for registers all the time; return how long the slowest answer took [s]."""
    request, longest = struct.pack(">HHHBBHH", 1, 0, 6, 1, 3, 0, 10), 0.0
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        end = time.monotonic() + SECONDS
        while (begin := time.monotonic()) < end:
            client.sendall(request)
            client.recv(300)
            longest = max(longest, time.monotonic() - begin)
            time.sleep(_ASK_EVERY_S)
    return longest


def measure_rate() -> Iterator[tuple[str, ...]]:
    """Yield states a second: of a gateway whose clock is advanced tick by tick, and of a loop of aiomqtt."""
    with gateway("--meters", str(METERS), "--clock", "manual", "--no-modbus", "--no-bacnet") as ready:
        ours = METERS * ROUNDS / _advance(ready["http"])
        theirs = asyncio.run(_one_by_one(ready["mqtt"]))
    yield "metergate", f"{ours:,.0f}", f"{ours / theirs:.1f}"
    yield "aiomqtt", f"{theirs:,.0f}", ""


def _advance(url: str) -> float:
    """Advance the clock a second at a time; return what all that took [s]: each answer awaits the broker."""
    begin = time.monotonic()
    for _ in range(ROUNDS):
        request = urllib.request.Request(  # noqa: S310  a URL of our own gateway
            f"{url}/api/v1/clock/advance",
            data=b'{"seconds": 1}',
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  likewise
            json.load(answer)
    return time.monotonic() - begin


async def _one_by_one(url: str) -> float:
    """Return how many messages of the size of a state aiomqtt publishes a second."""
    import aiomqtt  # noqa: PLC0415  for this benchmark alone

    port = int(url.rpartition(":")[2])
    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.subscribe("metergate/+/+/state")
        states = [message.payload async for message in _some(client, METERS)]
        begin = time.monotonic()
        for nth, state in enumerate(islice(cycle(states), 5 * METERS)):
            await client.publish(f"peer/{nth % METERS}/state", state, retain=True)
        return 5 * METERS / (time.monotonic() - begin)


async def _some(client: Any, count: int) -> Any:
    async for message in client.messages:
        yield message
        count -= 1
        if not count:
            return
