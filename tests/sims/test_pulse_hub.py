"""The pulse hub counts what the outputs of the meters do, however time is cut up."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sims.energy import MJ_PER_10WH, EnergyCounters, led_on
from sims.points import HUB_POINTS, MJ_PER_WH, NS_PER_S, Kind
from sims.pulse_hub import ROLLOVER, SETTINGS, PulseHubs

HALF = MJ_PER_10WH // 2
KW = 10**9
"""A kilowatt [µW]."""
FAST_ENOUGH = [(0, 360 * KW), (1, 1800 * KW), (2, 3600 * KW)]


def _whole(*values: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(values, np.int64)


def _ran(hubs: PulseHubs, meter: EnergyCounters, microwatts: int, nanoseconds: int) -> None:
    """Let one meter run at constant power, as the fleet does."""
    before = meter.millijoules.copy()
    power = _whole(microwatts)
    meter.add(power, nanoseconds)
    hubs.add(before, meter.millijoules, power, nanoseconds)


def _count(hubs: PulseHubs) -> int:
    return int(hubs.columns()["hub_count_1"][0])


@given(st.integers(0, 10**15), st.integers(0, 10**12))
def test_the_edges_are_those_that_the_output_makes(start: int, added: int) -> None:
    for kyz in (0, 1):
        hubs = PulseHubs(np.zeros(1, np.int64))
        hubs.set(0, "hub_kyz_low", kyz)
        hubs.add(_whole(start), _whole(start + added), _whole(KW), 0)
        closings = sum(1 for _ in range(start // MJ_PER_10WH + 1, (start + added) // MJ_PER_10WH + 1))
        openings = (start + added + HALF) // MJ_PER_10WH - (start + HALF) // MJ_PER_10WH
        assert _count(hubs) == closings + openings * kyz


@given(st.integers(0, 4 * MJ_PER_10WH))
def test_an_edge_is_where_the_output_changes(energy: int) -> None:
    hubs = PulseHubs(np.zeros(1, np.int64))
    hubs.set(0, "hub_kyz_low", 1)
    hubs.add(_whole(energy), _whole(energy + 1), _whole(KW), 0)
    before, after = (led_on(_whole(e), MJ_PER_10WH)[0] for e in (energy, energy + 1))
    assert _count(hubs) == int(before != after)


@given(
    st.lists(st.integers(1, 10**12), min_size=1, max_size=8),
    st.integers(0, 500 * KW),
    st.integers(0, 3 * MJ_PER_10WH),
    st.integers(0, 1),
)
def test_any_partition_of_time_gives_the_same_count(
    parts: list[int], microwatts: int, start: int, kyz: int
) -> None:
    whole, cut = PulseHubs(np.zeros(1, np.int64)), PulseHubs(np.zeros(1, np.int64))
    meters = [EnergyCounters.starting_at(_whole(start)) for _ in range(2)]
    for hubs in (whole, cut):
        hubs.set(0, "hub_kyz_low", kyz)
    _ran(whole, meters[0], microwatts, sum(parts))
    for part in parts:
        _ran(cut, meters[1], microwatts, part)
    assert _count(whole) == _count(cut)
    assert whole.columns()["hub_uptime"] == cut.columns()["hub_uptime"] == sum(parts)


def test_36_kw_close_the_output_once_a_second() -> None:
    hubs, meter = PulseHubs(np.zeros(1, np.int64)), EnergyCounters.starting_at(_whole(0))
    for second in range(1, 61):
        _ran(hubs, meter, 36 * KW, NS_PER_S)
        assert _count(hubs) == second == meter.millijoules[0] // MJ_PER_10WH


@pytest.mark.parametrize(("speed", "power"), FAST_ENOUGH)
def test_an_output_that_is_closed_for_too_short_a_time_is_missed(speed: int, power: int) -> None:
    seen, missed = PulseHubs(np.zeros(1, np.int64)), PulseHubs(np.zeros(1, np.int64))
    for hubs, microwatts in ((seen, power), (missed, power + 1)):
        hubs.set(0, "hub_speed", speed)
        hubs.add(_whole(0), _whole(10 * MJ_PER_10WH), _whole(microwatts), NS_PER_S)
    assert (_count(seen), _count(missed)) == (10, 0)


def test_hub_k_has_the_next_23_meters() -> None:
    hubs = PulseHubs(np.zeros(50, np.int64))
    after = MJ_PER_10WH * np.arange(50)
    hubs.add(np.zeros(50, np.int64), after, np.full(50, KW), NS_PER_S)
    assert hubs.hubs == 3
    columns = hubs.columns()
    assert columns["hub_count_1"].tolist() == [0, 23, 46]
    assert columns["hub_count_23"].tolist() == [22, 45, 0]


def test_kyz_is_a_matter_of_each_input() -> None:
    counts = np.zeros(46, np.int64)
    hubs = PulseHubs(counts)
    hubs.set(1, "hub_kyz_low", 1 << 15)
    hubs.set(1, "hub_kyz_high", 1 << 6 | 1)
    hubs.add(np.zeros(46, np.int64), np.full(46, MJ_PER_10WH), np.full(46, KW), NS_PER_S)
    assert np.flatnonzero(counts == 2).tolist() == [23 + 15, 23 + 16, 23 + 22]
    assert np.flatnonzero(counts == 1).size == 43


def test_a_count_goes_on_from_what_was_kept_and_rolls_over() -> None:
    kept = np.array([ROLLOVER - 1])
    hubs = PulseHubs(kept)
    hubs.add(_whole(0), _whole(2 * MJ_PER_10WH), _whole(KW), NS_PER_S)
    assert _count(hubs) == kept[0] == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hub_threshold", 99),
        ("hub_threshold", 2551),
        ("hub_speed", 3),
        ("hub_kyz_high", 128),
        ("hub_speed", -1),
    ],
)
def test_a_setting_out_of_range_is_refused_and_changes_nothing(name: str, value: int) -> None:
    hubs = PulseHubs(np.zeros(1, np.int64))
    with pytest.raises(ValueError, match=f"{name} cannot be {value}; allowed: "):
        hubs.set(0, name, value)
    assert hubs.columns()[name].tolist() == [SETTINGS[name][1]]


def test_settings_are_shown_for_each_hub() -> None:
    hubs = PulseHubs(np.zeros(24, np.int64))
    hubs.set(1, "hub_threshold", 2550)
    assert hubs.columns()["hub_threshold"].tolist() == [1000, 2550]


def test_the_columns_are_the_points_of_a_hub() -> None:
    wanted = {point.name for point in HUB_POINTS.values() if point.kind is not Kind.NAMEPLATE}
    assert set(PulseHubs(np.zeros(1, np.int64)).columns()) == wanted


def test_no_energy_is_no_edge_however_long() -> None:
    hubs = PulseHubs(np.zeros(1, np.int64))
    hubs.add(_whole(7 * MJ_PER_WH), _whole(7 * MJ_PER_WH), _whole(0), 10**15)
    assert _count(hubs) == 0
