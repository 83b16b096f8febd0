"""The pure half of the HTTP API: what clients are answered, from the latest snapshot and the station's word.

No sockets, no asyncio, no web framework.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

import orjson

from gateway.addressing import Addresses
from gateway.bodies import KeySwitch
from gateway.clock import ClockState, iso
from gateway.commands import Applier, SetLink
from gateway.errors import RequestRefusedError
from gateway.hub import Endpoint
from gateway.journal import Journal
from gateway.readings import Readings
from gateway.release import release
from gateway.web.schemas import (
    ClockView,
    EndpointView,
    GatewayView,
    Index,
    KeyTurned,
    Moment,
    Readiness,
    UntoldView,
)
from sims.key_switch import KeyOutcome
from sims.models import Nameplate
from sims.snapshot import Snapshot

_PIECE: Final = 50
"""Meters in one piece of a list: some 2 ms of work."""


class Control(Applier, Protocol):
    """What the API asks of the station."""

    @property
    def journal(self) -> Journal:
        """What waits to be told."""

    async def shown(self) -> None:
        """Return when clients of every adapter can see what has been carried out by now."""

    def clock_state(self) -> ClockState:
        """Return what the clock is doing."""

    def change_schema(self) -> Mapping[str, Any]:
        """Return the JSON Schema of the changes of a meter, complete in itself."""

    def connection(self, row: int) -> Mapping[str, Any]:
        """Return how a meter is connected at the tick that is shown, as a `Change` takes it."""

    def gateway_change_schema(self) -> Mapping[str, Any]:
        """Return the JSON Schema of what `gateway_change` takes, complete in itself."""

    def gateway_change(self, changes: Mapping[str, Any]) -> SetLink:
        """Return the command that puts `changes` over the gateway. Raises FaultyRequestError."""

    def link(self) -> Mapping[str, Any]:
        """Return the faults of the port, by protocol."""

    def key_outcome(self, row: int) -> KeyOutcome | None:
        """Return what has come of the last turn of a key by the tick that is shown, None before the first."""

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
        self._snapshot: Snapshot
        self._began = time.monotonic()
        self.version = release()

    def show(self, snapshot: Snapshot) -> None:
        """Answer from `snapshot` from now on."""
        self._snapshot = snapshot

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
        return Readiness(status="ready" if all(parts.values()) else "not ready", parts=parts)

    def gateway(self) -> GatewayView:
        """Return what the gateway is and where it serves."""
        endpoints = [
            EndpointView(service=one.service, address=one.address, serves=one.serves)
            for one in self._control.endpoints()
        ]
        return GatewayView(
            **_moment(self._snapshot),
            id=self._id,
            name=self._name,
            version=self.version,
            meters=len(self._meters),
            uptime_s=round(time.monotonic() - self._began, 3),
            clock=self.clock(),
            endpoints=endpoints,
            untold=UntoldView(waiting=self._control.journal.waiting, lost=self._control.journal.lost),
            link=dict(self._control.link()),
        )

    def clock(self) -> ClockView:
        """Return what the clock is doing."""
        state = self._control.clock_state()
        return ClockView(
            **_moment(self._snapshot),
            mode=state.mode,
            tick_s=state.tick_s,
            speed=state.speed,
            paused=state.paused,
        )

    def meters(self, ids: Sequence[str] | None = None) -> Iterator[bytes]:
        """Return a MeterList of the meters with these ids, or of all, as JSON in pieces.

        All pieces show the snapshot of the call; others may work between two. Raises UnknownMeterError.
        """
        rows = range(len(self._meters)) if ids is None else [self.row(one) for one in ids]
        return self._pieces(rows, self._snapshot, self._control.addresses())

    def _pieces(self, rows: Sequence[int], snapshot: Snapshot, addresses: Addresses) -> Iterator[bytes]:
        head = orjson.dumps(_moment(snapshot)).removesuffix(b"}")
        yield head + b',"meters":['
        for first in range(0, len(rows), _PIECE):
            views = self._views(rows[first : first + _PIECE], snapshot, addresses)
            yield (b"," if first else b"") + b",".join(map(orjson.dumps, views))
        yield b"]}"

    def meter(self, meter_id: str) -> bytes:
        """Return a OneMeter as JSON. Raises UnknownMeterError."""
        row, snapshot = self.row(meter_id), self._snapshot
        (view,) = self._views([row], snapshot, self._control.addresses())
        key = {"key_switch": _key_switch(snapshot, row, self._control.key_outcome(row))}
        return orjson.dumps({**_moment(snapshot), **view, **key, **self._control.connection(row)})

    def moment(self) -> Moment:
        """Return the tick that is shown."""
        return Moment(**_moment(self._snapshot))

    def key_turned(self, turn: KeySwitch, reason: str) -> KeyTurned:
        """Return what came of a turn of a key; `reason` is the station's."""
        return KeyTurned(**_moment(self._snapshot), reset=turn.reset(reason), reason=reason)

    def _views(
        self, rows: Sequence[int], snapshot: Snapshot, addresses: Addresses
    ) -> Iterator[dict[str, Any]]:
        """Yield the meters in `rows` with the keys of a MeterView."""
        for row, reading in zip(rows, self._readings.shown(snapshot, rows), strict=True):
            yield _view(self._meters[row], addresses) | {"readings": reading}

    def row(self, meter_id: str) -> int:
        """Return the place of a meter among all. Raises UnknownMeterError."""
        if (row := self._rows.get(meter_id)) is not None:
            return row
        first, last = self._meters[0].id, self._meters[-1].id
        raise UnknownMeterError(
            f"there is no meter {meter_id!r}; allowed: the ids at /api/v1/meters, {first} to {last}"
        )


def _moment(snapshot: Snapshot) -> dict[str, Any]:
    return {"tick": snapshot.tick.number, "time": iso(snapshot.tick.time)}


def _key_switch(snapshot: Snapshot, row: int, outcome: KeyOutcome | None) -> dict[str, Any]:
    """Return a KeyView."""
    turn = outcome and {"time": iso(outcome.time), "reset": outcome.reset, "reason": outcome.reason}
    position = "right" if snapshot.columns["key_switch"][row] else "home"
    return {"position": position, "last_turn": turn}


def _view(meter: Nameplate, addresses: Addresses) -> dict[str, Any]:
    """Return a MeterView but for its readings."""
    place = addresses.modbus(meter)
    return {
        "id": meter.id,
        "number": meter.number,
        "name": meter.name,
        "vendor": meter.vendor,
        "model": meter.model.key,
        "serial": meter.serial,
        "firmware": meter.firmware,
        "ct_a": meter.ct_a,
        "ct_kind": meter.ct_kind,
        "enclosure": meter.enclosure,
        "options": sorted(meter.options),
        "tags": dict(meter.tags),
        "modbus": place and {"port": place[0], "unit_id": place[1]},
        "device_instance": addresses.device_instance(meter),
        "topic": addresses.topic(meter),
    }
