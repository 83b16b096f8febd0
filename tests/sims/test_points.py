"""The one conversion that the vocabulary offers."""

from decimal import Decimal

import pytest

from sims.points import nanoseconds


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, 0),
        (1.1, 1_100_000_000),
        (0.29, 290_000_000),
        (1e-9, 1),
        (315_360_000.123456, 315_360_000_123_456_000),
        (Decimal("1767571200.123456789"), 1_767_571_200_123_456_789),
        (Decimal("-0.0000000016"), -2),
    ],
)
def test_seconds_are_taken_as_they_are_written_to_the_nearest_nanosecond(
    seconds: float | Decimal, expected: int
) -> None:
    assert nanoseconds(seconds) == expected
