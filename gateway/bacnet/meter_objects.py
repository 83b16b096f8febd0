"""The objects of a meter as data: what there is, which properties each has, and where each value comes from.

Object lists, property lists, the services' answers and the exports (PICS, EDE) are made from these
declarations.
"""

from functools import cache
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
    Reliability,
    Unconfirmed,
    Unit,
)
from gateway.bacnet.image import FLAG_INPUTS, PLACES
from gateway.bacnet.objects import (
    Array,
    Device,
    EmptyList,
    Fixed,
    LogBuffer,
    ObjectSpec,
    ObjectTable,
    Properties,
    Value,
    declare,
    optional,
    required,
)
from gateway.bacnet.trends import TRENDS, TrendSpec
from sims.points import POINTS
from sims.snapshot import SCREENS

SERVICES: Final = (*Confirmed, Unconfirmed.WHO_HAS, Unconfirmed.WHO_IS)
"""The services that meters execute."""

NO_SEGMENTATION: Final = 3
"""BACnetSegmentation: every answer of a meter fits one APDU."""

_NORMAL: Final = enc.enumerated(0)
_NO_FLAGS: Final = enc.bit_string(4, ())
_STATE: Final = required(
    {Property.STATUS_FLAGS: PLACES["status_flags"], Property.EVENT_STATE: _NORMAL}
) | optional({Property.RELIABILITY: PLACES["reliability"]})
_IN_SERVICE: Final = required({Property.OUT_OF_SERVICE: enc.boolean(False)})

_UNITS: Final = {
    "kWh": Unit.KILOWATT_HOURS,
    "kW": Unit.KILOWATTS,
    "kvar": Unit.KILOVOLT_AMPERES_REACTIVE,
    "kVA": Unit.KILOVOLT_AMPERES,
    "V": Unit.VOLTS,
    "A": Unit.AMPERES,
    "Hz": Unit.HERTZ,
    "°C": Unit.DEGREES_CELSIUS,
    "": Unit.POWER_FACTOR,
}
"""The unit of an analog input by the shown unit of its point; the one without a unit is the power factor."""

_PHASES: Final = ("l1", "l2", "l3")
ANALOG_INPUTS: Final = (
    *("energy", "demand", "rolling_demand", "peak_demand"),
    *("active_power", "reactive_power", "apparent_power", "power_factor", "frequency", "temperature"),
    *(f"voltage_{phase}_n" for phase in _PHASES),
    *("voltage_l1_l2", "voltage_l2_l3", "voltage_l3_l1"),
    *(f"current_{phase}" for phase in _PHASES),
    "current_n",
    *(
        f"{quantity}_{phase}"
        for quantity in ("active_power", "reactive_power", "apparent_power", "power_factor")
        for phase in _PHASES
    ),
)
"""The points of analog-input 1 to 32."""

FLAG_TEXTS: Final = {
    "reverse_phase": ("lit", "dark"),
    "led_10wh": ("lit", "dark"),
    "led_1kwh": ("lit", "dark"),
    "lcd_on": ("shows", "blank"),
    "powered": ("powered", "unpowered"),
    "under_voltage": ("under voltage", "normal"),
    "over_voltage": ("over voltage", "normal"),
    "over_current": ("over current", "normal"),
    **{f"phase_loss_{phase}": ("lost", "present") for phase in _PHASES},
    **{f"negative_power_{phase}": ("negative", "positive") for phase in _PHASES},
    "accuracy_unspecified": ("unspecified", "specified"),
}
"""Active-text and inactive-text of the binary inputs."""


def _of_point(kind: ObjectType, instance: int, name: str, *parts: Properties) -> ObjectSpec:
    value = required({Property.PRESENT_VALUE: PLACES[name]})
    point = POINTS[name]
    return declare(
        kind, instance, name, point.description, value, _STATE, _IN_SERVICE, *parts, lines=point.lines
    )


def _analog_input(instance: int, name: str) -> ObjectSpec:
    units = required({Property.UNITS: enc.enumerated(_UNITS[POINTS[name].shown_unit])})
    return _of_point(ObjectType.ANALOG_INPUT, instance, name, units)


def _accumulator(instance: int, name: str, unit: Unit, weight: float) -> ObjectSpec:
    """Declare a count of pulses (prescale 1:1), of `weight` in `unit` (scale), rolling over at 2**32."""
    return _of_point(
        ObjectType.ACCUMULATOR,
        instance,
        name,
        required(
            {
                Property.SCALE: enc.context(0, enc.real_content(weight)),
                Property.UNITS: enc.enumerated(unit),
                Property.MAX_PRES_VALUE: enc.unsigned(2**32 - 1),
            }
        ),
        optional({Property.PRESCALE: enc.context(0, b"\x01") + enc.context(1, b"\x01")}),
    )


def _texts(active: str, inactive: str) -> Properties:
    return optional(
        {
            Property.ACTIVE_TEXT: enc.character_string(active),
            Property.INACTIVE_TEXT: enc.character_string(inactive),
        }
    )


def _binary_input(instance: int, name: str) -> ObjectSpec:
    polarity = required({Property.POLARITY: enc.enumerated(0)})
    return _of_point(ObjectType.BINARY_INPUT, instance, name, polarity, _texts(*FLAG_TEXTS[name]))


def _binary_value(instance: int, name: str, description: str, active: str, inactive: str) -> ObjectSpec:
    value = required(
        {
            Property.PRESENT_VALUE: enc.enumerated(0),
            Property.STATUS_FLAGS: _NO_FLAGS,
            Property.EVENT_STATE: _NORMAL,
            Property.OUT_OF_SERVICE: enc.boolean(False),
        }
    )
    return declare(ObjectType.BINARY_VALUE, instance, name, description, value, _texts(active, inactive))


def _screen() -> ObjectSpec:
    """Present value 1 is the first of `SCREENS`, since states count from 1."""
    states = required({Property.NUMBER_OF_STATES: enc.unsigned(len(SCREENS))})
    texts = optional({Property.STATE_TEXT: Array(tuple(enc.character_string(words) for words in SCREENS))})
    return _of_point(ObjectType.MULTI_STATE_INPUT, 1, "lcd_screen", states, texts)


def _text() -> ObjectSpec:
    point = POINTS["lcd_text"]
    value = required(
        {Property.PRESENT_VALUE: PLACES[point.name], Property.STATUS_FLAGS: PLACES["status_flags"]}
    )
    state: dict[int, Value] = {Property.EVENT_STATE: _NORMAL, Property.RELIABILITY: PLACES["reliability"]}
    service: dict[int, Value] = {Property.OUT_OF_SERVICE: enc.boolean(False)}
    return declare(
        ObjectType.CHARACTERSTRING_VALUE, 1, point.name, point.description, value, optional(state | service)
    )


def _trend_log(log: int, spec: TrendSpec) -> ObjectSpec:
    source = enc.object_number(ObjectType.ANALOG_INPUT, ANALOG_INPUTS.index(spec.point) + 1)
    reference = enc.context(0, source.to_bytes(4, "big")) + enc.context(
        1, enc.content(Property.PRESENT_VALUE)
    )
    must = required(
        {
            Property.ENABLE: enc.boolean(True),
            Property.STOP_WHEN_FULL: enc.boolean(False),
            Property.BUFFER_SIZE: enc.unsigned(spec.size),
            Property.LOG_BUFFER: LogBuffer(log),
            Property.RECORD_COUNT: PLACES[f"records_{spec.instance}"],
            Property.TOTAL_RECORD_COUNT: PLACES[f"total_{spec.instance}"],
            Property.LOGGING_TYPE: enc.enumerated(0),
            Property.STATUS_FLAGS: _NO_FLAGS,
            Property.EVENT_STATE: _NORMAL,
        }
    )
    may = optional(
        {
            Property.LOG_DEVICE_OBJECT_PROPERTY: reference,
            Property.LOG_INTERVAL: enc.unsigned(spec.interval_s * 100),
            Property.RELIABILITY: enc.enumerated(Reliability.NO_FAULT_DETECTED),
        }
    )
    return declare(
        ObjectType.TREND_LOG, spec.instance, f"{spec.point}_log", f"Trend log: {spec.words}", must, may
    )


def _alarms() -> ObjectSpec:
    priority = Array((enc.unsigned(64), enc.unsigned(64), enc.unsigned(192)))
    values: dict[int, Value] = {
        Property.NOTIFICATION_CLASS: enc.unsigned(1),
        Property.PRIORITY: priority,
        Property.ACK_REQUIRED: enc.bit_string(3, ()),
        Property.RECIPIENT_LIST: EmptyList(),
    }
    return declare(ObjectType.NOTIFICATION_CLASS, 1, "alarms", "Where alarms go", required(values))


OBJECTS: Final = (
    *(_analog_input(k, name) for k, name in enumerate(ANALOG_INPUTS, 1)),
    _accumulator(1, "pulse_10wh", Unit.WATT_HOURS, 10.0),
    _accumulator(2, "pulse_1kwh", Unit.KILOWATT_HOURS, 1.0),
    *(_binary_input(k, name) for k, name in enumerate(FLAG_INPUTS, 1)),
    _screen(),
    _text(),
    _binary_value(1, "key_switch", "Key switch on the front", "right", "home"),
    _binary_value(2, "reset_peak_demand", "Resets the peak demand", "reset", "idle"),
    *(_trend_log(log, spec) for log, spec in enumerate(TRENDS)),
    _alarms(),
)
"""Every object that a meter can have, but its device object."""


def _personal(device: Device) -> str:
    plate = device.plate
    return f"Simulated {plate.model.service.words} kWh meter, {plate.ct_kind}-core CTs of {plate.ct_a:g} A"


def _device_properties(others: tuple[ObjectSpec, ...]) -> tuple[Properties, ...]:
    def text(value: str) -> Fixed:
        return enc.character_string(value)

    def objects(device: Device) -> Fixed:
        return Array(
            tuple(enc.object_identifier(number) for number in (device.number, *(o.number for o in others)))
        )

    kinds = {ObjectType.DEVICE, *(spec.kind for spec in others)}
    must = required(
        {
            Property.OBJECT_IDENTIFIER: lambda device: enc.object_identifier(device.number),
            Property.OBJECT_NAME: lambda device: text(device.name),
            Property.SYSTEM_STATUS: enc.enumerated(0),
            Property.VENDOR_NAME: lambda device: text(device.plate.vendor),
            Property.VENDOR_IDENTIFIER: enc.unsigned(VENDOR_IDENTIFIER),
            Property.MODEL_NAME: lambda device: text(device.plate.model.key),
            Property.FIRMWARE_REVISION: lambda device: text(device.plate.firmware),
            Property.APPLICATION_SOFTWARE_VERSION: lambda device: text(device.plate.firmware),
            Property.PROTOCOL_VERSION: enc.unsigned(PROTOCOL_VERSION),
            Property.PROTOCOL_REVISION: enc.unsigned(PROTOCOL_REVISION),
            Property.PROTOCOL_SERVICES_SUPPORTED: enc.bit_string(
                SERVICE_BITS, (service.bit for service in SERVICES)
            ),
            Property.PROTOCOL_OBJECT_TYPES_SUPPORTED: enc.bit_string(OBJECT_TYPE_BITS, kinds),
            Property.OBJECT_LIST: objects,
            Property.MAX_APDU_LENGTH_ACCEPTED: enc.unsigned(MAX_APDU),
            Property.SEGMENTATION_SUPPORTED: enc.enumerated(NO_SEGMENTATION),
            Property.APDU_TIMEOUT: enc.unsigned(3000),
            Property.NUMBER_OF_APDU_RETRIES: enc.unsigned(3),
            Property.DEVICE_ADDRESS_BINDING: EmptyList(),
            Property.DATABASE_REVISION: enc.unsigned(1),
        }
    )
    may = optional(
        {
            Property.DESCRIPTION: lambda device: text(_personal(device)),
            Property.LOCATION: lambda device: text(device.location),
            Property.LOCAL_DATE: PLACES["local_date"],
            Property.LOCAL_TIME: PLACES["local_time"],
            Property.UTC_OFFSET: enc.signed(0),
            Property.DAYLIGHT_SAVINGS_STATUS: enc.boolean(False),
            Property.SERIAL_NUMBER: lambda device: text(device.plate.serial),
        }
    )
    return must, may


@cache
def object_table(lines: frozenset[int]) -> ObjectTable:
    """Return the objects of a model with these service lines."""
    others = tuple(spec for spec in OBJECTS if spec.lines <= lines)
    device = declare(ObjectType.DEVICE, 0, "", "", *_device_properties(others))
    return ObjectTable(device, others)
