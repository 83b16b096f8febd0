"""Load shapes of OpenDSS: multipliers at a fixed interval, or each with its hour."""

import pytest

from sims.points import NS_PER_S
from sims.profiles import LoadError, Replay, parse_loadshape
from tests.sims.profiles.conftest import Play


def test_a_column_of_multipliers_has_the_interval_that_is_given(play: Play) -> None:
    series = parse_loadshape(b"0.5\n1.0\r\n\n0.25 ! comment\n", "x", base_kw=10.0, interval_s=900.0)
    assert (series.edges / NS_PER_S).tolist() == [0, 900, 1800, 2700]
    assert series.energy.tolist() == [4_500_000_000_000, 9_000_000_000_000, 2_250_000_000_000]
    assert play([Replay(series)], 2700) == [15_750_000_000_000]


@pytest.mark.parametrize(
    "text", [b"0, 0.5\n1.5, 1\n2, 0", b"0 0.5\n1.5\t1\n2 0\n", b"0,0.5\r\n1.5,1\r\n2,0\r\n"]
)
def test_a_multiplier_with_an_hour_is_valid_to_the_next_hour(text: bytes) -> None:
    series = parse_loadshape(text, "x", base_kw=2.0)
    assert (series.edges / NS_PER_S).tolist() == [0, 5400, 7200, 9000]
    assert series.energy.tolist() == [5_400_000_000_000, 3_600_000_000_000, 0]


@pytest.mark.parametrize(
    ("text", "interval_s", "words"),
    [
        (b"", 60.0, r"x: there are no readings"),
        (b"1\n1,2\n", 60.0, r"x:2: 2 numbers where a multiplier should be"),
        (b"1\n2\n", 0.0, r"x:1: 1 numbers where an hour and a multiplier should be"),
        (b"1\nhour\n", 60.0, r"x:2: 'hour' is not a number"),
        (b"0,1\n", 0.0, r"x: fewer than two hours"),
        (b"0,1\n2,1\n1,1\n", 0.0, r"x:2: an interval without duration"),
        (b"1\n\xff\n", 60.0, r"x:2: not UTF-8 text"),
        (b"1\n1e9\n", 60.0, r"x:2: a load of more than"),
        (b"1\n", -1.0, r"interval_s: "),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(text: bytes, interval_s: float, words: str) -> None:
    with pytest.raises(LoadError, match=words):
        parse_loadshape(text, "x", base_kw=10.0, interval_s=interval_s)
