"""Modbus on the network and on serial lines: every way in, all at once, to the same meters.

What a request is answered stands in `bank`; how clients come in, in `listeners` and `serial_listener`.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from gateway.addressing import modbus_ports
from gateway.commands import Applier
from gateway.hub import Endpoint
from gateway.link_faults import Links
from gateway.modbus.bank import Bank
from gateway.modbus.banks import Units
from gateway.modbus.framing.ascii import AsciiFraming
from gateway.modbus.framing.framing import Framing
from gateway.modbus.framing.rtu import RtuFraming
from gateway.modbus.framing.tcp import TcpFraming
from gateway.modbus.line import Line
from gateway.modbus.transports.connections import Connections
from gateway.modbus.transports.listeners import ListeningPoint, Secure, Served, Shared, Streams, Udp
from gateway.modbus.transports.pending import Pending
from gateway.modbus.transports.serial_listener import SerialPoint
from gateway.modbus.units.counters import ConnectionCounters
from gateway.modbus.units.gateway_unit import Gateway, GatewayPlate
from gateway.transports import Listener, SerialListener
from register_maps.loader import check_together, load
from register_maps.model import units_of
from sims.models import Nameplate
from sims.snapshot import Snapshot


class _Transport(NamedTuple):
    """What a transport is called, how frames travel, and what lets clients in by a listener's settings."""

    service: str
    framing: Framing
    point: Callable[[Any, Sequence[Served], Shared], ListeningPoint]


_TRANSPORTS: Final[Mapping[str, _Transport]] = MappingProxyType(
    {
        "tcp": _Transport("Modbus TCP", TcpFraming(), Streams),
        "rtu-over-tcp": _Transport("Modbus RTU over TCP", RtuFraming(), Streams),
        "udp": _Transport("Modbus UDP", TcpFraming(), Udp),
        "tls": _Transport("Modbus TCP Security", TcpFraming(), Secure),
        "rtu": _Transport("Modbus RTU", RtuFraming(), SerialPoint),
        "ascii": _Transport("Modbus ASCII", AsciiFraming(), SerialPoint),
    }
)


class ModbusAdapter:
    """Serves `meters` at all `listeners`: unit n is meter n on a first port, meter 247 + n on the next one.

    There are at most `connections` connections, one that is idle for `idle_s` [s] is closed unless that is 0.
    `commands` applies what clients write. Raises RegisterMapError if a map is wrong, or if two that are
    served together claim the same address.
    """

    name = "modbus"

    def __init__(
        self,
        *,
        host: str,
        listeners: Sequence[Listener],
        connections: int,
        idle_s: float,
        meters: Sequence[Nameplate],
        commands: Applier,
        gateway_id: str,
        gateway_name: str,
        links: Links,
    ) -> None:
        counters = ConnectionCounters()
        plate = GatewayPlate(gateway_id, gateway_name, len(meters), modbus_ports(len(meters)))
        self._lines: list[Line] = []
        self._gateway = Gateway(plate, counters, self._lines)
        self._units = Units(meters, self._gateway, links)
        self._connections = Connections(connections, idle_s, counters)
        self._pending = Pending(commands)
        self._shared = Shared(host, self._connections, self._pending)
        self._banks: dict[tuple[str, ...], list[Bank]] = {}
        self._load = cache(load)  # a map that several listeners serve is one, and so is its image
        self._points = [self._point(each) for each in listeners]

    def _point(self, settings: Listener) -> ListeningPoint:
        """Return what lets clients in as `settings` say; nothing is bound yet."""
        maps = [self._load(name) for name in settings.maps]
        banks = self._banks.get(settings.maps)
        if banks is None:
            check_together(maps)
            banks = self._banks[settings.maps] = self._units.banks(maps)
        transport, units = _TRANSPORTS[settings.transport], units_of(maps)
        if isinstance(settings, SerialListener):
            first = (settings.first_meter - 1) // units.meters
            banks = [banks[0].of(range(first, min(first + settings.units, banks[-1].rows.stop)))]
        lines = [Line(bank, transport.framing) for bank in banks]
        self._lines += lines
        names = ", ".join(each.name for each in maps)
        served = [Served(line, transport.service, units, names) for line in lines]
        return transport.point(settings, served, self._shared)

    async def start(self) -> None:
        """Bind and serve everything, or nothing. Raises AddressInUseError."""
        self._connections.watch()
        try:
            for point in self._points:
                await point.open()
        except BaseException:
            await self.stop()
            raise

    def show(self, snapshot: Snapshot) -> None:
        """Answer from `snapshot` from now on."""
        self._units.show(snapshot)
        for line in self._lines:
            line.show()

    async def shown(self) -> None:
        """Return at once: `show` has made the snapshot visible."""

    async def stop(self) -> None:
        """Close listeners and connections; what is under way is answered if it ends soon."""
        self._connections.unwatch()
        for point in self._points:
            point.shut()
        await self._pending.last()
        for connection in self._connections:
            connection.close()
        await self._pending.end()
        await asyncio.gather(*(point.close() for point in self._points))

    def away(self) -> bool:
        """Return false: it needs nobody."""
        return False

    def endpoints(self) -> list[Endpoint]:
        """Where it serves, one row a port or a serial line."""
        return [endpoint for point in self._points for endpoint in point.endpoints()]

    def ready(self) -> dict[str, list[dict[str, Any]]]:
        """Return, under `modbus`, an entry for each port and serial line."""
        return {self.name: [entry for point in self._points for entry in point.ready()]}
