"""RTU: unit id, PDU and CRC, with nothing but silence between frames (serial line guide V1.02, 2.5.1).

Bytes in, bytes out. How long a silence is on which line is not known here.
"""

from typing import Final

from gateway.modbus.pdu import READS

LONGEST: Final = 256
"""The longest frame there may be (2.5.1) [bytes]."""

_SHORTEST: Final = 4
_CHECK: Final = 2
_PLAIN: Final = 8

_FIXED: Final = {
    **dict.fromkeys((*READS, 5, 6, 8), _PLAIN),
    **dict.fromkeys((7, 11, 12, 17), 4),
    22: 10,
    24: 6,
}
"""Lengths of the frames of requests whose function says it all (V1.1b3, 6) [bytes]."""

_COUNTED: Final = {15: 6, 16: 6, 20: 2, 21: 2, 23: 10}
"""Where in the frame of a request the number of bytes stands that follow it before the CRC."""

_IDENTIFY: Final = (0x2B, 0x0E)
_IDENTIFY_LENGTH: Final = 7


def _table() -> tuple[int, ...]:
    """Return what each byte does to the CRC: polynomial 0xA001, bits reversed (6.2.2)."""
    entries = []
    for byte in range(256):
        entry = byte
        for _ in range(8):
            entry = entry >> 1 ^ (0xA001 if entry & 1 else 0)
        entries.append(entry)
    return tuple(entries)


_TABLE: Final = _table()


def crc(data: bytes) -> bytes:
    """Return the CRC of `data` as it stands behind it in a frame."""
    table, value = _TABLE, 0xFFFF
    for byte in data:
        value = value >> 8 ^ table[(value ^ byte) & 0xFF]
    return value.to_bytes(2, "little")


class RtuFraming:
    """RTU. A frame ends where its function says if the CRC is right, else where all ends that has come."""

    tag: int = 0
    serial: bool = True
    plain: int = _PLAIN
    longest: int = LONGEST

    def end(self, stream: bytes, at: int) -> int:
        """Return where the frame at `at` ends; `at` itself if it is not whole or cannot be cut.

        What has a wrong CRC where its function says that it ends, or is of no known function, ends where all
        ends that has come if the CRC is right there.
        """
        come = len(stream) - at
        length = _length(stream, at) if come >= _SHORTEST else LONGEST
        if length <= LONGEST:
            if come < length:
                return at
            if _is_right(stream[at : at + length]):
                return at + length
        return len(stream) if come <= LONGEST and _is_right(stream[at:]) else at

    def parse(self, request: bytes) -> tuple[int, bytes] | None:
        """Return unit id and PDU of what came between two silences; None if it is no frame."""
        if not _SHORTEST <= len(request) <= LONGEST or not _is_right(request):
            return None
        return request[0], request[1:-_CHECK]

    def frame(self, unit: int, pdu: bytes) -> bytes:
        """Return an answer as a frame."""
        body = bytes((unit,)) + pdu
        return body + crc(body)


def _is_right(frame: bytes) -> bool:
    return crc(frame[:-_CHECK]) == frame[-_CHECK:]


def _length(stream: bytes, at: int) -> int:
    """Return how long the frame at `at` is by its function; more than there may be where nothing tells."""
    function = stream[at + 1]
    if function in _FIXED:
        return _FIXED[function]
    if function in _COUNTED:
        count = at + _COUNTED[function]
        return _COUNTED[function] + 1 + stream[count] + _CHECK if count < len(stream) else LONGEST
    return _IDENTIFY_LENGTH if (function, stream[at + 2]) == _IDENTIFY else LONGEST + 1
