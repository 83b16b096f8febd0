"""The device object that a meter and the gateway have alike, and what their devices can do.

The other objects of a meter are declared in `meter_objects.py`.
"""

from collections.abc import Sequence
from typing import Final

from gateway.bacnet import encoding as enc
from gateway.bacnet.codes import (
    MAX_APDU,
    OBJECT_TYPE_BITS,
    PROTOCOL_REVISION,
    PROTOCOL_VERSION,
    SERVICE_BITS,
    VENDOR_IDENTIFIER,
    Confirmed,
    ObjectType,
    Property,
    Unconfirmed,
)
from gateway.bacnet.image import PLACES
from gateway.bacnet.objects import (
    Array,
    ObjectSpec,
    Properties,
    declare,
    optional,
    required,
)
from gateway.bacnet.template import Listing, Own

SERVICES: Final = (*Confirmed, Unconfirmed.I_AM, Unconfirmed.WHO_HAS, Unconfirmed.WHO_IS)
"""The services that devices execute."""

APDU_TIMEOUT_S: Final = 3
"""How long a device waits for an answer before it asks again [s]."""
APDU_RETRIES: Final = 3
"""How often it asks again."""

NO_SEGMENTATION: Final = 3
"""BACnetSegmentation: every answer of a device fits one APDU."""

_OWN: Final = required(
    {
        prop: Own(prop)
        for prop in (
            Property.OBJECT_IDENTIFIER,
            Property.OBJECT_NAME,
            Property.VENDOR_NAME,
            Property.MODEL_NAME,
            Property.FIRMWARE_REVISION,
            Property.APPLICATION_SOFTWARE_VERSION,
        )
    }
)
_ALIKE: Final = required(
    {
        Property.SYSTEM_STATUS: enc.enumerated(0),
        Property.VENDOR_IDENTIFIER: enc.unsigned(VENDOR_IDENTIFIER),
        Property.PROTOCOL_VERSION: enc.unsigned(PROTOCOL_VERSION),
        Property.PROTOCOL_REVISION: enc.unsigned(PROTOCOL_REVISION),
        Property.PROTOCOL_SERVICES_SUPPORTED: enc.bit_string(
            SERVICE_BITS, (service.bit for service in SERVICES)
        ),
        Property.MAX_APDU_LENGTH_ACCEPTED: enc.unsigned(MAX_APDU),
        Property.SEGMENTATION_SUPPORTED: enc.enumerated(NO_SEGMENTATION),
        Property.APDU_TIMEOUT: enc.unsigned(APDU_TIMEOUT_S * 1000),
        Property.NUMBER_OF_APDU_RETRIES: enc.unsigned(APDU_RETRIES),
        Property.DEVICE_ADDRESS_BINDING: Listing(Property.DEVICE_ADDRESS_BINDING),
        Property.DATABASE_REVISION: enc.unsigned(1),
    }
)
_MORE: Final = optional(
    {
        Property.DESCRIPTION: Own(Property.DESCRIPTION),
        Property.LOCAL_DATE: PLACES["local_date"],
        Property.LOCAL_TIME: PLACES["local_time"],
        Property.UTC_OFFSET: enc.signed(0),
        Property.DAYLIGHT_SAVINGS_STATUS: enc.boolean(False),
        Property.ACTIVE_COV_SUBSCRIPTIONS: Listing(Property.ACTIVE_COV_SUBSCRIPTIONS),
    }
)


def device_object(others: Sequence[ObjectSpec], *more: Properties) -> ObjectSpec:
    """Return the device object of a device that has the objects `others`, with `more` properties."""
    kinds = {ObjectType.DEVICE, *(spec.kind for spec in others)}
    numbers = tuple(enc.object_identifier(spec.number) for spec in others)
    objects = required(
        {
            Property.PROTOCOL_OBJECT_TYPES_SUPPORTED: enc.bit_string(OBJECT_TYPE_BITS, kinds),
            Property.OBJECT_LIST: Array((Own(Property.OBJECT_IDENTIFIER), *numbers)),
        }
    )
    return declare(ObjectType.DEVICE, 0, "", "", _OWN, _ALIKE, objects, _MORE, *more)
