"""The accumulator: exact over any partition of time, and the figures that hang on it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sims import energy
from sims.energy import EnergyCounters

_SECOND = 10**9


def _counters(millijoules: int = 0) -> EnergyCounters:
    return EnergyCounters.starting_at(np.array([millijoules], np.int64))


def test_one_kilowatt_for_an_hour_is_one_kilowatt_hour() -> None:
    counters = _counters()
    counters.add(np.array([1_000_000_000], np.int64), 3600 * _SECOND)
    assert counters.millijoules.tolist() == [energy.MJ_PER_KWH]
    assert counters.femtojoules.tolist() == [0]


@given(
    microwatts=st.integers(0, 10**15),
    parts=st.lists(st.integers(1, 400 * _SECOND), min_size=1, max_size=20),
)
def test_any_partition_of_time_gives_the_same_energy(microwatts: int, parts: list[int]) -> None:
    counters = _counters()
    for part in parts:
        counters.add(np.array([microwatts], np.int64), part)
    exact = microwatts * sum(parts)  # femtojoules
    assert (int(counters.millijoules[0]), int(counters.femtojoules[0])) == divmod(exact, 10**12)


@given(
    microwatts=st.lists(st.integers(0, 10**15), min_size=4, max_size=4),
    nanoseconds=st.lists(st.integers(0, 100 * 86_400 * _SECOND), min_size=4, max_size=4),
)
def test_counters_tell_how_they_will_stand_at_other_times_on_other_meters(
    microwatts: list[int], nanoseconds: list[int]
) -> None:
    counters = EnergyCounters.starting_at(np.arange(4, dtype=np.int64))
    counters.add(np.array([1, 10, 100, 1000], np.int64), 1)
    rows = np.array([3, 1, 0, 2])
    later = counters.at(rows, np.array(microwatts, np.int64), np.array(nanoseconds, np.int64))
    for place, row in enumerate(rows.tolist()):
        exact = row * 10**12 + 10**row + microwatts[place] * nanoseconds[place]
        assert (int(later.millijoules[place]), int(later.femtojoules[place])) == divmod(exact, 10**12)
    assert counters.millijoules.tolist() == [0, 1, 2, 3]


def test_a_year_at_full_scale_does_not_overflow() -> None:
    counters = _counters()
    for _ in range(365):
        counters.add(np.array([10**13], np.int64), 86_400 * _SECOND)
    assert int(counters.millijoules[0]) == 10**10 * 365 * 86_400


def test_a_counter_that_is_full_stays_where_it_is() -> None:
    counters = _counters(energy.CAPACITY - 1)
    for _ in range(3):
        counters.add(np.array([10**15], np.int64), 100 * 86_400 * _SECOND)
    assert counters.millijoules.tolist() == [energy.CAPACITY]


def test_the_lcd_counts_whole_kwh_and_rolls_over_at_a_million() -> None:
    readings = np.array([0, energy.MJ_PER_KWH - 1, energy.MJ_PER_KWH, 10**6 * energy.MJ_PER_KWH], np.int64)
    assert energy.lcd_energy(readings).tolist() == [0, 0, 1, 0]


def test_a_pulse_is_complete_after_its_energy_and_its_led_is_on_in_the_first_half() -> None:
    per_pulse = energy.MJ_PER_10WH
    readings = np.array([0, per_pulse // 2 - 1, per_pulse // 2, per_pulse - 1, per_pulse], np.int64)
    assert energy.pulses(readings, per_pulse).tolist() == [0, 0, 0, 0, 1]
    assert energy.led_on(readings, per_pulse).tolist() == [True, True, False, False, True]
