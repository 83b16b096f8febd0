"""What a fault of the line does to the bytes of an answer.

Which requests meet a fault is decided in `gateway.link_faults`. Bytes in, bytes out.
"""

from random import Random
from struct import Struct
from typing import Final

from gateway.link_faults import Strike
from gateway.modbus.framing.framing import Framing

_WORD: Final = Struct(">H")
_LENGTH_AT: Final = 4
_BEHIND_HEADER: Final = 7
"""Where the PDU begins behind a header with transaction id, protocol id, length and unit id."""


def framed(strike: Strike, framing: Framing, tag: bytes, unit: int, pdu: bytes) -> bytes:
    """Return the answer `pdu` as the bytes that go out; nothing for none.

    Frames without transaction id and length cannot say something wrong of them: they are garbled.
    """
    if not pdu:
        return b""
    frame, mode = tag + framing.frame(unit, pdu), strike.fault.mode
    match mode:
        case "truncate":
            frame = frame[: len(frame) // 2]
        case "wrong_unit":
            frame = tag + framing.frame((unit + 1) % 256, pdu)
        case "wrong_transaction" if not framing.serial:
            frame = _WORD.pack((int.from_bytes(tag) + 1) % 65536) + frame[len(tag) :]
        case "wrong_length" if not framing.serial:
            frame = frame[:_LENGTH_AT] + _WORD.pack(len(pdu) + 2) + frame[_LENGTH_AT + _WORD.size :]
        case "garble" | "wrong_transaction" | "wrong_length":
            frame = _garbled(frame, 1 if framing.serial else _BEHIND_HEADER, strike.draws.random)
    return frame


def _garbled(frame: bytes, first: int, random: Random) -> bytes:
    """Return a frame in which every byte from `first` on is another one."""
    return frame[:first] + bytes(byte ^ random.randint(1, 255) for byte in frame[first:])
