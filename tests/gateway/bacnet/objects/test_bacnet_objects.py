"""What a meter's device holds: the contract's object table, and bacpypes3's opinion of every value."""

import struct
from typing import Any

import numpy as np
import pytest
from bacpypes3.apdu import APDU, APCISequence  # type: ignore[import-untyped]
from bacpypes3.basetypes import (  # type: ignore[import-untyped]
    PropertyIdentifier,
    ServicesSupported,
)
from bacpypes3.pdu import PDU  # type: ignore[import-untyped]
from bacpypes3.primitivedata import ObjectIdentifier  # type: ignore[import-untyped]
from bacpypes3.vendor import get_vendor_info  # type: ignore[import-untyped]

from gateway.bacnet.objects.device_object import CLOCK_SERVICES, SERVICES
from gateway.bacnet.objects.meter_objects import OBJECTS, object_table
from gateway.bacnet.objects.model import ObjectSpec
from gateway.bacnet.wire import encoding as enc
from gateway.bacnet.wire.codes import ObjectType, Property
from sims.points import POINTS

CONTRACT = {
    ObjectType.ANALOG_INPUT: [
        *("energy", "demand", "rolling_demand", "peak_demand"),
        *("active_power", "reactive_power", "apparent_power", "power_factor", "frequency", "temperature"),
        *("voltage_l1_n", "voltage_l2_n", "voltage_l3_n", "voltage_l1_l2", "voltage_l2_l3", "voltage_l3_l1"),
        *("current_l1", "current_l2", "current_l3", "current_n"),
        *("active_power_l1", "active_power_l2", "active_power_l3"),
        *("reactive_power_l1", "reactive_power_l2", "reactive_power_l3"),
        *("apparent_power_l1", "apparent_power_l2", "apparent_power_l3"),
        *("power_factor_l1", "power_factor_l2", "power_factor_l3"),
    ],
    ObjectType.ACCUMULATOR: ["pulse_10wh", "pulse_1kwh"],
    ObjectType.BINARY_INPUT: [
        *("reverse_phase", "led_10wh", "led_1kwh", "lcd_on", "powered"),
        *("under_voltage", "over_voltage", "over_current"),
        *("phase_loss_l1", "phase_loss_l2", "phase_loss_l3"),
        *("negative_power_l1", "negative_power_l2", "negative_power_l3"),
        "accuracy_unspecified",
    ],
    ObjectType.MULTI_STATE_INPUT: ["lcd_screen"],
    ObjectType.CHARACTERSTRING_VALUE: ["lcd_text"],
    ObjectType.BINARY_VALUE: ["key_switch", "reset_peak_demand"],
    ObjectType.TREND_LOG: ["demand_log", "energy_log"],
    ObjectType.NOTIFICATION_CLASS: ["alarms"],
}

UNITS = {"kW": 48, "kWh": 19, "V": 5, "A": 3, "": 15, "Hz": 27, "kvar": 12, "kVA": 9, "°C": 62}


def specs(lines: int) -> list[ObjectSpec]:
    table = object_table(frozenset(range(1, lines + 1)))
    return [table.device, *table.objects]


def test_the_objects_are_those_of_the_contract() -> None:
    found: dict[ObjectType, dict[int, str]] = {}
    for spec in OBJECTS:
        found.setdefault(spec.kind, {})[spec.instance] = spec.name
    assert found == {kind: dict(enumerate(names, 1)) for kind, names in CONTRACT.items()}


@pytest.mark.parametrize("lines", [1, 2, 3])
def test_objects_of_phases_that_the_model_lacks_are_absent(lines: int) -> None:
    names = {spec.name for spec in specs(lines)}
    for spec in OBJECTS:
        assert (spec.name in names) == all(line <= lines for line in spec.lines)
    assert ("voltage_l3_n" in names) == (lines == 3)


def test_object_names_are_unique_within_a_device() -> None:
    assert len({spec.name for spec in OBJECTS}) == len(OBJECTS)


def test_every_analog_input_states_the_unit_of_its_point() -> None:
    for spec in OBJECTS:
        if spec.kind is ObjectType.ANALOG_INPUT:
            expected = enc.enumerated(UNITS[POINTS[spec.name].shown_unit])
            assert spec.properties[Property.UNITS].value == expected, spec.name


def test_services_supported_are_what_is_answered(meters: Any) -> None:
    octets = meters.read(1, 8, 100_001, Property.PROTOCOL_SERVICES_SUPPORTED)
    supported = [bit for bit in range(41) if octets[3 + bit // 8] >> 7 - bit % 8 & 1]
    assert octets[:3] == b"\x85\x07\x07"
    names = ("readProperty", "readPropertyMultiple", "writeProperty", "writePropertyMultiple")
    events = ("acknowledgeAlarm", "getAlarmSummary", "getEnrollmentSummary", "getEventInformation")
    lists = ("addListElement", "removeListElement", "subscribeCOV", "subscribeCOVProperty")
    control = ("deviceCommunicationControl", "reinitializeDevice")
    expected = (*names, *events, *lists, *control, "iAm", "whoHas", "whoIs", "readRange")
    clocks = ("timeSynchronization", "utcTimeSynchronization")
    assert supported == sorted(getattr(ServicesSupported, name) for name in (*expected, *clocks))
    assert sorted(service.bit for service in (*SERVICES, *CLOCK_SERVICES)) == supported
    octets = meters.read(0, 8, 100_000, Property.PROTOCOL_SERVICES_SUPPORTED)
    supported = [bit for bit in range(41) if octets[3 + bit // 8] >> 7 - bit % 8 & 1]
    assert supported == sorted(getattr(ServicesSupported, name) for name in expected)


@pytest.mark.parametrize("service", [1, 2, 6, 7, 10, 11, 13, 18, 19, *range(21, 26), 27, *range(30, 40)])
def test_a_service_that_is_not_supported_is_rejected_as_unrecognized(meters: Any, service: int) -> None:
    assert meters.ask(1, service, b"") == bytes((0x60, 1, 9))


def test_object_types_supported_are_those_that_a_meter_has(meters: Any) -> None:
    octets = meters.read(3, 8, 100_003, Property.PROTOCOL_OBJECT_TYPES_SUPPORTED)
    supported = {bit for bit in range(55) if octets[3 + bit // 8] >> 7 - bit % 8 & 1}
    assert octets[:3] == b"\x85\x08\x01"
    assert supported == {*CONTRACT, ObjectType.DEVICE}


@pytest.mark.parametrize("lines", [1, 2, 3])
def test_the_object_list_is_whole_and_in_order(meters: Any, lines: int) -> None:
    device = 100_000 + lines
    whole = meters.read(lines, 8, device, Property.OBJECT_LIST)
    numbers = [enc.object_number(8, device), *(spec.number for spec in specs(lines)[1:])]
    assert whole == b"".join(enc.object_identifier(number) for number in numbers)
    assert meters.read(lines, 8, device, Property.OBJECT_LIST, 0) == enc.unsigned(len(numbers))
    assert meters.read(lines, 8, device, Property.OBJECT_LIST, 2) == b"\xc4\x00\x00\x00\x01"


def datatype(kind: int, prop: int, index: int | None = None) -> Any:
    """Return the datatype that bacpypes3 knows for a property or for its elements."""
    found = get_vendor_info(0).get_object_class(kind).get_property_type(PropertyIdentifier(prop))
    assert found is not None, (kind, prop)
    return found if index is None else found._subtype


def decode(answer: bytes) -> Any:
    """Return an answer as bacpypes3 decodes it."""
    return APCISequence.decode(APDU.decode(PDU(answer)))


def value_of(kind: int, prop: int, octets: bytes) -> Any:
    """Return the value of a property as bacpypes3 decodes it."""
    ack = decode(bytes.fromhex("30010c0c00000001194b3e") + octets + b"\x3f")
    return ack.propertyValue.cast_out(datatype(kind, prop))


@pytest.mark.parametrize("lines", [1, 2, 3])
def test_every_property_decodes_by_its_datatype(meters: Any, lines: int) -> None:
    read = 0
    for spec in specs(lines):
        instance = 100_000 + lines if spec.kind is ObjectType.DEVICE else spec.instance
        for prop in spec.properties:
            if prop == Property.LOG_BUFFER:
                continue
            octets = meters.read(lines, spec.kind, instance, prop)
            value_of(spec.kind, prop, octets)
            read += 1
    assert read > 300


@pytest.mark.parametrize("lines", [1, 2, 3])
def test_the_property_list_is_what_can_be_read(meters: Any, lines: int) -> None:
    unlisted = {
        Property.OBJECT_IDENTIFIER,
        Property.OBJECT_NAME,
        Property.OBJECT_TYPE,
        Property.PROPERTY_LIST,
    }
    for spec in specs(lines):
        instance = 100_000 + lines if spec.kind is ObjectType.DEVICE else spec.instance
        octets = meters.read(lines, spec.kind, instance, Property.PROPERTY_LIST)
        listed = [int(prop) for prop in value_of(spec.kind, Property.PROPERTY_LIST, octets)]
        number = enc.context(0, enc.object_number(spec.kind, instance).to_bytes(4, "big"))
        for prop in range(400):
            if prop in {Property.ALL, Property.REQUIRED, Property.OPTIONAL}:
                continue
            answer = meters.ask(lines, 12, number + enc.context(1, enc.content(prop)))
            unknown = answer == b"\x50\x01\x0c\x91\x02\x91\x20"
            assert unknown == (prop not in {*listed, *unlisted}), (spec.name, prop)


def test_required_properties_are_those_that_the_type_demands() -> None:
    later = {"propertyList"}
    for spec in specs(3):
        cls = get_vendor_info(0).get_object_class(spec.kind)
        demanded = {name for base in cls.__mro__ for name in getattr(base, "_required", ())} - later
        present = {PropertyIdentifier(prop).attr for prop in spec.properties}
        assert demanded <= present, spec.name


def test_values_are_those_of_the_snapshot(meters: Any) -> None:
    meters.show(5)
    assert struct.unpack(">f", meters.read(2, 0, 1, 85)[1:]) == (2005.0,)
    kilowatts = (200.0 + list(POINTS).index("active_power") + 5 / 4) / 1000
    assert struct.unpack(">f", meters.read(2, 0, 5, 85)[1:]) == (np.float32(kilowatts),)
    assert meters.read(2, 13, 1, 85) == enc.unsigned(3)
    assert meters.read(2, 40, 1, 85) == enc.character_string("     2 k")
    assert meters.read(2, 3, 5, 85) == enc.enumerated(1)
    assert meters.read(2, 3, 1, 85) == enc.enumerated(0)
    assert meters.read(2, 8, 100_002, Property.LOCAL_DATE) == bytes.fromhex("a47e010501")
    assert meters.read(2, 8, 100_002, Property.LOCAL_TIME) == bytes.fromhex("b400000500")


@pytest.mark.parametrize(
    ("count", "octets"),
    [
        (0, "2100"),
        (255, "21ff"),
        (256, "220100"),
        (65536, "23010000"),
        (2**32 - 1, "24ffffffff"),
        (2**32 + 7, "2107"),
    ],
)
def test_an_accumulator_is_as_short_as_it_can_be_and_rolls_over(meters: Any, count: int, octets: str) -> None:
    meters.show(2, pulse_10wh=np.array([1, count, 3]))
    assert meters.read(2, 23, 1, 85) == bytes.fromhex(octets)


def test_a_stale_meter_shows_a_fault_and_why(meters: Any) -> None:
    meters.show(2, flags=np.array([0, 1 << 15, 0]))
    kinds = set()
    for spec in specs(2):
        if Property.STATUS_FLAGS in spec.properties and spec.name != "powered":
            kinds.add(spec.kind)
            assert health(meters, 2, spec) == ["8204c0", "910c", "9101"], spec.name
            if spec in specs(1):
                assert health(meters, 1, spec) == ["820400", "9100", "9100"], spec.name
    assert kinds == set(CONTRACT) - {ObjectType.NOTIFICATION_CLASS}


def test_whether_a_meter_is_powered_is_known_without_supply(meters: Any) -> None:
    meters.show(2, flags=np.array([0, 1 << 15 | 1 << 4, 0]))
    (powered,) = [spec for spec in specs(2) if spec.name == "powered"]
    assert health(meters, 2, powered) == ["820400", "9100", "9100"]


def health(meters: Any, meter: int, spec: ObjectSpec) -> list[str]:
    """Return status-flags, reliability and event-state of an object."""
    return [
        meters.read(meter, spec.kind, spec.instance, prop).hex()
        for prop in (Property.STATUS_FLAGS, Property.RELIABILITY, Property.EVENT_STATE)
    ]


def test_a_short_text_is_filled_up_with_blanks(meters: Any) -> None:
    meters.show(2, lcd_text=np.array([b"", b"8888", b"123456 k"], dtype="S8"))
    assert meters.read(1, 40, 1, 85) == enc.character_string(" " * 8)
    assert meters.read(2, 40, 1, 85) == enc.character_string("8888    ")


def test_the_screen_counts_its_states_as_bacnet_does_and_says_so(meters: Any) -> None:
    assert meters.read(1, 13, 1, Property.PRESENT_VALUE) == enc.unsigned(2)
    assert meters.read(1, 13, 1, Property.STATE_TEXT, 2) == enc.character_string("total")
    words = enc.character_string("Screen on the LCD, in words in state-text")
    assert meters.read(1, 13, 1, Property.DESCRIPTION) == words


def test_any_device_instance_means_the_device_that_is_asked(meters: Any) -> None:
    asked = enc.context(0, enc.object_number(8, 4194303).to_bytes(4, "big")) + b"\x19\x4b"
    own = enc.object_number(8, 100_002).to_bytes(4, "big")
    assert meters.ask(2, 12, asked) == b"\x30\x01\x0c\x0c" + own + b"\x19\x4b\x3e\xc4" + own + b"\x3f"


def test_another_meter_s_device_is_unknown(meters: Any) -> None:
    asked = enc.context(0, enc.object_number(8, 100_001).to_bytes(4, "big")) + b"\x19\x4b"
    assert meters.ask(1, 12, asked)[0] == 0x30
    assert meters.ask(2, 12, asked) == b"\x50\x01\x0c\x91\x01\x91\x1f"
    assert meters.ask(1, 12, asked)[0] == 0x30


def test_device_names_are_read(meters: Any) -> None:
    name = value_of(8, Property.OBJECT_NAME, meters.read(3, 8, 100_003, Property.OBJECT_NAME))
    assert name == "plant-a.M0003"
    assert ObjectIdentifier(("device", 100_003)) == value_of(8, 75, meters.read(3, 8, 100_003, 75))
