"""Modbus TCP on the network: one port for every 247 meters. The only file here with sockets and asyncio.

What a request is answered stands in `bank`; this file moves bytes, in order, and bounds what it holds.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import Final, cast

from gateway.addressing import UNITS_PER_PORT
from gateway.binding import address_text, bind_tcp
from gateway.commands import Applier
from gateway.errors import RequestRefusedError
from gateway.hub import Endpoint
from gateway.modbus.bank import Bank, Images
from gateway.modbus.frames import PLAIN, Write, exchange
from register_maps.loader import check_together, load
from sims.models import Nameplate
from sims.snapshot import Snapshot

SERVICE: Final = "Modbus TCP"
_OPTION: Final = "--modbus-port"

HELD: Final = 65_536
"""What may wait behind a write before no more is read from its connection [bytes]."""

_LAST_WRITES: Final = 0.5
"""How long the writes under way at the end may take to be answered [s]."""


class Writes:
    """Has writes applied, each in a task of its own, which nobody but the end stops."""

    def __init__(self, commands: Applier) -> None:
        self._commands = commands
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, write: Write, answer: Callable[[bytes], None]) -> None:
        """Let `answer` be called with the answer to `write` when it is applied or refused."""
        task = asyncio.create_task(self._apply(write, answer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _apply(self, write: Write, answer: Callable[[bytes], None]) -> None:
        try:
            for command in write.commands:
                await self._commands.apply(command)
        except RequestRefusedError:
            answer(write.refusal)
        else:
            answer(write.done)

    async def last(self) -> None:
        """Return when the writes under way are answered, or soon."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_LAST_WRITES)

    async def end(self) -> None:
        """Stop what is not answered by now."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class Connection(asyncio.Protocol):
    """One client. A request that was asked before in this tick is answered from the bank's `answers` at once.

    While the client does not take its answers, nothing more is read from it. What comes behind a write waits
    until the write is answered.
    """

    __slots__ = (
        "_bank",
        "_ended",
        "_known",
        "_open",
        "_paused",
        "_stream",
        "_transport",
        "_waiting",
        "_write",
        "_writes",
    )

    _transport: asyncio.Transport

    def __init__(self, bank: Bank, connections: "set[Connection]", writes: Writes) -> None:
        self._bank = bank
        self._writes = writes
        self._known: Callable[[bytes], bytes | None] = bank.answers.get
        self._open = connections
        self._stream = b""
        self._paused = self._waiting = self._ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to serve a client."""
        self._transport = cast(asyncio.Transport, transport)
        self._write = self._transport.write
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  the protocol's signature
        """Forget the client; a write under way is applied all the same."""
        self._open.discard(self)
        self._stream = b""

    def data_received(self, data: bytes) -> None:
        """Answer what `data` completes."""
        if len(data) == PLAIN and not self._stream:
            answer = self._known(data[2:])
            if answer is not None:
                self._write(data[:2] + answer)
                return
        self._stream += data
        self._serve()
        if self._waiting and len(self._stream) > HELD:
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """Return whether the connection stays open, for the answers due, though the client says no more."""
        self._ended = self._waiting
        return self._ended

    def pause_writing(self) -> None:
        """Read no more: the client does not take its answers."""
        self._paused = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Answer what was put off, and read again."""
        self._paused = False
        self._go_on()

    def close(self) -> None:
        """End the connection now: a client that does not take its answers loses them."""
        if self._transport.get_write_buffer_size():
            self._transport.abort()
        else:
            self._transport.close()

    def _serve(self) -> None:
        """Answer the whole frames received so far, as long as the client is there and takes the answers."""
        while self._stream and not (self._paused or self._waiting) and not self._transport.is_closing():
            output, used, broken, write = exchange(self._stream, self._bank)
            self._stream = self._stream[used:]
            if output:
                self._write(output)
            if write:
                self._waiting = True
                self._known = _unknown
                self._writes.begin(write, self._written)
            elif broken:
                self._stream = b""
                self._transport.close()
            elif not used:
                break

    def _written(self, answer: bytes) -> None:
        """Answer a write, then what came behind it."""
        self._waiting = False
        self._known = self._bank.answers.get
        if not self._transport.is_closing():
            self._write(answer)
            self._go_on()

    def _go_on(self) -> None:
        """Answer what was put off; then read again, or end where the client has ended."""
        self._serve()
        if self._paused or self._waiting:
            return
        if self._ended:
            self._transport.close()
        elif not self._transport.is_closing():
            self._transport.resume_reading()


def _unknown(_: bytes) -> None:
    """Know no answer: what comes behind a write must not overtake it."""


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
        self._banks = [
            Bank(self._images, meters[first : first + UNITS_PER_PORT], first)
            for first in range(0, len(meters), UNITS_PER_PORT)
        ]
        self._servers: list[asyncio.Server] = []
        self._connections: set[Connection] = set()
        self._writes = Writes(commands)

    async def start(self) -> None:
        """Bind and serve all ports, or none. Raises AddressInUseError."""
        try:
            for index, bank in enumerate(self._banks):
                await self._listen(bank, self._port and self._port + index)
        except BaseException:
            await self.stop()
            raise

    async def _listen(self, bank: Bank, port: int) -> None:
        listener = await bind_tcp(SERVICE, self._host, port, _OPTION)
        loop = asyncio.get_running_loop()
        # Made first and serving only afterwards, so that a start cancelled in between leaves nothing behind.
        server = await loop.create_server(
            lambda: Connection(bank, self._connections, self._writes), sock=listener, start_serving=False
        )
        self._servers.append(server)
        await server.start_serving()

    def show(self, snapshot: Snapshot) -> None:
        """Answer from `snapshot` from now on."""
        self._images.show(snapshot.columns)
        for bank in self._banks:
            bank.show()

    async def shown(self) -> None:
        """Return at once: `show` has made the snapshot visible."""

    async def stop(self) -> None:
        """Close listeners and connections; the writes under way are answered if they end soon."""
        servers, self._servers = self._servers, []
        for server in servers:
            server.close()
        await self._writes.last()
        for connection in tuple(self._connections):
            connection.close()
        await self._writes.end()
        for server in servers:
            await server.wait_closed()

    def away(self) -> bool:
        """Return false: it needs nobody."""
        return False

    def endpoints(self) -> list[Endpoint]:
        """Where it serves, one row a port."""
        maps, rows = ", ".join(self._maps), []
        for index, ((host, port), bank) in enumerate(zip(self._addresses(), self._banks, strict=False)):
            last, first = len(bank.meters), index * UNITS_PER_PORT
            serves = f"meters {first + 1} to {first + last} as units 1 to {last}; {maps}"
            rows.append(Endpoint(SERVICE, address_text(host, port), serves))
        return rows

    def ready(self) -> dict[str, list[dict[str, object]]]:
        """Return host, port and units of each port, under `modbus`."""
        ports: list[dict[str, object]] = [
            {"host": host, "port": port, "units": [1, len(bank.meters)]}
            for (host, port), bank in zip(self._addresses(), self._banks, strict=False)
        ]
        return {self.name: ports}

    def _addresses(self) -> list[tuple[str, int]]:
        return [server.sockets[0].getsockname()[:2] for server in self._servers]
