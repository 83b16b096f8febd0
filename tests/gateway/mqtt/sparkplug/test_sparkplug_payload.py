"""The wire format, against npm's sparkplug-payload both ways."""

import base64
import json
import struct
import subprocess
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import FaultyRequestError
from gateway.mqtt.sparkplug.payload import (
    TIMELESS,
    DataType,
    Properties,
    Stamp,
    Written,
    alias,
    decoded,
    metrics,
    milliseconds,
    payload,
    stencil,
    varint,
)
from tests.support.sparkplug import CLIENTS, decode

OTHERS = pytest.mark.real_client("node", "npm:sparkplug-payload")
NOW = Stamp.of(1_767_571_201_000)

CASES: list[tuple[DataType, Any, Any]] = [
    (DataType.INT32, 0, 0),
    (DataType.INT32, -1, -1),
    (DataType.INT32, 2**31 - 1, 2**31 - 1),
    (DataType.INT64, 2**62 + 1, str(2**62 + 1)),
    (DataType.INT64, -(2**40), str(-(2**40))),
    (DataType.DOUBLE, 0.1, 0.1),
    (DataType.DOUBLE, -1e300, -1e300),
    (DataType.BOOLEAN, True, True),
    (DataType.BOOLEAN, False, False),
    (DataType.STRING, "  000042", "  000042"),
    (DataType.STRING, "°" * 100, "°" * 100),
    (DataType.STRING, "", ""),
    (DataType.DATETIME, "2026-01-05T00:15:00Z", "1767572100000"),
    (DataType.DATETIME, "2026-01-05T00:15:00.123456Z", "1767572100123"),
]


def encode(*payloads: dict[str, Any]) -> list[bytes]:
    """Encode payloads as npm's sparkplug-payload does."""
    command = ["node", str(CLIENTS / "sparkplug_encode.cjs")]
    lines = "\n".join(map(json.dumps, payloads))
    done = subprocess.run(command, input=lines, capture_output=True, text=True, timeout=60, check=True)
    return [base64.b64decode(line) for line in done.stdout.splitlines()]


@OTHERS
def test_what_we_write_is_what_others_read() -> None:
    properties: Properties = {"engUnit": "°C", "Quality": 500}
    stencils = {
        str(number): stencil(datatype, name=f"n{number}", place=number % 127 + 1, properties=properties)
        for number, (datatype, *_) in enumerate(CASES)
    }
    values = {str(number): value for number, (_, value, _) in enumerate(CASES)}
    (read,) = decode([payload(NOW, metrics(stencils, varint(5000), NOW, values), 255)])
    assert (read["timestamp"], read["seq"]) == ("1767571201000", "255")
    for number, (datatype, _, expected) in enumerate(CASES):
        assert read["metrics"][number] == {
            "name": f"n{number}",
            "alias": str(alias(5000, number % 127 + 1)),
            "timestamp": "1767571201000",
            "type": {"INT32": "Int32", "INT64": "Int64", "DATETIME": "DateTime"}.get(
                datatype.name, datatype.name.capitalize()
            ),
            "value": expected,
            "properties": {
                "engUnit": {"value": "°C", "type": "String"},
                "Quality": {"value": 500, "type": "Int32"},
            },
        }


@OTHERS
def test_null_and_what_has_neither_time_nor_number_is_read_as_such() -> None:
    stencils = {"a": stencil(DataType.DOUBLE, name="a")}
    with_null, bare = decode(
        [
            payload(NOW, metrics(stencils, b"", NOW, {"a": None}), 0),
            payload(TIMELESS, metrics(stencils, b"", TIMELESS, {"a": 1.5}), None),
        ]
    )
    assert with_null["metrics"][0]["value"] is None
    assert with_null["seq"] == "0"
    assert bare == {"metrics": [{"name": "a", "type": "Double", "value": 1.5}]}


@OTHERS
def test_what_others_write_is_what_we_read() -> None:
    written: list[tuple[str, Any, Any]] = [
        ("Int8", -5, -5),
        ("Int16", -300, -300),
        ("Int32", -70000, -70000),
        ("Int64", -5, -5),
        ("UInt8", 200, 200),
        ("UInt16", 65535, 65535),
        ("UInt32", 2**32 - 1, 2**32 - 1),
        ("UInt64", 2**40, 2**40),
        ("Float", 0.5, 0.5),
        ("Double", 0.1, 0.1),
        ("Boolean", True, True),
        ("String", "größer", "größer"),
        ("Text", "", ""),
        ("Bytes", [1, 2], None),
    ]
    made = [{"name": kind, "alias": 300, "type": kind, "value": value} for kind, value, _ in written]
    (wire,) = encode({"timestamp": 1, "metrics": made})
    assert decoded(wire) == [Written(kind, 300, expected) for kind, _, expected in written]
    (wire,) = encode({"timestamp": 1, "metrics": [{"alias": 7, "type": "Double", "value": None}]})
    assert [one.value for one in decoded(wire)] == [None]


@settings(deadline=None)
@given(st.integers(0, 2**64 - 1))
def test_a_varint_is_read_as_it_is_written(number: int) -> None:
    wire = b"\x12" + varint(len(varint(number)) + 1) + b"\x10" + varint(number)
    assert decoded(wire) == [Written(None, number, None)]


@settings(deadline=None)
@given(st.floats(allow_nan=False), st.text(max_size=40), st.integers(-(2**31), 2**31 - 1), st.booleans())
def test_values_are_read_as_they_are_written(number: float, text: str, whole: int, flag: bool) -> None:  # noqa: FBT001  drawn
    values = {DataType.DOUBLE: number, DataType.STRING: text, DataType.INT32: whole, DataType.BOOLEAN: flag}
    stencils = {datatype.name: stencil(datatype, name=datatype.name) for datatype in values}
    named: dict[str, Any] = {datatype.name: value for datatype, value in values.items()}
    read = decoded(payload(NOW, metrics(stencils, b"", NOW, named), 1))
    assert {one.name: one.value for one in read} == named


def test_an_alias_is_a_varint_of_place_and_owner() -> None:
    stencils = {"a": stencil(DataType.BOOLEAN, place=127)}
    for owner in (1, 2, 127, 128, 16_384, 100_001):
        (one,) = decoded(payload(NOW, metrics(stencils, varint(owner), NOW, {"a": True}), 0))
        assert one == Written(None, alias(owner, 127), value=True)


@pytest.mark.parametrize(
    "wire",
    [
        b"\x12",
        b"\x12\x05\x00",
        b"\x08" + b"\xff" * 11,
        b"\x12\x02\x69\x00",
        b"\x12\x03\x0a\x01\xff",
        b"\x0b",
        b"\x12\x02\x7a\x05",
        bytes(65_537),
    ],
)
def test_what_is_no_payload_is_refused(wire: bytes) -> None:
    with pytest.raises(FaultyRequestError):
        decoded(wire)


@settings(deadline=None)
@given(st.binary(max_size=500))
def test_any_bytes_are_read_or_refused(wire: bytes) -> None:
    try:
        decoded(wire)
    except FaultyRequestError:
        assert wire


def test_a_payload_full_of_metrics_is_read_in_a_moment() -> None:
    assert len(decoded(b"\x12\x00" * 32_768)) == 32_768


def test_floats_and_instants_are_what_they_say() -> None:
    (one,) = decoded(b"\x12\x05\x65" + struct.pack("<f", 0.5))
    assert one.value == 0.5
    assert milliseconds("1970-01-01T00:00:01.500000Z") == 1500
