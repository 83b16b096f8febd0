"""How one value of a map is put into its cells, for all meters at once. NumPy alone.

What becomes of a value that its type cannot hold:

- A counter, a time or a state wraps after the last number of its type, as a meter's does (in mod10k and BCD
  after the nines). It is cut to whole counts (floor), never rounded.
- A measured quantity in whole numbers is rounded half up, and stops at the last number of its type that is
  not the invalid value; with 64 bits, at the last such number that a float64 can hold.
- A float beyond the reach of f32 becomes an infinity, as IEEE 754 has it.
- NaN becomes the entry's invalid value, bit by bit.
- A text is cut to its length or filled up with NUL; a character that is not ASCII becomes a question mark.
"""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from register_maps.model import EXPONENTS, Entry, Exponent, is_count
from sims.points import Point

Cells = NDArray[np.uint8]
"""The place of one entry in the rows of all meters, shape (n_meters, size of the entry)."""

Writer = Callable[[NDArray[Any]], None]
"""Puts a column of values in the point's unit, shape (n_meters,), into its cells."""

_GREATEST: Final = 32767
"""The greatest count of 16 bits with a sign, which scale registers are chosen for."""


def writer(entry: Entry, cells: Cells, exponents: NDArray[np.int64] | None) -> Writer:
    """Return what writes the values that `entry` shows into `cells`.

    `exponents` are those of its scale register, shape (n_meters,); None where it has none or a fixed one.
    """
    if entry.bits:
        return _bits_writer(entry, cells)
    if entry.type.is_bit:
        return _bit_writer(cells)
    if entry.type.is_text:
        return _text_writer(entry, cells)
    point = entry.points[0]
    if entry.type.is_float:
        return _float_writer(entry, point, cells, exponents)
    if is_count(point):
        return _count_writer(entry, point, cells)
    return _rounded_writer(entry, point, cells, exponents)


def write_constant(entry: Entry, cells: Cells, exponents: NDArray[np.int64] | None = None) -> None:
    """Write what never changes into `cells`: the entry's constant, or the exponents of a scale register."""
    meters = len(cells)
    if entry.type.is_bit:
        _bit_writer(cells)(np.full(meters, entry.constant))
    elif entry.type.is_text:
        _text_writer(entry, cells)(np.full(meters, entry.constant))
    elif entry.type.is_float:
        numbers = np.full(meters, entry.constant, f"f{entry.size}")
        _bits_writer(entry, cells)(numbers.view(f"u{entry.size}"))
    else:
        unsigned = np.uint64 if entry.type.kind == "u" else np.int64
        numbers = np.full(meters, entry.constant, unsigned) if exponents is None else exponents
        _bits_writer(entry, cells)(_bits(entry, numbers))


def exponents_of(exponent: Exponent, rated: NDArray[Any] | None, meters: int) -> NDArray[np.int64]:
    """Return what a scale register of each meter holds; `rated` are the values of the point that it fits."""
    if rated is None:
        return np.full(meters, exponent.fixed, np.int64)
    greatest = rated * float(exponent.times)
    return np.searchsorted([_GREATEST * 10.0**e for e in EXPONENTS[:-1]], greatest) + EXPONENTS[0]


def _bit_writer(cells: Cells) -> Writer:
    def write(values: NDArray[Any]) -> None:
        cells[:, 0] = values

    return write


def _text_writer(entry: Entry, cells: Cells) -> Writer:
    words = cells.view(np.uint16)

    def write(values: NDArray[Any]) -> None:
        ascii_only = np.char.encode(values, "ascii", "replace") if values.dtype.kind == "U" else values
        staged = ascii_only.astype(f"S{entry.size}").view(np.uint16).reshape(words.shape)
        words[...] = staged.byteswap() if entry.word_order.little_bytes else staged

    return write


def _bits_writer(entry: Entry, cells: Cells) -> Writer:
    """Return what writes bits in the entry's word order: unsigned whole numbers, or the words of mod10k."""
    little = "<" if entry.word_order.little_bytes else ">"
    if entry.type.is_mod10k:
        places = cells.view(f"{little}u2")

        def write_words(words: NDArray[Any]) -> None:
            places[...] = words

        return write_words
    wire = f"{little}u{entry.size}"
    if entry.word_order.words_turned:
        turned = cells.view(np.uint16)[:, ::-1]

        def write_turned(bits: NDArray[Any]) -> None:
            turned[...] = bits.astype(wire).view(np.uint16).reshape(turned.shape)

        return write_turned
    target = cells.view(wire)[:, 0]

    def write(bits: NDArray[Any]) -> None:
        target[...] = bits

    return write


def _bits(entry: Entry, numbers: NDArray[Any]) -> NDArray[Any]:
    """Return the bits of whole numbers, cut to the entry's size: one each, or the words of mod10k."""
    if entry.type.is_mod10k:
        return np.stack([numbers // 10_000**k % 10_000 for k in range(entry.size // 2)], axis=1)
    if entry.type.kind == "d":
        digits = (numbers // 10**k % 10 << 4 * k for k in range(2 * entry.size))
        return np.asarray(sum(digits, np.zeros_like(numbers)), f"u{entry.size}")
    return numbers.astype(f"{entry.type.kind}{entry.size}").view(f"u{entry.size}")


def _invalid_bits(entry: Entry) -> int | list[int]:
    """Return the invalid value as `_bits` gives numbers."""
    if not entry.type.is_mod10k:
        return entry.invalid
    return [entry.invalid >> 16 * k & 0xFFFF for k in reversed(range(entry.size // 2))]


def _scaling(
    entry: Entry, point: Point, exponents: NDArray[np.int64] | None
) -> Callable[[NDArray[Any]], NDArray[np.float64]]:
    """Return what turns values in the point's unit into counts of the entry: (shown - offset) / scale."""
    step = entry.step * Fraction(point.divisor)
    factor: Any = float(step.denominator)
    divisor: Any = float(step.numerator)
    if exponents is not None:
        factor, divisor = (
            factor * 10.0 ** np.maximum(-exponents, 0),
            divisor * 10.0 ** np.maximum(exponents, 0),
        )
    shift = float(entry.offset / entry.step)

    def scaled(values: NDArray[Any]) -> NDArray[np.float64]:
        return np.asarray(values * factor / divisor - shift, np.float64)

    return scaled


def _float_writer(entry: Entry, point: Point, cells: Cells, exponents: NDArray[np.int64] | None) -> Writer:
    scaled, write_bits = _scaling(entry, point, exponents), _bits_writer(entry, cells)

    def write(values: NDArray[Any]) -> None:
        numbers = scaled(values).astype(f"f{entry.size}")
        bits = numbers.view(f"u{entry.size}")
        bits[np.isnan(numbers)] = entry.invalid
        write_bits(bits)

    return write


def _count_writer(entry: Entry, point: Point, cells: Cells) -> Writer:
    step = int(entry.step * Fraction(point.divisor))
    write_bits = _bits_writer(entry, cells)

    def write(values: NDArray[Any]) -> None:
        write_bits(_bits(entry, values.astype(np.int64) // step))

    return write


def _rounded_writer(entry: Entry, point: Point, cells: Cells, exponents: NDArray[np.int64] | None) -> Writer:
    scaled, write_bits = _scaling(entry, point, exponents), _bits_writer(entry, cells)
    lowest, highest = _limits(entry)
    whole = np.uint64 if entry.type.kind == "u" else np.int64
    invalid = _invalid_bits(entry)

    def write(values: NDArray[Any]) -> None:
        numbers = np.floor(scaled(values) + 0.5)
        missing = np.isnan(numbers)
        numbers[missing] = 0
        bits = _bits(entry, np.clip(numbers, lowest, highest).astype(whole))
        bits[missing] = invalid
        write_bits(bits)

    return write


def _limits(entry: Entry) -> tuple[float, float]:
    """Return the numbers at which a measured quantity stops: those of the type but for the invalid value."""
    invalid = _invalid_number(entry)
    lowest, highest = entry.lowest + (invalid == entry.lowest), entry.highest - (invalid == entry.highest)
    low, high = float(lowest), float(highest)
    return (
        low if low >= lowest else math.nextafter(low, 0.0),
        high if high <= highest else math.nextafter(high, 0.0),
    )


def _invalid_number(entry: Entry) -> int | None:
    """Return the number that the invalid bits would be; None where they are none of this type."""
    match entry.type.kind:
        case "d":
            digits = f"{entry.invalid:x}"
            return int(digits) if digits.isdecimal() else None
        case "m":
            words = [entry.invalid >> 16 * k & 0xFFFF for k in reversed(range(entry.size // 2))]
            if max(words) > 9999:  # noqa: PLR2004  what a word of mod10k holds
                return None
            return sum(int(word * 10_000**k) for k, word in enumerate(words))
    return entry.invalid if entry.invalid <= entry.highest else entry.invalid - (1 << 8 * entry.size)
