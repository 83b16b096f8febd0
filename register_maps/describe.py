"""A register map as rows of a table for people. Printing is the command line's business."""

from typing import Final

from register_maps.model import Entry, RegisterMap

HEADINGS: Final = ("address", "table", "type", "order", "what", "count", "access", "description", "source")
"""What stands in the columns of `describe`."""


def describe(register_map: RegisterMap) -> list[tuple[str, ...]]:
    """Return one row a value under `HEADINGS`: registers first, then bits, each in the order of addresses.

    Addresses are written as the map counts them, from its base.
    """
    entries = sorted(register_map.entries, key=lambda entry: entry.type.kind == "b")
    return [_row(entry, register_map.base) for entry in entries]


def _row(entry: Entry, base: int) -> tuple[str, ...]:
    kind = f"string {entry.size}" if entry.type.kind == "S" else entry.type.name
    return (
        str(entry.address + base),
        " + ".join(table.value for table in entry.tables),
        kind,
        "" if entry.type.kind in "Sb" else entry.word_order.value,
        entry.point.name if entry.point else f"always {entry.constant}",
        _count(entry),
        "rw" if entry.writable else "ro",
        entry.description,
        entry.source,
    )


def _count(entry: Entry) -> str:
    """Return what one count is: `0.01 kW`."""
    if entry.point is None or entry.type.kind in "Sb":
        return ""
    count = f"{float(entry.scale):g} {entry.point.shown_unit}".strip()
    return f"{count}, from {float(entry.offset):g}" if entry.offset else count
