"""What the objects of a meter have that concerns alarms: the binary inputs that report, and where they do.

The other properties, and the other objects, are declared in `meter_objects.py`.
"""

from typing import Final

from gateway.bacnet.objects.model import (
    Array,
    Destinations,
    ObjectSpec,
    Properties,
    PropertySpec,
    Value,
    declare,
    optional,
    required,
)
from gateway.bacnet.values.alarms import ACK_REQUIRED, ALARMS, NOTIFICATION_CLASS, PRIORITIES
from gateway.bacnet.values.image import PLACES
from gateway.bacnet.values.template import Listing
from gateway.bacnet.wire import encoding as enc
from gateway.bacnet.wire.codes import NotifyType, ObjectType, Property, Reliability, Transition

_ALARMS: Final = {alarm.flag: alarm for alarm in ALARMS}
_NO_FAULT: Final = optional({Property.RELIABILITY: enc.enumerated(Reliability.NO_FAULT_DETECTED)})


def alarm_properties(flag: str) -> Properties:
    """Return what the binary input of a flag has that reports events, over what all have; else nothing."""
    alarm = _ALARMS.get(flag)
    if alarm is None:
        return {}
    stamps = tuple(PLACES[f"stamp_{kind:d}_{alarm.flag}"] for kind in Transition)
    state = required(
        {
            Property.STATUS_FLAGS: PLACES[f"status_flags_{alarm.flag}"],
            Property.EVENT_STATE: PLACES[f"event_state_{alarm.flag}"],
        }
    )
    reporting: dict[int, Value] = {
        Property.TIME_DELAY: enc.unsigned(alarm.delay_s),
        Property.NOTIFICATION_CLASS: enc.unsigned(NOTIFICATION_CLASS),
        Property.ALARM_VALUE: enc.enumerated(alarm.alarm_value),
        Property.EVENT_ENABLE: enc.bit_string(3, alarm.enabled),
        Property.ACKED_TRANSITIONS: PLACES[f"acked_transitions_{alarm.flag}"],
        Property.NOTIFY_TYPE: enc.enumerated(NotifyType.ALARM),
        Property.EVENT_TIME_STAMPS: Array(stamps),
        Property.EVENT_DETECTION_ENABLE: enc.boolean(True),
    }
    return state | ({} if alarm.fails else _NO_FAULT) | optional(reporting)


def notification_class() -> ObjectSpec:
    """Return the notification class of all alarms."""
    recipients = Listing(Property.RECIPIENT_LIST)
    values: dict[int, Value] = {
        Property.NOTIFICATION_CLASS: enc.unsigned(NOTIFICATION_CLASS),
        Property.PRIORITY: Array(tuple(enc.unsigned(priority) for priority in PRIORITIES)),
        Property.ACK_REQUIRED: enc.bit_string(3, ACK_REQUIRED),
    }
    told: Properties = {Property.RECIPIENT_LIST: PropertySpec(recipients, setting=Destinations())}
    kind, number = ObjectType.NOTIFICATION_CLASS, NOTIFICATION_CLASS
    return declare(kind, number, "alarms", "Where alarms go", required(values), told)
