"""The loads of all meters together: a change builds anew what it concerns and nothing else."""

from copy import copy

import numpy as np
import pytest

from sims.models import MODELS
from sims.points import NS_PER_S
from sims.profiles import ConstantLoad, DailyShape, LineCurrents, LoadError, LoadSpec, PairCurrent, Replay
from sims.profiles.connected import ConnectedLoads
from sims.profiles.series import IntervalSeries
from tests.sims.profiles.conftest import START, NoClock

MINUTE = 60 * NS_PER_S
REPLAY = Replay(
    IntervalSeries("x", START + np.arange(3) * 90 * NS_PER_S, np.array([90_000_000, 180_000_000]))
)


def _connected(*loads: LoadSpec) -> ConnectedLoads:
    serials = [f"S{row}" for row in range(len(loads))]
    models = [MODELS["series-2000-120-208"]] * len(loads)
    return ConnectedLoads(loads, models, serials, seed=1, start=START)


def test_a_change_keeps_the_edges_of_the_groups_that_it_does_not_concern() -> None:
    loads = _connected(REPLAY, DailyShape("office", 1e5), ConstantLoad(1.0))
    loads.advance(START + MINUTE)
    loads.change(1, ConstantLoad(2.0), START + MINUTE)
    assert loads.next_edge == START + 90 * NS_PER_S
    assert loads.lines.active.sum(axis=0).tolist() == pytest.approx([1.0, 2000.0, 1000.0])
    loads.change(0, ConstantLoad(3.0), START + MINUTE)
    loads.change(2, DailyShape("office", 1e5), START + MINUTE)
    assert loads.next_edge == START + 2 * MINUTE


def test_a_change_leaves_nothing_of_the_load_before_on_the_lines() -> None:
    pair = LineCurrents((1.0, 2.0, 3.0), between=(PairCurrent("l1_l2", 10.0, 0.5),))
    loads = _connected(pair, ConstantLoad(1.0))
    loads.change(0, DailyShape("office", 1e5), START)
    assert not loads.lines.between_active.any()
    assert not loads.lines.between_reactive.any()


@pytest.mark.parametrize(
    "load", [LineCurrents((1.0,)), DailyShape("office", 1e5, zone=NoClock()), LoadSpec()]
)
def test_whatever_a_change_raises_a_copy_made_before_goes_on_as_if_nothing_had_happened(
    load: LoadSpec,
) -> None:
    mixed = (REPLAY, DailyShape("office", 1e5), ConstantLoad(1.0))
    loads, untouched = _connected(*mixed), _connected(*mixed)
    with pytest.raises((LoadError, RuntimeError, KeyError)):
        copy(loads).change(1, load, START)
    for seconds in (60, 90, 120, 180, 240):
        for one in (loads, untouched):
            one.advance(START + seconds * NS_PER_S)
        assert loads.next_edge == untouched.next_edge
        assert loads.lines.active.tolist() == untouched.lines.active.tolist()
