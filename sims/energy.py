"""The one accumulator behind LCD, pulses, LEDs and every protocol: exact, and it only goes up.

Power is a whole number of microwatts and time of nanoseconds, so any partition of time gives the same energy
to the last femtojoule. Where the power comes from is not known here.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sims.points import MJ_PER_WH, NS_PER_S

_FJ_PER_MJ: Final = 10**12
_FJ_PER_UJ: Final = 10**9
_FJ_PER_NJ: Final = 10**6
_NJ_PER_MJ: Final = 10**6
_UJ_PER_MJ: Final = 10**3
_MJ_PER_J: Final = 10**3
_UW_PER_W: Final = 10**6

MJ_PER_10WH: Final = 10 * MJ_PER_WH
MJ_PER_KWH: Final = 1000 * MJ_PER_WH
CAPACITY: Final = 9 * 10**18
"""Where a counter stops [mJ]: 2.5 TWh, which 5 MW take 57 years to reach."""
LCD_ROLLOVER: Final = 1_000_000
"""The LCD has six digits of kWh (manual 2.3.1)."""

Integers: TypeAlias = NDArray[np.int64]


@dataclass(slots=True)
class EnergyCounters:
    """Registered energy of all meters, shape (n_meters,): `millijoules` and what is left in `femtojoules`."""

    millijoules: Integers
    femtojoules: Integers

    @classmethod
    def starting_at(cls, millijoules: Integers) -> "EnergyCounters":
        """Return counters that stand at `millijoules`, shape (n_meters,)."""
        return cls(millijoules.copy(), np.zeros_like(millijoules))

    def add(self, microwatts: Integers, nanoseconds: int | Integers) -> None:
        """Register `microwatts`, shape (n_meters,), none negative, for `nanoseconds`, one or one a meter.

        The products are split so that none overflows: up to 1 GW for 100 days in one call. A counter stops at
        `CAPACITY` rather than go back. The arrays are replaced, not altered.
        """
        seconds, rest = divmod(nanoseconds, NS_PER_S)
        watts, micro = _split(microwatts, _UW_PER_W)
        added, microjoules = _split(micro * seconds, _UJ_PER_MJ)
        added += watts * (seconds * _MJ_PER_J)
        femtojoules = self.femtojoules + microjoules * _FJ_PER_UJ
        if np.any(rest):
            whole, nanojoules = _split(watts * rest, _NJ_PER_MJ)
            added += whole
            femtojoules += nanojoules * _FJ_PER_NJ + micro * rest
        carried, self.femtojoules = _split(femtojoules, _FJ_PER_MJ)
        self.millijoules = self.millijoules + np.minimum(added + carried, CAPACITY - self.millijoules)

    def at(self, rows: NDArray[np.intp], microwatts: Integers, nanoseconds: Integers) -> "EnergyCounters":
        """Return how the counters of the meters in `rows` will stand when each has registered for its time.

        `microwatts` and `nanoseconds`, and what is returned, have the shape of `rows`.
        """
        later = EnergyCounters(self.millijoules[rows], self.femtojoules[rows])
        later.add(microwatts, nanoseconds)
        return later


def _split(values: Integers, unit: int) -> tuple[Integers, Integers]:
    """Return the whole units in `values` and what is left; NumPy's own divmod takes three times as long."""
    whole = values // unit
    return whole, values - whole * unit


def lcd_energy(millijoules: Integers) -> Integers:
    """Return the whole kWh that the LCD shows: floor, six digits, rolls over at 1 000 000 (R10)."""
    return millijoules // MJ_PER_KWH % LCD_ROLLOVER


def pulses(millijoules: Integers, per_pulse: int) -> Integers:
    """Return how many pulses of `per_pulse` [mJ] have been completed (R9)."""
    return millijoules // per_pulse


def led_on(millijoules: Integers, per_pulse: int) -> NDArray[np.bool_]:
    """Return whether the LED and the output of `per_pulse` [mJ] are on: the first half of each pulse (R9)."""
    return millijoules % per_pulse < per_pulse // 2
