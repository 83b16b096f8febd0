"""The error of each element: drawn once from the meter's serial number, fixed for its life.

Error [%] = g(i) + 0.029089·β·tan φ with g(i) = g0 + gl·sqrt(0.01/i), i the current over the rated one and β
the phase error in arc-minutes, leading positive (meter.md, Error model). What the error does to power is
worked out here for all meters at once; how much registers is not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from math import cos, log, pi, radians, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RATIO_LIMIT: Final = 0.5
"""The greatest |g0| + |gl| [%]: the accuracy at power factor 1 from 1 % of the rated current on (table 1)."""

PHASE_LIMIT: Final = 4.9
"""The greatest |β| of a solid-core CT [arc-minutes]: with it 0.75 % holds at power factor 0.5."""

SPLIT_RATIO_LIMIT: Final = 2.0
SPLIT_PHASE: Final = (60.0, 120.0)
"""|β| of a split-core CT [arc-minutes], 1 to 2 degrees; the manual states no figure for them."""

_LOW_CURRENT: Final = 0.01
_LEAST_LOADING: Final = 0.001
"""The starting current: below it nothing registers, and the formula means nothing."""
_SPREAD: Final = 1.0 / 3.0
"""Standard deviation of a draw, of its limit."""


@dataclass(frozen=True, slots=True)
class ElementError:
    """The error of one element: `g0` and `gl` [%] and `beta` [arc-minutes, leading positive]."""

    g0: float = 0.0
    gl: float = 0.0
    beta: float = 0.0


IDEAL: Final = ElementError()


def draw(serial: str, element: int, *, split: bool) -> ElementError:
    """Return the error of an element (from 1) of the meter with this serial number."""
    source = _Draws(f"{serial}/{element}")
    limit = SPLIT_RATIO_LIMIT if split else RATIO_LIMIT
    while True:
        g0 = limit * source.normal()
        gl = limit * (source.normal() - _SPREAD) / 2.0  # leans negative: a CT loses most at low current
        if abs(g0) + abs(gl) <= limit:
            break
    if not split:
        return ElementError(g0, gl, PHASE_LIMIT * source.normal())
    low, high = SPLIT_PHASE
    return ElementError(g0, gl, low + (high - low) * abs(source.normal()))


class _Draws:
    """Numbers that look random and depend on `key` alone, today and on any machine."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._count = 0

    def normal(self) -> float:
        """Return a draw from the normal distribution with deviation `_SPREAD`, cut off at -1 and 1."""
        while True:
            value = _SPREAD * sqrt(-2.0 * log(1.0 - self._uniform())) * cos(2.0 * pi * self._uniform())
            if abs(value) <= 1.0:
                return value

    def _uniform(self) -> float:
        digest = blake2b(f"{self._key}/{self._count}".encode(), digest_size=8).digest()
        self._count += 1
        return (int.from_bytes(digest) >> 11) / 2.0**53


class ErrorArrays:
    """The errors of all meters' elements; `errors` has a tuple for each meter, element 1 first."""

    def __init__(self, errors: Sequence[Sequence[ElementError]]) -> None:
        self._gain = np.ones((3, len(errors)), np.complex128)
        self._low_gain = np.zeros((3, len(errors)))
        for meter, elements in enumerate(errors):
            for k, element in enumerate(elements):
                self._gain[k, meter] += element.g0 / 100.0 - 1j * radians(element.beta / 60.0)
                self._low_gain[k, meter] = element.gl / 100.0

    def measured(self, power: NDArray[np.complex128], loading: Floats) -> NDArray[np.complex128]:
        """Return what the elements measure of their true complex `power` [VA], shape (3, n_meters).

        `loading` is each CT's current over the rated one, same shape. A phase error turns the current, which
        moves active power by β times the reactive one and the other way round.
        """
        low = np.maximum(loading, _LEAST_LOADING)
        np.sqrt(np.divide(_LOW_CURRENT, low, out=low), out=low)
        measured = self._gain.copy()
        measured.real += self._low_gain * low
        measured *= power
        return measured
