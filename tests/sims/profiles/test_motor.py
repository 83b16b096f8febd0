"""Motors: the inrush lasts to the second, then the drive runs, then nothing."""

from zoneinfo import ZoneInfo

import numpy as np
import pytest

from sims.models import MODELS
from sims.points import NS_PER_S
from sims.profiles import LoadError, Motor, build_groups
from sims.profiles.base import LineLoads
from tests.sims.profiles.conftest import LoadsAt, Play

MOTOR = Motor(8.5, (60,), 600)


@pytest.mark.parametrize(
    ("second", "volt_amperes", "power_factor"),
    [(3600, 60_000, 0.3), (3604, 60_000, 0.3), (3605, 10_000, 0.85), (4199, 10_000, 0.85)],
)
def test_the_inrush_is_a_multiple_of_the_current_at_a_low_power_factor(
    loads_at: LoadsAt, start: int, second: int, volt_amperes: float, power_factor: float
) -> None:
    loads = loads_at([MOTOR], start + second * NS_PER_S)
    active, reactive = loads.active.sum(), loads.reactive.sum()
    assert np.hypot(active, reactive) == pytest.approx(volt_amperes)
    assert active / volt_amperes == pytest.approx(power_factor)


@pytest.mark.parametrize("second", [0, 3599, 4200])
def test_before_its_start_and_after_its_run_a_motor_draws_nothing(
    loads_at: LoadsAt, start: int, second: int
) -> None:
    loads = loads_at([MOTOR], start + second * NS_PER_S)
    assert not loads.active.any()
    assert not loads.reactive.any()


def test_start_end_of_inrush_and_stop_are_edges(start: int) -> None:
    (group,) = build_groups([MOTOR], [MODELS["series-2000-120-208"]], ["A"], seed=0, start=start)
    edges, now = [], start
    while now < start + 4500 * NS_PER_S:
        now = group.apply(now, LineLoads.none(1))
        edges.append((now - start) // NS_PER_S)
    assert edges == [900, 1800, 2700, 3600, 3605, 4200, 4500]


def test_a_day_has_the_energy_of_its_starts(play: Play) -> None:
    motor = Motor(8.5, (60, 600, 1439), 600)
    a_start = 5 * 18_000 + 595 * 8500
    assert play([motor], 86_400) == [3 * a_start * 10**6]


def test_starts_are_by_the_clock_of_the_zone(loads_at: LoadsAt, start: int) -> None:
    motor = Motor(8.5, (60,), 600, zone=ZoneInfo("Europe/Berlin"))
    assert loads_at([motor], start).active.sum() == pytest.approx(18_000)


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"kw": -1.0}, "kw"),
        ({"starts": ()}, "starts"),
        ({"starts": (1440,)}, "starts"),
        ({"run_s": 4}, "inrush_s"),
        ({"inrush": 0.5}, "inrush"),
        ({"inrush_power_factor": 0.0}, "inrush_power_factor"),
        ({"power_factor": 0.0}, "power_factor"),
    ],
)
def test_impossible_motors_are_refused_with_their_key(settings: dict[str, object], key: str) -> None:
    with pytest.raises(LoadError) as refusal:
        Motor(**{"kw": 1.0, "starts": (0,), "run_s": 60} | settings)  # type: ignore[arg-type]
    assert refusal.value.key == key
