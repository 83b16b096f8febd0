"""From readings to bytes on the wire: one map's values of all meters at once.

NumPy alone; no units, frames or sockets. An image has one row for each meter. In a row the values of the map
stand side by side without the gaps between their addresses: registers in two bytes, behind them bits in one.
How a single value is written, and what becomes of one that its type cannot hold, stands in `values`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from register_maps.model import BIT_TABLES, Entry, RegisterMap, Table
from register_maps.values import Writer, write_constant, writer
from sims.points import Kind, Point

Columns = Mapping[str, NDArray[Any]]
"""Values of all meters by the names of points, each of shape (n_meters,), in the point's unit."""


@dataclass(frozen=True, slots=True)
class Run:
    """Addresses in a row, from `start` to before `end`, whose cells stand side by side in the image's row.

    `offset` is where the first one begins in the row; a cell is `width` wide, 2 or 1 [bytes].
    """

    start: int
    end: int
    offset: int
    width: int


class Codec:
    """Encodes one map for `meters` meters.

    `fixed` holds the columns that never change, those of the nameplate; they are encoded once.
    """

    def __init__(self, register_map: RegisterMap, meters: int, fixed: Columns) -> None:
        places = _places(register_map)
        self.row_bytes: Final = sum(entry.size for entry, _ in places)
        self.runs: Final = MappingProxyType({table: _runs(table, places) for table in Table})
        self._rows = np.zeros((meters, self.row_bytes), np.uint8)
        self._writers: list[tuple[Point, Writer]] = []
        for entry, offset in places:
            cells = self._rows[:, offset : offset + entry.size]
            if entry.point is None:
                write_constant(entry, cells)
            elif entry.point.kind is Kind.NAMEPLATE:
                writer(entry, entry.point, cells)(fixed[entry.point.name])
            else:
                self._writers.append((entry.point, writer(entry, entry.point, cells)))

    def encode(self, columns: Columns) -> bytes:
        """Return the image: the rows of all meters, `row_bytes` each, one behind the other."""
        with np.errstate(over="ignore", invalid="ignore"):
            for point, write in self._writers:
                write(_values(point, columns))
        return self._rows.tobytes()


def _values(point: Point, columns: Columns) -> NDArray[Any]:
    """Return the values of a point; flags are bits of the column `flags`."""
    return columns[point.name] if point.bit is None else (columns["flags"] >> point.bit) & 1


def _places(register_map: RegisterMap) -> list[tuple[Entry, int]]:
    """Return the entries with their offsets in a row [bytes]: registers first, so that they stay aligned."""
    entries = sorted(register_map.entries, key=lambda entry: entry.tables[0] in BIT_TABLES)
    places, offset = [], 0
    for entry in entries:
        places.append((entry, offset))
        offset += entry.size
    return places


def _runs(table: Table, places: Sequence[tuple[Entry, int]]) -> tuple[Run, ...]:
    """Return the runs of one table in the order of addresses."""
    width = 1 if table in BIT_TABLES else 2
    runs: list[Run] = []
    for entry, offset in places:
        if table not in entry.tables:
            continue
        last = runs[-1] if runs else None
        if last and last.end == entry.address and last.offset + width * (last.end - last.start) == offset:
            runs[-1] = Run(last.start, entry.end, last.offset, width)
        else:
            runs.append(Run(entry.address, entry.end, offset, width))
    return tuple(runs)
