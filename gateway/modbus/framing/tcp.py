"""Modbus TCP: a header, unit id and PDU (TCP guide V1.0b, 3.1).

Bytes in, bytes out. UDP and TLS carry the same frames.
"""

from struct import Struct
from typing import Final

_LENGTHS: Final = range(2, 255)
"""What the header may give as length: the unit id and a PDU of 1 to 253 bytes (TCP guide V1.0b, 3.1.3)."""

_HEADER: Final = Struct(">HHB")
_PROTOCOL_AND_LENGTH: Final = Struct(">HH")
_LENGTH_KNOWN: Final = 6
_UNIT: Final = 4


class TcpFraming:
    """Modbus TCP: a header with transaction id, protocol id 0 and length before unit id and PDU."""

    tag: int = 2
    serial: bool = False
    plain: int = 12
    longest: int = 260

    def end(self, stream: bytes, at: int) -> int:
        """Return where the frame at `at` ends; `at` itself if it is not whole yet, less if it is none."""
        if len(stream) - at < _LENGTH_KNOWN:
            return at
        protocol, length = _PROTOCOL_AND_LENGTH.unpack_from(stream, at + self.tag)
        if protocol or length not in _LENGTHS:
            return at - 1
        end: int = at + _LENGTH_KNOWN + length
        return end if end <= len(stream) else at

    def parse(self, request: bytes) -> tuple[int, bytes] | None:
        """Return unit id and PDU of a whole frame without its tag; its header was checked by `end`."""
        return request[_UNIT], request[_UNIT + 1 :]

    def frame(self, unit: int, pdu: bytes) -> bytes:
        """Return an answer as a frame without its tag."""
        return _HEADER.pack(0, len(pdu) + 1, unit) + pdu
