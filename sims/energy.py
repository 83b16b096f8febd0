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
_NJ_PER_MJ: Final = 10**6
_UJ_PER_MJ: Final = 10**3
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

    def add(self, microwatts: Integers, nanoseconds: int) -> None:
        """Register `microwatts`, shape (n_meters,), none negative, for `nanoseconds`.

        The products are split so that none overflows: up to 10 MW for 10 days in one call. A counter stops at
        `CAPACITY` rather than go back.
        """
        seconds, rest = divmod(nanoseconds, NS_PER_S)
        microjoules = microwatts * seconds
        self.millijoules += microjoules // _UJ_PER_MJ
        self.femtojoules += microjoules % _UJ_PER_MJ * (_FJ_PER_MJ // _UJ_PER_MJ)
        if rest:
            nanojoules = microwatts // _UW_PER_W * rest
            self.millijoules += nanojoules // _NJ_PER_MJ
            self.femtojoules += nanojoules % _NJ_PER_MJ * (_FJ_PER_MJ // _NJ_PER_MJ)
            self.femtojoules += microwatts % _UW_PER_W * rest
        self.millijoules += self.femtojoules // _FJ_PER_MJ
        self.femtojoules %= _FJ_PER_MJ
        np.minimum(self.millijoules, CAPACITY, out=self.millijoules)


def lcd_energy(millijoules: Integers) -> Integers:
    """Return the whole kWh that the LCD shows: floor, six digits, rolls over at 1 000 000 (R10)."""
    return millijoules // MJ_PER_KWH % LCD_ROLLOVER


def pulses(millijoules: Integers, per_pulse: int) -> Integers:
    """Return how many pulses of `per_pulse` [mJ] have been completed (R9)."""
    return millijoules // per_pulse


def led_on(millijoules: Integers, per_pulse: int) -> NDArray[np.bool_]:
    """Return whether the LED and the output of `per_pulse` [mJ] are on: the first half of each pulse (R9)."""
    return millijoules % per_pulse < per_pulse // 2
