"""The map `native` against the contract, line by line."""

from fractions import Fraction
from itertools import pairwise

import pytest

from register_maps.describe import HEADINGS, describe
from register_maps.loader import load, names
from register_maps.model import Effect, Table, WordOrder
from sims.points import FLAGS, MJ_PER_WH, NS_PER_S

KWH = 1000 * MJ_PER_WH
CONTRACT = [
    # address, type, bytes, point, one count in the unit that the snapshot holds it in
    (0, "f32", 4, "voltage_l1_n", 1),
    (2, "f32", 4, "voltage_l2_n", 1),
    (4, "f32", 4, "voltage_l3_n", 1),
    (6, "f32", 4, "voltage_l1_l2", 1),
    (8, "f32", 4, "voltage_l2_l3", 1),
    (10, "f32", 4, "voltage_l3_l1", 1),
    (12, "f32", 4, "current_l1", 1),
    (14, "f32", 4, "current_l2", 1),
    (16, "f32", 4, "current_l3", 1),
    (18, "f32", 4, "current_n", 1),
    (20, "f32", 4, "active_power_l1", 1000),
    (22, "f32", 4, "active_power_l2", 1000),
    (24, "f32", 4, "active_power_l3", 1000),
    (26, "f32", 4, "active_power", 1000),
    (28, "f32", 4, "reactive_power_l1", 1000),
    (30, "f32", 4, "reactive_power_l2", 1000),
    (32, "f32", 4, "reactive_power_l3", 1000),
    (34, "f32", 4, "reactive_power", 1000),
    (36, "f32", 4, "apparent_power_l1", 1000),
    (38, "f32", 4, "apparent_power_l2", 1000),
    (40, "f32", 4, "apparent_power_l3", 1000),
    (42, "f32", 4, "apparent_power", 1000),
    (44, "f32", 4, "power_factor_l1", 1),
    (46, "f32", 4, "power_factor_l2", 1),
    (48, "f32", 4, "power_factor_l3", 1),
    (50, "f32", 4, "power_factor", 1),
    (52, "f32", 4, "frequency", 1),
    (54, "f32", 4, "temperature", 1),
    (56, "f32", 4, "energy", KWH),
    (58, "f32", 4, "demand", 1000),
    (60, "f32", 4, "rolling_demand", 1000),
    (62, "f32", 4, "peak_demand", 1000),
    (100, "u64", 8, "energy", MJ_PER_WH),
    (104, "u32", 4, "lcd_energy", 1),
    (106, "u32", 4, "pulse_10wh", 1),
    (108, "u32", 4, "pulse_1kwh", 1),
    (110, "u32", 4, "demand", 10),
    (112, "u32", 4, "rolling_demand", 10),
    (114, "u32", 4, "peak_demand", 10),
    (116, "u32", 4, "peak_demand_time", NS_PER_S),
    (118, "u32", 4, "clock", NS_PER_S),
    (120, "u32", 4, "uptime", NS_PER_S),
    (122, "u16", 2, "flags", 1),
    (123, "u16", 2, "lcd_screen", 1),
    (124, "string", 8, "lcd_text", None),
    (200, "string", 32, "vendor", None),
    (216, "string", 32, "model", None),
    (232, "string", 16, "serial", None),
    (240, "string", 8, "firmware", None),
    (244, "u32", 4, "ct_primary", Fraction(1, 10)),
    (246, "u16", 2, "unit_id", 1),
]

NATIVE = load("native")


@pytest.mark.parametrize("line", CONTRACT, ids=lambda line: f"{line[0]}-{line[3]}")
def test_each_register_stands_where_the_contract_puts_it(
    line: tuple[int, str, int, str, Fraction | int | None],
) -> None:
    address, type_name, size, name, count = line
    entry = next(e for e in NATIVE.entries if e.address == address and Table.HOLDING in e.tables)
    assert (entry.type.name, entry.size) == (type_name, size)
    assert entry.point is not None
    assert entry.point.name == name
    assert entry.tables == (Table.HOLDING, Table.INPUT)
    assert entry.word_order is WordOrder.ABCD
    assert entry.writes is None
    if count is not None:
        assert entry.scale * Fraction(entry.point.divisor) == count
        assert entry.offset == 0
    if type_name == "f32":
        assert entry.invalid == 0x7FC00000


def test_there_are_no_other_registers() -> None:
    mapped = [entry.address for entry in NATIVE.entries if Table.HOLDING in entry.tables]
    assert mapped == [address for address, *_ in CONTRACT]


def test_the_contract_itself_has_no_overlap() -> None:
    assert all(a + size // 2 <= b for (a, _, size, *_), (b, *_) in pairwise(CONTRACT))


def test_discrete_inputs_are_the_flags_in_bit_order() -> None:
    entries = [entry for entry in NATIVE.entries if entry.tables == (Table.DISCRETE,)]
    assert [(e.address, e.point and e.point.name) for e in entries] == list(enumerate(FLAGS))


def test_coils_are_the_key_switch_and_the_reset() -> None:
    entries = [entry for entry in NATIVE.entries if entry.tables == (Table.COIL,)]
    assert [(e.address, e.point and e.point.name, e.constant, e.writes) for e in entries] == [
        (0, "key_switch", None, Effect.KEY_SWITCH),
        (1, None, 0, Effect.RESET_PEAK),
    ]
    assert [e.description.split(",")[0] for e in entries] == ["Key switch", "Reset peak demand"]


def test_every_figure_has_a_source_and_every_entry_a_description() -> None:
    assert all(entry.source and entry.description for entry in NATIVE.entries)


def test_the_map_is_listed() -> None:
    assert "native" in names()


def test_a_description_has_one_row_a_value_under_its_headings() -> None:
    rows = describe(NATIVE)
    assert len(rows) == len(NATIVE.entries)
    assert all(len(row) == len(HEADINGS) for row in rows)
    by_address = {(row[0], row[1]): row for row in rows}
    assert by_address["110", "holding+input"] == (
        "110",
        "holding+input",
        "u32",
        "ABCD",
        "demand",
        "0.01",
        "kW",
        "ro",
        "Demand of the last complete 5 minutes",
    )
    assert by_address["124", "holding+input"][2:7] == ("string 8", "", "lcd_text", "", "")
    assert by_address["0", "coil"][4:8] == ("key_switch", "", "", "rw")
    assert by_address["1", "coil"][4:8] == ("always 0", "", "", "rw")
