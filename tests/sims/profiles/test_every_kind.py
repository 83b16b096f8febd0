"""What holds for every kind of load: a pure function of time, whoever is beside it."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sims.models import MODELS
from sims.points import NS_PER_S
from sims.profiles import (
    KINDS,
    BdewProfile,
    ConstantLoad,
    DailyShape,
    IntervalSeries,
    LineCurrents,
    LoadSpec,
    Motor,
    Period,
    RandomWalk,
    Replay,
    Schedule,
    Solar,
    Sum,
    build_groups,
)
from sims.profiles.base import LineLoads
from tests.sims.profiles.conftest import START, LoadsAt

BERLIN = ZoneInfo("Europe/Berlin")
DAY = 86_400
SUMMER_TIME = int(datetime(2026, 3, 29, tzinfo=UTC).timestamp())
SERIES = IntervalSeries("x", np.arange(4) * 77 * NS_PER_S, np.array([60_000_001, 120_000_002, 7]))
WEEK = (Period((0, 1, 2, 3, 4), 360, 1081, 40.0), Period((5, 6), 1320, 120, 5.0))
ALL: list[LoadSpec] = [
    ConstantLoad(1.0),
    LineCurrents((1.0, 2.0, 3.0)),
    DailyShape("office", 1e5, zone=BERLIN),
    Replay(SERIES),
    BdewProfile("h0_dyn", 4000.0, zone=BERLIN),
    Schedule(WEEK, 2.0, zone=BERLIN),
    Solar(10.0, 48.0, 11.0),
    Motor(5.0, (0, 150, 1439), 7200, zone=BERLIN),
    RandomWalk(10.0, 5.0, 12.0, 0.5),
    Sum((DailyShape("hotel", 1e4), Motor(1.0, (60,), 60), Solar(3.0, -33.0, 151.0)), (0.2, 0.3, 0.5), 0.1),
]
MODEL = MODELS["series-2000-120-208"]
SECONDS = st.integers(SUMMER_TIME, SUMMER_TIME + DAY)


def test_every_kind_is_among_them() -> None:
    assert {type(load) for load in ALL} == set(KINDS)


@settings(deadline=None, max_examples=25)
@given(st.lists(SECONDS, min_size=2, max_size=5))
def test_any_order_of_stepping_gives_the_same(loads_at: LoadsAt, seconds: list[int]) -> None:
    serials = [f"serial-{row}" for row in range(len(ALL))]
    groups = build_groups(ALL, [MODEL] * len(ALL), serials, seed=1, start=START)
    for second in seconds:
        lines = LineLoads.none(len(ALL))
        for group in groups:
            assert group.apply(second * NS_PER_S, lines) > second * NS_PER_S
        fresh = loads_at(ALL, second * NS_PER_S)
        assert lines.active.tolist() == fresh.active.tolist()
        assert lines.reactive.tolist() == fresh.reactive.tolist()


@pytest.mark.parametrize("load", ALL, ids=lambda load: type(load).__name__)
@settings(deadline=None, max_examples=25)
@given(second=SECONDS, part=st.floats(0, 1, exclude_max=True))
def test_a_load_stays_as_it_is_until_its_edge(load: LoadSpec, second: int, part: float) -> None:
    (group,) = build_groups([load], [MODEL], ["serial-0"], seed=1, start=0)
    lines = LineLoads.none(1)
    edge = min(group.apply(second * NS_PER_S, lines), (second + DAY) * NS_PER_S)
    within = second * NS_PER_S + int(part * (edge - second * NS_PER_S))
    later = LineLoads.none(1)
    (again,) = build_groups([load], [MODEL], ["serial-0"], seed=1, start=0)
    again.apply(within, later)
    assert later.active.tolist() == lines.active.tolist()
    assert later.reactive.tolist() == lines.reactive.tolist()


@pytest.mark.parametrize("load", ALL, ids=lambda load: type(load).__name__)
def test_adding_a_meter_changes_no_other(loads_at: LoadsAt, load: LoadSpec) -> None:
    time = (SUMMER_TIME + 40_020) * NS_PER_S
    alone = loads_at([load], time, serials=["A"])
    among = loads_at([*ALL, load, *ALL], time, serials=[*map(str, range(10)), "A", *map(str, range(10, 20))])
    assert among.active[:, len(ALL)].tolist() == alone.active[:, 0].tolist()
    assert among.reactive[:, len(ALL)].tolist() == alone.reactive[:, 0].tolist()
