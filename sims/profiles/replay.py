"""Measured intervals played again, each delivering exactly the energy that was measured.

Where the series comes from (CSV, Green Button) is not known here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sims.points import NS_PER_S
from sims.profiles.base import (
    FOREVER,
    Balance,
    LineLoads,
    LoadSpec,
    Members,
    check_choice,
    check_power_factor,
)
from sims.profiles.series import IntervalSeries

ALIGN: Final = ("start", "clock")
"""Where the first interval begins: at the clock's start, or at the file's own time."""

END: Final = ("repeat", "hold", "zero")
"""What follows the last interval: the first one again, the last load for ever, or nothing."""

_UW_PER_W: Final = 1e6


@dataclass(frozen=True, slots=True)
class Replay(LoadSpec):
    """The intervals of `series`, balanced over the lines; before the first one there is no load.

    Meters that replay the same series object share it.
    """

    series: IntervalSeries
    align: str = "start"
    end: str = "repeat"
    power_factor: float = 1.0

    def __post_init__(self) -> None:
        check_choice(self.align, ALIGN, "align")
        check_choice(self.end, END, "end")
        check_power_factor(self.power_factor)


class ReplayGroup:
    """The meters that replay measured intervals.

    What is played is a track: a series, where it begins and what follows it. All tracks stand in one array of
    segments, one after the other, and each has a cursor in it; so an edge costs the same for any length.
    """

    def __init__(self, members: Members) -> None:
        tracks: dict[tuple[int, str, str], Replay] = {}
        for load in members.loads:
            tracks.setdefault((id(load.series), load.align, load.end), load)
        numbers = {key: number for number, key in enumerate(tracks)}
        self._track = np.array([numbers[id(load.series), load.align, load.end] for load in members.loads])
        self._balance = Balance(members)
        self._lay(list(tracks.values()), members.start)
        self._time = FOREVER

    def _lay(self, tracks: Sequence[Replay], start: int) -> None:
        """Put the tracks one after the other, and every cursor at the beginning of its own."""
        laid = [_track(load) for load in tracks]
        self._ends = np.concatenate([ends for ends, _ in laid])
        self._watts = np.concatenate([microwatts for _, microwatts in laid]) / _UW_PER_W
        self._last = np.cumsum([len(ends) for ends, _ in laid]) - 1
        self._first = np.concatenate(([0], self._last[:-1] + 1))
        self._origin = np.array(
            [start if load.align == "start" else load.series.edges[0] for load in tracks], np.int64
        )
        self._period = np.array([load.series.edges[-1] - load.series.edges[0] for load in tracks])
        self._repeats = np.array([load.end == "repeat" for load in tracks])
        self._begin = self._origin.copy()
        self._cursor = self._first.copy()
        self._until = np.empty_like(self._origin)

    def apply(self, time: int, loads: LineLoads) -> int:
        """Write the loads valid from `time` [ns] on; return the next edge [ns]."""
        if time < self._time:
            self._seek(np.arange(len(self._origin)), time)
        else:
            due = np.flatnonzero(self._until <= time)
            self._advance(due)
            self._seek(due[self._until[due] <= time], time)
        self._time = time
        self._balance.write(self._watts[self._cursor][self._track], loads)
        return int(self._until.min())

    def _advance(self, tracks: NDArray[np.int64]) -> None:
        """Move the cursors of `tracks` to the next segment; after the last comes the first of the series."""
        ended = tracks[self._cursor[tracks] == self._last[tracks]]
        self._cursor[tracks] += 1
        self._cursor[ended] = self._first[ended] + 1
        self._begin[ended] += self._period[ended]
        self._set_until(tracks)

    def _seek(self, tracks: NDArray[np.int64], time: int) -> None:
        """Move the cursors of `tracks` to the segment at `time` [ns], wherever they were."""
        for track in tracks:
            laps = max(0, (time - self._origin[track]) // self._period[track]) * self._repeats[track]
            self._begin[track] = self._origin[track] + laps * self._period[track]
            ends = self._ends[self._first[track] : self._last[track] + 1]
            passed = np.searchsorted(ends, time - self._begin[track], side="right")
            self._cursor[track] = self._first[track] + passed
        self._set_until(tracks)

    def _set_until(self, tracks: NDArray[np.int64]) -> None:
        ends = self._ends[self._cursor[tracks]]
        self._until[tracks] = np.where(ends == FOREVER, FOREVER, self._begin[tracks] + ends)


def _track(load: Replay) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where each segment ends [ns from the first interval] and its power [uW].

    The first one is the time before the series, the last one, unless the track repeats, the time after it.
    """
    ends, microwatts = segments(load.series)
    if load.end != "repeat":
        ends = np.append(ends, FOREVER)
        microwatts = np.append(microwatts, microwatts[-1] if load.end == "hold" else 0)
    return np.insert(ends, 0, 0), np.insert(microwatts, 0, 0)


def segments(series: IntervalSeries) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return times of constant power that deliver exactly the energy of each interval.

    Where each ends [ns from the first interval] and its power, a whole number of microwatts. What a division
    leaves over is delivered in the first second of the interval, so series of the same interval have the
    same edges; an interval that is not of whole seconds has one microwatt more for as many nanoseconds as
    are left.
    """
    durations = np.diff(series.edges)
    starts, ends = series.edges[:-1] - series.edges[0], series.edges[1:] - series.edges[0]
    power, extra = np.divmod(series.energy, np.maximum(durations // NS_PER_S, 1))
    lead = np.full_like(durations, NS_PER_S)
    for odd in np.flatnonzero(durations % NS_PER_S):
        power[odd], lead[odd] = divmod(int(series.energy[odd]) * NS_PER_S, int(durations[odd]))
        extra[odd] = lead[odd] > 0
    split = np.flatnonzero(extra)
    return (
        np.insert(ends, split, starts[split] + lead[split]),
        np.insert(power, split, power[split] + extra[split]),
    )
