"""What a request says of the answer that its asker accepts."""

import pytest

from gateway.bacnet.wire.apdu import longest, too_long
from gateway.bacnet.wire.codes import AbortReason


@pytest.mark.parametrize(
    ("head", "octets", "reason"),
    [
        ("0005", 1476, AbortReason.SEGMENTATION_NOT_SUPPORTED),
        ("0205", 3 + 65_536 * 1471, AbortReason.BUFFER_OVERFLOW),
        ("0275", 3 + 65_536 * 1471, AbortReason.BUFFER_OVERFLOW),
        ("0215", 3 + 2 * 1471, AbortReason.BUFFER_OVERFLOW),
        ("0260", 3 + 64 * 45, AbortReason.BUFFER_OVERFLOW),
    ],
)
def test_the_asker_says_what_it_accepts(head: str, octets: int, reason: AbortReason) -> None:
    request = bytes.fromhex(head) + b"\x07\x0c"
    assert longest(request) == octets
    assert too_long(request, segments=True) == bytes((0x71, 7, reason))
    assert too_long(request, segments=False) == bytes((0x71, 7, AbortReason.SEGMENTATION_NOT_SUPPORTED))
