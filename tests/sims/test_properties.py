"""What holds whatever is done to the meters: hypothesis draws the loads, the changes and the steps."""

from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sims.energy import MJ_PER_10WH, MJ_PER_KWH
from sims.fleet import Fleet
from sims.meter import MeterSpec, Settings
from sims.models import MODELS, Nameplate
from sims.network import Supply
from sims.profiles import (
    BdewProfile,
    ConstantLoad,
    DailyShape,
    IntervalSeries,
    LineCurrents,
    LoadSpec,
    Motor,
    PairCurrent,
    Period,
    RandomWalk,
    Replay,
    Schedule,
    Solar,
    Sum,
)
from sims.snapshot import Snapshot, Tick
from sims.wiring import CtInput, VoltageInput, Wiring

START = 1_767_571_200 * 10**9
SECOND = 10**9
MODEL = MODELS["series-2000-120-208"]
EDGES = START + 77 * SECOND * np.arange(4, dtype=np.int64)

LOADS: list[LoadSpec] = [
    ConstantLoad(30.0, 0.9),
    ConstantLoad(-20.0),
    LineCurrents((50.0, 20.0, 0.0), (1.0, -0.5, 1.0), (PairCurrent("l2_l3", 30.0),)),
    DailyShape("office", 1e5, noise=0.2),
    BdewProfile("h0_dyn", 4e4),
    Schedule((Period((0, 1), 3, 17, 40.0),), 2.0),
    Solar(10.0, 48.0, 160.0),
    Motor(5.0, (1, 7), 240),
    RandomWalk(10.0, 5.0, 12.0, 0.5),
    Replay(IntervalSeries("x", EDGES, np.array([10**12 + 1, 2 * 10**12, 7]))),
    Sum((Sum((DailyShape("hotel", 1e5), ConstantLoad(5.0)), (0.5, 0.5, 0.0), 0.1), Motor(2.0, (2,), 60))),
]
RIGHT = Wiring.correct(3)
WIRINGS = [
    RIGHT,
    Wiring((CtInput(1, reversed=True), CtInput(3), CtInput(2, ratio=2.0)), RIGHT.voltages),
    Wiring(RIGHT.cts, (VoltageInput(2), VoltageInput(1), VoltageInput(3, open=True))),
    replace(RIGHT, neutral_open=True),
]
SUPPLIES = [Supply(), Supply(lost=frozenset({1})), Supply(lost=frozenset({2})), Supply(neutral_lost=True)]

Change: TypeAlias = tuple[int, LoadSpec, Wiring, Supply]
Script: TypeAlias = list[tuple[int, Change | None]]

CHANGES = st.tuples(
    st.integers(0, 2), st.sampled_from(LOADS), st.sampled_from(WIRINGS), st.sampled_from(SUPPLIES)
)
SCRIPTS = st.lists(st.tuples(st.integers(0, 900 * SECOND), st.none() | CHANGES), min_size=1, max_size=8)


def _meter(number: int, load: LoadSpec, **settings: Any) -> MeterSpec:
    plate = Nameplate(number, f"M{number}", MODEL, f"S{number}", 200.0, options=frozenset({"demand"}))
    return MeterSpec(plate, load, RIGHT, settings=Settings(**settings))


METERS = [
    _meter(1, LOADS[0]),
    _meter(2, LOADS[3], registration="abs", demand="15x1"),
    _meter(3, LOADS[9], ideal=True, demand="block"),
]


def _play(meters: list[MeterSpec], script: Script) -> list[Snapshot]:
    """Return the snapshots after each step of `script`, each of which is followed by its change."""
    fleet = Fleet(meters, start=START, seed=4)
    now, snapshots = START, []
    for number, (nanoseconds, change) in enumerate(script):
        now += nanoseconds
        snapshots.append(fleet.step(Tick(number, now)))
        if change:
            row, load, wiring, supply = change
            fleet.change(row, replace(meters[row], load=load, wiring=wiring, supply=supply))
    return [*snapshots, fleet.step(Tick(len(script), now + 1000 * SECOND))]


def _bytes(snapshot: Snapshot, row: int | None = None) -> dict[str, bytes]:
    """Return every column as bytes, or what one meter has of it."""
    rows = slice(None) if row is None else slice(row, row + 1)
    return {name: column[rows].tobytes() for name, column in snapshot.columns.items()}


@settings(deadline=None, max_examples=40)
@given(script=SCRIPTS)
def test_energy_never_decreases_and_pulses_are_its_floor(script: Script) -> None:
    before = np.zeros(len(METERS), np.int64)
    for snapshot in _play(METERS, script):
        counted = snapshot.columns["energy"]
        assert (counted >= before).all()
        assert (snapshot.columns["pulse_10wh"] == counted // MJ_PER_10WH).all()
        assert (snapshot.columns["pulse_1kwh"] == counted // MJ_PER_KWH).all()
        before = counted


@settings(deadline=None, max_examples=20)
@given(script=SCRIPTS)
def test_identical_runs_give_identical_bytes(script: Script) -> None:
    for one, other in zip(_play(METERS, script), _play(METERS, script), strict=True):
        assert _bytes(one) == _bytes(other)


@settings(deadline=None, max_examples=30)
@given(script=SCRIPTS)
def test_what_is_changed_on_one_meter_changes_no_other(script: Script) -> None:
    first = [(step, change if change and change[0] == 0 else None) for step, change in script]
    alone: Script = [(step, None) for step, _ in script]
    for changed, left in zip(_play(METERS, first), _play(METERS, alone), strict=True):
        assert _bytes(changed, 1) == _bytes(left, 1)
        assert _bytes(changed, 2) == _bytes(left, 2)


@settings(deadline=None, max_examples=30)
@given(script=SCRIPTS)
def test_a_meter_more_changes_no_other(script: Script) -> None:
    for some, more in zip(_play(METERS, script), _play([*METERS, _meter(9, LOADS[4])], script), strict=True):
        for row in range(len(METERS)):
            assert _bytes(some, row) == _bytes(more, row)


@settings(deadline=None, max_examples=30)
@given(script=SCRIPTS, halves=st.lists(st.booleans(), min_size=8, max_size=8))
def test_any_partition_of_time_gives_the_same_whatever_changes_in_it(
    script: Script, halves: list[bool]
) -> None:
    parted: Script = []
    for (step, change), halve in zip(script, halves, strict=False):
        parted += [(step // 2, None), (step - step // 2, change)] if halve else [(step, change)]
    assert _bytes(_play(METERS, script)[-1]) == _bytes(_play(METERS, parted)[-1])


@pytest.mark.parametrize("after", LOADS, ids=lambda load: type(load).__name__)
@pytest.mark.parametrize("before", [LOADS[0], LOADS[2], LOADS[3], LOADS[9], LOADS[10]])
def test_changed_loads_are_those_of_a_fleet_that_had_them_from_the_start(
    before: LoadSpec, after: LoadSpec
) -> None:
    """Four meters, two of which are changed, one twice: at the end, power and its like are the same."""
    now = START + 200 * SECOND
    others = [_meter(3, before), _meter(4, after)]
    changed = Fleet([_meter(1, before), _meter(2, before), *others], start=START, seed=4)
    built = Fleet([_meter(1, after), _meter(2, after), *others], start=START, seed=4)
    changed.step(Tick(1, now))
    built.step(Tick(1, now))
    for row, load in ((0, LOADS[7]), (1, after), (0, after)):
        changed.change(row, replace(changed.meter(row), load=load))
    for seconds in (0, 1, 60, 1000, 40_000):
        one, other = (_bytes(fleet.step(Tick(2, now + seconds * SECOND))) for fleet in (changed, built))
        for name in one.keys() & {f"active_power_l{k}" for k in (1, 2, 3)} | {"reactive_power", "current_n"}:
            assert one[name] == other[name], name
