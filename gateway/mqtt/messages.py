"""Messages as values, and as packets: what is said, apart from who says it when and over which connection.

No sockets, no asyncio, no snapshots and no topics of any convention.
"""

from typing import Final, NamedTuple

_SEVEN_BITS: Final = 0x7F


class Properties(NamedTuple):
    """What MQTT 5 says of a message beside its payload; on 3.1.1 nothing of it goes out.

    `expiry_s` is for how long a broker keeps it for those who are not there [s], None for ever.
    """

    content_type: str = ""
    expiry_s: int | None = None
    user: tuple[tuple[str, str], ...] = ()
    correlation: bytes = b""


NO_PROPERTIES: Final = Properties()


class Message(NamedTuple):
    """One message to publish."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = True
    properties: Properties = NO_PROPERTIES


class Incoming(NamedTuple):
    """One message that a broker has passed on to us; MQTT 5 may say where and with which mark to answer."""

    topic: str
    payload: bytes
    retain: bool = False
    response_topic: str = ""
    correlation: bytes = b""


def publish_packet(message: Message, properties: bytes = b"") -> bytes:
    """Return a message of QoS 0 as it is on the wire: a PUBLISH packet (MQTT 3.1.1 and 5, 3.3).

    `properties` are those of MQTT 5 as they are on the wire, with their length before them; on 3.1.1 there
    are none.
    """
    topic = message.topic.encode()
    rest = 2 + len(topic) + len(properties) + len(message.payload)
    head = bytearray((0x30 | message.retain,))
    while rest > _SEVEN_BITS:
        head.append(0x80 | rest & _SEVEN_BITS)
        rest >>= 7
    head.append(rest)
    return b"".join((head, len(topic).to_bytes(2), topic, properties, message.payload))
