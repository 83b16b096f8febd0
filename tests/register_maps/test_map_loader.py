"""What is wrong with a register map is told with its place, all of it at once."""

from pathlib import Path

import pytest

from register_maps.errors import RegisterMapError
from register_maps.loader import check_together, load, load_file, names
from register_maps.model import Effect, Table, WordOrder
from sims.points import SERVICES

HEAD = "name: mine\ndescription: A map\nsource: me\nentries:\n"
ENERGY = "  - {address: 0, type: u32, point: energy, scale: 0.001}\n"


def _file(folder: Path, text: str, name: str = "mine.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def _error(folder: Path, text: str) -> RegisterMapError:
    with pytest.raises(RegisterMapError) as caught:
        load_file(_file(folder, text))
    return caught.value


WRONG_ENTRIES = [
    ("{address: 0, type: u16, point: flags, colour: red}", "colour", "unknown key", "address, table"),
    ("{address: 0, address: 1, type: u16, point: flags}", "address", "given twice; first on line 5", "once"),
    ("{address: 0, type: u16, point: flagz}", "point", "'flagz' is not possible", "voltage_l1_n"),
    ("{address: 0, type: u24, point: flags}", "type", "'u24' is not possible", "u16, u32"),
    ("{type: u16, point: flags}", "address", "missing", "a whole number"),
    ("{address: 0, point: flags}", "type", "missing", "u16, u32"),
    ("{address: 65536, type: u16, point: flags}", "address", "out of range", "0 to 65535"),
    ("{address: 65535, type: u32, point: demand}", "address", "65535-65536 on the wire", "0 to 65535"),
    ("{address: -1, type: u16, point: flags}", "address", "out of range", "0 to 65535"),
    ("{address: x, type: u16, point: flags}", "address", "'x' is not possible", "a whole number"),
    ("{address: [0], type: u16, point: flags}", "address", "is not a single value", "a whole number"),
    ("{address: 0, type: u16, point: flags, table: memory}", "table", "'memory'", "both, holding, input"),
    ("{address: 0, type: u16, point: flags, table: coil}", "table", "does not hold u16", "both, holding"),
    ("{address: 0, type: bit, point: stale}", "table", "does not hold bit", "discrete, coil"),
    ("{address: 0, type: bit, table: coil, point: energy}", "point", "is not one bit", "a flag"),
    ("{address: 0, type: u32, point: demand, scale: 0}", "scale", "'0' is not possible", "other than 0"),
    ("{address: 0, type: u32, point: demand, scale: .inf}", "scale", "'.inf'", "other than 0"),
    ("{address: 0, type: u32, point: demand, scale: 1e999999999}", "scale", "is not possible", "a number"),
    ("{address: 0, type: u32, point: energy, scale: 1e-10}", "scale", "0.36 mJ", "a whole number of mJ"),
    ("{address: 0, type: u32, point: energy, scale: -1}", "scale", "-3.6e+09 mJ", "a whole number of mJ"),
    ("{address: 0, type: u32, point: energy, scale: 1e11}", "scale", "mJ", "a whole number of mJ"),
    ("{address: 0, type: u32, point: energy, offset: 1}", "offset", "has none", "0"),
    ("{address: 0, type: u32, point: demand, offset: x}", "offset", "'x'", "a number"),
    ("{address: 0, type: string, length: 8, point: lcd_text, scale: 2}", "scale", "nothing to work", "only"),
    ("{address: 0, type: string, point: lcd_text}", "length", "missing", "an even number of characters"),
    ("{address: 0, type: string, length: 7, point: lcd_text}", "length", "'7'", "characters from 2 to 250"),
    ("{address: 0, type: u16, length: 2, point: flags}", "length", "has no length", "only with string"),
    ("{address: 0, type: u16, point: lcd_text}", "type", "does not fit into u16", "string"),
    ("{address: 0, type: string, length: 8, point: energy}", "type", "does not fit", "a number"),
    ("{address: 0, type: u32, point: demand, word_order: BCDA}", "word_order", "'BCDA'", "ABCD, CDAB"),
    ("{address: 0, type: u16, point: demand, invalid: 0x10000}", "invalid", "65536 does not", "0 to 0xffff"),
    ("{address: 0, type: u16, point: flags, writes: rw}", "writes", "'rw'", "key_switch, reset_peak"),
    ("{address: 0, type: u16, point: flags, access: rw}", "access", "go together", "rw with writes"),
    ("{address: 0, type: u16, point: flags, access: wo}", "access", "'wo'", "ro, rw"),
    (
        "{address: 0, type: u16, point: flags, access: rw, writes: key_switch}",
        "writes",
        "nothing can be",
        "only in a coil",
    ),
    ("{address: 0, type: u16}", "point", "constant, exponent, fits is needed", ""),
    ("{address: 0, type: u16, point: flags, constant: 1, description: x}", "point", "and only one", ""),
    ("{address: 0, type: u32, sum: [energy, demand]}", "sum", "'energy' is not possible", "voltage_l1_n"),
    ("{address: 0, type: f32, mean: [frequency, current_n]}", "mean", "different units", "one unit"),
    ("{address: 0, type: u16, description: x, bits: {energy: 1}}", "bits", "'energy' is not a flag", "stale"),
    ("{address: 0, type: u16, description: x, bits: {stale: 16}}", "bits", "16 is not a bit", "0 to 15"),
    ("{address: 0, type: u16, description: x, bits: stale}", "bits", "is not a mapping", "flags to bits"),
    ("{address: 0, type: u16, bits: {stale: 1}}", "description", "missing", "a text"),
    ("{address: 0, type: s16, description: x, bits: {stale: 1}}", "type", "do not fit into s16", "u16"),
    ("{address: 0, type: s16, exponent: 1}", "type", "an s16 with a name", "s16 with name"),
    ("{address: 0, type: u16, name: SF, exponent: 1}", "type", "an s16 with a name", "s16 with name"),
    ("{address: 0, type: s16, name: SF, exponent: 11}", "exponent", "'11'", "from -10 to 10"),
    ("{address: 0, type: s16, name: SF, fits: energy}", "fits", "'energy'", "ct_primary"),
    ("{address: 0, type: s16, name: SF, exponent: 1, times: 2}", "times", "nothing to work on", "with fits"),
    ("{address: 0, type: s16, point: demand, scale_register: SF}", "scale_register", "no 'SF'", "the name"),
    ("{address: 0, type: mod10k, length: 5, point: energy}", "length", "'5'", "words from 3 to 4"),
    ("{address: 0, type: mod10k, point: energy}", "length", "missing", "3 to 4 words"),
    ("{address: 0, type: bcd16, constant: 10000, description: x}", "constant", "'10000'", "bcd16 can hold"),
    ("{address: 0, type: u16, point: flags, range: [0, 1]}", "range", "nothing to work on", "is written"),
    (
        "{address: 0, type: u16, constant: 1, description: x, access: rw, writes: hub_speed}",
        "writes",
        "a meter has no hub_speed",
        "serves hub",
    ),
    ("{address: 0, type: u16, constant: 1}", "description", "missing", "no point"),
    ("{address: 0, type: u16, constant: 65536, description: x}", "constant", "'65536'", "u16 can hold"),
    ("{address: 0, type: s16, constant: -32769, description: x}", "constant", "'-32769'", "s16 can hold"),
    ("{address: 0, type: string, length: 2, constant: é, description: x}", "constant", "'é'", "string"),
    ("{address: 0, type: u16, point: flags, source: ''}", "source", "''", "a text"),
    ("flags", "", "is not a mapping", "keys and values"),
]


@pytest.mark.parametrize(("entry", "key", "message", "allowed"), WRONG_ENTRIES)
def test_a_wrong_entry_is_told_with_line_key_and_what_is_allowed(
    tmp_path: Path, entry: str, key: str, message: str, allowed: str
) -> None:
    error = _error(tmp_path, f"{HEAD}  - {entry}\n")
    assert len(error.problems) == 1, str(error)
    assert error.problems[0].line == 5
    assert error.problems[0].key == key
    assert message in error.problems[0].message
    assert allowed in error.problems[0].allowed
    assert str(error).startswith(f"{tmp_path / 'mine.yaml'}:5: ")


@pytest.mark.parametrize(
    ("text", "line", "key", "message"),
    [
        ("", 0, "", "is empty"),
        ("- a\n", 1, "", "is not a mapping"),
        ("name: [\n", 2, "", "is not YAML"),
        ("\t", 1, "", "is not YAML"),
        ("\x01", 1, "", "is not YAML"),
        (HEAD, 4, "entries", "is not a list or is empty"),
        (HEAD.replace("entries:", "entries: 3"), 4, "entries", "is not a list or is empty"),
        (HEAD.replace("entries:\n", ""), 1, "entries", "missing"),
        (HEAD.replace("name: mine", "nam: mine") + ENERGY, 1, "nam", "unknown key"),
        (HEAD.replace("source: me\n", "") + ENERGY, 1, "source", "missing"),
        ("base: high\n" + HEAD + ENERGY, 1, "base", "'high' is not possible"),
        ("? [a]\n: 1\n" + HEAD + ENERGY, 1, "", "a key that is a list"),
        ("~: 1\n" + HEAD + ENERGY, 1, "~", "a key that is nothing"),
        ("\n" + "[" * 100_000, 2, "", "is nested too deeply"),
    ],
)
def test_a_wrong_file_is_told_with_its_line(
    tmp_path: Path, text: str, line: int, key: str, message: str
) -> None:
    error = _error(tmp_path, text)
    found = [(problem.line, message in problem.message) for problem in error.problems]
    assert (line, True) in found, str(error)
    assert not key or any(problem.key == key for problem in error.problems)


def test_all_problems_of_a_file_are_told_at_once_in_the_order_of_lines(tmp_path: Path) -> None:
    text = HEAD + "  - {address: 0, type: u8, point: flags}\n  - {address: 9, type: u16, point: x, hue: 1}\n"
    error = _error(tmp_path, text)
    assert [(problem.line, problem.key) for problem in error.problems] == [
        (5, "type"),
        (6, "hue"),
        (6, "point"),
    ]
    assert len(str(error).splitlines()) == 3


def test_an_overlap_names_both_places(tmp_path: Path) -> None:
    error = _error(tmp_path, HEAD + ENERGY + "  - {address: 1, type: u16, point: flags, table: holding}\n")
    assert str(error) == f"{tmp_path / 'mine.yaml'}:6: address: address 1 overlaps address 0-1 of line 5"


def test_an_entry_under_a_long_one_is_found_behind_a_short_one(tmp_path: Path) -> None:
    entries = [
        "  - {address: 0, type: string, length: 20, point: vendor}\n",
        "  - {address: 2, type: u16, point: flags}\n",
        "  - {address: 9, type: u16, point: lcd_screen}\n",
    ]
    error = _error(tmp_path, HEAD + "".join(entries))
    assert [(problem.line, problem.message) for problem in error.problems] == [
        (6, "address 2 overlaps address 0-9 of line 5"),
        (7, "address 9 overlaps address 0-9 of line 5"),
    ]


def test_the_same_address_in_another_table_is_no_overlap(tmp_path: Path) -> None:
    entries = "  - {address: 0, type: u16, point: flags, table: input}\n"
    entries += "  - {address: 0, type: u16, point: lcd_screen, table: holding}\n"
    assert len(load_file(_file(tmp_path, HEAD + entries)).entries) == 2


def test_a_map_counts_from_its_base(tmp_path: Path) -> None:
    text = "base: 40001\n" + HEAD + "  - {address: 40003, type: u16, point: flags}\n"
    assert load_file(_file(tmp_path, text)).entries[0].address == 2


def test_what_the_map_says_for_all_holds_where_an_entry_says_nothing(tmp_path: Path) -> None:
    entries = "  - {address: 0, type: u32, point: demand}\n"
    entries += "  - {address: 2, type: u32, point: energy, table: both, word_order: BADC, source: you}\n"
    made = load_file(_file(tmp_path, "table: input\nword_order: CDAB\n" + HEAD + entries))
    assert [(e.tables, e.word_order, e.source) for e in made.entries] == [
        ((Table.INPUT,), WordOrder.CDAB, "me"),
        ((Table.HOLDING, Table.INPUT), WordOrder.BADC, "you"),
    ]


def test_a_name_that_is_no_map_is_told_with_those_that_are() -> None:
    with pytest.raises(RegisterMapError, match=r"there is no such register map; allowed: a8911-23, .*native"):
        load("nativ")


def test_every_map_that_comes_along_is_right() -> None:
    assert [load(name).name for name in names()] == names()


def test_a_user_s_map_is_loaded_by_its_path(tmp_path: Path) -> None:
    assert load(str(_file(tmp_path, HEAD + ENERGY))).name == "mine"


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(RegisterMapError, match="cannot be read: No such file or directory"):
        load_file(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"name: \xe9\n")
    with pytest.raises(RegisterMapError, match="is not UTF-8 text"):
        load_file(tmp_path / "latin.yaml")


def test_two_maps_of_one_unit_may_not_claim_the_same_address(tmp_path: Path) -> None:
    mine = load_file(_file(tmp_path, HEAD + ENERGY.replace("address: 0", "address: 63")))
    with pytest.raises(RegisterMapError) as caught:
        check_together([load("native"), mine])
    native_line = next(e.line for e in load("native").entries if e.address == 62)
    clash = f"address: address 63-64 overlaps address 62-63 of native.yaml:{native_line}"
    assert str(caught.value) == f"{tmp_path / 'mine.yaml'}:5: {clash}"


def test_two_maps_side_by_side_are_no_clash(tmp_path: Path) -> None:
    check_together([load("native"), load_file(_file(tmp_path, HEAD + ENERGY.replace("0,", "64,")))])


def test_a_hub_s_setting_is_a_holding_register_with_a_range(tmp_path: Path) -> None:
    head = "serves: hub\n" + HEAD
    written = "point: hub_speed, access: rw, writes: hub_speed"
    made = load_file(_file(tmp_path, head + f"  - {{address: 3, type: u16, {written}, range: [0, 2]}}\n"))
    entry = made.entries[0]
    assert (entry.writes, entry.lowest_written, entry.highest_written) == (Effect.HUB_SPEED, 0, 2)
    for keys, message in (
        (written, "what is written has no bounds"),
        (f"{written}, range: [2, 0]", "is not a lowest and a highest number"),
        (f"{written}, range: [0, 2], table: input", "nothing can be brought about there"),
        (f"{written}, range: [0, 2], scale: 2", "what is written is not what is read"),
        (
            written.replace("point: hub_speed", "point: hub_kyz_low") + ", range: [0, 2]",
            "is not what is read",
        ),
        ("point: energy", "'energy' is not possible"),
    ):
        error = _error(tmp_path, head + f"  - {{address: 3, type: u16, {keys}}}\n")
        assert message in error.problems[0].message, keys


def test_what_is_written_at_two_places_is_told_with_both(tmp_path: Path) -> None:
    coil = "table: coil, type: bit, point: key_switch, access: rw, writes: key_switch"
    coils = "".join(f"  - {{address: {at}, {coil}}}\n" for at in (0, 7))
    (problem,) = _error(tmp_path, HEAD + coils).problems
    assert (problem.line, problem.key) == (6, "writes")
    assert (problem.message, problem.allowed) == ("key_switch is also written on line 5", "each once")


VARIANTS = """variants:
  - services: [1-phase-2-wire]
    entries:
      - {address: 2, type: u16, constant: 1, description: x}
  - services: [wye-4-wire, network-3-wire]
    entries:
      - {address: 2, type: u32, constant: 3, description: x}
"""


def test_a_variant_has_the_entries_of_all_and_its_own(tmp_path: Path) -> None:
    made = load_file(_file(tmp_path, HEAD + ENERGY + VARIANTS))
    ends = {service: made.of(service).entries[-1].end for service in SERVICES}
    assert ends == {"1-phase-2-wire": 3, "split-phase-3-wire": 2, "network-3-wire": 4, "wye-4-wire": 4}
    assert not made.of("wye-4-wire").variants


@pytest.mark.parametrize(
    ("text", "line", "key", "message"),
    [
        (VARIANTS.replace("wye-4-wire", "delta"), 10, "services", "'delta' is not possible"),
        (VARIANTS.replace("wye-4-wire", "1-phase-2-wire"), 10, "services", "has a variant already"),
        (VARIANTS.replace("address: 2, type: u32", "address: 1, type: u32"), 12, "address", "overlaps"),
        ("serves: hub\n" + VARIANTS, 8, "variants", "only meters have services"),
        (
            VARIANTS.replace(
                "constant: 1", "constant: 1, table: coil, access: rw, writes: key_switch"
            ).replace("type: u16", "type: bit"),
            9,
            "writes",
            "stands in a variant",
        ),
    ],
)
def test_a_wrong_variant_is_told_with_its_line(
    tmp_path: Path, text: str, line: int, key: str, message: str
) -> None:
    error = _error(tmp_path, HEAD + ENERGY + text)
    assert any((p.line, p.key) == (line, key) and message in p.message for p in error.problems), str(error)


def test_maps_clash_by_service(tmp_path: Path) -> None:
    first = load_file(_file(tmp_path, HEAD + ENERGY + VARIANTS, "first.yaml"))
    second = "  - {address: 3, type: u16, constant: 1, description: x}\n"
    with pytest.raises(RegisterMapError) as caught:
        check_together([first, load_file(_file(tmp_path, HEAD + second, "second.yaml"))])
    first_place = f"address 2-3 of {tmp_path / 'first.yaml'}:12"
    assert str(caught.value) == f"{tmp_path / 'second.yaml'}:5: address: address 3 overlaps {first_place}"


def test_a_gap_that_reads_zero_is_claimed_too(tmp_path: Path) -> None:
    zero = "gaps: zero\n" + HEAD + ENERGY + "  - {address: 9, type: u16, point: flags}\n"
    first = load_file(_file(tmp_path, zero, "first.yaml"))
    inside = "  - {address: 5, type: u16, constant: 1, description: x}\n"
    with pytest.raises(RegisterMapError, match=r"address 5 overlaps address 2-8 of .*first.yaml:1"):
        check_together([first, load_file(_file(tmp_path, HEAD + inside, "second.yaml"))])


def test_two_scale_registers_of_one_name_are_told(tmp_path: Path) -> None:
    register = "  - {{address: {}, type: s16, name: SF, exponent: 0}}\n"
    error = _error(tmp_path, HEAD + register.format(0) + register.format(1))
    assert str(error).endswith(":6: name: SF is also on line 5; allowed: each once")


def test_a_counter_needs_a_fixed_scale_register(tmp_path: Path) -> None:
    text = HEAD + "  - {address: 0, type: s16, name: SF, fits: ct_primary}\n"
    error = _error(tmp_path, text + "  - {address: 1, type: u32, point: energy, scale_register: SF}\n")
    assert "energy needs a fixed one" in error.problems[0].message
