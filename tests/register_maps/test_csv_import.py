"""A list of registers as people have them becomes a map, or is told line by line why not."""

from fractions import Fraction
from pathlib import Path

import pytest

from register_maps.csv_import import map_of_csv
from register_maps.errors import RegisterMapError
from register_maps.loader import load_file, starter
from register_maps.model import Entry, RegisterMap, Table


def _imported(folder: Path, text: str, base: int | None = None) -> RegisterMap:
    source, made = folder / "list.csv", folder / "list.yaml"
    source.write_text(text, encoding="utf-8")
    made.write_text(map_of_csv(source, "list", base), encoding="utf-8")
    return load_file(made)


def _entry(folder: Path, columns: str, cells: str) -> Entry:
    return _imported(folder, f"{columns}\n{cells}\n").entries[0]


def _told(folder: Path, text: str) -> list[str]:
    with pytest.raises(RegisterMapError) as caught:
        _imported(folder, text)
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
        ("address,point", "1: type: missing column; allowed: address"),
        ("address,type", "1: point or constant: missing column"),
        ("address,point,name,type", "1: point: given twice; allowed: each column once"),
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
        map_of_csv(tmp_path / "none.csv", "none")
    (tmp_path / "latin.csv").write_bytes(b"address\nx\xe9\n")
    with pytest.raises(RegisterMapError, match=r"latin\.csv:2: is not UTF-8 text"):
        map_of_csv(tmp_path / "latin.csv", "latin")


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


@pytest.mark.parametrize("short", ["10", "0"])
def test_short_numbers_beside_traditional_ones_are_told(tmp_path: Path, short: str) -> None:
    text = f"address,type,point\n40001,u16,flags\n{short},u16,lcd_screen\n"
    (line,) = _told(tmp_path, text)
    assert line.startswith(f"3: address: {short} stands beside numbers like 40001; allowed: ")
    assert [each.address for each in _imported(tmp_path, text, base=0).entries] == [int(short), 40_001]


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
