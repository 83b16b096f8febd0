"""Measured intervals, one after the other and exact to the microjoule: what a file of readings comes to.

Order, duplicates, overlaps, gaps and the arithmetic are dealt with here, for every format. What a format
looks like is not known here, and how a series is played is the business of `replay`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sims.points import NS_PER_S
from sims.profiles.base import GREATEST_W, LoadError, check_choice

GAPS: Final = ("hold", "zero", "fail")
"""What fills the time that no reading covers: the load before it, nothing, or an error."""

MICRO_PER_UNIT: Final = {"W": 10**6, "kW": 10**9, "Wh": 3600 * 10**6, "kWh": 3600 * 10**9}
"""Microwatts or microjoules in one unit of a reading."""

_POWERS: Final = ("W", "kW")
_GREATEST_UW: Final = int(GREATEST_W) * 10**6
_LATEST: Final = 2**62
_NAMED: Final = 5
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_LONGEST_NUMBER: Final = 25
_DIGITS: Final = range(-25, 20)


class Reading(NamedTuple):
    """One reading at `line` of a file: start [ns since 1970 UTC], duration [ns], value; None if missing."""

    line: int
    start: int
    duration: int
    value: Decimal | None

    @property
    def end(self) -> int:
        """Where the interval ends [ns since 1970 UTC]."""
        return self.start + self.duration


@dataclass(frozen=True, slots=True, eq=False)
class IntervalSeries:
    """Intervals without a gap between them.

    `edges` are the starts of the n intervals and the end of the last one [ns since 1970 UTC], shape
    (n + 1,); `energy` is what each delivers [uJ], shape (n,). `notes` say what was mended on the way, with
    line numbers.
    """

    name: str
    edges: NDArray[np.int64]
    energy: NDArray[np.int64]
    notes: tuple[str, ...] = ()


def parse_decimal(text: str) -> Decimal:
    """Return the number in `text`, exactly. Raises LoadError for anything but a finite decimal number."""
    if len(text) <= _LONGEST_NUMBER and _NUMBER.fullmatch(text):
        value = Decimal(text)
        if value.adjusted() in _DIGITS:
            return value
    hint = "; write a decimal point, not a comma" if "," in text else ""
    raise LoadError(f"{text[:40]!r} is not a number{hint}")


def in_order(readings: Sequence[Reading], name: str) -> tuple[list[Reading], list[str]]:
    """Return the readings in the order of time, each once, and notes on what had to be mended.

    Raises LoadError where two readings of one time differ, and for times that no series can have.
    """
    _check_range(readings, name)
    notes = []
    if early := [after.line for before, after in pairwise(readings) if after.start < before.start]:
        notes.append(f"{name}: earlier than the reading above, now in order: {name_lines(early)}")
    once: list[Reading] = []
    repeated = []
    for reading in sorted(readings, key=lambda reading: reading.start):
        if not once or reading.start > once[-1].start:
            once.append(reading)
        elif reading[2:] == once[-1][2:]:
            repeated.append(reading.line)
        else:
            message = f"another reading for the time of line {once[-1].line}, and it differs"
            raise LoadError(message, name=name, line=reading.line)
    if repeated:
        notes.append(f"{name}: repeats another reading, left out: {name_lines(repeated)}")
    return once, notes


def lay_out(
    readings: Sequence[Reading], *, unit: str, gaps: str, name: str, notes: Sequence[str] = ()
) -> IntervalSeries:
    """Return ordered readings [unit] as a series without gaps.

    Energy is rounded to the microjoule so that the sum up to any reading is right to half of one.

    Raises LoadError for overlaps, for a load that no service carries, for gaps if `gaps` is `fail`, and where
    there are no readings.
    """
    check_choice(unit, tuple(MICRO_PER_UNIT), "unit")
    check_choice(gaps, GAPS, "gaps")
    known = [reading for reading in readings if reading.value is not None]
    if not known:
        raise LoadError("there are no readings", name=name)
    _check_times(readings, name)
    energy = np.array(_microjoules(known, unit, name), np.int64)
    # Gap number k is before known reading number k, the last one after them all; most are empty.
    begins = np.array([readings[0].start, *(reading.end for reading in known)], np.int64)
    ends = np.array([*(reading.start for reading in known), readings[-1].end], np.int64)
    at = np.flatnonzero(ends > begins)
    lengths = dict(zip(at.tolist(), (ends - begins)[at].tolist(), strict=True))
    if lengths:
        lines = [(*known, readings[-1])[gap].line for gap in lengths]
        notes = [*notes, _gap_note(lines, sum(lengths.values()), gaps, name)]
    filling = [0] * len(lengths) if gaps == "zero" else _held(known, energy, lengths, name)
    edges = np.insert(ends, at, begins[at])
    return IntervalSeries(name, edges, np.insert(energy, at, filling), tuple(notes))


def _check_range(readings: Sequence[Reading], name: str) -> None:
    for reading in readings:
        if max(abs(reading.start), abs(reading.end)) >= _LATEST:
            raise LoadError("a time before 1824 or after 2116", name=name, line=reading.line)


def _check_times(readings: Sequence[Reading], name: str) -> None:
    _check_range(readings, name)
    for reading in readings:
        if reading.duration <= 0:
            raise LoadError("an interval without duration", name=name, line=reading.line)
    for before, after in pairwise(readings):
        if after.start < before.end:
            message = f"begins before the interval of line {before.line} has ended"
            raise LoadError(message, name=name, line=after.line)


def _microjoules(known: Sequence[Reading], unit: str, name: str) -> list[int]:
    """Return the energy of each reading [uJ]: differences of the exact running sum, rounded."""
    values = [reading.value or Decimal(0) for reading in known]
    places = max(0, *(-int(value.as_tuple().exponent) for value in values))
    factor, divisor = MICRO_PER_UNIT[unit], 10**places
    if unit in _POWERS:
        divisor *= NS_PER_S
    energy, exact, rounded = [], 0, 0
    for reading, value in zip(known, values, strict=True):
        exact += int(value.scaleb(places)) * factor * (reading.duration if unit in _POWERS else 1)
        before, rounded = rounded, (2 * exact + divisor) // (2 * divisor)
        energy.append(rounded - before)
        if abs(energy[-1]) * NS_PER_S > _GREATEST_UW * reading.duration or abs(energy[-1]) >= _LATEST:
            raise LoadError(f"a load of more than {GREATEST_W / 1e3:g} kW", name=name, line=reading.line)
    return energy


def _held(
    known: Sequence[Reading], energy: NDArray[np.int64], gaps: Mapping[int, int], name: str
) -> list[int]:
    """Return what is drawn in each of `gaps` [uJ], by number and length [ns], while the load before holds.

    Nothing where there is none before. `energy` is what was drawn in each of the `known` readings.
    """
    held = []
    for gap, length in gaps.items():
        before = known[gap - 1]
        held.append(int(energy[gap - 1]) * length // before.duration if gap else 0)
        if abs(held[-1]) >= _LATEST:
            message = "the gap after this reading is too long to hold it"
            raise LoadError(message, name=name, line=before.line)
    return held


def _gap_note(lines: Sequence[int], duration: int, gaps: str, name: str) -> str:
    missing = f"{duration / NS_PER_S:g} s without a reading"
    if gaps == "fail":
        raise LoadError(
            f"{missing}, the first before this line; gaps: hold or zero fills them", name=name, line=lines[0]
        )
    return f"{name}: {missing}, filled by gaps: {gaps}: {name_lines(lines)}"


def name_lines(lines: Sequence[int]) -> str:
    """Return the lines of a file in words, the first few of them."""
    lines = sorted(set(lines))
    named = ", ".join(map(str, lines[:_NAMED]))
    more = f" and {len(lines) - _NAMED} more" if len(lines) > _NAMED else ""
    return f"{'line' if len(lines) == 1 else 'lines'} {named}{more}"
