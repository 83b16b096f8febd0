"""The HTTP server: uvicorn on a socket of ours, in the station's event loop.

What is answered is decided elsewhere in this folder.
"""

import asyncio
import errno
import logging
import secrets
import socket
from collections.abc import Mapping, Sequence
from typing import Final

import uvicorn

from gateway.errors import AddressInUseError
from gateway.hub import Endpoint
from gateway.web.answers import Answers, Control
from gateway.web.api import build
from gateway.web.guard import Guard, is_loopback
from sims.models import Nameplate
from sims.snapshot import Snapshot

# A malformed request is ordinary traffic, no reason for a warning.
logging.getLogger("uvicorn.error").setLevel(logging.ERROR)

_REASONS: Final = {
    errno.EADDRINUSE: "already in use",
    errno.EACCES: "not permitted",
    errno.EADDRNOTAVAIL: "not on this machine",
}


class WebAdapter:
    """Serves the HTTP API on `host` and `port` (0: a free one), with `control` as the station's side.

    `token` is what calls that change something must bear off the loopback; without one it is made up.
    """

    name = "http"

    def __init__(
        self,
        *,
        gateway_id: str,
        gateway_name: str,
        meters: Sequence[Nameplate],
        control: Control,
        host: str,
        port: int,
        token: str | None = None,
    ) -> None:
        self._answers = Answers(
            gateway_id=gateway_id, gateway_name=gateway_name, meters=meters, control=control
        )
        self._control = control
        self._host = host
        self._port = port
        self._given_token = token
        self.token = token or secrets.token_urlsafe(24)
        self._socket: socket.socket | None = None
        self._server: uvicorn.Server | None = None
        self._loop: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Bind and serve. Raises AddressInUseError."""
        self._socket = await _bind(self._host, self._port)
        guard = Guard(
            build(self._answers, self._control),
            loopback=is_loopback(self._socket.getsockname()[0]),
            token=self.token,
        )
        config = uvicorn.Config(
            guard,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        config.load()
        # The parts of uvicorn.Server.serve without its signal handlers: signals are the command line's.
        self._server = uvicorn.Server(config)
        self._server.lifespan = config.lifespan_class(config)
        await self._server.startup(sockets=[self._socket])
        self._loop = asyncio.create_task(self._server.main_loop(), name="http")

    def show(self, snapshot: Snapshot) -> None:
        """Answer from `snapshot` from now on."""
        self._answers.show(snapshot)

    async def shown(self) -> None:
        """Return at once: what `show` was given is what is answered."""

    async def stop(self) -> None:
        """Answer what is being asked and close every socket."""
        if self._server and self._loop:
            self._server.should_exit = True
            await self._loop
            self._loop = None
            await self._server.shutdown(sockets=[self._socket] if self._socket else None)
        elif self._socket:
            self._socket.close()

    def endpoints(self) -> Sequence[Endpoint]:
        """Where it serves."""
        note = ""
        if self._socket and not is_loopback(self._socket.getsockname()[0]) and not self._given_token:
            note = f"; changes need the token {self.token}"
        return [Endpoint("HTTP", self._url(), f"API of all meters{note}")]

    def ready(self) -> Mapping[str, str]:
        """Return the address of the server and the token."""
        return {"http": self._url(), "token": self.token}

    def _url(self) -> str:
        host, port = self._socket.getsockname()[:2] if self._socket else (self._host, self._port)
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def _bind(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to the address and to nobody else's. Raises AddressInUseError."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = found[0]
        bound = socket.socket(family, kind, protocol)
    except OSError as error:
        raise AddressInUseError(
            "HTTP", f"{host}:{port}", "--host", "not an address of this machine"
        ) from error
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.setblocking(False)
    except OSError as error:
        bound.close()
        why = _REASONS.get(error.errno or 0, str(error))
        option = "--host" if error.errno == errno.EADDRNOTAVAIL else "--http-port"
        raise AddressInUseError("HTTP", f"{host}:{port}", option, why) from error
    return bound
