"""Reads a list of registers: bytes in, lines out, with their cells by our names of the columns.

Spreadsheets write semicolons, Windows-1252, UTF-16, and titles above the column names.
"""

import codecs
import csv
import io
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from register_maps.errors import Problem, RegisterMapError
from register_maps.lists.words import (
    COLUMNS,
    REQUIRED,
    Row,
    columns_of,
    is_hexadecimal,
    plain,
    says_hexadecimal,
)

Lines = list[tuple[int, Row]]
"""The lines under the column names, each with its number."""

_DELIMITERS: Final = (",", ";", "\t")
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_COMMENT: Final = "#"

Cells = tuple[int, Sequence[str]]
"""A line: its number and its cells."""


class _Column(NamedTuple):
    """Our name of a column, None for one without a name; whether its numbers are hexadecimal."""

    name: str | None
    hexadecimal: bool


def read(path: Path, ignored: Collection[str], problems: list[Problem]) -> Lines:
    """Return the lines of a list without the columns called `ignored`; what is wrong goes to `problems`.

    Lines above the column names are titles. Raises RegisterMapError where it cannot be read at all.
    """
    try:
        lines = _cells(_text(path))
    except csv.Error as error:
        raise RegisterMapError(path, [Problem(0, "", f"is no CSV: {error}")]) from None
    if not lines:
        return []
    heads = [len(_known(cells)) if _is_header(cells) else 0 for _, cells in lines]
    at = next((at for at, known in enumerate(heads) if known), None)
    if at is None:
        at = max(range(len(lines)), key=lambda at: len(_known(lines[at][1])))
    columns = _columns(*lines[at], {plain(name) for name in ignored}, problems)
    return list(_rows(lines[at + 1 :], columns, problems)) if columns else []


def _text(path: Path) -> str:
    """Return what is in a file: UTF-8, UTF-16 where it says so, else Windows-1252."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RegisterMapError(path, [Problem(0, "", f"cannot be read: {error.strerror}")]) from None
    marked = next((name for mark, name in _BOMS if data.startswith(mark)), None)
    for encoding in [marked] if marked else ["utf-8", "cp1252"]:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
    raise RegisterMapError(path, [Problem(line, "", "is no text", "UTF-8, UTF-16 with a mark, Windows-1252")])


def _cells(text: str) -> list[Cells]:
    """Return the cells of each line that has some and is no comment, with its number.

    They are divided by what divides the column names, or else the first line most often.
    """
    divided = [list(_divided(text, delimiter)) for delimiter in _DELIMITERS]
    found = [lines for lines in divided if any(_is_header(cells) for _, cells in lines)]
    return found[0] if found else max(divided, key=lambda lines: len(lines[0][1]) if lines else 0)


def _divided(text: str, delimiter: str) -> Iterator[Cells]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    for line in reader:
        cells = [cell.strip() for cell in line]
        if any(cells) and not (cells[0].startswith(_COMMENT) and cells[0] != _COMMENT):
            yield reader.line_num, cells


def _known(cells: Sequence[str]) -> set[str]:
    return {column for column in columns_of(cells) if column}


def _is_header(cells: Sequence[str]) -> bool:
    """Return whether these are column names: an address and a type or a point are among them."""
    return "address" in _known(cells) and bool(_known(cells) & {"type", "point", "constant"})


def _columns(
    line: int, cells: Sequence[str], ignored: Collection[str], problems: list[Problem]
) -> list[_Column] | None:
    """Return the columns, with None those to leave out; None where one is unknown, twice there or missing."""
    heard = ["" if plain(cell) in ignored else cell for cell in cells]
    columns = [
        _Column(name, says_hexadecimal(cell)) for name, cell in zip(columns_of(heard), heard, strict=True)
    ]
    called: dict[str, list[str]] = {}
    for column, cell in zip(columns, heard, strict=True):
        called.setdefault(column.name or "", []).append(cell)
    wrong = [
        Problem(line, cell, "unknown column", f"{', '.join(COLUMNS)}; --ignore leaves one out")
        for cell in called.pop("", [])
        if cell
    ]
    wrong += [
        Problem(line, name, f"given twice: {', '.join(found)}", "each column once; --ignore leaves one out")
        for name, found in called.items()
        if len(found) > 1
    ]
    wrong += [
        Problem(line, " or ".join(names), "missing column", f"one called {_called(names)}")
        for names in REQUIRED
        if not set(names) & called.keys()
    ]
    problems.extend(wrong)
    return None if wrong else columns


def _called(names: Sequence[str]) -> str:
    return ", ".join(word for name in names for word in sorted(COLUMNS[name]))


def _rows(
    lines: Sequence[Cells], columns: Sequence[_Column], problems: list[Problem]
) -> Iterator[tuple[int, Row]]:
    for number, cells in lines:
        if any(cells[len(columns) :]):
            problems.append(Problem(number, "", f"has {len(cells)} cells", f"{len(columns)} columns"))
            continue
        row = {
            column.name: f"0x{cell}" if column.hexadecimal and not is_hexadecimal(cell) else cell
            for column, cell in zip(columns, cells, strict=False)
            if column.name and cell
        }
        odd = [name for name, cell in row.items() if not cell.isprintable()]
        problems += [Problem(number, name, "has a control character") for name in odd]
        yield number, row
