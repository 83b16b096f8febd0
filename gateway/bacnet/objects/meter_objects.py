"""The objects of a meter as data: what there is, which properties each has, and where each value comes from.

Object lists, property lists, the services' answers and the exports (PICS, EDE) are made from these
declarations.
"""

from collections.abc import Sequence
from functools import cache
from typing import Final

from gateway.addressing import device_instance
from gateway.bacnet.objects.alarm_objects import alarm_properties, notification_class
from gateway.bacnet.objects.device_object import OWN_CLOCK, device_object
from gateway.bacnet.objects.model import (
    Array,
    Device,
    Increment,
    LogBuffer,
    ObjectSpec,
    ObjectTable,
    Properties,
    PropertySpec,
    Switch,
    Value,
    declare,
    optional,
    required,
)
from gateway.bacnet.values.image import FLAG_INPUTS, PLACES
from gateway.bacnet.values.template import Own
from gateway.bacnet.values.trends import TRENDS, TrendSpec
from gateway.bacnet.wire import encoding as enc
from gateway.bacnet.wire.codes import (
    ObjectType,
    Property,
    Unit,
)
from gateway.commands import Command, ResetPeak, TurnKey
from sims.models import Nameplate
from sims.points import POINTS
from sims.snapshot import SCREENS

_STATE: Final = required(
    {Property.STATUS_FLAGS: PLACES["status_flags"], Property.EVENT_STATE: PLACES["event_state"]}
) | optional({Property.RELIABILITY: PLACES["reliability"]})
_LOG_STATE: Final = _STATE | required({Property.STATUS_FLAGS: PLACES["log_status"]})
_SERVICE: Final = required({Property.OUT_OF_SERVICE: PLACES["out_of_service"]})

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


def _of_point(
    kind: ObjectType, instance: int, name: str, *parts: Properties, description: str | None = None
) -> ObjectSpec:
    value = required({Property.PRESENT_VALUE: PLACES[name]})
    point = POINTS[name]
    words = description or point.description
    return declare(kind, instance, name, words, value, _STATE, _SERVICE, *parts, lines=point.lines)


def _analog_input(instance: int, name: str) -> ObjectSpec:
    units = required({Property.UNITS: enc.enumerated(_UNITS[POINTS[name].shown_unit])})
    ends = optional(
        {
            Property.MIN_PRES_VALUE: PLACES[f"min_pres_value_{name}"],
            Property.MAX_PRES_VALUE: PLACES[f"max_pres_value_{name}"],
        }
    )
    place = PLACES[f"cov_increment_{name}"]
    increment: Properties = {
        Property.COV_INCREMENT: PropertySpec(place, required=False, setting=Increment(name))
    }
    return _of_point(ObjectType.ANALOG_INPUT, instance, name, units, ends, increment)


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
    texts = _texts(*FLAG_TEXTS[name])
    alarm = alarm_properties(name)
    return _of_point(ObjectType.BINARY_INPUT, instance, name, polarity, texts, alarm)


def _turn_key(row: int, right: bool) -> Command:  # noqa: FBT001  the value that is written
    return TurnKey(row, "right" if right else "home")


def _key_switch() -> ObjectSpec:
    value = PropertySpec(PLACES["key_switch"], setting=Switch(_turn_key))
    return _binary_value(1, "key_switch", "Key switch on the front", value, _texts("right", "home"))


def _reset_peak(row: int, reset: bool) -> Command | None:  # noqa: FBT001  the value that is written
    return ResetPeak(row) if reset else None


def _reset() -> ObjectSpec:
    """Is never seen active: the peak is reset at once."""
    value = PropertySpec(enc.enumerated(0), setting=Switch(_reset_peak, option="peak_reset"))
    return _binary_value(2, "reset_peak_demand", "Resets the peak demand", value, _texts("reset", "idle"))


def _binary_value(
    instance: int, name: str, description: str, value: PropertySpec, texts: Properties
) -> ObjectSpec:
    present: Properties = {Property.PRESENT_VALUE: value}
    kind = ObjectType.BINARY_VALUE
    return declare(kind, instance, name, description, present, _STATE, _SERVICE, texts)


def _screen() -> ObjectSpec:
    """Present value 1 is the first of `SCREENS`, since states count from 1."""
    states = required({Property.NUMBER_OF_STATES: enc.unsigned(len(SCREENS))})
    texts = optional({Property.STATE_TEXT: Array(tuple(enc.character_string(words) for words in SCREENS))})
    words = "Screen on the LCD, in words in state-text"
    return _of_point(ObjectType.MULTI_STATE_INPUT, 1, "lcd_screen", states, texts, description=words)


def _text() -> ObjectSpec:
    point = POINTS["lcd_text"]
    value = required(
        {Property.PRESENT_VALUE: PLACES[point.name], Property.STATUS_FLAGS: PLACES["status_flags"]}
    )
    state: dict[int, Value] = {
        Property.EVENT_STATE: PLACES["event_state"],
        Property.RELIABILITY: PLACES["reliability"],
    }
    service: dict[int, Value] = {Property.OUT_OF_SERVICE: PLACES["out_of_service"]}
    return declare(
        ObjectType.CHARACTERSTRING_VALUE, 1, point.name, point.description, value, optional(state | service)
    )


def _present_value(name: str) -> bytes:
    """Return the BACnetDeviceObjectPropertyReference to the present value of an analog input."""
    number = enc.object_number(ObjectType.ANALOG_INPUT, ANALOG_INPUTS.index(name) + 1)
    return enc.context(0, number.to_bytes(4, "big")) + enc.context(1, enc.content(Property.PRESENT_VALUE))


def _trend_log(log: int, spec: TrendSpec) -> ObjectSpec:
    must = required(
        {
            Property.ENABLE: enc.boolean(True),
            Property.STOP_WHEN_FULL: enc.boolean(False),
            Property.BUFFER_SIZE: enc.unsigned(spec.size),
            Property.LOG_BUFFER: LogBuffer(log),
            Property.RECORD_COUNT: PLACES[f"records_{spec.instance}"],
            Property.TOTAL_RECORD_COUNT: PLACES[f"total_{spec.instance}"],
            Property.LOGGING_TYPE: enc.enumerated(0),
        }
    )
    may = optional(
        {
            Property.LOG_DEVICE_OBJECT_PROPERTY: _present_value(spec.point),
            Property.LOG_INTERVAL: enc.unsigned(spec.interval_s * 100),
        }
    )
    return declare(
        ObjectType.TREND_LOG,
        spec.instance,
        f"{spec.point}_log",
        f"Trend log: {spec.words}",
        must,
        may,
        _LOG_STATE,
    )


OBJECTS: Final = (
    *(_analog_input(k, name) for k, name in enumerate(ANALOG_INPUTS, 1)),
    _accumulator(1, "pulse_10wh", Unit.WATT_HOURS, 10.0),
    _accumulator(2, "pulse_1kwh", Unit.KILOWATT_HOURS, 1.0),
    *(_binary_input(k, name) for k, name in enumerate(FLAG_INPUTS, 1)),
    _screen(),
    _text(),
    _key_switch(),
    _reset(),
    *(_trend_log(log, spec) for log, spec in enumerate(TRENDS)),
    notification_class(),
)
"""Every object that a meter can have, but its device object."""


@cache
def object_table(lines: frozenset[int]) -> ObjectTable:
    """Return the objects of a model with these service lines."""
    others = tuple(spec for spec in OBJECTS if spec.lines <= lines)
    plate = optional({prop: Own(prop) for prop in (Property.LOCATION, Property.SERIAL_NUMBER)})
    numbers = (enc.object_identifier(spec.number) for spec in others)
    listed = Array((Own(Property.OBJECT_IDENTIFIER), *numbers))
    return ObjectTable(device_object((spec.kind for spec in others), listed, plate, OWN_CLOCK), others)


def meter_devices(
    gateway_device: int, gateway_id: str, place: str, meters: Sequence[Nameplate]
) -> list[Device]:
    """Return the meters as devices; a device's object name is unique beyond this gateway by its id.

    A meter without a name is at `place`.
    """
    return [
        Device(
            row=row,
            instance=device_instance(gateway_device, plate),
            name=f"{gateway_id}.{plate.id}",
            table=object_table(plate.model.lines),
            texts=_texts_of(plate, plate.name or place),
            options=plate.options,
        )
        for row, plate in enumerate(meters)
    ]


def _texts_of(plate: Nameplate, location: str) -> dict[Property, str]:
    words = f"Simulated {plate.model.service.words} kWh meter, {plate.ct_kind}-core CTs of {plate.ct_a:g} A"
    return {
        Property.VENDOR_NAME: plate.vendor,
        Property.MODEL_NAME: plate.model.key,
        Property.FIRMWARE_REVISION: plate.firmware,
        Property.APPLICATION_SOFTWARE_VERSION: plate.firmware,
        Property.DESCRIPTION: words,
        Property.LOCATION: location,
        Property.SERIAL_NUMBER: plate.serial,
    }
