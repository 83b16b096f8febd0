"""The main path of Modbus: what every unit answers, from images that each tick makes anew.

No sockets and no asyncio. An image is encoded for all meters at once, when the first request after a tick
asks for it, and never changed; so every answer shows one tick. Answers are kept until the next tick.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from struct import Struct
from types import MappingProxyType
from typing import Final

import numpy as np

from gateway.addressing import modbus_place
from gateway.modbus import slow, writes
from gateway.modbus.frames import PLAIN, ExceptionCode, Write, framed, refused
from register_maps.codec import Codec, Columns, Run
from register_maps.model import BIT_TABLES, Effect, RegisterMap, Table
from sims.models import Nameplate

READS: Final = MappingProxyType(
    {
        1: (Table.COIL, 2000),
        2: (Table.DISCRETE, 2000),
        3: (Table.HOLDING, 125),
        4: (Table.INPUT, 125),
    }
)
"""The plain reads by function: their table, and how much one may ask for (V1.1b3, 6.1 to 6.4)."""

ANSWERS_KEPT: Final = 8192
"""Answers that a bank keeps at most within one tick: about 3 MB."""

_PLAIN_REQUEST: Final = PLAIN - 2
_ADDRESS_AND_COUNT: Final = Struct(">HH")


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


class Bank:
    """The units of one port, from 1 on; the first one is the meter in row `first_row` of the images.

    `answers` maps plain reads of the latest tick to their answers, both as `frames.Responder` says.
    """

    def __init__(self, images: Images, meters: Sequence[Nameplate], first_row: int) -> None:
        self.answers: dict[bytes, bytes] = {}
        self.meters: Final = tuple(meters)
        self._images = images
        self._first_row = first_row

    def show(self) -> None:
        """Forget the answers of the tick before; the images have been given their new values."""
        self.answers.clear()

    def answer(self, request: bytes) -> bytes | Write:
        """Return the answer to one request, or what must be done before, as `frames.Responder` says."""
        unit, function = request[4], request[5]
        if not 1 <= unit <= len(self.meters):
            return framed(unit, refused(function, ExceptionCode.NO_SUCH_UNIT))
        if function not in READS:
            return self._not_read(unit, request[5:])
        if len(request) != _PLAIN_REQUEST:
            return framed(unit, refused(function, ExceptionCode.ILLEGAL_VALUE))
        answer = framed(unit, self._read(unit, function, request))
        if len(self.answers) >= ANSWERS_KEPT:
            self.answers.clear()
        self.answers[request] = answer
        return answer

    def _not_read(self, unit: int, pdu: bytes) -> bytes | Write:
        """Return what a request to write asks for, or the answer where nothing has to be done before."""
        row, meter = self._first_row + unit - 1, self.meters[unit - 1]
        if pdu[0] not in writes.FUNCTIONS:
            return framed(unit, slow.answer(pdu, meter))
        asked = writes.commands(pdu, row, meter, self._images.effects)
        if isinstance(asked, ExceptionCode):
            return framed(unit, refused(pdu[0], asked))
        done = framed(unit, pdu[: writes.ANSWER])
        return Write(asked, done, framed(unit, refused(pdu[0], ExceptionCode.FAILURE))) if asked else done

    def _read(self, unit: int, function: int, request: bytes) -> bytes:
        """Return the PDU that answers a plain read of the right length."""
        table, most = READS[function]
        address, count = _ADDRESS_AND_COUNT.unpack_from(request, 6)
        if not 1 <= count <= most:
            return refused(function, ExceptionCode.ILLEGAL_VALUE)
        cells = self._images.cells(table, self._first_row + unit - 1, address, count)
        if cells is None:
            return refused(function, ExceptionCode.ILLEGAL_ADDRESS)
        if table in BIT_TABLES:
            cells = np.packbits(np.frombuffer(cells, np.uint8), bitorder="little").tobytes()
        return bytes((function, len(cells))) + cells
