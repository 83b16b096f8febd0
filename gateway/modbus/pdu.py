"""What requests and answers say, whatever carries them: exception codes, plain reads, writes to be applied.

Bytes of a PDU: no frames, no meters, no sockets.
"""

from collections.abc import Callable
from enum import IntEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from gateway.commands import Command
from register_maps.model import Table

READS: Final = MappingProxyType(
    {
        1: (Table.COIL, 2000),
        2: (Table.DISCRETE, 2000),
        3: (Table.HOLDING, 125),
        4: (Table.INPUT, 125),
    }
)
"""The plain reads by function: their table, and how much one may ask for (V1.1b3, 6.1 to 6.4)."""

WRITES: Final = frozenset((5, 6, 15, 16, 22, 23))
"""Write coil, register, coils, registers; mask a register; write and read registers (V1.1b3, 6.5 to 6.17)."""

DIAGNOSTICS: Final = 8
"""The counters of a line (V1.1b3, 6.8)."""

REFUSAL: Final = 0x80
"""The bit of the function in an answer that tells a refusal (V1.1b3, 7)."""

_ONLY_ASKING: Final = frozenset((0, 2, *range(11, 19)))
"""The sub-functions of diagnostics that change nothing."""


class ExceptionCode(IntEnum):
    """Why a request is refused (MODBUS Application Protocol V1.1b3, 7)."""

    ILLEGAL_FUNCTION = 0x01
    ILLEGAL_ADDRESS = 0x02
    ILLEGAL_VALUE = 0x03
    FAILURE = 0x04
    BUSY = 0x06
    NAK = 0x07
    NO_SUCH_UNIT = 0x0B


class Write(NamedTuple):
    """A request that is answered when `commands` are applied: with what `done` then returns."""

    commands: tuple[Command, ...]
    done: Callable[[], bytes]


def refused(function: int, code: int) -> bytes:
    """Return the PDU that refuses a request."""
    return bytes((function | REFUSAL, code))


def changes(pdu: bytes) -> bool:
    """Return whether a request is one to change something: a write, or diagnostics that set a line back."""
    if pdu[0] == DIAGNOSTICS:
        return int.from_bytes(pdu[1:3], "big") not in _ONLY_ASKING
    return pdu[0] in WRITES
