"""Load shapes as OpenDSS writes them in CSV: multipliers without a header, each for an interval of time.

Pure text to readings; gaps and the arithmetic are the business of `series`.
"""

from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Final

from sims.points import NS_PER_S, nanoseconds
from sims.profiles.base import LoadError, check_power
from sims.profiles.series import IntervalSeries, Reading, lay_out, parse_decimal

_NS_PER_HOUR: Final = 3600 * NS_PER_S
_HOUR_AND_MULTIPLIER: Final = 2
_COMMENT: Final = "!"


def parse_loadshape(data: bytes, name: str, *, base_kw: float, interval_s: float = 0.0) -> IntervalSeries:
    """Return the load shape in a file called `name` in messages, as multiples of `base_kw` [kW].

    Each line is a multiplier for `interval_s` [s], the first one from the beginning on; or, where that is 0,
    an hour and the multiplier that is valid from it to the next one, the last one for as long as that before
    it. Times count from 1970 UTC. A comma or space is between the two, and `!` begins a comment.

    Raises LoadError with the line for whatever cannot be read.
    """
    check_power(base_kw * 1e3, "base_kw")
    if not 0.0 <= interval_s <= 1e9:  # noqa: PLR2004  thirty years
        raise LoadError(f"{interval_s:g} is not a time from 0 s on", key="interval_s")
    rows = list(_rows(data, name, 1 if interval_s else _HOUR_AND_MULTIPLIER))
    base = Decimal(repr(float(base_kw)))
    if interval_s:
        step = nanoseconds(interval_s)
        readings = [Reading(line, n * step, step, row[-1] * base) for n, (line, row) in enumerate(rows)]
    else:
        readings = _by_hours([(line, int(row[0] * _NS_PER_HOUR), row[-1] * base) for line, row in rows], name)
    return lay_out(readings, unit="kW", gaps="fail", name=name)


def _by_hours(rows: list[tuple[int, int, Decimal]], name: str) -> list[Reading]:
    steps = [after[1] - before[1] for before, after in pairwise(rows)]
    if not steps:
        raise LoadError("fewer than two hours, so no interval can be told; interval_s tells it", name=name)
    return [
        Reading(line, start, step, value)
        for (line, start, value), step in zip(rows, [*steps, steps[-1]], strict=True)
    ]


def _rows(data: bytes, name: str, columns: int) -> Iterator[tuple[int, list[Decimal]]]:
    """Yield the number of each line that is not empty, and what stands in its columns."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LoadError("not UTF-8 text", name=name, line=data.count(b"\n", 0, error.start) + 1) from None
    for number, line in enumerate(text.split("\n"), 1):
        fields = line.partition(_COMMENT)[0].replace(",", " ").split()
        if fields and len(fields) != columns:
            wanted = "a multiplier" if columns == 1 else "an hour and a multiplier"
            hint = (
                "; interval_s says that there are no hours"
                if columns == 1
                else "; without hours give interval_s"
            )
            raise LoadError(f"{len(fields)} numbers where {wanted} should be{hint}", name=name, line=number)
        try:
            row = [parse_decimal(field) for field in fields]
        except LoadError as error:
            raise LoadError(error.message, name=name, line=number) from None
        if row:
            yield number, row
