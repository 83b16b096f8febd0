"""The MQTT adapter: which broker, and the life of the parts around it.

When a snapshot goes out is decided in `publisher`, how the connection is kept in `client`, which broker comes
along in `broker`; no sockets and no payloads here.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from gateway.broker_address import BrokerAddress
from gateway.errors import BrokerUnavailableError
from gateway.hub import Endpoint
from gateway.mqtt.messages import OFFLINE, Topics, statuses
from gateway.mqtt.publisher import Publisher
from sims.models import Nameplate
from sims.snapshot import Snapshot

if TYPE_CHECKING:
    from gateway.mqtt.broker import EmbeddedBroker
    from gateway.mqtt.client import Link

_OWN_BROKER_S: Final = 10.0
_BROKER_OF_YOURS_S: Final = 3.0
_STOP_S: Final = 1.1
"""How long the connection may take to end, of the 1.8 s that `stop` has; a broker of ours takes 0.5 more."""
_LONGEST_WAIT_S: Final = 30.0
_LONGEST_WAIT_FOR_OWN_S: Final = 1.0


class MqttAdapter:
    """Publishes every meter's `state` and `status`; implements `gateway.hub.Adapter`.

    `url` is the user's broker, `mqtt://[user:password@]host[:port]`; without one a broker comes along on
    `host` (if that is loopback, else on 127.0.0.1) and `port` (0: any free one). All topics begin with
    `prefix` and `gateway_id`. `publish_s` is the publish interval in real time [s]; a snapshot that somebody
    awaits by `shown` goes out at once. Raises ConfigError for a url or an id that cannot be.
    """

    name = "mqtt"

    def __init__(
        self,
        *,
        url: str | None,
        host: str,
        port: int,
        gateway_id: str,
        meters: Sequence[Nameplate],
        prefix: str = "metergate",
        publish_s: float = 1.0,
    ) -> None:
        self._topics = Topics.under(prefix, gateway_id)
        self._identifier = f"{prefix}-{gateway_id}"
        self._farewell = statuses(self._topics, meters, OFFLINE)
        self._publisher = Publisher(self._topics, meters, publish_s)
        self._own = url is None
        self._address = BrokerAddress(host, port) if url is None else BrokerAddress.parse(url)
        self._broker: EmbeddedBroker | None = None
        self._link: Link | None = None
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the broker if it is ours, connect and publish the snapshot shown before.

        With a broker of ours returns when the first states are out; raises AddressInUseError or
        BrokerUnavailableError. With one of the user's returns when they are out, when the first attempt to
        connect has failed or after 3 s, whichever is first, and goes on trying.
        """
        try:
            if self._own:
                await self._start_broker()
            self._link, self._running = self._connect()
            async with asyncio.timeout(_OWN_BROKER_S if self._own else _BROKER_OF_YOURS_S):
                await self._publisher.latest_out(unless=self._given_up)
            self._fail_if_failed()
        except TimeoutError:
            if self._own:
                await self.stop()
                raise BrokerUnavailableError(
                    f"the broker of ours at {self._address} does not answer"
                ) from None
        except BaseException:
            await self.stop()
            raise

    async def _start_broker(self) -> None:
        from gateway.mqtt.broker import embedded_broker  # noqa: PLC0415  only where it comes along

        self._broker = embedded_broker(self._address.host, self._address.port)
        await self._broker.start()
        self._address = BrokerAddress(self._broker.host, self._broker.port)

    def _connect(self) -> tuple["Link", asyncio.Task[None]]:
        from gateway.mqtt.client import Link  # noqa: PLC0415  a process without MQTT starts without aiomqtt

        link = Link(
            self._address,
            identifier=self._identifier,
            farewell=self._farewell,
            serve=self._publisher.serve,
            changed=self._publisher.wake,
            longest_wait_s=_LONGEST_WAIT_FOR_OWN_S if self._own else _LONGEST_WAIT_S,
        )
        running = asyncio.create_task(link.run(), name="mqtt")
        running.add_done_callback(lambda _: self._publisher.wake())
        return link, running

    def _given_up(self) -> bool:
        """Tell whether waiting for the first states is in vain."""
        if self._link is None or self._running is None or self._running.done():
            return True
        return not self._own and self._link.tried and not self._link.connected

    def _fail_if_failed(self) -> None:
        """Raise what has ended the connection's task, which only a bug can."""
        if self._running is not None and self._running.done():
            self._running.result()

    def show(self, snapshot: Snapshot) -> None:
        """Publish `snapshot` at the next interval, or at once if `shown` is awaited."""
        self._fail_if_failed()
        self._publisher.show(snapshot)

    async def shown(self) -> None:
        """Return when the broker has every state of the latest snapshot; at once while it is away."""
        await self._publisher.latest_out(unless=lambda: self._link is None or not self._link.connected)
        self._fail_if_failed()

    async def stop(self) -> None:
        """Publish `offline` for all and disconnect, then end the broker if it is ours; within 1.8 s."""
        running, self._running = self._running, None
        broker, self._broker = self._broker, None
        self._link = None
        self._publisher.wake()
        if running is not None:
            running.cancel()
            await asyncio.wait({running}, timeout=_STOP_S)
        if broker is not None:
            await broker.stop()

    def away(self) -> bool:
        """Return whether there is no connection to the broker."""
        return self._link is None or not self._link.connected

    def endpoints(self) -> Sequence[Endpoint]:
        """Return the broker's address, which broker it is and the topics."""
        which = self._broker.words if self._broker is not None else "broker of yours"
        away = "" if self._link is not None and self._link.connected else ", away"
        return [Endpoint("MQTT", str(self._address), f"{which}{away}, topics {self._topics.everything}")]

    def ready(self) -> Mapping[str, str]:
        """Return the broker's URL without the password."""
        return {"mqtt": str(self._address)}
