"""Makes one entry of a register map of its keys: how they fit together.

What a single key may hold stands in `schema`; how entries fit together is the business of `build`.
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from register_maps.model import (
    ADDRESSES,
    BIT_TABLES,
    TYPES,
    Effect,
    Entry,
    Exponent,
    Serves,
    Table,
    ValueType,
    WordOrder,
    default_invalid,
    is_count,
)
from register_maps.schema import MOD10K_LENGTHS, STRING_LENGTHS, Keys
from sims.points import Kind, Point

_BIT: Final = TYPES["bit"]
_S16: Final = TYPES["s16"]

_CONTENTS: Final = ("point", "sum", "mean", "bits", "constant", "exponent", "fits")
"""The keys that say what an entry shows; it has one of them."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a map says for all its entries."""

    base: int
    tables: tuple[Table, ...]
    word_order: WordOrder
    source: str
    serves: Serves


def entry(keys: Keys, defaults: Defaults) -> Entry | None:
    """Return one entry, or None where something is missing or wrong without which it has no place."""
    address: int | None = keys.need("address", None)
    value_type: ValueType | None = keys.need("type", None)
    if address is None or value_type is None:
        return None
    made = _with_constant(keys, _made(keys, defaults, address - defaults.base, value_type))
    _check_place(keys, made)
    _check_access(keys, made, defaults.serves)
    _check_content(keys, made)
    return made


def _made(keys: Keys, defaults: Defaults, address: int, value_type: ValueType) -> Entry:
    """Return an entry as its keys say, but for a constant."""
    points, mean = _points(keys)
    size = _size(keys, value_type)
    scale, offset, invalid = _figures(keys, value_type, size)
    lowest, highest = _written(keys)
    return Entry(
        address=address,
        tables=keys.get("table", defaults.tables),
        type=value_type,
        size=size,
        word_order=keys.get("word_order", defaults.word_order),
        scale=scale,
        offset=offset,
        scale_register=keys.get("scale_register", ""),
        invalid=invalid,
        writes=keys.get("writes", None),
        lowest_written=lowest,
        highest_written=highest,
        points=points,
        mean=mean,
        bits=_bits(keys, size, defaults.serves),
        exponent=_exponent(keys),
        name=keys.get("name", ""),
        description=keys.get("description", _described(keys, points, mean=mean)),
        source=keys.get("source", defaults.source),
        line=keys.line,
    )


def _points(keys: Keys) -> tuple[tuple[Point, ...], bool]:
    """Return the points that an entry shows, and whether their mean and not their sum."""
    if "sum" in keys or "mean" in keys:
        key = "sum" if "sum" in keys else "mean"
        points = tuple(keys.several(key))
        if len({point.unit for point in points}) > 1:
            keys.wrong(key, "its points have different units", "points of one unit")
        return points, key == "mean"
    point: Point | None = keys.get("point", None)
    return ((point,) if point else ()), False


def _described(keys: Keys, points: tuple[Point, ...], *, mean: bool) -> str:
    if "exponent" in keys or "fits" in keys:
        return "Scale register: the power of ten that goes with the entries which name it"
    if len(points) > 1:
        return f"{'Mean' if mean else 'Sum'} of {', '.join(point.name for point in points)}"
    return points[0].description if points else ""


def _size(keys: Keys, value_type: ValueType) -> int:
    """Return the size of a value [bytes]; only a text and a mod10k bring their own."""
    if not value_type.sized:
        if "length" in keys:
            keys.wrong("length", f"a {value_type.name} has no length", "only with string, mod10k")
        return value_type.size
    text = value_type.is_text
    lengths = STRING_LENGTHS if text else MOD10K_LENGTHS
    length: int = keys.need("length", lengths[0])
    if length not in lengths:
        words = "an even number of characters" if text else "a number of words"
        keys.wrong(
            "length", f"{str(length)!r} is not possible", f"{words} from {lengths[0]} to {lengths[-1]}"
        )
        length = lengths[0]
    return length if text else 2 * length


def _figures(keys: Keys, value_type: ValueType, size: int) -> tuple[Fraction, Fraction, int]:
    """Return scale, offset and the bits of the invalid value, which only numbers have."""
    if not value_type.is_number or not any(key in keys for key in ("point", "sum", "mean")):
        for key in ("scale", "offset", "invalid", "scale_register"):
            if key in keys:
                keys.wrong(key, "has nothing to work on", "only where a number shows a point")
        return Fraction(1), Fraction(0), 0
    if "offset" in keys and "scale_register" in keys:
        keys.wrong("offset", "does not go with a scale register", "one of the two")
    invalid = keys.get("invalid", default_invalid(value_type, size))
    if not 0 <= invalid < 1 << 8 * size:
        keys.wrong("invalid", f"{invalid} does not fit", f"0 to {(1 << 8 * size) - 1:#x}")
    return keys.get("scale", Fraction(1)), keys.get("offset", Fraction(0)), invalid


def _bits(keys: Keys, size: int, serves: Serves) -> tuple[tuple[int, tuple[Point, ...]], ...]:
    """Return the bits of a bit field in their order, each with the flags that set it."""
    found: dict[int, list[Point]] = {}
    for name, places in keys.pairs("bits"):
        point = serves.points.get(name)
        if point is None or point.kind is not Kind.FLAG:
            flags = [one.name for one in serves.points.values() if one.kind is Kind.FLAG]
            keys.wrong("bits", f"{name!r} is not a flag", ", ".join(flags) or "none in a map of this kind")
            continue
        for bit in places:
            if bit not in range(8 * size):
                keys.wrong("bits", f"{bit} is not a bit of it", f"0 to {8 * size - 1}")
            found.setdefault(bit, []).append(point)
    return tuple((bit, tuple(found[bit])) for bit in sorted(found))


def _exponent(keys: Keys) -> Exponent | None:
    """Return what a scale register holds, None for other entries."""
    if "times" in keys and "fits" not in keys:
        keys.wrong("times", "has nothing to work on", "only with fits")
    if "exponent" in keys:
        return Exponent(keys.get("exponent", 0))
    point: Point | None = keys.get("fits", None)
    return Exponent(None, point, keys.get("times", Fraction(1))) if point else None


def _written(keys: Keys) -> tuple[int, int]:
    """Return the lowest and the highest number that a client may write."""
    if "range" not in keys:
        return 0, 1
    numbers = keys.several("range")
    if len(numbers) == 2 and numbers[0] <= numbers[1]:  # noqa: PLR2004  lowest and highest
        return numbers[0], numbers[1]
    keys.wrong("range", "is not a lowest and a highest number", "two whole numbers, like [0, 2]")
    return 0, 1


def _with_constant(keys: Keys, made: Entry) -> Entry:
    """Return the entry with the value that all meters share, as its type takes it, if there is one."""
    text: str | None = keys.get("constant", None)
    if text is None:
        return made
    try:
        return replace(made, constant=_constant(text, made))
    except ValueError:
        keys.wrong("constant", f"{text!r} is not possible", f"what {made.type.name} can hold")
    return made


def _constant(text: str, made: Entry) -> int | float | str:
    """Return a constant. Raises ValueError if the type cannot hold it."""
    if made.type.is_text:
        return text.encode("ascii").decode("ascii")
    if made.type.is_float:
        return float(text)
    value = int(text, 0)
    if not made.lowest <= value <= made.highest:
        raise ValueError(text)
    return value


def _check_place(keys: Keys, made: Entry) -> None:
    if made.address < 0 or made.end > ADDRESSES:
        keys.wrong("address", f"{made.places} on the wire is out of range", f"0 to {ADDRESSES - 1}")
    if (made.type is _BIT) != all(table in BIT_TABLES for table in made.tables):
        allowed = "discrete, coil" if made.type is _BIT else "both, holding, input"
        keys.wrong("table", f"does not hold {made.type.name}", allowed)


def _check_access(keys: Keys, made: Entry, serves: Serves) -> None:
    effect = made.writes
    if effect and effect.serves is not serves:
        keys.wrong(
            "writes", f"a {serves.value} has no {effect.value}", f"in a map that serves {effect.serves.value}"
        )
    elif effect and effect.table not in made.tables:
        allowed = "a coil" if effect.table is Table.COIL else "a holding register"
        keys.wrong("writes", "nothing can be brought about there", f"only in {allowed}")
    elif effect and effect.table is Table.HOLDING and (made.type.name != "u16" or "range" not in keys):
        keys.wrong("writes", "what is written has no bounds", "u16 with range")
    elif effect and effect.table is Table.HOLDING and not _shows(made, effect):
        keys.wrong("writes", "what is written is not what is read", f"point: {effect.value}, without a scale")
    elif "range" in keys and not (effect and effect.table is Table.HOLDING):
        keys.wrong("range", "has nothing to work on", "only where a register is written")
    if keys.get("access", False) != (effect is not None):
        keys.wrong(
            "access", "what a client may write and what that brings about go together", "rw with writes"
        )


def _shows(made: Entry, effect: Effect) -> bool:
    """Return whether an entry shows, as it is, what a client sets there."""
    same = [point.name for point in made.points] == [effect.value]
    return same and made.scale == 1 and not made.offset and not made.scale_register


def _check_content(keys: Keys, made: Entry) -> None:
    given = [key for key in _CONTENTS if key in keys]
    if len(given) != 1:
        keys.wrong("point", f"one of the keys {', '.join(_CONTENTS)} is needed, and only one")
    if given in (["constant"], ["bits"]) and "description" not in keys:
        keys.wrong("description", "missing", "a text, since there is no point that brings one")
    if made.exponent and (made.type is not _S16 or not made.name):
        keys.wrong("type", "a scale register is an s16 with a name", "s16 with name")
    if made.bits and made.type.kind != "u":
        keys.wrong("type", f"bits do not fit into {made.type.name}", "u16, u32, u64")
    point = made.point
    if point is None:
        return
    if point.text != made.type.is_text:
        fits = "string" if point.text else "a number or a bit"
        keys.wrong("type", f"{point.name} does not fit into {made.type.name}", fits)
    elif made.type is _BIT and not point.binary:
        keys.wrong("point", f"{point.name} is not one bit", "a flag, key_switch")
    elif is_count(point) and made.offset:
        keys.wrong("offset", "a counter in whole numbers has none", "0")
