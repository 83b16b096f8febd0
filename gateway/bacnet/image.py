"""The values of one tick as bytes: every value of every meter, encoded at once and cut apart by answers.

A row holds a meter's values side by side, each with its application tag, each at its fixed place. A value
whose length varies (an Unsigned) has its place too and ends where its own tag says. No objects, no services.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gateway.bacnet.codes import Reliability
from gateway.bacnet.trends import TRENDS, TrendLog
from sims.points import FLAGS, NS_PER_S, POINTS, Kind
from sims.snapshot import Snapshot

Octets = NDArray[np.uint8]
_WRAP: Final = 2**32
_NS_PER_DAY: Final = 86_400 * NS_PER_S
_NS_PER_HUNDREDTH: Final = NS_PER_S // 100

REALS: Final = tuple(
    point.name for point in POINTS.values() if point.kind is Kind.INSTANT or point.name == "energy"
)
"""The points that analog inputs show."""

FLAG_INPUTS: Final = FLAGS[:-1]
"""The flags that binary inputs show; the last one, stale, is every object's reliability."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a value stands in a meter's row; a varying one ends before `stop`."""

    start: int
    stop: int
    varies: bool = False


@dataclass(frozen=True, slots=True)
class _Group:
    """Values of one datatype, `width` octets each, encoded together: shape (n_meters, len(names), width)."""

    names: Sequence[str]
    width: int
    encode: Callable[[Snapshot, Sequence[TrendLog]], Octets]
    varies: bool = False


def _reals(snapshot: Snapshot, _logs: Sequence[TrendLog]) -> Octets:
    shown = np.stack([POINTS[name].shown(snapshot.column(name)) for name in REALS], axis=1)
    return real_octets(shown)


def _flags(snapshot: Snapshot, _logs: Sequence[TrendLog]) -> Octets:
    bits = np.asarray(snapshot.column("flags"))[:, None] >> np.arange(len(FLAG_INPUTS)) & 1
    return _tagged(0x91, bits[:, :, None])


def _keys(snapshot: Snapshot, _logs: Sequence[TrendLog]) -> Octets:
    return _tagged(0x91, np.asarray(snapshot.column("key_switch"))[:, None, None])


def _states(snapshot: Snapshot, _logs: Sequence[TrendLog]) -> Octets:
    return _tagged(0x21, np.asarray(snapshot.column("lcd_screen"))[:, None, None] + 1)


def _texts(snapshot: Snapshot, _logs: Sequence[TrendLog]) -> Octets:
    held = np.ascontiguousarray(snapshot.column("lcd_text")).astype("S8")
    characters = held.view(np.uint8).reshape(snapshot.meters, 1, 8)
    head = np.broadcast_to(np.array([0x75, 9, 0], np.uint8), (snapshot.meters, 1, 3))
    return np.concatenate([head, np.where(characters == 0, np.uint8(ord(" ")), characters)], axis=2)


def _counters(snapshot: Snapshot, logs: Sequence[TrendLog]) -> Octets:
    counts = [snapshot.column("pulse_10wh"), snapshot.column("pulse_1kwh")]
    for log in logs:
        counts += [log.count, log.total]
    return unsigned_octets(np.stack(counts, axis=1))


def _health(snapshot: Snapshot, _logs: Sequence[TrendLog]) -> Octets:
    stale = snapshot.column("stale")
    fault = np.where(stale, 0x40, 0)
    reliability = np.where(stale, Reliability.COMMUNICATION_FAILURE, Reliability.NO_FAULT_DETECTED)
    columns = [
        np.full_like(fault, 0x82),
        np.full_like(fault, 4),
        fault,
        np.full_like(fault, 0x91),
        reliability,
    ]
    return np.stack(columns, axis=1).astype(np.uint8)[:, None, :]


def _clock(snapshot: Snapshot, _logs: Sequence[TrendLog]) -> Octets:
    return date_time_octets(np.asarray(snapshot.column("clock")))[:, None, :]


_GROUPS: Final = (
    _Group(REALS, 5, _reals),
    _Group(FLAG_INPUTS, 2, _flags),
    _Group(("key_switch",), 2, _keys),
    _Group(("lcd_screen",), 2, _states),
    _Group(("lcd_text",), 11, _texts),
    _Group(
        (
            "pulse_10wh",
            "pulse_1kwh",
            *(f"{what}_{log.instance}" for log in TRENDS for what in ("records", "total")),
        ),
        5,
        _counters,
        varies=True,
    ),
    _Group(("health",), 5, _health),
    _Group(("date_time",), 10, _clock),
)
_ENDS: Final = tuple(accumulate(len(group.names) * group.width for group in _GROUPS))
ROW: Final = _ENDS[-1]
"""Octets of a meter's row."""


def _places() -> dict[str, Cut]:
    places = {
        name: Cut(
            end - (len(group.names) - k) * group.width,
            end - (len(group.names) - k - 1) * group.width,
            group.varies,
        )
        for group, end in zip(_GROUPS, _ENDS, strict=True)
        for k, name in enumerate(group.names)
    }
    for pair, at, parts in (
        ("health", 3, ("status_flags", "reliability")),
        ("date_time", 5, ("local_date", "local_time")),
    ):
        whole = places.pop(pair)
        places[parts[0]] = Cut(whole.start, whole.start + at)
        places[parts[1]] = Cut(whole.start + at, whole.stop)
    return places


PLACES: Final = MappingProxyType(_places())
"""Where each value stands in a row."""


def encode(snapshot: Snapshot, logs: Sequence[TrendLog]) -> bytes:
    """Return the rows of all meters, one after the other: `ROW` octets a meter."""
    image = np.empty((snapshot.meters, ROW), np.uint8)
    start = 0
    for group, end in zip(_GROUPS, _ENDS, strict=True):
        image[:, start:end] = group.encode(snapshot, logs).reshape(snapshot.meters, end - start)
        start = end
    return image.tobytes()


def _tagged(tag: int, values: NDArray[Any]) -> Octets:
    """Put one tag octet before the last axis of `values`."""
    octets = values.astype(np.uint8)
    return np.concatenate([np.full_like(octets[..., :1], tag), octets], axis=-1)


def real_octets(values: NDArray[Any]) -> Octets:
    """Return each value as a REAL with its tag, in one more axis of 5 octets."""
    floats = np.ascontiguousarray(values, dtype=">f4")
    return _tagged(0x44, floats.view(np.uint8).reshape(*values.shape, 4))


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
