"""A register map as rows of a table for people. Printing is the command line's business."""

from typing import Final

from register_maps.model import Entry, RegisterMap

HEADINGS: Final = ("address", "table", "type", "order", "point", "scale", "unit", "access", "description")
"""What stands in the columns of `describe`: an address is zero-based, as on the wire."""


def describe(register_map: RegisterMap) -> list[tuple[str, ...]]:
    """Return one row a value under `HEADINGS`: registers first, then bits, each in the order of addresses."""
    return [_row(entry) for entry in sorted(register_map.entries, key=lambda entry: entry.type.kind == "b")]


def _row(entry: Entry) -> tuple[str, ...]:
    kind = f"string {entry.size}" if entry.type.kind == "S" else entry.type.name
    return (
        str(entry.address),
        "+".join(table.value for table in entry.tables),
        kind,
        "" if entry.type.kind in "Sb" else entry.word_order.value,
        entry.point.name if entry.point else f"always {entry.constant}",
        _scale(entry),
        entry.point.shown_unit if entry.point else "",
        "rw" if entry.writes else "ro",
        entry.description,
    )


def _scale(entry: Entry) -> str:
    """Return what one count is in the unit: `0.01`."""
    if entry.point is None or entry.type.kind in "Sb":
        return ""
    scale = f"{float(entry.scale):g}"
    return f"{scale}, from {float(entry.offset):g}" if entry.offset else scale
