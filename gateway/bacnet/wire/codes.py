"""The numbers of the standard (ANSI/ASHRAE 135-2012, clauses 18 to 21) that metergate uses, by their names.

Only numbers: what is done with them is elsewhere.
"""

from enum import IntEnum
from typing import Final

PROTOCOL_VERSION: Final = 1
PROTOCOL_REVISION: Final = 14
"""The revision of 135-2012: the first with property-list, and before network-port objects are demanded."""

SERVICE_BITS: Final = 41
"""Bits of BACnetServicesSupported at revision 14: 0 (acknowledge-alarm) to 40 (write-group)."""

OBJECT_TYPE_BITS: Final = 55
"""Bits of BACnetObjectTypesSupported at revision 14: 0 (analog-input) to 54 (lighting-output)."""

VENDOR_IDENTIFIER: Final = 999
"""Of the identifiers that ASHRAE keeps for tests: metergate simulates and is nobody's product."""

VENDOR_NAME: Final = "metergate"

ANY_INSTANCE: Final = 4_194_303
"""As a device instance: "whichever device you are"; as a limit: the highest there is."""

MAX_APDU: Final = 1476
"""The longest APDU that fits a BACnet/IP datagram, and what a meter accepts."""


class ObjectType(IntEnum):
    """BACnetObjectType."""

    ANALOG_INPUT = 0
    BINARY_INPUT = 3
    BINARY_VALUE = 5
    DEVICE = 8
    MULTI_STATE_INPUT = 13
    NOTIFICATION_CLASS = 15
    TREND_LOG = 20
    ACCUMULATOR = 23
    CHARACTERSTRING_VALUE = 40


class Property(IntEnum):
    """BACnetPropertyIdentifier."""

    ACKED_TRANSITIONS = 0
    ACK_REQUIRED = 1
    ACTIVE_TEXT = 4
    ALARM_VALUE = 6
    ALL = 8
    APDU_SEGMENT_TIMEOUT = 10
    APDU_TIMEOUT = 11
    APPLICATION_SOFTWARE_VERSION = 12
    NOTIFICATION_CLASS = 17
    COV_INCREMENT = 22
    DAYLIGHT_SAVINGS_STATUS = 24
    DESCRIPTION = 28
    DEVICE_ADDRESS_BINDING = 30
    EVENT_ENABLE = 35
    EVENT_STATE = 36
    FIRMWARE_REVISION = 44
    INACTIVE_TEXT = 46
    LOCAL_DATE = 56
    LOCAL_TIME = 57
    LOCATION = 58
    MAX_APDU_LENGTH_ACCEPTED = 62
    MAX_PRES_VALUE = 65
    MIN_PRES_VALUE = 69
    MODEL_NAME = 70
    NOTIFY_TYPE = 72
    NUMBER_OF_APDU_RETRIES = 73
    NUMBER_OF_STATES = 74
    OBJECT_IDENTIFIER = 75
    OBJECT_LIST = 76
    OBJECT_NAME = 77
    OBJECT_TYPE = 79
    OPTIONAL = 80
    OUT_OF_SERVICE = 81
    POLARITY = 84
    PRESENT_VALUE = 85
    PRIORITY = 86
    PROTOCOL_OBJECT_TYPES_SUPPORTED = 96
    PROTOCOL_SERVICES_SUPPORTED = 97
    PROTOCOL_VERSION = 98
    RECIPIENT_LIST = 102
    RELIABILITY = 103
    REQUIRED = 105
    SEGMENTATION_SUPPORTED = 107
    STATE_TEXT = 110
    STATUS_FLAGS = 111
    SYSTEM_STATUS = 112
    TIME_DELAY = 113
    UNITS = 117
    UTC_OFFSET = 119
    VENDOR_IDENTIFIER = 120
    VENDOR_NAME = 121
    BUFFER_SIZE = 126
    EVENT_TIME_STAMPS = 130
    LOG_BUFFER = 131
    LOG_DEVICE_OBJECT_PROPERTY = 132
    ENABLE = 133
    LOG_INTERVAL = 134
    PROTOCOL_REVISION = 139
    RECORD_COUNT = 141
    STOP_WHEN_FULL = 144
    TOTAL_RECORD_COUNT = 145
    ACTIVE_COV_SUBSCRIPTIONS = 152
    DATABASE_REVISION = 155
    MAX_SEGMENTS_ACCEPTED = 167
    PRESCALE = 185
    SCALE = 187
    LOGGING_TYPE = 197
    EVENT_DETECTION_ENABLE = 353
    PROPERTY_LIST = 371
    SERIAL_NUMBER = 372


class Unit(IntEnum):
    """BACnetEngineeringUnits."""

    AMPERES = 3
    VOLTS = 5
    KILOVOLT_AMPERES = 9
    KILOVOLT_AMPERES_REACTIVE = 12
    POWER_FACTOR = 15
    WATT_HOURS = 18
    KILOWATT_HOURS = 19
    HERTZ = 27
    KILOWATTS = 48
    DEGREES_CELSIUS = 62


class EventState(IntEnum):
    """BACnetEventState, as far as binary objects have them."""

    NORMAL = 0
    FAULT = 1
    OFFNORMAL = 2


class Transition(IntEnum):
    """A kind of transition: its bit of BACnetEventTransitionBits, and its place in arrays of three."""

    TO_OFFNORMAL = 0
    TO_FAULT = 1
    TO_NORMAL = 2


class EventType(IntEnum):
    """BACnetEventType, and the tag of its BACnetNotificationParameters."""

    CHANGE_OF_STATE = 1
    CHANGE_OF_RELIABILITY = 19


class Segmentation(IntEnum):
    """BACnetSegmentation."""

    TRANSMIT = 1
    NONE = 3


class NotifyType(IntEnum):
    """BACnetNotifyType."""

    ALARM = 0
    ACK_NOTIFICATION = 2


class Reliability(IntEnum):
    """BACnetReliability."""

    NO_FAULT_DETECTED = 0
    UNRELIABLE_OTHER = 7
    COMMUNICATION_FAILURE = 12


class Confirmed(IntEnum):
    """BACnetConfirmedServiceChoice; the bit of BACnetServicesSupported is `bit`."""

    ACKNOWLEDGE_ALARM = 0
    GET_ALARM_SUMMARY = 3
    GET_ENROLLMENT_SUMMARY = 4
    SUBSCRIBE_COV = 5
    ADD_LIST_ELEMENT = 8
    REMOVE_LIST_ELEMENT = 9
    READ_PROPERTY = 12
    READ_PROPERTY_MULTIPLE = 14
    WRITE_PROPERTY = 15
    WRITE_PROPERTY_MULTIPLE = 16
    DEVICE_COMMUNICATION_CONTROL = 17
    REINITIALIZE_DEVICE = 20
    READ_RANGE = 26
    SUBSCRIBE_COV_PROPERTY = 28
    GET_EVENT_INFORMATION = 29

    @property
    def bit(self) -> int:
        """The service's place in BACnetServicesSupported."""
        return int(self) if self < Confirmed.READ_RANGE else _LATE_BITS[self]


_LATE_BITS: Final = {
    Confirmed.READ_RANGE: 35,
    Confirmed.SUBSCRIBE_COV_PROPERTY: 38,
    Confirmed.GET_EVENT_INFORMATION: 39,
}
"""Services that came after the bits of the unconfirmed ones."""

READS: Final = frozenset({Confirmed.READ_PROPERTY, Confirmed.READ_PROPERTY_MULTIPLE})
"""The services whose answers depend on nothing but the request and the tick."""
WRITES: Final = frozenset({Confirmed.WRITE_PROPERTY, Confirmed.WRITE_PROPERTY_MULTIPLE})
LIST_CHANGES: Final = frozenset({Confirmed.ADD_LIST_ELEMENT, Confirmed.REMOVE_LIST_ELEMENT})


class Told(IntEnum):
    """BACnetConfirmedServiceChoice of what devices ask of others and do not do themselves."""

    COV_NOTIFICATION = 1
    EVENT_NOTIFICATION = 2


class Unconfirmed(IntEnum):
    """BACnetUnconfirmedServiceChoice; the bit of BACnetServicesSupported is `bit`."""

    I_AM = 0
    I_HAVE = 1
    COV_NOTIFICATION = 2
    EVENT_NOTIFICATION = 3
    TIME_SYNCHRONIZATION = 6
    WHO_HAS = 7
    WHO_IS = 8
    UTC_TIME_SYNCHRONIZATION = 9

    @property
    def bit(self) -> int:
        """The service's place in BACnetServicesSupported; read-range stands before the last of them."""
        return 26 + int(self) + (self is Unconfirmed.UTC_TIME_SYNCHRONIZATION)


class RejectReason(IntEnum):
    """BACnetRejectReason (clause 18.9)."""

    INVALID_PARAMETER_DATA_TYPE = 3
    INVALID_TAG = 4
    MISSING_REQUIRED_PARAMETER = 5
    PARAMETER_OUT_OF_RANGE = 6
    TOO_MANY_ARGUMENTS = 7
    UNDEFINED_ENUMERATION = 8
    UNRECOGNIZED_SERVICE = 9


class AbortReason(IntEnum):
    """BACnetAbortReason (clause 18.10)."""

    OTHER = 0
    BUFFER_OVERFLOW = 1
    SEGMENTATION_NOT_SUPPORTED = 4
    WINDOW_SIZE_OUT_OF_RANGE = 7
    OUT_OF_RESOURCES = 9


class ErrorCode(IntEnum):
    """BACnetErrorCode (clause 18.3 on); `error_class` is the class under which metergate reports it.

    What a service itself lacks is an error of that service, whatever the code: see `ServiceError`.
    """

    INVALID_DATA_TYPE = 9
    INVALID_TIME_STAMP = 14
    NO_SPACE_TO_ADD_LIST_ELEMENT = 19
    NO_SPACE_TO_WRITE_PROPERTY = 20
    PROPERTY_IS_NOT_A_LIST = 22
    OPERATIONAL_PROBLEM = 25
    PASSWORD_FAILURE = 26
    READ_ACCESS_DENIED = 27
    UNKNOWN_OBJECT = 31
    UNKNOWN_PROPERTY = 32
    VALUE_OUT_OF_RANGE = 37
    WRITE_ACCESS_DENIED = 40
    CHARACTER_SET_NOT_SUPPORTED = 41
    INVALID_ARRAY_INDEX = 42
    NOT_COV_PROPERTY = 44
    OPTIONAL_FUNCTIONALITY_NOT_SUPPORTED = 45
    PROPERTY_IS_NOT_AN_ARRAY = 50
    INVALID_EVENT_STATE = 73
    NO_ALARM_CONFIGURED = 74
    LIST_ELEMENT_NOT_FOUND = 81

    @property
    def error_class(self) -> int:
        """BACnetErrorClass: device 0, object 1, property 2, resources 3, security 4, services 5."""
        return {
            ErrorCode.OPERATIONAL_PROBLEM: 0,
            ErrorCode.UNKNOWN_OBJECT: 1,
            ErrorCode.OPTIONAL_FUNCTIONALITY_NOT_SUPPORTED: 1,
            ErrorCode.NO_ALARM_CONFIGURED: 1,
            ErrorCode.NO_SPACE_TO_ADD_LIST_ELEMENT: 3,
            ErrorCode.NO_SPACE_TO_WRITE_PROPERTY: 3,
            ErrorCode.PASSWORD_FAILURE: 4,
            ErrorCode.PROPERTY_IS_NOT_A_LIST: 5,
            ErrorCode.INVALID_TIME_STAMP: 5,
            ErrorCode.INVALID_EVENT_STATE: 5,
            ErrorCode.LIST_ELEMENT_NOT_FOUND: 5,
        }.get(self, 2)
