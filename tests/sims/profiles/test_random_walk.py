"""Random walks: bounded, about so much a minute, and the same whichever way one comes there."""

import numpy as np
import pytest

from sims.models import MODELS
from sims.points import NS_PER_S
from sims.profiles import LoadError, RandomWalk, build_groups
from sims.profiles.base import LineLoads

METERS = 400
WIDE = RandomWalk(1000.0, -1000.0, 3000.0, 1.0)


def _walks(walk: RandomWalk, minutes: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    model = MODELS["series-2000-120-208"]
    serials = [str(row) for row in range(METERS)]
    (group,) = build_groups([walk] * METERS, [model] * METERS, serials, seed=1, start=0)
    kw = np.empty((minutes, METERS))
    lines = LineLoads.none(METERS)
    for minute in range(minutes):
        group.apply(minute * 60 * NS_PER_S, lines)
        kw[minute] = lines.active.sum(axis=0) / 1e3
    return kw


def test_a_walk_changes_by_about_its_step_at_every_minute() -> None:
    steps = np.diff(_walks(WIDE, 520), axis=0).std(axis=1)
    assert 0.8 < steps.min() < steps.max() < 1.2


def test_a_walk_comes_back_to_its_mean() -> None:
    kw = _walks(WIDE, 600)
    assert abs(kw.mean() - 1000) < 1
    assert 5 < kw.std() < 10
    assert abs(np.corrcoef(kw[0], kw[599])[0, 1]) < 0.2
    assert np.corrcoef(kw[100], kw[110])[0, 1] > 0.8


def test_a_walk_never_leaves_its_bounds_and_does_not_stick_to_them() -> None:
    kw = _walks(RandomWalk(10.0, 9.0, 12.0, 1.0), 300)
    assert 9.0 - 1e-9 <= kw.min() < kw.max() <= 12.0 + 1e-9
    assert np.isclose(kw, 9.0).mean() < 0.01


def test_a_walk_between_equal_bounds_stands_still() -> None:
    assert _walks(RandomWalk(5.0, 5.0, 5.0, 1.0), 3).tolist() == pytest.approx(np.full((3, METERS), 5.0))


@pytest.mark.parametrize(
    ("walk", "key"),
    [
        ((1.0, 2.0, 3.0, 0.1), "kw"),
        ((2.5, 2.0, 3.0, -0.1), "step_kw"),
        ((2.5, float("nan"), 3.0, 0.1), "least_kw"),
        ((2.5, 2.0, 1e9, 0.1), "most_kw"),
        ((2.5, 2.0, 3.0, 0.1, 0.0), "power_factor"),
    ],
)
def test_impossible_walks_are_refused_with_their_key(walk: tuple[float, ...], key: str) -> None:
    with pytest.raises(LoadError) as refusal:
        RandomWalk(*walk)
    assert refusal.value.key == key
