"""The pure half of the HTTP API: what clients are answered, from the latest snapshot and the station's word.

No sockets, no asyncio, no web framework.
"""

import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any, Protocol

from gateway.addressing import Addresses
from gateway.clock import ClockState, iso
from gateway.errors import RequestRefusedError
from gateway.hub import Endpoint
from gateway.readings import Reading, Readings
from gateway.web.schemas import (
    ClockView,
    EndpointView,
    GatewayView,
    Index,
    MeterList,
    MeterView,
    ModbusPlace,
    OneMeter,
    Readiness,
)
from sims.models import Nameplate
from sims.snapshot import Snapshot


class Control(Protocol):
    """What the API asks of the station."""

    def clock_state(self) -> ClockState:
        """Return what the clock is doing."""

    def set_clock(self, *, speed: float | None, paused: bool | None) -> None:
        """Change a real clock. Raises RequestRefusedError for a manual one."""

    async def advance(self, seconds: float) -> Snapshot:
        """Move a manual clock on; return when every listener shows the new tick.

        Raises RequestRefusedError for a real clock.
        """

    def parts(self) -> Mapping[str, bool]:
        """Return by name which parts of the gateway serve."""

    def endpoints(self) -> Sequence[Endpoint]:
        """Return where everything is served."""

    def addresses(self) -> Addresses:
        """Return where the meters are on each protocol."""


class UnknownMeterError(RequestRefusedError):
    """No meter has that id."""


class Answers:
    """Answers about the gateway `gateway_id` and its `meters`; `show` tells it each new snapshot."""

    def __init__(
        self, *, gateway_id: str, gateway_name: str, meters: Sequence[Nameplate], control: Control
    ) -> None:
        self._id = gateway_id
        self._name = gateway_name
        self._meters = meters
        self._control = control
        self._rows = {meter.id: row for row, meter in enumerate(meters)}
        self._readings = Readings(meters)
        self._shown: list[Reading] | None = None
        self._snapshot: Snapshot
        self._began = time.monotonic()
        self.version = version("metergate")

    def show(self, snapshot: Snapshot) -> None:
        """Answer from `snapshot` from now on."""
        self._snapshot = snapshot
        self._shown = None

    def index(self) -> Index:
        """Return the links of the start page."""
        paths = ("gateway", "meters", "clock", "openapi.json")
        links = {path.removesuffix(".json"): f"/api/v1/{path}" for path in paths}
        return Index(
            name=self._name,
            version=self.version,
            links=links | {"health": "/healthz", "readiness": "/readyz"},
        )

    def readiness(self) -> Readiness:
        """Return whether everything serves."""
        parts = dict(self._control.parts())
        return Readiness(status="ready" if all(parts.values()) else "starting", parts=parts)

    def gateway(self) -> GatewayView:
        """Return what the gateway is and where it serves."""
        endpoints = [
            EndpointView(service=one.service, address=one.address, serves=one.serves)
            for one in self._control.endpoints()
        ]
        return GatewayView(
            **self._moment(),
            id=self._id,
            name=self._name,
            version=self.version,
            meters=len(self._meters),
            uptime_s=round(time.monotonic() - self._began, 3),
            clock=self.clock(),
            endpoints=endpoints,
        )

    def clock(self) -> ClockView:
        """Return what the clock is doing."""
        state = self._control.clock_state()
        return ClockView(
            **self._moment(),
            mode=state.mode,
            tick_s=state.tick_s,
            speed=state.speed,
            paused=state.paused,
        )

    def meters(self, ids: Sequence[str] | None = None) -> MeterList:
        """Return the meters with these ids, or all. Raises UnknownMeterError."""
        rows = range(len(self._meters)) if ids is None else [self._row(one) for one in ids]
        addresses = self._control.addresses()
        return MeterList(**self._moment(), meters=[self._meter(row, addresses) for row in rows])

    def meter(self, meter_id: str) -> OneMeter:
        """Return one meter. Raises UnknownMeterError."""
        row = self._row(meter_id)
        return OneMeter(**self._moment(), **dict(self._meter(row, self._control.addresses())))

    def _moment(self) -> dict[str, Any]:
        tick = self._snapshot.tick
        return {"tick": tick.number, "time": iso(tick.time)}

    def _row(self, meter_id: str) -> int:
        if (row := self._rows.get(meter_id)) is not None:
            return row
        first, last = self._meters[0].id, self._meters[-1].id
        raise UnknownMeterError(
            f"there is no meter {meter_id!r}; allowed: the ids at /api/v1/meters, {first} to {last}"
        )

    def _meter(self, row: int, addresses: Addresses) -> MeterView:
        if self._shown is None:
            self._shown = list(self._readings.shown(self._snapshot))
        meter = self._meters[row]
        modbus = addresses.modbus(meter)
        return MeterView(
            id=meter.id,
            number=meter.number,
            name=meter.name,
            vendor=meter.vendor,
            model=meter.model.key,
            serial=meter.serial,
            firmware=meter.firmware,
            ct_a=meter.ct_a,
            options=sorted(meter.options),
            modbus=modbus and ModbusPlace(port=modbus[0], unit_id=modbus[1]),
            device_instance=addresses.device_instance(meter),
            topic=addresses.topic(meter),
            readings=self._shown[row],
        )
