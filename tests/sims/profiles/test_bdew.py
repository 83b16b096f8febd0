"""Standard profiles: the curves as demandlib makes them, in the right season, on the right day."""

from zoneinfo import ZoneInfo

import pytest

from sims.profiles import BDEW_PROFILES, BdewProfile, LoadError
from sims.profiles.bdew import year_curve
from sims.profiles.bdew_curves import CURVES
from tests.sims.profiles.conftest import LoadsAt, Play

DAY = 96

# Made with demandlib 0.2.2: ElecSlp(2026).get_scaled_power_profiles({...: 1000}) [W].
DEMANDLIB = {
    "winter workday, 2026-01-05 18:30": (4 * DAY + 74, {"h0": 171.532375, "g1": 80.802331, "l1": 273.968363}),
    "summer Saturday, 2026-07-04 12:15": (
        184 * DAY + 49,
        {"h0": 182.150474, "g0": 178.956885, "g4": 201.699317, "l2": 148.476437},
    ),
    "transition Sunday, 2026-04-12 07:45": (
        101 * DAY + 31,
        {"h0": 79.215021, "g3": 97.298072, "g5": 51.322547, "g6": 66.749936, "l0": 170.446344},
    ),
}


def test_there_are_three_days_in_three_seasons_of_eleven_profiles() -> None:
    assert len(CURVES) == 99
    assert {len(curve) for curve in CURVES.values()} == {96}
    assert {name for name, _, _ in CURVES} == set(BDEW_PROFILES) - {"h0_dyn"}


@pytest.mark.parametrize("when", DEMANDLIB)
def test_the_curves_are_those_of_demandlib(when: str) -> None:
    quarter, watts = DEMANDLIB[when]
    found = {name: float(year_curve(name, 2026)[quarter]) * 1000 for name in watts}
    assert found == pytest.approx(watts, rel=1e-6)


def test_the_dynamic_profile_of_households_is_that_of_demandlib() -> None:
    curve = year_curve("h0_dyn", 2026) * 1000
    assert curve[[4 * DAY + 74, 184 * DAY + 49]].tolist() == pytest.approx([214.153127, 144.57346], rel=2e-5)


@pytest.mark.parametrize("name", BDEW_PROFILES)
@pytest.mark.parametrize("year", [2026, 2028])
def test_a_year_has_its_energy(name: str, year: int) -> None:
    assert year_curve(name, year).sum() / 4 == pytest.approx(1000, rel=1e-12)


def test_an_hour_of_a_meter_has_the_energy_of_its_quarters(play: Play) -> None:
    (energy,) = play([BdewProfile("g0", 10_000)], 3600)
    watts = 10_000 * year_curve("g0", 2026)[4 * DAY : 4 * DAY + 4].mean()
    assert energy / 1e6 == pytest.approx(3600 * watts, rel=1e-6)


def test_the_day_begins_in_the_zone_of_the_profile(loads_at: LoadsAt, start: int) -> None:
    local = BdewProfile("g0", 10_000, zone=ZoneInfo("Europe/Berlin"))
    loads = loads_at([BdewProfile("g0", 10_000), local], start).active.sum(axis=0)
    curve = year_curve("g0", 2026) * 10_000
    assert loads.tolist() == pytest.approx([curve[4 * DAY], curve[4 * DAY + 4]])


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"profile": "h1", "annual_kwh": 1.0}, "profile"),
        ({"profile": "h0", "annual_kwh": -1.0}, "annual_kwh"),
        ({"profile": "h0", "annual_kwh": 1.0, "power_factor": 2.0}, "power_factor"),
    ],
)
def test_impossible_profiles_are_refused_with_their_key(settings: dict[str, float], key: str) -> None:
    with pytest.raises(LoadError) as refusal:
        BdewProfile(**settings)  # type: ignore[arg-type]
    assert refusal.value.key == key
