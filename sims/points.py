"""The vocabulary: every point of a meter, of a pulse hub and of the gateway, with its units, a table each.

Maps, object lists, topics and pages name points by the names in these tables and nothing else. No values
and no behaviour live here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

NS_PER_S: Final = 1_000_000_000
MJ_PER_WH: Final = 3_600_000

SERVICES: Final = ("1-phase-2-wire", "split-phase-3-wire", "network-3-wire", "wye-4-wire")
"""The kinds of electrical service by their keys."""

HUB_INPUTS: Final = 23
"""How many meters a pulse hub has inputs for."""


Columns = Mapping[str, NDArray[Any]]
"""Values by the names of points, a column for each, in the point's unit: all of them of the shape (n,)."""


def nanoseconds(seconds: float | Decimal) -> int:
    """Return a span or an instant [s] in nanoseconds, the nearest whole number of what it says in decimal."""
    return round(Decimal(str(seconds)) * NS_PER_S)


class Kind(Enum):
    """What a point's value is like."""

    INSTANT = "instant"
    """A measured quantity: float64."""
    COUNTER = "counter"
    """A count that never decreases but at its rollover: int64."""
    TIME = "time"
    """An instant or a span of simulated time: int64 nanoseconds, 0 where there is none."""
    STATE = "state"
    """A small unsigned number that stands for a state: the LCD's screen, the flags' bits."""
    TEXT = "text"
    """ASCII characters."""
    FLAG = "flag"
    """One bit of `flags`."""
    NAMEPLATE = "nameplate"
    """Fixed for a meter; not a part of the snapshot."""


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a meter.

    The snapshot holds it in `unit` (SI); people and protocols see `shown_unit`, which is the held value
    divided by `divisor`. `lines` are the service lines (1, 2, 3) that a model must have for the point to
    exist. `bit` is the place of a flag in `flags`. `text` says that the values are ASCII characters, `binary`
    that they are 0 and 1.
    """

    name: str
    kind: Kind
    description: str
    unit: str = ""
    shown_unit: str = ""
    divisor: float = 1.0
    lines: frozenset[int] = frozenset()
    bit: int | None = None
    text: bool = False
    binary: bool = False

    def shown(self, held: NDArray[Any]) -> NDArray[np.float64]:
        """Return held values [unit] as they are shown [shown_unit], in the shape of `held`."""
        return np.asarray(held, dtype=np.float64) / self.divisor


def _instant(name: str, description: str, unit: str, lines: tuple[int, ...] = ()) -> Point:
    return Point(name, Kind.INSTANT, description, unit, unit, lines=frozenset(lines))


def _kilo(name: str, description: str, unit: str, lines: tuple[int, ...] = ()) -> Point:
    return Point(name, Kind.INSTANT, description, unit, f"k{unit}", 1000.0, frozenset(lines))


_PAIRS: Final = ((1, 2), (2, 3), (3, 1))
_POWERS: Final = (
    ("active_power", "Active power", "W", _kilo),
    ("reactive_power", "Reactive power", "var", _kilo),
    ("apparent_power", "Apparent power", "VA", _kilo),
    ("power_factor", "Power factor", "", _instant),
)

FLAG_DESCRIPTIONS: Final = (
    ("reverse_phase", "Reverse-phase LED"),
    ("led_10wh", "10 Wh LED and isolated output"),
    ("led_1kwh", "1 kWh LED and isolated output"),
    ("lcd_on", "LCD shows something"),
    ("powered", "Meter is powered from L1 and N"),
    ("under_voltage", "A voltage is under the supply window"),
    ("over_voltage", "A voltage is over the supply window"),
    ("over_current", "A current is over 110 % of the rated current"),
    ("phase_loss_l1", "Voltage terminal L1 is dead"),
    ("phase_loss_l2", "Voltage terminal L2 is dead"),
    ("phase_loss_l3", "Voltage terminal L3 is dead"),
    ("negative_power_l1", "Element 1 measures negative power"),
    ("negative_power_l2", "Element 2 measures negative power"),
    ("negative_power_l3", "Element 3 measures negative power"),
    ("accuracy_unspecified", "Outside the range in which the accuracy is specified"),
    ("stale", "Values are the last ones before the meter lost its supply"),
)


def _measured() -> list[Point]:
    points = [_instant(f"voltage_l{k}_n", f"Voltage L{k}-N", "V", (k,)) for k in (1, 2, 3)]
    points += [_instant(f"voltage_l{a}_l{b}", f"Voltage L{a}-L{b}", "V", (a, b)) for a, b in _PAIRS]
    points += [_instant(f"current_l{k}", f"Current L{k}", "A", (k,)) for k in (1, 2, 3)]
    points.append(_instant("current_n", "Neutral current", "A"))
    for name, words, unit, make in _POWERS:
        points.append(make(name, f"{words}, total", unit))
        points += [make(f"{name}_l{k}", f"{words} L{k}", unit, (k,)) for k in (1, 2, 3)]
    points.append(_instant("frequency", "Line frequency", "Hz"))
    points.append(_instant("temperature", "Temperature at the meter", "°C"))
    return points


def _registered() -> list[Point]:
    return [
        Point("energy", Kind.COUNTER, "Active energy", "mJ", "kWh", 1000.0 * MJ_PER_WH),
        Point("lcd_energy", Kind.COUNTER, "Active energy as the LCD shows it", "kWh", "kWh"),
        Point("pulse_10wh", Kind.COUNTER, "Pulses of 10 Wh", "pulses", "pulses"),
        Point("pulse_1kwh", Kind.COUNTER, "Pulses of 1 kWh", "pulses", "pulses"),
        _kilo("demand", "Demand of the last complete 5 minutes", "W"),
        _kilo("rolling_demand", "Rolling 15-minute demand", "W"),
        _kilo("peak_demand", "Peak of the rolling demand", "W"),
        Point("peak_demand_time", Kind.TIME, "When the peak was reached", "ns", "s", float(NS_PER_S)),
        Point("clock", Kind.TIME, "Simulated time since 1970-01-01T00:00:00Z", "ns", "s", float(NS_PER_S)),
        Point("uptime", Kind.TIME, "Time since the meter was powered up", "ns", "s", float(NS_PER_S)),
        Point("lcd_screen", Kind.STATE, "0 blank, 1 total, 2 instantaneous, 3 peak, 4 test"),
        Point("lcd_text", Kind.TEXT, "The eight characters on the LCD", text=True),
        Point("flags", Kind.STATE, "All flags, bit 0 first"),
        Point("key_switch", Kind.STATE, "Key switch, 1 = turned right", binary=True),
    ]


def _flags() -> list[Point]:
    return [
        Point(
            name,
            Kind.FLAG,
            words,
            bit=bit,
            lines=frozenset(k for k in (1, 2, 3) if name.endswith(f"_l{k}")),
            binary=True,
        )
        for bit, (name, words) in enumerate(FLAG_DESCRIPTIONS)
    ]


def _nameplate() -> list[Point]:
    return [
        Point("vendor", Kind.NAMEPLATE, "Vendor name", text=True),
        Point("model", Kind.NAMEPLATE, "Model key", text=True),
        Point("serial", Kind.NAMEPLATE, "Serial number", text=True),
        Point("firmware", Kind.NAMEPLATE, "Firmware version", text=True),
        Point("ct_primary", Kind.NAMEPLATE, "CT primary rating", "A", "A"),
        Point("unit_id", Kind.NAMEPLATE, "Modbus unit id"),
    ]


POINTS: Final = MappingProxyType(
    {point.name: point for point in (*_measured(), *_registered(), *_flags(), *_nameplate())}
)
"""Every point by its name, in the order of the contract."""

FLAGS: Final = tuple(name for name, _ in FLAG_DESCRIPTIONS)
"""The flags in bit order."""

PUBLISHED: Final = tuple(
    point
    for point in POINTS.values()
    if point.kind is not Kind.NAMEPLATE and point.name not in {"flags", "clock", "uptime", "key_switch"}
)
"""The points that every protocol shows by name: all but the nameplate and what only some need."""


def _hub() -> list[Point]:
    counts = [
        Point(f"hub_count_{k}", Kind.COUNTER, f"Count of input {k}", "pulses", "pulses")
        for k in range(1, HUB_INPUTS + 1)
    ]
    return [
        *counts,
        Point("hub_uptime", Kind.TIME, "Time since the hub was powered up", "ns", "s", float(NS_PER_S)),
        Point("hub_threshold", Kind.STATE, "Resistance below which a contact is closed", "ohm", "ohm"),
        Point("hub_speed", Kind.STATE, "Fastest pulses: 0 for 10 Hz, 1 for 50 Hz, 2 for 100 Hz"),
        Point("hub_kyz_low", Kind.STATE, "Inputs 1 to 16 that count both edges, bit 0 for input 1"),
        Point("hub_kyz_high", Kind.STATE, "Inputs 17 to 23 that count both edges, bit 0 for input 17"),
        Point("hub_serial", Kind.NAMEPLATE, "Serial number of the hub", text=True),
        Point("hub_unit_id", Kind.NAMEPLATE, "Modbus unit id of the hub"),
    ]


def _gateway() -> list[Point]:
    return [
        Point("meters", Kind.NAMEPLATE, "Meters of the gateway"),
        Point("ports", Kind.NAMEPLATE, "Modbus TCP ports on which they are served"),
        Point("tick_length", Kind.TIME, "Time from tick to tick, 0 if manual", "ns", "s", float(NS_PER_S)),
        Point("gateway_id", Kind.NAMEPLATE, "Id of the gateway", text=True),
        Point("gateway_name", Kind.NAMEPLATE, "Name of the gateway", text=True),
        Point("software_version", Kind.NAMEPLATE, "Version of metergate", text=True),
        Point("gateway_uptime", Kind.TIME, "Time since the gateway was started", "ns", "s", float(NS_PER_S)),
        Point("tick", Kind.COUNTER, "Number of the tick that is shown"),
        Point("clock", Kind.TIME, "Simulated time since 1970-01-01T00:00:00Z", "ns", "s", float(NS_PER_S)),
        Point("fleet_energy", Kind.COUNTER, "Active energy of all meters", "Wh", "kWh", 1000.0),
        _kilo("fleet_active_power", "Active power of all meters", "W"),
        _kilo("fleet_demand", "Sum of the meters' demands of the last complete 5 minutes", "W"),
        _kilo("fleet_rolling_demand", "Sum of the meters' rolling 15-minute demands", "W"),
        Point("fleet_powered", Kind.STATE, "Meters that are powered"),
        Point("fleet_stale", Kind.STATE, "Meters whose values are stale"),
        Point("fleet_reverse_phase", Kind.STATE, "Meters whose reverse-phase LED is lit"),
        Point("fleet_over_current", Kind.STATE, "Meters with a current over 110 % of the rated one"),
        Point("requests", Kind.COUNTER, "Modbus requests that were answered", "requests", "requests"),
        Point("exceptions", Kind.COUNTER, "Requests among them that were refused", "requests", "requests"),
        Point("connections", Kind.STATE, "Modbus connections that are open"),
        Point("connections_refused", Kind.COUNTER, "Connections that were refused"),
        Point("connections_closed", Kind.COUNTER, "Connections that the gateway closed"),
    ]


HUB_POINTS: Final = MappingProxyType({point.name: point for point in _hub()})
"""Every point of a pulse hub by its name; not a part of the snapshot of the meters."""

GATEWAY_POINTS: Final = MappingProxyType({point.name: point for point in _gateway()})
"""Every point of the gateway itself by its name, likewise."""
