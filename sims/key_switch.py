"""The key switch that resets the peak demand: right and back within a second, while the peak is on the LCD.

Manual 2.3.2 and meter.md R13. Knows where each key stands and what its turning is worth; what a reset does to
the peak is the business of `demand`.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from sims.points import NS_PER_S
from sims.snapshot import SCREENS

LONGEST_TURN: Final = NS_PER_S
"""The longest time from right to back [ns], inclusive."""

_PEAK: Final = SCREENS.index("peak")
_BLANK: Final = SCREENS.index("blank")


class KeySwitches:
    """The keys of all meters; `right` is where each stands, shape (n_meters,)."""

    def __init__(self, meters: int) -> None:
        self.right = np.zeros(meters, np.bool_)
        self._turned = np.zeros(meters, np.int64)
        self._screen = np.zeros(meters, np.int64)

    def turn_right(self, row: int, time: int, screen: int) -> str:
        """Turn a key to the right at `time` [ns], with `screen` on the LCD; return why it is in vain.

        An empty answer means that turning it back in time, with the peak still shown, will reset the peak.
        """
        if self.right[row]:
            return "the key is turned to the right already"
        self.right[row] = True
        self._turned[row] = time
        self._screen[row] = screen
        return _not_shown(screen)

    def turn_home(self, row: int, time: int, screen: int) -> str:
        """Turn a key back at `time` [ns]; return why the peak is not reset, nothing if it is to be."""
        if not self.right[row]:
            return "the key is not turned to the right"
        self.right[row] = False
        return (
            too_long(time - int(self._turned[row]))
            or _not_shown(int(self._screen[row]))
            or _not_shown(screen)
        )

    def forget(self, rows: NDArray[np.intp]) -> None:
        """Let the turns of keys that stand to the right come to nothing: the meters lost their supply."""
        self._screen[rows] = _BLANK


def too_long(turned: int) -> str:
    """Return why a turn that lasts so long [ns] is in vain, nothing if it is not."""
    if turned <= LONGEST_TURN:
        return ""
    return f"the key was turned for {turned / NS_PER_S:.9g} s; allowed: up to 1 s"


def _not_shown(screen: int) -> str:
    if screen == _PEAK:
        return ""
    return f"the LCD shows {SCREENS[screen]}; allowed: a turn and back while it shows the peak"
