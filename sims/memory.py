"""What outlives a loss of power: as values that are given to a fleet and taken from it.

Where they are kept is not known here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Memory(NamedTuple):
    """What one meter keeps without power: energy [mJ and fJ], peak demand [W] and its time [ns] (R16).

    `hub_count` is what the input of a pulse hub has counted that the meter is wired to, `intervals` how many
    demand intervals have closed: the latest one's sequence number.
    """

    millijoules: int
    femtojoules: int
    peak_demand: float
    peak_demand_time: int
    hub_count: int = 0
    intervals: int = 0


@dataclass(frozen=True, slots=True)
class Memories:
    """What is kept of all meters, by serial number, and how pulse hubs are set, by their number, from 0."""

    meters: Mapping[str, Memory] = field(default_factory=dict)
    pulse_hubs: Mapping[int, Mapping[str, int]] = field(default_factory=dict)
