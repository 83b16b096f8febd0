from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from gateway.mqtt.changes import Changes
from gateway.readings import Readings
from sims.models import Nameplate
from sims.snapshot import Snapshot

Plates = Callable[[int], list[Nameplate]]
Reading = Callable[..., Snapshot]


def put(snapshot: Snapshot, **columns: Any) -> Snapshot:
    """Return a snapshot with other columns."""
    return replace(snapshot, columns={**snapshot.columns, **columns})


def test_at_first_everything_is_new_and_then_what_changed(plates: Plates, reading: Reading) -> None:
    meters = plates(3)
    changes, snapshot = Changes(meters), reading(meters)
    assert list(changes.of(snapshot)) == list(Readings(meters).shown(snapshot))
    assert list(changes.of(snapshot)) == [{}, {}, {}]
    power = snapshot.columns["active_power"].copy()
    power[1] = 5000.0
    assert list(changes.of(put(snapshot, active_power=power))) == [{}, {"active_power": 5.0}, {}]
    changes.forget()
    assert list(changes.of(snapshot)) == list(Readings(meters).shown(snapshot))


def test_a_flag_that_changes_is_told_alone(plates: Plates, reading: Reading) -> None:
    meters = plates(2)
    changes, snapshot = Changes(meters), reading(meters)
    list(changes.of(snapshot))
    flags = snapshot.columns["flags"] ^ np.array([1, 0], np.uint16)
    first, second = changes.of(put(snapshot, flags=flags))
    assert first == {"reverse_phase": bool(flags[0] & 1)}
    assert second == {}


def test_within_the_deadband_drift_adds_up_until_it_is_told(plates: Plates, reading: Reading) -> None:
    meters = plates(1)
    changes, snapshot = Changes(meters, {"active_power": 0.1}), reading(meters)
    told = []
    for watts in (1000.0, 1060.0, 1090.0, 1101.0, 1150.0, 1000.0):
        (one,) = changes.of(put(snapshot, active_power=np.array([watts])))
        told.append(one.get("active_power"))
    assert told == [1.0, None, None, 1.101, None, 1.0]


def test_what_is_no_number_is_not_told_and_told_again_when_it_is(plates: Plates, reading: Reading) -> None:
    meters = plates(1)
    changes, snapshot = Changes(meters), reading(meters)
    told = []
    for kelvin in (np.nan, np.nan, 21.5, np.nan, 21.5):
        (one,) = changes.of(put(snapshot, temperature=np.array([kelvin])))
        told.append(one.get("temperature"))
    assert told == [None, None, 21.5, None, 21.5]
