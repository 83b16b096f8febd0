"""What stands in every cell of a map, made value by value with `struct`: shares nothing with the codec."""

import math
import struct
from collections.abc import Iterable, Mapping
from typing import Any

from register_maps.model import Entry, Exponent, Table, is_count

Cells = dict[tuple[Table, int], bytes]
"""Two bytes a register and one a bit, by table and address."""


def cells_of(entries: Iterable[Entry], held: Mapping[str, Any]) -> Cells:
    """Return the cells of one unit; `held` has the values of all its points, plain Python ones."""
    cells: Cells = {}
    for entry in entries:
        data = _ordered(entry, _content(entry, held))
        width = 1 if entry.type.kind == "b" else 2
        for table in entry.tables:
            for k in range(len(data) // width):
                assert (table, entry.address + k) not in cells
                cells[table, entry.address + k] = data[k * width : (k + 1) * width]
    return cells


def _flag(name: str, bit: int | None, held: Mapping[str, Any]) -> int:
    return int(held[name]) if bit is None else int(held["flags"]) >> bit & 1


def _content(entry: Entry, held: Mapping[str, Any]) -> bytes:
    """Return an entry's bytes, most significant first."""
    kind, size = entry.type.kind, entry.size
    if kind == "z":
        return bytes(size)
    if entry.exponent:
        return _exponent(entry.exponent, held).to_bytes(size, "big", signed=True)
    if entry.bits:
        flags = ((bit, any(_flag(p.name, p.bit, held) for p in points)) for bit, points in entry.bits)
        return sum(up << bit for bit, up in flags).to_bytes(size, "big")
    return _written(entry, _value(entry, held))


def _written(entry: Entry, value: Any) -> bytes:
    """Return what an entry counts as bytes."""
    kind, size = entry.type.kind, entry.size
    if kind == "S":
        text = value if isinstance(value, bytes) else str(value).encode("ascii", "replace")
        return text[:size].ljust(size, b"\0")
    if entry.points and isinstance(value, float) and math.isnan(value):
        return entry.invalid.to_bytes(size, "big")
    if kind == "f":
        return struct.pack(">f" if size == 4 else ">d", value)
    return _whole(entry, int(value))


def _whole(entry: Entry, number: int) -> bytes:
    kind, size = entry.type.kind, entry.size
    if kind == "m":
        return b"".join(struct.pack(">H", number // 10_000**k % 10_000) for k in range(size // 2))
    if kind == "d":
        return bytes.fromhex(str(number % 10 ** (2 * size)).zfill(2 * size))
    return (number % (1 << 8 * size)).to_bytes(size, "big")


def _value(entry: Entry, held: Mapping[str, Any]) -> Any:
    """Return what an entry counts: a text, a whole number, or a float where it holds floats or is absent."""
    if not entry.points:
        return entry.constant
    point = entry.points[0]
    if entry.type.kind == "S":
        return held[point.name]
    if entry.type.kind == "b" or point.bit is not None:
        return _flag(point.name, point.bit, held)
    values = [held[each.name] for each in entry.points]
    there = [value for value in values if not (isinstance(value, float) and math.isnan(value))]
    if not there:
        return math.nan
    value = sum(there) / len(there) if entry.mean else sum(there)
    if is_count(point) and entry.type.kind != "f":
        return int(value) // round(float(entry.step) * point.divisor)
    shown = value / point.divisor - float(entry.offset)
    count = shown / float(entry.step)
    if entry.scaled and entry.scaled.fits:
        count /= 10.0 ** _exponent(entry.scaled, held)
    return count if entry.type.kind == "f" else _rounded(entry, count)


def _rounded(entry: Entry, count: float) -> int:
    number, invalid = math.floor(count + 0.5), entry.invalid
    if entry.type.kind == "i" and invalid > entry.highest:
        invalid -= 1 << 8 * entry.size
    allowed = [entry.lowest + (invalid == entry.lowest), entry.highest - (invalid == entry.highest)]
    return min(max(number, allowed[0]), allowed[1])


def _exponent(exponent: Exponent, held: Mapping[str, Any]) -> int:
    """Return the lowest power of ten with which what an exponent fits is not over 32767."""
    if exponent.fits is None:
        assert exponent.fixed is not None
        return exponent.fixed
    greatest = held[exponent.fits.name] / exponent.fits.divisor * float(exponent.times)
    return next(e for e in range(-10, 11) if greatest <= 32767 * 10.0**e or e == 10)


def _ordered(entry: Entry, big: bytes) -> bytes:
    """Return bytes in the entry's word order."""
    order = entry.word_order.value
    if entry.type.kind in "bz":
        return big
    words = [big[at : at + 2] for at in range(0, len(big), 2)]
    if entry.type.kind in "Sm":
        return b"".join(word[::-1] if order in {"BADC", "DCBA"} else word for word in words)
    if order in {"CDAB", "DCBA"}:
        words.reverse()
    return b"".join(word[::-1] if order in {"BADC", "DCBA"} else word for word in words)
