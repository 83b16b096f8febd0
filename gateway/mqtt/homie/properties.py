"""Nodes and properties: how the points of the vocabulary are sorted, described and written in Homie.

The same for all meters; no topics of a device and no messages here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal

from sims.models import Nameplate
from sims.points import GATEWAY_POINTS, POINTS, PUBLISHED, Kind, Point
from sims.snapshot import SCREENS

Datatype = Literal["boolean", "datetime", "enum", "float", "integer", "string"]

NO_VALUE: Final = b""
"""What takes a retained value back: MQTT deletes it."""

EMPTY: Final = b"\x00"
"""How Homie writes a string without characters."""

RESET_PEAK: Final = "reset-peak"
LOAD: Final = "load"
LOAD_POWER_FACTOR: Final = "load-power-factor"
RESET: Final = "reset"


@dataclass(frozen=True, slots=True)
class Property:
    """A property of a node; `format` bounds a number or lists the words of an enum."""

    id: str
    name: str
    datatype: Datatype
    unit: str = ""
    format: str = ""
    settable: bool = False
    retained: bool = True


@dataclass(frozen=True, slots=True)
class Node:
    """A node: the points whose names begin so, or those of a kind."""

    id: str
    name: str
    beginnings: tuple[str, ...] = ()
    kind: Kind | None = None

    def has(self, point: Point) -> bool:
        """Return whether a point belongs here; asked in the order of `NODES`."""
        return point.kind is self.kind or point.name.startswith(self.beginnings)


NODES: Final = (
    Node("flags", "Flags", kind=Kind.FLAG),
    Node("voltage", "Voltage and frequency", ("voltage", "frequency")),
    Node("current", "Current", ("current",)),
    Node("power", "Power", ("active_power", "reactive_power", "apparent_power", "power_factor")),
    Node("energy", "Energy", ("energy", "pulse")),
    Node("demand", "Demand", ("demand", "rolling_demand", "peak_demand")),
    Node("display", "Display", ("lcd",)),
    Node("environment", "Environment", ("temperature",)),
)
"""Where the points are; each is in the first that has it."""

CONTROL: Final = Node("control", "Control")
"""Where commands are given."""

LIMITS: Final = MappingProxyType({LOAD: 1_000_000, LOAD_POWER_FACTOR: 1})
"""The largest amount of what is set as a number, either way."""


def _settable(property_id: str, name: str, unit: str = "") -> Property:
    limit = LIMITS[property_id]
    return Property(property_id, name, "float", unit, f"{-limit}:{limit}", settable=True)


COMMANDS: Final = (
    Property(RESET_PEAK, "Reset of the peak demand", "enum", format=RESET, settable=True, retained=False),
    _settable(LOAD, "Load", "kW"),
    _settable(LOAD_POWER_FACTOR, "Power factor of the load"),
)
"""The properties of `CONTROL`."""

GATEWAY: Final = Node("gateway", "Gateway")
"""What the root device says of itself."""

ALERTS: Final = (
    *("reverse_phase", "under_voltage", "over_voltage", "over_current"),
    *("phase_loss_l1", "phase_loss_l2", "phase_loss_l3", "stale"),
)
"""The flags that somebody has to look after."""

_UNITS: Final = {"pulses": "#"}
"""What Homie calls a unit otherwise."""

_NAMES: Final = {"lcd_screen": "What the LCD shows"}
"""What is better not called by the description of the point."""


def _datatype(point: Point) -> Datatype:
    match point.kind:
        case Kind.FLAG:
            return "boolean"
        case Kind.TIME:
            return "datetime"
        case Kind.STATE:
            return "enum"
        case Kind.TEXT:
            return "string"
        case Kind.COUNTER if point.divisor == 1.0:
            return "integer"
        case _:
            return "float"


def _property(point: Point) -> Property:
    datatype = _datatype(point)
    return Property(
        id=hyphenated(point.name),
        name=_NAMES.get(point.name, point.description),
        datatype=datatype,
        unit="" if datatype == "datetime" else _UNITS.get(point.shown_unit, point.shown_unit),
        format=",".join(SCREENS) if datatype == "enum" else "",
    )


def hyphenated(name: str) -> str:
    """Return the name of a point as an id."""
    return name.replace("_", "-")


PROPERTIES: Final = MappingProxyType({point.name: _property(point) for point in PUBLISHED})
"""What every point is in Homie, by its name."""

CLOCK: Final = _property(GATEWAY_POINTS["clock"])
TICK: Final = _property(GATEWAY_POINTS["tick"])

_HOMES: Final = {point.name: next(node for node in NODES if node.has(point)) for point in PUBLISHED}


def nodes_of(meter: Nameplate) -> dict[Node, list[Property]]:
    """Return the nodes of a meter with what its model and its options have of properties."""
    made: dict[Node, list[Property]] = {node: [] for node in NODES}
    for point in PUBLISHED:
        if point.lines <= meter.model.lines:
            made[_HOMES[point.name]].append(PROPERTIES[point.name])
    return made | {CONTROL: commands_of(meter)}


def commands_of(meter: Nameplate) -> list[Property]:
    """Return what can be set of a meter."""
    return [one for one in COMMANDS if one.id != RESET_PEAK or "peak_reset" in meter.options]


def _plain(value: float) -> bytes:
    """Return a number as Homie has it; Python writes a plus, which it forbids, from 1e16 on alone."""
    return str(value).encode()


def _text(value: str) -> bytes:
    return value.encode() or EMPTY


def _instant(value: str | None) -> bytes:
    return NO_VALUE if value is None else value.encode()


_BOOLEANS: Final = (b"false", b"true")
_SCREENS: Final = tuple(screen.encode() for screen in SCREENS)

_WRITTEN: Final[Mapping[Datatype, Callable[[Any], bytes]]] = {
    "boolean": _BOOLEANS.__getitem__,
    "datetime": _instant,
    "enum": _SCREENS.__getitem__,
    "float": _plain,
    "integer": _plain,
    "string": _text,
}

WAYS: Final[Mapping[str, tuple[str, Callable[[Any], bytes]]]] = MappingProxyType(
    {name: (f"/{_HOMES[name].id}/{one.id}", _WRITTEN[one.datatype]) for name, one in PROPERTIES.items()}
)
"""For each point: its topic under its device, and what writes a value, as `Readings` shows it."""

ALERT_WAYS: Final = tuple(
    (name, f"/$alert/{hyphenated(name)}", POINTS[name].description.encode()) for name in ALERTS
)
"""For each flag that is an alert: its topic under its device, and what it says while it is set."""
