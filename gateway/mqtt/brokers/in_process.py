"""amqtt as a broker in our own process, for machines without Mosquitto; its known faults fenced.

Fenced here (amqtt 0.12.1): it binds all interfaces by default; gives a new client retained messages it never
subscribed to; does not enforce the keepalive; keeps the old socket when a client with a clean session is
taken over; acknowledges QoS 1 before it has kept the message; keeps the sockets of those who never send
CONNECT, send an improper one, publish to a system topic or reset the connection.

Not fenced: MQTT 3.1.1 only; about 4,000 messages a second on our own event loop; a message is passed on with
the subscription's QoS even if it was published with a lower one; a persistent session, being anonymous, ends
a second after its client is gone, and one that is taken over while connected gets no messages any more.
Install Mosquitto where that matters.
"""

import asyncio
import contextlib
import logging
import socket
from functools import partial
from importlib.metadata import version
from typing import Any, Final

from amqtt.adapters import ReaderAdapter, WriterAdapter  # type: ignore[import-untyped]
from amqtt.broker import Broker  # type: ignore[import-untyped]
from amqtt.errors import BrokerError, NoDataError  # type: ignore[import-untyped]
from amqtt.mqtt.constants import QOS_1  # type: ignore[import-untyped]
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler  # type: ignore[import-untyped]
from amqtt.mqtt.puback import PubackPacket  # type: ignore[import-untyped]
from amqtt.session import INCOMING, ApplicationMessage, Session  # type: ignore[import-untyped]

from gateway.binding import bind_tcp
from gateway.errors import BrokerUnavailableError
from gateway.mqtt.brokers.embedded import OPTION, SERVICE

_CONNECT_S: Final = 5.0
_STOP_S: Final = 0.5

for _noisy in ("amqtt", "transitions"):
    logging.getLogger(_noisy).setLevel(logging.ERROR)  # a line or more for each connection at lower levels


class InProcessBroker:
    """amqtt on a loopback address. Implements EmbeddedBroker."""

    versions = (4,)

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self._broker: FencedBroker | None = None

    @property
    def words(self) -> str:
        """`amqtt 0.12.1` and how it runs."""
        return f"amqtt {version('amqtt')} in the process, loopback only"

    async def start(self) -> None:
        """Listen. Raises AddressInUseError or BrokerUnavailableError."""
        listener = await bind_tcp(SERVICE, self.host, self.port, OPTION)
        self.port = listener.getsockname()[1]
        broker = FencedBroker(listener)
        try:
            await broker.start()
        except BrokerError as error:
            broker.release()
            raise BrokerUnavailableError(f"amqtt cannot be started: {error}") from None
        except BaseException:  # cancelled, too; amqtt's shutdown refuses a broker that is not up
            broker.release()
            raise
        self._broker = broker

    async def stop(self) -> None:
        """Close every connection and the listener."""
        broker, self._broker = self._broker, None
        if broker is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_STOP_S):
                    await broker.shutdown()


class FencedBroker(Broker):  # type: ignore[misc]
    """amqtt's broker, kept from what no broker should do; this module's docstring lists it."""

    def __init__(self, listener: socket.socket) -> None:
        super().__init__(
            {
                "listeners": {"default": {"type": "tcp", "bind": "0"}},
                "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
            }
        )
        self._listener = listener
        self._serving: dict[asyncio.Future[None], asyncio.StreamWriter] = {}  # by when it is over

    async def _create_server_instance(self, listener_name: str, *_: object) -> asyncio.Server:
        """Serve on the socket that is bound already: nobody can take the address between a look and that."""
        connected = partial(self.stream_connected, listener_name=listener_name)
        return await asyncio.start_server(connected, sock=self._listener)

    def release(self) -> None:
        """Give the address back."""
        for server in self._servers.values():
            server.instance.close()
        self._listener.close()

    async def shutdown(self) -> None:
        """Give the address back before anything that may hang."""
        self.release()
        await super().shutdown()
        for writer in self._serving.values():  # of those who have not said CONNECT amqtt keeps no list
            writer.close()
        if self._serving:
            await asyncio.wait(self._serving)

    async def stream_connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
    ) -> None:
        """Serve a client and close its socket whatever has ended that."""
        over = asyncio.get_running_loop().create_future()
        self._serving[over] = writer
        try:
            await super().stream_connected(reader, writer, listener_name)
        finally:
            writer.close()
            del self._serving[over]
            over.set_result(None)

    async def _initialize_client_session(
        self, reader: ReaderAdapter, writer: WriterAdapter, remote_address: str, remote_port: int
    ) -> tuple[BrokerProtocolHandler, Session]:
        """Read CONNECT within a time; the session gets a handler that keeps time."""
        try:
            async with asyncio.timeout(_CONNECT_S):
                _, session = await super()._initialize_client_session(
                    reader, writer, remote_address, remote_port
                )
        except TimeoutError:
            raise NoDataError("no CONNECT") from None
        session.keep_alive += (session.keep_alive + 1) // 2  # MQTT 3.1.1, 3.1.2.10: one and a half times
        return FencedHandler(self.plugins_manager), session

    async def _delete_session(self, client_id: str) -> None:
        """Close the old connection of a client that comes a second time, too."""
        _, handler = self.sessions.get(client_id, (None, None))
        await super()._delete_session(client_id)
        if handler is not None:
            await handler.handle_connection_closed()

    async def _publish_retained_messages_for_subscription(
        self, subscription: tuple[str, int], session: Session
    ) -> None:
        """Do so only if the client has made this subscription."""
        if any(subscriber == session for subscriber, _ in self.subscriptions.get(subscription[0], ())):
            await super()._publish_retained_messages_for_subscription(subscription, session)

    async def _handle_message_delivery(
        self, client_session: Session, handler: "FencedHandler", wait_deliver: asyncio.Future[Any]
    ) -> bool:
        """Acknowledge a message after it has been passed on and kept; cut off who sent an improper one."""
        proper = await super()._handle_message_delivery(client_session, handler, wait_deliver)
        message = wait_deliver.result()
        if not proper:
            await handler.handle_connection_closed()
        elif message is not None and message.qos == QOS_1:
            await handler.acknowledge(message)
        return True


class FencedHandler(BrokerProtocolHandler):  # type: ignore[misc]
    """One client's connection: closed when the client is silent; its acknowledgements are never early."""

    async def start(self) -> None:
        """Start, and see a client that has gone in the meantime."""
        await super().start()
        if self._reader_stopped.is_set():
            await self.handle_connection_closed()

    async def stop(self) -> None:
        """Close the socket first; amqtt cancels its reader and waits for ever if `wait_for` loses that."""
        if self.writer is not None:
            with contextlib.suppress(OSError):
                await self.writer.close()
        await super().stop()

    def handle_read_timeout(self) -> None:
        """Treat a client that was silent for too long as gone: its will is published."""
        if self._disconnect_waiter is not None and not self._disconnect_waiter.done():
            self._disconnect_waiter.set_result(None)

    async def acknowledge(self, message: ApplicationMessage) -> None:
        """Send PUBACK."""
        message.puback_packet = PubackPacket.build(message.packet_id)
        await self._send_packet(message.puback_packet)

    async def _handle_qos1_message_flow(self, app_message: ApplicationMessage) -> None:
        """Leave the acknowledgement of what comes in to the broker."""
        if app_message.direction == INCOMING:
            await self.session.delivered_message_queue.put(app_message)
        else:
            await super()._handle_qos1_message_flow(app_message)
