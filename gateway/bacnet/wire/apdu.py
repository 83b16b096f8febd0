"""The PDUs that answer a confirmed request (clause 20.1), and the limits that a request sets on its answer.

What they say is decided elsewhere.
"""

from typing import Final

from gateway.bacnet.wire.codes import MAX_APDU, AbortReason, ErrorCode
from gateway.bacnet.wire.encoding import enumerated
from gateway.errors import RequestRefusedError

PDU_TYPE: Final = 0xF0
"""The bits of a PDU's first octet that tell its type (clause 20.1)."""

CONFIRMED_REQUEST: Final = 0x00
UNCONFIRMED_REQUEST: Final = 0x10
SIMPLE_ACK: Final = 0x20
COMPLEX_ACK: Final = 0x30
SEGMENT_ACK: Final = 0x40
ERROR: Final = 0x50
REJECT: Final = 0x60
ABORT: Final = 0x71
"""An abort by the server."""
CLIENT_ABORT: Final = 0x70

SEGMENTED: Final = 0x08
"""In the first octet of a confirmed request or a ComplexACK: this is one segment of several."""
SEGMENTED_RESPONSE_ACCEPTED: Final = 0x02
"""In the first octet of a confirmed request: the answer may come in segments."""

APDU_LIMITS: Final = (50, 128, 206, 480, 1024, *(MAX_APDU,) * 11)
"""The longest APDU that the asker accepts, by the low half of a request's second octet (clause 20.1.2.5)."""
_SEGMENTS_ACCEPTED: Final = (0, 2, 4, 8, 16, 32, 64, 0)
"""What an asker accepts by the high half of a request's second octet; 0 is unspecified or more than 64."""
_ANY_NUMBER: Final = 1 << 16
"""Segments where the asker does not say how many it accepts."""
SEGMENT_HEADER: Final = 5
"""Octets of a segment before its part of the answer."""
WHOLE_HEADER: Final = 3
"""Octets of an answer in one piece up to its service choice."""


class ServiceError(RequestRefusedError):
    """A request that is well made but cannot be granted: answered by an Error PDU.

    `error_class` is given where it is not the one that the code usually has, `element`, counted from 1, where
    one element of a list is to blame.
    """

    def __init__(self, code: ErrorCode, error_class: int | None = None, *, element: int = 0) -> None:
        super().__init__(code.name.lower().replace("_", "-"))
        self.code = code
        self.error_class = error_class
        self.element = element


def error_parameters(code: int, error_class: int | None = None) -> bytes:
    """Return the class and the code of an error; without a class, the one of an `ErrorCode`."""
    return enumerated(ErrorCode(code).error_class if error_class is None else error_class) + enumerated(code)


def simple_ack(invoke: bytes, service: int) -> bytes:
    """Return a SimpleACK PDU."""
    return bytes((SIMPLE_ACK,)) + invoke + bytes((service,))


def error(invoke: bytes, service: int, parameters: bytes) -> bytes:
    """Return an Error PDU."""
    return bytes((ERROR,)) + invoke + bytes((service,)) + parameters


def reject(invoke: bytes, reason: int) -> bytes:
    """Return a Reject PDU; reasons are those of `RejectReason`, or others on a faulty line."""
    return bytes((REJECT,)) + invoke + bytes((reason,))


def abort(invoke: bytes, reason: int) -> bytes:
    """Return an Abort PDU; reasons are those of `AbortReason`, or others on a faulty line."""
    return bytes((ABORT,)) + invoke + bytes((reason,))


def longest(request: bytes) -> int:
    """Return the octets of the longest answer that its asker accepts, in one piece or in segments."""
    limit = APDU_LIMITS[request[1] & 15]
    if not _takes_segments(request):
        return limit
    most = _SEGMENTS_ACCEPTED[request[1] >> 4 & 7] or _ANY_NUMBER
    return WHOLE_HEADER + most * (limit - SEGMENT_HEADER)


def too_long(request: bytes, *, segments: bool) -> bytes:
    """Return the Abort for an answer that is too long (clause 5.4.5.3); `segments`: it could be sent so."""
    in_vain = segments and _takes_segments(request)
    why = AbortReason.BUFFER_OVERFLOW if in_vain else AbortReason.SEGMENTATION_NOT_SUPPORTED
    return abort(request[2:3], why)


def _takes_segments(request: bytes) -> bool:
    return bool(request[0] & SEGMENTED_RESPONSE_ACCEPTED)
