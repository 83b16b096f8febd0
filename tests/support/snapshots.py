"""Meters and snapshots by hand, without the fleet."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sims.models import MODELS, Nameplate
from sims.points import NS_PER_S, POINTS, Kind
from sims.snapshot import Snapshot, Tick

START = 1_767_571_200 * NS_PER_S
"""2026-01-05T00:00:00Z [ns]."""

_FIRST = ("series-1000-1p2w-120", "series-1000-120-240", "series-2000-277-480")
_MODELS = sorted(MODELS.values(), key=lambda model: model.key not in _FIRST)


def nameplates(count: int) -> list[Nameplate]:
    """Return `count` meters M0001 … of all models in turn, at first with one, two and three elements."""
    return [
        Nameplate(
            number=n,
            id=f"M{n:04}",
            model=_MODELS[(n - 1) % len(_MODELS)],
            serial=f"S{n:07}",
            ct_a=100.0 + n / 10,
        )
        for n in range(1, count + 1)
    ]


def snapshot_of(meters: Sequence[Nameplate], tick: int = 1, **columns: NDArray[Any]) -> Snapshot:
    """Return a snapshot in which each point of each meter has a value of its own, but for `columns`."""
    n, random = len(meters), np.random.default_rng(tick)
    made: dict[str, NDArray[Any]] = {}
    for point in POINTS.values():
        if point.kind is Kind.INSTANT:
            made[point.name] = random.uniform(-20_000, 20_000, n)
            made[point.name][[not point.lines <= meter.model.lines for meter in meters]] = math.nan
        elif point.kind in {Kind.COUNTER, Kind.TIME}:
            made[point.name] = random.integers(0, 2**62, n)
    for name in ("demand", "rolling_demand", "peak_demand"):
        made[name] = np.abs(made[name])
    made["clock"] = np.full(n, START + tick * NS_PER_S)
    made["flags"] = random.integers(0, 2**16, n).astype(np.uint16)
    made["lcd_screen"] = random.integers(0, 5, n).astype(np.uint16)
    made["lcd_text"] = np.array([f"{number:8}" for number in random.integers(0, 10**6, n)], "S8")
    made["key_switch"] = random.integers(0, 2, n).astype(np.uint8)
    return Snapshot(Tick(tick, START + tick * NS_PER_S, 3 * NS_PER_S // 2), made | columns)
