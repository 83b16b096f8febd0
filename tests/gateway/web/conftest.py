"""A small gateway behind the HTTP API: a real clock and fleet, no other protocol; and a plain HTTP client."""

import asyncio
import http.client
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from gateway.addressing import Addresses
from gateway.clock import Clock, ClockMode, ClockState
from gateway.commands import Command, HoldKey, Outcome, ResetPeak, TurnKey
from gateway.config.changes import change_schema, changed, connection
from gateway.config.fleet import default_fleet
from gateway.config.reader import load_config
from gateway.errors import RequestRefusedError
from gateway.hub import Endpoint
from gateway.web.adapter import WebAdapter
from sims.fleet import Fleet
from sims.key_switch import too_long
from sims.snapshot import Snapshot


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class SmallStation:
    """What the API controls, with a fleet of `meters` meters."""

    def __init__(self, mode: ClockMode, meters: int) -> None:
        config = load_config(
            options={
                ("meters",): ("--meters", [dict(one, tags={"floor": "2"}) for one in default_fleet(meters)])
            }
        )
        self.nameplates = config.nameplates
        self.clock = Clock(mode)
        self.fleet = Fleet(config.meters, start=self.clock.state.tick.time)
        self.snapshot = self.fleet.step(self.clock.state.tick)
        self.serving = {"http": True}
        self.adapter = WebAdapter(
            gateway_id="plant-a",
            gateway_name="Plant A",
            meters=self.nameplates,
            control=self,
            host="127.0.0.1",
            port=0,
        )
        self.adapter.show(self.snapshot)

    def clock_state(self) -> ClockState:
        return self.clock.state

    def set_clock(self, *, speed: float | None, paused: bool | None) -> None:
        self.clock.set(speed=speed, paused=paused)

    async def advance(self, seconds: float) -> Snapshot:
        for tick in self.clock.advance(seconds):
            self.snapshot = self.fleet.step(tick)
        self.adapter.show(self.snapshot)
        await self.adapter.shown()
        return self.snapshot

    async def apply(self, command: Command) -> Outcome:
        """Do what the station does with the key and the reset."""
        outcome = ""
        match command:
            case TurnKey(row, position):
                outcome = self.fleet.turn_key(row, right=position == "right")
            case HoldKey(row, seconds):
                held = round(seconds * 10**9)
                outcome = self.fleet.hold_key(row, held) or too_long(held)
            case ResetPeak(row):
                if refusal := self.fleet.reset_peak(row):
                    raise RequestRefusedError(refusal)
        self._mark()
        return outcome

    async def change_meter(self, row: int, changes: Mapping[str, Any]) -> None:
        self.fleet.change(row, changed(self.fleet.meter(row), changes))
        self._mark()

    def change_schema(self) -> Mapping[str, Any]:
        return change_schema()

    def connection(self, row: int) -> Mapping[str, Any]:
        return connection(self.fleet.meter(row))

    def _mark(self) -> None:
        self.snapshot = self.fleet.step(self.clock.mark())
        self.adapter.show(self.snapshot)

    def parts(self) -> Mapping[str, bool]:
        return self.serving

    def endpoints(self) -> Sequence[Endpoint]:
        return self.adapter.endpoints()

    def addresses(self) -> Addresses:
        return Addresses(modbus_ports=(5020,), gateway_device=100_000, topic_root=None)

    async def call(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask the API; `body` is sent as JSON, or as it is if it is bytes."""
        return await asyncio.to_thread(self._call, method, path, body, headers or {})

    def _call(self, method: str, path: str, body: object, headers: Mapping[str, str]) -> Answer:
        address = urlsplit(self.adapter.ready()["http"])
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        kind = {"Content-Type": "application/json"} if data is not None else {}
        try:
            connection.request(method, path, data, {**kind, **headers})
            response = connection.getresponse()
            return Answer(response.status, dict(response.headers), response.read())
        finally:
            connection.close()


Start = Callable[..., Awaitable[SmallStation]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    started: list[SmallStation] = []

    async def start(mode: ClockMode = "manual", meters: int = 3) -> SmallStation:
        station = SmallStation(mode, meters)
        started.append(station)
        await station.adapter.start()
        return station

    yield start
    for station in started:
        await station.adapter.stop()


@pytest.fixture
async def station(start: Start) -> SmallStation:
    """Start a gateway of 3 meters with a manual clock."""
    return await start()
