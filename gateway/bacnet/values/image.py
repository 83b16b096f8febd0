"""The values of one tick as bytes: every value of every meter, encoded at once and cut apart by answers.

A row holds a meter's values side by side, each with its application tag, each at its fixed place. A value
whose length varies (an Unsigned) has its place too and ends where its own tag says. No objects, no services.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from types import MappingProxyType
from typing import Final, Protocol

import numpy as np

from gateway.bacnet.values.alarms import ALARMS, STAMP, WIDTH, Alarms
from gateway.bacnet.values.device_clocks import DeviceClocks
from gateway.bacnet.values.increments import REALS, Increments
from gateway.bacnet.values.trends import TRENDS, TrendLog
from gateway.bacnet.wire.codes import EventState, Reliability
from gateway.bacnet.wire.octets import (
    Octets,
    date_time_octets,
    enumerated_octets,
    real_octets,
    tagged,
    unsigned_octets,
)
from sims.points import FLAGS, POINTS
from sims.snapshot import Snapshot

FLAG_INPUTS: Final = FLAGS[:-1]
"""The flags that binary inputs show; the last one, stale, is every object's reliability."""


class Beside(Protocol):
    """What of the meters' devices is shown beside a snapshot."""

    logs: tuple[TrendLog, ...]
    ranges: Octets
    increments: Increments
    alarms: Alarms
    clocks: DeviceClocks


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
    encode: Callable[[Snapshot, Beside], Octets]
    varies: bool = False


def _reals(snapshot: Snapshot, _beside: Beside) -> Octets:
    shown = np.stack([POINTS[name].shown(snapshot.column(name)) for name in REALS], axis=1)
    return real_octets(shown)


def _flags(snapshot: Snapshot, _beside: Beside) -> Octets:
    bits = np.asarray(snapshot.column("flags"))[:, None] >> np.arange(len(FLAG_INPUTS)) & 1
    return enumerated_octets(bits)


def _keys(snapshot: Snapshot, _beside: Beside) -> Octets:
    return enumerated_octets(np.asarray(snapshot.column("key_switch"))[:, None])


def _states(snapshot: Snapshot, _beside: Beside) -> Octets:
    return tagged(0x21, np.asarray(snapshot.column("lcd_screen"))[:, None, None] + 1)


def _texts(snapshot: Snapshot, _beside: Beside) -> Octets:
    held = np.ascontiguousarray(snapshot.column("lcd_text")).astype("S8")
    characters = held.view(np.uint8).reshape(snapshot.meters, 1, 8)
    head = np.broadcast_to(np.array([0x75, 9, 0], np.uint8), (snapshot.meters, 1, 3))
    return np.concatenate([head, np.where(characters == 0, np.uint8(ord(" ")), characters)], axis=2)


def _counters(snapshot: Snapshot, beside: Beside) -> Octets:
    counts = [snapshot.column("pulse_10wh"), snapshot.column("pulse_1kwh")]
    for log in beside.logs:
        counts += [log.count, log.total]
    return unsigned_octets(np.stack(counts, axis=1))


def _health(snapshot: Snapshot, _beside: Beside) -> Octets:
    """Return status flags, reliability and event state of what a stale meter's objects show.

    Whatever is not in the event state normal is "in alarm" (status-flags), even where it reports no events.
    Trend logs have status flags of their own: they are never out of service.
    """
    stale = snapshot.column("stale")
    octets = np.empty((snapshot.meters, 1, 10), np.uint8)
    octets[:] = (0x82, 4, 0, 0x82, 4, 0, 0x91, Reliability.NO_FAULT_DETECTED, 0x91, EventState.NORMAL)
    flags = 0x82, 4, 0xC0
    octets[stale, 0] = (*flags, *flags, 0x91, Reliability.COMMUNICATION_FAILURE, 0x91, EventState.FAULT)
    return octets


def _service(snapshot: Snapshot, _beside: Beside) -> Octets:
    return np.full((snapshot.meters, 1, 1), 0x10, np.uint8)


def _clocks(snapshot: Snapshot, beside: Beside) -> Octets:
    simulated = np.asarray(snapshot.column("clock"))
    return np.stack([date_time_octets(each) for each in (simulated, simulated + beside.clocks.offsets)], 1)


def _ranges(_snapshot: Snapshot, beside: Beside) -> Octets:
    return beside.ranges


def _increments(_snapshot: Snapshot, beside: Beside) -> Octets:
    return beside.increments.octets


def _alarms(_snapshot: Snapshot, beside: Beside) -> Octets:
    return beside.alarms.octets


def _nothing(snapshot: Snapshot, _beside: Beside) -> Octets:
    return np.zeros((snapshot.meters, 1, 1), np.uint8)


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
    _Group(("health",), 10, _health),
    _Group(("out_of_service",), 1, _service),
    _Group(("simulated_date_time", "date_time"), 10, _clocks),
    _Group(tuple(f"{end}_pres_value_{name}" for end in ("min", "max") for name in REALS), 5, _ranges),
    _Group(tuple(f"cov_increment_{name}" for name in REALS), 5, _increments),
    _Group(tuple(f"alarm_{alarm.flag}" for alarm in ALARMS), WIDTH, _alarms),
    _Group(("nothing",), 1, _nothing),
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
    _split(places, "health", {"status_flags": 3, "log_status": 3, "reliability": 2, "event_state": 2})
    _split(places, "simulated_date_time", {"simulated_date": 5, "simulated_time": 5})
    _split(places, "date_time", {"local_date": 5, "local_time": 5})
    for alarm in ALARMS:
        parts = {"event_state": 2, "status_flags": 3, "acked_transitions": 3}
        parts |= {f"stamp_{k}": STAMP for k in range(3)}
        named = {f"{part}_{alarm.flag}": width for part, width in parts.items()}
        _split(places, f"alarm_{alarm.flag}", named)
    return places


def _split(places: dict[str, Cut], whole: str, parts: dict[str, int]) -> None:
    """Put `parts` with their widths in the place of what is encoded as one."""
    start = places.pop(whole).start
    for name, width in parts.items():
        places[name] = Cut(start, start + width)
        start += width


PLACES: Final = MappingProxyType(_places())
"""Where each value stands in a row."""


NOTHING: Final = PLACES["nothing"].start
"""A place in every row that never holds anything but 0."""


def encode(snapshot: Snapshot, beside: Beside) -> bytes:
    """Return the rows of all meters, one after the other: `ROW` octets a meter."""
    image = np.empty((snapshot.meters, ROW), np.uint8)
    start = 0
    for group, end in zip(_GROUPS, _ENDS, strict=True):
        image[:, start:end] = group.encode(snapshot, beside).reshape(snapshot.meters, end - start)
        start = end
    return image.tobytes()


_SET: Final = PLACES[f"cov_increment_{REALS[0]}"].start
_ALARMS: Final = PLACES[f"event_state_{ALARMS[0].flag}"].start


def renewed(image: bytes, rows: Iterable[int], beside: Beside) -> bytes:
    """Return an image that shows what clients have set and acknowledged of the meters in `rows` by now."""
    octets = bytearray(image)
    for row in rows:
        for place, held in ((_SET, beside.increments.octets[row]), (_ALARMS, beside.alarms.octets[row])):
            start = row * ROW + place
            octets[start : start + held.size] = held.tobytes()
    return bytes(octets)
