"""ASCII: a colon, unit id, PDU and LRC as hexadecimal digits, CR LF (serial line guide V1.02, 2.5.2).

Bytes in, bytes out. How long the characters of a frame may be apart is not known here.
"""

from binascii import unhexlify
from typing import Final

LONGEST: Final = 513
"""The longest frame there may be (2.5.2) [bytes]."""

_START: Final = b":"
_END: Final = b"\r\n"
_SHORTEST: Final = 3
"""Unit id, function, LRC [bytes]."""


def lrc(data: bytes) -> int:
    """Return the LRC of `data`: what makes the sum of all bytes zero (6.2.1)."""
    return -sum(data) & 0xFF


class AsciiFraming:
    """ASCII. What stands before a colon is no part of a frame; a colon begins a new one wherever it comes."""

    tag: int = 0
    serial: bool = True
    plain: int = 17
    longest: int = LONGEST

    def end(self, stream: bytes, at: int) -> int:
        """Return where the frame at `at` ends, or what is none; `at` itself if it is not whole yet."""
        if not stream.startswith(_START, at):
            start = stream.find(_START, at)
            return start if start >= 0 else len(stream)
        most = at + LONGEST
        stop = stream.find(_END, at, most)
        again = stream.find(_START, at + 1, stop if stop >= 0 else most)
        if again >= 0:
            return again
        if stop >= 0:
            return stop + len(_END)
        return most if len(stream) >= most else at

    def parse(self, request: bytes) -> tuple[int, bytes] | None:
        """Return unit id and PDU of a frame; None for what is none."""
        if not (request.startswith(_START) and request.endswith(_END)):
            return None
        try:
            body = unhexlify(request[len(_START) : -len(_END)])
        except ValueError:
            return None
        if len(body) < _SHORTEST or sum(body) & 0xFF:
            return None
        return body[0], body[1:-1]

    def frame(self, unit: int, pdu: bytes) -> bytes:
        """Return an answer as a frame."""
        body = bytes((unit,)) + pdu
        return _START + (body + bytes((lrc(body),))).hex().upper().encode() + _END
