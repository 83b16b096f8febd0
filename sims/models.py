"""Series 1000 and 2000 as data: what the installation manual says of each model, figure by figure.

No behaviour of the meter lives here, and no configuration of a single meter but its nameplate.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

VENDOR: Final = "Leviton"
FIRMWARE: Final = "1.0"


@dataclass(frozen=True, slots=True)
class VoltageClass:
    """Nominal voltage and inclusive supply window, line to neutral [V] (tables 1 and 2)."""

    nominal: float
    lowest: float
    highest: float


CLASS_120: Final = VoltageClass(nominal=120.0, lowest=102.0, highest=138.0)
CLASS_277: Final = VoltageClass(nominal=277.0, lowest=235.0, highest=320.0)


@dataclass(frozen=True, slots=True)
class Service:
    """A kind of electrical service: the angle of each line's voltage to neutral [degrees]."""

    key: str
    words: str
    line_angles: tuple[float, ...]


ONE_PHASE: Final = Service("1-phase-2-wire", "1-phase, 2-wire", (0.0,))
SPLIT_PHASE: Final = Service("split-phase-3-wire", "1-phase, 3-wire (split)", (0.0, 180.0))
NETWORK: Final = Service("network-3-wire", "2 of 3 phases, 3-wire (network)", (0.0, -120.0))
WYE: Final = Service("wye-4-wire", "3-phase, 4-wire wye", (0.0, -120.0, 120.0))


@dataclass(frozen=True, slots=True)
class Model:
    """A model of the series (manual 1.1, tables 1 and 2); frequencies are inclusive [Hz]."""

    key: str
    series: int
    service: Service
    voltage: VoltageClass
    frequencies: tuple[float, float]

    @property
    def elements(self) -> int:
        """How many elements, each a voltage terminal and a CT, the model has."""
        return len(self.service.line_angles)

    @property
    def lines(self) -> frozenset[int]:
        """The lines of the service, from 1."""
        return frozenset(range(1, self.elements + 1))


_SERIES_1000_HZ: Final = (50.0, 60.0)
_SERIES_2000_HZ: Final = (60.0, 60.0)

MODELS: Final = MappingProxyType(
    {
        model.key: model
        for model in (
            Model("series-1000-1p2w-120", 1000, ONE_PHASE, CLASS_120, _SERIES_1000_HZ),
            Model("series-1000-1p2w-277", 1000, ONE_PHASE, CLASS_277, _SERIES_1000_HZ),
            Model("series-1000-120-240", 1000, SPLIT_PHASE, CLASS_120, _SERIES_1000_HZ),
            Model("series-1000-120-208", 1000, NETWORK, CLASS_120, _SERIES_1000_HZ),
            Model("series-1000-277-480", 1000, NETWORK, CLASS_277, _SERIES_1000_HZ),
            Model("series-2000-120-208", 2000, WYE, CLASS_120, _SERIES_2000_HZ),
            Model("series-2000-277-480", 2000, WYE, CLASS_277, _SERIES_2000_HZ),
        )
    }
)
"""The seven models by their keys."""

OPTIONS: Final = ("demand", "peak_reset")
"""What a meter can be ordered with beside its model (manual 2.3)."""


@dataclass(frozen=True, slots=True)
class Nameplate:
    """What is fixed for one meter and printed on it; what adapters know of a meter beside its readings.

    `number` runs from 1 in the order of the configuration; `ct_a` is the CT primary rating [A].
    `tags` are the user's own words about it.
    """

    number: int
    id: str
    model: Model
    serial: str
    ct_a: float = 100.0
    ct_kind: str = "solid"
    options: frozenset[str] = field(default_factory=frozenset)
    enclosure: str = "indoor-steel"
    name: str = ""
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)
    vendor: str = VENDOR
    firmware: str = FIRMWARE
