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

    ACK_REQUIRED = 1
    ACTIVE_TEXT = 4
    ALL = 8
    APDU_TIMEOUT = 11
    APPLICATION_SOFTWARE_VERSION = 12
    NOTIFICATION_CLASS = 17
    DAYLIGHT_SAVINGS_STATUS = 24
    DESCRIPTION = 28
    DEVICE_ADDRESS_BINDING = 30
    EVENT_STATE = 36
    FIRMWARE_REVISION = 44
    INACTIVE_TEXT = 46
    LOCAL_DATE = 56
    LOCAL_TIME = 57
    LOCATION = 58
    MAX_APDU_LENGTH_ACCEPTED = 62
    MAX_PRES_VALUE = 65
    MODEL_NAME = 70
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
    UNITS = 117
    UTC_OFFSET = 119
    VENDOR_IDENTIFIER = 120
    VENDOR_NAME = 121
    BUFFER_SIZE = 126
    LOG_BUFFER = 131
    LOG_DEVICE_OBJECT_PROPERTY = 132
    ENABLE = 133
    LOG_INTERVAL = 134
    PROTOCOL_REVISION = 139
    RECORD_COUNT = 141
    STOP_WHEN_FULL = 144
    TOTAL_RECORD_COUNT = 145
    DATABASE_REVISION = 155
    PRESCALE = 185
    SCALE = 187
    LOGGING_TYPE = 197
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


class Reliability(IntEnum):
    """BACnetReliability."""

    NO_FAULT_DETECTED = 0
    COMMUNICATION_FAILURE = 12


class Confirmed(IntEnum):
    """BACnetConfirmedServiceChoice; the bit of BACnetServicesSupported is `bit`."""

    READ_PROPERTY = 12
    READ_PROPERTY_MULTIPLE = 14
    WRITE_PROPERTY = 15
    WRITE_PROPERTY_MULTIPLE = 16
    READ_RANGE = 26

    @property
    def bit(self) -> int:
        """The service's place in BACnetServicesSupported."""
        return 35 if self is Confirmed.READ_RANGE else int(self)


class Unconfirmed(IntEnum):
    """BACnetUnconfirmedServiceChoice; the bit of BACnetServicesSupported is `bit`."""

    I_AM = 0
    I_HAVE = 1
    WHO_HAS = 7
    WHO_IS = 8

    @property
    def bit(self) -> int:
        """The service's place in BACnetServicesSupported."""
        return 26 + int(self)


class RejectReason(IntEnum):
    """BACnetRejectReason (clause 18.9)."""

    INVALID_PARAMETER_DATA_TYPE = 3
    INVALID_TAG = 4
    MISSING_REQUIRED_PARAMETER = 5
    PARAMETER_OUT_OF_RANGE = 6
    TOO_MANY_ARGUMENTS = 7
    UNRECOGNIZED_SERVICE = 9


class AbortReason(IntEnum):
    """BACnetAbortReason (clause 18.10)."""

    OTHER = 0
    SEGMENTATION_NOT_SUPPORTED = 4
    OUT_OF_RESOURCES = 9


class ErrorCode(IntEnum):
    """BACnetErrorCode (clause 18.3 on); `error_class` is the class under which metergate reports it."""

    INVALID_DATA_TYPE = 9
    PROPERTY_IS_NOT_A_LIST = 22
    OPERATIONAL_PROBLEM = 25
    READ_ACCESS_DENIED = 27
    UNKNOWN_OBJECT = 31
    UNKNOWN_PROPERTY = 32
    VALUE_OUT_OF_RANGE = 37
    WRITE_ACCESS_DENIED = 40
    INVALID_ARRAY_INDEX = 42
    PROPERTY_IS_NOT_AN_ARRAY = 50

    @property
    def error_class(self) -> int:
        """BACnetErrorClass: device 0, object 1, property 2, services 5."""
        return {
            ErrorCode.OPERATIONAL_PROBLEM: 0,
            ErrorCode.UNKNOWN_OBJECT: 1,
            ErrorCode.PROPERTY_IS_NOT_A_LIST: 5,
        }.get(self, 2)
