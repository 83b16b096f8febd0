"""What requests to write ask for: which commands, or why not. Only what a map says so can be written.

Bytes in, commands out. No sockets and no asyncio: the commands are applied elsewhere.
"""

from struct import Struct
from typing import Final, NamedTuple

from gateway.commands import Command
from gateway.modbus.pdu import ExceptionCode
from gateway.modbus.units.images import Images
from register_maps.model import Effect, Entry, Table

_COILS: Final = range(1, 1969)
_REGISTERS: Final = range(1, 124)
_READ_BESIDE: Final = range(1, 126)
_WRITTEN_BESIDE: Final = range(1, 122)
"""What functions 15, 16 and 23 may give as counts (V1.1b3, 6.11, 6.12, 6.17)."""

_BITS: Final = {0x0000: 0, 0xFF00: 1}
"""What function 5 may write."""

_ONE: Final = Struct(">BHH")
_SEVERAL: Final = Struct(">BHHB")
_MASK: Final = Struct(">BHHH")
_BESIDE: Final = Struct(">BHHHHB")


class Writing(NamedTuple):
    """What a request puts into the cells of `table` from `address` on, and the answer when that is done.

    Of a single register the bits of `kept` stay as they are. `read` are address and count of the holding
    registers that are the answer instead of `done`.
    """

    table: Table
    address: int
    values: tuple[int, ...]
    done: bytes = b""
    kept: int = 0
    read: tuple[int, int] | None = None


def parse(pdu: bytes) -> Writing | None:
    """Return what a request to write asks for, None if it is malformed."""
    match pdu[0]:
        case 5 | 6 if len(pdu) == _ONE.size:
            return _one(pdu)
        case 15 | 16 if len(pdu) > _SEVERAL.size:
            return _several(pdu)
        case 22 if len(pdu) == _MASK.size:
            _, address, kept, put = _MASK.unpack(pdu)
            return Writing(Table.HOLDING, address, (put & ~kept,), pdu, kept)
        case 23 if len(pdu) > _BESIDE.size:
            _, first, read, address, count, size = _BESIDE.unpack_from(pdu)
            data = pdu[_BESIDE.size :]
            if read in _READ_BESIDE and count in _WRITTEN_BESIDE and len(data) == size == 2 * count:
                return Writing(Table.HOLDING, address, _words(data), read=(first, read))
    return None


def _one(pdu: bytes) -> Writing | None:
    """Return what function 5 or 6 writes."""
    function, address, value = _ONE.unpack(pdu)
    if function == 6:  # noqa: PLR2004  write single register
        return Writing(Table.HOLDING, address, (value,), pdu)
    return Writing(Table.COIL, address, (_BITS[value],), pdu) if value in _BITS else None


def _several(pdu: bytes) -> Writing | None:
    """Return what function 15 or 16 writes."""
    function, address, count, size = _SEVERAL.unpack_from(pdu)
    data, done = pdu[_SEVERAL.size :], pdu[: _ONE.size]
    if len(data) != size:
        return None
    if function == 16:  # noqa: PLR2004  write multiple registers
        whole = count in _REGISTERS and size == 2 * count
        return Writing(Table.HOLDING, address, _words(data), done) if whole else None
    if count not in _COILS or size != (count + 7) // 8:
        return None
    bits = int.from_bytes(data, "little")
    return Writing(Table.COIL, address, tuple(bits >> place & 1 for place in range(count)), done)


def _words(data: bytes) -> tuple[int, ...]:
    return tuple(int.from_bytes(data[at : at + 2]) for at in range(0, len(data), 2))


def is_writable(asked: Writing, images: Images) -> bool:
    """Return whether each address that is asked for can be written by a unit that has what it takes."""
    addresses = range(asked.address, asked.address + len(asked.values))
    return all((asked.table, address) in images.writable for address in addresses)


def commands(asked: Writing, images: Images, row: int) -> tuple[Command, ...] | ExceptionCode:
    """Return what is asked of the one in `row`, in the order of addresses, or why not: then nothing is."""
    found: list[tuple[Entry, Effect, int]] = []
    for address, cells in enumerate(asked.values, asked.address):
        writable = images.writable.get((asked.table, address))
        if writable is None:
            return ExceptionCode.ILLEGAL_ADDRESS
        found.append((*writable, cells))
    made: list[Command] = []
    for entry, effect, cells in found:
        put, kept = _number(entry, cells), _number(entry, asked.kept)
        shown = images.cells(Table.HOLDING, row, entry.address, 1) if kept else None
        value = put | _number(entry, int.from_bytes(shown or b"")) & kept
        if not entry.lowest_written <= value <= entry.highest_written:
            return ExceptionCode.ILLEGAL_VALUE
        command = images.subjects.command(effect, row, put, kept)
        if isinstance(command, ExceptionCode):
            return command
        if command:
            made.append(command)
    return tuple(made)


def _number(entry: Entry, word: int) -> int:
    """Return the number that `word` is in an entry of one register or coil."""
    return int.from_bytes(word.to_bytes(2), "little") if entry.word_order.little_bytes else word
