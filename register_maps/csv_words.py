"""How people name the columns, types, units and points of a list of registers, and what that is in our words.

Names are compared without case, spaces and punctuation. What is not in these tables is an error that says
what is allowed: nothing is guessed. No files are opened here.
"""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from fractions import Fraction
from types import MappingProxyType
from typing import Final

from register_maps.model import TABLE_WORDS, TYPES, WordOrder
from sims.points import POINTS, Kind, Point

Row = Mapping[str, str]
"""The cells of one line by our names of their columns; empty ones are left out."""

COLUMNS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "address": frozenset(
            {"address", "addr", "register", "reg", "offset", "registeraddress", "modbusaddress"}
        ),
        "table": frozenset({"table", "function", "functioncode", "fc", "registertype", "area"}),
        "type": frozenset({"type", "datatype", "format", "dataformat"}),
        "length": frozenset({"length", "size", "count", "words", "registers", "characters"}),
        "point": frozenset({"point", "name", "parameter", "quantity", "measurement", "signal", "tag"}),
        "constant": frozenset({"constant", "value", "fixed"}),
        "scale": frozenset({"scale", "factor", "multiplier", "scalefactor", "gain", "resolution"}),
        "unit": frozenset({"unit", "units"}),
        "word_order": frozenset({"wordorder", "order", "byteorder", "endianness", "endian", "swap"}),
        "invalid": frozenset({"invalid", "na", "notavailable", "sentinel"}),
        "access": frozenset({"access", "rw", "mode", "permission"}),
        "description": frozenset(
            {"description", "comment", "comments", "note", "notes", "remark", "remarks"}
        ),
    }
)
"""Our names of the columns, and what else they may be called."""

REQUIRED: Final = (("address",), ("type",), ("point", "constant"))
"""Columns that must be there, or one of several."""

_TYPES: Final = MappingProxyType(
    {
        **{name: name for name in TYPES},
        **{f"{word}{bits}": f"u{bits}" for word in ("uint", "unsigned") for bits in (16, 32, 64)},
        **{f"{word}{bits}": f"s{bits}" for word in ("int", "sint", "i", "signed") for bits in (16, 32, 64)},
        **{f"{word}{bits}": f"f{bits}" for word in ("float", "real", "ieee754") for bits in (32, 64)},
        **dict.fromkeys(("word", "ushort", "uint", "uword"), "u16"),
        **dict.fromkeys(("short", "int", "sword"), "s16"),
        **dict.fromkeys(("dword", "ulong", "udword"), "u32"),
        **dict.fromkeys(("long", "slong", "dint", "sdword"), "s32"),
        **dict.fromkeys(("float", "real", "single"), "f32"),
        **dict.fromkeys(("double", "lreal"), "f64"),
        **dict.fromkeys(("qword", "ulint"), "u64"),
        **dict.fromkeys(("ascii", "text", "char", "chars", "str", "utf8"), "string"),
        **dict.fromkeys(("bool", "boolean", "coil"), "bit"),
    }
)

_ORDERS: Final = MappingProxyType(
    {
        **{order.value.lower(): order.value for order in WordOrder},
        **dict.fromkeys(
            ("big", "bigendian", "be", "msw", "mswfirst", "highwordfirst", "msb", "none", "no"), "ABCD"
        ),
        **dict.fromkeys(("lsw", "lswfirst", "lowwordfirst", "wordswap", "wordswapped", "swapped"), "CDAB"),
        **dict.fromkeys(("byteswap", "byteswapped"), "BADC"),
        **dict.fromkeys(("little", "littleendian", "le"), "DCBA"),
    }
)

_TABLES: Final = MappingProxyType(
    {
        **{word: word for word in TABLE_WORDS},
        **dict.fromkeys(("3", "03", "fc3", "fc03", "holdingregister", "holdingregisters", "4x"), "holding"),
        **dict.fromkeys(("4", "04", "fc4", "fc04", "inputregister", "inputregisters", "3x"), "input"),
        **dict.fromkeys(("2", "02", "fc2", "fc02", "discreteinput", "discreteinputs", "1x"), "discrete"),
        **dict.fromkeys(("1", "01", "fc1", "fc01", "coils", "0x"), "coil"),
        **dict.fromkeys(("34", "fc34", "fc3fc4"), "both"),
    }
)

_READ_ONLY: Final = frozenset({"r", "ro", "read", "readonly"})

_PREFIXES: Final = MappingProxyType(
    {"m": Fraction(1, 1000), "": Fraction(1), "k": Fraction(1000), "M": Fraction(10**6)}
)
_UNITS: Final = {
    "W": "W",
    "Wh": "Wh",
    "VA": "VA",
    "var": "var",
    "VAr": "var",
    "VAR": "var",
    "V": "V",
    "A": "A",
    "Hz": "Hz",
    "s": "s",
}
_OTHER_UNITS: Final = MappingProxyType(
    {
        "%": ("", Fraction(1, 100)),
        "min": ("s", Fraction(60)),
        "h": ("s", Fraction(3600)),
        "°C": ("°C", Fraction(1)),
        "C": ("°C", Fraction(1)),
        "degC": ("°C", Fraction(1)),
        "Volts": ("V", Fraction(1)),
        "Amps": ("A", Fraction(1)),
        "Watts": ("W", Fraction(1)),
        "pulses": ("pulses", Fraction(1)),
        "-": ("", Fraction(1)),
    }
)


class Unclear(Exception):  # noqa: N818  it is no error of the program: a cell cannot be understood
    """A cell cannot be understood; its column, why, and what is allowed."""

    def __init__(self, column: str, message: str, allowed: str) -> None:
        super().__init__(message)
        self.column, self.message, self.allowed = column, message, allowed


def header_of(text: str) -> str | None:
    """Return our name of a column, whatever stands in brackets behind it; None if it is unknown."""
    plain = _plain(re.sub(r"[(\[].*", "", text))
    return next((column for column, words in COLUMNS.items() if plain in words), None)


def is_bit(row: Row) -> bool:
    """Return whether a line is of a single bit, as far as its type can be understood."""
    return _TYPES.get(_plain(row.get("type", ""))) == "bit"


def table_of(row: Row) -> str | None:
    """Return the table that a line names, None where it names none that is known."""
    return _TABLES.get(_plain(row.get("table", "")))


def entry_of(row: Row) -> dict[str, str]:
    """Return the keys of the entry on a line. Raises Unclear."""
    keys = {"address": row["address"]}
    if "table" in row:
        keys["table"] = _word(row, "table", _TABLES, TABLE_WORDS)
    if "type" not in row:
        raise Unclear("type", "missing", ", ".join(TYPES))
    row = _with_order(row)
    keys["type"] = _word(row, "type", _TYPES, TYPES)
    if TYPES[keys["type"]].sized and "length" in row:
        keys["length"] = row["length"]
    if "word_order" in row:
        keys["word_order"] = _word(row, "word_order", _ORDERS, [order.value for order in WordOrder])
    if row.get("access", "") and _plain(row["access"]) not in _READ_ONLY:
        raise Unclear(
            "access", f"{row['access']!r} is not possible in a list", "r, ro; see writes for a map in YAML"
        )
    keys |= _shown(row)
    for key in ("invalid", "description"):
        if key in row:
            keys[key] = row[key]
    return keys


def _with_order(row: Row) -> Row:
    """Return a line whose type names a word order behind it (`FLOAT32-CDAB`, `UINT32 BE`) with both apart."""
    parts = re.split(r"[\s_/-]+", row["type"])
    if len(parts) < 2 or _plain(row["type"]) in _TYPES or _plain(parts[-1]) not in _ORDERS:  # noqa: PLR2004  a type and an order
        return row
    return {"word_order": parts[-1], **row, "type": " ".join(parts[:-1])}


def _shown(row: Row) -> dict[str, str]:
    """Return the keys that say what the entry shows and in which scale."""
    if "constant" in row:
        named = {"description": row["point"]} if "point" in row else {}
        return {"constant": row["constant"]} | named
    point = _point(row)
    scale = _scale(row, point)
    return {"point": point.name} | ({"scale": scale} if scale != "1" else {})


def _point(row: Row) -> Point:
    names, given = _point_words(), row.get("point", "")
    found = names.get(_plain(given))
    if found is None:
        near = get_close_matches(_plain(given), names, 1)
        meant = f" (did you mean {names[near[0]]}?)" if near else ""
        raise Unclear("point", f"{given!r} is not a point{meant}", ", ".join(POINTS))
    return POINTS[found]


def _point_words() -> dict[str, str]:
    """Return what the points may be called: their names, their descriptions, and what meters' lists say."""
    words = {_plain(point.name): name for name, point in POINTS.items()}
    for name, point in POINTS.items():
        words.setdefault(_plain(point.description), name)
    return words | _line_words() | _TOTAL_WORDS


def _line_words() -> dict[str, str]:
    """Return what the points of single lines may be called."""
    words = dict[str, str]()
    for k, letter in ((1, "a"), (2, "b"), (3, "c")):
        for word in (f"l{k}", f"phase{k}", f"phase{letter}", f"{letter}"):
            words |= {
                f"voltage{word}": f"voltage_l{k}_n",
                f"voltage{word}n": f"voltage_l{k}_n",
                f"current{word}": f"current_l{k}",
                f"activepower{word}": f"active_power_l{k}",
                f"power{word}": f"active_power_l{k}",
                f"reactivepower{word}": f"reactive_power_l{k}",
                f"apparentpower{word}": f"apparent_power_l{k}",
                f"powerfactor{word}": f"power_factor_l{k}",
            }
    return words


_TOTAL_WORDS: Final = {
    **dict.fromkeys(
        ("totalactivepower", "activepowertotal", "totalpower", "powertotal"),
        "active_power",
    ),
    **dict.fromkeys(("totalreactivepower", "reactivepowertotal"), "reactive_power"),
    "totalapparentpower": "apparent_power",
    **dict.fromkeys(("totalpowerfactor", "pf"), "power_factor"),
    **dict.fromkeys(("activeenergy", "totalactiveenergy", "totalenergy", "importenergy", "kwh"), "energy"),
    **dict.fromkeys(("serialnumber", "serialno"), "serial"),
}
"""What the other points may be called."""


def _scale(row: Row, point: Point) -> str:
    """Return what one count is in the point's unit: the scale of the list, in its unit."""
    try:
        scale = Fraction(row.get("scale", "1"))
    except (ValueError, ZeroDivisionError):
        raise Unclear(
            "scale", f"{row['scale']!r} is not possible", "a number: what one count is in the unit"
        ) from None
    exact = scale * _factor(row["unit"], point) if "unit" in row else scale
    return _decimal(exact, row)


def _factor(unit: str, point: Point) -> Fraction:
    """Return what the unit of the list is in the point's."""
    if unit == point.shown_unit:
        return Fraction(1)
    listed, shown = _in_base(unit), _in_base(point.shown_unit)
    if listed is None or shown is None or listed[0] != shown[0]:
        raise Unclear("unit", f"{unit!r} is not a unit of {point.name}", _units_of(point))
    return listed[1] / shown[1]


def _in_base(unit: str) -> tuple[str, Fraction] | None:
    """Return a unit without its prefix and what it is in that; None if it is unknown."""
    if unit in _OTHER_UNITS:
        return _OTHER_UNITS[unit]
    if not unit:
        return "", Fraction(1)
    for prefix, factor in _PREFIXES.items():
        if unit.startswith(prefix) and unit[len(prefix) :] in _UNITS:
            return _UNITS[unit[len(prefix) :]], factor
    return None


def _units_of(point: Point) -> str:
    if point.kind is Kind.TIME:
        return "s, min, h"
    base = _in_base(point.shown_unit)
    if base and base[0] in _UNITS:
        return ", ".join(prefix + base[0] for prefix in _PREFIXES)
    return point.shown_unit or "none, or -, or % of a power factor"


def _decimal(scale: Fraction, row: Row) -> str:
    """Return a number as it is written in a map. Raises Unclear if no decimal number is it."""
    number = f"{float(scale):.15g}"
    if Fraction(number) != scale:
        raise Unclear(
            "scale", f"{scale} is no decimal number in this unit", f"another one than {row['scale']}"
        )
    return number


def _word(row: Row, column: str, words: Mapping[str, str], allowed: Iterable[str]) -> str:
    found = words.get(_plain(row[column]))
    if found is None:
        raise Unclear(column, f"{row[column]!r} is not possible", ", ".join(allowed))
    return found


def _plain(text: str) -> str:
    """Return the letters and digits of a text, in lower case."""
    return "".join(one for one in text.lower() if one.isalnum())
