"""What neither reads nor writes, through pymodbus's PDU classes.

No sockets. pymodbus is imported here alone, when it is needed; nothing of its server or of its one identity
for the whole process is used.
"""

from typing import Final

from gateway.modbus.pdu import ExceptionCode, refused
from sims.models import Nameplate

IDENTIFY: Final = 0x2B
"""Encapsulated interface transport (V1.1b3, 6.19), of which only the type below is served."""
DEVICE_IDENTIFICATION: Final = 0x0E
"""Read device identification (6.21)."""
REGULAR: Final = 0x82
"""Conformity level: basic and regular objects, as a stream and one by one."""

_VENDOR_URL: Final = "https://www.leviton.com"
_BASIC_OBJECTS: Final = range(3)
_STREAMS: Final = (1, 2, 3)
_ONE_OBJECT: Final = 4
_REQUEST_LENGTH: Final = 4
_LONGEST_OBJECT: Final = 240
"""So that any object fits into a PDU of 253 bytes."""


def answer(pdu: bytes, meter: Nameplate) -> bytes:
    """Return the PDU that answers a request to `meter` which neither reads nor writes."""
    function = pdu[0]
    if function != IDENTIFY or pdu[1:2] != bytes((DEVICE_IDENTIFICATION,)):
        return refused(function, ExceptionCode.ILLEGAL_FUNCTION)
    if len(pdu) != _REQUEST_LENGTH:
        return refused(function, ExceptionCode.ILLEGAL_VALUE)
    return _identification(pdu, meter)


def identity(meter: Nameplate) -> dict[int, bytes]:
    """Return the identification objects of a meter by their ids (V1.1b3, 6.21)."""
    texts = (
        meter.vendor,
        meter.model.key,
        meter.firmware,
        _VENDOR_URL,
        f"Series {meter.model.series} kWh meter",
        f"{meter.model.service.words}, {meter.model.voltage.nominal:g} V",
        meter.name or meter.id,
    )
    return {number: text.encode("ascii", "replace")[:_LONGEST_OBJECT] for number, text in enumerate(texts)}


def _identification(pdu: bytes, meter: Nameplate) -> bytes:
    from pymodbus.pdu.mei_message import (  # noqa: PLC0415  slow to import, and seldom needed
        ReadDeviceInformationRequest,
        ReadDeviceInformationResponse,
    )

    request = ReadDeviceInformationRequest()
    request.decode(pdu[1:])
    objects = identity(meter)
    code, first = int(request.read_code), int(request.object_id)
    if code == _ONE_OBJECT:
        if first not in objects:
            return refused(IDENTIFY, ExceptionCode.ILLEGAL_ADDRESS)
        wanted = {first: objects[first]}
    elif code in _STREAMS:
        wanted = _stream(objects, code, first)
    else:
        return refused(IDENTIFY, ExceptionCode.ILLEGAL_VALUE)
    response = ReadDeviceInformationResponse(read_code=code, information=wanted)
    response.conformity = REGULAR
    return bytes((IDENTIFY,)) + response.encode()


def _stream(objects: dict[int, bytes], code: int, first: int) -> dict[int, bytes]:
    """Return the objects of a category from `first` on; from the beginning if `first` is not in it."""
    category = [number for number in objects if code != 1 or number in _BASIC_OBJECTS]
    start = first if first in category else 0
    return {number: objects[number] for number in category if number >= start}
