"""Modbus on the network and on serial lines: every way in, all at once, to the same meters.

What a request is answered stands in `bank`; how clients come in, in `listeners` and `serial_listener`.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from gateway.addressing import modbus_ports
from gateway.commands import Applier
from gateway.hub import Endpoint
from gateway.link_faults import Links
from gateway.modbus.ascii_framing import AsciiFraming
from gateway.modbus.bank import Bank
from gateway.modbus.connections import Connections
from gateway.modbus.counters import Counters
from gateway.modbus.framing import Framing, TcpFraming
from gateway.modbus.gateway_unit import Gateway, GatewayPlate
from gateway.modbus.line import Line
from gateway.modbus.listeners import ListeningPoint, Secure, Served, Shared, Streams, Udp
from gateway.modbus.pending import Pending
from gateway.modbus.read_only import ReadOnlyLine
from gateway.modbus.rtu_framing import RtuFraming
from gateway.modbus.serial_listener import SerialPoint
from gateway.modbus.units import Units
from gateway.transports import Listener, SerialListener, TlsListener
from register_maps.loader import check_together, load
from register_maps.model import RegisterMap, Serves
from sims.models import Nameplate
from sims.snapshot import Snapshot

_FRAMINGS: Final[Mapping[str, Framing]] = MappingProxyType(
    {
        "tcp": TcpFraming(),
        "udp": TcpFraming(),
        "tls": TcpFraming(),
        "rtu-over-tcp": RtuFraming(),
        "rtu": RtuFraming(),
        "ascii": AsciiFraming(),
    }
)


class ModbusAdapter:
    """Serves `meters` at all `listeners`: unit n is meter n on a first port, meter 247 + n on the next one.

    There are at most `connections` connections, one that is idle for `idle_s` [s] is closed unless that is 0.
    `commands` applies what clients write. Raises RegisterMapError if a map is wrong, or if two that are
    served together claim the same address, and TlsFileError.
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
        tick_length: float,
        links: Links,
    ) -> None:
        counters = Counters()
        plate = GatewayPlate(gateway_id, gateway_name, len(meters), modbus_ports(len(meters)), tick_length)
        self._gateway = Gateway(plate, counters)
        self._units = Units(meters, self._gateway, links)
        self._connections = Connections(connections, idle_s, counters)
        self._pending = Pending(commands)
        self._host = host
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
        framing, shared = _FRAMINGS[settings.transport], Shared(self._connections, self._pending)
        if isinstance(settings, SerialListener):
            first = settings.first_meter - 1
            bank = banks[0].of(range(first, min(first + settings.units, banks[-1].rows.stop)))
            return SerialPoint(settings, self._served(bank, framing, maps), shared)
        served = [self._served(bank, framing, maps) for bank in banks]
        if isinstance(settings, TlsListener):
            read_only = [self._line(ReadOnlyLine, bank, framing) for bank in banks]
            return Secure(self._host, settings, served, read_only, shared)
        kind = Udp if settings.transport == "udp" else Streams
        return kind(self._host, settings, served, shared)

    def _served(self, bank: Bank, framing: Framing, maps: Sequence[RegisterMap]) -> Served:
        subjects = "hubs" if any(each.serves is Serves.HUB for each in maps) else "meters"
        return Served(self._line(Line, bank, framing), subjects, ", ".join(each.name for each in maps))

    def _line(self, kind: type[Line], bank: Bank, framing: Framing) -> Line:
        line = kind(bank, framing)
        self._gateway.lines.append(line)
        return line

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
        for line in self._gateway.lines:
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
        for point in self._points:
            await point.close()

    def away(self) -> bool:
        """Return false: it needs nobody."""
        return False

    def endpoints(self) -> list[Endpoint]:
        """Where it serves, one row a port or a serial line."""
        return [endpoint for point in self._points for endpoint in point.endpoints()]

    def ready(self) -> dict[str, list[dict[str, Any]]]:
        """Return, under `modbus`, an entry for each port and serial line."""
        return {self.name: [entry for point in self._points for entry in point.ready()]}
