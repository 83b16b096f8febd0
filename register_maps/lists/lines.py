"""Makes the keys of an entry of one line of a list, or says which cell is unclear."""

import re
from collections.abc import Iterable
from fractions import Fraction
from typing import Final

from register_maps.lists.points import near, point_of
from register_maps.lists.units import factor, units_of
from register_maps.lists.words import Row, order_of, plain, table_of, type_of
from register_maps.model import TABLE_WORDS, TYPES, WordOrder
from sims.points import POINTS, Point

_READ_ONLY: Final = frozenset({"r", "ro", "read", "readonly"})
_DECIMAL_COMMA: Final = re.compile(r"([+-]?)(\d+),(\d+)")
_BRACKETS: Final = re.compile(r"(.+?)\s*[(\[]([^()\[\]]+)[)\]]")
_NUMBER: Final = re.compile(
    r"[+-]?(\d{1,15}|\d{0,15}\.\d{1,15}|\d{1,15}\.)(e[+-]?\d\d?)?|\d{1,9}/[1-9]\d{0,8}", re.IGNORECASE
)
_GROUP: Final = 3
"""Digits between the commas of thousands."""


class Unclear(Exception):  # noqa: N818  it is no error of the program: a cell cannot be understood
    """A cell cannot be understood; its column, why, and what is allowed."""

    def __init__(self, column: str, message: str, allowed: str) -> None:
        super().__init__(message)
        self.column, self.message, self.allowed = column, message, allowed


def shows_something(row: Row) -> bool:
    """Return whether a line has a constant or a point that is known."""
    return "constant" in row or _point(row)[0] is not None


def entry_of(row: Row) -> dict[str, str]:
    """Return the keys of the entry on a line. Raises Unclear."""
    keys = {"address": row["address"]}
    if "table" in row:
        keys["table"] = _word(row, "table", table_of(row), TABLE_WORDS)
    if "type" not in row:
        raise Unclear("type", "missing", ", ".join(TYPES))
    row = _with_order(row)
    keys["type"] = _word(row, "type", type_of(row["type"]), TYPES)
    keys |= _length(row, keys["type"])
    if "word_order" in row:
        orders = (order.value for order in WordOrder)
        keys["word_order"] = _word(row, "word_order", order_of(row["word_order"]), orders)
    if row.get("access", "") and plain(row["access"]) not in _READ_ONLY:
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
    if len(parts) < 2 or type_of(row["type"]) or not order_of(parts[-1]):  # noqa: PLR2004  a type and an order
        return row
    return {"word_order": parts[-1], **row, "type": " ".join(parts[:-1])}


def _length(row: Row, name: str) -> dict[str, str]:
    """Return the length of a text or a mod10k; what is said of the size of another value must be true."""
    kind = TYPES[name]
    if not kind.sized:
        _check_size(row, name)
        return {}
    for column in ("words", "span"):
        if column in row and "length" not in row:
            words = _whole(row, column)
            return {"length": str(2 * words if kind.is_text else words)}
    return {"length": row["length"]} if "length" in row else {}


def _check_size(row: Row, name: str) -> None:
    """Raise Unclear where a line says that its value has another size than its type has."""
    words = max(TYPES[name].size // 2, 1)
    sizes = {"words": {words}, "span": {words}, "length": {words, 2 * words, 16 * words}}
    if name == "bit":
        sizes["length"] = {1}
    for column, right in sizes.items():
        if column in row and _whole(row, column) not in right:
            where = "address" if column == "span" else column
            plural = "" if words == 1 else "s"
            message = f"{row[column]} does not go with {name}, which takes {words} register{plural}"
            raise Unclear(where, message, "another type, or the right size")


def _whole(row: Row, column: str) -> int:
    try:
        return int(row[column])
    except ValueError:
        raise Unclear(column, f"{row[column]!r} is not possible", "a whole number") from None


def _shown(row: Row) -> dict[str, str]:
    """Return the keys that say what the entry shows and in which scale."""
    if "constant" in row:
        named = {"description": row["point"]} if "point" in row else {}
        return {"constant": row["constant"]} | named
    given = row.get("point", "")
    point, row = _point(row)
    if point is None:
        told = f"{given!r} is not a point{near(given)}" if given else "missing"
        raise Unclear("point", told, f"{', '.join(POINTS)}; --skip leaves out lines of others")
    scale = _scale(row, point)
    return {"point": point.name} | ({"scale": scale} if scale != "1" else {})


def _point(row: Row) -> tuple[Point | None, Row]:
    """Return the point of a line, if it is known, and the line with what the name says of the unit.

    In brackets behind a name may stand another one (`Current phase 1 (I1)`), or the unit (`Power [W]`).
    """
    given = row.get("point", "")
    point, bracketed = point_of(given), _BRACKETS.fullmatch(given)
    if point or not bracketed:
        return point, row
    point, inside = point_of(bracketed[1]), bracketed[2]
    if point and factor(inside, point) is not None:
        same = "unit" not in row or factor(row["unit"], point) == factor(inside, point)
        return (point, {"unit": inside, **row}) if same else (None, row)
    return (point if point and point_of(inside) is point else None), row


def _scale(row: Row, point: Point) -> str:
    """Return what one count is in the point's unit: the scale of the list, in its unit."""
    scale = _number(row.get("scale", "1"))
    if "unit" in row:
        in_unit = factor(row["unit"], point)
        if in_unit is None:
            raise Unclear("unit", f"{row['unit']!r} is not a unit of {point.name}", units_of(point))
        scale *= in_unit
    number = f"{float(scale):.15g}"
    if Fraction(number) != scale:
        raise Unclear(
            "scale", f"{scale} is no decimal number in this unit", f"another one than {row['scale']}"
        )
    return number


def _number(text: str) -> Fraction:
    """Return a scale as it is written, with a decimal point or a decimal comma. Raises Unclear."""
    comma = _DECIMAL_COMMA.fullmatch(text)
    if comma and len(comma[3]) == _GROUP and int(comma[2]):
        message = f"{text!r} may be {comma[2]}.{comma[3]} or {comma[2]}{comma[3]}"
        raise Unclear("scale", message, "a decimal point, and nothing between thousands")
    written = f"{comma[1]}{comma[2]}.{comma[3]}" if comma else text
    if _NUMBER.fullmatch(written):
        return Fraction(written)
    allowed = "a number: what one count is in the unit (0.1, 0,1, 1e-1, 1/10)"
    raise Unclear("scale", f"{text!r} is not possible", allowed)


def _word(row: Row, column: str, found: str | None, allowed: Iterable[str]) -> str:
    if found is None:
        raise Unclear(column, f"{row[column]!r} is not possible", ", ".join(allowed))
    return found
