"""The key switch that resets the peak demand: right and back within a second, while the peak is on the LCD.

Manual 2.3.2 and meter.md R13. Knows where each key stands and what its turning is worth; what a reset does to
the peak is the business of `demand`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sims.points import NS_PER_S
from sims.profiles.base import FOREVER
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


@dataclass(frozen=True, slots=True)
class Moment:
    """A meter at `time` [ns]: which `screen` its LCD shows, and whether it is `powered`."""

    time: int
    screen: int
    powered: bool


class KeySwitches:
    """The keys of all meters; `right` is where each stands, shape (n_meters,).

    `fitted` says which meters have the option peak_reset, in the same shape; `reset_peak` resets that of one.
    """

    def __init__(self, fitted: NDArray[np.bool_], reset_peak: Callable[[int], None]) -> None:
        self.right = np.zeros(len(fitted), np.bool_)
        self._fitted = fitted
        self._reset_peak = reset_peak
        self._turns: dict[int, _Turn] = {}
        self._outcomes: dict[int, KeyOutcome] = {}
        self._returns: dict[int, int] = {}

    @property
    def next_return(self) -> int:
        """When the next key that is held goes back [ns]."""
        return min(self._returns.values(), default=FOREVER)

    def returning(self, time: int) -> list[int]:
        """Return the rows of the meters whose keys are held until `time` [ns]."""
        return [row for row, until in self._returns.items() if until == time]

    def outcome(self, row: int) -> KeyOutcome | None:
        """Return what came of the last turn of a key that has ended, None before the first."""
        return self._outcomes.get(row)

    def turn(self, row: int, now: Moment, *, right: bool) -> str:
        """Turn a key to the right or back; return why the peak is not reset (R13).

        Nothing is returned for a turn that does reset it, or to the right for one that still may.
        """
        refusal = self.refusal(row, powered=now.powered)
        if right:
            vain = self._turn_right(row, now)
            return refusal or vain
        self._returns.pop(row, None)
        if not self.right[row]:
            return refusal or "the key is not turned to the right"
        turn = self._turns.pop(row)
        reason = refusal or turn.vain or too_long(now.time - turn.time) or _not_shown(now.screen)
        self.right[row] = False
        self._outcomes[row] = KeyOutcome(not reason, reason, now.time)
        if not reason:
            self._reset_peak(row)
        return reason

    def hold(self, row: int, now: Moment, nanoseconds: int) -> str:
        """Turn a key to the right, to go back so much later; return why it is in vain, as far as is known."""
        if not self.right[row]:
            self._returns[row] = now.time + nanoseconds
        return self.turn(row, now, right=True)

    def refusal(self, row: int, *, powered: bool) -> str:
        """Return why a meter would not reset its peak whatever is asked of it."""
        if not self._fitted[row]:
            return "the meter has no peak reset; allowed: meters ordered with the option peak_reset"
        return "" if powered else "the meter is without supply"

    def reset_from_afar(self, row: int, *, powered: bool) -> str:
        """Reset the peak without the key; return why it is not, nothing if it is."""
        reason = self.refusal(row, powered=powered)
        if not reason:
            self._reset_peak(row)
        return reason

    def lose_supply(self, rows: NDArray[np.intp], time: int) -> None:
        """Let turns that have not ended come to nothing: the meters in `rows` go off at `time` [ns]."""
        for row in rows[self.right[rows]].tolist():
            self._turns[row].vain = _LOST_SUPPLY
            self._outcomes[row] = KeyOutcome(reset=False, reason=_LOST_SUPPLY, time=time)

    def _turn_right(self, row: int, now: Moment) -> str:
        """Turn a key to the right; return why it is in vain, whatever the meter."""
        if self.right[row]:
            return "the key is turned to the right already"
        self.right[row] = True
        self._turns[row] = _Turn(now.time, _not_shown(now.screen))
        return self._turns[row].vain


def too_long(turned: int) -> str:
    """Return why a turn that lasts so long [ns] is in vain, nothing if it is not."""
    if turned <= LONGEST_TURN:
        return ""
    return f"the key was turned for {turned / NS_PER_S:.9g} s; allowed: up to 1 s"


def _not_shown(screen: int) -> str:
    if screen == _PEAK:
        return ""
    return f"the LCD shows {SCREENS[screen]}; allowed: a turn and back while it shows the peak"
