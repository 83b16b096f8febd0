"""The LCD: which screen is up, and its eight characters.

Manual 2.3.1 and meter.md R10-R12. A screen is up for whole seconds counted from power-up. The text has the
number right-aligned in seven places; in the eighth stands the dot that aligns with an arrow on the label,
`'` at the upper arrow for the instantaneous demand, `.` at the lower one for the peak.
"""

from collections.abc import Iterable
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sims.points import NS_PER_S
from sims.snapshot import SCREENS

BLANK, TOTAL, INSTANTANEOUS, PEAK, TEST = range(len(SCREENS))

WIDTH: Final = 8
_CYCLE: Final = np.repeat(np.array([TOTAL, INSTANTANEOUS, PEAK, TEST], np.int64), [6, 6, 6, 1])
"""The screen in each second of the cycle of 19 s."""

Integers: TypeAlias = NDArray[np.int64]
Words: TypeAlias = NDArray[np.uint64]
"""Texts of eight characters, a word each, so that one operation takes or joins all of a text."""


def _words(text: bytes, numbers: Iterable[int]) -> Words:
    """Return `text` with each of `numbers` in it."""
    return np.frombuffer(b"".join(text % number for number in numbers), np.uint64)


# Parts of texts, 0 where the other parts have their characters.
_THOUSANDS: Final = _words(b" %03d\0\0\0\0", range(1000))
_UNITS: Final = _words(b"\0\0\0\0%03d\0", range(1000))
_KILOWATTS: Final = _words(b"%4d\0\0\0\0", range(10_000))
_HUNDREDTHS: Final = _words(b"\0\0\0\0.%02d\0", range(100))
_DOTS: Final = _words(b"\0\0\0\0\0\0\0%c", b"  '. ")
"""The eighth character on each screen."""
_ALL_SEGMENTS, _NOTHING = np.frombuffer(b"8" * WIDTH + b" " * WIDTH, np.uint64)


def screens(uptime: Integers, on: NDArray[np.bool_], demand_option: NDArray[np.bool_]) -> Integers:
    """Return the screen of each meter, `uptime` [ns] after power-up; all shapes (n_meters,)."""
    cycling = _CYCLE[uptime // NS_PER_S % len(_CYCLE)]
    return np.where(on, np.where(demand_option, cycling, TOTAL), BLANK)


def hundredths(watts: NDArray[np.float64]) -> Integers:
    """Return a demand in hundredths of a kW, rounded half up, as the LCD shows it (R12)."""
    return np.floor(watts / 10.0 + 0.5).astype(np.int64)


def texts(
    screen: Integers, kwh: Integers, demand: NDArray[np.float64], peak: NDArray[np.float64]
) -> NDArray[np.bytes_]:
    """Return the characters on each LCD as an array of S8, shape (n_meters,).

    `kwh` is the total as the LCD shows it, `demand` and `peak` are in W.
    """
    shown = hundredths(np.where(screen == PEAK, peak, demand)) % 1_000_000
    kilowatts = _KILOWATTS[shown // 100] | _HUNDREDTHS[shown % 100]
    total = _THOUSANDS[kwh // 1000 % 1000] | _UNITS[kwh % 1000]
    text = np.where((screen == INSTANTANEOUS) | (screen == PEAK), kilowatts, total) | _DOTS[screen]
    text[screen == TEST] = _ALL_SEGMENTS
    text[screen == BLANK] = _NOTHING
    return text.view(f"S{WIDTH}")
