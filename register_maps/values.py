"""How one value of a map is put into its cells, for all meters at once. NumPy alone.

What becomes of a value that its type cannot hold:

- A counter, a time or a state wraps modulo 2 to the power of the type's bits, as a meter's does. It is cut to
  whole counts (floor), never rounded.
- A measured quantity in whole numbers is rounded half up, and stops at the last number of its type that is
  not the invalid value; with 64 bits, at the last such number that a float64 can hold.
- A float beyond the reach of f32 becomes an infinity, as IEEE 754 has it.
- NaN becomes the entry's invalid value, bit by bit.
- A text is cut to its length or filled up with NUL; a character that is not ASCII becomes a question mark.
"""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from register_maps.model import Entry, is_count
from sims.points import Point

Cells = NDArray[np.uint8]
"""The place of one entry in the rows of all meters, shape (n_meters, size of the entry)."""

Writer = Callable[[NDArray[Any]], None]
"""Puts a column of values in the point's unit, shape (n_meters,), into its cells."""


def writer(entry: Entry, point: Point, cells: Cells) -> Writer:
    """Return what writes the values of `point` into `cells` as `entry` says."""
    if entry.type.kind == "b":
        return _bit_writer(cells)
    if entry.type.kind == "S":
        return _text_writer(entry, cells)
    if entry.type.kind == "f":
        return _float_writer(entry, point, cells)
    if is_count(point):
        return _count_writer(entry, point, cells)
    return _rounded_writer(entry, point, cells)


def write_constant(entry: Entry, cells: Cells) -> None:
    """Write the entry's constant into `cells`, alike for all meters."""
    meters = len(cells)
    if entry.type.kind == "b":
        _bit_writer(cells)(np.full(meters, entry.constant))
    elif entry.type.kind == "S":
        _text_writer(entry, cells)(np.full(meters, entry.constant))
    else:
        numbers = np.full(meters, entry.constant, f"{entry.type.kind}{entry.size}")
        _bits_writer(entry, cells)(numbers.view(f"u{entry.size}"))


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
    """Return what writes bits, unsigned whole numbers of the entry's size, in its word order."""
    wire = f"{'<' if entry.word_order.little_bytes else '>'}u{entry.size}"
    if entry.word_order.words_turned:
        words = cells.view(np.uint16)[:, ::-1]

        def write_turned(bits: NDArray[Any]) -> None:
            words[...] = bits.astype(wire).view(np.uint16).reshape(words.shape)

        return write_turned
    target = cells.view(wire)[:, 0]

    def write(bits: NDArray[Any]) -> None:
        target[...] = bits

    return write


def _scaling(entry: Entry, point: Point) -> Callable[[NDArray[Any]], NDArray[np.float64]]:
    """Return what turns values in the point's unit into counts of the entry: (shown - offset) / scale."""
    step = entry.scale * Fraction(point.divisor)
    factor, divisor = float(step.denominator), float(step.numerator)
    shift = float(entry.offset / entry.scale)

    def scaled(values: NDArray[Any]) -> NDArray[np.float64]:
        return np.asarray(values * factor / divisor - shift, np.float64)

    return scaled


def _float_writer(entry: Entry, point: Point, cells: Cells) -> Writer:
    scaled, write_bits = _scaling(entry, point), _bits_writer(entry, cells)

    def write(values: NDArray[Any]) -> None:
        numbers = scaled(values).astype(f"f{entry.size}")
        bits = numbers.view(f"u{entry.size}")
        bits[np.isnan(numbers)] = entry.invalid
        write_bits(bits)

    return write


def _count_writer(entry: Entry, point: Point, cells: Cells) -> Writer:
    step = int(entry.scale * Fraction(point.divisor))
    write_bits = _bits_writer(entry, cells)

    def write(values: NDArray[Any]) -> None:
        write_bits((values.astype(np.int64) // step).astype(f"u{entry.size}"))

    return write


def _rounded_writer(entry: Entry, point: Point, cells: Cells) -> Writer:
    scaled, write_bits = _scaling(entry, point), _bits_writer(entry, cells)
    lowest, highest = _limits(entry)

    def write(values: NDArray[Any]) -> None:
        numbers = np.floor(scaled(values) + 0.5)
        missing = np.isnan(numbers)
        numbers[missing] = 0
        counts = np.clip(numbers, lowest, highest).astype(f"{entry.type.kind}{entry.size}")
        bits = counts.view(f"u{entry.size}")
        bits[missing] = entry.invalid
        write_bits(bits)

    return write


def _limits(entry: Entry) -> tuple[float, float]:
    """Return the numbers at which a measured quantity stops: those of the type but for the invalid value."""
    lowest, highest = entry.type.lowest, entry.type.highest
    invalid = entry.invalid if entry.invalid <= highest else entry.invalid - (1 << entry.type.bits)
    lowest, highest = lowest + (invalid == lowest), highest - (invalid == highest)
    low, high = float(lowest), float(highest)
    return (
        low if low >= lowest else math.nextafter(low, 0.0),
        high if high <= highest else math.nextafter(high, 0.0),
    )
