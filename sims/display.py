"""The LCD: which screen is up, and its eight characters.

Manual 2.3.1 and meter.md R10-R12. A screen is up for whole seconds counted from power-up. The text has the
number right-aligned in seven places; in the eighth stands the dot that aligns with an arrow on the label,
`'` at the upper arrow for the instantaneous demand, `.` at the lower one for the peak.
"""

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sims.points import NS_PER_S
from sims.snapshot import SCREENS

BLANK, TOTAL, INSTANTANEOUS, PEAK, TEST = range(len(SCREENS))

WIDTH: Final = 8
_CYCLE: Final = np.repeat(np.array([TOTAL, INSTANTANEOUS, PEAK, TEST], np.int64), [6, 6, 6, 1])
"""The screen in each second of the cycle of 19 s."""
_DOTS: Final = np.frombuffer(b"  '. ", np.uint8)
"""The eighth character on each screen."""
_PLACES: Final = 10 ** np.arange(5, -1, -1, dtype=np.int64)
_ZERO, _SPACE, _EIGHT, _POINT = b"0 8."

Integers: TypeAlias = NDArray[np.int64]


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
    shows_demand = (screen == INSTANTANEOUS) | (screen == PEAK)
    shown = np.where(shows_demand, hundredths(np.where(screen == PEAK, peak, demand)), kwh) % 1_000_000
    digits = (shown[:, None] // _PLACES % 10 + _ZERO).astype(np.uint8)
    text = np.full((len(screen), WIDTH), _SPACE, np.uint8)
    text[:, 1:7] = digits
    _point_demands(text, digits, shown, shows_demand)
    text[:, 7] = _DOTS[screen]
    text[screen == TEST] = _EIGHT
    text[screen == BLANK] = _SPACE
    return np.ascontiguousarray(text).view(f"S{WIDTH}")[:, 0]


def _point_demands(
    text: NDArray[np.uint8], digits: NDArray[np.uint8], shown: Integers, rows: NDArray[np.bool_]
) -> None:
    """Set the decimal point in the demands and blank their leading zeros."""
    pointed = np.concatenate(
        [digits[:, :4], np.full((len(digits), 1), _POINT, np.uint8), digits[:, 4:]], axis=1
    )
    leading = shown[:, None] < np.array([100_000, 10_000, 1_000])
    pointed[:, :3][leading] = _SPACE
    text[rows, :7] = pointed[rows]
