"""Modbus TCP on the network: one port for every 247 meters.

What a request is answered stands in `bank`, how a connection is served in `connection`.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from gateway.addressing import UNITS_PER_PORT
from gateway.binding import address_text, bind_tcp
from gateway.commands import Applier
from gateway.hub import Endpoint
from gateway.modbus.bank import Bank
from gateway.modbus.connection import Connection, Pending
from gateway.modbus.framing import TcpFraming
from gateway.modbus.images import Images
from gateway.modbus.line import Line
from register_maps.loader import check_together, load
from sims.models import Nameplate
from sims.snapshot import Snapshot

SERVICE: Final = "Modbus TCP"
_OPTION: Final = "--modbus-port"


class ModbusAdapter:
    """Serves `meters` as Modbus TCP: unit n is meter n on `port`, meter 247 + n on the next port, and so on.

    With `port` 0 every port is a free one. `maps` are names or files of register maps. `commands` applies
    what clients write. Raises RegisterMapError if a map is wrong, or if two of them claim the same address.
    """

    name = "modbus"

    def __init__(
        self, *, host: str, port: int, maps: Sequence[str], meters: Sequence[Nameplate], commands: Applier
    ) -> None:
        loaded = [load(name) for name in maps]
        check_together(loaded)
        self._host = host
        self._port = port
        self._maps = tuple(each.name for each in loaded)
        self._images = Images(loaded, meters)
        self._lines = [
            Line(Bank(self._images, meters[first : first + UNITS_PER_PORT], first), TcpFraming())
            for first in range(0, len(meters), UNITS_PER_PORT)
        ]
        self._servers: list[asyncio.Server] = []
        self._connections: set[Connection] = set()
        self._pending = Pending(commands)

    async def start(self) -> None:
        """Bind and serve all ports, or none. Raises AddressInUseError."""
        try:
            for index, line in enumerate(self._lines):
                await self._listen(line, self._port and self._port + index)
        except BaseException:
            await self.stop()
            raise

    async def _listen(self, line: Line, port: int) -> None:
        listener = await bind_tcp(SERVICE, self._host, port, _OPTION)
        loop = asyncio.get_running_loop()
        # Made first and serving only afterwards, so that a start cancelled in between leaves nothing behind.
        server = await loop.create_server(
            lambda: Connection(line, self._connections, self._pending), sock=listener, start_serving=False
        )
        self._servers.append(server)
        await server.start_serving()

    def show(self, snapshot: Snapshot) -> None:
        """Answer from `snapshot` from now on."""
        self._images.show(snapshot.columns)
        for line in self._lines:
            line.show()

    async def shown(self) -> None:
        """Return at once: `show` has made the snapshot visible."""

    async def stop(self) -> None:
        """Close listeners and connections; what is under way is answered if it ends soon."""
        servers, self._servers = self._servers, []
        for server in servers:
            server.close()
        await self._pending.last()
        for connection in tuple(self._connections):
            connection.close()
        await self._pending.end()
        for server in servers:
            await server.wait_closed()

    def away(self) -> bool:
        """Return false: it needs nobody."""
        return False

    def endpoints(self) -> list[Endpoint]:
        """Where it serves, one row a port."""
        maps, rows = ", ".join(self._maps), []
        for index, ((host, port), line) in enumerate(zip(self._addresses(), self._lines, strict=False)):
            last, first = len(line.bank.meters), index * UNITS_PER_PORT
            serves = f"meters {first + 1} to {first + last} as units 1 to {last}; {maps}"
            rows.append(Endpoint(SERVICE, address_text(host, port), serves))
        return rows

    def ready(self) -> dict[str, list[dict[str, object]]]:
        """Return host, port and units of each port, under `modbus`."""
        ports: list[dict[str, object]] = [
            {"host": host, "port": port, "units": [1, len(line.bank.meters)]}
            for (host, port), line in zip(self._addresses(), self._lines, strict=False)
        ]
        return {self.name: ports}

    def _addresses(self) -> list[tuple[str, int]]:
        return [server.sockets[0].getsockname()[:2] for server in self._servers]
