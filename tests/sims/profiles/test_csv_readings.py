"""Readings from CSV: columns, stamps, times and numbers as people's loggers write them."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sims.points import NS_PER_S
from sims.profiles import IntervalSeries, LoadError, Replay, parse_csv
from tests.sims.profiles.conftest import Play

UCI = "03_uci_household_1min_20070201-02.csv"
KWH = 3_600_000_000_000


def _parse(text: str, **settings: Any) -> IntervalSeries:
    return parse_csv(text.encode(), "x.csv", **({"time": "t", "value": "p", "unit": "W"} | settings))


def _rows(*rows: str) -> str:
    return "\n".join(("t,p", *rows)) + "\n"


def _seconds(series: IntervalSeries) -> list[float]:
    return [float(edge - series.edges[0]) / NS_PER_S for edge in series.edges]


@pytest.mark.parametrize("column", ["NewDateTime", "DateTime"])
def test_the_household_has_2880_minutes_of_58_208_kwh_and_registers_them(
    data: Path, play: Play, column: str
) -> None:
    content = (data / UCI).read_bytes()
    series = parse_csv(content, UCI, time=column, value="Global_active_power", unit="kW", gaps="fail")
    assert len(series.energy) == 2880
    assert series.notes == ()
    assert series.edges[0] == 1_170_288_000 * NS_PER_S
    assert series.energy.sum() / KWH == pytest.approx(58.208, abs=5e-4)
    assert play([Replay(series, end="zero")], 3 * 86_400, ["series-1000-1p2w-277"]) == [series.energy.sum()]


@pytest.mark.parametrize(
    ("unit", "joules"), [("W", 2 * 60), ("kW", 2000 * 60), ("Wh", 2 * 3600), ("kWh", 2000 * 3600)]
)
def test_each_unit_has_its_size(unit: str, joules: int) -> None:
    series = _parse(_rows("2026-01-05 00:00,2", "2026-01-05 00:01,0"), unit=unit)
    assert series.energy.tolist() == [joules * 1_000_000, 0]


def test_a_stamp_is_where_the_interval_starts_or_where_it_ends() -> None:
    text = _rows("2026-01-05 00:15,1", "2026-01-05 00:30,2", "2026-01-05 00:45,3")
    starts, ends = _parse(text, stamp="start"), _parse(text, stamp="end")
    assert starts.energy.tolist() == ends.energy.tolist()
    assert (starts.edges - ends.edges).tolist() == [900 * NS_PER_S] * 4


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("2026-01-31 23:59:00", "2026-02-01 00:00:00"),
        ("2026-01-31T23:59:00Z", "2026-02-01T00:00:00Z"),
        ("2026-02-01T01:59:00+02:00", "2026-02-01T02:00:00+02:00"),
        ("31/1/2026 23:59:00", "1/2/2026 00:00:00"),
        ("31/01/2026 23:59", "01/02/2026 0:00"),
        ("1769903940", "1769904000"),
        ("1769903940.0", "1769904000.0"),
    ],
)
def test_times_come_as_iso_8601_day_first_or_seconds(first: str, second: str) -> None:
    series = _parse(_rows(f"{first},1", f"{second},1"))
    assert series.edges[0] == 1_769_903_940 * NS_PER_S
    assert _seconds(series) == [0, 60, 120]


def test_a_step_longer_than_the_others_is_a_gap_after_a_start_and_before_an_end() -> None:
    text = _rows(*(f"2026-01-05 00:0{minute},{minute}" for minute in (0, 1, 2, 5, 6)))
    starts = _parse(text, stamp="start", gaps="hold")
    assert _seconds(starts) == [0, 60, 120, 180, 300, 360, 420]
    assert (starts.energy / 60e6).tolist() == [0, 1, 2, 4, 5, 6]
    ends = _parse(text, stamp="end", gaps="zero")
    assert _seconds(ends) == [0, 60, 120, 180, 300, 360, 420]
    assert (ends.energy / 60e6).tolist() == [0, 1, 2, 0, 5, 6]
    assert ends.notes == ("x.csv: 120 s without a reading, filled by gaps: zero: line 5",)
    with pytest.raises(LoadError, match=r"x\.csv:5: 120 s without a reading"):
        _parse(text, gaps="fail")


def _stamps(*runs: tuple[int, int]) -> list[int]:
    """Return the times of rows [s]: so many steps of so many seconds, run after run."""
    steps = [step for count, step in runs for _ in range(count)]
    return [1_769_900_000 + sum(steps[:n]) for n in range(len(steps) + 1)]


@pytest.mark.parametrize("stamp", ["start", "end"])
@pytest.mark.parametrize("unit", ["kW", "kWh"])
@pytest.mark.parametrize(
    "runs",
    [
        [(96, 900), (600, 300)],
        [(600, 300), (96, 900)],
        [(24, 3600), (10, 1800)],
        [(6, 1800), (6, 3600), (6, 1800)],
        [(30, 60), (30, 3600), (30, 900)],
    ],
)
def test_the_length_of_the_intervals_may_change_within_a_file_and_its_energy_stays(
    play: Play, runs: list[tuple[int, int]], unit: str, stamp: str
) -> None:
    stamps = _stamps(*runs)
    rows = [f"{second},{n % 7}.{n % 10}" for n, second in enumerate(stamps)]
    series = _parse(_rows(*rows), unit=unit, stamp=stamp, gaps="fail")
    steps = [after - before for before, after in pairwise(stamps)]
    lengths = [*steps, steps[-1]] if stamp == "start" else [steps[0], *steps]
    assert (np.diff(series.edges) // NS_PER_S).tolist() == lengths
    tenths = [10 * (n % 7) + n % 10 for n in range(len(stamps))]
    per_tenth = [100_000_000 * length if unit == "kW" else KWH // 10 for length in lengths]
    expected = sum(value * energy for value, energy in zip(tenths, per_tenth, strict=True))
    assert int(series.energy.sum()) == expected
    assert play([Replay(series, end="zero")], sum(lengths) + 60) == [expected]
    (note,) = series.notes
    first = runs[0][0] + (2 if stamp == "start" else 3)
    assert note.startswith(
        f"x.csv: the length of the intervals changes, first from {runs[0][1]} s to {runs[1][1]} s: line"
    )
    assert f" {first}" in note


@pytest.mark.parametrize(
    ("stamp", "runs", "lengths"),
    [
        ("start", [(12, 3600), (1, 86_400), (12, 1800)], [3600] * 13 + [82_800] + [1800] * 12),
        ("start", [(12, 1800), (1, 86_400), (12, 3600)], [1800] * 13 + [84_600] + [3600] * 12),
        ("end", [(12, 3600), (1, 86_400), (12, 1800)], [3600] * 13 + [84_600] + [1800] * 13),
        ("end", [(12, 1800), (1, 86_400), (12, 3600)], [1800] * 13 + [82_800] + [3600] * 13),
    ],
)
def test_a_gap_where_the_length_changes_lies_beside_an_interval_of_its_own_run(
    stamp: str, runs: list[tuple[int, int]], lengths: list[int]
) -> None:
    series = _parse(_rows(*(f"{second},1" for second in _stamps(*runs))), stamp=stamp, gaps="zero")
    assert (np.diff(series.edges) // NS_PER_S).tolist()[: len(lengths)] == lengths
    assert len(series.notes) == 2


def test_a_gap_of_centuries_is_a_gap() -> None:
    rows = _rows(*(f"{year}-01-01T0{hour}:00Z,1" for year in (1830, 2110) for hour in (0, 1)))
    with pytest.raises(LoadError, match=r"x\.csv:4: .* s without a reading"):
        _parse(rows, gaps="fail")


def test_a_few_longer_steps_are_gaps_and_not_another_length() -> None:
    series = _parse(_rows(*(f"{second},1" for second in _stamps((12, 60), (4, 120), (12, 60)))), gaps="zero")
    assert series.notes == ("x.csv: 240 s without a reading, filled by gaps: zero: lines 15, 16, 17, 18",)
    assert int(series.energy.sum()) == 29 * 60_000_000


def test_a_logger_that_is_a_little_late_leaves_no_gap_and_loses_no_energy() -> None:
    text = _rows("1769900000,1", "1769900060,2", "1769900121,3", "1769900180,4", "1769900240,5")
    series = _parse(text, unit="Wh", gaps="fail")
    assert _seconds(series) == [0, 60, 121, 180, 240, 300]
    assert series.energy.tolist() == [watt_hours * 3_600_000_000 for watt_hours in (1, 2, 3, 4, 5)]


def test_missing_values_as_the_household_data_write_them_are_gaps() -> None:
    missing = ("?", "", "NA", "nan", '""')
    rows = [f"{1_769_900_000 + 60 * n},{text}" for n, text in enumerate(("1", *missing, "2"))]
    assert _parse(_rows(*rows), gaps="hold").energy.tolist() == [60_000_000, 300_000_000, 120_000_000]
    assert _parse(_rows(*rows), gaps="zero").energy.tolist() == [60_000_000, 0, 120_000_000]


@pytest.mark.parametrize(
    "text",
    [
        "t;p;other\n2026-01-05 00:00;1;a,b\n2026-01-05 00:01;2;\n",
        "t\tp\n2026-01-05 00:00\t1\n2026-01-05 00:01\t2\n",
        '\ufeff"t","p"\r\n"2026-01-05 00:00","1"\r\n"2026-01-05 00:01","2"\r\n',
        '"p","note","t"\n1,"two\nlines",2026-01-05 00:00\n2,"a ""word""",2026-01-05 00:01\n',
        "t, p\n2026-01-05 00:00, 1\n\n2026-01-05 00:01, 2,\n",
    ],
)
def test_delimiters_quotes_and_byte_order_marks_are_understood(text: str) -> None:
    assert _parse(text).energy.tolist() == [60_000_000, 120_000_000]


def test_duplicates_and_disorder_are_reported_with_their_lines() -> None:
    text = _rows("1769900060,2", "1769900000,1", "1769900060,2", "1769900120,3")
    series = _parse(text)
    assert series.energy.tolist() == [60_000_000, 120_000_000, 180_000_000]
    assert series.notes == (
        "x.csv: earlier than the reading above, now in order: line 3",
        "x.csv: repeats another reading, left out: line 4",
    )


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "there is no column 't'; the columns are none"),
        ("a,b\n1,2\n", 1, "there is no column 't'; the columns are a, b"),
        ("t,p,p\n", 1, "more than one column is called 'p'"),
        (_rows("2026-01-05 00:00,1"), 0, "fewer than two rows"),
        (_rows("2026-01-05 00:00,1", "2026-01-05 00:01"), 3, "1 fields under a header of 2 columns"),
        (_rows("2026-01-05 00:00,1,5"), 2, "3 fields under a header of 2 columns"),
        ("t;p\n2026-01-05 00:00;1,5\n", 2, "'1,5' is not a number; write a decimal point, not a comma"),
        (_rows("2026-01-05 00:00,one"), 2, "'one' is not a number"),
        (_rows("yesterday,1"), 2, "'yesterday' is not a time; it can be ISO 8601"),
        (_rows("1/13/2026 00:00:00,1"), 2, "day/month/year"),
        (_rows("2026-01-05 00:00,1", "2026-01-05 00:00,2"), 3, "another reading for the time of line 2"),
        (_rows('2026-01-05 00:00,"1'), 2, "unexpected end of data"),
        ('t,p,"a"b\n', 1, "',' expected"),
        (_rows("0001-01-01,1", "0001-01-02,1"), 2, "a time before 1824 or after 2116"),
    ],
)
def test_what_cannot_be_read_is_an_error_with_its_line(text: str, line: int, words: str) -> None:
    with pytest.raises(LoadError) as refusal:
        _parse(text)
    assert words in refusal.value.message
    assert refusal.value.line == line
    assert refusal.value.name == "x.csv"


def test_bytes_that_are_not_text_are_an_error_with_their_line() -> None:
    with pytest.raises(LoadError, match=r"x\.csv:2: not UTF-8 text"):
        parse_csv(b"t,p\n\xff,1\n", "x.csv", time="t", value="p", unit="W")


@pytest.mark.parametrize(("key", "value"), [("unit", "MW"), ("stamp", "middle"), ("gaps", "guess")])
def test_unknown_settings_are_refused_with_their_key(key: str, value: str) -> None:
    with pytest.raises(LoadError) as refusal:
        _parse(_rows("1769900000,1", "1769900060,2"), **{key: value})
    assert refusal.value.key == key


def test_a_quote_that_never_ends_is_told_with_its_line() -> None:
    with pytest.raises(LoadError, match="unexpected end of data") as caught:
        parse_csv(b'"when,kwh\n2026-01-05T00:00,1\n', "a.csv", time="when", value="kwh", unit="kWh")
    assert (caught.value.name, caught.value.line) == ("a.csv", 1)


@pytest.mark.parametrize(
    ("rows", "dates", "noted"),
    [
        (("1/2/2026 00:00", "1/2/2026 01:00"), None, True),
        (("1/2/2026 23:00", "2/2/2026 00:00"), None, False),
        (("1/2/2026 23:00", "1/3/2026 00:00"), None, True),
        (("13/2/2026 00:00", "13/2/2026 01:00"), None, False),
        (("1/2/2026 00:00", "1/2/2026 01:00"), "day_first", False),
        (("1/2/2026 00:00", "1/2/2026 01:00"), "month_first", False),
        (("2026-01-02 00:00", "2026-01-02 01:00"), None, False),
    ],
)
def test_dates_that_nothing_tells_from_each_other_are_noted(
    rows: tuple[str, ...], dates: str | None, *, noted: bool
) -> None:
    text = "time,load\n" + "".join(f"{row},1\n" for row in rows)
    series = parse_csv(text.encode(), "a.csv", time="time", value="load", unit="kW", dates=dates)
    assert any("are read as day/month/year" in note for note in series.notes) is noted


def test_dates_are_read_with_the_month_first_where_the_file_has_it_so() -> None:
    text = b"time,load\n1/13/2026 00:00,1\n1/13/2026 01:00,2\n"
    series = parse_csv(text, "a.csv", time="time", value="load", unit="kW", dates="month_first")
    assert series.edges[0] == 1_768_262_400 * NS_PER_S  # 13 January
    with pytest.raises(LoadError, match=r"a.csv:2: '13/1/2026 00:00' is not a time; .* month/day/year"):
        parse_csv(
            b"time,load\n13/1/2026 00:00,1\n",
            "a.csv",
            time="time",
            value="load",
            unit="kW",
            dates="month_first",
        )


def test_names_of_columns_are_taken_without_the_blanks_around_them() -> None:
    text = b" time , load \n2026-01-05 00:00,1\n2026-01-05 01:00,2\n"
    assert parse_csv(text, "a.csv", time="time", value="load", unit="kW").notes == ()
