"""Values of many meters encoded at once: arrays of numbers in, arrays of tagged octets out (clause 20.2).

Single values are encoded in `encoding.py`; what is encoded, and where it stands, is decided elsewhere.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sims.points import NS_PER_S

Octets = NDArray[np.uint8]
_WRAP: Final = 2**32
_NS_PER_DAY: Final = 86_400 * NS_PER_S
_NS_PER_HUNDREDTH: Final = NS_PER_S // 100


def tagged(tag: int, values: NDArray[Any]) -> Octets:
    """Put one tag octet before the last axis of `values`."""
    octets = values.astype(np.uint8)
    return np.concatenate([np.full_like(octets[..., :1], tag), octets], axis=-1)


def enumerated_octets(values: NDArray[Any]) -> Octets:
    """Return each value, up to 255, as an Enumerated with its tag, in one more axis of 2 octets."""
    return tagged(0x91, values[..., None])


def identifier_octets(numbers: NDArray[Any]) -> Octets:
    """Return object identifiers with their tags, shape (n, 5)."""
    octets = np.ascontiguousarray(numbers, dtype=">u4").view(np.uint8)
    return tagged(0xC4, octets.reshape(-1, 4))


def real_octets(values: NDArray[Any]) -> Octets:
    """Return each value as a REAL with its tag, in one more axis of 5 octets."""
    floats = np.ascontiguousarray(values, dtype=">f4")
    return tagged(0x44, floats.view(np.uint8).reshape(*values.shape, 4))


def unsigned_octets(values: NDArray[np.int64]) -> Octets:
    """Return counts modulo 2**32 as Unsigneds with their tags, each in 5 octets, filled from the left."""
    wrapped = values % _WRAP
    size = 1 + (wrapped >= 1 << 8) + (wrapped >= 1 << 16) + (wrapped >= 1 << 24)
    left = (wrapped << (4 - size) * 8).astype(">u4")
    octets = np.ascontiguousarray(left).view(np.uint8).reshape(*values.shape, 4)
    return np.concatenate([(0x20 | size)[..., None].astype(np.uint8), octets], axis=-1)


def date_time_octets(instants: NDArray[np.int64]) -> Octets:
    """Return instants [ns since 1970 UTC], shape (n,), as Dates and Times with their tags, shape (n, 10)."""
    days, rest = np.divmod(instants, _NS_PER_DAY)
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    hundredths = rest // _NS_PER_HUNDREDTH
    parts = [
        np.full_like(days, 0xA4),
        dates.astype("datetime64[Y]").astype(np.int64) + 70,
        months.astype(np.int64) % 12 + 1,
        (dates - months).astype(np.int64) + 1,
        (days + 3) % 7 + 1,
        np.full_like(days, 0xB4),
        hundredths // 360_000,
        hundredths // 6_000 % 60,
        hundredths // 100 % 60,
        hundredths % 100,
    ]
    return np.stack(parts, axis=1).astype(np.uint8)
