"""BACnet/IP addresses as people write them."""

import pytest

from gateway.bip import BbmdPeer, parse_host, parse_peer


@pytest.mark.parametrize(
    ("text", "peer", "target"),
    [
        ("10.1.2.3:47809", BbmdPeer("10.1.2.3", 47809), ("10.1.2.3", 47809)),
        ("10.1.2.3", BbmdPeer("10.1.2.3", 47808), ("10.1.2.3", 47808)),
        ("10.1.2.3/24:47809", BbmdPeer("10.1.2.3", 47809, 0xFFFFFF00), ("10.1.2.255", 47809)),
        ("10.1.2.3/255.255.0.0:1", BbmdPeer("10.1.2.3", 1, 0xFFFF0000), ("10.1.255.255", 1)),
    ],
)
def test_a_peer_is_read_with_where_its_copies_go(text: str, peer: BbmdPeer, target: tuple[str, int]) -> None:
    assert parse_peer(text) == peer
    assert parse_peer(text).target == target
    assert parse_peer(str(peer)) == peer


@pytest.mark.parametrize(
    "text",
    [
        *("", ":1", "10.1.2", "host:1", "10.1.2.3:0", "10.1.2.3:65536", "10.1.2.3:x", "10.1.2.3/33:1"),
        *(
            "10.1.2.3/24/24:1",
            "0.0.0.0:1",
            "224.0.0.1:1",
            "10.1.2.3/0:1",
            "255.255.255.255:1",
            "::1",
            "10.1.2.3:²",
        ),
    ],
)
def test_what_is_no_peer_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no BBMD's address; allowed: 192"):
        parse_peer(text)


def test_a_host_is_an_address_or_a_name() -> None:
    assert parse_host("bbmd.example:47809") == ("bbmd.example", 47809)
    assert parse_host("10.1.2.3") == ("10.1.2.3", 47808)
    for text in ("", ":1", "a b:1", "bbmd:0", "a..b", "http://x:1"):
        with pytest.raises(ValueError, match="is no BBMD's address; allowed: 192"):
            parse_host(text)
