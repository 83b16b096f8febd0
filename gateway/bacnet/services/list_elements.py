"""AddListElement and RemoveListElement (clauses 15.1 and 15.2): all elements of a request, or none.

Only lists that can be written are changed; what their elements are is known to `objects/recipients.py`.
"""

from gateway.bacnet.objects.model import Destinations, Device, LogBuffer
from gateway.bacnet.objects.recipients import Recipients, read_destinations
from gateway.bacnet.services.reading import Reference, find_property, read_reference
from gateway.bacnet.values.template import Listing
from gateway.bacnet.wire import apdu
from gateway.bacnet.wire import encoding as enc
from gateway.bacnet.wire.apdu import ServiceError
from gateway.bacnet.wire.codes import Confirmed, ErrorCode
from gateway.bacnet.wire.encoding import Reader


def change_list(invoke: bytes, body: bytes, device: Device, recipients: Recipients) -> bytes:
    """Carry out a request from its service choice on; return the answer. Raises RejectError."""
    reader = Reader(body, 1)
    reference = read_reference(reader)
    elements = reader.constructed(3)
    reader.finish()
    device = device.part(reference.number)
    try:
        _check_list(reference, device)
        wanted = read_destinations(elements)
        if body[0] == Confirmed.ADD_LIST_ELEMENT:
            recipients.add(device, wanted)
        else:
            recipients.remove(device, wanted)
    except ServiceError as refusal:
        error = enc.constructed(0, apdu.error_parameters(refusal.code))
        first_failed = enc.context(1, enc.content(refusal.element))
        return apdu.error(invoke, body[0], error + first_failed)
    return apdu.simple_ack(invoke, body[0])


def _check_list(reference: Reference, device: Device) -> None:
    """Raise ServiceError unless a list that can be changed is referred to."""
    found = find_property(reference, device)
    if not isinstance(found.value, Listing | LogBuffer):
        raise ServiceError(ErrorCode.PROPERTY_IS_NOT_A_LIST)
    if reference.index is not None:
        raise ServiceError(ErrorCode.PROPERTY_IS_NOT_AN_ARRAY)
    if not isinstance(found.setting, Destinations):
        raise ServiceError(ErrorCode.WRITE_ACCESS_DENIED)
