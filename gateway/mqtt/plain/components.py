"""What the points of a meter are to Home Assistant: the components of a device, as its discovery has them.

A table, and what makes components of it; no topics but those it is given. The classes and units are those of
https://www.home-assistant.io/integrations/sensor/ and /binary_sensor/.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from sims.points import PUBLISHED, Kind, Point

Component = Mapping[str, Any]
"""A component but for its unique id."""

_DIAGNOSTIC: Final = "diagnostic"
_CONFIG: Final = "config"
_MEASUREMENT: Final = "measurement"
_TOTAL: Final = "total_increasing"
_SCREENS: Final = ("blank", "total", "instantaneous", "peak", "test")
_MOST_KW: Final = 100_000
"""What the number that sets a load goes up to, either way [kW]: it shows the measured power, too."""


class _Sensor(NamedTuple):
    """How a point is shown as a sensor: its classes, its decimals, and its unit where that is another one.

    `times` is by what the value in the state is multiplied, since not every unit is taken for a class.
    """

    device_class: str | None
    state_class: str | None
    decimals: int | None
    unit: str | None = None
    times: int = 1
    category: str | None = None


_SENSORS: Final[Mapping[str, _Sensor]] = MappingProxyType(
    {
        "voltage": _Sensor("voltage", _MEASUREMENT, 1),
        "current": _Sensor("current", _MEASUREMENT, 2),
        "active_power": _Sensor("power", _MEASUREMENT, 3),
        "reactive_power": _Sensor("reactive_power", _MEASUREMENT, 0, "var", 1000),
        "apparent_power": _Sensor("apparent_power", _MEASUREMENT, 0, "VA", 1000),
        "power_factor": _Sensor("power_factor", _MEASUREMENT, 3),
        "frequency": _Sensor("frequency", _MEASUREMENT, 2),
        "temperature": _Sensor("temperature", _MEASUREMENT, 1, category=_DIAGNOSTIC),
        "energy": _Sensor("energy", _TOTAL, 2),
        "lcd_energy": _Sensor("energy", _TOTAL, 0, category=_DIAGNOSTIC),
        "pulse_10wh": _Sensor(None, _TOTAL, 0, category=_DIAGNOSTIC),
        "pulse_1kwh": _Sensor(None, _TOTAL, 0, category=_DIAGNOSTIC),
        "demand": _Sensor("power", _MEASUREMENT, 3),
        "rolling_demand": _Sensor("power", _MEASUREMENT, 3),
        "peak_demand": _Sensor("power", _MEASUREMENT, 3),
        "peak_demand_time": _Sensor("timestamp", None, None),
        "lcd_screen": _Sensor("enum", None, None, category=_DIAGNOSTIC),
        "lcd_text": _Sensor(None, None, None, category=_DIAGNOSTIC),
    }
)
"""By the names of points, or what those begin with that there is of each line."""

_NO_PROBLEMS: Final[Mapping[str, str | None]] = MappingProxyType(
    {"led_10wh": "light", "led_1kwh": "light", "lcd_on": None, "powered": "power"}
)
"""The flags that tell of no problem, and what they tell of."""

_SELDOM_WANTED: Final = frozenset({"led_10wh", "led_1kwh", "lcd_on", "lcd_screen", "lcd_text"})
"""What changes so often that it would fill the database of somebody who has not asked for it."""

_OF_A_LINE: Final = re.compile(r"_(l\d.*|n)")


def of_point(point: Point) -> Component:
    """Return the component that shows a point."""
    shown = _flag(point) if point.kind is Kind.FLAG else _sensor(point)
    if point.name in _SELDOM_WANTED:
        shown["enabled_by_default"] = False
    return MappingProxyType({key: value for key, value in shown.items() if value is not None})


def _flag(point: Point) -> dict[str, Any]:
    return {
        "p": "binary_sensor",
        "name": _name(point),
        "device_class": _NO_PROBLEMS.get(point.name, "problem"),
        "entity_category": _DIAGNOSTIC,
        "value_template": _template(point.name),
        "payload_on": "True",
        "payload_off": "False",
    }


def _sensor(point: Point) -> dict[str, Any]:
    sensor = _SENSORS[_OF_A_LINE.sub("", point.name)]
    unit = sensor.unit or (None if point.kind is Kind.TIME else point.shown_unit or None)
    shown: dict[str, Any] = {
        "p": "sensor",
        "name": _name(point),
        "device_class": sensor.device_class,
        "state_class": sensor.state_class,
        "unit_of_measurement": unit,
        "suggested_display_precision": sensor.decimals,
        "entity_category": sensor.category,
        "value_template": _template(point.name, sensor.times),
    }
    if sensor.device_class == "enum":
        shown |= {"options": list(_SCREENS), "value_template": _screen(point.name)}
    return shown


def _name(point: Point) -> str:
    """Return the name of a point in words, of which Home Assistant makes the same name again for its ids."""
    words = point.name.replace("_", " ").capitalize()
    for old, new in ((r"\bl(\d)\b", r"L\1"), (r"\bn$", "N"), ("^L(cd|ed)", _upper), ("wh$", "Wh")):
        words = re.sub(old, new, words)
    return words


def _upper(found: re.Match[str]) -> str:
    return found[0].upper()


def _template(name: str, times: int = 1) -> str:
    """Return what finds a value in a state; where there is none it gives `None`, which is unknown."""
    value = f"value_json.get('{name}')"
    if times == 1:
        return f"{{{{ {value} }}}}"
    return f"{{% set v = {value} %}}{{{{ v if v is none else (v * {times}) | round(3) }}}}"


def _screen(name: str) -> str:
    words = ", ".join(f"{number}: '{word}'" for number, word in enumerate(_SCREENS))
    return f"{{{{ {{{words}}}.get(value_json.get('{name}')) }}}}"


OF_POINTS: Final[Mapping[str, Component]] = MappingProxyType(
    {point.name: of_point(point) for point in PUBLISHED}
)
"""The component of each point by its name."""


def reset_peak(command_topic: str) -> dict[str, Any]:
    """Return the button that resets the peak."""
    return {
        "p": "button",
        "name": "Reset peak demand",
        "entity_category": _CONFIG,
        "command_topic": command_topic,
        "payload_press": "PRESS",
    }


def load(command_topic: str) -> dict[str, Any]:
    """Return the number that sets a constant load, and shows the power that is measured."""
    return {
        "p": "number",
        "name": "Load",
        "device_class": "power",
        "unit_of_measurement": "kW",
        "entity_category": _CONFIG,
        "mode": "box",
        "min": -_MOST_KW,
        "max": _MOST_KW,
        "step": 0.001,
        "value_template": _template("active_power"),
        "command_topic": command_topic,
        "command_template": '{"kw": {{ value }}}',
    }
