"""Brokers on free ports, those who listen there and the gateway's adapter, for the tests of MQTT."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from sims.models import Nameplate
from sims.snapshot import Snapshot
from tests.support.brokers import BrokerOfYours
from tests.support.mqtt import Gateway, plain_snapshot
from tests.support.snapshots import nameplates


class Listener:
    """A client on a broker: what it has heard, the latest of each topic and all of it in order."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self._client = client
        self.heard: dict[str, aiomqtt.Message] = {}
        self.messages: list[aiomqtt.Message] = []

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
                self.messages.append(message)


@contextlib.asynccontextmanager
async def listening(port: int) -> AsyncIterator[Listener]:
    """Subscribe to everything on a broker of this machine."""
    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.subscribe("metergate/#", qos=1)
        yield Listener(client)
        with contextlib.suppress(asyncio.InvalidStateError, aiomqtt.MqttError):
            client._disconnected.result()  # aiomqtt asks nobody why a broker that a test has ended is gone


@pytest.fixture
def plates() -> Callable[[int], list[Nameplate]]:
    return nameplates


@pytest.fixture
def reading() -> Callable[..., Snapshot]:
    return plain_snapshot


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
