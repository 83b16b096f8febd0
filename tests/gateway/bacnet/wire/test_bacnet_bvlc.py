"""The messages of the virtual link, byte by byte after annex J.2, and beside bacpypes3's own."""

from typing import Any

import pytest
from bacpypes3.ipv4 import bvll  # type: ignore[import-untyped]
from bacpypes3.pdu import PDU, IPv4Address  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from gateway.bacnet.wire import bvlc
from gateway.bacnet.wire.bvlc import Function, Registration
from gateway.bip import BbmdPeer


@pytest.mark.parametrize(
    ("octets", "result"),
    [
        *(("81010004", 0x10), ("81020004", 0x20), ("81050006003c", 0x30), ("81060004", 0x40)),
        *(("8108000ac0a80107bac1", 0x50), ("8109000801001008", 0x60)),
        *(("810000060000", None), ("81030004", None), ("81070004", None), ("81ff0004", None)),
        *(("", None), ("8102", None), ("82020004", None), ("81020005", None)),
    ],
)
def test_a_bbmd_s_business_is_refused_in_its_own_words(octets: str, result: int | None) -> None:
    expected = None if result is None else bytes((0x81, 0, 0, 6, 0, result))
    assert bvlc.refusal(bytes.fromhex(octets)) == expected


PLACE = ("192.168.1.7", 47809)
NPDU = bytes.fromhex("01001008")
FDT = bvll.FDTEntry()
FDT.fdAddress, FDT.fdTTL, FDT.fdRemain = IPv4Address(PLACE), 60, 90
PEERS = [BbmdPeer("192.168.1.7", 47809), BbmdPeer("10.1.2.3", 47808, 0xFFFFFF00)]
BDT = [IPv4Address("192.168.1.7/32:47809"), IPv4Address("10.1.2.3/24:47808")]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (bvlc.result(0x30), bvll.Result(0x30)),
        (bvlc.forwarded(PLACE, NPDU), bvll.ForwardedNPDU(IPv4Address(PLACE), NPDU)),
        (bvlc.registration(60), bvll.RegisterForeignDevice(60)),
        (bvlc.message(Function.READ_BDT), bvll.ReadBroadcastDistributionTable()),
        (
            bvlc.message(Function.READ_BDT_ACK, bvlc.pack_peers(PEERS)),
            bvll.ReadBroadcastDistributionTableAck(BDT),
        ),
        (
            bvlc.message(Function.READ_FDT_ACK, bvlc.pack_registrations([Registration(PLACE, 60, 90)])),
            bvll.ReadForeignDeviceTableAck([FDT]),
        ),
        (
            bvlc.message(Function.DELETE, bvlc.pack_address(PLACE)),
            bvll.DeleteForeignDeviceTableEntry(IPv4Address(PLACE)),
        ),
        (bvlc.message(Function.DISTRIBUTE, NPDU), bvll.DistributeBroadcastToNetwork(NPDU)),
    ],
    ids=lambda message: type(message).__name__,
)
def test_a_message_is_the_same_as_bacpypes3_makes_it(ours: bytes, theirs: Any) -> None:
    assert ours == bytes(theirs.encode().pduData)
    assert bvll.pdu_types[ours[1]].decode(PDU(ours[4:])) is not None


@given(st.lists(st.tuples(st.ip_addresses(v=4), st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF))))
def test_a_distribution_table_is_read_as_it_was_written(entries: list[tuple[Any, int, int]]) -> None:
    peers = [BbmdPeer(str(host), port, mask) for host, port, mask in entries]
    assert bvlc.read_peers(bvlc.pack_peers(peers)) == peers
    assert bvlc.read_peers(bvlc.pack_peers(peers) + b"1") is None


def test_an_address_and_a_number_are_read_from_as_many_octets_as_they_have() -> None:
    assert bvlc.read_address(bvlc.pack_address(PLACE)) == PLACE
    assert bvlc.read_address(b"12345") is bvlc.read_address(b"1234567") is None
    assert bvlc.read_number(b"\x01\x02") == 0x102
    assert bvlc.read_number(b"\x01") is bvlc.read_number(b"123") is None


def test_what_is_left_of_a_long_registration_fits_its_two_octets() -> None:
    assert bvlc.pack_registrations([Registration(PLACE, 65535, 65565)])[6:] == b"\xff\xff\xff\xff"
