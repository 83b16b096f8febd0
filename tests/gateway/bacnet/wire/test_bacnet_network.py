"""BACnet/IP and network headers, byte by byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.bacnet.port.router import Networks, no_route
from gateway.bacnet.wire import network as net

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
    assert answer[4:].hex() == "012a" + "0007020506" + "03e8030186a1" + "fe" + "20010c"


@pytest.mark.parametrize(
    "octets",
    [
        *("", "81", "810a0004", "820a0006 0100", "810a0009 0100 1008"),
        *("810a0006 0200", "810a0008 0120 03e8", "810a000b 0120 03e8 03 0186", "810a0009 0120 ffff00"),
        *("8104000a c0a80107bac1", "810a000b 0108 000700 1008", "81050006 0100"),
        *("810a000d 0108 ffff0105 1008", "810a000d 0108 00000105 1008", "810a000b 0120 000000 ff 1008"),
    ],
)
def test_what_cannot_be_read_is_no_packet(octets: str) -> None:
    assert net.parse(bytes.fromhex(octets), ASKER) is None


@pytest.mark.parametrize("destination", ["03e8030186a1", "ffff00"])
def test_what_a_router_lets_out_without_hops_left_is_discarded(destination: str) -> None:
    routed = "012c" + destination + "0007020506 {} 0275010800"
    for hops, taken in (("01", True), ("00", False)):
        data = net.datagram(bytes.fromhex(routed.format(hops)))
        assert (net.parse(data, ASKER) is not None) == taken
    own = net.datagram(bytes.fromhex(f"0124 {destination} 00 0275010800"))
    assert net.parse(own, ASKER) is not None


@given(st.binary(max_size=40))
def test_nothing_that_comes_raises(octets: bytes) -> None:
    for function in (b"\x04", b"\x0a", b"\x0b", b""):
        length = (len(octets) + 4).to_bytes(2, "big")
        packet = net.parse(b"\x81" + function + length + octets, ASKER)
        if packet is not None:
            Networks(1000, 7).answer(packet)
            no_route(packet)


def test_a_global_broadcast_of_a_meter_names_it() -> None:
    said = net.global_broadcast(b"\x10\x00", net.station(1000, b"\x01\x86\xa1"))
    assert said == bytes.fromhex("810b0012 0128 ffff00 03e8030186a1 fe 1000")
