"""The way to a broker: a socket that carries MQTT as it is, whatever lies behind it.

Where TLS or websockets lie between, asyncio and `websockets` speak them behind a pair of sockets: paho would
shake hands blocking, and loses what a websocket takes only in part. What MQTT is, is not known here.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from gateway.broker import BrokerAddress
from gateway.tasks import give_up

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

_CHUNK: Final = 65_536
_CLOSE_S: Final = 0.5
_carriers: Final = set[asyncio.Task[OSError | None]]()


class Way(NamedTuple):
    """A connected socket that does not block, and what carries its bytes on, if anything does.

    Closing the socket, or shutting it down, ends all that lies behind; then `carrier` ends, too, and returns
    what has gone wrong there.
    """

    socket: socket.socket
    carrier: asyncio.Task[OSError | None] | None = None


async def dial(address: BrokerAddress, tls: ssl.SSLContext | None) -> Way:
    """Return a way to a broker.

    Raises OSError, which ssl.SSLError is, where nobody answers or nobody can be trusted.
    """
    if address.websockets:
        return _tunnel(await _open_websocket(address, tls))
    if tls:
        return _tunnel(await _open_stream(address, tls))
    return Way(await _connect(address.host, address.port))


async def _connect(host: str, port: int) -> socket.socket:
    """Return a socket that is connected to the first address of `host` that answers; raises OSError."""
    loop = asyncio.get_running_loop()
    refusal = OSError(f"{host} has no address")
    for family, kind, protocol, _, address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        dialled = socket.socket(family, kind, protocol)
        dialled.setblocking(False)
        try:
            await loop.sock_connect(dialled, address)
        except OSError as error:
            dialled.close()
            refusal = error
        except BaseException:
            dialled.close()
            raise
        else:
            dialled.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return dialled
    raise refusal


class _Far(Protocol):
    """The far side of a tunnel."""

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield what comes from there; ends where it ends."""

    async def send(self, chunk: bytes) -> None:
        """Return when there is room for more. Raises OSError where the connection is lost."""

    async def close(self) -> None:
        """Send what is still to be sent and end it. Raises OSError."""

    def abort(self) -> None:
        """End it now."""


class _Stream:
    """TLS."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def chunks(self) -> AsyncIterator[bytes]:
        while chunk := await self._reader.read(_CHUNK):
            yield chunk

    async def send(self, chunk: bytes) -> None:
        self._writer.write(chunk)
        await self._writer.drain()

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()

    def abort(self) -> None:
        self._writer.transport.abort()


class _Websocket:
    """A websocket, whose messages are pieces of a stream (MQTT 3.1.1 and 5, 6)."""

    def __init__(self, websocket: "ClientConnection") -> None:
        self._websocket = websocket

    async def chunks(self) -> AsyncIterator[bytes]:
        from websockets.exceptions import ConnectionClosed  # noqa: PLC0415  only where there are websockets

        with contextlib.suppress(ConnectionClosed):
            async for message in self._websocket:
                if isinstance(message, bytes):
                    yield message

    async def send(self, chunk: bytes) -> None:
        from websockets.exceptions import ConnectionClosed  # noqa: PLC0415  only where there are websockets

        try:
            await self._websocket.send(chunk)
        except ConnectionClosed as closed:
            raise ConnectionResetError(str(closed)) from None

    async def close(self) -> None:
        await self._websocket.close()

    def abort(self) -> None:
        self._websocket.transport.abort()


async def _open_stream(address: BrokerAddress, tls: ssl.SSLContext) -> _Far:
    return _Stream(*await asyncio.open_connection(address.host, address.port, ssl=tls))


async def _open_websocket(address: BrokerAddress, tls: ssl.SSLContext | None) -> _Far:
    from websockets.asyncio.client import connect  # noqa: PLC0415  only where it is asked for
    from websockets.exceptions import InvalidHandshake  # noqa: PLC0415
    from websockets.typing import Subprotocol  # noqa: PLC0415

    url = f"{'wss' if tls else 'ws'}://{address.netloc}{address.path}"
    try:
        websocket = await connect(
            url,
            ssl=tls,
            subprotocols=[Subprotocol("mqtt")],
            compression=None,
            max_size=None,
            ping_interval=None,
            proxy=None,
        )
    except InvalidHandshake as refusal:
        raise ConnectionRefusedError(f"no websocket at {url}: {refusal}") from None
    return _Websocket(websocket)


def _tunnel(far: _Far) -> Way:
    """Return the near end of a pair of sockets whose other end is pumped to and from `far`."""
    near, other = socket.socketpair()
    near.setblocking(False)
    other.setblocking(False)
    carrier = asyncio.create_task(_pump(other, far), name="tunnel to a broker")
    _carriers.add(carrier)
    carrier.add_done_callback(_carriers.discard)
    return Way(near, carrier)


async def _pump(other: socket.socket, far: _Far) -> OSError | None:
    """Carry bytes both ways until either side ends; then end both, what was said last still goes out.

    Returns what has gone wrong.
    """
    loop = asyncio.get_running_loop()

    async def out() -> None:
        while chunk := await loop.sock_recv(other, _CHUNK):
            await far.send(chunk)

    async def back() -> None:
        async for chunk in far.chunks():
            await loop.sock_sendall(other, chunk)

    ways = [asyncio.create_task(out()), asyncio.create_task(back())]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        outcomes = await give_up(ways)
        other.close()
        with contextlib.suppress(OSError):
            async with asyncio.timeout(_CLOSE_S):
                await far.close()
        far.abort()
    for outcome in outcomes:
        if isinstance(outcome, Exception) and not isinstance(outcome, OSError):
            raise outcome  # which only a bug can have brought about
    return next((outcome for outcome in outcomes if isinstance(outcome, OSError)), None)
