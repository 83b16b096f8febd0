"""Makes a register map of a list of registers as people have them: CSV in, YAML out.

Every fault is told with its line in the CSV file. What lines hold is understood in `lines`; whether the
entries make a map is judged by `build`, as for any other file.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, NamedTuple

import yaml

from register_maps.build import build
from register_maps.errors import Problem, RegisterMapError
from register_maps.lists.addresses import with_table
from register_maps.lists.lines import Unclear, entry_of, shows_something
from register_maps.lists.reader import read
from register_maps.lists.words import Row

_LONG: Final = 80
"""What is allowed is said once where it is longer than that [characters]."""


@dataclass(frozen=True, slots=True)
class _Line:
    """The keys of an entry and where in the CSV file they stand."""

    number: int
    keys: Mapping[str, str]


class Imported(NamedTuple):
    """The text of a map, and the lines of the list that are left out, each with its number."""

    text: str
    skipped: Sequence[tuple[int, Row]]


def map_of_csv(
    path: Path, base: int | None = None, *, ignored: Collection[str] = (), skip: bool = False
) -> Imported:
    """Return the map that a CSV file describes, called like the file.

    `base` is the number that the list gives to the first address on the wire; without it, traditional numbers
    (40001, 30001, 10001, 00001) are recognised and others are zero-based. Columns called `ignored` say
    nothing here; with `skip`, lines are left out that show no point that is known. Raises RegisterMapError
    with everything that is wrong, by line of the file.
    """
    if not path.name.isprintable():
        raise RegisterMapError(repr(str(path)), [Problem(0, "", "has a control character in its name")])
    problems: list[Problem] = []
    rows = read(path, ignored, problems)
    used = [(number, row) for number, row in rows if not skip or shows_something(row)]
    based = with_table(used, base, problems)
    lines = [line for number, row in based if (line := _line(number, row, problems))]
    if not used and not problems:
        what = "has no point that is known" if rows else "has no registers"
        problems.append(Problem(0, "", what, "a line of column names and a line for each register"))
    head = {"name": path.stem, "description": f"Imported from {path.name}", "source": path.name}
    if problems:
        raise RegisterMapError(path, _said_once([*problems, *_beside(problems, _node(head, lines))]))
    build(_node(head, lines), str(path))
    return Imported("".join(_text(head, lines)), [row for row in rows if row not in used])


def _beside(problems: Sequence[Problem], node: yaml.Node) -> Sequence[Problem]:
    """Return what else is wrong with the clear lines of a list that has problems.

    Where an address is unclear, others may mean something else, too: where they are is not judged.
    """
    if any(problem.key == "address" for problem in problems):
        return ()
    try:
        build(node, "")
    except RegisterMapError as error:
        return [problem for problem in error.problems if problem.line]
    return ()


def _said_once(problems: Sequence[Problem]) -> Iterator[Problem]:
    """Yield the problems in the order of lines; what is allowed is not said at length again and again."""
    said = set[str]()
    for problem in sorted(problems, key=lambda problem: problem.line):
        again = problem.allowed in said and len(problem.allowed) > _LONG
        yield replace(problem, allowed="as above") if again else problem
        said.add(problem.allowed)


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
