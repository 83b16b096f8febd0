"""From readings to bytes on the wire: one map's values of all meters at once.

NumPy alone; no units, frames or sockets. An image has one row for each meter. In a row the values of the map
stand side by side without the gaps between their addresses: registers in two bytes, behind them bits in one.
How a single value is written, and what becomes of one that its type cannot hold, stands in `values`.
All gaps of a map that read zero share the same cells, before all others.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from register_maps.model import BIT_TABLES, FILLER, Entry, Exponent, RegisterMap, Table
from register_maps.values import Writer, exponents_of, write_constant, writer
from sims.points import Columns, Kind, Point

Rows = NDArray[np.intp]
"""Which meters an image is of: their places in the columns, in the order of its rows."""

_GAP: Final = 125
"""Registers that read zero in a row, as many as one request can read."""

_Read = Callable[[Columns], NDArray[Any]]
"""Takes what an entry shows from the columns."""


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
    """Encodes one map, without variants, for `meters` meters: or pulse hubs, or the gateway, as the map says.

    `fixed` holds the columns that never change, those of the nameplate; they are encoded once. The image is
    of the meters in `rows` of the columns, of all without it.
    """

    def __init__(
        self, register_map: RegisterMap, meters: int, fixed: Columns, rows: Rows | None = None
    ) -> None:
        places, size = _places(register_map)
        self.row_bytes: Final = size
        self.runs: Final = MappingProxyType({table: _runs(table, places) for table in Table})
        self._picked = rows
        self._rows = np.zeros((meters, size), np.uint8)
        self._writers: list[tuple[_Read, Writer]] = []
        self._names: set[str] = set()
        for entry, offset in places:
            if entry.type is not FILLER:
                self._place(entry, self._rows[:, offset : offset + entry.size], fixed)

    def _place(self, entry: Entry, cells: NDArray[np.uint8], fixed: Columns) -> None:
        """Write what never changes into `cells`, or remember how to write what does."""
        if not entry.points and not entry.bits:
            write_constant(entry, cells, self._exponents(entry.exponent, fixed))
            return
        scaled = entry.scaled if entry.scaled and entry.scaled.fits else None
        read, write = _reader(entry), writer(entry, cells, self._exponents(scaled, fixed))
        if entry.point and entry.point.kind is Kind.NAMEPLATE:
            write(read(fixed))
            return
        self._writers.append((read, write))
        flags = entry.bits or (entry.point and entry.point.kind is Kind.FLAG)
        self._names.update(["flags"] if flags else [point.name for point in entry.points])

    def _exponents(self, exponent: Exponent | None, fixed: Columns) -> NDArray[np.int64] | None:
        """Return the exponents of a scale register, None if it is none."""
        if exponent is None:
            return None
        rated = exponent.fits.shown(fixed[exponent.fits.name]) if exponent.fits else None
        return exponents_of(exponent, rated, len(self._rows))

    def encode(self, columns: Columns) -> bytes:
        """Return the image: the rows of all meters, `row_bytes` each, one behind the other."""
        if self._picked is not None:
            columns = {name: columns[name][self._picked] for name in self._names}
        with np.errstate(over="ignore", invalid="ignore"):
            for read, write in self._writers:
                write(read(columns))
        return self._rows.tobytes()


def codecs(register_map: RegisterMap, services: Sequence[str], fixed: Columns) -> list[tuple[Codec, Rows]]:
    """Return the codecs of a map for meters of these services, each with the rows that its image is of.

    There is one for each variant that some meter needs; each meter is in one of them. `fixed` has the columns
    of all the meters, and each codec encodes the columns of all of them.
    """
    if not register_map.variants:
        return [(Codec(register_map, len(services), fixed), np.arange(len(services)))]
    made: list[tuple[Codec, Rows]] = []
    variants = {service: register_map.variants.get(service, register_map.entries) for service in services}
    for entries in {id(entries): entries for entries in variants.values()}.values():
        ours = [service for service in variants if variants[service] is entries]
        rows = np.flatnonzero(np.isin(np.array(services), ours))
        picked = {name: values[rows] for name, values in fixed.items()}
        made.append((Codec(register_map.of(ours[0]), len(rows), picked, rows), rows))
    return made


def _reader(entry: Entry) -> _Read:
    """Return what takes the values that `entry` shows from the columns."""
    if entry.bits:
        return _flag_reader(entry)
    point, several = entry.points[0], entry.points
    if len(several) > 1:
        return lambda columns: _combined([columns[one.name] for one in several], mean=entry.mean)
    if point.bit is None:
        return lambda columns: columns[point.name]
    return lambda columns: (columns["flags"] >> point.bit) & 1


def _flag_reader(entry: Entry) -> _Read:
    """Return what makes a bit field of the column `flags`."""
    masks = [(np.uint64(bit), np.uint16(_mask(points))) for bit, points in entry.bits]

    def read(columns: Columns) -> NDArray[np.uint64]:
        flags = columns["flags"]
        field = np.zeros(len(flags), np.uint64)
        for bit, mask in masks:
            field |= ((flags & mask) != 0).astype(np.uint64) << bit
        return field

    return read


def _mask(points: Sequence[Point]) -> int:
    return sum(1 << point.bit for point in points if point.bit is not None)


def _combined(columns: Sequence[NDArray[Any]], *, mean: bool) -> NDArray[np.float64]:
    """Return the sum or the mean of what is there, NaN where nothing is."""
    values = np.stack(columns)
    there = ~np.isnan(values)
    number = there.sum(axis=0)
    total = np.where(there, values, 0.0).sum(axis=0)
    return np.where(number > 0, total / np.maximum(number, 1) if mean else total, np.nan)


def _places(register_map: RegisterMap) -> tuple[list[tuple[Entry, int]], int]:
    """Return the entries with their offsets in a row, registers first for alignment, and its size [bytes]."""
    entries = sorted(register_map.entries, key=lambda entry: entry.tables[0] in BIT_TABLES)
    gap = max((entry.size for entry in entries if entry.type is FILLER), default=0)
    shared = min(gap, 2 * _GAP)
    places, offset = [], shared
    for entry in entries:
        if entry.type is FILLER:
            places.append((entry, 0))
        else:
            places.append((entry, offset))
            offset += entry.size
    return places, offset


def _runs(table: Table, places: Sequence[tuple[Entry, int]]) -> tuple[Run, ...]:
    """Return the runs of one table in the order of addresses."""
    width = 1 if table in BIT_TABLES else 2
    runs: list[Run] = []
    for entry, offset in places:
        if table not in entry.tables:
            continue
        if entry.type is FILLER:
            starts = range(entry.address, entry.end, _GAP)
            runs.extend(Run(start, min(start + _GAP, entry.end), 0, width) for start in starts)
            continue
        last = runs[-1] if runs else None
        if last and last.end == entry.address and last.offset + width * (last.end - last.start) == offset:
            runs[-1] = Run(last.start, entry.end, last.offset, width)
        else:
            runs.append(Run(entry.address, entry.end, offset, width))
    return tuple(runs)
