"""One meter as the configuration describes it: what the fleet needs to know to simulate it."""

from dataclasses import dataclass

from sims.models import Nameplate
from sims.profiles import LoadSpec
from sims.wiring import Wiring


@dataclass(frozen=True, slots=True)
class MeterSpec:
    """A meter, its load, its wiring and its surroundings.

    `initial_energy` is the reading with which it starts its life [mJ].
    """

    nameplate: Nameplate
    load: LoadSpec
    wiring: Wiring
    frequency_hz: float = 60.0
    temperature_c: float = 25.0
    initial_energy: int = 0
