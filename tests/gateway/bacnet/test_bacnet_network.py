"""BACnet/IP and network headers, byte by byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.bacnet import network as net

ASKER = ("10.0.0.9", 50000)


def parsed(octets: str) -> net.Packet:
    packet = net.parse(bytes.fromhex(octets), ASKER)
    assert packet is not None
    return packet


def test_a_request_to_a_meter_is_taken_apart() -> None:
    packet = parsed("810a0012 0124 03e8030186a1 ff 0275010800")
    assert packet == net.Packet(ASKER, False, 0x24, 1000, b"\x01\x86\xa1", b"", bytes.fromhex("0275010800"))
    assert packet.is_apdu


def test_what_follows_the_stated_length_is_no_part_of_the_packet() -> None:
    assert parsed("810a0008 0100 1008 ffff").payload == b"\x10\x08"


def test_a_forwarded_request_is_answered_where_it_began() -> None:
    packet = parsed("8104000e c0a80107bac1 0100 1008")
    assert packet.asker == ("192.168.1.7", 0xBAC1)
    assert packet.broadcast


def test_an_answer_goes_back_through_the_router_that_the_request_came_through() -> None:
    packet = parsed("810a0016 012e 03e8030186a1 0007020506 ff 0275010c")
    assert packet.source == bytes.fromhex("0007020506")
    answer = net.unicast(
        b"\x20\x01\x0c",
        net.station(1000, b"\x01\x86\xa1"),
        packet.source,
        priority=packet.priority,
        expects_reply=False,
    )
    assert answer[4:].hex() == "012a" + "0007020506" + "03e8030186a1" + "ff" + "20010c"


@pytest.mark.parametrize(
    "octets",
    [
        *("", "81", "810a0004", "820a0006 0100", "810a0009 0100 1008"),
        *("810a0006 0200", "810a0008 0120 03e8", "810a000b 0120 03e8 03 0186", "810a0009 0120 ffff00"),
        *("8104000a c0a80107bac1", "810a000b 0108 000700 1008", "81050006 0100"),
    ],
)
def test_what_cannot_be_read_is_no_packet(octets: str) -> None:
    assert net.parse(bytes.fromhex(octets), ASKER) is None


@pytest.mark.parametrize(
    ("octets", "result"),
    [
        *(("81010004", 0x10), ("81020004", 0x20), ("81050006003c", 0x30), ("81060004", 0x40)),
        *(("8107000ac0a80107bac1", 0x50), ("8109000801001008", 0x60)),
        *(("810000060000", None), ("81030004", None), ("81040004", None), ("81ff0004", None)),
        *(("", None), ("8102", None), ("82020004", None), ("81020005", None)),
    ],
)
def test_a_bbmd_s_business_is_refused_in_its_own_words(octets: str, result: int | None) -> None:
    expected = None if result is None else bytes((0x81, 0, 0, 6, 0, result))
    assert net.refusal(bytes.fromhex(octets)) == expected


@given(st.binary(max_size=40))
def test_nothing_that_comes_raises(octets: bytes) -> None:
    for function in (b"\x04", b"\x0a", b"\x0b", b""):
        length = (len(octets) + 4).to_bytes(2, "big")
        packet = net.parse(b"\x81" + function + length + octets, ASKER)
        if packet is not None:
            net.router_answer(packet, 1000)
            net.no_route(packet)
        net.refusal(b"\x81" + function + length + octets)


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        ("00", "0180 01 03e8"),
        ("0003e8", "0180 01 03e8"),
        ("000007", None),
        ("0600", "0180 07 01 03e8 01 00"),
        ("0601 0007 0100", None),
        ("12", None),
        ("7f", None),
    ],
)
def test_the_router_says_what_it_knows(message: str, answer: str | None) -> None:
    npdu = bytes.fromhex("0180" + message)
    packet = net.parse(net.datagram(npdu), ASKER)
    assert packet is not None
    expected = None if answer is None else net.datagram(bytes.fromhex(answer))
    assert net.router_answer(packet, 1000) == expected


def test_an_unknown_network_is_refused_with_its_number() -> None:
    packet = parsed("810a000f 0124 07d00105 ff 0275010c")
    assert net.no_route(packet) == bytes.fromhex("810a000a 0180 03 01 07d0")


def test_the_way_to_the_meters_is_announced_by_broadcast() -> None:
    assert net.i_am_router(1000) == bytes.fromhex("810b0009 0180 01 03e8")


def test_a_global_broadcast_of_a_meter_names_it() -> None:
    said = net.global_broadcast(b"\x10\x00", net.station(1000, b"\x01\x86\xa1"))
    assert said == bytes.fromhex("810b0012 0128 ffff00 03e8030186a1 ff 1000")
