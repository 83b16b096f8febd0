"""ReadProperty and ReadPropertyMultiple: answers, errors and rejects, in octets and as bacpypes3 has them."""

from collections.abc import Iterable
from typing import Any

import pytest
from bacpypes3.apdu import APDU, APCISequence  # type: ignore[import-untyped]
from bacpypes3.basetypes import PropertyIdentifier  # type: ignore[import-untyped]
from bacpypes3.pdu import PDU  # type: ignore[import-untyped]
from bacpypes3.vendor import get_vendor_info  # type: ignore[import-untyped]
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.bacnet.objects.meter_objects import object_table
from gateway.bacnet.wire import encoding as enc
from gateway.bacnet.wire.codes import ObjectType, Property

UNKNOWN_OBJECT = bytes.fromhex("9101911f")
UNKNOWN_PROPERTY = bytes.fromhex("91029120")


@pytest.fixture
def more_meters(meters: Any) -> Any:
    """Return a responder for seven meters: three of them of one element."""
    return type(meters)(7)


def wanted(kind: int, instance: int, *properties: tuple[int, int | None] | int) -> bytes:
    """Return what ReadPropertyMultiple asks of one object."""
    references = b""
    for each in properties:
        prop, index = each if isinstance(each, tuple) else (each, None)
        references += enc.context(0, enc.content(prop))
        references += b"" if index is None else enc.context(1, enc.content(index))
    number = enc.object_number(kind, instance).to_bytes(4, "big")
    return enc.context(0, number) + enc.constructed(1, references)


def results(answer: bytes) -> list[tuple[Any, Any]]:
    """Return (property, value or error) of every result of ReadPropertyMultiple, as bacpypes3 has it."""
    ack = APCISequence.decode(APDU.decode(PDU(answer)))
    found = []
    for access in ack.listOfReadAccessResults:
        cls = get_vendor_info(0).get_object_class(access.objectIdentifier[0])
        for element in access.listOfResults:
            value = element.readResult.propertyValue
            if value is None:
                error = element.readResult.propertyAccessError
                found.append((int(element.propertyIdentifier), (int(error.errorClass), int(error.errorCode))))
                continue
            datatype = cls.get_property_type(PropertyIdentifier(element.propertyIdentifier))
            if element.propertyArrayIndex is None:
                found.append((int(element.propertyIdentifier), value.cast_out(datatype)))
    return found


def numbers(found: Iterable[tuple[Any, Any]]) -> list[int]:
    return [number for number, _ in found]


def test_a_present_value_is_answered_byte_by_byte(meters: Any) -> None:
    answer = meters.ask(1, 12, bytes.fromhex("0c000000011955"), invoke=0x2A)
    assert answer == bytes.fromhex("302a0c0c0000000119553e44 447a40003f".replace(" ", ""))


@pytest.mark.parametrize(
    ("request_octets", "answer"),
    [
        ("0c00000063 1955", "50010c9101911f"),
        ("0c00000001 19fe", "50010c91029120"),
        ("0c00000001 1955 2901", "50010c91029132"),
        ("0c03400001 196e 2906", "50010c9102912a"),
        ("0c05000001 1983", "50010c9102911b"),
        ("", "600105"),
        ("0c00000001", "600105"),
        ("0c000000", "600105"),
        ("1c00000001 1955", "600104"),
        ("0c00000001 0955", "600104"),
        ("0b000000 1955", "600103"),
        ("0c00000001 1d050000000001", "600103"),
        ("0c00000001 1955 3955", "600107"),
        ("0c00000001 1955 55", "600107"),
        ("0c00000001 1955 00", "600107"),
        ("0c00000001 1955 2e", "600107"),
        ("0c00000001 1955 2901 ff", "600107"),
        ("0c00000001 1955 29", "600105"),
    ],
)
def test_what_cannot_be_read_gets_the_right_error_or_reject(
    meters: Any, request_octets: str, answer: str
) -> None:
    assert meters.ask(1, 12, bytes.fromhex(request_octets)) == bytes.fromhex(answer)


@pytest.mark.parametrize(
    ("request_octets", "reason"),
    [
        ("", 5),
        ("0c00000001", 5),
        ("0c00000001 1e 0955", 5),
        ("0c00000001 1e 1955 1f", 4),
        ("0955", 3),
        ("1e1f", 4),
    ],
)
def test_a_malformed_list_of_wishes_is_rejected(meters: Any, request_octets: str, reason: int) -> None:
    assert meters.ask(1, 14, bytes.fromhex(request_octets)) == bytes((0x60, 1, reason))


def test_a_list_with_one_bad_object_and_one_bad_property_gives_the_rest(meters: Any) -> None:
    asked = wanted(0, 1, 85, 254) + wanted(0, 99, 85) + wanted(13, 1, (110, 2), (110, 9), (85, 1))
    answer = meters.ask(1, 14, asked)
    value = meters.read(1, 0, 1, 85)
    expected = [
        *(b"\x30\x01\x0e\x0c\x00\x00\x00\x01\x1e", b"\x29\x55\x4e", value, b"\x4f"),
        *(b"\x29\xfe\x5e", UNKNOWN_PROPERTY, b"\x5f\x1f"),
        *(b"\x0c\x00\x00\x00\x63\x1e\x29\x55\x5e", UNKNOWN_OBJECT, b"\x5f\x1f"),
        *(b"\x0c\x03\x40\x00\x01\x1e\x29\x6e\x39\x02\x4e", enc.character_string("total"), b"\x4f"),
        *(b"\x29\x6e\x39\x09\x5e", bytes.fromhex("9102912a"), b"\x5f"),
        *(b"\x29\x55\x39\x01\x5e", bytes.fromhex("91029132"), b"\x5f\x1f"),
    ]
    assert answer == b"".join(expected)


@pytest.mark.parametrize("lines", [1, 2, 3])
def test_all_required_and_optional_decode_and_are_what_they_say(meters: Any, lines: int) -> None:
    table = object_table(frozenset(range(1, lines + 1)))
    for spec in (table.device, *table.objects):
        instance = 100_000 + lines if spec.kind is ObjectType.DEVICE else spec.instance
        found = {
            special: results(meters.ask(lines, 14, wanted(spec.kind, instance, special)))
            for special in (Property.ALL, Property.REQUIRED, Property.OPTIONAL)
        }
        everything = [prop for prop in spec.properties if prop != Property.PROPERTY_LIST]
        assert numbers(found[Property.ALL]) == everything
        parts = [*found[Property.REQUIRED], *found[Property.OPTIONAL]]
        assert sorted(numbers(parts)) == sorted(everything)
        for prop, value in found[Property.ALL]:
            assert (value == (2, 27)) == (prop == Property.LOG_BUFFER)


def test_all_of_an_unknown_object_is_one_error(meters: Any) -> None:
    expected = bytes.fromhex("30010e0c000000631e29085e") + UNKNOWN_OBJECT + b"\x5f\x1f"
    assert meters.ask(1, 14, wanted(0, 99, Property.ALL)) == expected


def test_any_device_instance_is_answered_with_the_own_one(meters: Any) -> None:
    answer = meters.ask(2, 14, wanted(8, 4194303, 75))
    own = enc.object_number(8, 100_002).to_bytes(4, "big")
    assert answer == b"\x30\x01\x0e\x0c" + own + b"\x1e\x29\x4b\x4e\xc4" + own + b"\x4f\x1f"


def test_one_template_serves_all_meters_of_a_model(more_meters: Any) -> None:
    for meter in (1, 4, 7, 1):
        device, name = 100_000 + meter, f"plant-a.M{meter:04}"
        own = enc.object_identifier(enc.object_number(8, device))
        assert more_meters.read(meter, 0, 1, 85) == b"\x44" + enc.real_content(meter * 1000.0 + 1)
        assert more_meters.read(meter, 8, device, 77) == enc.character_string(name)
        for index in range(1, 39):
            element = more_meters.read(meter, 8, device, 76, index)
            assert element == own if index == 1 else element[0] == 0xC4
        found = dict(results(more_meters.ask(meter, 14, wanted(8, device, Property.ALL))))
        assert (found[77], found[372], found[75][1]) == (name, f"S{meter:06}", device)
    assert len(more_meters.responder._templates) == 41


def test_another_meter_s_device_is_named_as_it_was_asked_for(meters: Any) -> None:
    asked = wanted(0, 1, 85) + wanted(8, 100_001, 75)
    own = enc.object_identifier(enc.object_number(8, 100_001))
    assert meters.ask(1, 14, asked).endswith(b"\x29\x4b\x4e" + own + b"\x4f\x1f")
    for meter in (2, 3, 0):
        refused = b"\x0c" + own[1:] + b"\x1e\x29\x4b\x5e" + UNKNOWN_OBJECT + b"\x5f\x1f"
        assert meters.ask(meter, 14, asked).endswith(refused)
        assert meters.ask(meter, 14, wanted(8, 100_001, 75)) == b"\x30\x01\x0e" + refused


def test_the_values_of_an_answer_change_with_the_tick(meters: Any) -> None:
    asked = wanted(0, 1, 85) + wanted(23, 1, 85)
    first = meters.ask(1, 14, asked)
    meters.show(2)
    assert meters.ask(1, 14, asked) != first


def test_an_answer_over_the_asker_s_limit_is_aborted(meters: Any) -> None:
    asked = wanted(8, 100_003, Property.ALL)
    assert meters.ask(3, 14, asked, max_apdu=0x75)[0] == 0x30
    assert meters.ask(3, 14, asked, max_apdu=0x73) == b"\x71\x01\x04"
    assert meters.ask(3, 12, bytes.fromhex("0c000000011955"), max_apdu=0x70)[0] == 0x30


def test_an_answer_over_the_meter_s_limit_is_aborted(meters: Any) -> None:
    asked = wanted(8, 100_003, 76, 76, 76, 76, 76, 76)
    assert meters.ask(3, 14, asked) == b"\x71\x01\x04"


def test_what_is_long_is_neither_compiled_to_its_end_nor_kept(meters: Any) -> None:
    every = wanted(8, 4_194_303, Property.ALL)
    for count in (150, 4):
        assert meters.ask(3, 14, count * every) == b"\x71\x01\x04"
    assert meters.responder._templates == {}


def test_every_own_read_of_a_meter_fits_one_apdu(meters: Any) -> None:
    for spec in object_table(frozenset({1, 2, 3})).objects:
        assert meters.ask(3, 14, wanted(spec.kind, spec.instance, Property.ALL), max_apdu=0x74)[0] == 0x30


def test_a_segmented_request_is_aborted(meters: Any) -> None:
    request = bytes((0x0A, 0x75, 9, 0, 1, 12))
    assert meters.responder.answer(request, meters.devices[0], meters.peer) == b"\x71\x09\x04"


@pytest.mark.parametrize(
    "request_octets", ["", "02", "0275", "027501", "2001 0c", "3001 0c", "400100", "500100", "7101"]
)
def test_what_is_no_confirmed_request_is_not_answered(meters: Any, request_octets: str) -> None:
    assert meters.responder.answer(bytes.fromhex(request_octets), meters.devices[0], meters.peer) is None


@given(service=st.integers(0, 45), parameters=st.binary(max_size=60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_asked_is_answered(meters: Any, service: int, parameters: bytes) -> None:
    answer = meters.ask(1, service, parameters)
    assert answer[0] in {0x20, 0x30, 0x50, 0x60, 0x71}
    assert answer[1] == 1


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_request_is_answered(meters: Any, data: st.DataObject) -> None:
    request = bytearray(wanted(0, 1, 85, (110, 1)) + wanted(8, 4194303, Property.ALL))
    for _ in range(data.draw(st.integers(1, 3))):
        request[data.draw(st.integers(0, len(request) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(request)))
    answer = meters.ask(2, data.draw(st.sampled_from([12, 14, 15, 16, 26])), bytes(request[:cut]))
    assert answer[0] in {0x20, 0x30, 0x50, 0x60, 0x71}
