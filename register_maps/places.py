"""Which addresses entries take: those that are claimed twice, and the gaps between them.

No YAML and no values: what an entry is stands in `model`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from register_maps.model import BIT_TABLES, FILLER, Entry, Table


@dataclass(frozen=True, slots=True)
class Clash:
    """Two entries that claim the same address of the same table, and the files that they stand in."""

    first_file: str
    first: Entry
    second_file: str
    second: Entry


def overlaps(entries: Iterable[tuple[str, Entry]]) -> list[Clash]:
    """Return every entry of one unit that runs into an earlier one; each entry comes with its file."""
    found: dict[tuple[int, int], Clash] = {}
    reach: dict[Table, tuple[str, Entry]] = {}
    for file, entry in sorted(entries, key=lambda item: item[1].address):
        for table in entry.tables:
            before = reach.get(table)
            if before is not None and before[1].end > entry.address:
                found.setdefault((id(before[1]), id(entry)), Clash(*before, file, entry))
            if before is None or before[1].end < entry.end:
                reach[table] = (file, entry)
    return list(found.values())


def fillers(entries: Iterable[Entry], line: int) -> list[Entry]:
    """Return the gaps between the registers of each table as entries that read zero, of this line."""
    gaps: dict[tuple[int, int], list[Table]] = {}
    reach: dict[Table, int] = {}
    for entry in sorted(entries, key=lambda entry: entry.address):
        for table in entry.tables:
            if table not in BIT_TABLES and reach.setdefault(table, entry.address) < entry.address:
                gaps.setdefault((reach[table], entry.address), []).append(table)
            reach[table] = max(reach.get(table, 0), entry.end)
    return [
        Entry(start, tuple(tables), FILLER, 2 * (end - start), description="Gap that reads zero", line=line)
        for (start, end), tables in gaps.items()
    ]
