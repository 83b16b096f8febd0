"""What the tests of the profiles share: groups stepped from edge to edge, and the energy counted exactly."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest

from sims.models import MODELS, Model
from sims.points import NS_PER_S
from sims.profiles import LoadSpec, build_groups
from sims.profiles.base import LineLoads

START = 1_767_571_200 * NS_PER_S
"""2026-01-05T00:00:00Z, a Monday."""

Play: TypeAlias = Callable[..., list[int]]
LoadsAt: TypeAlias = Callable[..., LineLoads]


class NoClock(tzinfo):
    """A zone that gives way when somebody asks it for the time."""

    def utcoffset(self, moment: datetime | None, /) -> timedelta | None:
        raise RuntimeError(f"no clock for {moment}")

    dst = utcoffset

    def tzname(self, moment: datetime | None, /) -> str | None:
        raise RuntimeError(f"no name for {moment}")


def _loads(meters: int) -> LineLoads:
    return LineLoads.none(meters)


def _models(loads: Sequence[LoadSpec], models: Sequence[str] | None) -> list[Model]:
    return [MODELS[key] for key in models or ["series-2000-120-208"] * len(loads)]


def _serials(loads: Sequence[LoadSpec], serials: Sequence[str] | None) -> list[str]:
    return list(serials or (f"serial-{row}" for row in range(len(loads))))


@pytest.fixture(scope="session")
def start() -> int:
    return START


@pytest.fixture(scope="session")
def data() -> Path:
    return Path(__file__).parents[3] / "examples" / "data"


@pytest.fixture(scope="session")
def play() -> Play:
    """Return what steps loads from edge to edge and counts the energy of each meter [uJ], exactly."""

    def run(
        loads: Sequence[LoadSpec], seconds: int, models: Sequence[str] | None = None, start: int = START
    ) -> list[int]:
        groups = build_groups(loads, _models(loads, models), _serials(loads, None), seed=1, start=start)
        lines = _loads(len(loads))
        now, end = start, start + seconds * NS_PER_S
        due = [(start, group) for group in groups]
        energy = [0] * len(loads)
        while now < end:
            due = [(group.apply(now, lines) if edge == now else edge, group) for edge, group in due]
            until = min(end, *(edge for edge, _ in due))
            assert until > now
            microwatts = np.rint(lines.active.sum(axis=0) * 1e6).astype(int).tolist()
            energy = [sum_ + power * (until - now) for sum_, power in zip(energy, microwatts, strict=True)]
            now = until
        assert not any(sum_ % NS_PER_S for sum_ in energy), "not a whole number of microjoules"
        return [sum_ // NS_PER_S for sum_ in energy]

    return run


@pytest.fixture(scope="session")
def loads_at() -> LoadsAt:
    """Return what builds groups anew and gives their loads at one time [ns]."""

    def at(
        loads: Sequence[LoadSpec],
        time: int,
        models: Sequence[str] | None = None,
        serials: Sequence[str] | None = None,
        seed: int = 1,
    ) -> LineLoads:
        lines = _loads(len(loads))
        for group in build_groups(
            loads, _models(loads, models), _serials(loads, serials), seed=seed, start=START
        ):
            group.apply(time, lines)
        return lines

    return at
