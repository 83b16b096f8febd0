"""The main path of Modbus: what every unit answers, from images that each tick makes anew.

PDUs in, PDUs out. No frames, no sockets and no asyncio.
"""

from collections.abc import Sequence
from struct import Struct
from typing import Final

import numpy as np

from gateway.modbus import slow, writes
from gateway.modbus.images import Images
from gateway.modbus.pdu import READS, ExceptionCode, Write, refused
from register_maps.model import BIT_TABLES
from sims.models import Nameplate

_READ: Final = Struct(">BHH")


class Bank:
    """The units of one port, from 1 on; the first one is the meter in row `first_row` of the images."""

    def __init__(self, images: Images, meters: Sequence[Nameplate], first_row: int) -> None:
        self.meters: Final = tuple(meters)
        self._images = images
        self._first_row = first_row

    def answer(self, unit: int, pdu: bytes) -> bytes | Write:
        """Return the answer to one request, of at least its function, or what must be done before."""
        function = pdu[0]
        if not 1 <= unit <= len(self.meters):
            return refused(function, ExceptionCode.NO_SUCH_UNIT)
        if function in READS:
            return self._read(unit, pdu)
        if function in writes.FUNCTIONS:
            return self._write(unit, pdu)
        return slow.answer(pdu, self.meters[unit - 1])

    def _write(self, unit: int, pdu: bytes) -> bytes | Write:
        """Return what a request to write asks for, or the answer where nothing has to be done before."""
        row, meter = self._first_row + unit - 1, self.meters[unit - 1]
        asked = writes.commands(pdu, row, meter, self._images.effects)
        if isinstance(asked, ExceptionCode):
            return refused(pdu[0], asked)
        done = pdu[: writes.ANSWER]
        return Write(asked, done, refused(pdu[0], ExceptionCode.FAILURE)) if asked else done

    def _read(self, unit: int, pdu: bytes) -> bytes:
        """Return the answer to a plain read."""
        if len(pdu) != _READ.size:
            return refused(pdu[0], ExceptionCode.ILLEGAL_VALUE)
        function, address, count = _READ.unpack(pdu)
        table, most = READS[function]
        if not 1 <= count <= most:
            return refused(function, ExceptionCode.ILLEGAL_VALUE)
        cells = self._images.cells(table, self._first_row + unit - 1, address, count)
        if cells is None:
            return refused(function, ExceptionCode.ILLEGAL_ADDRESS)
        if table in BIT_TABLES:
            cells = np.packbits(np.frombuffer(cells, np.uint8), bitorder="little").tobytes()
        return bytes((function, len(cells))) + cells
