"""Every type in every word order, for all meters at once, against `struct`."""

import math
import struct
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from register_maps.build import build
from register_maps.codec import Codec, Run, codecs
from register_maps.loader import load
from register_maps.model import RegisterMap, Table

ORDERS: dict[int, dict[str, tuple[int, ...]]] = {
    2: {"ABCD": (0, 1), "CDAB": (0, 1), "BADC": (1, 0), "DCBA": (1, 0)},
    4: {"ABCD": (0, 1, 2, 3), "CDAB": (2, 3, 0, 1), "BADC": (1, 0, 3, 2), "DCBA": (3, 2, 1, 0)},
    8: {
        "ABCD": (0, 1, 2, 3, 4, 5, 6, 7),
        "CDAB": (6, 7, 4, 5, 2, 3, 0, 1),
        "BADC": (1, 0, 3, 2, 5, 4, 7, 6),
        "DCBA": (7, 6, 5, 4, 3, 2, 1, 0),
    },
}
WHOLE = {"u16": "H", "s16": "h", "u32": "I", "s32": "i", "u64": "Q", "s64": "q"}
word_orders = st.sampled_from(sorted(ORDERS[2]))
whole_types = st.sampled_from(sorted(WHOLE))


def _map(*entries: str) -> RegisterMap:
    text = "name: t\ndescription: t\nsource: t\nentries:\n" + "".join(
        f"  - {{{entry}}}\n" for entry in entries
    )
    return build(yaml.compose(text, Loader=yaml.SafeLoader), "t.yaml")


def _encoded(entry: str, values: NDArray[Any]) -> list[bytes]:
    """Return what each meter's row holds of a map with this entry alone."""
    made = _map(entry)
    point = made.entries[0].point
    codec = Codec(made, len(values), {})
    image = codec.encode({point.name: values} if point else {})
    return [image[i : i + codec.row_bytes] for i in range(0, len(image), codec.row_bytes)]


def _ordered(big: bytes, order: str) -> bytes:
    return bytes(big[i] for i in ORDERS[len(big)][order])


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=5), word_orders)
def test_an_f32_is_what_struct_packs(numbers: list[float], order: str) -> None:
    rows = _encoded(f"address: 0, type: f32, point: frequency, word_order: {order}", np.array(numbers, float))
    assert rows == [_ordered(struct.pack(">f", number), order) for number in numbers]


@given(st.lists(st.floats(allow_nan=False, min_value=-1e30, max_value=1e30), min_size=1), word_orders)
def test_an_f64_of_kilowatts_is_a_thousandth_of_the_watts(watts: list[float], order: str) -> None:
    rows = _encoded(f"address: 0, type: f64, point: active_power, word_order: {order}", np.array(watts))
    assert rows == [_ordered(struct.pack(">d", number / 1000), order) for number in watts]


@given(st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=5), whole_types, word_orders)
@example([2**32 * 3_600_000 - 1, 2**32 * 3_600_000], "u32", "ABCD")
def test_energy_is_cut_to_whole_counts_and_wraps(millijoules: list[int], name: str, order: str) -> None:
    entry = f"address: 0, type: {name}, point: energy, scale: 0.001, word_order: {order}"
    rows = _encoded(entry, np.array(millijoules, np.int64))
    size = struct.calcsize(WHOLE[name])
    counts = [energy // 3_600_000 % 2 ** (8 * size) for energy in millijoules]
    assert rows == [_ordered(count.to_bytes(size, "big"), order) for count in counts]


@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=5), whole_types, word_orders)
@example([5.0, 14.999, 15.0, -5.0, -5.001], "s32", "ABCD")
def test_a_measured_quantity_is_rounded_half_up_and_stops_short_of_the_invalid_value(
    watts: list[float], name: str, order: str
) -> None:
    entry = f"address: 0, type: {name}, point: demand, scale: 0.01, word_order: {order}"
    rows = _encoded(entry, np.array(watts))
    bits = 8 * struct.calcsize(WHOLE[name])
    signed = name.startswith("s")
    lowest, highest = (-(2 ** (bits - 1)) + 1, 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 2)
    for row, number in zip(rows, watts, strict=True):
        (count,) = struct.unpack(f">{WHOLE[name]}", _ordered(row, order))
        wanted = math.floor(number / 10 + 0.5) if math.isfinite(number) else number
        wanted = min(max(wanted, lowest), highest)
        if bits == 64 and abs(wanted) > 2**53:
            assert count == pytest.approx(wanted, rel=1e-15)
            assert lowest <= count <= highest
        else:
            assert count == wanted


@pytest.mark.parametrize(
    ("entry", "value", "stands"),
    [
        ("type: u16, point: demand, scale: 0.01, invalid: 0", 1e9, "ffff"),
        ("type: u16, point: demand, scale: 0.01, invalid: 0", -1e9, "0001"),
        ("type: u16, point: demand, scale: 0.01", 1e9, "fffe"),
        ("type: s16, point: demand, scale: 0.01", -1e9, "8001"),
        ("type: s16, point: demand, scale: 0.01", 1e9, "7fff"),
        ("type: s16, point: demand, scale: 0.01, invalid: 0x7fff", 1e9, "7ffe"),
        ("type: u64, point: demand", 1e99, "fffffffffffff800"),
        ("type: s64, point: demand", -1e99, "8000000000000400"),
        ("type: f32, point: frequency", 1e39, "7f800000"),
        ("type: f32, point: frequency", -1e39, "ff800000"),
        ("type: s16, point: temperature, scale: 0.1, offset: -40", 20.0, "0258"),
        ("type: s16, point: active_power, scale: -0.1", 25_000.0, "ff06"),
        ("type: f32, point: temperature, offset: 20", 21.5, "3fc00000"),
        ("type: u16, point: voltage_l1_n, scale: 0.1", 120.05, "04b1"),
        ("type: f32, point: energy", 123 * 3_600_000_000, "42f60000"),
        ("type: u32, point: clock", 1_767_571_200_999_999_999, "695aff00"),
    ],
)
def test_worked_values(entry: str, value: float, stands: str) -> None:
    assert _encoded(f"address: 0, {entry}", np.array([value]))[0].hex() == stands


@pytest.mark.parametrize(
    ("entry", "stands"),
    [
        ("type: f32", "7fc00000"),
        ("type: f64", "7ff8000000000000"),
        ("type: u16", "ffff"),
        ("type: s16", "8000"),
        ("type: u32", "ffffffff"),
        ("type: s64", "8000000000000000"),
        ("type: f32, invalid: 0xff800001", "ff800001"),
        ("type: u16, invalid: 0x8000", "8000"),
        ("type: u64, invalid: 0xfffffffffffffffe, word_order: DCBA", "feffffffffffffff"),
        ("type: f32, word_order: CDAB", "00007fc0"),
        ("type: f32, word_order: BADC", "c07f0000"),
    ],
)
@pytest.mark.parametrize("nan", [0x7FF8000000000000, 0xFFF8000000000000, 0x7FF0000000000001], ids=hex)
def test_whatever_nan_the_column_holds_reads_the_invalid_value(entry: str, stands: str, nan: int) -> None:
    column = np.array([nan, nan], np.uint64).view(np.float64)
    rows = _encoded(f"address: 0, {entry}, point: frequency", column)
    assert [row.hex() for row in rows] == [stands, stands]


def test_a_nan_leaves_the_other_meters_alone() -> None:
    rows = _encoded("address: 0, type: u16, point: frequency", np.array([50.0, math.nan, 60.0]))
    assert rows == [b"\x00\x32", b"\xff\xff", b"\x00\x3c"]


@given(st.text(st.characters(codec="ascii", exclude_characters="\0"), max_size=12), word_orders)
def test_a_text_is_cut_or_filled_up(text: str, order: str) -> None:
    entry = f"address: 0, type: string, length: 8, point: vendor, word_order: {order}"
    made = _map(entry)
    for column in (np.array([text, "other"]), np.array([text.encode(), b"other"])):
        row = Codec(made, 2, {"vendor": column}).encode({})[:8]
        wanted = text.encode()[:8].ljust(8, b"\0")
        assert row == b"".join(_ordered(wanted[i : i + 2], order) for i in range(0, 8, 2))


def test_what_is_not_ascii_becomes_a_question_mark() -> None:
    made = _map("address: 0, type: string, length: 4, point: vendor")
    assert Codec(made, 1, {"vendor": np.array(["Zähl"])}).encode({}) == b"Z?hl"


def test_constants_are_alike_for_all_meters() -> None:
    made = _map(
        "address: 0, type: string, length: 4, constant: SunS, description: x",
        "address: 2, type: s16, constant: -2, description: x",
        "address: 3, type: f32, constant: 1.5, description: x, word_order: CDAB",
        "address: 5, type: u32, constant: 0x01020304, description: x, word_order: BADC",
        "address: 0, table: coil, type: bit, constant: 1, description: x",
    )
    row = b"SunS" + b"\xff\xfe" + b"\x00\x00\x3f\xc0" + b"\x02\x01\x04\x03" + b"\x01"
    assert Codec(made, 3, {}).encode({}) == row * 3


def test_a_flag_is_a_bit_of_the_flags() -> None:
    made = _map(
        "address: 3, table: discrete, type: bit, point: stale",
        "address: 4, table: discrete, type: bit, point: reverse_phase",
        "address: 9, type: u16, point: stale",
    )
    codec = Codec(made, 3, {})
    image = codec.encode({"flags": np.array([0x8000, 0x0001, 0x7FFE], np.uint16)})
    assert [image[i : i + 4] for i in (0, 4, 8)] == [b"\0\1\1\0", b"\0\0\0\1", b"\0\0\0\0"]


def test_rows_leave_out_the_gaps_and_runs_say_where_addresses_stand() -> None:
    codec = Codec(load("native"), 1, {name: np.array([0]) for name in ("ct_primary", "unit_id")} | _texts())
    registers = (Run(0, 64, 0, 2), Run(100, 128, 128, 2), Run(200, 247, 184, 2))
    assert codec.runs[Table.HOLDING] == codec.runs[Table.INPUT] == registers
    assert sorted([*codec.runs[Table.DISCRETE], *codec.runs[Table.COIL]], key=lambda run: run.offset) == [
        Run(0, 1, 278, 1),
        Run(0, 1, 279, 1),
        Run(1, 2, 280, 1),
        Run(1, 2, 281, 1),
        Run(2, 16, 282, 1),
    ]
    assert codec.row_bytes == 296


def _texts() -> dict[str, NDArray[Any]]:
    return {name: np.array(["x"]) for name in ("vendor", "model", "serial", "firmware")}


def test_scale_and_offset_are_as_exact_as_they_are_written() -> None:
    entry = _map("address: 0, type: u32, point: demand, scale: 0.01, offset: 0.3").entries[0]
    assert (entry.scale, entry.offset) == (Fraction(1, 100), Fraction(3, 10))


DIGITS = {"bcd16": 4, "bcd32": 8, "bcd64": 16}


def _of_digits(row: bytes, order: str) -> int:
    return int(_ordered(row, order).hex())


@given(
    st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=5), st.sampled_from(sorted(DIGITS)), word_orders
)
@example([10**8 * 3_600_000 - 1, 10**8 * 3_600_000], "bcd32", "ABCD")
def test_bcd_has_a_digit_in_four_bits_and_wraps_after_the_nines(
    millijoules: list[int], name: str, order: str
) -> None:
    entry = f"address: 0, type: {name}, point: energy, scale: 0.001, word_order: {order}"
    rows = _encoded(entry, np.array(millijoules, np.int64))
    wanted = [energy // 3_600_000 % 10 ** DIGITS[name] for energy in millijoules]
    assert [_of_digits(row, order) for row in rows] == wanted


@given(st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=5), st.sampled_from([3, 4]), word_orders)
def test_mod10k_has_words_of_0_to_9999_the_least_significant_first(
    millijoules: list[int], length: int, order: str
) -> None:
    entry = f"address: 0, type: mod10k, length: {length}, point: energy, scale: 0.001, word_order: {order}"
    rows = _encoded(entry, np.array(millijoules, np.int64))
    form = f"{'<' if order in {'BADC', 'DCBA'} else '>'}{length}H"
    numbers = [sum(word * 10_000**k for k, word in enumerate(struct.unpack(form, row))) for row in rows]
    assert numbers == [energy // 3_600_000 % 10_000**length for energy in millijoules]


@pytest.mark.parametrize(
    ("entry", "value", "stands"),
    [
        ("type: mod10k, length: 4, point: energy, scale: 0.001", 123_456_789 * 3_600_000, "1a85092900010000"),
        ("type: bcd32, point: demand, scale: 0.01", 1_234_565.0, "00123457"),
        ("type: bcd16, point: demand, scale: 0.01", 1e9, "9999"),
        ("type: bcd16, point: demand, scale: 0.01, invalid: 0x9999", 1e9, "9998"),
        ("type: bcd16, point: demand, scale: 0.01", -5.1, "0000"),
        ("type: bcd16, point: demand", math.nan, "ffff"),
        ("type: mod10k, length: 3, point: demand", math.nan, "ffffffffffff"),
        ("type: mod10k, length: 3, point: demand, invalid: 0x000100020003", math.nan, "000100020003"),
        ("type: bcd32, constant: 42, description: x, word_order: CDAB", 0, "00420000"),
        ("type: mod10k, length: 3, constant: 20001, description: x", 0, "000100020000"),
    ],
)
def test_worked_digits(entry: str, value: float, stands: str) -> None:
    assert _encoded(f"address: 0, {entry}", np.array([value]))[0].hex() == stands


def test_a_bit_field_has_each_flag_at_its_bit_and_several_at_one() -> None:
    bits = "{stale: 2, phase_loss_l1: [2, 3], phase_loss_l2: 3, reverse_phase: 31}"
    made = _map(f"address: 0, type: u32, description: x, word_order: CDAB, bits: {bits}")
    flags = np.array([0, 1 << 15, 1 << 8, 1 << 9, 1, 0xFFFF, 1 << 4], np.uint16)
    image = Codec(made, len(flags), {}).encode({"flags": flags})
    rows = [_ordered(image[i : i + 4], "CDAB").hex() for i in range(0, len(image), 4)]
    assert rows == ["00000000", "00000004", "0000000c", "00000008", "80000000", "8000000c", "00000000"]


@pytest.mark.parametrize(("key", "wanted"), [("sum", [6.0, 3.0, math.nan]), ("mean", [2.0, 1.5, math.nan])])
def test_of_several_points_those_that_are_absent_are_left_out(key: str, wanted: list[float]) -> None:
    made = _map(f"address: 0, type: f32, {key}: [current_l1, current_l2, current_l3]")
    nan = math.nan
    columns = {
        "current_l1": np.array([1.0, 1.0, nan]),
        "current_l2": np.array([2.0, 2.0, nan]),
        "current_l3": np.array([3.0, nan, nan]),
    }
    image = Codec(made, 3, {}).encode(columns)
    assert np.frombuffer(image, ">f4").tolist() == pytest.approx(wanted, nan_ok=True)


def _scaled(fits: str, value: float, ct: float) -> tuple[int, int]:
    """Return a count and the exponent that goes with it."""
    made = _map(
        "address: 0, type: s16, point: active_power, scale: 0.001, scale_register: W_SF",
        f"address: 1, type: s16, name: W_SF, {fits}",
    )
    image = Codec(made, 1, {"ct_primary": np.array([ct])}).encode({"active_power": np.array([value])})
    return struct.unpack(">hh", image)


@pytest.mark.parametrize(
    ("fits", "watts", "ct", "wanted"),
    [
        ("exponent: 1", 12_345.0, 100.0, (1235, 1)),
        ("exponent: -2", 123.456, 100.0, (12346, -2)),
        ("fits: ct_primary, times: 384", 38_400.0, 100.0, (3840, 1)),
        ("fits: ct_primary, times: 327.67", 32_767.0, 100.0, (32767, 0)),
        ("fits: ct_primary, times: 327.68", 32_767.0, 100.0, (3277, 1)),
        ("fits: ct_primary, times: 384", -38_400_000.0, 100_000.0, (-3840, 4)),
        ("fits: ct_primary, times: 384", 12.0, 0.1, (1200, -2)),
        ("fits: ct_primary, times: 384", math.nan, 100.0, (-32768, 1)),
    ],
)
def test_a_value_and_its_scale_register_agree(
    fits: str, watts: float, ct: float, wanted: tuple[int, int]
) -> None:
    assert _scaled(fits, watts, ct) == wanted


@given(st.floats(0.1, 100_000.0), st.floats(-1.0, 1.0))
def test_a_fitting_scale_register_holds_every_value_with_four_digits(ct: float, part: float) -> None:
    watts = 1152.0 * ct * part
    count, exponent = _scaled("fits: ct_primary, times: 1152", watts, ct)
    assert abs(count) <= 32767
    assert count * 10.0**exponent == pytest.approx(watts, abs=1152 * ct / 3276)


def test_a_fixed_scale_register_scales_a_counter_exactly() -> None:
    made = _map(
        "address: 0, type: u32, point: energy, scale: 0.001, scale_register: E",
        "address: 2, type: s16, name: E, exponent: 2",
    )
    image = Codec(made, 1, {}).encode({"energy": np.array([100 * 3_600_000 * 7 - 1])})
    assert struct.unpack(">Ih", image) == (6, 2)


def test_gaps_that_read_zero_share_a_few_cells() -> None:
    text = (
        "name: t\ndescription: t\nsource: t\ngaps: zero\nentries:\n"
        "  - {address: 10, type: u16, constant: 1, description: x}\n"
        "  - {address: 14, type: u16, constant: 2, description: x}\n"
        "  - {address: 1000, table: holding, type: u16, constant: 3, description: x}\n"
    )
    codec = Codec(build(yaml.compose(text, Loader=yaml.SafeLoader), "t.yaml"), 1, {})
    image = codec.encode({})
    assert codec.row_bytes == 250 + 6
    words = {
        address: image[run.offset + 2 * (address - run.start) :][:2]
        for run in codec.runs[Table.HOLDING]
        for address in range(run.start, run.end)
    }
    assert sorted(words) == list(range(10, 1001))
    assert {address: word for address, word in words.items() if any(word)} == {
        10: b"\0\1",
        14: b"\0\2",
        1000: b"\0\3",
    }
    assert max(run.end for run in codec.runs[Table.INPUT]) == 15


def test_each_meter_is_in_the_codec_of_its_service() -> None:
    text = (
        "name: t\ndescription: t\nsource: t\nentries:\n"
        "  - {address: 0, type: u16, point: frequency}\n"
        "  - {address: 1, type: u16, point: unit_id}\n"
        "variants:\n"
        "  - {services: [wye-4-wire], entries: [{address: 2, type: u16, constant: 3, description: x}]}\n"
    )
    made = build(yaml.compose(text, Loader=yaml.SafeLoader), "t.yaml")
    services = ["wye-4-wire", "1-phase-2-wire", "wye-4-wire", "network-3-wire"]
    fixed, columns = {"unit_id": np.array([1, 2, 3, 4])}, {"frequency": np.array([50.0, 51.0, 52.0, 53.0])}
    images = {
        tuple(rows.tolist()): np.frombuffer(codec.encode(columns), ">u2").tolist()
        for codec, rows in codecs(made, services, fixed)
    }
    assert images == {(0, 2): [50, 1, 3, 52, 3, 3], (1, 3): [51, 2, 53, 4]}


def test_without_variants_there_is_one_codec_of_all_meters() -> None:
    made = _map("address: 0, type: u16, point: frequency")
    ((codec, rows),) = codecs(made, ["wye-4-wire"] * 3, {})
    assert rows.tolist() == [0, 1, 2]
    assert codec.encode({"frequency": np.array([1.0, 2.0, 3.0])}) == b"\0\1\0\2\0\3"
