"""A register map for people: rows of a table for the terminal, a page of Markdown for the documentation.

Printing and writing files is the command line's business.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from register_maps.model import BIT_TABLES, FILLER, Entry, RegisterMap, Serves, Table

HEADINGS: Final = ("address", "table", "type", "order", "point", "scale", "unit", "access", "description")
"""What stands in the columns of `describe`: an address is zero-based, as on the wire."""

_PAGE_HEADINGS: Final = (
    "address",
    "number",
    "functions",
    "name",
    "type",
    "order",
    "shows",
    "scale",
    "unit",
    "none",
    "access",
    "description",
)

_NUMBERS: Final = {Table.COIL: 0, Table.DISCRETE: 1, Table.INPUT: 3, Table.HOLDING: 4}
"""The leading digit of the traditional numbers of each table."""

_FUNCTIONS: Final = {Table.COIL: "1", Table.DISCRETE: "2", Table.INPUT: "4", Table.HOLDING: "3"}
_WRITES: Final = {Table.COIL: "5, 15", Table.HOLDING: "6, 16, 22, 23"}

_SERVED: Final = {
    Serves.METER: "Every meter has it on a unit of its own.",
    Serves.HUB: "One unit is a hub for 23 meters: hub k for the meters 23(k-1)+1 to 23k.",
    Serves.GATEWAY: "It describes the gateway itself.",
}

_LEGEND: Final = """\
- **address** is zero-based, as on the wire; **number** is the same place counted from 1 with the digit of
  its table (3 input registers, 4 holding registers, 1 discrete inputs, 0 coils), which some programs ask for.
- **shows** is a point of the vocabulary; what is read is a count, and the point in **unit** is count times
  **scale**, where a scale register is named also times ten to the power of what that holds.
- **none** is what stands there where a meter lacks the quantity."""


def describe(register_map: RegisterMap) -> list[tuple[str, ...]]:
    """Return one row a value under `HEADINGS`: registers first, then bits, each in the order of addresses.

    What differs by service stands behind what all meters share, each service's own values under its name.
    """
    rows = [_row(entry, "") for entry in _registers_first(_shared(register_map))]
    for services, entries in _variants(register_map):
        rows += [_row(entry, f"{', '.join(services)}: ") for entry in _registers_first(entries)]
    return rows


def page(register_map: RegisterMap) -> str:
    """Return the documentation of a map in Markdown."""
    parts = [
        f"# {register_map.name}",
        f"{register_map.description}. {_SERVED[register_map.serves]}",
        f"Source: {register_map.source}.",
        _LEGEND,
        _table(_shared(register_map), register_map.source),
    ]
    for services, entries in _variants(register_map):
        parts += [f"## {', '.join(services)}", _table(entries, register_map.source)]
    gaps = any(entry.type is FILLER for entry in register_map.of(_any_service(register_map)).entries)
    between = "reads zero" if gaps else "answers exception 0x02"
    parts.append(
        f"What lies between these registers {between}. Made by `metergate maps show --format markdown`."
    )
    return "\n\n".join(parts) + "\n"


def _any_service(register_map: RegisterMap) -> str:
    return next(iter(register_map.variants), "")


def _shared(register_map: RegisterMap) -> list[Entry]:
    """Return the entries that every unit of the map has alike."""
    variants = [set(map(_place, entries)) for entries in register_map.variants.values()]
    entries = register_map.of(_any_service(register_map)).entries
    return [
        one for one in entries if one.type is not FILLER and all(_place(one) in each for each in variants)
    ]


def _variants(register_map: RegisterMap) -> Iterator[tuple[list[str], list[Entry]]]:
    """Yield the services that share a variant, and what they alone have."""
    shared = set(map(_place, _shared(register_map)))
    services: dict[tuple[Entry, ...], list[str]] = {}
    for service, entries in register_map.variants.items():
        own = tuple(one for one in entries if one.type is not FILLER and _place(one) not in shared)
        services.setdefault(own, []).append(service)
    for own, names in services.items():
        yield names, list(own)


def _place(entry: Entry) -> tuple[int, int]:
    """Return what tells entries of one file apart: where they stand in it, and on the wire."""
    return entry.line, entry.address


def _registers_first(entries: Sequence[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda entry: entry.type.is_bit)


def _row(entry: Entry, prefix: str) -> tuple[str, ...]:
    return (
        str(entry.address),
        "+".join(table.value for table in entry.tables),
        _kind(entry),
        _order(entry),
        _shows(entry),
        _scale(entry),
        entry.point.shown_unit if entry.point else "",
        "rw" if entry.writes else "ro",
        prefix + entry.description,
    )


def _table(entries: Sequence[Entry], source: str) -> str:
    lines = [_PAGE_HEADINGS, ("---",) * len(_PAGE_HEADINGS)]
    lines += [_page_row(entry, source) for entry in _registers_first(entries)]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


def _page_row(entry: Entry, source: str) -> tuple[str, ...]:
    own = f" ({entry.source})" if entry.source != source else ""
    return (
        _span(entry),
        ", ".join(_number(entry, table) for table in entry.tables),
        ", ".join(_FUNCTIONS[table] for table in entry.tables),
        entry.name,
        _kind(entry),
        _order(entry),
        f"`{_shows(entry)}`" if entry.points else _shows(entry),
        _scale(entry),
        entry.point.shown_unit if entry.point else "",
        _none(entry),
        _access(entry),
        entry.description + own,
    )


def _span(entry: Entry) -> str:
    return str(entry.address) if entry.end == entry.address + 1 else f"{entry.address}-{entry.end - 1}"


def _number(entry: Entry, table: Table) -> str:
    """Return the traditional number: five digits where they do, else six."""
    number = entry.address + 1
    return f"{_NUMBERS[table]}{number:0{4 if number < 10_000 else 5}}"  # noqa: PLR2004  what four digits hold


def _kind(entry: Entry) -> str:
    if entry.type.is_text:
        return f"string {entry.size}"
    return f"{entry.type.name} {entry.size // 2}" if entry.type.is_mod10k else entry.type.name


def _order(entry: Entry) -> str:
    return entry.word_order.value if entry.type.is_number else ""


def _shows(entry: Entry) -> str:
    if entry.bits:
        return "; ".join(f"{bit}: {' or '.join(flag.name for flag in flags)}" for bit, flags in entry.bits)
    if entry.exponent:
        rating = entry.exponent.fits
        fitting = f"power of ten that fits {float(entry.exponent.times):g} x {rating.name}" if rating else ""
        return fitting or f"always {entry.exponent.fixed}"
    if len(entry.points) > 1:
        return f"{'mean' if entry.mean else 'sum'} of {', '.join(point.name for point in entry.points)}"
    return (
        entry.points[0].name
        if entry.points
        else f"always {'empty' if entry.constant == '' else entry.constant}"
    )


def _scale(entry: Entry) -> str:
    """Return what one count is in the unit: `0.01`, and the register by whose power of ten."""
    if entry.point is None or not entry.type.is_number:
        return ""
    scale = f"{float(entry.scale):g}"
    if entry.scale_register:
        return f"{scale}, {entry.scale_register}"
    return f"{scale}, from {float(entry.offset):g}" if entry.offset else scale


def _none(entry: Entry) -> str:
    if not entry.points or not any(point.lines for point in entry.points):
        return ""
    return f"0x{entry.invalid:0{2 * entry.size}X}" if entry.type.is_number else ""


def _access(entry: Entry) -> str:
    if entry.writes is None:
        return "read"
    table = entry.tables[0]
    bounds = "" if table in BIT_TABLES else f", {entry.lowest_written} to {entry.highest_written}"
    return f"write ({_WRITES[table]}): {entry.writes.value}{bounds}"
