"""Who a unit says that it is: report server id (V1.1b3, 6.13) and read device identification (6.21).

PDUs in, PDUs out; what a meter or a hub says of itself stands in `subjects`. Written by hand, since pymodbus
takes a sixth of a second to import, in which no client would be answered.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.modbus.pdu import ExceptionCode, refused

REPORT: Final = 0x11
"""Report server id."""
INTERFACE: Final = 0x2B
"""Encapsulated interface transport, of which only the type below is served."""

_DEVICE_IDENTIFICATION: Final = 0x0E
_CONFORMITY: Final = 0x83
"""Basic, regular and extended objects, as a stream and one by one."""

_STREAMS: Final = {1: range(0x03), 2: range(0x80), 3: range(0x100)}
"""Which objects a stream has, by read code."""
_ONE_OBJECT: Final = 4
_REQUEST_LENGTH: Final = 4
_ROOM: Final = 253 - 7
"""What a PDU has room for behind the head of an answer [bytes]."""
_LONGEST: Final = _ROOM - 2
_LONGEST_REPORT: Final = 253 - 4

_RUNNING: Final = {False: 0x00, True: 0xFF}


@dataclass(frozen=True, slots=True)
class Identity:
    """What a unit is: its server id of one byte, a line of text, and its identification objects by number."""

    server_id: int
    text: str
    objects: Mapping[int, str]


def report(pdu: bytes, identity: Identity, *, running: bool) -> bytes:
    """Return the PDU that answers function 17."""
    if len(pdu) != 1:
        return refused(pdu[0], ExceptionCode.ILLEGAL_VALUE)
    said = bytes((identity.server_id, _RUNNING[running])) + _ascii(identity.text, _LONGEST_REPORT)
    return bytes((pdu[0], len(said))) + said


def identification(pdu: bytes, identity: Identity) -> bytes:
    """Return the PDU that answers function 43."""
    if pdu[1:2] != bytes((_DEVICE_IDENTIFICATION,)):
        return refused(pdu[0], ExceptionCode.ILLEGAL_FUNCTION)
    if len(pdu) != _REQUEST_LENGTH:
        return refused(pdu[0], ExceptionCode.ILLEGAL_VALUE)
    code, first = pdu[2], pdu[3]
    objects = {number: _ascii(text, _LONGEST) for number, text in identity.objects.items()}
    if code == _ONE_OBJECT:
        if first not in objects:
            return refused(pdu[0], ExceptionCode.ILLEGAL_ADDRESS)
        return _answer(pdu, {first: objects[first]})
    if code not in _STREAMS:
        return refused(pdu[0], ExceptionCode.ILLEGAL_VALUE)
    stream = sorted(number for number in objects if number in _STREAMS[code])
    start = stream.index(first) if first in stream else 0
    return _answer(pdu, {number: objects[number] for number in stream[start:]})


def _answer(pdu: bytes, wanted: Mapping[int, bytes]) -> bytes:
    """Return as many of the wanted objects as there is room for, and which one follows."""
    body, told, follows = b"", 0, None
    for number, text in wanted.items():
        if len(body) + 2 + len(text) > _ROOM:
            follows = number
            break
        body += bytes((number, len(text))) + text
        told += 1
    more = (0x00, 0) if follows is None else (0xFF, follows)
    return pdu[:3] + bytes((_CONFORMITY, *more, told)) + body


def _ascii(text: str, longest: int) -> bytes:
    return text.encode("ascii", "replace")[:longest]
