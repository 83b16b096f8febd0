"""How people name columns, types, word orders and tables, and what that is in our words.

Names are compared without case, spaces and punctuation. What is not in these tables is an error that says
what is allowed: nothing is guessed. Units and points have files of their own.
"""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from register_maps.model import TABLE_WORDS, TYPES, WordOrder

Row = Mapping[str, str]
"""The cells of one line by our names of their columns; empty ones are left out."""

COLUMNS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "address": frozenset(
            {
                "address",
                "addr",
                "register",
                "reg",
                "offset",
                "registeraddress",
                "modbusaddress",
                "modbusregister",
            }
            | {"registernumber", "startaddress", "startregister"}
        ),
        "table": frozenset({"table", "function", "functioncode", "fc", "registertype", "area"}),
        "type": frozenset({"type", "datatype", "format", "dataformat"}),
        "length": frozenset({"length", "size", "count", "characters"}),
        "words": frozenset({"words", "registers", "noofregisters", "numberofregisters", "numregisters"}),
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

REQUIRED: Final = (("address",), ("type",), ("point", "constant", "description"))
"""Columns that must be there, or one of several. Where no point is named, the description names it."""

_INTEGERS: Final = (
    ("u", ("uint", "unsigned", "unsignedint", "unsignedinteger", "ui")),
    ("s", ("int", "sint", "i", "signed", "signedint", "signedinteger", "integer")),
)
_FLOATS: Final = (
    *("float", "real", "ieee754", "fp", "floatingpoint"),
    *("ieee754float", "floatieee754", "ieeefloat", "ieee754floatingpoint", "floatingpointieee754"),
)

_TYPES: Final = MappingProxyType(
    {
        **{name: name for name in TYPES},
        **{
            written: f"{letter}{bits}"
            for letter, words, sizes in (
                *((letter, words, (16, 32, 64)) for letter, words in _INTEGERS),
                ("f", _FLOATS, (32, 64)),
            )
            for word in words
            for bits in sizes
            for written in (f"{word}{bits}", f"{bits}bit{word}", f"{word}{bits}bit", f"{word}{bits}bits")
        },
        **{f"int{bits}{letter}": f"{letter}{bits}" for letter in "us" for bits in (16, 32, 64)},
        **dict.fromkeys(("word", "ushort", "uint", "uword"), "u16"),
        **dict.fromkeys(("short", "int", "sword"), "s16"),
        **dict.fromkeys(("dword", "ulong", "udword"), "u32"),
        **dict.fromkeys(("long", "slong", "dint", "sdword"), "s32"),
        **dict.fromkeys((*_FLOATS, "single"), "f32"),
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
        **dict.fromkeys(
            ("3", "03", "fc3", "fc03", "03h", "holdingregister", "holdingregisters", "4x"), "holding"
        ),
        **dict.fromkeys(("4", "04", "fc4", "fc04", "04h", "inputregister", "inputregisters", "3x"), "input"),
        **dict.fromkeys(("2", "02", "fc2", "fc02", "discreteinput", "discreteinputs", "1x"), "discrete"),
        **dict.fromkeys(("1", "01", "fc1", "fc01", "coils", "0x"), "coil"),
        **dict.fromkeys(("34", "0304", "fc34", "fc0304", "fc3fc4", "fc03fc04", "holdinginput"), "both"),
    }
)


def columns_of(cells: Sequence[str]) -> list[str | None]:
    """Return our names of the columns, whatever stands in brackets behind theirs; None for an unknown one.

    Where none is called like a point, the description names the points.
    """
    words = {word: column for column, words in COLUMNS.items() for word in words}
    found = [words.get(plain(re.sub(r"[(\[].*", "", cell))) for cell in cells]
    if "point" not in found and "constant" not in found and found.count("description") == 1:
        found[found.index("description")] = "point"
    return found


def says_hexadecimal(header: str) -> bool:
    """Return whether a column says that its addresses are hexadecimal, like `Address (hex)`."""
    return columns_of([header]) == ["address"] and "hex" in header.lower()


def is_hexadecimal(address: str) -> bool:
    """Return whether an address says that it is hexadecimal."""
    return address.lower().startswith("0x") or address.lower().endswith("h")


def type_of(text: str) -> str | None:
    """Return our name of a type, None if it is unknown."""
    return _TYPES.get(plain(text))


def is_bit(row: Row) -> bool:
    """Return whether a line is of a single bit, as far as its type can be understood."""
    return type_of(row.get("type", "")) == "bit"


def order_of(text: str) -> str | None:
    """Return our name of a word order, None if it is unknown."""
    return _ORDERS.get(plain(text))


def table_of(row: Row) -> str | None:
    """Return the table that a line names, None where it names none that is known."""
    return _TABLES.get(plain(row.get("table", "")))


def plain(text: str) -> str:
    """Return the letters and digits of a text, in lower case."""
    return "".join(one for one in text.lower() if one.isalnum())
