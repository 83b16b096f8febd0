"""The key switch that resets the peak demand: right and back within a second, while the peak is on the LCD.

Manual 2.3.2 and meter.md R13. Knows where each key stands and what its turning is worth; what a reset does to
the peak is the business of `demand`.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sims.points import NS_PER_S
from sims.snapshot import SCREENS

LONGEST_TURN: Final = NS_PER_S
"""The longest time from right to back [ns], inclusive."""

_PEAK: Final = SCREENS.index("peak")
_LOST_SUPPLY: Final = "the LCD went blank: the meter lost its supply while the key was turned"


@dataclass(frozen=True, slots=True)
class KeyOutcome:
    """What came of a turn of the key that ended at `time` [ns]: a `reset`, or the `reason` why there is none.

    `reason` is empty if the peak was reset.
    """

    reset: bool
    reason: str
    time: int


@dataclass(slots=True)
class _Turn:
    """A turn to the right at `time` [ns], and why it has been in vain so far."""

    time: int
    vain: str


class KeySwitches:
    """The keys of all meters; `right` is where each stands, shape (n_meters,)."""

    def __init__(self, meters: int) -> None:
        self.right = np.zeros(meters, np.bool_)
        self._turns: dict[int, _Turn] = {}
        self._outcomes: dict[int, KeyOutcome] = {}

    def outcome(self, row: int) -> KeyOutcome | None:
        """Return what came of the last turn of a key that has ended, None before the first."""
        return self._outcomes.get(row)

    def turn_right(self, row: int, time: int, screen: int) -> str:
        """Turn a key to the right at `time` [ns], with `screen` on the LCD; return why it is in vain.

        An empty answer means that turning it back in time, with the peak still shown, will reset the peak.
        """
        if self.right[row]:
            return "the key is turned to the right already"
        self.right[row] = True
        self._turns[row] = _Turn(time, _not_shown(screen))
        return self._turns[row].vain

    def turn_home(self, row: int, time: int, screen: int, refusal: str) -> str:
        """Turn a key back at `time` [ns]; return why the peak is not reset, nothing if it is to be.

        `refusal` is why this meter would not reset its peak whatever its key does, empty if it would.
        """
        if not self.right[row]:
            return refusal or "the key is not turned to the right"
        turn = self._turns.pop(row)
        reason = refusal or turn.vain or too_long(time - turn.time) or _not_shown(screen)
        self.right[row] = False
        self._outcomes[row] = KeyOutcome(not reason, reason, time)
        return reason

    def lose_supply(self, rows: NDArray[np.intp], time: int) -> None:
        """Let turns that have not ended come to nothing: the meters in `rows` go off at `time` [ns]."""
        for row in rows[self.right[rows]].tolist():
            self._turns[row].vain = _LOST_SUPPLY
            self._outcomes[row] = KeyOutcome(reset=False, reason=_LOST_SUPPLY, time=time)


def too_long(turned: int) -> str:
    """Return why a turn that lasts so long [ns] is in vain, nothing if it is not."""
    if turned <= LONGEST_TURN:
        return ""
    return f"the key was turned for {turned / NS_PER_S:.9g} s; allowed: up to 1 s"


def _not_shown(screen: int) -> str:
    if screen == _PEAK:
        return ""
    return f"the LCD shows {SCREENS[screen]}; allowed: a turn and back while it shows the peak"
