"""What units lists give, and what they are in the units of points. No guesses: `mwh` might be either."""

from fractions import Fraction
from types import MappingProxyType
from typing import Final

from sims.points import Kind, Point

_PREFIXES: Final = MappingProxyType(
    {"m": Fraction(1, 1000), "": Fraction(1), "k": Fraction(1000), "M": Fraction(10**6)}
)
_UNITS: Final = ("W", "Wh", "VA", "var", "V", "A", "Hz", "s")
_PREFIXED: Final = MappingProxyType(
    {prefix + unit: (unit, factor) for prefix, factor in _PREFIXES.items() for unit in _UNITS}
)
_OTHERS: Final = MappingProxyType(
    {
        "": ("", Fraction(1)),
        "%": ("", Fraction(1, 100)),
        "min": ("s", Fraction(60)),
        "h": ("s", Fraction(3600)),
        **dict.fromkeys(("°c", "c", "degc", "deg c", "celsius"), ("°C", Fraction(1))),
        **dict.fromkeys(("volt", "volts"), ("V", Fraction(1))),
        **dict.fromkeys(("amp", "amps", "ampere", "amperes"), ("A", Fraction(1))),
        **dict.fromkeys(("watt", "watts"), ("W", Fraction(1))),
        "hertz": ("Hz", Fraction(1)),
        "pulses": ("pulses", Fraction(1)),
        **dict.fromkeys(("-", "--", "n/a", "none", "pf"), ("", Fraction(1))),
    }
)


def factor(unit: str, point: Point) -> Fraction | None:
    """Return what the unit of a list is in the point's, None where it is none of it."""
    if unit == point.shown_unit:
        return Fraction(1)
    listed, shown = _in_base(unit), _in_base(point.shown_unit)
    return listed[1] / shown[1] if listed and shown and listed[0] == shown[0] else None


def units_of(point: Point) -> str:
    """Return in words which units a point may have."""
    if point.kind is Kind.TIME:
        return "s, min, h"
    base = _in_base(point.shown_unit)
    if base and base[0] in _UNITS:
        return ", ".join(prefix + base[0] for prefix in _PREFIXES)
    return point.shown_unit or "none, or -, or % of a power factor"


def _in_base(unit: str) -> tuple[str, Fraction] | None:
    """Return a unit without its prefix and what it is in that; None if it is unknown, or may be several."""
    if unit in _PREFIXED:
        return _PREFIXED[unit]
    small = unit.lower()
    alike = [one for name, one in _PREFIXED.items() if name.lower() == small]
    return alike[0] if len(alike) == 1 else _OTHERS.get(small)
