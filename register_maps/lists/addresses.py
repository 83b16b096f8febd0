"""What the numbers of registers in a list mean: zero-based addresses, or the traditional ones like 40001.

The digit of a traditional number says the table.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from register_maps.errors import Problem
from register_maps.lists.words import Row, is_bit, is_hexadecimal, table_of

_FIRST: Final = {
    "holding": (40_001, 400_001),
    "input": (30_001, 300_001),
    "discrete": (10_001, 100_001),
    "coil": (1, 1),
}
"""The numbers that traditional lists give to the first one of each table, with five digits and with six."""

_FIVE_DIGITS: Final = 9_999
_SIX_DIGITS: Final = 65_536
_SHORT: Final = 10_000
_DIGITS: Final = 5
"""Traditional numbers have at least five digits; coils are told by the 0 in front."""

_RANGE: Final = re.compile(r"(.+?)\s*(?:-|–|\.\.|to)\s*(.+)")  # noqa: RUF001  the dash that Excel makes
_ADDRESSES: Final = (
    "a whole number, decimal or hexadecimal (0x10, 10h), from 0 or as 40001, 30001, 10001, 00001, 400001 …, "
    "or the first and the last one of a value (40001-40002)"
)
_ALIKE: Final = "all numbers of one kind; --base 0 says that they are zero-based"


def with_table(
    rows: Sequence[tuple[int, Row]], base: int | None, problems: list[Problem]
) -> Iterator[tuple[int, Row]]:
    """Yield the lines with zero-based addresses; the digit of a traditional number says the table.

    A list is one of traditional numbers where all its decimal addresses are such; 40000 is none of them. One
    that has both such numbers and short ones says not what it means.
    """
    found = list(_numbered(rows, problems))
    decimal = [one for one in found if not is_hexadecimal(one[1]["address"])]
    places = {line: _place(number, row) for line, row, number in decimal}
    told = base is None and any(places[line] and len(row["address"]) >= _DIGITS for line, row, _ in decimal)
    traditional = told and all(places.values())
    if told and not traditional:
        problems += _short([(line, number) for line, _, number in decimal if number < _SHORT])
    for line, row, number in found:
        table, first = (places.get(line) if traditional else None) or (None, base or 0)
        if table and row.keys() & {"table"} and table_of(row) not in {table, None}:
            message = f"{row['table']!r}, but {row['address']} is a number of the table {table}"
            problems.append(Problem(line, "table", message, table))
        yield line, {**row, "address": str(number - first), **({"table": table} if table else {})}


def _short(numbers: Sequence[tuple[int, int]]) -> Iterator[Problem]:
    """Yield what is wrong with short numbers beside traditional ones, told of the first."""
    for line, number in numbers[:1]:
        more = f", and {len(numbers) - 1} more do" if len(numbers) > 1 else ""
        yield Problem(line, "address", f"{number} stands beside numbers like 40001{more}", _ALIKE)


def _numbered(rows: Sequence[tuple[int, Row]], problems: list[Problem]) -> Iterator[tuple[int, Row, int]]:
    """Yield the lines whose address is a number, with it; of a range with how many registers that are."""
    for line, row in rows:
        text = row.get("address", "")
        both = _RANGE.fullmatch(text)
        try:
            first, last = map(_number, both.groups() if both else (text, text))
        except ValueError:
            problems.append(Problem(line, "address", f"{text!r} is not possible", _ADDRESSES))
            continue
        span = {"span": str(last + 1 - first), "address": both[1]} if both else {}
        yield line, {**row, **span}, first


def _number(text: str) -> int:
    """Return an address as it is written. Raises ValueError."""
    short = text.strip().lower()
    return int(short[:-1], 16) if short.endswith("h") else int(short, 16 if short.startswith("0x") else 10)


def _place(number: int, row: Row) -> tuple[str, int] | None:
    """Return the table of a traditional number and the number of its first one; None for another number.

    Numbers of discrete inputs and coils are such only where the entry is a bit.
    """
    for table, firsts in _FIRST.items():
        bits = table in {"discrete", "coil"}
        for first, most in zip(firsts, (_FIVE_DIGITS, _SIX_DIGITS), strict=True):
            if first <= number < first + most and is_bit(row) is bits:
                return (table, first) if table != "coil" or _is_coil(row) else None
    return None


def _is_coil(row: Row) -> bool:
    """Whether a number has the 0 in front that tells a coil, or stands in the table of coils."""
    text = row["address"]
    return table_of(row) == "coil" or (text.startswith("0") and len(text) >= _DIGITS)
