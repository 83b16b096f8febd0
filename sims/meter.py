"""One meter as the configuration describes it: what the fleet needs to know to simulate it."""

from dataclasses import dataclass, field
from typing import Literal

from sims.models import Nameplate
from sims.network import Supply
from sims.profiles import LoadSpec
from sims.wiring import Wiring


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the manual is silent, how the meter does it (meter.md); the first choice is the house's.

    `ideal` meters measure without error. `registration` says what registers: the net power if it is positive,
    its magnitude, or the sum of the positive elements (R15). `apparent_power` is the total's, `reverse_phase`
    what lights the LED (R14), `demand` how the 15-minute demand is made (R12). With `strict_voltage` a meter
    over its supply window is off (R4).
    """

    ideal: bool = False
    registration: Literal["net", "abs", "per_element_clamp"] = "net"
    apparent_power: Literal["vectorial", "arithmetic"] = "vectorial"
    reverse_phase: Literal["net", "any_element"] = "net"
    demand: Literal["3x5", "15x1", "block"] = "3x5"
    strict_voltage: bool = False


@dataclass(frozen=True, slots=True)
class MeterSpec:
    """A meter, its load, its wiring and its surroundings.

    `initial_energy` is the reading with which it starts its life [mJ].
    """

    nameplate: Nameplate
    load: LoadSpec
    wiring: Wiring
    supply: Supply = field(default_factory=Supply)
    settings: Settings = field(default_factory=Settings)
    frequency_hz: float = 60.0
    temperature_c: float = 25.0
    initial_energy: int = 0
