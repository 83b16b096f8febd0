"""The gateway's own BACnet device: one object, which says who routes to the meters.

It is answered for like a meter; where it is found is said in `port/layout.py`.
"""

from typing import Final

from gateway.bacnet.objects.device_object import SEGMENTING, device_object
from gateway.bacnet.objects.model import Array, Device, ObjectTable
from gateway.bacnet.values.template import Own
from gateway.bacnet.wire.codes import VENDOR_NAME, Property
from gateway.release import release

MODEL_NAME: Final = "metergate"
_ALONE: Final = Array((Own(Property.OBJECT_IDENTIFIER),))
_TABLE: Final = ObjectTable(device_object((), _ALONE, SEGMENTING), ())


def gateway_device(instance: int, name: str, description: str) -> Device:
    """Return the gateway as a device. Its clock is simulated time, which the first row has, too."""
    texts = {
        Property.VENDOR_NAME: VENDOR_NAME,
        Property.MODEL_NAME: MODEL_NAME,
        Property.FIRMWARE_REVISION: release(),
        Property.APPLICATION_SOFTWARE_VERSION: release(),
        Property.DESCRIPTION: description,
    }
    return Device(
        row=0, instance=instance, name=name, table=_TABLE, texts=texts, segments=True, is_meter=False
    )
