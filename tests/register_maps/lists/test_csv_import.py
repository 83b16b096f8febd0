"""A list of registers as people have them becomes a map, or is told line by line why not."""

import csv
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from register_maps.errors import RegisterMapError
from register_maps.lists.importer import map_of_csv
from register_maps.loader import load, load_file, starter
from register_maps.model import TABLE_WORDS, Entry, RegisterMap, Table


def _imported(
    folder: Path, text: str, base: int | None = None, encoding: str = "utf-8", **options: Any
) -> RegisterMap:
    source, made = folder / "list.csv", folder / "list.yaml"
    source.write_bytes(text.encode(encoding))
    made.write_text(map_of_csv(source, base, **options).text, encoding="utf-8")
    return load_file(made)


def _entry(folder: Path, columns: str, cells: str) -> Entry:
    return _imported(folder, f"{columns}\n{cells}\n").entries[0]


def _told(folder: Path, text: str, **options: Any) -> list[str]:
    with pytest.raises(RegisterMapError) as caught:
        _imported(folder, text, **options)
    return [line.removeprefix(f"{folder / 'list.csv'}:") for line in str(caught.value).splitlines()]


def test_a_list_of_a_meter_becomes_a_map(tmp_path: Path) -> None:
    made = _imported(
        tmp_path,
        "Register;Name;Data type;Factor;Unit;Byte order;R/W;Comment\n"
        "40001;Voltage L1-N;UINT16;0.1;V;;R;\n"
        "40002;Total active power;INT32;1;W;CDAB;RO;three phases\n"
        "\n"
        "# counters\n"
        '40004;energy;uint64;10;Wh;big-endian;read;"never ""reset""; see 3.1"\n'
        "40008;active_power_l2;float;;kW;word swap;;\n",
    )
    assert [(e.address, e.type.name, e.point and e.point.name) for e in made.entries] == [
        (0, "u16", "voltage_l1_n"),
        (1, "s32", "active_power"),
        (3, "u64", "energy"),
        (7, "f32", "active_power_l2"),
    ]
    assert [e.scale for e in made.entries] == [Fraction(1, 10), Fraction(1, 1000), Fraction(1, 100), 1]
    assert [e.word_order.value for e in made.entries] == ["ABCD", "CDAB", "ABCD", "CDAB"]
    assert {e.tables for e in made.entries} == {(Table.HOLDING,)}
    assert made.entries[2].description == 'never "reset"; see 3.1'


@pytest.mark.parametrize(
    ("address", "wire", "tables"),
    [
        ("0", 0, (Table.HOLDING, Table.INPUT)),
        ("40000", 40000, (Table.HOLDING, Table.INPUT)),
        ("0x10", 16, (Table.HOLDING, Table.INPUT)),
        ("1Fh", 31, (Table.HOLDING, Table.INPUT)),
        ("0x9C41", 40001, (Table.HOLDING, Table.INPUT)),
        ("40001", 0, (Table.HOLDING,)),
        ("49999", 9998, (Table.HOLDING,)),
        ("30343", 342, (Table.INPUT,)),
        ("440001", 40000, (Table.HOLDING,)),
        ("300001", 0, (Table.INPUT,)),
    ],
)
def test_an_address_may_be_written_in_many_ways(
    tmp_path: Path, address: str, wire: int, tables: tuple[Table, ...]
) -> None:
    entry = _entry(tmp_path, "address,point,type", f"{address},flags,u16")
    assert (entry.address, entry.tables) == (wire, tables)


def test_a_list_with_one_address_that_is_no_traditional_number_is_zero_based(tmp_path: Path) -> None:
    made = _imported(tmp_path, "address,point,type\n40000,flags,u16\n40001,lcd_screen,u16\n")
    assert [entry.address for entry in made.entries] == [40000, 40001]


@pytest.mark.parametrize(("base", "wire"), [(0, 40070), (40001, 69), (1, 40069)])
def test_the_base_may_be_said(tmp_path: Path, base: int, wire: int) -> None:
    made = _imported(tmp_path, "address,point,type\n40070,flags,u16\n", base)
    assert made.entries[0].address == wire


@pytest.mark.parametrize(
    ("point", "unit", "scale", "wanted"),
    [
        ("active_power", "W", "1", "0.001"),
        ("active_power", "MW", "0.001", "1"),
        ("energy", "Wh", "", "0.001"),
        ("energy", "MWh", "0.1", "100"),
        ("power_factor", "%", "0.1", "0.001"),
        ("reactive_power", "VAr", "10", "0.01"),
        ("voltage_l1_n", "mV", "1", "0.001"),
        ("uptime", "h", "", "3600"),
        ("temperature", "°C", "0.1", "0.1"),
        ("pulse_10wh", "pulses", "", "1"),
    ],
)
def test_a_unit_and_a_factor_become_a_scale(
    tmp_path: Path, point: str, unit: str, scale: str, wanted: str
) -> None:
    entry = _entry(tmp_path, "address,point,type,scale,unit", f"0,{point},u32,{scale},{unit}")
    assert entry.scale == Fraction(wanted)


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ("x,flags,u16,,,,", "2: address: 'x' is not possible; allowed: a whole number, decimal or hex"),
        ("0,colour,u16,,,,", "2: point: 'colour' is not a point; allowed: voltage_l1_n"),
        ("0,flags,u24,,,,", "2: type: 'u24' is not possible; allowed: u16"),
        ("0,flags,,,,,", "2: type: missing; allowed: u16"),
        ("0,energy,u32,,V,,", "2: unit: 'V' is not a unit of energy; allowed: mWh, Wh, kWh, MWh"),
        ("0,energy,u32,ten,,,", "2: scale: 'ten' is not possible; allowed: a number"),
        ("0,energy,u32,1e999999999,,,", "2: scale: '1e999999999' is not possible; allowed: a number"),
        ("0,energy,u32,1/0,,,", "2: scale: '1/0' is not possible; allowed: a number"),
        ("0,demand,u32,1/3,,,", "2: scale: 1/3 is no decimal number"),
        ("0,flags,u16,,,BCDA,", "2: word_order: 'BCDA' is not possible; allowed: ABCD"),
        ("0,flags,u16,,,,R/W", "2: access: 'R/W' is not possible in a list; allowed: r, ro"),
        ("0,energy,u32,1e-10,,,", "2: scale: makes one count 0.36 mJ"),
        ("70000,flags,u16,,,,", "2: address: address 70000 on the wire is out of range"),
        ("0,serial,string,,,,", "2: length: missing"),
        ("0,flags,u16,,,,,extra", "2: has 8 cells; allowed: 7 columns"),
    ],
)
def test_an_unclear_cell_is_told_with_its_line_and_what_is_allowed(
    tmp_path: Path, cells: str, told: str
) -> None:
    (line,) = _told(tmp_path, f"address,point,type,scale,unit,order,rw\n{cells}\n")
    assert line.startswith(told)


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("address,point,type,colour", "1: colour: unknown column; allowed: address, table, type, length"),
        ("address,point", "1: type: missing column; allowed: one called dataformat"),
        (
            "address,type",
            "1: point or constant or description: missing column; allowed: one called measurement",
        ),
        ("address,point,name,type", "1: point: given twice: point, name; allowed: each column once"),
    ],
)
def test_a_wrong_header_is_told(tmp_path: Path, header: str, told: str) -> None:
    (line,) = _told(tmp_path, f"{header}\n0,flags,u16,x\n")
    assert line.startswith(told)


def test_every_fault_is_told_at_once_and_a_clash_by_the_lines_of_the_list(tmp_path: Path) -> None:
    assert len(_told(tmp_path, "address,point,type\n0,colour,u16\n1,flags,u24\n")) == 2
    told = _told(tmp_path, "address,point,type\n0,energy,u32\n\n1,flags,u16\n")
    assert told == ["4: address: address 1 overlaps address 0-1 of line 2"]


def test_an_empty_or_unreadable_list_is_told(tmp_path: Path) -> None:
    for text in ("", "address,point,type\n"):
        with pytest.raises(RegisterMapError, match="has no registers"):
            _imported(tmp_path, text)
    with pytest.raises(RegisterMapError, match="cannot be read"):
        map_of_csv(tmp_path / "none.csv")
    (tmp_path / "long.csv").write_text("address,type,point\n" + "0" * 200_000)
    with pytest.raises(RegisterMapError, match=r"long\.csv: is no CSV: field larger than"):
        map_of_csv(tmp_path / "long.csv")
    (tmp_path / "odd.csv").write_bytes(b"address\nx\x81\n")
    with pytest.raises(RegisterMapError, match=r"odd\.csv:2: is no text; allowed: UTF-8"):
        map_of_csv(tmp_path / "odd.csv")


def test_constants_texts_and_bits_are_possible(tmp_path: Path) -> None:
    made = _imported(
        tmp_path,
        "address,function,name,type,length,constant\n"
        "0,3,Serial number,ascii,16,\n"
        "9,3,Kind of meter,word,,42\n"
        "12,FC03,energy,mod10k,4,\n"
        "0,FC2,stale,bool,,\n",
    )
    assert [(e.address, e.type.name, e.size, e.constant) for e in made.entries] == [
        (0, "string", 16, None),
        (0, "bit", 1, None),
        (9, "u16", 2, 42),
        (12, "mod10k", 8, None),
    ]


@pytest.mark.parametrize("name", ["mine", "12", "yes"])
def test_the_map_to_begin_with_is_right(tmp_path: Path, name: str) -> None:
    file = tmp_path / "new.yaml"
    file.write_text(starter(name), encoding="utf-8")
    assert load_file(file).name == name


def test_traditional_numbers_of_every_table_stand_together(tmp_path: Path) -> None:
    made = _imported(
        tmp_path,
        "Register,Type,Name,Table\n"
        "40001,f32,voltage_l1_n,holding\n"
        "40003,f32,voltage_l2_n,\n"
        "30001,u16,flags,input\n"
        "10001,bit,reverse_phase,discrete\n"
        "10002,bit,powered,\n"
        "00001,bit,key_switch,coil\n"
        "00002,bit,led_10wh,\n",
    )
    assert sorted((each.tables[0].value, each.address) for each in made.entries) == [
        ("coil", 0),
        ("coil", 1),
        ("discrete", 0),
        ("discrete", 1),
        ("holding", 0),
        ("holding", 2),
        ("input", 0),
    ]


@pytest.mark.parametrize("rows", ["10001,bit,reverse_phase\n10002,bit,powered\n", "100001,bit,powered\n"])
def test_a_list_of_discrete_inputs_alone_has_traditional_numbers_too(tmp_path: Path, rows: str) -> None:
    made = _imported(tmp_path, f"address,type,point\n{rows}")
    assert {each.tables for each in made.entries} == {(Table.DISCRETE,)}
    assert made.entries[0].address == 0


def test_words_at_10001_are_zero_based(tmp_path: Path) -> None:
    assert _entry(tmp_path, "address,type,point", "10001,u16,flags").address == 10_001


def test_lines_that_overlap_are_told_with_what_else_is_wrong(tmp_path: Path) -> None:
    rows = "0,f32,energy\n1,f32,active_power\n70000,u16,flags\n4,u17,frequency\n"
    told = _told(tmp_path, f"address,type,point\n{rows}")
    assert [line.partition(";")[0] for line in told] == [
        "3: address: address 1-2 overlaps address 0-1 of line 2",
        "4: address: address 70000 on the wire is out of range",
        "5: type: 'u17' is not possible",
    ]


def test_where_lines_are_is_not_judged_while_an_address_is_unclear(tmp_path: Path) -> None:
    (line,) = _told(tmp_path, "address,type,point\n400001,u16,flags\n10,u16,lcd_screen\n")
    assert line.startswith("3: address: 10 stands beside numbers like 40001")


@pytest.mark.parametrize("short", ["10", "0"])
def test_short_numbers_beside_traditional_ones_are_told(tmp_path: Path, short: str) -> None:
    text = f"address,type,point\n40001,u16,flags\n{short},u16,lcd_screen\n"
    (line,) = _told(tmp_path, text)
    assert line.startswith(f"3: address: {short} stands beside numbers like 40001; allowed: ")
    assert [each.address for each in _imported(tmp_path, text, base=0).entries] == [int(short), 40_001]


def test_short_numbers_beside_traditional_ones_are_told_once(tmp_path: Path) -> None:
    short = "".join(f"{at},u16,flags\n" for at in range(20))
    (line,) = _told(tmp_path, f"address,type,point\n40001,u16,flags\n{short}")
    assert line.startswith("3: address: 0 stands beside numbers like 40001, and 19 more do; allowed: ")


def test_short_numbers_of_coils_are_zero_based(tmp_path: Path) -> None:
    rows = "0,u16,flags,holding\n1,bit,key_switch,coil\n"
    made = _imported(tmp_path, f"address,type,point,table\n{rows}")
    assert [each.address for each in made.entries] == [0, 1]


def test_a_table_that_its_number_contradicts_is_told(tmp_path: Path) -> None:
    (line,) = _told(tmp_path, "address,type,point,table\n40001,u16,flags,input\n")
    assert line == "2: table: 'input', but 40001 is a number of the table holding; allowed: holding"


@pytest.mark.parametrize("cell", ["fl\0ags", "fl\x07ags"])
def test_control_characters_are_told_with_their_line(tmp_path: Path, cell: str) -> None:
    lines = _told(tmp_path, f"address,type,point,note\n0,u16,flags,fine\n1,u16,{cell},x\n")
    assert "3: point: has a control character" in lines


def test_lines_are_counted_as_editors_count_them(tmp_path: Path) -> None:
    text = "address,type,point,note\n0,u16,flags,a\u2028b\n1,u16,nonsense,\n"
    assert any(line.startswith("3: point: 'nonsense'") for line in _told(tmp_path, text))


@pytest.mark.parametrize(
    ("written", "name", "order"),
    [("FLOAT32-CDAB", "f32", "CDAB"), ("UINT32 BE", "u32", "ABCD"), ("int32_swapped", "s32", "CDAB")],
)
def test_a_type_may_name_its_word_order(tmp_path: Path, written: str, name: str, order: str) -> None:
    entry = _entry(tmp_path, "address,type,point", f"0,{written},active_power")
    assert (entry.type.name, entry.word_order.value) == (name, order)


GERMAN = """Acme PM-1;;;;;
Register;Description;Data type;Unit;Factor;Access
40001;"Voltage L1-N";UINT16;V;0,1;R
40002-40003;"Total active power";INT32;W;1;R
40004;Temperature;16-bit signed;\u00b0C;0,1;R
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_list_of_a_spreadsheet_is_read_as_it_was_saved(tmp_path: Path, encoding: str, end: str) -> None:
    made = _imported(tmp_path, GERMAN.replace("\n", end), encoding=encoding)
    assert [(e.address, e.tables, e.type.name, e.points[0].name, e.scale) for e in made.entries] == [
        (0, (Table.HOLDING,), "u16", "voltage_l1_n", Fraction("0.1")),
        (1, (Table.HOLDING,), "s32", "active_power", Fraction("0.001")),
        (3, (Table.HOLDING,), "s16", "temperature", Fraction("0.1")),
    ]


def test_faults_are_told_by_the_lines_of_the_file_below_its_titles(tmp_path: Path) -> None:
    (line,) = _told(tmp_path, GERMAN.replace("INT32", "INT31"), encoding="cp1252")
    assert line.startswith("4: type: 'INT31' is not possible; allowed: u16, u32")


EASTERN = (
    "Address (hex),Name,Type,Words,Unit,Page,Function\n"
    "0000,Phase 1 line to neutral volts,Float,2,V,4,04\n"
    "0x0034,Total system power,Float,2,W,4,04\n"
    '00C8,"THD, L1",Float,2,%,5,04\n'
    "00CA,,,,,,\n"
)


def test_columns_and_lines_that_say_nothing_here_are_left_out_when_asked(tmp_path: Path) -> None:
    told = _told(tmp_path, EASTERN)
    assert [line.partition(";")[0] for line in told] == ["1: Page: unknown column"]
    told = _told(tmp_path, EASTERN, ignored=["page"])
    assert [line.partition(";")[0] for line in told] == [
        "4: point: 'THD, L1' is not a point",
        "5: type: missing",
    ]
    made = map_of_csv(tmp_path / "list.csv", ignored=["Page"], skip=True)
    assert [(line, row.get("point")) for line, row in made.skipped] == [(4, "THD, L1"), (5, None)]
    entries = _imported(tmp_path, EASTERN, ignored=["Page"], skip=True).entries
    assert [(e.address, e.tables, e.points[0].name) for e in entries] == [
        (0, (Table.INPUT,), "voltage_l1_n"),
        (0x34, (Table.INPUT,), "active_power"),
    ]


def test_a_list_of_what_no_meter_here_shows_is_told(tmp_path: Path) -> None:
    (line,) = _told(tmp_path, "address,point,type\n0,THD,u16\n", skip=True)
    assert "has no point that is known" in line


def test_what_is_allowed_is_said_at_length_once(tmp_path: Path) -> None:
    first, second = _told(tmp_path, "address,point,type\n0,colour,u16\n1,weight,u16\n")
    assert len(first) > 500
    assert second == "3: point: 'weight' is not a point; allowed: as above"


@pytest.mark.parametrize(
    ("written", "scale"), [("0,1", "0.1"), ("0,001", "0.001"), ("2,5", "2.5"), ("1/10", "0.1")]
)
def test_a_scale_may_have_a_decimal_comma(tmp_path: Path, written: str, scale: str) -> None:
    entry = _entry(tmp_path, "address;point;type;scale", f"0;active_power;u32;{written}")
    assert entry.scale == Fraction(scale)


def test_a_comma_that_may_divide_thousands_is_told(tmp_path: Path) -> None:
    (line,) = _told(tmp_path, "address;point;type;scale\n0;energy;u32;1,000\n")
    assert line.startswith("2: scale: '1,000' may be 1.000 or 1000; allowed: a decimal point")


@pytest.mark.parametrize(
    ("columns", "cells", "told"),
    [
        ("words", "0,int,2", "words: 2 does not go with s16, which takes 1 register;"),
        ("length", "0,int,32", "length: 32 does not go with s16"),
        ("length", "0,f32,x", "length: 'x' is not possible; allowed: a whole number"),
        ("length", "40001-40004,float,", "address: 4 does not go with f32, which takes 2 registers"),
        ("length", "40002-40001,float,", "address: 0 does not go with f32"),
        ("length", "40001-x,float,", "address: '40001-x' is not possible"),
    ],
)
def test_a_size_that_its_type_has_not_is_told(tmp_path: Path, columns: str, cells: str, told: str) -> None:
    (line,) = _told(tmp_path, f"address,type,{columns},point\n{cells},active_power\n")
    assert line.startswith(f"2: {told}")


@pytest.mark.parametrize(
    ("column", "cells", "size"),
    [
        ("length", "40001,ascii,16", 16),
        ("words", "40001,ascii,8", 16),
        ("length", "40001-40008,ascii,", 16),
        ("length", "40001-40008,ascii,16", 16),
    ],
)
def test_a_text_is_as_long_as_its_characters_or_registers(
    tmp_path: Path, column: str, cells: str, size: int
) -> None:
    assert _entry(tmp_path, f"address,type,{column},point", f"{cells},serial").size == size


@pytest.mark.parametrize("size", ["", "2", "4", "32"])
def test_the_size_of_a_number_may_be_in_registers_bytes_or_bits(tmp_path: Path, size: str) -> None:
    assert _entry(tmp_path, "address,type,length,point", f"0,float,{size},energy").size == 4


@pytest.mark.parametrize("written", ["IEEE754 float", "Float (IEEE754)", "IEEE float 32-bit", "IEEE 754"])
def test_a_float_may_be_called_by_its_standard(tmp_path: Path, written: str) -> None:
    assert _entry(tmp_path, "address,type,point", f"0,{written},energy").type.name == "f32"


@pytest.mark.parametrize(
    ("written", "point"),
    [
        ("V L1-N", "voltage_l1_n"),
        ("Phase 2 line to neutral volts", "voltage_l2_n"),
        ("Voltage A-B", "voltage_l1_l2"),
        ("U31", "voltage_l3_l1"),
        ("Line 2 to line 3 volts", "voltage_l2_l3"),
        ("I1", "current_l1"),
        ("B phase current", "current_l2"),
        ("Neutral current", "current_n"),
        ("W L3", "active_power_l3"),
        ("Phase 1 volt amps", "apparent_power_l1"),
        ("Phase 1 volt amps reactive", "reactive_power_l1"),
        ("Total system power", "active_power"),
        ("kVA total", "apparent_power"),
        ("PF sys", "power_factor"),
        ("Hz", "frequency"),
        ("kWh (+) TOT", "energy"),
        ("Total Active Energy Import", "energy"),
    ],
)
def test_lists_call_points_by_many_names(tmp_path: Path, written: str, point: str) -> None:
    assert _entry(tmp_path, "address,type,name", f"0,f32,{written}").points[0].name == point


@pytest.mark.parametrize(
    ("written", "point", "scale"),
    [
        ("Current phase 1 (I1)", "current_l1", "1"),
        ("Active power total [W]", "active_power", "0.001"),
        ("Frequency (Hz)", "frequency", "1"),
    ],
)
def test_brackets_may_hold_another_name_or_the_unit(
    tmp_path: Path, written: str, point: str, scale: str
) -> None:
    entry = _entry(tmp_path, "address,type,name", f"0,f32,{written}")
    assert (entry.points[0].name, entry.scale) == (point, Fraction(scale))


@pytest.mark.parametrize("written", ["Energy (export)", "Active power (I1)", "Power [W]"])
def test_brackets_that_say_something_else_make_it_unknown(tmp_path: Path, written: str) -> None:
    (line,) = _told(tmp_path, f"address,type,name,unit\n0,f32,{written},kW\n")
    assert line.startswith(f"2: point: '{written}' is not a point")


def test_a_name_that_may_be_two_points_is_none(tmp_path: Path) -> None:
    (line,) = _told(tmp_path, "address,type,name\n0,f32,VAB\n")
    assert line.startswith("2: point: 'VAB' is not a point")


@pytest.mark.parametrize(("unit", "scale"), [("KWH", "1"), ("Kwh", "1"), ("wh", "0.001")])
def test_units_may_be_written_in_capitals_or_small(tmp_path: Path, unit: str, scale: str) -> None:
    assert _entry(tmp_path, "address,point,type,unit", f"0,energy,u32,{unit}").scale == Fraction(scale)


def test_a_unit_that_may_be_two_is_told(tmp_path: Path) -> None:
    (line,) = _told(tmp_path, "address,point,type,unit\n0,energy,u32,mwh\n")
    assert line == "2: unit: 'mwh' is not a unit of energy; allowed: mWh, Wh, kWh, MWh"


def test_a_file_whose_name_has_a_control_character_is_told(tmp_path: Path) -> None:
    file = tmp_path / "a\nb.csv"
    file.write_text("address,point,type\n0,flags,u16\n")
    with pytest.raises(RegisterMapError, match="has a control character in its name") as caught:
        map_of_csv(file)
    assert "\n" not in str(caught.value)


def _row(entry: Entry) -> Iterator[str]:
    """Yield the cells of an entry as a list would have them."""
    yield str(entry.address)
    yield next(word for word, tables in TABLE_WORDS.items() if tables == entry.tables)
    yield entry.type.name
    yield str(entry.size if entry.type.kind == "S" else entry.size // 2) if entry.type.sized else ""
    yield entry.points[0].name if entry.points else ""
    yield "" if entry.constant is None else str(entry.constant)
    yield str(entry.scale) if entry.scale != 1 else ""
    yield entry.word_order.value
    yield str(entry.invalid) if entry.points and entry.type.kind not in "Sb" else ""
    yield entry.description


@pytest.mark.parametrize(
    "name", ["native", "eastron-sdm630", "leviton-s4000", "schneider-iem3000", "veris-h8036"]
)
def test_a_map_written_as_a_list_comes_back(tmp_path: Path, name: str) -> None:
    wanted = [
        replace(entry, name="", source="list.csv", line=0, writes=None)
        for entry in load(name).entries
        if len(entry.points) + (entry.constant is not None) == 1
        and not (entry.offset or entry.scale_register)
    ]
    assert len(wanted) > 5
    columns = "address table type length point constant scale word_order invalid description"
    with (tmp_path / "list.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([columns.split(), *(list(_row(entry)) for entry in wanted)])
    made = _imported(tmp_path, (tmp_path / "list.csv").read_text(encoding="utf-8"), base=0)
    assert [repr(replace(entry, line=0)) for entry in made.entries] == [*map(repr, wanted)]  # NaN is not NaN
