"""Series of measured intervals: exact energy, order, duplicates, overlaps and gaps."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sims.points import NS_PER_S
from sims.profiles import LoadError
from sims.profiles.series import Reading, in_order, lay_out, parse_decimal

UNITS = st.sampled_from(("W", "kW", "Wh", "kWh"))


def _reading(line: int, start: float, value: str | None, duration: float = 60) -> Reading:
    exact = None if value is None else Decimal(value)
    return Reading(line, int(start * NS_PER_S), int(duration * NS_PER_S), exact)


@given(
    unit=UNITS,
    values=st.lists(st.decimals(-20, 20, places=12), min_size=1, max_size=20),
    seconds=st.integers(1, 86_400),
)
def test_every_sum_is_right_to_half_a_microjoule(unit: str, values: list[Decimal], seconds: int) -> None:
    readings = [_reading(n, n * seconds, str(value), seconds) for n, value in enumerate(values)]
    series = lay_out(readings, unit=unit, gaps="fail", name="x")
    span = 3600 if unit.endswith("h") else seconds
    scale = 10**9 if unit.startswith("k") else 10**6
    exact = Fraction(0)
    for value, registered in zip(values, series.energy.cumsum().tolist(), strict=True):
        exact += Fraction(value) * scale * span
        assert abs(registered - exact) <= Fraction(1, 2)


def test_decimals_are_never_rounded_as_floats() -> None:
    readings = [_reading(n, 60 * n, "0.1") for n in range(30)]
    assert lay_out(readings, unit="kW", gaps="fail", name="x").energy.tolist() == [6_000_000_000] * 30


def test_readings_are_put_in_order_and_the_lines_that_were_not_are_named() -> None:
    readings = [_reading(2, 60, "1"), _reading(3, 0, "2"), _reading(4, 120, "3")]
    ordered, notes = in_order(readings, "x.csv")
    assert [reading.line for reading in ordered] == [3, 2, 4]
    assert notes == ["x.csv: earlier than the reading above, now in order: line 3"]


def test_exact_duplicates_are_left_out_and_named() -> None:
    readings = [_reading(line, 60 * (line // 2), "1") for line in range(2, 18)]
    ordered, notes = in_order(readings, "x.csv")
    assert [reading.line for reading in ordered] == [2, 4, 6, 8, 10, 12, 14, 16]
    assert notes == ["x.csv: repeats another reading, left out: lines 3, 5, 7, 9, 11 and 3 more"]


def test_duplicates_that_differ_are_an_error_at_the_second_one() -> None:
    with pytest.raises(LoadError, match=r"x\.csv:3: another reading for the time of line 2, and it differs"):
        in_order([_reading(2, 0, "1"), _reading(3, 0, "2")], "x.csv")


def test_overlaps_are_an_error_at_the_later_one() -> None:
    with pytest.raises(LoadError, match=r"x\.xml:3: begins before the interval of line 2 has ended"):
        lay_out([_reading(2, 0, "1"), _reading(3, 59, "1")], unit="W", gaps="zero", name="x.xml")


@pytest.mark.parametrize(("gaps", "filled"), [("hold", 60_000_000), ("zero", 0)])
def test_gaps_between_readings_are_filled_by_policy_and_named(gaps: str, filled: int) -> None:
    series = lay_out([_reading(2, 0, "2", 30), _reading(3, 60, "1")], unit="W", gaps=gaps, name="x")
    assert (series.edges / NS_PER_S).tolist() == [0, 30, 60, 120]
    assert series.energy.tolist() == [60_000_000, filled, 60_000_000]
    assert series.notes == (f"x: 30 s without a reading, filled by gaps: {gaps}: line 3",)


def test_missing_values_are_gaps_too_at_the_end_as_well_and_at_the_start_there_is_nothing_to_hold() -> None:
    readings = [
        _reading(line, 60 * line, value) for line, value in enumerate((None, "1", None, None, "2", None))
    ]
    series = lay_out(readings, unit="W", gaps="hold", name="x")
    assert (series.edges / NS_PER_S).tolist() == [0, 60, 120, 240, 300, 360]
    assert (series.energy / 60_000_000).tolist() == [0, 1, 2, 2, 2]
    assert series.notes == ("x: 240 s without a reading, filled by gaps: hold: lines 1, 4, 5",)


def test_a_gap_is_an_error_where_gaps_fail() -> None:
    with pytest.raises(LoadError, match=r"x:3: 30 s without a reading, .* hold or zero"):
        lay_out([_reading(2, 0, "2", 30), _reading(3, 60, "1")], unit="W", gaps="fail", name="x")


@pytest.mark.parametrize(
    ("reading", "words"),
    [
        (_reading(2, 0, "1", 0), "an interval without duration"),
        (_reading(2, 1e10, "1"), "a time before 1824 or after 2116"),
        (_reading(2, 0, "1e9"), "a load of more than 100000 kW"),
    ],
)
def test_what_no_meter_could_have_measured_is_refused(reading: Reading, words: str) -> None:
    with pytest.raises(LoadError, match=f"x:2: {words}"):
        lay_out([reading], unit="W", gaps="hold", name="x")


def test_a_gap_of_a_lifetime_is_not_held() -> None:
    with pytest.raises(LoadError, match="x:2: the gap after this reading is too long to hold it"):
        lay_out([_reading(2, 0, "1e8"), _reading(3, 4e9, "1")], unit="W", gaps="hold", name="x")


def test_a_file_of_missing_values_alone_has_no_readings() -> None:
    with pytest.raises(LoadError, match="x: there are no readings"):
        lay_out([_reading(2, 0, None)], unit="W", gaps="hold", name="x")


@pytest.mark.parametrize(
    "text", ["", "x", "1,5", "1_000", "0x10", "nan", "inf", "1e99999", "1e-999", "٣", "1" * 30]
)
def test_anything_but_a_decimal_number_is_refused(text: str) -> None:
    with pytest.raises(LoadError, match="is not a number"):
        parse_decimal(text)


@pytest.mark.parametrize("text", ["0", "-0.0", "+1.5", ".5", "5.", "1e3", "1.234567890123456789"])
def test_decimal_numbers_are_read_exactly(text: str) -> None:
    assert parse_decimal(text) == Decimal(text)
