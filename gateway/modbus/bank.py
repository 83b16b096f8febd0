"""The main path of Modbus: what every unit answers, from images that each tick makes anew.

PDUs in, PDUs out. No frames, no sockets and no asyncio.
"""

from struct import Struct
from typing import Final, Self

import numpy as np

from gateway.commands import Command
from gateway.modbus.pdu import READS, WRITES, ExceptionCode, Write, refused
from gateway.modbus.units import identification, writes
from gateway.modbus.units.faults import Faults
from gateway.modbus.units.images import Images
from gateway.modbus.units.subjects import Meters
from register_maps.model import BIT_TABLES, Table

GATEWAY_UNITS: Final = (255, 0)
"""The unit ids of the gateway itself; the second one is everybody where there are broadcasts."""

_READ: Final = Struct(">BHH")


class Bank:
    """The units of one port: from 1 on those in `rows` of `images`, and the gateway, alone in its own."""

    def __init__(
        self, images: Images, rows: range, gateway: Images | None = None, faults: Faults | None = None
    ) -> None:
        self.rows: Final = rows
        self.faults: Final = faults
        self._images = images
        self._gateway = gateway

    def __contains__(self, unit: int) -> bool:
        """Return whether there is such a unit."""
        return self._place(unit) is not None

    def of(self, rows: range) -> Self:
        """Return a bank of other units, from 1 on those in `rows` of the same images."""
        return type(self)(self._images, rows, self._gateway, self.faults)

    def showing(self, images: Images) -> Self:
        """Return a bank whose units show other images."""
        return type(self)(images, self.rows, self._gateway, self.faults)

    def meter(self, unit: int) -> int | None:
        """Return the row of the meter that a unit is; None if it is none."""
        meters = isinstance(self._images.subjects, Meters)
        return self.rows[unit - 1] if meters and 1 <= unit <= len(self.rows) else None

    def answer(self, unit: int, pdu: bytes) -> bytes | Write:
        """Return the answer to one request, of at least its function, or what must be done before."""
        function = pdu[0]
        if function in READS:
            return self.read(unit, pdu)
        place = self._place(unit)
        if place is None:
            return refused(function, ExceptionCode.NO_SUCH_UNIT)
        images, row = place
        if function in WRITES:
            asked = writes.parse(pdu)
            return (
                _write(asked, pdu, images, row) if asked else refused(function, ExceptionCode.ILLEGAL_VALUE)
            )
        if function == identification.REPORT:
            running = images.subjects.running(row, images.columns)
            return identification.report(pdu, images.subjects.identity(row), running=running)
        if function == identification.INTERFACE:
            return identification.identification(pdu, images.subjects.identity(row))
        return refused(function, ExceptionCode.ILLEGAL_FUNCTION)

    def read(self, unit: int, pdu: bytes) -> bytes:
        """Return the answer to a plain read."""
        place = self._place(unit)
        if place is None:
            return refused(pdu[0], ExceptionCode.NO_SUCH_UNIT)
        if len(pdu) != _READ.size:
            return refused(pdu[0], ExceptionCode.ILLEGAL_VALUE)
        function, address, count = _READ.unpack(pdu)
        table, most = READS[function]
        if not 1 <= count <= most:
            return refused(function, ExceptionCode.ILLEGAL_VALUE)
        images, row = place
        cells = images.cells(table, row, address, count)
        if cells is not None and table in BIT_TABLES:
            cells = np.packbits(np.frombuffer(cells, np.uint8), bitorder="little").tobytes()
        return _shown(function, cells)

    def broadcast(self, pdu: bytes) -> tuple[Command, ...]:
        """Return what a request to write asks of all units that can be asked it."""
        asked = writes.parse(pdu) if pdu[0] in WRITES else None
        if asked is None or not writes.is_writable(asked, self._images):
            return ()
        said = [_write(asked, pdu, self._images, row) for row in self.rows]
        return tuple(command for each in said if isinstance(each, Write) for command in each.commands)

    def _place(self, unit: int) -> tuple[Images, int] | None:
        """Return what a unit shows and its row there; None if there is no such unit."""
        if 1 <= unit <= len(self.rows):
            return self._images, self.rows[unit - 1]
        return (self._gateway, 0) if self._gateway and unit in GATEWAY_UNITS else None


def _shown(function: int, cells: bytes | None) -> bytes:
    """Return the answer that shows these cells, the refusal where there are none."""
    if cells is None:
        return refused(function, ExceptionCode.ILLEGAL_ADDRESS)
    return bytes((function, len(cells))) + cells


def _write(asked: writes.Writing, pdu: bytes, images: Images, row: int) -> bytes | Write:
    """Return what a request to write asks for, or the answer where nothing has to be done before."""
    if asked.read and images.cells(Table.HOLDING, row, *asked.read) is None:
        return refused(pdu[0], ExceptionCode.ILLEGAL_ADDRESS)
    commands = writes.commands(asked, images, row)
    if isinstance(commands, ExceptionCode):
        return refused(pdu[0], commands)
    read = asked.read

    def done() -> bytes:
        return _shown(pdu[0], images.cells(Table.HOLDING, row, *read)) if read else asked.done

    return Write(commands, done) if commands else done()
