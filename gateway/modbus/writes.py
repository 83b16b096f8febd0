"""What requests to write ask for: which commands, or why not. Only coils of a map that say so can be written.

Bytes in, commands out. No sockets and no asyncio: the commands are applied elsewhere. Read with `struct`,
because pymodbus's PDU classes take any value but 0 for ON and let wrong lengths pass.
"""

from collections.abc import Iterator, Mapping
from struct import Struct
from typing import Final

from gateway.commands import Command, ResetPeak, TurnKey
from gateway.modbus.pdu import ExceptionCode
from register_maps.model import Effect
from sims.models import Nameplate

FUNCTIONS: Final = frozenset((5, 6, 15, 16, 22, 23))
"""Write coil, register, coils, registers; mask a register; write and read registers (V1.1b3, 6.5 to 6.17)."""

ANSWER: Final = 5
"""How much of a request to write coils its answer repeats: function, address, value or count [bytes]."""

_COILS: Final = range(1, 1969)
_REGISTERS: Final = range(1, 124)
_READ_BESIDE: Final = range(1, 126)
_WRITTEN_BESIDE: Final = range(1, 122)
"""What functions 15, 16 and 23 may give as counts."""

_BITS: Final = {0x0000: 0, 0xFF00: 1}
"""What function 5 may write."""

_ONE: Final = Struct(">BHH")
_SEVERAL: Final = Struct(">BHHB")
_MASK: Final = Struct(">BHHH")
_BESIDE: Final = Struct(">BHHHHB")


def commands(
    pdu: bytes, row: int, meter: Nameplate, effects: Mapping[int, Effect]
) -> tuple[Command, ...] | ExceptionCode:
    """Return what a request to write asks of the meter in `row`, in the order of addresses, or its refusal.

    `effects` are the coils that can be written, by address.
    """
    if pdu[0] not in {5, 15}:
        return ExceptionCode.ILLEGAL_ADDRESS if _is_whole(pdu) else ExceptionCode.ILLEGAL_VALUE
    bits = dict(_bits(pdu))
    if not bits:
        return ExceptionCode.ILLEGAL_VALUE
    asked: list[Command] = []
    for address, bit in bits.items():
        match effects.get(address):
            case Effect.KEY_SWITCH:
                asked.append(TurnKey(row, "right" if bit else "home"))
            case Effect.RESET_PEAK if bit and "peak_reset" not in meter.options:
                return ExceptionCode.ILLEGAL_ADDRESS
            case Effect.RESET_PEAK if bit:
                asked.append(ResetPeak(row))
            case None:
                return ExceptionCode.ILLEGAL_ADDRESS
    return tuple(asked)


def _bits(pdu: bytes) -> Iterator[tuple[int, int]]:
    """Yield addresses and what a request writes to the coils there; nothing if it is malformed."""
    if pdu[0] == 5:  # noqa: PLR2004  write single coil
        if len(pdu) == _ONE.size:
            _, address, value = _ONE.unpack(pdu)
            if value in _BITS:
                yield address, _BITS[value]
    elif len(pdu) > _SEVERAL.size:
        _, address, count, size = _SEVERAL.unpack_from(pdu)
        data = pdu[_SEVERAL.size :]
        if count in _COILS and len(data) == size == (count + 7) // 8:
            number = int.from_bytes(data, "little")
            yield from ((address + place, number >> place & 1) for place in range(count))


def _is_whole(pdu: bytes) -> bool:
    """Return whether a request to write registers is well-formed."""
    match pdu[0]:
        case 6:
            return len(pdu) == _ONE.size
        case 22:
            return len(pdu) == _MASK.size
        case 16 if len(pdu) > _SEVERAL.size:
            _, _, count, size = _SEVERAL.unpack_from(pdu)
            whole = count in _REGISTERS and len(pdu) - _SEVERAL.size == size == 2 * count
        case 23 if len(pdu) > _BESIDE.size:
            _, _, read, _, count, size = _BESIDE.unpack_from(pdu)
            fit = read in _READ_BESIDE and count in _WRITTEN_BESIDE
            whole = fit and len(pdu) - _BESIDE.size == size == 2 * count
        case _:
            whole = False
    return whole
