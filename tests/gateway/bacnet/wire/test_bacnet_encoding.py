"""Values and tags, byte by byte (examples of clause 20.2 among them)."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.bacnet.wire import encoding as enc
from gateway.bacnet.wire.codes import RejectReason
from gateway.bacnet.wire.encoding import Reader, RejectError


@pytest.mark.parametrize(
    ("encoded", "octets"),
    [
        (enc.boolean(True), "11"),
        (enc.boolean(False), "10"),
        (enc.unsigned(72), "2148"),
        (enc.unsigned(0), "2100"),
        (enc.unsigned(2**32 - 1), "24ffffffff"),
        (enc.signed(72), "3148"),
        (enc.signed(-1), "31ff"),
        (enc.signed(128), "320080"),
        (enc.real_content(72.0), "42900000"),
        (enc.character_string("This is a BACnet string!"), "7519 00" + b"This is a BACnet string!".hex()),
        (enc.bit_string(5, (0, 2, 4)), "8203a8"),
        (enc.bit_string(4, ()), "820400"),
        (enc.enumerated(0), "9100"),
        (enc.enumerated(371), "920173"),
        (enc.object_identifier(enc.object_number(3, 15)), "c400c0000f"),
        (enc.context(2, b"\x01"), "2901"),
        (enc.context(2, bytes(6)), "2d06" + "00" * 6),
        (enc.context(20, b"\x01"), "f91401"),
        (enc.character_string("x" * 300), "75fe012d00" + "78" * 300),
        (enc.constructed(5, b"\x91\x01"), "5e91015f"),
    ],
)
def test_a_value_is_encoded_as_the_standard_says(encoded: bytes, octets: str) -> None:
    assert encoded == bytes.fromhex(octets)


@given(st.integers(0, 14), st.binary(max_size=700))
def test_a_context_tag_is_read_back(number: int, octets: bytes) -> None:
    reader = Reader(enc.context(number, octets))
    assert reader.context(number) == octets
    assert not reader.more()


@given(st.binary(max_size=40))
def test_whatever_is_read_ends_or_is_refused(octets: bytes) -> None:
    reader = Reader(octets)
    with contextlib.suppress(RejectError):
        while reader.more():
            reader.constructed(3)


def test_a_closing_tag_inside_does_not_end_the_outer_level() -> None:
    inner = enc.constructed(3, b"\x11")
    reader = Reader(enc.constructed(3, inner) + b"\x39\x10")
    assert reader.constructed(3) == inner
    assert reader.context(3) == b"\x10"


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        ("", RejectReason.MISSING_REQUIRED_PARAMETER),
        ("0c0000", RejectReason.MISSING_REQUIRED_PARAMETER),
        ("1c00000001", RejectReason.INVALID_TAG),
        ("0e", RejectReason.INVALID_TAG),
        ("c400000001", RejectReason.INVALID_TAG),
    ],
)
def test_a_parameter_that_is_not_there_is_refused_with_its_reason(octets: str, reason: RejectReason) -> None:
    with pytest.raises(RejectError) as refusal:
        Reader(bytes.fromhex(octets)).context(0)
    assert refusal.value.reason is reason


def test_text_is_read_in_the_character_sets_of_the_standard() -> None:
    assert enc.read_text(b"\x00Z\xc3\xa4hler") == "Zähler"
    assert enc.read_text(b"\x04\x00Z") == "Z"
    assert enc.read_text(b"\x05Z\xe4hler") == "Zähler"
    assert enc.read_text(b"\x00\xff") is None
    assert enc.read_text(b"\x01\x00") is None
