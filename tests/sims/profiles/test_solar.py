"""Solar panels: they feed back while the sun is up, most at noon, more in summer."""

from datetime import UTC, datetime

import numpy as np
import pytest

from sims.points import NS_PER_S
from sims.profiles import LoadError, Solar
from sims.profiles.solar import clear_sky
from tests.sims.profiles.conftest import LoadsAt, Play

MUNICH = Solar(10.0, 48.14, 11.58)


def _kw(loads_at: LoadsAt, panels: Solar, *moment: int) -> float:
    time = int(datetime(*moment, tzinfo=UTC).timestamp()) * NS_PER_S  # type: ignore[arg-type, misc]
    return float(loads_at([panels], time).active.sum()) / 1e3


def test_panels_feed_back_by_day_and_rest_at_night(loads_at: LoadsAt) -> None:
    assert _kw(loads_at, MUNICH, 2026, 6, 21, 11, 15) == pytest.approx(-8.1, abs=0.3)
    assert -2.8 < _kw(loads_at, MUNICH, 2026, 12, 21, 11, 15) < -2.0
    assert _kw(loads_at, MUNICH, 2026, 6, 21, 23, 0) == 0


def test_the_sun_rises_and_sets_when_it_does(loads_at: LoadsAt) -> None:
    """Munich, 21 June 2026: sunrise 05:14, sunset 21:17 CEST, of the upper limb and with refraction."""
    assert _kw(loads_at, MUNICH, 2026, 6, 21, 3, 8) == 0
    assert _kw(loads_at, MUNICH, 2026, 6, 21, 3, 45) < 0
    assert _kw(loads_at, MUNICH, 2026, 6, 21, 18, 50) < 0
    assert _kw(loads_at, MUNICH, 2026, 6, 21, 19, 23) == 0


def test_noon_is_earlier_in_the_east_and_seasons_are_reversed_in_the_south(loads_at: LoadsAt) -> None:
    sydney = Solar(10.0, -33.87, 151.21)
    assert _kw(loads_at, sydney, 2026, 12, 21, 2, 0) < _kw(loads_at, sydney, 2026, 6, 21, 2, 0) < 0
    assert _kw(loads_at, sydney, 2026, 12, 21, 12, 0) == 0


def test_a_year_has_about_the_hours_of_a_clear_year(play: Play) -> None:
    (energy,) = play([Solar(1.0, 48.14, 11.58)], 86_400, start=1_774_051_200 * NS_PER_S)
    assert energy / 3.6e12 == pytest.approx(-4.7, abs=0.6)


def test_the_clear_sky_has_the_irradiance_of_its_source() -> None:
    assert clear_sky(np.array([-1.0, 0.0, 0.5, 1.0])).tolist() == pytest.approx(
        [0, 0, 0.549 * np.exp(-0.114), 1.098 * np.exp(-0.057)]
    )


@pytest.mark.parametrize(
    ("place", "key"),
    [
        ((-1.0, 0.0, 0.0), "kwp"),
        ((1.0, 91.0, 0.0), "latitude"),
        ((1.0, 0.0, float("nan")), "longitude"),
        ((1.0, 0.0, 0.0, 0.0), "power_factor"),
    ],
)
def test_impossible_panels_are_refused_with_their_key(place: tuple[float, ...], key: str) -> None:
    with pytest.raises(LoadError) as refusal:
        Solar(*place)
    assert refusal.value.key == key
