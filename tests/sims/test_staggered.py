"""Meters that lose their supply and have it back at instants of their own: intervals, peaks, pulses."""

from dataclasses import replace
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sims.fleet import Fleet
from sims.meter import MeterSpec, Settings
from sims.models import MODELS, Nameplate
from sims.network import Supply
from sims.profiles import ConstantLoad, DailyShape, IntervalSeries, LoadSpec, Motor, Replay
from sims.snapshot import INTERVAL, DemandInterval, Snapshot, Tick
from sims.wiring import Wiring

SECOND = 10**9
START = 1_767_571_200 * SECOND
END = START + 4000 * SECOND
WINDOW = 3 * INTERVAL
OFF = Supply(lost=frozenset({1}))
SERIES = IntervalSeries(
    "x", START + 77 * SECOND * np.arange(50, dtype=np.int64), np.arange(49, dtype=np.int64) ** 5 * 9_999
)
LOADS: list[LoadSpec] = [
    ConstantLoad(30.0, 0.9),
    DailyShape("office", 1e5, noise=0.2),
    Replay(SERIES),
    Motor(5.0, (1, 7), 240),
    ConstantLoad(21.0),
]
STEADY: list[LoadSpec] = [ConstantLoad(30.0 / row) for row in range(1, 6)]
"""Loads without an edge: many boundaries of many meters lie between two stops."""
METHODS = ["3x5", "15x1", "3x5", "block", "15x1"]
COLUMNS = ("rows", "end", "sequence", "demand", "rolling_demand", "energy")

Event: TypeAlias = tuple[int, int, bool]
"""At an instant [ns], whether the meter in this row has its supply from then on."""

INSTANTS = st.integers(START, END) | st.integers(0, 66).map(lambda minute: START + 60 * SECOND * minute)
MORE = st.lists(st.tuples(INSTANTS, st.integers(0, 4), st.booleans()), max_size=12)


@st.composite
def _events(draw: st.DrawFn) -> list[Event]:
    """Return a power-up of its own for each meter, and what happens to their supplies later."""
    events = draw(MORE)
    for row in range(len(LOADS)):
        power_up = START + draw(st.integers(0, 400 * SECOND))
        events += [(START, row, False), (power_up, row, True)]
    return sorted(events)


EVENTS = _events()
BOTH = pytest.mark.parametrize("loads", [LOADS, STEADY], ids=["changing", "steady"])


def _meters(loads: list[LoadSpec]) -> list[MeterSpec]:
    model = MODELS["series-2000-120-208"]
    return [
        MeterSpec(
            Nameplate(row, f"M{row}", model, f"S{row}", 200.0),
            load,
            Wiring.correct(3),
            settings=Settings(demand=method),  # type: ignore[arg-type]
        )
        for row, (load, method) in enumerate(zip(loads, METHODS, strict=True))
    ]


def _play(
    loads: list[LoadSpec], events: list[Event], stops: set[int]
) -> tuple[list[DemandInterval], dict[int, Snapshot]]:
    """Return all demand intervals up to END, and the snapshots at `stops`, at the events and at END."""
    meters = _meters(loads)
    fleet = Fleet(meters, start=START, seed=3, pulse_hubs=True)
    closed: list[DemandInterval] = []
    shown: dict[int, Snapshot] = {}
    for time in sorted({*stops, *(time for time, _, _ in events), END}):
        shown[time] = fleet.step(Tick(1, time))
        closed += shown[time].intervals
        for _, row, on in (event for event in events if event[0] == time):
            fleet.change(row, replace(meters[row], supply=Supply() if on else OFF))
    return closed, shown


def _spells(events: list[Event], row: int) -> list[tuple[int, int]]:
    """Return from when to when a meter has its supply."""
    spells, up = [], START
    powered = True
    for time, on in [*((time, on) for time, of, on in events if of == row), (END, False)]:
        if powered and not on:
            spells.append((up, time))
        elif on and not powered:
            up = time
        powered = on
    return spells


def _table(closed: list[DemandInterval]) -> dict[str, Any]:
    """Return the columns of all intervals, one after the other."""
    return {name: np.array([each for one in closed for each in getattr(one, name)]) for name in COLUMNS}


@BOTH
@settings(deadline=None, max_examples=10)
@given(events=EVENTS)
def test_each_meter_closes_an_interval_every_five_minutes_since_its_own_power_up(
    loads: list[LoadSpec], events: list[Event]
) -> None:
    closed, _ = _play(loads, events, set())
    table = _table(closed)
    assert (np.diff(table["end"]) >= 0).all()
    assert all(before.end[-1] < after.end[0] for before, after in pairwise(closed))
    assert all(len(set(one.rows.tolist())) == len(one.rows) for one in closed)
    for row in range(len(LOADS)):
        mine = table["rows"] == row
        spells = _spells(events, row)
        expected = [end for up, down in spells for end in range(up + INTERVAL, down + 1, INTERVAL)]
        assert table["end"][mine].tolist() == expected
        assert table["sequence"][mine].tolist() == list(range(1, len(expected) + 1))


@BOTH
@settings(deadline=None, max_examples=10)
@given(events=EVENTS)
def test_demand_is_the_energy_of_the_interval_and_of_the_quarter_of_an_hour(
    loads: list[LoadSpec], events: list[Event]
) -> None:
    """Each interval against the counters of a fleet that stops wherever one of its windows begins or ends."""
    closed, _ = _play(loads, events, set())
    spans: list[tuple[int, int, DemandInterval, int, int]] = []
    for one in closed:
        for place, (row, end) in enumerate(zip(one.rows.tolist(), one.end.tolist(), strict=True)):
            (up,) = (up for up, down in _spells(events, row) if up < end <= down)
            until = up + (end - up) // WINDOW * WINDOW if METHODS[row] == "block" else end
            spans.append((row, place, one, max(up, until - WINDOW), until))
    ends = {int(end) for one in closed for end in one.end}
    _, shown = _play(
        loads, events, ends | {end - INTERVAL for end in ends} | {time for span in spans for time in span[3:]}
    )

    def mean(row: int, begin: int, end: int, length: int) -> float:
        energy = shown[end].columns["energy"][row] - shown[begin].columns["energy"][row]
        return float(energy) / (length / 1e6)  # mJ a ns are 1e6 W

    for row, place, one, begin, until in spans:
        end = int(one.end[place])
        assert one.energy[place] == shown[end].columns["energy"][row]
        assert one.demand[place] == pytest.approx(mean(row, end - INTERVAL, end, INTERVAL), abs=1e-5)
        assert one.rolling_demand[place] == pytest.approx(mean(row, begin, until, WINDOW), abs=1e-5)


@BOTH
@settings(deadline=None, max_examples=10)
@given(events=EVENTS)
def test_the_peak_is_the_highest_rolling_demand_and_has_the_first_time_it_was_reached(
    loads: list[LoadSpec], events: list[Event]
) -> None:
    closed, shown = _play(loads, events, set())
    table, columns = _table(closed), shown[END].columns
    for row in (row for row, method in enumerate(METHODS) if method == "3x5"):
        rolling = table["rolling_demand"][table["rows"] == row]
        highest = float(rolling.max(initial=0.0))
        assert columns["peak_demand"][row] == highest
        if highest:
            first = table["end"][table["rows"] == row][int(rolling.argmax())]
            assert columns["peak_demand_time"][row] == first


@BOTH
@settings(deadline=None, max_examples=10)
@given(events=EVENTS, stops=st.sets(INSTANTS, max_size=12))
def test_any_partition_of_time_gives_the_same_intervals_and_pulses(
    loads: list[LoadSpec], events: list[Event], stops: set[int]
) -> None:
    (whole, at_end), (parts, parted) = _play(loads, events, set()), _play(loads, events, stops)
    for name, column in _table(whole).items():
        assert column.tobytes() == _table(parts)[name].tobytes(), name
    for name, column in at_end[END].columns.items():
        assert column.tobytes() == parted[END].columns[name].tobytes(), name
    for name, column in at_end[END].pulse_hubs.items():
        assert column.tolist() == parted[END].pulse_hubs[name].tolist(), name


def test_power_ups_of_their_own_take_no_more_steps_than_one_for_all() -> None:
    """Twelve entries in an hour, however many instants there are."""
    fleet = Fleet(_meters(STEADY)[:1] * 5, start=START)
    now = START
    for row in range(5):
        for supply in (OFF, Supply()):
            now += SECOND + row
            fleet.go_on(now)
            fleet.change(row, replace(fleet.meter(row), supply=supply))
    closed = fleet.go_on(now + 12 * INTERVAL)
    assert [len(one.rows) for one in closed] == [5] * 12
    assert len({int(end) for one in closed for end in one.end}) == 60
