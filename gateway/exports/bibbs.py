"""The BACnet interoperability building blocks (BIBBs) and device profiles (135-2012, annexes K and L).

Those that metergate could have; which ones a device has follows from what is declared of it, in `pics.py`.
"""

from dataclasses import dataclass
from typing import Final

from gateway.bacnet.wire.codes import ObjectType


@dataclass(frozen=True, slots=True)
class Bibb:
    """A building block: the services that a device executes for it, by their names in `bacnet/wire/codes.py`.

    Where `needs` are given, the device has an object of one of these types, too.
    """

    name: str
    words: str
    executes: tuple[str, ...]
    needs: frozenset[ObjectType] = frozenset()


_ALARMS: Final = frozenset({ObjectType.NOTIFICATION_CLASS})
_VALUES: Final = frozenset({ObjectType.ANALOG_INPUT, ObjectType.BINARY_INPUT, ObjectType.MULTI_STATE_INPUT})
_LOGS: Final = frozenset({ObjectType.TREND_LOG})

BIBBS: Final = (
    Bibb("DS-RP-B", "Data Sharing - ReadProperty - B", ("READ_PROPERTY",)),
    Bibb("DS-RPM-B", "Data Sharing - ReadPropertyMultiple - B", ("READ_PROPERTY_MULTIPLE",)),
    Bibb("DS-WP-B", "Data Sharing - WriteProperty - B", ("WRITE_PROPERTY",)),
    Bibb("DS-WPM-B", "Data Sharing - WritePropertyMultiple - B", ("WRITE_PROPERTY_MULTIPLE",)),
    Bibb("DS-COV-B", "Data Sharing - COV - B", ("SUBSCRIBE_COV",), _VALUES),
    Bibb("DS-COVP-B", "Data Sharing - COVP - B", ("SUBSCRIBE_COV_PROPERTY",), _VALUES),
    Bibb("AE-N-I-B", "Alarm and Event - Notification Internal - B", (), _ALARMS),
    Bibb("AE-ACK-B", "Alarm and Event - ACK - B", ("ACKNOWLEDGE_ALARM",), _ALARMS),
    Bibb("AE-ASUM-B", "Alarm and Event - Alarm Summary - B", ("GET_ALARM_SUMMARY",), _ALARMS),
    Bibb("AE-ESUM-B", "Alarm and Event - Enrollment Summary - B", ("GET_ENROLLMENT_SUMMARY",), _ALARMS),
    Bibb("AE-INFO-B", "Alarm and Event - Information - B", ("GET_EVENT_INFORMATION",), _ALARMS),
    Bibb("T-VMT-I-B", "Trending - Viewing and Modifying Trends Internal - B", ("READ_RANGE",), _LOGS),
    Bibb("DM-DDB-A", "Device Management - Dynamic Device Binding - A", ("I_AM",)),
    Bibb("DM-DDB-B", "Device Management - Dynamic Device Binding - B", ("WHO_IS",)),
    Bibb("DM-DOB-B", "Device Management - Dynamic Object Binding - B", ("WHO_HAS",)),
    Bibb("DM-DCC-B", "Device Management - DeviceCommunicationControl - B", ("DEVICE_COMMUNICATION_CONTROL",)),
    Bibb("DM-RD-B", "Device Management - ReinitializeDevice - B", ("REINITIALIZE_DEVICE",)),
    Bibb("DM-TS-B", "Device Management - TimeSynchronization - B", ("TIME_SYNCHRONIZATION",)),
    Bibb("DM-UTC-B", "Device Management - UTCTimeSynchronization - B", ("UTC_TIME_SYNCHRONIZATION",)),
    Bibb(
        "DM-LM-B",
        "Device Management - List Manipulation - B",
        ("ADD_LIST_ELEMENT", "REMOVE_LIST_ELEMENT"),
        _ALARMS,
    ),
)
"""Those that follow from services."""

BBMD: Final = Bibb("NM-BBMDC-B", "Network Management - BBMD Configuration - B", ())
ROUTER: Final = Bibb("NM-RC-B", "Network Management - Router Configuration - B", ())
VIRTUAL_NETWORK: Final = Bibb("GW-VN-B", "Gateway - Virtual Network - B", ())
EMBEDDED_OBJECTS: Final = Bibb("GW-EO-B", "Gateway - Embedded Objects - B", ())

_SPECIFIC: Final = frozenset({"DS-RP-B", "DS-WP-B", "DM-DDB-B", "DM-DOB-B", "DM-DCC-B"})
PROFILES: Final = {
    "B-ASC": ("BACnet Application Specific Controller", (_SPECIFIC,)),
    "B-GW": ("BACnet Gateway", (_SPECIFIC | {"GW-VN-B"}, _SPECIFIC | {"GW-EO-B"})),
}
"""The profiles by their names: in words, and the sets of BIBBs of which a device has one."""
