"""The connection to a broker, kept for ever: connect, serve, lose, wait, connect anew.

What is published is the publisher's business; this file knows messages, sockets and patience. aiomqtt is
imported here alone, and paho, on which it stands.
"""

import asyncio
import contextlib
import logging
import random
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Self

import aiomqtt
from paho.mqtt.client import PUBLISH, MQTTMessageInfo

from gateway.broker_address import BrokerAddress
from gateway.errors import BrokerUnavailableError
from gateway.mqtt.messages import GROUP, Message, publish_packet

_ANSWER_S: Final = 5.0
_FAREWELL_S: Final = 0.9
_KEEPALIVE_S: Final = 30
_FIRST_WAIT_S: Final = 0.25
_BRIEF_S: Final = 3.0
_BRIEF_SESSIONS: Final = 2

_LOGGER: Final = logging.getLogger(__name__)
_LIBRARY: Final = logging.getLogger(f"{__name__}.paho")
_LIBRARY.setLevel(logging.CRITICAL)  # whatever paho has to say of a lost connection, the exception says too


class Connection(aiomqtt.Client):
    """One connection of aiomqtt, with what that lacks: groups of messages, a cut, and being cancelled."""

    async def __aenter__(self) -> Self:
        """Connect; raises OSError or aiomqtt.MqttError. Safe to cancel, if `cut` follows.

        aiomqtt's own method (2.5.1) dials in a thread, for which the process waits when it ends.
        """
        async with asyncio.timeout(self.timeout):
            dialled = await _dial(self._hostname, self._port)
        self._client._create_socket_connection = lambda: dialled  # type: ignore[method-assign]  # noqa: SLF001
        self._client_connect()
        await self._wait_for(self._connected, timeout=None)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Disconnect, unless that has happened; nobody need ask why it has."""
        if self._disconnected.done() and not self._disconnected.cancelled():
            self._disconnected.exception()
        await super().__aexit__(None, None, None)

    async def send(self, messages: Sequence[Message]) -> None:
        """Hand over `messages` in order; return when the last is written (QoS 0) or acknowledged (QoS 1).

        Raises aiomqtt.MqttError if the connection is lost or the broker does not answer.
        """
        for first in range(0, len(messages), GROUP):
            *most, last = messages[first : first + GROUP]
            self._write_together([message for message in most if message.qos == 0])
            for message in most:
                if message.qos:
                    self._client.publish(*message)
            await self.publish(*last)

    def _write_together(self, messages: Sequence[Message]) -> None:
        """Queue messages of QoS 0 as one packet of paho's, which would write each by a call of its own."""
        packets = b"".join(map(publish_packet, messages))
        if packets:
            self._client._packet_queue(PUBLISH, packets, 0, 0, MQTTMessageInfo(0))  # noqa: SLF001

    def cut(self) -> None:
        """Break off without a DISCONNECT: the broker publishes the will. Safe whatever the state."""
        sock = self._client.socket()
        if isinstance(sock, socket.socket):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _on_disconnect(
        self, client: Any, userdata: Any, flags: Any, reason_code: Any, properties: Any = None
    ) -> None:
        """Note that the connection is over, unless connecting was cancelled: aiomqtt (2.5.1) then raises."""
        if not self._connected.cancelled():
            super()._on_disconnect(client, userdata, flags, reason_code, properties)

    def _on_socket_register_write(self, client: Any, userdata: Any, sock: Any) -> None:  # noqa: ARG002  paho's call
        """Watch the socket for writing, unless it is closed by the time the loop gets there.

        aiomqtt's own method does not look (2.5.1): it registers a number that is nobody's, or another's.
        """

        def watch() -> None:
            if client.socket() is sock:
                self._loop.add_writer(sock.fileno(), client.loop_write)

        self._loop.call_soon_threadsafe(watch)


class Link:
    """Keeps a connection to a broker: connects, runs `serve` on it and begins again when it is lost.

    `farewell` is sent before an orderly DISCONNECT; its last message is also the will. `changed` is called
    whenever `connected` or `tried` (the first attempt has ended) may have changed. `longest_wait_s` is where
    the growing wait between two attempts stops growing [s].
    """

    def __init__(
        self,
        address: BrokerAddress,
        *,
        identifier: str,
        farewell: Sequence[Message],
        serve: Callable[[Connection], Awaitable[None]],
        changed: Callable[[], None],
        longest_wait_s: float,
    ) -> None:
        self._address = address
        self._identifier = identifier
        self._farewell = farewell
        self._serve = serve
        self._changed = changed
        self._longest_wait_s = longest_wait_s
        self._missed = False
        self._brief_sessions = 0
        self.connected = False
        self.tried = False

    async def run(self) -> None:
        """Serve until cancelled, then say good-bye. Raises what `serve` raises beside aiomqtt.MqttError."""
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            began = loop.time()
            try:
                await self._session()
            except BrokerUnavailableError as error:
                self._miss(error)
            failures = 0 if loop.time() - began > self._longest_wait_s + _ANSWER_S else failures + 1
            wait = min(self._longest_wait_s, _FIRST_WAIT_S * 2.0 ** min(failures, 16))
            await asyncio.sleep(random.uniform(0.5, 1.0) * wait)  # noqa: S311  jitter, not a secret

    async def _session(self) -> None:
        """Connect and serve; raise BrokerUnavailableError when that is over. Cancelled, say good-bye."""
        connection = self._new_connection()
        try:
            await _enter(connection)
        except BrokerUnavailableError:
            self._brief_sessions = 0  # it is the broker that comes and goes
            raise
        self._meet()
        began = asyncio.get_running_loop().time()
        try:
            await self._converse(connection)
        except aiomqtt.MqttError as error:
            self._suspect(asyncio.get_running_loop().time() - began)
            raise BrokerUnavailableError(str(error.__cause__ or error)) from None
        except asyncio.CancelledError:
            await self._say_good_bye(connection)
            raise
        finally:
            self.connected = False
            self._changed()
            connection.cut()
            await _leave(connection)

    def _new_connection(self) -> Connection:
        """Return a new client: one that is entered again would send old messages after new ones."""
        will = self._farewell[-1]
        return Connection(
            self._address.host,
            self._address.port,
            username=self._address.username,
            password=self._address.password,
            identifier=self._identifier,
            logger=_LIBRARY,
            will=aiomqtt.Will(will.topic, will.payload, will.qos, will.retain),
            timeout=_ANSWER_S,
            keepalive=_KEEPALIVE_S,
        )

    async def _converse(self, connection: Connection) -> None:
        """Serve and watch the connection; raise what ends either."""
        tasks = [asyncio.ensure_future(self._serve(connection)), asyncio.create_task(_until_lost(connection))]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _say_good_bye(self, connection: Connection) -> None:
        """Send the farewell and DISCONNECT if the broker still listens; else the will speaks for us."""
        with contextlib.suppress(aiomqtt.MqttError, TimeoutError):
            async with asyncio.timeout(_FAREWELL_S):
                await connection.send(self._farewell)
                await connection.__aexit__(None, None, None)

    def _suspect(self, lasted_s: float) -> None:
        """Count the connections that the broker has ended soon; a second one in turn is a namesake's work.

        A broker ends the older of two connections that have the same client id (MQTT 3.1.1, 3.1.4-2).
        """
        self._brief_sessions = self._brief_sessions + 1 if lasted_s < _BRIEF_S else 0
        if self._brief_sessions == _BRIEF_SESSIONS:
            _LOGGER.warning(
                "MQTT broker %s ends each connection soon, as it does where two clients have the id %s; "
                "gateways that share a broker need different ids: gateway.id",
                self._address,
                self._identifier,
            )

    def _meet(self) -> None:
        """Note that the broker is there; one line in the log if it was missed."""
        if self._missed:
            _LOGGER.info("MQTT broker %s is there again", self._address)
        self._missed = False
        self.connected = self.tried = True
        self._changed()

    def _miss(self, error: BrokerUnavailableError) -> None:
        """Note that the broker is away; one line in the log until it is back."""
        if not self._missed:
            _LOGGER.warning("MQTT broker %s is away (%s); trying until it is there", self._address, error)
        self._missed = self.tried = True
        self._changed()


async def _enter(connection: Connection) -> None:
    """Connect, or raise BrokerUnavailableError; then, and when cancelled, leave nothing behind."""
    try:
        await connection.__aenter__()
    except (OSError, aiomqtt.MqttError) as error:
        connection.cut()
        raise BrokerUnavailableError(str(error) or "no answer") from None
    except BaseException:
        connection.cut()
        raise


async def _dial(host: str, port: int) -> socket.socket:
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


async def _until_lost(connection: Connection) -> None:
    """Return never; raise aiomqtt.MqttError when the connection is lost."""
    async for _ in connection.messages:
        pass


async def _leave(connection: Connection) -> None:
    """Let aiomqtt clear up after a connection that is over or cut."""
    with contextlib.suppress(aiomqtt.MqttError):
        await connection.__aexit__(None, None, None)
