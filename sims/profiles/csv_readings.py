"""Readings from CSV: which column is the time, which the load, and what a row's stamp means.

Pure text to readings; order, duplicates, overlaps and gaps are the business of `series`.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sims.points import NS_PER_S, nanoseconds
from sims.profiles.base import LoadError, check_choice
from sims.profiles.series import IntervalSeries, Reading, in_order, lay_out, name_lines, parse_decimal
from sims.profiles.zones import instant

STAMPS: Final = ("start", "end")
"""Which end of its interval the time of a row is."""

_AROUND: Final = 5
"""How many steps on either side tell which one is usual at a place."""

_DELIMITERS: Final = ",;\t"
_MISSING: Final = frozenset(("", "?", "-", "na", "n/a", "nan", "null", "none"))
_EPOCH_SECONDS: Final = re.compile(r"-?\d{9,10}(\.\d+)?", re.ASCII)
Steps: TypeAlias = NDArray[np.int64]

DATES: Final = ("day_first", "month_first")
"""How dates with slashes are read."""

_MOST_MONTHS: Final = 12
_DAY: Final = 86_400 * NS_PER_S
_SLASHED: Final = re.compile(r"(\d\d?)/(\d\d?)/(\d{4})(?:[ T](\d\d?):(\d\d)(?::(\d\d))?)?", re.ASCII)


def parse_csv(
    data: bytes,
    name: str,
    *,
    time: str,
    value: str,
    unit: str,
    stamp: str = "start",
    gaps: str = "hold",
    dates: str | None = None,
    zone: tzinfo = UTC,
) -> IntervalSeries:
    """Return the readings in the columns `time` and `value` [unit] of a CSV file called `name` in messages.

    A row's interval lasts to the next row (or from the one before, where `stamp` is `end`). A step of more
    than one and a half times the usual one is a gap after (before) an interval of the usual length; the usual
    step is the median of the eleven around, so that the length may change within a file. Times that say no
    zone are in `zone`; in the hour that its clock repeats, the order of the rows decides. Times are ISO 8601,
    seconds since 1970, or dates with slashes, the day or the month first as `dates` says: the day where it
    says nothing, which is noted if none of them tells.

    Raises LoadError with the line for whatever cannot be read, a time that the clock left out among it.
    """
    check_choice(stamp, STAMPS, "stamp")
    if dates is not None:
        check_choice(dates, DATES, "dates")
    times = _Times(zone, dates)
    readings, notes = in_order(list(_rows(_decode(data, name), name, time, value, times)), name)
    timed, changes = _with_durations(readings, stamp, name)
    return lay_out(timed, unit=unit, gaps=gaps, name=name, notes=[*times.notes(name), *notes, *changes])


def _decode(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise LoadError("not UTF-8 text", name=name, line=line) from None


def _rows(text: str, name: str, time: str, value: str, times: "_Times") -> Iterator[Reading]:
    """Yield every row as a reading without a duration, its start the stamp of the row."""
    delimiter, header = _header(text, name, (time, value))
    at_time, at_value = header.index(time), header.index(value)
    rows = csv.reader(_lines(text), delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        next(rows)
        for row in rows:
            if any(row):
                _check_width(row, header)
                yield Reading(rows.line_num, times.read(row[at_time]), 0, _load(row[at_value]))
    except (LoadError, csv.Error) as error:
        raise LoadError(str(error), name=name, line=rows.line_num) from None


def _lines(text: str) -> io.StringIO:
    """Return the text line by line, line ends as they are, which is how the csv module wants them."""
    return io.StringIO(text, newline="")


def _check_width(row: Sequence[str], header: Sequence[str]) -> None:
    """Raise LoadError for a row with fields missing, or with more in it than there are columns."""
    if len(row) < len(header) or any(row[len(header) :]):
        raise LoadError(f"{len(row)} fields under a header of {len(header)} columns")


def _header(text: str, name: str, wanted: Sequence[str]) -> tuple[str, list[str]]:
    """Return the delimiter with which the first row has the most columns, and the columns."""
    try:
        delimiter = max(_DELIMITERS, key=lambda one: len(_columns(text, one, strict=False)))
        header = _columns(text, delimiter, strict=True)
    except csv.Error as error:
        raise LoadError(str(error), name=name, line=1) from None
    for column in wanted:
        if (times := header.count(column)) != 1:
            found = "there is no column" if times == 0 else "more than one column is called"
            message = f"{found} {column!r}; the columns are {', '.join(filter(None, header)) or 'none'}"
            raise LoadError(message, name=name, line=1)
    return delimiter, header


def _columns(text: str, delimiter: str, *, strict: bool) -> list[str]:
    """Return the first row; what its quotes do wrong is an error only where that is to be `strict`."""
    rows = csv.reader(_lines(text), delimiter=delimiter, skipinitialspace=True, strict=strict)
    return [column.strip() for column in next(rows, [])]


def _load(text: str) -> Decimal | None:
    text = text.strip()
    return None if text.lower() in _MISSING else parse_decimal(text)


class _Times:
    """Reads the times of one file, row by row; those without a zone are in `zone`."""

    def __init__(self, zone: tzinfo, dates: str | None) -> None:
        self._zone = zone
        self._dates = dates
        self._previous: int | None = None
        self._slashed: str | None = None
        self._day = 0
        self._certain = False

    def read(self, text: str) -> int:
        """Return a time as [ns since 1970 UTC]; one without a zone comes after the row above."""
        text = text.strip()
        if _EPOCH_SECONDS.fullmatch(text):
            self._previous = nanoseconds(Decimal(text))
            return self._previous
        try:
            moment = self._with_slashes(text) if "/" in text else datetime.fromisoformat(text)
        except ValueError:
            order = "month/day" if self._dates == "month_first" else "day/month"
            raise LoadError(
                f"{text!r} is not a time; it can be ISO 8601 (2026-01-31 23:59:00), {order}/year with a time "
                "(1/12/2026 23:59:00; `dates` says which comes first) or seconds since 1970"
            ) from None
        before, self._previous = self._previous, instant(moment, self._zone, self._previous)
        # A new date within a day of the last row: read the other way it would be a month later.
        self._certain |= (
            before is not None and 0 < self._previous - before <= _DAY and moment.day != self._day
        )
        self._day = moment.day
        return self._previous

    def notes(self, name: str) -> list[str]:
        """Return what to note where nothing tells the day from the month."""
        if self._slashed is None or self._dates is not None or self._certain:
            return []
        read = f"{name}: {self._slashed!r} and all other dates are read as day/month/year"
        return [f"{read}; `dates: month_first` reads them the other way, `dates: day_first` confirms it"]

    def _with_slashes(self, text: str) -> datetime:
        """Return a time whose date is written with slashes. Raises ValueError."""
        if not (parts := _SLASHED.fullmatch(text)):
            raise ValueError(text)
        first, second, year, *time = (int(part or 0) for part in parts.groups())
        self._slashed = self._slashed or text
        self._certain = self._certain or first > _MOST_MONTHS
        month, day = (first, second) if self._dates == "month_first" else (second, first)
        hour, minute, seconds = time
        return datetime(year, month, day, hour, minute, seconds, tzinfo=UTC).replace(tzinfo=None)


def _with_durations(readings: Sequence[Reading], stamp: str, name: str) -> tuple[list[Reading], list[str]]:
    """Return ordered rows with the interval that each stands for, and what to note of their lengths."""
    stamps = np.array([reading.start for reading in readings], np.int64)
    steps = stamps[1:] - stamps[:-1]
    if not steps.size:
        raise LoadError("fewer than two rows, so no interval can be told", name=name)
    usual = _usual(steps)
    # The last row, or the first one, has no step of its own: its interval is as long as is usual there.
    end = (0, 1) if stamp == "start" else (1, 0)
    here, beside = np.pad(usual, end, "edge"), np.pad(usual, end[::-1], "edge")
    own = np.pad(steps, end, constant_values=(usual[0], usual[-1]))
    durations = np.where(_longer(own, here), np.minimum(beside, own), own)
    starts = [0] * len(readings) if stamp == "start" else durations.tolist()
    timed = [
        reading._replace(start=reading.start - before, duration=duration)
        for reading, before, duration in zip(readings, starts, durations.tolist(), strict=True)
    ]
    return timed, _changes(readings, here, name)


def _usual(steps: Steps) -> Steps:
    """Return for each step the median of those around it, the lower one of two, shape (len(steps),)."""
    width = min(2 * _AROUND + 1, len(steps))
    middle = (width - 1) // 2
    medians = np.partition(np.lib.stride_tricks.sliding_window_view(steps, width), middle)[:, middle]
    return medians[np.clip(np.arange(len(steps)) - _AROUND, 0, len(medians) - 1)]


def _longer(steps: Steps, usual: Steps) -> NDArray[np.bool_]:
    """Return which steps are more than one and a half times the usual ones."""
    return steps - usual > usual // 2


def _changes(readings: Sequence[Reading], usual: Steps, name: str) -> list[str]:
    """Return a note of the rows from which on the usual interval is another one, if there are any."""
    changed = 1 + np.flatnonzero(_longer(usual[1:], usual[:-1]) | _longer(usual[:-1], usual[1:]))
    if not changed.size:
        return []
    seconds = " to ".join(f"{usual[row] / NS_PER_S:g} s" for row in (changed[0] - 1, changed[0]))
    lines = name_lines([readings[row].line for row in changed.tolist()])
    return [f"{name}: the length of the intervals changes, first from {seconds}: {lines}"]
