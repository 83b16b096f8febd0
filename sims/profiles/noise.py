"""Noise that is a pure function of seed, serial number and time, drawn for all meters of a group at once.

Which loads are noisy, and how they become loads of meters, is not known here.
"""

import math
from hashlib import blake2b
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sims.profiles.base import Members

_SLOW_MINUTES: Final = 15
_SLOW_PART: Final = 0.8
_QUICK_PART: Final = 0.6


class Scatter:
    """By how much each meter is off its mean, minute by minute: a slow wave and a quick ripple."""

    def __init__(self, members: Members, stream: str = "") -> None:
        self._quick = keys(members, f"{stream}minute")
        self._slow = keys(members, f"{stream}quarter")

    def at(self, minute: int) -> NDArray[np.float64]:
        """Return the scatter in `minute` [min since 1970 UTC], shape (k,): mean 0, deviation about 1."""
        quarter, past = divmod(minute, _SLOW_MINUTES)
        part = (past + 0.5) / _SLOW_MINUTES
        slow = (1.0 - part) * draw(self._slow, quarter) + part * draw(self._slow, quarter + 1)
        return _SLOW_PART * slow + _QUICK_PART * draw(self._quick, minute)


def keys(members: Members, stream: str) -> NDArray[np.uint64]:
    """Return the key of each meter's noise, from the seed and its serial number alone, shape (k,)."""
    digests = [
        blake2b(f"{members.seed}/{serial}/{stream}".encode(), digest_size=8).digest()
        for serial in members.serials
    ]
    return np.frombuffer(b"".join(digests), ">u8").astype(np.uint64)


def draw(keys: NDArray[np.uint64], counter: int) -> NDArray[np.float64]:
    """Return draw number `counter` of each key: mean 0, standard deviation 1, triangular, shape (k,).

    SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014) as a hash of key and
    counter; the two halves of its output are two uniform draws, and the sum of these is triangular.
    """
    bits = keys + np.uint64(counter * 0x9E3779B97F4A7C15 % 2**64)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    bits ^= bits >> np.uint64(31)
    halves = (bits >> np.uint64(32)) + (bits & np.uint64(0xFFFFFFFF))
    return (halves / 2.0**32 - 1.0) * math.sqrt(6.0)
