"""The highest power that a load may come to: what bounds a sum, whose parts are each within their bounds.

How a load is simulated is not known here.
"""

from functools import singledispatch
from typing import Final

import numpy as np

from sims.models import Model
from sims.points import NS_PER_S
from sims.profiles import (
    BdewProfile,
    ConstantLoad,
    DailyShape,
    LineCurrents,
    LoadSpec,
    Motor,
    RandomWalk,
    Replay,
    Schedule,
    Solar,
    Sum,
)

_PEAK_PART: Final = 10.0
"""What a shape over the year may rise to, of its mean; no shape that comes along gets near it."""

_W_PER_ANNUAL_KWH: Final = _PEAK_PART * 1e3 / 8766
_UJ_PER_J: Final = 1e6


@singledispatch
def highest_w(load: LoadSpec, model: Model) -> float:
    """Return the highest power that `load` may come to on a meter of `model` [W], whichever its direction."""
    raise TypeError(f"{type(load).__name__} has no highest power for {model.key}")


@highest_w.register
def _(load: ConstantLoad, _: Model) -> float:
    return abs(load.kw) * 1e3


@highest_w.register
def _(load: LineCurrents, model: Model) -> float:
    # Between two lines there are at most twice the volts of one.
    return (sum(load.amps) + 2 * sum(one.amps for one in load.between)) * model.voltage.nominal


@highest_w.register(DailyShape)
@highest_w.register(BdewProfile)
def _(load: DailyShape | BdewProfile, _: Model) -> float:
    return load.annual_kwh * _W_PER_ANNUAL_KWH


@highest_w.register
def _(load: Replay, _: Model) -> float:
    seconds = np.diff(load.series.edges) / NS_PER_S
    return float(np.max(np.abs(load.series.energy) / _UJ_PER_J / seconds))


@highest_w.register
def _(load: Schedule, _: Model) -> float:
    return (abs(load.base_kw) + sum(abs(period.kw) for period in load.periods)) * 1e3


@highest_w.register
def _(load: Solar, _: Model) -> float:
    return load.kwp * 1e3


@highest_w.register
def _(load: Motor, _: Model) -> float:
    return load.kw * 1e3 * load.inrush / abs(load.power_factor)


@highest_w.register
def _(load: RandomWalk, _: Model) -> float:
    return max(abs(load.least_kw), abs(load.most_kw)) * 1e3


@highest_w.register
def _(load: Sum, model: Model) -> float:
    return sum(highest_w(part, model) for part in load.loads)
