"""The foreign device (annex J.5): takes part in a BACnet/IP network of another subnet through its BBMD.

Registers, stays registered, and has its broadcasts distributed. What is in them is none of its business.
"""

import asyncio
import contextlib
import logging
import socket
from typing import Final

from gateway.bacnet.port.link import Link, Outlet
from gateway.bacnet.wire import bvlc
from gateway.bacnet.wire.bvlc import GRACE_S, NAKS, Address, Function

_ANSWER_S: Final = 3.0
"""How long an answer of the BBMD is waited for [s]."""
_RETRY_S: Final = 5.0
"""Time between two attempts [s] while the BBMD refuses or does not answer."""
_MOST_WAITING: Final = 8
"""Broadcasts that wait for the first registration."""

_log: Final = logging.getLogger(__name__)


class ForeignDevice(Link):
    """A foreign device at the BBMD at `host` and `port`, for `ttl_s` at a time and renewed in half of it."""

    def __init__(self, host: str, port: int, ttl_s: int) -> None:
        self._host = host
        self._port = port
        self._ttl_s = ttl_s
        self._bbmd: Address | None = None
        self._answers: asyncio.Queue[int] = asyncio.Queue()
        self._until = 0.0
        self._task: asyncio.Task[None] | None = None
        self._complaint: str | None = None
        self._waiting: list[bytes] | None = []

    def open(self, outlet: Outlet) -> None:
        """Register through `outlet`, and stay registered from now on."""
        super().open(outlet)
        self._task = asyncio.get_running_loop().create_task(self._stay())

    async def close(self) -> None:
        """Leave the BBMD's table."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        if self._bbmd is not None:
            own = bvlc.pack_address(self.outlet.place)
            self.outlet.send_datagram(bvlc.message(Function.DELETE, own), self._bbmd)

    @property
    def registered(self) -> bool:
        """Whether the BBMD has it in its table, as far as is known."""
        return asyncio.get_running_loop().time() < self._until

    def admits(self, data: bytes, sender: Address) -> bool:
        """Deal with a datagram; return whether there is an NPDU in it for the node.

        Broadcasts of other subnets come from the BBMD alone.
        """
        function = bvlc.function_of(data)
        if function == Function.FORWARDED:
            return sender == self._bbmd
        if function == Function.RESULT:
            code = bvlc.read_number(bvlc.body(data))
            if sender == self._bbmd and code is not None:
                self._answers.put_nowait(code)
            return False
        return super().admits(data, sender)

    def broadcast(self, datagram: bytes) -> None:
        """Have the BBMD take a broadcast to everybody: what is said at the start, as soon as there is one.

        While the BBMD is lost nobody hears it.
        """
        if self._bbmd is not None and self.registered:
            self.outlet.send_datagram(bvlc.message(Function.DISTRIBUTE, bvlc.body(datagram)), self._bbmd)
        elif self._waiting is not None and len(self._waiting) < _MOST_WAITING:
            self._waiting.append(datagram)

    async def _stay(self) -> None:
        """Register again and again: half-way through the time to live, or soon where it failed."""
        while True:
            complaint = await self._register()
            self._tell(complaint)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._forgotten(), _RETRY_S if complaint else self._ttl_s / 2)

    async def _forgotten(self) -> None:
        """Return when the BBMD does not know this device any more: one that was started anew."""
        while await self._answers.get() != NAKS[Function.DISTRIBUTE]:
            pass

    async def _register(self) -> str:
        """Register once; return what is wrong, or nothing."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(
                self._host, self._port, family=socket.AF_INET, type=socket.SOCK_DGRAM
            )
        except OSError:
            return "cannot be found"
        host, port = found[0][4][:2]
        self._bbmd = str(host), int(port)
        while not self._answers.empty():
            self._answers.get_nowait()
        sent = loop.time()
        self.outlet.send_datagram(bvlc.registration(self._ttl_s), self._bbmd)
        try:
            code = await asyncio.wait_for(self._answer(), _ANSWER_S)
        except TimeoutError:
            return "does not answer"
        if code != bvlc.DONE:
            self._until = 0.0
            return "takes no more foreign devices"
        self._until = sent + self._ttl_s + GRACE_S
        waiting, self._waiting = self._waiting or (), None
        for datagram in waiting:
            self.broadcast(datagram)
        return ""

    async def _answer(self) -> int:
        """Return what the BBMD answers to a registration."""
        while (code := await self._answers.get()) not in {bvlc.DONE, NAKS[Function.REGISTER]}:
            pass
        return code

    def _tell(self, complaint: str) -> None:
        """Say what has changed, once."""
        if complaint == self._complaint:
            return
        self._complaint = complaint
        bbmd = f"the BBMD at {self._host}:{self._port}"
        if complaint:
            _log.warning("BACnet/IP: %s %s; tried again every %g s", bbmd, complaint, _RETRY_S)
        else:
            _log.info("BACnet/IP: registered as a foreign device at %s", bbmd)
