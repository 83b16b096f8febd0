"""The commands `metergate maps …`: what register maps there are, what is in them, and how to make one.

This file is imported at every start of the command line, so the maps themselves are imported where they are
needed. What a map may hold is decided in `register_maps`.
"""

# ruff: noqa: PLC0415  imports where they are needed, as said above

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from gateway.errors import ConfigError

maps = typer.Typer(
    help="Register maps.", no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None
)

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")

_MapName = Annotated[
    str, typer.Argument(metavar="NAME", help="Name of a map, or a file.", show_default=False)
]
_Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="Write to this file; - prints it.", show_default=False)
]


@maps.command("list")
def list_maps() -> None:
    """List the register maps that come along."""
    from register_maps.loader import load, names

    found = [load(name) for name in names()]
    _print_rows((each.name, each.serves.value, each.description) for each in found)


@maps.command("show")
def show_map(
    name: _MapName,
    *,
    form: Annotated[
        Literal["table", "markdown"], typer.Option("--format", help="A table, or a page of documentation.")
    ] = "table",
) -> None:
    """Show what stands at which address of a register map."""
    from gateway.config.problems import loading_maps
    from register_maps.describe import HEADINGS, describe, page
    from register_maps.loader import load

    with loading_maps():
        found = load(name)
    if form == "markdown":
        typer.echo(page(found), nl=False)
    else:
        _print_rows([HEADINGS, *describe(found)])


@maps.command("check")
def check_map(file: Annotated[Path, typer.Argument(metavar="FILE", show_default=False)]) -> None:
    """Say whether a register map is right, and everything that is wrong with it."""
    from gateway.config.problems import loading_maps
    from register_maps.describe import describe
    from register_maps.loader import load_file

    with loading_maps():
        found = load_file(file)
    typer.echo(f"{file} is right: map {found.name}, {len(describe(found))} entries")


@maps.command("import")
def import_map(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", show_default=False)],
    *,
    output: _Output = None,
    base: Annotated[
        int | None,
        typer.Option(
            help="Number that the list gives to the first address on the wire; without it 40001 and 30001 "
            "are recognised, others are zero-based.",
            show_default=False,
        ),
    ] = None,
    ignore: Annotated[
        list[str], typer.Option(help="A column to leave out; may be given again.", show_default=False)
    ] = [],  # noqa: B006  typer's way, which nobody changes
    skip: Annotated[
        bool, typer.Option("--skip", help="Leave out lines of what no meter here shows, and say which.")
    ] = False,
) -> None:
    """Make a register map of a list of registers in a CSV file."""
    from gateway.config.problems import loading_maps
    from register_maps.lists.importer import map_of_csv

    with loading_maps():
        made = map_of_csv(file, base, ignored=ignore, skip=skip)
    for line, row in made.skipped:
        typer.echo(f"{file}:{line}: left out: {row.get('point', '') or 'nothing to show'}", err=True)
    _write(made.text, output or file.with_suffix(".yaml"))


@maps.command("new")
def new_map(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the new map.", show_default=False)],
    *,
    output: _Output = None,
) -> None:
    """Write a register map to begin with, in which every key is explained."""
    from register_maps.loader import starter

    if not _NAME.fullmatch(name):
        raise ConfigError(f"{name!r} is no name of a map; allowed: letters, digits, _ . -", key="NAME")
    _write(starter(name), output or Path(f"{name}.yaml"))


def _write(text: str, file: Path) -> None:
    """Print a map or write it to a file that is not there yet."""
    if str(file) == "-":
        typer.echo(text, nl=False)
        return
    try:
        with file.open("x", encoding="utf-8") as written:
            written.write(text)
    except FileExistsError:
        raise ConfigError(f"{file} exists; allowed: a new file, see --output") from None
    except OSError as error:
        raise ConfigError(f"{file} cannot be written: {error.strerror}") from None
    typer.echo(f"{file} is written; metergate maps show {file} prints it")


def _print_rows(rows: Iterable[Sequence[str]]) -> None:
    """Print rows with their columns under each other."""
    lines = list(rows)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        typer.echo("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
