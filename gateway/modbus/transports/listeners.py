"""Where clients come in over the network: each kind binds its ports, serves there and tells of them.

What is said stands in `line` and `bank`; how bytes move in `connection`, `tls` and `datagrams`.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol

from gateway.binding import BACKLOG, address_text, bind_tcp, bind_udp
from gateway.hub import Endpoint
from gateway.modbus.line import Line
from gateway.modbus.transports.connection import Connection
from gateway.modbus.transports.connections import Connections
from gateway.modbus.transports.datagrams import Datagrams
from gateway.modbus.transports.pending import Pending
from gateway.modbus.transports.read_only import ReadOnlyLine
from gateway.modbus.transports.tls import Access, TlsPort
from gateway.transports import NetworkListener, TlsListener
from register_maps.model import Serves

PAUSE: Final = 0.25
"""What ends a frame of RTU over TCP that cannot be cut: TCP may hold back a piece of it for 0.2 s [s]."""

_WORDS: Final = MappingProxyType({Serves.METER: "meters", Serves.HUB: "pulse hubs"})


class Shared(NamedTuple):
    """What all listeners of a gateway have in common."""

    host: str
    connections: Connections
    pending: Pending


class Served(NamedTuple):
    """What is served at one port: its line, as which service, and whose units they are by which maps."""

    line: Line
    service: str
    units: Serves
    maps: str

    @property
    def subjects(self) -> str:
        """Whose units they are, in words."""
        return _WORDS[self.units]

    def words(self) -> str:
        """Return whom one finds there."""
        rows = self.line.bank.rows
        return f"{self.subjects} {rows.start + 1} to {rows.stop} as units 1 to {len(rows)}; {self.maps}"


class ListeningPoint(Protocol):
    """A place where clients come in, open or not."""

    async def open(self) -> None:
        """Bind or open it and serve. Raises AddressInUseError."""

    def shut(self) -> None:
        """Take nobody any more; answers due still go out."""

    async def close(self) -> None:
        """Close what is left of it; safe to call more than once, and before `open`."""

    def endpoints(self) -> list[Endpoint]:
        """Return a row for each port that is open."""

    def ready(self) -> list[dict[str, Any]]:
        """Return an entry of the ready file for each port that is open."""


class _Ports(ABC):
    """Consecutive ports, one for each of `served`; with port 0 free ones."""

    def __init__(
        self, settings: NetworkListener | TlsListener, served: Sequence[Served], shared: Shared
    ) -> None:
        self._settings = settings
        self._served = served
        self._shared = shared
        self._addresses: list[tuple[str, int]] = []

    async def open(self) -> None:
        """Bind all ports and serve. Raises AddressInUseError."""
        first = self._settings.port
        for index, served in enumerate(self._served):
            self._addresses.append(await self._open(served, first and first + index))

    @abstractmethod
    async def _open(self, served: Served, port: int) -> tuple[str, int]:
        """Bind a port and serve there; return its address."""

    @abstractmethod
    def shut(self) -> None:
        """Take nobody any more; answers due still go out."""

    async def close(self) -> None:
        """Close what is left of it; safe to call more than once, and before `open`."""
        self._addresses.clear()

    def endpoints(self) -> list[Endpoint]:
        """Return a row for each port that is open."""
        return [
            Endpoint(served.service, address_text(host, port), served.words())
            for (host, port), served in zip(self._addresses, self._served, strict=False)
        ]

    def ready(self) -> list[dict[str, Any]]:
        """Return host, port and units of each open port, and its transport if that is not Modbus TCP."""
        transport = self._settings.transport
        more = {} if transport == "tcp" else {"transport": transport}
        return [
            {"host": host, "port": port, "units": [1, len(served.line.bank.rows)], **more}
            for (host, port), served in zip(self._addresses, self._served, strict=False)
        ]


class Streams(_Ports):
    """Modbus TCP, and RTU over TCP, where a pause ends what cannot be cut."""

    def __init__(self, settings: NetworkListener, served: Sequence[Served], shared: Shared) -> None:
        super().__init__(settings, served, shared)
        self._silence = PAUSE if settings.transport == "rtu-over-tcp" else 0.0
        self._servers: list[asyncio.Server] = []

    async def _open(self, served: Served, port: int) -> tuple[str, int]:
        host, connections, pending = self._shared
        listener = await bind_tcp(served.service, host, port, self._settings.option)
        # Made first and serving only afterwards, so that a start cancelled in between leaves nothing behind.
        server = await asyncio.get_running_loop().create_server(
            lambda: Connection(served.line, connections, pending, silence=self._silence),
            sock=listener,
            start_serving=False,
            backlog=BACKLOG,
        )
        self._servers.append(server)
        await server.start_serving()
        host, port, *_ = server.sockets[0].getsockname()
        return host, port

    def shut(self) -> None:
        """Take nobody any more; answers due still go out."""
        for server in self._servers:
            server.close()

    async def close(self) -> None:
        """Wait for the end of it; the connections are closed."""
        await super().close()
        servers, self._servers = self._servers, []
        for server in servers:
            await server.wait_closed()


class Secure(_Ports):
    """Modbus/TCP Security, where each line has another side for those who may only read."""

    _settings: TlsListener

    def __init__(self, settings: TlsListener, served: Sequence[Served], shared: Shared) -> None:
        super().__init__(settings, served, shared)
        self._ports: list[TlsPort] = []

    async def _open(self, served: Served, port: int) -> tuple[str, int]:
        host, connections, pending = self._shared
        listener = await bind_tcp(served.service, host, port, self._settings.option)
        host, port, *_ = listener.getsockname()
        access = Access(served.line, ReadOnlyLine(served.line), self._settings.operators)
        self._ports.append(TlsPort(listener, self._settings.context, access, connections, pending))
        return host, port

    def shut(self) -> None:
        """Take nobody any more; answers due still go out."""
        for port in self._ports:
            port.shut()

    async def close(self) -> None:
        """Wait for the end of it; the connections are closed."""
        await super().close()
        ports, self._ports = self._ports, []
        for port in ports:
            await port.close()


class Udp(_Ports):
    """Modbus over UDP."""

    def __init__(self, settings: NetworkListener, served: Sequence[Served], shared: Shared) -> None:
        super().__init__(settings, served, shared)
        self._protocols: list[Datagrams] = []

    async def _open(self, served: Served, port: int) -> tuple[str, int]:
        sock = await bind_udp(served.service, self._shared.host, port, self._settings.option)
        host, port, *_ = sock.getsockname()
        _, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: Datagrams(served.line, self._shared.pending), sock=sock
        )
        self._protocols.append(protocol)
        return host, port

    def shut(self) -> None:
        """Take no more requests; answers due still go out."""
        for protocol in self._protocols:
            protocol.stop()

    async def close(self) -> None:
        """Close the sockets."""
        await super().close()
        protocols, self._protocols = self._protocols, []
        for protocol in protocols:
            protocol.close()
