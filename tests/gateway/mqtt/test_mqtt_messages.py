import pytest

from gateway.mqtt.messages import Message, publish_packet


@pytest.mark.parametrize(
    ("size", "head"),
    [(0, "3103"), (124, "317f"), (125, "318001"), (16_380, "31ff7f"), (16_381, "31808001")],
)
def test_a_packet_has_the_length_of_the_standard_in_sevens_of_bits(size: int, head: str) -> None:
    assert publish_packet(Message("t", bytes(size))) == bytes.fromhex(head) + b"\x00\x01t" + bytes(size)
    assert publish_packet(Message("t", bytes(size), retain=False))[0] == 0x30
