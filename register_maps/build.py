"""Makes a register map of YAML nodes: how the keys of an entry fit together, and the entries of a map.

What a single key may hold stands in `schema`. No files are opened here.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import yaml

from register_maps.errors import Problem, RegisterMapError
from register_maps.model import (
    ADDRESSES,
    BIT_TABLES,
    TYPES,
    Clash,
    Entry,
    RegisterMap,
    Table,
    ValueType,
    WordOrder,
    default_invalid,
    is_count,
    overlaps,
)
from register_maps.schema import ENTRY_KEYS, MAP_KEYS, Keys
from sims.points import Point

_BIT: Final = TYPES["bit"]


@dataclass(frozen=True, slots=True)
class _Defaults:
    """What a map says for all its entries."""

    base: int
    tables: tuple[Table, ...]
    word_order: WordOrder
    source: str


def build(root: yaml.Node | None, file: str) -> RegisterMap:
    """Return the map under `root`. Raises RegisterMapError with everything that is wrong in `file`."""
    if root is None:
        raise RegisterMapError(file, [Problem(0, "", "is empty", ", ".join(MAP_KEYS))])
    problems: list[Problem] = []
    keys = Keys(root, MAP_KEYS, problems)
    defaults = _Defaults(
        base=keys.get("base", 0),
        tables=keys.get("table", (Table.HOLDING, Table.INPUT)),
        word_order=keys.get("word_order", WordOrder.ABCD),
        source=keys.need("source", ""),
    )
    made = [_entry(Keys(node, ENTRY_KEYS, problems), defaults) for node in keys.items("entries")]
    entries = sorted((entry for entry in made if entry), key=lambda entry: entry.address)
    problems.extend(clash_problem(clash) for clash in overlaps((file, entry) for entry in entries))
    name, description = keys.need("name", ""), keys.need("description", "")
    if problems:
        raise RegisterMapError(file, problems)
    return RegisterMap(name, description, defaults.base, tuple(entries), file)


def clash_problem(clash: Clash) -> Problem:
    """Return a clash in words, as a problem of the file and line that come second."""
    place = "" if clash.first_file == clash.second_file else f"{clash.first_file}:"
    where = f"{place}{clash.first.line}" if place else f"line {clash.first.line}"
    message = f"{clash.second.places} overlaps {clash.first.places} of {where}"
    return Problem(clash.second.line, "address", message)


def _entry(keys: Keys, defaults: _Defaults) -> Entry | None:
    """Return one entry, or None where something is missing or wrong without which it has no place."""
    address: int | None = keys.need("address", None)
    value_type: ValueType | None = keys.need("type", None)
    tables = keys.get("table", defaults.tables)
    point: Point | None = keys.get("point", None)
    if address is None or value_type is None:
        return None
    scale, offset, invalid = _figures(keys, value_type, point)
    entry = Entry(
        address=address - defaults.base,
        tables=tables,
        type=value_type,
        size=_size(keys, value_type),
        word_order=keys.get("word_order", defaults.word_order),
        scale=scale,
        offset=offset,
        invalid=invalid,
        writes=keys.get("writes", None),
        point=point,
        constant=_constant(keys, value_type),
        description=keys.get("description", point.description if point else ""),
        source=keys.get("source", defaults.source),
        line=keys.line,
    )
    _check_place(keys, entry)
    _check_content(keys, entry)
    return entry


def _size(keys: Keys, value_type: ValueType) -> int:
    """Return the size of a value [bytes]; only a text brings its own."""
    if value_type.kind == "S":
        return keys.need("length", 2)
    if "length" in keys:
        keys.wrong("length", f"a {value_type.name} has no length", "only with string")
    return value_type.size


def _constant(keys: Keys, value_type: ValueType) -> int | float | str | None:
    """Return the value that all meters share, as the type takes it; None where there is none."""
    text: str | None = keys.get("constant", None)
    if text is None:
        return None
    try:
        if value_type.kind == "S":
            return text.encode("ascii").decode("ascii")
        if value_type.kind == "f":
            return float(text)
        value = int(text, 0)
        if value_type.lowest <= value <= value_type.highest:
            return value
    except ValueError:
        pass
    keys.wrong("constant", f"{text!r} is not possible", f"what {value_type.name} can hold")
    return None


def _figures(keys: Keys, value_type: ValueType, point: Point | None) -> tuple[Fraction, Fraction, int]:
    """Return scale, offset and the bits of the invalid value, which only numbers have."""
    scale, offset = keys.get("scale", Fraction(1)), keys.get("offset", Fraction(0))
    if value_type.kind in "Sb" or "point" not in keys:
        for key in ("scale", "offset", "invalid"):
            if key in keys:
                keys.wrong(key, "has nothing to work on", "only where a number shows a point")
        return scale, offset, 0
    if point is not None and is_count(point) and value_type.kind != "f":
        step = scale * Fraction(point.divisor)
        if step.denominator != 1 or not 1 <= step < 1 << 63:
            unit = point.unit or "counts"
            keys.wrong("scale", f"makes one count {float(step):g} {unit}", f"a whole number of {unit}")
        if offset:
            keys.wrong("offset", "a counter in whole numbers has none", "0")
    invalid = keys.get("invalid", default_invalid(value_type))
    if not 0 <= invalid < 1 << 8 * value_type.size:
        keys.wrong("invalid", f"{invalid} does not fit", f"0 to {(1 << 8 * value_type.size) - 1:#x}")
    return scale, offset, invalid


def _check_place(keys: Keys, entry: Entry) -> None:
    if entry.address < 0 or entry.end > ADDRESSES:
        keys.wrong("address", f"{entry.places} on the wire is out of range", f"0 to {ADDRESSES - 1}")
    if (entry.type is _BIT) != all(table in BIT_TABLES for table in entry.tables):
        allowed = "discrete, coil" if entry.type is _BIT else "both, holding, input"
        keys.wrong("table", f"does not hold {entry.type.name}", allowed)
    if entry.writes and Table.COIL not in entry.tables:
        keys.wrong("writes", "nothing can be brought about there", "only in a coil")
    if keys.get("access", False) != (entry.writes is not None):
        keys.wrong(
            "access", "what a client may write and what that brings about go together", "rw with writes"
        )


def _check_content(keys: Keys, entry: Entry) -> None:
    if ("point" in keys) == ("constant" in keys):
        keys.wrong("point", "one of the keys point and constant is needed, and not both")
    if "constant" in keys and "description" not in keys:
        keys.wrong("description", "missing", "a text, since there is no point that brings one")
    if entry.point is None:
        return
    if entry.point.text != (entry.type.kind == "S"):
        fits = "string" if entry.point.text else "a number or a bit"
        keys.wrong("type", f"{entry.point.name} does not fit into {entry.type.name}", fits)
    elif entry.type is _BIT and not entry.point.binary:
        keys.wrong("point", f"{entry.point.name} is not one bit", "a flag, key_switch")
