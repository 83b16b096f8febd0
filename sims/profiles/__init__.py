"""Load profiles: what the building draws from each line, one file a kind of load.

A profile is piecewise constant: it has a value from one edge to the next. The fleet steps from edge to
edge, so that no tick skips one. To add a kind: one file with a specification and a group, one line in KINDS.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import numpy as np

from sims.models import Model
from sims.profiles.base import LoadError, LoadGroup, LoadSpec, Members
from sims.profiles.bdew import BDEW_PROFILES, BdewGroup, BdewProfile
from sims.profiles.composition import Sum, SumGroup
from sims.profiles.constant import PAIRS, ConstantGroup, ConstantLoad, LineCurrents, PairCurrent
from sims.profiles.csv_readings import parse_csv
from sims.profiles.daily import DailyGroup, DailyShape
from sims.profiles.green_button import parse_green_button
from sims.profiles.motor import Motor, MotorGroup
from sims.profiles.opendss import parse_loadshape
from sims.profiles.random_walk import RandomWalk, RandomWalkGroup
from sims.profiles.replay import Replay, ReplayGroup
from sims.profiles.schedule import Period, Schedule, ScheduleGroup
from sims.profiles.series import IntervalSeries
from sims.profiles.shapes import SHAPES
from sims.profiles.solar import Solar, SolarGroup

KINDS: Final[Mapping[type[LoadSpec], Callable[[Members], LoadGroup]]] = MappingProxyType(
    {
        ConstantLoad: ConstantGroup,
        LineCurrents: ConstantGroup,
        DailyShape: DailyGroup,
        Replay: ReplayGroup,
        BdewProfile: BdewGroup,
        Schedule: ScheduleGroup,
        Solar: SolarGroup,
        Motor: MotorGroup,
        RandomWalk: RandomWalkGroup,
        Sum: SumGroup,
    }
)
"""What builds the group of each kind of load."""

__all__ = [
    "BDEW_PROFILES",
    "KINDS",
    "PAIRS",
    "SHAPES",
    "BdewProfile",
    "ConstantLoad",
    "DailyShape",
    "IntervalSeries",
    "LineCurrents",
    "LoadError",
    "LoadGroup",
    "LoadSpec",
    "Motor",
    "PairCurrent",
    "Period",
    "RandomWalk",
    "Replay",
    "Schedule",
    "Solar",
    "Sum",
    "build_groups",
    "parse_csv",
    "parse_green_button",
    "parse_loadshape",
]


def build_groups(
    loads: Sequence[LoadSpec],
    models: Sequence[Model],
    serials: Sequence[str],
    *,
    seed: int,
    start: int,
    among: Collection[Callable[[Members], LoadGroup]] | None = None,
) -> list[LoadGroup]:
    """Return the groups that together hold the load of every meter, one entry of each argument a meter.

    With `among`, some of the values of `KINDS`, only the groups that these build are made.

    `start` is the instant at which the simulated clock began [ns since 1970 UTC]; groups that are built
    later, because a load has changed, are given the same one, and then give the same loads as those before.

    Raises LoadError where a load cannot be connected to its model.
    """
    groups: dict[Callable[[Members], LoadGroup], list[int]] = defaultdict(list)
    for row, (load, model) in enumerate(zip(loads, models, strict=True)):
        if among is None or KINDS[type(load)] in among:
            load.check(model)
            groups[KINDS[type(load)]].append(row)

    def members(rows: list[int]) -> Members:
        own = [loads[row] for row in rows], [models[row] for row in rows], [serials[row] for row in rows]
        return Members(np.array(rows), *own, seed, start, build_groups)

    return [build(members(rows)) for build, rows in groups.items()]
