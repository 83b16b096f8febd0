"""The device object that a meter and the gateway have alike, and what their devices can do.

The other objects of a meter are declared in `meter_objects.py`.
"""

from collections.abc import Iterable
from typing import Final

from gateway.bacnet.objects.model import (
    Array,
    ObjectSpec,
    Properties,
    declare,
    optional,
    required,
)
from gateway.bacnet.values.image import PLACES
from gateway.bacnet.values.template import Listing, Own
from gateway.bacnet.wire import encoding as enc
from gateway.bacnet.wire.codes import (
    MAX_APDU,
    OBJECT_TYPE_BITS,
    PROTOCOL_REVISION,
    PROTOCOL_VERSION,
    SERVICE_BITS,
    VENDOR_IDENTIFIER,
    Confirmed,
    ObjectType,
    Property,
    Segmentation,
    Unconfirmed,
)

SERVICES: Final = (*Confirmed, Unconfirmed.I_AM, Unconfirmed.WHO_HAS, Unconfirmed.WHO_IS)
"""The services that every device executes."""
CLOCK_SERVICES: Final = (Unconfirmed.TIME_SYNCHRONIZATION, Unconfirmed.UTC_TIME_SYNCHRONIZATION)
"""Those that a device with a clock of its own executes beside them."""

APDU_TIMEOUT_S: Final = 3
"""How long a device waits for an answer before it asks again [s]."""
APDU_RETRIES: Final = 3
"""How often it asks again."""
SEGMENT_TIMEOUT_S: Final = 2
"""How long a device waits for the acknowledgement of segments before it sends them again [s]."""
MOST_SUBSCRIPTIONS: Final = 8192
"""Subscriptions to changes of values that all devices hold together."""

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
        Property.SEGMENTATION_SUPPORTED: enc.enumerated(Segmentation.NONE),
        Property.APDU_TIMEOUT: enc.unsigned(APDU_TIMEOUT_S * 1000),
        Property.NUMBER_OF_APDU_RETRIES: enc.unsigned(APDU_RETRIES),
        Property.DEVICE_ADDRESS_BINDING: Listing(Property.DEVICE_ADDRESS_BINDING),
        Property.DATABASE_REVISION: enc.unsigned(1),
    }
)
_MORE: Final = optional(
    {
        Property.DESCRIPTION: Own(Property.DESCRIPTION),
        Property.LOCAL_DATE: PLACES["simulated_date"],
        Property.LOCAL_TIME: PLACES["simulated_time"],
        Property.UTC_OFFSET: enc.signed(0),
        Property.DAYLIGHT_SAVINGS_STATUS: enc.boolean(False),
        Property.ACTIVE_COV_SUBSCRIPTIONS: Listing(Property.ACTIVE_COV_SUBSCRIPTIONS),
    }
)
SEGMENTING: Final = required(
    {Property.SEGMENTATION_SUPPORTED: enc.enumerated(Segmentation.TRANSMIT)}
) | optional(
    {
        Property.MAX_SEGMENTS_ACCEPTED: enc.unsigned(1),
        Property.APDU_SEGMENT_TIMEOUT: enc.unsigned(SEGMENT_TIMEOUT_S * 1000),
    }
)
"""What the device object of a device has that sends long answers in segments, and takes requests in one."""
OWN_CLOCK: Final = required(
    {
        Property.PROTOCOL_SERVICES_SUPPORTED: enc.bit_string(
            SERVICE_BITS, (service.bit for service in (*SERVICES, *CLOCK_SERVICES))
        )
    }
) | optional({Property.LOCAL_DATE: PLACES["local_date"], Property.LOCAL_TIME: PLACES["local_time"]})
"""What the device object of a device has that has a clock of its own, which clients can set."""


def device_object(kinds: Iterable[ObjectType], objects: Array, *more: Properties) -> ObjectSpec:
    """Return the device object of a device that has `objects` of these kinds, with `more` properties."""
    listed = required(
        {
            Property.PROTOCOL_OBJECT_TYPES_SUPPORTED: enc.bit_string(
                OBJECT_TYPE_BITS, {ObjectType.DEVICE, *kinds}
            ),
            Property.OBJECT_LIST: objects,
        }
    )
    return declare(ObjectType.DEVICE, 0, "", "", _OWN, _ALIKE, listed, _MORE, *more)
