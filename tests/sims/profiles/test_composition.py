"""Loads of loads: they add up, stand on the lines they are told to, and are noisy on their own."""

import numpy as np
import pytest

from sims.models import MODELS
from sims.points import NS_PER_S
from sims.profiles import (
    BdewProfile,
    ConstantLoad,
    DailyShape,
    IntervalSeries,
    LineCurrents,
    LoadError,
    PairCurrent,
    Replay,
    Solar,
    Sum,
)
from tests.sims.profiles.conftest import START, LoadsAt, Play

SERIES = IntervalSeries(
    "x", START + np.array([0, 60, 120, 180]) * NS_PER_S, np.array([60_000_001, 120_000_002, 7])
)


def test_the_parts_add_up_line_by_line(loads_at: LoadsAt, start: int) -> None:
    load = Sum((ConstantLoad(3.0, 0.8), LineCurrents((10.0, 0.0, 5.0)), ConstantLoad(-6.0)))
    loads = loads_at([load], start)
    assert loads.active[:, 0].tolist() == pytest.approx([1000 + 1200 - 2000, 1000 - 2000, 1000 + 600 - 2000])
    assert loads.reactive[:, 0].tolist() == pytest.approx([750, 750, 750])


def test_what_is_between_the_lines_adds_up_and_stays_there(loads_at: LoadsAt, start: int) -> None:
    pair = LineCurrents((0.0, 0.0, 0.0), between=(PairCurrent("l1_l2", 10.0),))
    alone = loads_at([pair], start)
    loads = loads_at([Sum((pair, pair, ConstantLoad(1.0)), shares=(1.0, 0.0, 0.0))], start)
    assert alone.between_active.any()
    assert loads.between_active.tolist() == (2 * alone.between_active).tolist()
    assert loads.active[:, 0].tolist() == pytest.approx([1000, 0, 0])


def test_sums_may_be_parts_of_sums(loads_at: LoadsAt, start: int) -> None:
    inner = Sum((ConstantLoad(1.0), ConstantLoad(2.0)))
    assert loads_at([Sum((inner, ConstantLoad(4.0)))], start).active.sum() == pytest.approx(7000)


def test_a_replay_within_sums_within_sums_still_delivers_exactly_its_energy(play: Play) -> None:
    inner = Sum((Replay(SERIES, end="zero"), ConstantLoad(0.001)), shares=(0.1, 0.2, 0.7))
    load = Sum((Sum((inner, ConstantLoad(0.002))), ConstantLoad(0.001)), shares=(0.7, 0.2, 0.1))
    assert play([load, inner], 240) == [180_000_010 + 4 * 240_000_000, 180_000_010 + 240_000_000]


def test_equal_parts_of_sums_within_sums_have_noise_of_their_own(loads_at: LoadsAt, start: int) -> None:
    inner = Sum((DailyShape("office", 1e5, noise=0.2),))
    once, twice = loads_at([Sum((inner,)), Sum((inner, inner))], start, serials=["A", "A"]).active.sum(axis=0)
    assert twice != pytest.approx(2 * once, rel=1e-6)


def test_shares_move_the_whole_load_to_the_lines_they_name(loads_at: LoadsAt, start: int) -> None:
    loads = loads_at([Sum((BdewProfile("g0", 1e4),), shares=(0.5, 0.3, 0.2)), BdewProfile("g0", 1e4)], start)
    for lines in (loads.active, loads.reactive):
        assert lines[:, 0].tolist() == pytest.approx((lines[:, 1].sum() * np.array([0.5, 0.3, 0.2])).tolist())


def test_a_replay_in_a_sum_with_shares_still_delivers_exactly_its_energy(play: Play) -> None:
    load = Sum((Replay(SERIES, end="zero"), ConstantLoad(0.001)), shares=(0.7, 0.2, 0.1))
    assert play([load], 240) == [180_000_010 + 240_000_000]


def test_two_equal_parts_have_noise_of_their_own(loads_at: LoadsAt, start: int) -> None:
    office = DailyShape("office", 1e5, noise=0.2)
    loads = loads_at([Sum((office, office)), Sum((office,))], start, serials=["A", "A"]).active.sum(axis=0)
    assert loads[0] != pytest.approx(2 * loads[1], rel=1e-6)


def test_noise_scatters_any_load_round_its_value(loads_at: LoadsAt, start: int) -> None:
    loads = loads_at([Sum((ConstantLoad(10.0),), noise=0.1)] * 2000, start).active.sum(axis=0)
    assert loads.mean() == pytest.approx(10_000, rel=0.01)
    assert 0.08 < loads.std() / 10_000 < 0.12


def test_adding_a_meter_or_another_sum_changes_no_other(loads_at: LoadsAt, start: int) -> None:
    this = Sum((DailyShape("office", 1e5), Solar(5.0, 48.0, 11.0)), noise=0.1)
    that = Sum((ConstantLoad(1.0), DailyShape("hotel", 1e5), DailyShape("school", 1e5)))
    alone = loads_at([this], start, serials=["A"])
    among = loads_at([that, this, that], start, serials=["B", "A", "C"])
    assert among.active[:, 1].tolist() == alone.active[:, 0].tolist()
    assert among.reactive[:, 1].tolist() == alone.reactive[:, 0].tolist()


def test_impossible_sums_are_refused_with_their_key() -> None:
    with pytest.raises(LoadError, match=r"^sum: has no loads"):
        Sum(())
    for shares in ((0.5, 0.4, 0.0), (1.5, -0.5, 0.0), (float("nan"), 0.5, 0.5)):
        with pytest.raises(LoadError, match=r"^shares: "):
            Sum((ConstantLoad(1.0),), shares)
    with pytest.raises(LoadError, match=r"^noise: "):
        Sum((ConstantLoad(1.0),), noise=1.0)


def test_parts_and_shares_must_fit_the_model() -> None:
    model = MODELS["series-2000-120-208"]
    with pytest.raises(LoadError, match=r"^amps: "):
        Sum((ConstantLoad(1.0), LineCurrents((1.0,)))).check(model)
    with pytest.raises(LoadError, match=r"^shares: has 2 values; series-2000-120-208 has 3 elements"):
        Sum((ConstantLoad(1.0),), (0.5, 0.5)).check(model)
