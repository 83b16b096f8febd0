"""The MQTT adapter: which broker, which conventions, and the life of the parts around them.

What is said is in the folders of the conventions, when in `publisher`, over which connection in `session`; no
sockets and no payloads here.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gateway.broker import Access
from gateway.errors import BrokerUnavailableError, ConfigError
from gateway.hub import Endpoint
from gateway.journal import Journal
from gateway.link_faults import Links
from gateway.mqtt.convention import Control
from gateway.mqtt.conventions import conventions
from gateway.mqtt.plain.convention import Plain
from gateway.mqtt.plain.topics import Topics
from gateway.mqtt.session import Session
from gateway.mqtt.teller import Teller
from gateway.payloads import Payloads
from sims.models import Nameplate
from sims.snapshot import Snapshot

if TYPE_CHECKING:
    from gateway.mqtt.brokers.embedded import EmbeddedBroker

_OWN_BROKER_S: Final = 10.0
_BROKER_OF_YOURS_S: Final = 3.0
_STOP_S: Final = 1.1
"""How long the connections may take to end, of the 1.8 s that `stop` has; a broker of ours takes 0.5 more."""
_LONGEST_WAIT_S: Final = 30.0
_LONGEST_WAIT_FOR_OWN_S: Final = 1.0


class MqttAdapter:
    """Publishes `meters` by all conventions that `payloads` names; implements `gateway.hub.Adapter`.

    `access` is how the broker is reached; where it is `own`, one comes along there (if that is loopback, else
    on 127.0.0.1; port 0 takes any free one). A snapshot that somebody awaits by `shown` goes out at once, and
    so does what waits in `journal`, which is told in plain words. `control` carries out what others ask for;
    `links` are the faults of the meters' lines. Raises ConfigError for an id that cannot be in a topic.
    """

    name = "mqtt"

    def __init__(
        self,
        *,
        access: Access,
        own: bool,
        payloads: Payloads,
        gateway_id: str,
        meters: Sequence[Nameplate],
        control: Control,
        links: Links,
        journal: Journal,
    ) -> None:
        self._access = access
        self._own = own
        topics = Topics.under(payloads.prefix, gateway_id)
        identifier = access.client_id or f"{payloads.prefix}-{gateway_id}"
        self._broker: EmbeddedBroker | None = None
        self._serving = False
        self._sessions = [
            Session(
                convention,
                identifier="-".join(filter(None, (identifier, convention.name))),
                meters=len(meters),
                publish_s=payloads.publish_s,
                control=control,
                links=links,
                longest_wait_s=_LONGEST_WAIT_FOR_OWN_S if own else _LONGEST_WAIT_S,
                teller=Teller(journal, convention.message) if isinstance(convention, Plain) else None,
            )
            for convention in conventions(topics, meters, payloads, control)
        ]

    async def start(self) -> None:
        """Start the broker if it is ours, connect and publish the snapshot shown before.

        With a broker of ours returns when the first states are out; raises AddressInUseError,
        BrokerUnavailableError, or ConfigError where it does not speak that version of MQTT. With one of the
        user's returns when they are out, when the first attempt to connect has failed or after 3 s, whichever
        is first, and goes on trying. What an earlier run has left in the journal is not waited for.
        """
        try:
            if self._own:
                await self._start_broker()
            self._serving = True
            for session in self._sessions:
                session.start(self._access)
            async with asyncio.timeout(_OWN_BROKER_S if self._own else _BROKER_OF_YOURS_S):
                for session in self._sessions:
                    await session.states_out(unless=session.ended if self._own else session.failed)
            self._raise_if_ended()
        except TimeoutError:
            if self._own:
                await self.stop()
                message = f"the broker of ours at {self._access.address} does not answer"
                raise BrokerUnavailableError(message) from None
        except BaseException:
            await self.stop()
            raise

    async def _start_broker(self) -> None:
        from gateway.mqtt.brokers.embedded import embedded_broker  # noqa: PLC0415  only where it comes along

        address = self._access.address
        broker = embedded_broker(address.host, address.port)
        if self._access.version not in broker.versions:
            raise ConfigError(
                f"{broker.words}, speaks 3.1.1 alone; allowed: '3.1.1', else mqtt.url or Mosquitto installed",
                key="mqtt.version",
            )
        self._broker = broker
        await broker.start()
        address = replace(address, host=broker.host, port=broker.port)
        self._access = replace(self._access, address=address)

    def _raise_if_ended(self) -> None:
        """Raise what has ended a session, which only a bug can."""
        for session in self._sessions:
            session.raise_if_ended()

    def show(self, snapshot: Snapshot) -> None:
        """Publish `snapshot` at the next interval, or at once if `shown` is awaited."""
        self._raise_if_ended()
        for session in self._sessions:
            session.show(snapshot)

    async def shown(self) -> None:
        """Return when the broker has all of the latest snapshot; at once while it is away."""
        await asyncio.gather(*(session.shown(unless=session.away) for session in self._sessions))
        self._raise_if_ended()

    async def stop(self) -> None:
        """Publish `offline` for all and disconnect, then end the broker if it is ours; within 1.8 s."""
        self._serving = False
        broker, self._broker = self._broker, None
        await asyncio.gather(*(session.stop(_STOP_S) for session in self._sessions))
        if broker is not None:
            await broker.stop()

    def away(self) -> bool:
        """Return whether a connection to the broker is missing."""
        return not self._serving or any(session.away() for session in self._sessions)

    def endpoints(self) -> Sequence[Endpoint]:
        """Return the broker's address, which broker it is and the topics."""
        which = self._broker.words if self._broker is not None else "broker of yours"
        away = ", away" if self.away() else ""
        topics = ", ".join(session.topics for session in self._sessions)
        return [Endpoint("MQTT", str(self._access.address), f"{which}{away}, topics {topics}")]

    def ready(self) -> Mapping[str, str]:
        """Return the broker's URL without the password."""
        return {"mqtt": str(self._access.address)}
