"""Where a snapshot becomes public: every adapter shows the same one.

`publish` runs without giving up the event loop, so no client can see two ticks side by side on two protocols.
The hub knows nothing of meters, maps or sockets.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from sims.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address at which a service can be reached, as the table at the start prints it."""

    service: str
    address: str
    serves: str


class Adapter(Protocol):
    """One protocol's server. Made with its settings and the nameplates; told every snapshot by the hub.

    `name` is what the readiness probe calls it.
    """

    name: str

    async def start(self) -> None:
        """Bind and serve; the first snapshot has been shown. Raises AddressInUseError."""

    def show(self, snapshot: Snapshot) -> None:
        """Answer from `snapshot` from now on. Never blocks and never raises for what a client did."""

    async def shown(self) -> None:
        """Return when clients can see the latest snapshot that `show` was given."""

    async def stop(self) -> None:
        """Say good-bye and close every socket; safe to call more than once, and before `start`."""

    def away(self) -> bool:
        """Whether what it needs from outside, a broker, is not there at the moment."""

    def endpoints(self) -> Sequence[Endpoint]:
        """Where it serves."""

    def ready(self) -> Mapping[str, Any]:
        """Return the entries of the ready file that are this adapter's, as JSON types."""


class Hub:
    """Hands each new snapshot to all `adapters` at once."""

    def __init__(self, adapters: Sequence[Adapter]) -> None:
        self.adapters: Final = adapters

    def publish(self, snapshot: Snapshot) -> None:
        """Let every adapter show `snapshot`."""
        for adapter in self.adapters:
            adapter.show(snapshot)

    async def shown(self) -> None:
        """Return when every adapter's clients can see the latest snapshot."""
        await asyncio.gather(*(adapter.shown() for adapter in self.adapters))
