"""Tells what waits in the journal: all of it, in order, and again until it is acknowledged.

How an entry is worded is a convention's business; what waits and where is the journal's.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from gateway.journal import Entry, Journal
from gateway.mqtt.connection import AT_ONCE, Connection, ConnectionLostError
from gateway.mqtt.messages import Message

_TAKEN: Final = 4 * AT_ONCE


class Teller:
    """Tells the entries of `journal`, worded by `message`, on one connection after the other."""

    def __init__(self, journal: Journal, message: Callable[[Entry], Message]) -> None:
        self._journal = journal
        self._message = message
        self._told = 0
        self._fresh = asyncio.Event()
        self._changed = asyncio.Event()

    def show(self) -> None:
        """Look whether something has come to wait."""
        self._fresh.set()

    def wake(self) -> None:
        """Let those who wait look again whether they still should."""
        self._changed.set()
        self._changed.clear()

    async def all_told(self, *, unless: Callable[[], bool]) -> None:
        """Return when all that waits by now is told, or as soon as `unless` holds."""
        awaited = self._told + self._journal.waiting
        while self._journal.waiting and self._told < awaited and not unless():
            await self._changed.wait()

    async def tell(self, connection: Connection) -> None:
        """Tell for as long as the connection lasts. Raises ConnectionLostError."""
        while True:
            self._fresh.clear()
            while self._journal.waiting and (
                entries := await asyncio.to_thread(self._journal.pending, 0, _TAKEN)
            ):
                for first in range(0, len(entries), AT_ONCE):
                    await self._deliver(connection, entries[first : first + AT_ONCE])
            await self._fresh.wait()

    async def _deliver(self, connection: Connection, entries: list[Entry]) -> None:
        """Send entries and forget those that are acknowledged, whatever comes of the others."""
        acknowledged = await connection.deliver([self._message(entry) for entry in entries])
        numbers = [entry.number for entry, told in zip(entries, acknowledged, strict=True) if told]
        self._told += len(numbers)  # before they wait no more: nobody may take others for these
        await asyncio.to_thread(self._journal.forget, numbers)
        self.wake()
        if not all(acknowledged):
            raise ConnectionLostError("an acknowledgement is missing")
