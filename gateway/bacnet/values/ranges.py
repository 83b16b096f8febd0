"""What the meters' analog inputs can reliably show (min- and max-pres-value), from each meter's rating.

Beyond it a meter goes on to show what it measures; what is then unusual, flags tell. No values of any tick.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.bacnet.values.increments import REALS
from gateway.bacnet.wire.octets import Octets, real_octets
from sims.diagnostics import METER_CELSIUS
from sims.electrical import SATURATION
from sims.models import Model, Nameplate
from sims.network import PAIRS
from sims.points import POINTS

_Floats = NDArray[np.float64]

_Range = tuple[_Floats | float, _Floats | float]

_FIXED: Final[Mapping[str, _Range]] = {
    "kWh": (0.0, float(POINTS["energy"].shown(np.array([2**63 - 1]))[0])),
    "°C": METER_CELSIUS,
    "": (-1.0, 1.0),
}
"""The ranges that all meters have, by shown unit: what the energy counter holds, tables 1 and 2, cosines."""
_REGISTERED: Final = frozenset({"demand", "rolling_demand", "peak_demand"})
"""Powers that are never negative: what registers is not (meter.md R15)."""
_SIGNED: Final = frozenset({"kW", "kvar"})
_BETWEEN: Final = tuple(f"voltage_l{a + 1}_l{b + 1}" for a, b in PAIRS)
"""The voltages between the lines, in the order of `PAIRS`."""


def pres_value_ranges(meters: Sequence[Nameplate]) -> Octets:
    """Return what each analog input can show at least and at most as REALs in the order of `REALS`.

    Shape (n_meters, 2, len(REALS), 5), in each point's shown unit. Voltages reach to the end of the supply
    window, currents to where the CTs saturate (tables 1 and 2), powers to the product of both; sums have all
    elements of a meter.
    """
    rating = _Rating(meters)
    ranges = np.empty((len(meters), 2, len(REALS)))
    for place, name in enumerate(REALS):
        ranges[:, 0, place], ranges[:, 1, place] = rating.range_of(name)
    return real_octets(ranges)


class _Rating:
    """The highest voltage of each of `meters`, line to neutral [V], and current [A]; shape (n_meters,)."""

    def __init__(self, meters: Sequence[Nameplate]) -> None:
        models = [meter.model for meter in meters]
        self._volts = np.array([model.voltage.highest for model in models])
        self._amperes = SATURATION * np.array([meter.ct_a for meter in meters])
        self._elements = np.array([model.elements for model in models])
        self._hertz = np.array([model.frequencies for model in models]).reshape(-1, 2).T
        self._between = np.array([_between(model) for model in models]).reshape(-1, len(PAIRS)).T

    def range_of(self, name: str) -> _Range:
        """Return the least and the greatest value of a point, in its shown unit."""
        point = POINTS[name]
        elements = 1 if point.lines else self._elements
        match unit := point.shown_unit:
            case "V":
                between = self._between[_BETWEEN.index(name)] if name in _BETWEEN else 1.0
                return 0.0, self._volts * between
            case "A":
                return 0.0, self._amperes * elements
            case "kW" | "kvar" | "kVA":
                most = self._volts * self._amperes * elements / 1000
                return -most if unit in _SIGNED and name not in _REGISTERED else 0.0, most
            case "Hz":
                return self._hertz[0], self._hertz[1]
        return _FIXED[unit]


@cache
def _between(model: Model) -> tuple[float, ...]:
    """Return the voltages between lines over that of a line, in the order of `PAIRS`; 0 for none."""
    phasors = np.exp(1j * np.radians(model.service.line_angles))
    return tuple(float(abs(phasors[a] - phasors[b])) if max(a, b) < len(phasors) else 0.0 for a, b in PAIRS)
