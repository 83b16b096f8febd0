"""Which metrics the edge node and its devices have: their names, data types, properties and places.

Made of the vocabulary of points; no values and no topics here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from gateway.mqtt.sparkplug.payload import DataType, Stencil, stencil
from sims.models import Nameplate
from sims.points import GATEWAY_POINTS, POINTS, PUBLISHED, Kind, Point

BD_SEQ: Final = "bdSeq"
REBIRTH: Final = "Node Control/Rebirth"
RESET_PEAK: Final = "Device Control/Reset Peak Demand"
LOAD_KW: Final = "Device Control/Load kW"
LOAD_POWER_FACTOR: Final = "Device Control/Load Power Factor"
ANSWER: Final = "Device Control/Answer"

MEASURED: Final = frozenset(point.name for point in PUBLISHED if point.kind is Kind.INSTANT)
"""What is the last value, and stale, while a meter has no supply."""

_STALE: Final = 500
"""The code of that quality (6.4.7)."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric as births define it; `place` among those of its owner, None where it has no alias."""

    name: str
    datatype: DataType
    description: str
    unit: str = ""
    place: int | None = None

    def born(self, *, stale: bool = False) -> Stencil:
        """Return how births write it; the keys of the properties are those of tags in Ignition."""
        properties: dict[str, str | int] = {"engUnit": self.unit} if self.unit else {}
        properties |= {"documentation": self.description} | self._quality(stale=stale)
        return stencil(self.datatype, name=self.name, place=self.place, properties=properties)

    def told(self, *, stale: bool = False) -> Stencil:
        """Return how it is written after that: with its type, without which many cannot read it."""
        name = self.name if self.place is None else ""
        return stencil(self.datatype, name=name, place=self.place, properties=self._quality(stale=stale))

    def _quality(self, *, stale: bool) -> dict[str, str | int]:
        """Return the property of what a meter measures that is `stale`; without it the quality is good."""
        return {"Quality": _STALE} if stale and self.name in MEASURED else {}


def _of_point(point: Point, folder: str = "") -> Metric:
    return Metric(folder + point.name, _datatype(point), point.description, point.shown_unit)


def _datatype(point: Point) -> DataType:
    """Return the data type of a point as `Readings` shows it."""
    if point.text:
        return DataType.STRING
    match point.kind:
        case Kind.INSTANT:
            return DataType.DOUBLE
        case Kind.COUNTER:
            return DataType.INT64 if point.divisor == 1.0 else DataType.DOUBLE
        case Kind.TIME:
            return DataType.DATETIME
        case Kind.FLAG:
            return DataType.BOOLEAN
        case _:
            return DataType.INT32


def _placed(metrics: Iterable[Metric]) -> Mapping[str, Metric]:
    """Return metrics by their names, with their places."""
    return MappingProxyType(
        {
            metric.name: Metric(metric.name, metric.datatype, metric.description, metric.unit, place)
            for place, metric in enumerate(metrics, 1)
        }
    )


UNALIASED: Final[Mapping[str, Metric]] = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            Metric(BD_SEQ, DataType.INT64, "Number of the session, the same in its NDEATH"),
            Metric(REBIRTH, DataType.BOOLEAN, "Write true to have all births again"),
        )
    }
)
"""What an NBIRTH has without an alias."""

NODE: Final = _placed(_of_point(GATEWAY_POINTS[name]) for name in ("tick", "meters", "software_version"))
"""The other metrics of the node."""

_NAMEPLATE: Final = ("vendor", "model", "serial", "firmware")

COMMANDS: Final = (
    Metric(RESET_PEAK, DataType.BOOLEAN, "Write true to reset the peak demand"),
    Metric(LOAD_KW, DataType.DOUBLE, "Write a constant load here; null until somebody has", "kW"),
    Metric(LOAD_POWER_FACTOR, DataType.DOUBLE, "Its power factor; a negative one is leading"),
)
"""What can be written to a device."""

DEVICE: Final = _placed(
    (
        *map(_of_point, PUBLISHED),
        *(_of_point(POINTS[name], "Properties/") for name in _NAMEPLATE),
        Metric("Properties/ct_primary", DataType.DOUBLE, "CT primary rating", "A"),
        *COMMANDS,
        Metric(ANSWER, DataType.STRING, "What came of the last command: ok, or why it was refused"),
    )
)
"""The metrics of a device, of which a meter has those of its model and options."""


def nameplate(meter: Nameplate) -> dict[str, str | float]:
    """Return the values of a meter's `Properties/`."""
    return {
        "Properties/vendor": meter.vendor,
        "Properties/model": meter.model.key,
        "Properties/serial": meter.serial,
        "Properties/firmware": meter.firmware,
        "Properties/ct_primary": meter.ct_a,
    }
