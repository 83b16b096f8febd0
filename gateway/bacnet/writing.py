"""WriteProperty and WritePropertyMultiple (clauses 15.9 and 15.10): read whole, then granted or refused.

Nothing of a device is writable yet: what exists is refused with write-access-denied. No sockets.
"""

from typing import Final

from gateway.bacnet import encoding as enc
from gateway.bacnet.apdu import ServiceError, error_parameters
from gateway.bacnet.codes import Confirmed, ErrorCode, RejectReason
from gateway.bacnet.encoding import Reader, RejectError
from gateway.bacnet.objects import Device
from gateway.bacnet.reading import Reference, find_value, own_number, read_index, read_reference

_LOWEST_PRIORITY: Final = 16


def write_refusal(body: bytes, device: Device) -> bytes:
    """Return the parameters of the Error PDU that answers the request `body`. Raises RejectError."""
    reader = Reader(body, 1)
    if body[0] == Confirmed.WRITE_PROPERTY:
        reference = read_reference(reader)
        _skip_value(reader, 3)
        reader.finish()
        return error_parameters(_refusal(reference, device))
    first = _read_writes(reader)[0]
    attempt = enc.context(0, own_number(first.number, device)) + enc.context(1, enc.content(first.attribute))
    if first.index is not None:
        attempt += enc.context(2, enc.content(first.index))
    return enc.constructed(0, error_parameters(_refusal(first, device))) + enc.constructed(1, attempt)


def _refusal(reference: Reference, device: Device) -> ErrorCode:
    try:
        find_value(reference, device)
    except ServiceError as refusal:
        return refusal.code
    return ErrorCode.WRITE_ACCESS_DENIED


def _read_writes(reader: Reader) -> list[Reference]:
    """Read the list of objects and what is to be written to each; there must be one of both."""
    references: list[Reference] = []
    while reader.more() or not references:
        number = enc.read_object_number(reader.context(0))
        reader.opening(1)
        while True:
            prop = enc.read_unsigned(reader.context(0))
            references.append(Reference(number, prop, read_index(reader, 1)))
            _skip_value(reader, 2)
            if reader.at_closing(1):
                break
        reader.closing(1)
    return references


def _skip_value(reader: Reader, tag: int) -> None:
    """Step over a value and the priority that may follow it."""
    reader.opening(tag)
    reader.skip_to_closing(tag)
    priority = reader.optional(tag + 1)
    if priority is not None and not 1 <= enc.read_unsigned(priority) <= _LOWEST_PRIORITY:
        raise RejectError(RejectReason.PARAMETER_OUT_OF_RANGE)
