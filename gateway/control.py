"""What adapters may ask of the station: to carry out requests, how things stand, and where all is served.

Nothing is decided here: requests are handed on, and what others know is gathered.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any, Final

from gateway import adapters
from gateway.addressing import Addresses, topic_root
from gateway.clock import Clock, ClockState
from gateway.commands import Outcome, Request, Requests, SetLink
from gateway.conditions import Conditions
from gateway.config.changes import change_schema, gateway_change_schema, gateway_changed
from gateway.config.settings import Config
from gateway.hub import Endpoint, Hub
from gateway.journal import Journal
from sims.key_switch import KeyOutcome


class Control:
    """The station's side towards the adapters of its `hub`, which it makes; `serving` names those at work.

    `journal` is what waits to be told.
    """

    def __init__(
        self, config: Config, requests: Requests, clock: Clock, conditions: Conditions, journal: Journal
    ) -> None:
        self._requests = requests
        self._clock = clock
        self._conditions = conditions
        self._topic_root = topic_root(config.mqtt.payloads.prefix, config.gateway_id) if config.mqtt else None
        self.journal: Final = journal
        self.hub: Final = Hub(adapters.build(config, self, conditions.links))
        self.serving: Final = set[str]()

    async def apply(self, request: Request) -> Outcome:
        """Return when `request` is carried out and shown; see `commands.Applier`."""
        return await self._requests.apply(request)

    async def shown(self) -> None:
        """Return when clients of every adapter can see what has been carried out by now."""
        await self.hub.shown()

    def change_schema(self) -> Mapping[str, Any]:
        """Return the JSON Schema of the changes of a meter, complete in itself."""
        return change_schema()

    def gateway_change_schema(self) -> Mapping[str, Any]:
        """Return the JSON Schema of what `gateway_change` takes, complete in itself."""
        return gateway_change_schema()

    def gateway_change(self, changes: Mapping[str, Any]) -> SetLink:
        """Return the command that puts `changes` over the gateway. Raises FaultyRequestError."""
        return SetLink(None, gateway_changed(changes))

    def connection(self, row: int) -> Mapping[str, Any]:
        """Return how a meter is connected at the tick that is shown, as a `Change` takes it."""
        return self._conditions.connection(row)

    def link(self) -> Mapping[str, Any]:
        """Return the faults of the port, by protocol."""
        return self._conditions.link()

    def key_outcome(self, row: int) -> KeyOutcome | None:
        """Return what has come of the last turn of a key by the tick that is shown, None before the first."""
        return self._conditions.key_outcome(row)

    def clock_state(self) -> ClockState:
        """Return what the clock is doing."""
        return self._clock.state

    def parts(self) -> Mapping[str, bool]:
        """Return by name which adapters serve."""
        return {one.name: one.name in self.serving and not one.away() for one in self.hub.adapters}

    def endpoints(self) -> Sequence[Endpoint]:
        """Return where everything is served."""
        return [endpoint for adapter in self.hub.adapters for endpoint in adapter.endpoints()]

    def ready(self) -> dict[str, Any]:
        """Return what the ready file says."""
        found: dict[str, Any] = {"pid": os.getpid()}
        for adapter in self.hub.adapters:
            found |= adapter.ready()
        return found

    def addresses(self) -> Addresses:
        """Return where the meters are on each protocol."""
        ready = self.ready()
        modbus, bacnet = ready.get("modbus", ()), ready.get("bacnet", {})
        return Addresses(
            modbus_ports=tuple(entry["port"] for entry in modbus if "transport" not in entry),
            gateway_device=bacnet.get("gateway_device"),
            flat=bacnet.get("topology") == "flat",
            topic_root=self._topic_root,
        )
