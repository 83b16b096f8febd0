"""A small gateway with HTTP alone: the station as it is, on a free port; and a plain HTTP client."""

import asyncio
import contextlib
import http.client
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from gateway.clock import ClockMode
from gateway.commands import Advance
from gateway.config.fleet import default_fleet
from gateway.config.reader import load_config
from gateway.config.report import Options
from gateway.config.settings import Config
from gateway.station import Station
from gateway.web.adapter import WebAdapter


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Served:
    """A station that runs; `adapter` is its HTTP server."""

    def __init__(self, config: Config) -> None:
        self.nameplates = config.nameplates
        self.station = Station(config, None)
        (self.adapter,) = (one for one in self.station.control.hub.adapters if isinstance(one, WebAdapter))
        self._life = contextlib.AsyncExitStack()

    async def start(self) -> None:
        """Let it serve and tick."""
        await self._life.enter_async_context(self.station)
        running = asyncio.create_task(self.station.run())
        self._life.push_async_callback(asyncio.wait, {running})
        self._life.callback(running.cancel)

    async def stop(self) -> None:
        """Stop it."""
        await self._life.aclose()

    async def advance(self, seconds: float) -> None:
        """Move the manual clock on."""
        await self.station.control.apply(Advance(seconds))

    async def call(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask the API; `body` is sent as JSON, or as it is if it is bytes."""
        return await asyncio.to_thread(self._call, method, path, body, headers or {})

    def _call(self, method: str, path: str, body: object, headers: Mapping[str, str]) -> Answer:
        address = urlsplit(self.station.control.ready()["http"])
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        kind = {"Content-Type": "application/json"} if data is not None else {}
        try:
            connection.request(method, path, data, {**kind, **headers})
            response = connection.getresponse()
            return Answer(response.status, dict(response.headers), response.read())
        finally:
            connection.close()


Start = Callable[..., Awaitable[Served]]


def config(mode: ClockMode = "manual", meters: int = 3, more: Options | None = None) -> Config:
    """Return the configuration of a gateway with HTTP alone, and what `more` says."""
    entries = [dict(one, tags={"floor": "2"}) for one in default_fleet(meters)]
    options: dict[tuple[str, ...], tuple[str, Any]] = {
        ("gateway", "id"): ("", "plant-a"),
        ("gateway", "name"): ("", "Plant A"),
        ("clock", "mode"): ("", mode),
        ("http", "port"): ("", 0),
        ("meters",): ("", entries),
    }
    for name in ("modbus", "bacnet", "mqtt"):
        options[name, "enabled"] = ("", False)
    return load_config(options={**options, **(more or {})})


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    started: list[Served] = []

    async def start(mode: ClockMode = "manual", meters: int = 3, more: Options | None = None) -> Served:
        served = Served(config(mode, meters, more))
        started.append(served)
        await served.start()
        return served

    yield start
    for served in started:
        await served.stop()


@pytest.fixture
async def station(start: Start) -> Served:
    """Start a gateway of 3 meters with a manual clock."""
    return await start()
