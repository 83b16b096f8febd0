"""What everybody has at every address of every map at the latest tick, as bytes.

An image is encoded for all units at once, when the first request after a tick asks for it, and never
changed; so every answer shows one tick. All lines with the same map share its image. No functions, frames or
sockets.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from copy import copy
from typing import Final, NamedTuple, Self

import numpy as np

from gateway.modbus.units.subjects import Subjects
from register_maps.codec import Codec, Rows, Run, codecs
from register_maps.model import Effect, Entry, RegisterMap, Table
from sims.points import Columns


class Image:
    """One map's image, or one variant's, of all whom it is for, at the latest tick."""

    def __init__(self, codec: Codec, rows: Rows, units: int) -> None:
        self.codec: Final = codec
        places = np.full(units, -1)
        places[rows] = np.arange(len(rows)) * codec.row_bytes
        self._places: Sequence[int] = places.tolist()
        self._columns: Columns = {}
        self._encoded: bytes | None = None

    def has(self, row: int) -> bool:
        """Return whether it is of the one in `row`."""
        return self._places[row] >= 0

    def show(self, columns: Columns) -> None:
        """Hold the values of a new tick, unless they are held already."""
        if columns is not self._columns:
            self._columns = columns
            self._encoded = None

    def cells(self, row: int, run: Run, start: int, end: int) -> bytes:
        """Return the cells of the one in `row` at the addresses from `start` to before `end` in `run`."""
        if self._encoded is None:
            self._encoded = self.codec.encode(self._columns)
        first = self._places[row] + run.offset
        return self._encoded[first + (start - run.start) * run.width : first + (end - run.start) * run.width]


class _Layout:
    """Where each address of each table stands in the images of one unit, which share no address."""

    def __init__(self, images: Sequence[Image]) -> None:
        self.places = {
            table: sorted(
                ((run, image) for image in images for run in image.codec.runs[table]),
                key=lambda place: place[0].start,
            )
            for table in Table
        }
        self.starts = {table: [run.start for run, _ in places] for table, places in self.places.items()}


class _Part(NamedTuple):
    """One map's images: one of all units, or one a variant, each of the units that have it."""

    map: RegisterMap
    images: Sequence[Image]

    @classmethod
    def of(cls, register_map: RegisterMap, subjects: Subjects) -> Self:
        """Return the images of a map for these units."""
        made = codecs(register_map, subjects.services, subjects.fixed)
        return cls(register_map, [Image(codec, rows, len(subjects.services)) for codec, rows in made])


class Images:
    """What the units of a line have, from the maps that are served there together and describe `subjects`.

    Where one of `others`, images of the same `subjects`, has the same map, its image is shared. `writable`
    has what can be written, and to which effect, by table and address. `columns` are the values of the latest
    tick.
    """

    def __init__(
        self, maps: Sequence[RegisterMap], subjects: Subjects, others: Sequence["Images"] = ()
    ) -> None:
        self.maps: Final = tuple(maps)
        self.subjects: Final = subjects
        self.columns: Columns = {}
        self.writable: Final[Mapping[tuple[Table, int], tuple[Entry, Effect]]] = {
            (entry.writes.table, entry.address): (entry, entry.writes)
            for each in maps
            for entry in each.entries
            if entry.writes
        }
        made = [part for other in others for part in other._parts]  # noqa: SLF001  its own class
        self._parts: list[_Part] = [
            next((part for part in made if part.map is each), None) or _Part.of(each, subjects)
            for each in maps
        ]
        self._layouts: dict[str, _Layout] = {}

    def apart(self) -> "Images":
        """Return images of the same that hold values of their own, encoded by the same codecs."""
        made = Images(self.maps, self.subjects, [self])
        made._parts = [_Part(each.map, list(map(copy, each.images))) for each in self._parts]
        return made

    def show(self, columns: Columns) -> None:
        """Hold the values of a new tick."""
        self.columns = columns
        for part in self._parts:
            for image in part.images:
                image.show(columns)

    def cells(self, table: Table, row: int, address: int, count: int) -> bytes | None:
        """Return what the one in `row` has there, two bytes a register and one a bit, or None."""
        layout, end = self._layouts.get(self.subjects.services[row]) or self._layout(row), address + count
        places, pieces = layout.places[table], list[bytes]()
        at = bisect_right(layout.starts[table], address) - 1
        if at >= 0 and end <= places[at][0].end:
            return places[at][1].cells(row, places[at][0], address, end)
        for run, image in places[max(at, 0) :]:
            if not run.start <= address < run.end:
                break
            stop = min(end, run.end)
            pieces.append(image.cells(row, run, address, stop))
            address = stop
            if address == end:
                return b"".join(pieces)
        return None

    def _layout(self, row: int) -> _Layout:
        """Return the layout of the one in `row`: all with the same service have the same variants."""
        service = self.subjects.services[row]
        layout = self._layouts.get(service)
        if layout is None:
            images = [image for part in self._parts for image in part.images if image.has(row)]
            layout = self._layouts[service] = _Layout(images)
        return layout
