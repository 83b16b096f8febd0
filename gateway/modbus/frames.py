"""Modbus TCP frames: cutting a stream into requests, and putting answers into frames.

Bytes in, bytes out. No sockets and no meters: whoever answers is a `Responder`.
"""

from enum import IntEnum
from struct import Struct
from typing import Final, NamedTuple, Protocol

from gateway.commands import Command

PLAIN: Final = 12
"""Length of a frame that asks for a plain read: header, function, address, count [bytes]."""

FRAMES_AT_ONCE: Final = 256
"""Requests answered in one go; 256 of the longest answers make 66 kB."""

_LENGTHS: Final = range(2, 255)
"""What the header may give as length: the unit id and a PDU of 1 to 253 bytes (TCP guide V1.0b, 3.1.3)."""

_HEADER: Final = Struct(">HHB")
_PROTOCOL_AND_LENGTH: Final = Struct(">HH")


class ExceptionCode(IntEnum):
    """Why a request is refused (MODBUS Application Protocol V1.1b3, 7)."""

    ILLEGAL_FUNCTION = 0x01
    ILLEGAL_ADDRESS = 0x02
    ILLEGAL_VALUE = 0x03
    FAILURE = 0x04
    NO_SUCH_UNIT = 0x0B


class Write(NamedTuple):
    """A request that is answered when `commands` are applied: with `done`, or `refusal` if one is refused."""

    commands: tuple[Command, ...]
    done: bytes
    refusal: bytes


class Responder(Protocol):
    """Answers requests. Requests and answers are frames that lack their transaction id, the first two bytes.

    `answers` holds answers already made, only to frames of `PLAIN` length.
    """

    answers: dict[bytes, bytes]

    def answer(self, request: bytes) -> bytes | Write:
        """Return the answer to one request, whose header is right, or what must be done before."""


class Exchange(NamedTuple):
    """What came of a stretch of a stream: the answers, how much of it was used up, and whether to go on.

    `broken` says that what follows is no Modbus frame, so that the connection must end. What follows a
    `write`, whose answers are whole frames, is to be answered after it.
    """

    output: bytes
    used: int
    broken: bool
    write: Write | None


def exchange(stream: bytes, responder: Responder) -> Exchange:
    """Answer the whole frames at the front of `stream`, up to `FRAMES_AT_ONCE` or a write, in order."""
    known = responder.answers.get
    output: list[bytes] = []
    at, broken, write = 0, False, None
    for _ in range(FRAMES_AT_ONCE):
        end = at + PLAIN
        answer = known(stream[at + 2 : end])
        if answer is None:
            end = _end(stream, at)
            if end <= at:
                broken = end < at
                break
            made = responder.answer(stream[at + 2 : end])
            if isinstance(made, Write):
                write, at = _tagged(stream[at : at + 2], made), end
                break
            answer = made
        output += (stream[at : at + 2], answer)
        at = end
    return Exchange(b"".join(output), at, broken, write)


def _end(stream: bytes, at: int) -> int:
    """Return where the frame at `at` ends; `at` itself if it is not whole yet, less if it is none."""
    if len(stream) - at < 6:  # noqa: PLR2004  transaction id, protocol id, length
        return at
    protocol, length = _PROTOCOL_AND_LENGTH.unpack_from(stream, at + 2)
    if protocol or length not in _LENGTHS:
        return at - 1
    end: int = at + 6 + length
    return end if end <= len(stream) else at


def _tagged(transaction: bytes, write: Write) -> Write:
    """Return `write` with answers that are whole frames."""
    return Write(write.commands, transaction + write.done, transaction + write.refusal)


def framed(unit: int, pdu: bytes) -> bytes:
    """Return an answer as a frame that lacks its transaction id."""
    return _HEADER.pack(0, len(pdu) + 1, unit) + pdu


def refused(function: int, code: ExceptionCode) -> bytes:
    """Return the PDU that refuses a request."""
    return bytes((function | 0x80, code))
