"""One connection to a broker: aiomqtt's client, and what that lacks.

aiomqtt is imported here alone, and paho, on which it stands. Who connects when and what is said is not known
here.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Iterable, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Any, Final, Self

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties as WireProperties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from gateway.broker import Access
from gateway.mqtt.dialling import Way, dial
from gateway.mqtt.messages import Incoming, Message, Properties, publish_packet

AT_ONCE: Final = 50
"""Messages of QoS 1 that wait for their acknowledgement together."""

MOST_HEARD: Final = 1000
"""Messages of others that wait at most; what comes beyond is dropped, with one line in the log."""

_ANSWER_S: Final = 5.0
_KEEPALIVE_S: Final = 30
_NO_CALL_BACK: Final = 0
"""The command under which paho writes a packet and tells nobody."""

_WITH_WILL: Final = 0x04
"""The reason of a DISCONNECT on MQTT 5 after which the broker says the will."""

_LOGGER: Final = logging.getLogger(__name__)
_LIBRARY: Final = logging.getLogger(f"{__name__}.paho")
_LIBRARY.setLevel(logging.CRITICAL)  # whatever paho has to say of a lost connection, the exception says too


ConnectionLostError = aiomqtt.MqttError
"""What is raised where a connection is lost, was never there or is not answered on."""


class EndedError(ConnectionLostError):
    """The broker has ended a connection before it was up."""


class Connection(aiomqtt.Client):
    """One connection, made with `access`; for another one, another object.

    What aiomqtt (2.5.1) lacks: many messages in one write, a cut, being cancelled, and writing at once rather
    than at the next turn of the event loop.
    """

    def __init__(self, access: Access, identifier: str, will: Message) -> None:
        address = access.address
        self._v5 = access.version == aiomqtt.ProtocolVersion.V5
        super().__init__(
            address.host,
            address.port,
            username=address.username,
            password=address.password,
            identifier=identifier,
            protocol=aiomqtt.ProtocolVersion(access.version),
            logger=_LIBRARY,
            will=aiomqtt.Will(
                will.topic,
                will.payload,
                will.qos,
                will.retain,
                self._properties_of(will, PacketTypes.WILLMESSAGE),
            ),
            timeout=_ANSWER_S,
            keepalive=_KEEPALIVE_S,
            max_queued_incoming_messages=MOST_HEARD,
            max_inflight_messages=2 * AT_ONCE,
        )
        self.pending_calls_threshold = 4 * AT_ONCE
        self._access = access
        self._last_will = will
        self._way: Way | None = None
        self._drained = asyncio.Event()
        self._full = False
        self._disconnected.add_done_callback(_retrieve)

    async def __aenter__(self) -> Self:
        """Connect; raises OSError or ConnectionLostError. Safe to cancel, if `cut` follows.

        aiomqtt's own method dials in a thread, for which the process waits when it ends.
        """
        async with asyncio.timeout(self.timeout):
            self._way = await dial(self._access.address, self._access.tls)
            near = self._way.socket
            self._client._create_socket_connection = lambda: near  # type: ignore[method-assign]  # noqa: SLF001
            self._client_connect()
            try:
                await self._wait_for(self._connected, timeout=None)
            except EndedError:
                if self._way.carrier is not None and (error := await self._way.carrier):
                    raise error from None
                raise
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Disconnect, unless that has happened, and return when all is said on the way there."""
        await super().__aexit__(None, None, None)
        if self._way is not None and self._way.carrier is not None:
            await asyncio.wait({self._way.carrier})

    async def leave(self, farewell: Sequence[Message]) -> None:
        """Say `farewell` and DISCONNECT. Raises ConnectionLostError.

        Where the farewell is nothing but the will, the broker is asked on MQTT 5 to say the will as well, as
        Sparkplug wants it (3.0, payloads-ndeath-will-message-publisher-disconnect-mqtt50).
        """
        await self.send(farewell)
        if self._v5 and list(farewell) == [self._last_will]:
            self._client.disconnect(ReasonCode(PacketTypes.DISCONNECT, identifier=_WITH_WILL))
        await self.__aexit__(None, None, None)

    async def send(self, messages: Sequence[Message]) -> None:
        """Hand over `messages` in order; return when they are written (QoS 0) and acknowledged (QoS 1).

        Raises ConnectionLostError if the connection is lost or the broker does not answer.
        """
        for qos, alike in groupby(messages, lambda message: message.qos):
            if qos:
                await self._publish(list(alike))
            else:
                await self._write(alike)

    async def _write(self, messages: Iterable[Message]) -> None:
        """Write messages of QoS 0 by one call; wait where the broker does not keep up.

        paho would make a call, and objects for its call-back, for each of them.
        """
        if self._disconnected.done():
            raise ConnectionLostError("the connection is lost")
        packets = b"".join(publish_packet(each, self._packed(each.properties)) for each in messages)
        self._drained.clear()
        self._client._packet_queue(_NO_CALL_BACK, packets, 0, 0)  # noqa: SLF001
        if self._client.want_write():
            await self._wait_for(self._drained.wait(), timeout=None)
        if self._disconnected.done():
            raise ConnectionLostError("the connection is lost")

    async def _publish(self, messages: Sequence[Message]) -> None:
        """Publish messages of QoS 1 or 2, many at once. Raises what any of them raises."""
        for first in range(0, len(messages), AT_ONCE):
            for outcome in await self._outcomes(messages[first : first + AT_ONCE]):
                if outcome is not None:
                    raise outcome

    async def deliver(self, messages: Sequence[Message]) -> list[bool]:
        """Publish up to `AT_ONCE` messages of QoS 1 together; return which of them are acknowledged."""
        outcomes = await self._outcomes(messages)
        for outcome in outcomes:
            if outcome is not None and not isinstance(outcome, ConnectionLostError):
                raise outcome
        return [outcome is None for outcome in outcomes]

    async def _outcomes(self, messages: Sequence[Message]) -> list[BaseException | None]:
        """Publish messages and wait for what acknowledges each; return what has gone wrong."""
        published = [
            self.publish(*message[:4], self._properties_of(message, PacketTypes.PUBLISH))
            for message in messages
        ]
        return await asyncio.gather(*published, return_exceptions=True)

    async def heard(self) -> AsyncIterator[Incoming]:
        """Yield what others say; raise ConnectionLostError when the connection is lost."""
        async for message in self.messages:
            properties = message.properties
            yield Incoming(
                topic=str(message.topic),
                payload=bytes(message.payload),
                retain=bool(message.retain),
                response_topic=getattr(properties, "ResponseTopic", ""),
                correlation=getattr(properties, "CorrelationData", b""),
            )

    async def listen(self, filters: Sequence[str]) -> None:
        """Subscribe to these filters at QoS 1. Raises ConnectionLostError.

        On MQTT 5 a message that is heard at once also tells whether it is retained.
        """
        wishes: Any = SubscribeOptions(qos=1, retainAsPublished=True) if self._v5 else 1
        if filters:
            await self.subscribe([(each, wishes) for each in filters])

    def cut(self) -> None:
        """Break off without a DISCONNECT: the broker publishes the will. Safe whatever the state."""
        if self._way is not None:
            with contextlib.suppress(OSError):
                self._way.socket.shutdown(socket.SHUT_RDWR)

    def _packed(self, properties: Properties) -> bytes:
        return _packed(properties) if self._v5 else b""

    def _properties_of(self, message: Message, packet: int) -> WireProperties | None:
        return _wire(message.properties, packet) if self._v5 else None

    def _on_disconnect(
        self, client: Any, userdata: Any, flags: Any, reason_code: Any, properties: Any = None
    ) -> None:
        """Note that the connection is over, also before it was up, of which aiomqtt (2.5.1) tells nobody.

        Where connecting was cancelled, it would raise.
        """
        self._drained.set()
        if not self._connected.done():
            self._connected.set_exception(EndedError("it ended the connection instead of an answer"))
        elif not self._connected.cancelled():
            super()._on_disconnect(client, userdata, flags, reason_code, properties)

    def _on_message(self, client: Any, userdata: Any, message: Any) -> None:
        """Let a message wait until it is asked for, if there is room; aiomqtt tells nobody of the others."""
        if not self._queue.full():
            super()._on_message(client, userdata, message)
        elif not self._full:
            self._full = True
            _LOGGER.warning("messages of others are dropped: %d wait on this connection", MOST_HEARD)

    def _on_socket_register_write(self, client: Any, userdata: Any, sock: Any) -> None:  # noqa: ARG002  paho's call
        """Write at once, and watch the socket for what it does not take.

        aiomqtt's own method writes at the next turn of the loop, which costs more than the writing.
        """
        self._flush()
        if client.want_write() and client.socket() is sock:
            self._loop.add_writer(sock.fileno(), self._flush)

    def _flush(self) -> None:
        """Write what can be written; a connection that cannot be written to is over."""
        try:
            self._client.loop_write()
        except Exception as error:  # noqa: BLE001  as aiomqtt: whatever it is, the connection is over
            if not self._disconnected.done():
                self._disconnected.set_exception(error)
            self._drained.set()

    def _on_socket_unregister_write(self, client: Any, userdata: Any, sock: Any) -> None:
        """Let those who wait know that everything is written, or never will be."""
        self._drained.set()
        super()._on_socket_unregister_write(client, userdata, sock)


def _retrieve(disconnected: asyncio.Future[None]) -> None:
    """Ask why a connection is over, lest asyncio complain that nobody has."""
    if not disconnected.cancelled():
        disconnected.exception()


@lru_cache(maxsize=256)
def _packed(properties: Properties) -> bytes:
    """Return the properties of a PUBLISH as they are on the wire."""
    return bytes(_wire(properties, PacketTypes.PUBLISH).pack())  # type: ignore[no-untyped-call]


def _wire(properties: Properties, packet: int) -> WireProperties:
    """Return properties as paho has them."""
    wire = WireProperties(packet)  # type: ignore[no-untyped-call]
    if properties.content_type:
        wire.ContentType = properties.content_type
    if properties.expiry_s is not None:
        wire.MessageExpiryInterval = properties.expiry_s
    if properties.correlation:
        wire.CorrelationData = properties.correlation
    if properties.user:
        wire.UserProperty = list(properties.user)
    return wire
