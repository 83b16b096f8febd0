"""What all meters have at every address of every map at the latest tick, as bytes.

An image is encoded for all meters at once, when the first request after a tick asks for it, and never
changed; so every answer shows one tick. No functions, frames or sockets.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from gateway.addressing import modbus_place
from register_maps.codec import Codec, Columns, Run
from register_maps.model import Effect, RegisterMap, Table
from sims.models import Nameplate


def nameplate_columns(meters: Sequence[Nameplate]) -> Columns:
    """Return the points of the nameplate as columns, each of shape (n_meters,)."""
    return {
        "vendor": np.array([meter.vendor for meter in meters]),
        "model": np.array([meter.model.key for meter in meters]),
        "serial": np.array([meter.serial for meter in meters]),
        "firmware": np.array([meter.firmware for meter in meters]),
        "ct_primary": np.array([meter.ct_a for meter in meters]),
        "unit_id": np.array([modbus_place(meter)[1] for meter in meters]),
    }


class Image:
    """One map's image of all meters at the latest tick; a map that nobody reads is never encoded."""

    def __init__(self, register_map: RegisterMap, meters: Sequence[Nameplate]) -> None:
        self.codec: Final = Codec(register_map, len(meters), nameplate_columns(meters))
        self._columns: Columns = {}
        self._encoded: bytes | None = None

    def show(self, columns: Columns) -> None:
        """Hold the values of a new tick."""
        self._columns = columns
        self._encoded = None

    def cells(self, row: int, run: Run, start: int, end: int) -> bytes:
        """Return the cells of a meter at the addresses from `start` to before `end` in `run`."""
        if self._encoded is None:
            self._encoded = self.codec.encode(self._columns)
        first = row * self.codec.row_bytes + run.offset
        return self._encoded[first + (start - run.start) * run.width : first + (end - run.start) * run.width]


class Images:
    """The images of all maps that the meters serve, and where in them each address of each table stands.

    `effects` are the coils that can be written, by address.
    """

    def __init__(self, maps: Sequence[RegisterMap], meters: Sequence[Nameplate]) -> None:
        self.effects: Final[Mapping[int, Effect]] = {
            entry.address: entry.writes for each in maps for entry in each.entries if entry.writes
        }
        self._images = [Image(register_map, meters) for register_map in maps]
        self._places = {table: self._sorted_places(table) for table in Table}
        self._starts = {table: [run.start for run, _ in places] for table, places in self._places.items()}

    def _sorted_places(self, table: Table) -> list[tuple[Run, Image]]:
        places = [(run, image) for image in self._images for run in image.codec.runs[table]]
        return sorted(places, key=lambda place: place[0].start)

    def show(self, columns: Columns) -> None:
        """Hold the values of a new tick."""
        for image in self._images:
            image.show(columns)

    def cells(self, table: Table, row: int, address: int, count: int) -> bytes | None:
        """Return what a meter has there, two bytes a register and one a bit; None if a part is unmapped."""
        places, end = self._places[table], address + count
        pieces: list[bytes] = []
        for run, image in places[max(bisect_right(self._starts[table], address) - 1, 0) :]:
            if not run.start <= address < run.end:
                break
            stop = min(end, run.end)
            pieces.append(image.cells(row, run, address, stop))
            address = stop
            if address == end:
                return b"".join(pieces)
        return None
