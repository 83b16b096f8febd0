"""Makes a register map of a list of registers as people have them: CSV in, YAML out.

Every fault is told with its line in the CSV file. What the columns may hold in other words than ours stands
in `csv_words`; whether the entries make a map is judged by `build`, as for any other file.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from register_maps.build import build
from register_maps.csv_words import (
    COLUMNS,
    REQUIRED,
    Row,
    Unclear,
    entry_of,
    header_of,
    is_bit,
    table_of,
)
from register_maps.errors import Problem, RegisterMapError

_DELIMITERS: Final = (",", ";", "\t")
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
"""Traditional numbers have at least five digits; coils are told by the 0 in front."""


@dataclass(frozen=True, slots=True)
class _Line:
    """The keys of an entry and where in the CSV file they stand."""

    number: int
    keys: Mapping[str, str]


def map_of_csv(path: Path, name: str, base: int | None = None) -> str:
    """Return the text of the map `name` that a CSV file describes.

    `base` is the number that the list gives to the first address on the wire; without it, traditional numbers
    (40001, 30001, 10001, 00001) are recognised and others are zero-based. Raises RegisterMapError with
    everything that is wrong, by line of the file.
    """
    problems: list[Problem] = []
    rows = list(_rows(path, problems))
    based = _with_table(rows, base, problems)
    lines = [line for number, row in based if (line := _line(number, row, problems))]
    if not rows and not problems:
        problems.append(
            Problem(0, "", "has no registers", "a line of column names and a line for each register")
        )
    if problems:
        raise RegisterMapError(path, problems)
    head = {"name": name, "description": f"Imported from {path.name}", "source": path.name}
    build(_node(head, lines), str(path))
    return "".join(_text(head, lines))


def _rows(path: Path, problems: list[Problem]) -> Iterator[tuple[int, Row]]:
    """Yield the lines under the column names, each with its number and its cells by our names of columns."""
    text = _read(path)
    delimiter = max(_DELIMITERS, key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    columns: list[str] | None = None
    for cells in reader:
        if not any(cell.strip() for cell in cells) or cells[0].lstrip().startswith("#"):
            continue
        if columns is None:
            columns = _columns(cells, reader.line_num, problems)
            if columns is None:
                return
        elif len(cells) > len(columns) and any(cells[len(columns) :]):
            problems.append(
                Problem(reader.line_num, "", f"has {len(cells)} cells", f"{len(columns)} columns")
            )
        else:
            row = {column: cell.strip() for column, cell in zip(columns, cells, strict=False) if cell.strip()}
            odd = [column for column, cell in row.items() if not cell.isprintable()]
            problems += [Problem(reader.line_num, column, "has a control character") for column in odd]
            yield reader.line_num, row


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise RegisterMapError(path, [Problem(0, "", f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise RegisterMapError(path, [Problem(line, "", "is not UTF-8 text")]) from None


def _columns(cells: Sequence[str], line: int, problems: list[Problem]) -> list[str] | None:
    """Return our names of the columns, None where a column is unknown, twice there or missing."""
    found = [header_of(cell) for cell in cells]
    wrong = [
        Problem(line, cell.strip(), "unknown column", ", ".join(COLUMNS))
        for cell, column in zip(cells, found, strict=True)
        if column is None
    ]
    known = [column for column in found if column]
    wrong += [
        Problem(line, column, "given twice", "each column once")
        for column in set(known)
        if known.count(column) > 1
    ]
    wrong += [
        Problem(line, " or ".join(names), "missing column", ", ".join(COLUMNS))
        for names in REQUIRED
        if not wrong and not set(names) & set(known)
    ]
    problems.extend(wrong)
    return None if wrong else known


def _with_table(
    rows: Sequence[tuple[int, Row]], base: int | None, problems: list[Problem]
) -> Iterator[tuple[int, Row]]:
    """Yield the lines with zero-based addresses; the digit of a traditional number says the table.

    A list is one of traditional numbers where all its decimal addresses are such; 40000 is none of them. One
    that has both such numbers and short ones says not what it means.
    """
    found = list(_numbered(rows, problems))
    places = {line: _place(number, row) for line, row, number in found if not _hexadecimal(row)}
    traditional = base is None and bool(places) and all(places.values())
    if base is None and not traditional and any(places.values()):
        problems.extend(
            Problem(line, "address", f"{number} stands beside numbers like 40001", _ALIKE)
            for line, _, number in found
            if line in places and number < _SHORT
        )
    for line, row, number in found:
        table, first = (places.get(line) if traditional else None) or (None, base or 0)
        if table and row.keys() & {"table"} and table_of(row) not in {table, None}:
            message = f"{row['table']!r}, but {row['address']} is a number of the table {table}"
            problems.append(Problem(line, "table", message, table))
        yield line, {**row, "address": str(number - first), **({"table": table} if table else {})}


def _numbered(rows: Sequence[tuple[int, Row]], problems: list[Problem]) -> Iterator[tuple[int, Row, int]]:
    """Yield the lines whose address is a number, with it."""
    for line, row in rows:
        text = row.get("address", "")
        try:
            yield line, row, _number(text)
        except ValueError:
            problems.append(Problem(line, "address", f"{text!r} is not possible", _ADDRESSES))


_ADDRESSES: Final = (
    "a whole number, decimal or hexadecimal (0x10, 10h), from 0 or as 40001, 30001, 10001, 00001, 400001 …"
)
_ALIKE: Final = "all numbers of one kind; --base 0 says that they are zero-based"


def _number(text: str) -> int:
    """Return an address as it is written. Raises ValueError."""
    plain = text.strip().lower()
    return int(plain[:-1], 16) if plain.endswith("h") else int(plain, 16 if plain.startswith("0x") else 10)


def _hexadecimal(row: Row) -> bool:
    text = row.get("address", "").lower()
    return text.startswith("0x") or text.endswith("h")


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
    return table_of(row) == "coil" or (text.startswith("0") and len(text) >= len(str(_SHORT)))


def _line(number: int, row: Row, problems: list[Problem]) -> _Line | None:
    """Return the keys of the entry on one line, None where something is unclear."""
    try:
        return _Line(number, entry_of(row))
    except Unclear as error:
        problems.append(Problem(number, error.column, error.message, error.allowed))
        return None


def _node(head: Mapping[str, str], lines: Sequence[_Line]) -> yaml.Node:
    """Return what YAML would make of the map, with the lines of the CSV file."""
    entries = [_mapping(line.keys, line.number) for line in lines]
    root = _mapping(head, 0)
    list_of_entries = yaml.SequenceNode("tag:yaml.org,2002:seq", entries, _mark(0))
    root.value.append((_scalar("entries", 0), list_of_entries))
    return root


def _mapping(keys: Mapping[str, str], line: int) -> yaml.MappingNode:
    pairs = [(_scalar(key, line), _scalar(value, line)) for key, value in keys.items()]
    return yaml.MappingNode("tag:yaml.org,2002:map", pairs, _mark(line))


def _scalar(text: str, line: int) -> yaml.ScalarNode:
    return yaml.ScalarNode("tag:yaml.org,2002:str", text, _mark(line))


def _mark(line: int) -> yaml.Mark:
    return yaml.Mark("", 0, line - 1, 0, None, 0)


def _text(head: Mapping[str, str], lines: Sequence[_Line]) -> Iterator[str]:
    for key, value in head.items():
        yield f"{key}: {_quoted(value)}\n"
    yield "base: 0\nentries:\n"
    for line in lines:
        yield f"  - {{{', '.join(f'{key}: {_quoted(value)}' for key, value in line.keys.items())}}}\n"


def _quoted(text: str) -> str:
    """Return a value as YAML reads it back: a word or a number as it is, anything else in quotes."""
    if (
        text
        and all(one.isascii() and (one.isalnum() or one in "_.-") for one in text)
        and text[0] not in "-."
    ):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
