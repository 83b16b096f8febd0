"""The HTTP server: uvicorn on a socket of ours, in the station's event loop.

What is answered is decided elsewhere in this folder.
"""

import asyncio
import logging
import secrets
import socket
from collections.abc import Mapping, Sequence
from typing import Final

import uvicorn

from gateway.binding import address_text, bind_tcp, is_loopback
from gateway.hub import Endpoint
from gateway.web.answers import Answers, Control
from gateway.web.api import build
from gateway.web.guard import Guard
from sims.models import Nameplate
from sims.snapshot import Snapshot

# A malformed request is ordinary traffic, no reason for a warning.
logging.getLogger("uvicorn.error").setLevel(logging.ERROR)

_SERVICE: Final = "HTTP"
_OPTION: Final = "--http-port"


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
        self.token = token or secrets.token_urlsafe(24)
        self._socket: socket.socket | None = None
        self._server: uvicorn.Server | None = None
        self._life: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Bind and serve. Raises AddressInUseError."""
        self._socket = await bind_tcp(_SERVICE, self._host, self._port, _OPTION)
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
        self._server = uvicorn.Server(config)
        self._server.lifespan = config.lifespan_class(config)
        # Who connects before this task runs waits in the socket's queue.
        self._life = asyncio.create_task(_serve(self._server, self._socket), name="http")

    def show(self, snapshot: Snapshot) -> None:
        """Answer from `snapshot` from now on."""
        self._answers.show(snapshot)

    async def shown(self) -> None:
        """Return at once: what `show` was given is what is answered."""

    async def stop(self) -> None:
        """Answer what is being asked and close every socket."""
        if self._server and self._life:
            self._server.should_exit = True
            await self._life
        elif self._socket:
            self._socket.close()

    def away(self) -> bool:
        """Return false: it needs nobody."""
        return False

    def endpoints(self) -> Sequence[Endpoint]:
        """Where it serves; clients without the token are told this, so it holds no secret."""
        return [Endpoint(_SERVICE, self._url(), "API of all meters")]

    def ready(self) -> Mapping[str, str]:
        """Return the address of the server and the token."""
        return {"http": self._url(), "token": self.token}

    def _url(self) -> str:
        host, port = self._socket.getsockname()[:2] if self._socket else (self._host, self._port)
        return f"http://{address_text(host, port)}"


async def _serve(server: uvicorn.Server, bound: socket.socket) -> None:
    """Serve until `should_exit` is set: uvicorn's own `serve` without signal handlers, which are not its."""
    await server.startup(sockets=[bound])
    await server.main_loop()
    await server.shutdown(sockets=[bound])
