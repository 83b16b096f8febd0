"""Modbus/TCP Security on the network: a place for who connects, a role for who has shaken hands.

What those may do who only read stands in `read_only`; certificates are read in `security`.
"""

import asyncio
import logging
import socket
import ssl
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from gateway.binding import address_text
from gateway.modbus.line import Line
from gateway.modbus.transports.connection import Connection, set_options
from gateway.modbus.transports.connections import Connections
from gateway.modbus.transports.pending import Pending
from gateway.modbus.transports.security import role_of

_HANDSHAKE: Final = 5.0
"""How long a client may take for its handshake [s]."""

_FAREWELL: Final = 1.0
"""How long a connection that is to end waits for the client's part of it [s]."""

_AGAIN: Final = 0.1
"""How long to wait after a connection that could not be taken [s]."""

_QUIET: Final = 1.0
"""How often at most it is told that a handshake failed [s]: a flood of them must not fill the log."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Access:
    """The two sides of a port: all of it for the roles `operators`, and reading alone for everybody else."""

    full: Line
    read_only: Line
    operators: Collection[str]

    def line(self, transport: asyncio.BaseTransport) -> Line:
        """Return the side that a client gets by its certificate."""
        certificate = transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return self.full if role_of(certificate) in self.operators else self.read_only


class SecureConnection(Connection):
    """A client that has shaken hands; it has the place of its `handshake`."""

    __slots__ = ("_access", "_handshake")

    def __init__(
        self, access: Access, handshake: "Handshake", connections: Connections, pending: Pending
    ) -> None:
        super().__init__(access.read_only, connections, pending)
        self._access = access
        self._handshake = handshake

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to serve a client as its role allows."""
        self._begin(transport)
        self._serve_from(self._access.line(transport))
        set_options(transport)
        if not self._connections.hand_over(self._handshake, self):
            self._transport.close()

    def eof_received(self) -> bool:
        """Let the connection end: no half of it stays open in TLS."""
        return False


class Handshake:
    """A client that has yet to shake hands on `sock`; `client` is its address in words."""

    def __init__(self, sock: socket.socket, client: str) -> None:
        self._sock = sock
        self._client = client
        self._task: asyncio.Task[None] | None = None
        self.active = False
        self.opened = self.heard = 0.0

    def overdue(self) -> bool:
        """Return false: the handshake has a time-out of its own."""
        return False

    def close(self) -> None:
        """Give it up."""
        if self._task:
            self._task.cancel()

    def begin(self, port: "TlsPort") -> asyncio.Task[None]:
        """Shake hands in a task of its own."""
        self._task = asyncio.get_running_loop().create_task(self._shake_hands(port))
        self._task.add_done_callback(self._leave)
        return self._task

    def _leave(self, task: asyncio.Task[None]) -> None:
        """Close the socket of a handshake that was given up, perhaps before it began."""
        if task.cancelled():
            self._sock.close()

    async def _shake_hands(self, port: "TlsPort") -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: port.connection(self),
                self._sock,
                ssl=port.context,
                ssl_handshake_timeout=_HANDSHAKE,
                ssl_shutdown_timeout=_FAREWELL,
            )
        except OSError as error:  # that of TLS and that of time as well
            port.tell(self._client, error)
        finally:
            port.connections.forget(self)


class TlsPort:
    """A listening socket whose clients shake hands before they are served."""

    def __init__(
        self,
        listener: socket.socket,
        context: ssl.SSLContext,
        access: Access,
        connections: Connections,
        pending: Pending,
    ) -> None:
        listener.setblocking(False)
        self._listener = listener
        self._access = access
        self._pending = pending
        self._handshakes: set[asyncio.Task[None]] = set()
        self._told = -_QUIET  # when a failure was told [s, monotonic]
        self._untold = 0  # how many since then were not
        self.context: Final = context
        self.connections: Final = connections
        self._accepting = asyncio.get_running_loop().create_task(self._accept_for_ever())

    def connection(self, handshake: Handshake) -> SecureConnection:
        """Return what serves a client that has shaken hands."""
        return SecureConnection(self._access, handshake, self.connections, self._pending)

    def tell(self, client: str, error: OSError) -> None:
        """Tell of a handshake that failed; of many at once one is told, and how many others there were."""
        now = time.monotonic()
        if now - self._told < _QUIET:
            self._untold += 1
            return
        others = f"; so did {self._untold} others before" if self._untold else ""
        _log.info("%s did not get through the TLS handshake: %s%s", client, error, others)
        self._told, self._untold = now, 0

    async def _accept_for_ever(self) -> None:
        while True:
            try:
                sock, (host, number, *_) = await asyncio.get_running_loop().sock_accept(self._listener)
            except OSError as error:
                _log.warning("a connection could not be taken: %s", error)
                await asyncio.sleep(_AGAIN)
                continue
            handshake = Handshake(sock, address_text(host, number))
            if not self.connections.admit(handshake):
                sock.close()
                continue
            task = handshake.begin(self)
            self._handshakes.add(task)
            task.add_done_callback(self._handshakes.discard)

    def shut(self) -> None:
        """Take nobody any more, and give up the handshakes under way."""
        for task in (self._accepting, *self._handshakes):
            task.cancel()

    async def close(self) -> None:
        """Close the listening socket when nothing uses it any more."""
        self.shut()
        await asyncio.gather(self._accepting, *self._handshakes, return_exceptions=True)
        self._listener.close()
