"""The gateway itself as a unit: who it is, the sums over its meters, its time and what it has carried.

No PDUs, frames or sockets. Nothing is summed in a tick in which nobody asks.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from gateway.commands import Command
from gateway.modbus.pdu import ExceptionCode
from gateway.modbus.units.counters import ConnectionCounters
from gateway.modbus.units.diagnostics import LineCounters
from gateway.modbus.units.identification import Identity
from gateway.release import release
from register_maps.model import Effect
from sims.points import Columns
from sims.snapshot import Snapshot
from sims.totals import fleet_totals

_SERVER_ID: Final = 0xFF


@dataclass(frozen=True, slots=True)
class GatewayPlate:
    """What is fixed for a gateway."""

    id: str
    name: str
    meters: int
    ports: int


class _LazyColumns(Mapping[str, NDArray[Any]]):
    """Columns that are worked out when the first one is asked for."""

    def __init__(self, work_out: Callable[[], Mapping[str, NDArray[Any]]]) -> None:
        self._work_out = work_out

    @cached_property
    def _made(self) -> Mapping[str, NDArray[Any]]:
        return self._work_out()

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)


class Carrier(Protocol):
    """What carries requests, and counts them."""

    counters: LineCounters

    def count(self) -> None:
        """Bring the counters up to date."""


class Gateway:
    """The gateway as the only one of its kind: what it carries is counted in `lines` and `connections`."""

    def __init__(
        self, plate: GatewayPlate, connections: ConnectionCounters, lines: Sequence[Carrier] = ()
    ) -> None:
        self.services: Sequence[str] = [""]
        self.fixed: Columns = {
            "meters": np.array([plate.meters]),
            "ports": np.array([plate.ports]),
            "gateway_id": np.array([plate.id]),
            "gateway_name": np.array([plate.name]),
            "software_version": np.array([release()]),
        }
        self._plate = plate
        self._connections = connections
        self._lines = lines
        self._started: int | None = None

    def columns(self, snapshot: Snapshot) -> Columns:
        """Return what the gateway shows at a tick; what has been carried is counted when it is asked for."""
        if self._started is None:
            self._started = snapshot.tick.time
        up = snapshot.tick.time - self._started
        return _LazyColumns(lambda: self._numbers(snapshot, up) | fleet_totals(snapshot.columns))

    def _numbers(self, snapshot: Snapshot, up: int) -> dict[str, NDArray[Any]]:
        for line in self._lines:
            line.count()
        numbers = {
            "gateway_uptime": up,
            "tick": snapshot.tick.number,
            "clock": snapshot.tick.time,
            "tick_length": snapshot.tick.regular,
            "requests": sum(line.counters.answers for line in self._lines),
            "exceptions": sum(line.counters.refusals for line in self._lines),
            "connections": self._connections.open,
            "connections_refused": self._connections.refused,
            "connections_closed": self._connections.closed_idle,
        }
        return {name: np.array([number], np.int64) for name, number in numbers.items()}

    def identity(self, row: int) -> Identity:  # noqa: ARG002  the protocol's signature
        """Return who the gateway is."""
        plate = self._plate
        objects = {
            0x00: "metergate",
            0x01: "metergate",
            0x02: str(self.fixed["software_version"][0]),
            0x04: "Gateway to simulated kWh meters",
            0x05: f"{plate.meters} meters",
            0x06: plate.name or plate.id,
            0x80: plate.id,
            0x81: str(plate.meters),
            0x82: str(plate.ports),
        }
        return Identity(_SERVER_ID, f"metergate, {plate.id}, gateway, {plate.meters} meters", objects)

    def running(self, row: int, columns: Columns) -> bool:  # noqa: ARG002  the protocol's signature
        """Return true: it answers."""
        return True

    def command(self, effect: Effect, row: int, value: int, kept: int) -> Command | ExceptionCode | None:  # noqa: ARG002  the protocol's signature
        """Return that nothing of the gateway can be written."""
        return ExceptionCode.ILLEGAL_ADDRESS
