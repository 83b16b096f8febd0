"""What a router says of its networks, byte by byte after clauses 6.4 and 6.6."""

import pytest

from gateway.bacnet.port.router import Networks, no_route
from gateway.bacnet.wire import network as net
from gateway.bacnet.wire.bvlc import Function

ASKER = ("10.0.0.9", 50000)
UNNUMBERED = Networks(behind=1000)
NUMBERED = Networks(behind=1000, own=7)
NODE = Networks(own=7)


def asked(octets: str, *, broadcast: bool = False) -> net.Packet:
    function = Function.BROADCAST if broadcast else Function.UNICAST
    packet = net.parse(net.datagram(bytes.fromhex(octets), function), ASKER)
    assert packet is not None
    return packet


@pytest.mark.parametrize(
    ("networks", "message", "answer"),
    [
        (UNNUMBERED, "0180 00", "0180 01 03e8"),
        (UNNUMBERED, "0180 0003e8", "0180 01 03e8"),
        (UNNUMBERED, "0188 0007020506 0003e8", "01a0 0007020506 ff 01 03e8"),
        (UNNUMBERED, "0180 000007", None),
        (NUMBERED, "0180 000007", None),
        (UNNUMBERED, "0180 0003", None),
        (UNNUMBERED, "0180 0003e800", None),
        (UNNUMBERED, "0180 0600", "0180 07 01 03e8 01 00"),
        (NUMBERED, "0180 0600", "0180 07 02 03e8 01 00 0007 02 00"),
        (UNNUMBERED, "0180 0601 0009 0100", "0180 07 00"),
        (UNNUMBERED, "0180 0602 0009 0102abcd 000a 0100", "0180 07 00"),
        *((UNNUMBERED, f"0180 06{lines}", None) for lines in ("", "01", "01000901", "0100090101", "0000")),
        (UNNUMBERED, "0180 0602 0009 0100", None),
        (UNNUMBERED, "0180 12", None),
        (NUMBERED, "0180 12", "0180 13 0007 01"),
        (NUMBERED, "0188 0009020506 12", None),
        (NUMBERED, "01a0 ffff00 ff 12", None),
        *((UNNUMBERED, f"0180 {message}", None) for message in ("0103e8", "0203e801", "03010009")),
        *((UNNUMBERED, f"0180 {message}", None) for message in ("040009", "05", "0700", "13000901")),
        (UNNUMBERED, "0180 0b", "0180 03 03 0000"),
        (UNNUMBERED, "0180 7f", "0180 03 03 0000"),
        (UNNUMBERED, "0180 ff03e701", "0180 03 03 0000"),
        (NODE, "0180 12", "0180 13 0007 01"),
        (NODE, "0180 00", None),
        (NODE, "0180 0600", None),
        (NODE, "0180 7f", None),
    ],
)
def test_a_network_layer_message_is_answered(networks: Networks, message: str, answer: str | None) -> None:
    expected = None if answer is None else net.datagram(bytes.fromhex(answer))
    assert networks.answer(asked(message)) == expected


def test_an_unknown_message_to_everybody_is_not_rejected() -> None:
    assert UNNUMBERED.answer(asked("0180 7f", broadcast=True)) is None


def test_an_unknown_network_is_refused_with_its_number() -> None:
    assert no_route(asked("0124 07d00105 ff 0275010c")) == bytes.fromhex("810a000a 0180 03 01 07d0")


def test_a_refusal_goes_back_through_the_router_that_the_packet_came_through() -> None:
    packet = asked("012c 07d00105 0007020506 ff 0275010c")
    assert no_route(packet) == net.datagram(bytes.fromhex("01a0 0007020506 ff 03 01 07d0"))


def test_a_router_begins_with_the_way_and_the_number_of_the_network() -> None:
    way, number = bytes.fromhex("810b0009 0180 01 03e8"), bytes.fromhex("810b000a 0180 13 0007 01")
    assert UNNUMBERED.announcements() == [way]
    assert NUMBERED.announcements() == [way, number]
    assert NODE.announcements() == Networks().announcements() == []


@pytest.mark.parametrize(
    ("networks", "question", "said"),
    [
        (NUMBERED, 0x00, "0180 01 03e8"),
        (NODE, 0x00, None),
        (NODE, 0x12, "0180 13 0007 01"),
        (UNNUMBERED, 0x12, None),
        (NUMBERED, 0x06, None),
    ],
)
def test_what_everybody_asks_everybody_is_told(networks: Networks, question: int, said: str | None) -> None:
    expected = None if said is None else net.datagram(bytes.fromhex(said), Function.BROADCAST)
    assert networks.announcement(question) == expected
