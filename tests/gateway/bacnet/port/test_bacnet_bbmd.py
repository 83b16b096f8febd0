"""The broadcast management device: its tables, what it takes where, and what it refuses."""

import logging
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.bacnet.port import bbmd
from gateway.bacnet.port.bbmd import Bbmd
from gateway.bacnet.wire import bvlc
from gateway.bacnet.wire.bvlc import Address, Function
from gateway.bip import BbmdPeer, BbmdRole

PLACE = ("10.0.1.2", 47808)
HERE = ("10.0.1.255", 47808)
NEIGHBOUR = ("10.0.1.9", 47808)
PEER = ("10.0.2.2", 47808)
FAR = ("10.0.2.9", 47808)
FOREIGN = ("10.0.3.9", 50000)
OTHER = ("10.0.3.8", 50001)
SUBNET = IPv4Network("10.0.1.0/24")
NPDU = bytes.fromhex("0120ffff00ff1008")
BROADCAST = bvlc.message(Function.BROADCAST, NPDU)
DISTRIBUTE = bvlc.message(Function.DISTRIBUTE, NPDU)
DONE = "810000060000"


class Outlet:
    """Notes what is sent, and where to."""

    place = PLACE
    everybody: Address | None = HERE

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, Address]] = []

    def send_datagram(self, datagram: bytes, address: Address) -> None:
        self.sent.append((datagram, address))

    def is_own(self, address: Address) -> bool:
        return address == PLACE

    def taken(self) -> list[tuple[bytes, Address]]:
        """Return what was sent since the last call."""
        sent, self.sent = self.sent, []
        return sent


class Clock:
    """A clock that is set by hand [s]."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


class Subnet:
    """A BBMD, its outlet and its clock."""

    def __init__(self, *peers: BbmdPeer, write_peers: bool = False, most_foreign: int = 2) -> None:
        self.outlet, self.clock = Outlet(), Clock()
        self.bbmd = Bbmd(SUBNET, BbmdRole(peers, write_peers, most_foreign), self.clock)
        self.bbmd.open(self.outlet)

    def hear(self, data: bytes, sender: Address) -> tuple[bool, list[tuple[bytes, Address]]]:
        """Return whether a datagram is for the node, and what was sent because of it."""
        return self.bbmd.admits(data, sender), self.outlet.taken()

    def ask(self, data: str, sender: Address = FOREIGN) -> str:
        """Return the one answer to a request."""
        admitted, [(answer, to)] = self.hear(bytes.fromhex(data), sender)
        assert not admitted
        assert to == sender
        return answer.hex()

    def register(self, *senders: Address, ttl: int = 60) -> None:
        for sender in senders:
            assert self.ask(bvlc.registration(ttl).hex(), sender) == DONE


@pytest.fixture
def subnet() -> Subnet:
    return Subnet(BbmdPeer(*PEER))


def to(addresses: Sequence[Address], datagram: bytes) -> list[tuple[bytes, Address]]:
    return [(datagram, address) for address in addresses]


def test_a_broadcast_of_the_subnet_goes_to_peers_and_foreign_devices_with_its_origin(subnet: Subnet) -> None:
    subnet.register(FOREIGN)
    copy = bvlc.message(Function.FORWARDED, bytes.fromhex("0a000109bac0") + NPDU)
    assert subnet.hear(BROADCAST, NEIGHBOUR) == (True, to([PEER, FOREIGN], copy))


def test_a_broadcast_of_our_own_goes_to_everybody_here_too(subnet: Subnet) -> None:
    subnet.register(FOREIGN)
    subnet.bbmd.broadcast(BROADCAST)
    assert subnet.outlet.taken() == [
        (BROADCAST, HERE),
        *to([PEER, FOREIGN], bvlc.forwarded(PLACE, NPDU)),
    ]
    assert subnet.hear(BROADCAST, PLACE) == (False, [])


def test_a_broadcast_from_afar_is_heard_and_goes_no_further(subnet: Subnet) -> None:
    assert subnet.hear(BROADCAST, ("192.0.2.66", 47808)) == (True, [])


def test_what_a_peer_forwards_is_broadcast_here_and_goes_to_foreign_devices(subnet: Subnet) -> None:
    subnet.register(FOREIGN)
    copy = bvlc.forwarded(FAR, NPDU)
    assert subnet.hear(copy, PEER) == (True, to([HERE, FOREIGN], copy))


def test_what_came_by_directed_broadcast_is_not_broadcast_again() -> None:
    subnet = Subnet(BbmdPeer(*PLACE, 0xFFFFFF00), BbmdPeer(*PEER, 0xFFFFFF00))
    subnet.register(FOREIGN)
    copy = bvlc.forwarded(FAR, NPDU)
    assert subnet.hear(copy, PEER) == (True, to([FOREIGN], copy))
    subnet.bbmd.relay(NPDU, NEIGHBOUR)
    assert [address for _, address in subnet.outlet.taken()] == [("10.0.2.255", 47808), FOREIGN]


def test_what_others_than_peers_forward_is_dropped(subnet: Subnet) -> None:
    subnet.register(FOREIGN)
    for sender in (("192.0.2.66", 47808), FOREIGN, NEIGHBOUR, PLACE, (PEER[0], 1)):
        assert subnet.hear(bvlc.forwarded(FAR, NPDU), sender) == (False, [])


def test_what_comes_back_to_where_it_began_is_dropped(subnet: Subnet) -> None:
    assert subnet.hear(bvlc.forwarded(PLACE, NPDU), PEER) == (False, [])


def test_a_foreign_device_has_its_broadcast_distributed_to_all_but_itself(subnet: Subnet) -> None:
    subnet.register(FOREIGN, OTHER)
    copy = bvlc.forwarded(FOREIGN, NPDU)
    assert subnet.hear(DISTRIBUTE, FOREIGN) == (True, to([HERE, PEER, OTHER], copy))


def test_nobody_who_is_not_registered_has_anything_distributed(subnet: Subnet) -> None:
    assert subnet.ask(DISTRIBUTE.hex()) == "810000060060"
    assert subnet.ask(DISTRIBUTE.hex(), NEIGHBOUR) == "810000060060"


def test_a_foreign_device_is_forgotten_half_a_minute_after_its_time(subnet: Subnet) -> None:
    subnet.register(FOREIGN, ttl=60)
    subnet.clock.time += 30.5
    assert subnet.ask("81060004", NEIGHBOUR) == "8107000e" + "0a000309c350" + "003c" + "003c"
    subnet.clock.time += 59
    assert subnet.hear(DISTRIBUTE, FOREIGN)[0]
    subnet.clock.time += 0.5
    assert subnet.ask("81060004", NEIGHBOUR) == "81070004"
    assert subnet.ask(DISTRIBUTE.hex()) == "810000060060"


def test_a_registration_that_is_renewed_begins_anew(subnet: Subnet) -> None:
    subnet.register(FOREIGN, ttl=60)
    subnet.clock.time += 80
    subnet.register(FOREIGN, ttl=10)
    assert subnet.ask("81060004") == "8107000e" + "0a000309c350" + "000a" + "0028"


def test_a_foreign_device_leaves_by_deleting_its_line(subnet: Subnet) -> None:
    subnet.register(FOREIGN, OTHER)
    assert subnet.ask("8108000a0a000309c350") == DONE
    assert subnet.ask("8108000a0a000309c350") == "810000060050"
    assert subnet.ask("810800090a000309c3") == "810000060050"
    assert subnet.ask("81060004") == "8107000e" + "0a000308c351" + "003c" + "005a"


def test_without_a_time_to_live_there_is_half_a_minute_of_grace(subnet: Subnet) -> None:
    subnet.register(FOREIGN, ttl=60)
    subnet.register(FOREIGN, ttl=0)
    assert subnet.ask("81060004") == "8107000e" + "0a000309c350" + "0000" + "001e"
    subnet.clock.time += 29.5
    assert subnet.hear(DISTRIBUTE, FOREIGN)[0]
    subnet.clock.time += 0.5
    assert subnet.ask(DISTRIBUTE.hex()) == "810000060060"


def test_no_more_foreign_devices_are_taken_than_there_may_be(subnet: Subnet) -> None:
    subnet.register(FOREIGN, OTHER)
    assert subnet.ask("81050006003c", ("10.0.3.7", 50002)) == "810000060030"
    subnet.register(FOREIGN)


@pytest.mark.parametrize("sender", [PEER, FOREIGN])
def test_neither_a_peer_nor_anybody_where_nobody_may_registers(sender: Address) -> None:
    subnet = Subnet(BbmdPeer(*PEER), most_foreign=0)
    assert subnet.ask("81050006003c", sender) == "810000060030"


@pytest.mark.parametrize("request_octets", ["81050004", "8105000500", "81050007003c00"])
def test_a_registration_that_cannot_be_read_is_refused(subnet: Subnet, request_octets: str) -> None:
    assert subnet.ask(request_octets) == "810000060030"


def test_the_distribution_table_is_read_with_our_own_line_first(subnet: Subnet) -> None:
    ours, peers = "0a000102bac0ffffffff", "0a000202bac0ffffffff"
    assert subnet.ask("81020004") == "81030018" + ours + peers


WRITTEN = "8101000e" + "0a000402bac0ffffffff"


def test_the_distribution_table_is_written_only_where_that_is_allowed(subnet: Subnet) -> None:
    assert subnet.ask(WRITTEN) == "810000060010"
    subnet = Subnet(BbmdPeer(*PEER), write_peers=True)
    assert subnet.ask(WRITTEN) == DONE
    assert subnet.ask("81020004") == "81030018" + "0a000102bac0ffffffff" + "0a000402bac0ffffffff"
    assert subnet.hear(bvlc.forwarded(FAR, NPDU), PEER) == (False, [])


@pytest.mark.parametrize(
    "table",
    [
        "0a000402bac0ffffff",
        "0a000105bac0ffffffff",
        "0a000402bac0ffffffff" * (bbmd.MOST_PEERS + 1),
        "ffffffffbac0ffffffff",
    ],
)
def test_a_faulty_or_circular_distribution_table_is_refused(table: str) -> None:
    subnet = Subnet(BbmdPeer(*PEER), write_peers=True)
    whole = bvlc.message(Function.WRITE_BDT, bytes.fromhex(table)).hex()
    assert subnet.ask(whole) == "810000060010"


def test_who_is_twice_in_a_written_table_gets_one_copy() -> None:
    subnet = Subnet(write_peers=True)
    table = bytes.fromhex("0a000202bac0ffffffff" * 2)
    assert subnet.ask(bvlc.message(Function.WRITE_BDT, table).hex()) == DONE
    subnet.bbmd.relay(NPDU, NEIGHBOUR)
    assert [address for _, address in subnet.outlet.taken()] == [PEER]


@pytest.mark.parametrize("npdu", [b"", b"\x01"])
def test_what_is_too_short_for_an_npdu_is_not_distributed(subnet: Subnet, npdu: bytes) -> None:
    subnet.register(FOREIGN)
    assert subnet.hear(bvlc.message(Function.DISTRIBUTE, npdu), FOREIGN) == (False, [])


def test_there_is_a_bound_to_the_copies_of_a_second(
    subnet: Subnet, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(bbmd, "MOST_COPIES", 5)
    subnet.register(FOREIGN)
    with caplog.at_level(logging.WARNING):
        for _ in range(4):
            subnet.bbmd.relay(NPDU, NEIGHBOUR)
    assert len(subnet.outlet.taken()) == 5
    assert [record.message for record in caplog.records] == [
        "more than 5 copies of broadcasts in a second; the rest is dropped"
    ]
    subnet.clock.time += 1
    subnet.bbmd.relay(NPDU, NEIGHBOUR)
    assert len(subnet.outlet.taken()) == 2


def _datagrams() -> Iterator[bytes]:
    yield from (BROADCAST, DISTRIBUTE, bvlc.forwarded(FAR, NPDU), bvlc.registration(60))
    yield from (bytes.fromhex(octets) for octets in ("81020004", "81060004", WRITTEN, "810000060000"))


@given(
    st.lists(
        st.tuples(
            st.sampled_from([*_datagrams()]),
            st.integers(0, 16),
            st.binary(max_size=4),
            st.sampled_from([PEER, FOREIGN, OTHER, NEIGHBOUR, PLACE]),
        )
    )
)
def test_whatever_comes_a_bbmd_never_raises_nor_sends_to_itself(
    heard: list[tuple[bytes, int, bytes, Address]],
) -> None:
    subnet = Subnet(BbmdPeer(*PEER), write_peers=True)
    for whole, at, put, sender in heard:
        subnet.bbmd.admits(whole[:at] + put + whole[at + len(put) :], sender)
        subnet.bbmd.admits(whole[:at], sender)
    sent = subnet.outlet.taken()
    assert all(address != PLACE for _, address in sent)
    assert len(sent) <= len(heard) * 2 * (1 + bbmd.MOST_PEERS + 2)
    assert subnet.ask("81020004", NEIGHBOUR).startswith("8103")
