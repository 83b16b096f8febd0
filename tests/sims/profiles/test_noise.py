"""Draws at random: each from nothing but its key and its number."""

import math

import numpy as np

from sims.profiles.noise import draw


def test_draws_are_centred_scaled_bounded_and_independent() -> None:
    keys = np.arange(20_000, dtype=np.uint64)
    this, following = draw(keys, 7), draw(keys, 8)
    assert abs(this.mean()) < 0.03
    assert abs(this.std() - 1) < 0.03
    assert abs(this).max() <= math.sqrt(6)
    assert abs(np.corrcoef(this, following)[0, 1]) < 0.03
    assert abs(np.corrcoef(this[1:], this[:-1])[0, 1]) < 0.03
