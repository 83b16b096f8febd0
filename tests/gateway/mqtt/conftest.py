"""Snapshots by hand, brokers on free ports and the gateway's adapter, for the tests of MQTT."""

import asyncio
import contextlib
import json
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import aiomqtt
import numpy as np
import pytest
from numpy.typing import NDArray

from gateway.mqtt.adapter import MqttAdapter
from sims.models import MODELS, Nameplate
from sims.points import FLAGS, MJ_PER_WH, NS_PER_S, POINTS, Kind
from sims.snapshot import Snapshot, Tick

START = 1_767_571_200 * NS_PER_S
"""2026-01-05T00:00:00Z [ns]."""

KEYS = ("series-1000-1p2w-120", "series-1000-120-240", "series-2000-277-480")

MOSQUITTO = "listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nlog_type none\n"


def nameplates(count: int) -> list[Nameplate]:
    """Return `count` meters M0001 … of one, two and three elements in turn."""
    return [
        Nameplate(number=n, id=f"M{n:04}", model=MODELS[KEYS[(n - 1) % 3]], serial=f"S{n:06}")
        for n in range(1, count + 1)
    ]


def snapshot_of(meters: Sequence[Nameplate], tick: int = 1, **columns: NDArray[Any]) -> Snapshot:
    """Return a snapshot in which each point of each meter has a value of its own, but for `columns`."""
    n = len(meters)
    made: dict[str, NDArray[Any]] = {}
    for place, point in enumerate(POINTS.values()):
        if point.kind is Kind.INSTANT:
            made[point.name] = np.arange(n) + (place + 0.25) * 10.0 + tick
            made[point.name][[not point.lines <= meter.model.lines for meter in meters]] = np.nan
        elif point.kind is Kind.COUNTER:
            made[point.name] = np.arange(n, dtype=np.int64) * 7 + place + tick
    made["energy"] = (np.arange(n, dtype=np.int64) + tick) * 1000 * MJ_PER_WH // 8
    made["peak_demand_time"] = np.where(np.arange(n) % 2, 0, START + 900 * NS_PER_S)
    made["clock"] = np.full(n, START + tick * NS_PER_S)
    made["uptime"] = np.full(n, tick * NS_PER_S)
    made["lcd_screen"] = np.full(n, 1, dtype=np.uint16)
    made["lcd_text"] = np.array([b"  000042"] * n, dtype="S8")
    made["flags"] = np.full(n, 1 << FLAGS.index("powered") | 1 << FLAGS.index("lcd_on"), dtype=np.uint16)
    return Snapshot(Tick(tick, START + tick * NS_PER_S), made | columns)


class BrokerOfYours:
    """A Mosquitto that is not ours, on a port of its own; it can be killed, frozen and started again."""

    def __init__(self, directory: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.url = f"mqtt://127.0.0.1:{self.port}"
        self._configuration = directory / f"{self.port}.conf"
        self._configuration.write_text(MOSQUITTO.format(port=self.port))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        self._process = subprocess.Popen(["mosquitto", "-c", self._configuration])
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


class Listener:
    """A client on a broker: what it has heard, the latest of each topic."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self._client = client
        self.heard: dict[str, aiomqtt.Message] = {}

    def text(self, topic: str) -> str:
        """Return the latest payload of `<gateway>/topic`, empty if there is none."""
        message = self.heard.get(f"metergate/plant-a/{topic}")
        return message.payload.decode() if message and isinstance(message.payload, bytes) else ""

    def state(self, meter: str) -> dict[str, Any]:
        """Return a meter's latest state."""
        return dict(json.loads(self.text(f"{meter}/state") or "{}"))

    async def until(self, seen: Callable[[], object]) -> None:
        """Take messages in until `seen` holds; a test's own patience is 10 s."""
        async with asyncio.timeout(10):
            while not seen():
                message = await anext(aiter(self._client.messages))
                self.heard[str(message.topic)] = message


@contextlib.asynccontextmanager
async def listening(port: int) -> AsyncIterator[Listener]:
    """Subscribe to everything on a broker of this machine."""
    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.subscribe("metergate/#", qos=1)
        yield Listener(client)


class Gateway:
    """An adapter on a broker, with its meters and the tick it shows."""

    def __init__(self, count: int, **settings: Any) -> None:
        self.meters = nameplates(count)
        self.tick = 0
        self.adapter = MqttAdapter(
            **{"url": None, "host": "127.0.0.1", "port": 0, "gateway_id": "plant-a", "meters": self.meters}
            | settings
        )
        self.show()

    def show(self) -> Snapshot:
        """Show the next tick."""
        self.tick += 1
        snapshot = snapshot_of(self.meters, self.tick)
        self.adapter.show(snapshot)
        return snapshot

    @property
    def away(self) -> bool:
        """Whether the table says that the broker is away."""
        return ", away" in self.adapter.endpoints()[0].serves

    @property
    def port(self) -> int:
        """The broker's port."""
        return int(self.adapter.ready()["mqtt"].rpartition(":")[2])


@pytest.fixture
def plates() -> Callable[[int], list[Nameplate]]:
    return nameplates


@pytest.fixture
def reading() -> Callable[..., Snapshot]:
    return snapshot_of


@pytest.fixture
def listen() -> Callable[[int], contextlib.AbstractAsyncContextManager[Listener]]:
    return listening


@pytest.fixture
def eventually() -> Callable[[Callable[[], object]], Awaitable[None]]:
    """Wait until something holds of which nobody tells; a test's own patience is 10 s."""

    async def wait(holds: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not holds():  # noqa: ASYNC110  processes set no events
                await asyncio.sleep(0.01)

    return wait


@pytest.fixture
def closed_port() -> int:
    """Return a port at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def yours(tmp_path: Path) -> Iterator[BrokerOfYours]:
    broker = BrokerOfYours(tmp_path).start()
    yield broker
    broker.kill()


@pytest.fixture
async def gateway() -> AsyncIterator[Callable[..., Awaitable[Gateway]]]:
    """Make a gateway, started unless told otherwise, and stop it after the test."""
    async with contextlib.AsyncExitStack() as stack:

        async def make(count: int = 3, *, start: bool = True, **settings: Any) -> Gateway:
            made = Gateway(count, **settings)
            stack.push_async_callback(made.adapter.stop)
            if start:
                await made.adapter.start()
            return made

        yield make
