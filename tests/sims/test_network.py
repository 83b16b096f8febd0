"""Supply faults and loads between lines, against worked values (meter.md, Electrical model)."""

from dataclasses import replace

import numpy as np
import pytest

from sims.electrical import ServiceArrays
from sims.models import MODELS
from sims.network import Lines, Network, Supply
from sims.profiles import ConstantLoad, Sum
from sims.profiles.base import LineLoads
from sims.profiles.connected import ConnectedLoads


def _solve(
    model: str,
    ohms: tuple[float, ...] = (),
    supply: Supply | None = None,
    *,
    between: dict[int, float] | None = None,
) -> Lines:
    """Return the lines of a service with resistances to neutral, and powers [W] between pairs of lines."""
    known = MODELS[model]
    service = ServiceArrays([known], [100.0])
    loads = LineLoads.none(1)
    for line, ohm in enumerate(ohms):
        loads.active[line, 0] = known.voltage.nominal**2 / ohm
    for pair, watts in (between or {}).items():
        loads.between_active[pair, 0] = watts
    return Network(service.nominal, [supply or Supply()]).solve(loads)


def _volts(lines: Lines, count: int) -> list[float]:
    return [float(volts) for volts in np.abs(lines.voltage[:count, 0])]


def _watts(lines: Lines, count: int) -> list[float]:
    return [float(watts) for watts in (lines.voltage * np.conj(lines.current)).real[:count, 0]]


NO_NEUTRAL = Supply(neutral_lost=True)


def test_a_lost_neutral_on_a_split_service_shifts_the_voltages() -> None:
    assert _volts(_solve("series-1000-120-240", (10, 20), NO_NEUTRAL), 2) == pytest.approx([80, 160])
    lines = _solve("series-1000-120-240", (20, 10), NO_NEUTRAL)
    assert _volts(lines, 2) == pytest.approx([160, 80])
    assert sum(_watts(lines, 2)) == pytest.approx(1920)


def test_a_lost_neutral_on_a_wye_service_shifts_the_star_point() -> None:
    lines = _solve("series-2000-120-208", (2, 2, 4), NO_NEUTRAL)
    assert _volts(lines, 3) == pytest.approx([109.98, 109.98, 144.00], abs=0.005)
    assert sum(_watts(lines, 3)) == pytest.approx(17_280, abs=0.5)


@pytest.mark.parametrize(
    ("model", "ohms", "volts"),
    [
        ("series-1000-120-240", (10, 20), (80, 160)),
        ("series-1000-120-240", (20, 10), (160, 80)),
        ("series-1000-120-240", (1, 1199), (0.2, 239.8)),
        ("series-1000-120-208", (10, 10), (60 * 3**0.5, 60 * 3**0.5)),
        ("series-1000-277-480", (3, 1), (207.75 * 3**0.5, 69.25 * 3**0.5)),
        ("series-1000-1p2w-120", (10,), (0,)),
        ("series-1000-1p2w-277", (10,), (0,)),
    ],
)
def test_lines_that_a_service_lacks_have_no_part_in_where_a_lost_neutral_goes(
    model: str, ohms: tuple[float, ...], volts: tuple[float, ...]
) -> None:
    """The voltage divides as the resistances do: far better than to the microvolt that is shown."""
    assert _volts(_solve(model, ohms, NO_NEUTRAL), len(ohms)) == pytest.approx(volts, rel=0, abs=5e-8)
    held = Supply(neutral_lost=True, lost=frozenset({3}))
    assert _volts(_solve(model, ohms, held), len(ohms)) == pytest.approx(volts, rel=0, abs=5e-8)


def test_the_load_of_a_lost_line_dies_with_it() -> None:
    lines = _solve("series-2000-120-208", (2, 2, 4), Supply(lost=frozenset({2})))
    assert _volts(lines, 3) == pytest.approx([120, 0, 120], abs=1e-6)
    assert _watts(lines, 3) == pytest.approx([7200, 0, 3600], abs=1e-6)


def test_a_load_between_lines_shows_on_both_elements() -> None:
    watts = 50 * 120 * 3**0.5
    lines = _solve("series-1000-120-208", between={0: watts})
    assert np.abs(lines.current[:2, 0]) == pytest.approx([50, 50])
    assert _watts(lines, 2) == pytest.approx([5196.15, 5196.15], abs=0.005)
    lines = _solve("series-1000-120-240", between={0: 50 * 240})
    assert _watts(lines, 2) == pytest.approx([6000, 6000])


def test_a_load_between_lines_feeds_a_lost_line_back() -> None:
    """The two halves of a voltage divider: 4 ohm between the lines, 2 ohm from the dead one to neutral."""
    lines = _solve("series-1000-120-240", (1e9, 2), Supply(lost=frozenset({2})), between={0: 240.0**2 / 4})
    assert _volts(lines, 2) == pytest.approx([120, 40])


def test_a_line_or_a_neutral_on_which_nothing_hangs_is_at_rest() -> None:
    nothing = Supply(lost=frozenset({1, 2, 3}), neutral_lost=True)
    assert _volts(_solve("series-2000-120-208", (), nothing), 3) == pytest.approx([0, 0, 0], abs=1e-9)
    assert _volts(_solve("series-2000-120-208", (), NO_NEUTRAL), 3) == pytest.approx([120] * 3)
    lines = _solve("series-1000-120-240", (10,), Supply(lost=frozenset({2}), neutral_lost=True))
    assert _volts(lines, 2) == pytest.approx([0, 0], abs=1e-6)


def test_a_line_at_110_percent_draws_121_percent() -> None:
    lines = _solve("series-1000-1p2w-120", (12,), Supply(volts=(132.0,)))
    assert _volts(lines, 1) == pytest.approx([132])
    assert _watts(lines, 1) == pytest.approx([1200 * 1.21])


@pytest.mark.filterwarnings("error")
def test_what_feeds_in_switches_off_where_the_service_is_not_whole() -> None:
    lines = _solve("series-1000-120-240", (10, -11), NO_NEUTRAL)
    assert _volts(lines, 2) == pytest.approx([0, 240], abs=1e-3)
    assert sum(_watts(lines, 2)) == pytest.approx(0.0, abs=1e-3)
    assert _watts(_solve("series-1000-120-240", (10, -11)), 2) == pytest.approx([1440, -14400 / 11])


def test_sources_of_a_sum_switch_off_and_its_consumers_stay() -> None:
    """9 kW at PF 0.8 beside a source of 30 kVA: on the lines left 3 kW each with their own reactive power."""
    service = ServiceArrays([MODELS["series-2000-120-208"]], [100.0])
    load = Sum((ConstantLoad(9.0, 0.8), Sum((ConstantLoad(-27.0, 0.9),))))
    for consumers in (load, replace(load, shares=(1 / 3, 1 / 3, 1 / 3))):
        connected = ConnectedLoads([consumers], [MODELS["series-2000-120-208"]], ["S1"], seed=0, start=0)
        lines = Network(service.nominal, [Supply(lost=frozenset({3}))]).solve(connected.lines)
        assert lines.voltage[:2, 0] * lines.current[:2, 0].conj() == pytest.approx([3000 + 2250j] * 2)
        whole = Network(service.nominal, [Supply()]).solve(connected.lines)
        assert (whole.voltage * whole.current.conj()).real.sum() == pytest.approx(-18_000)


def test_a_source_that_switches_off_takes_its_reactive_power_with_it() -> None:
    service = ServiceArrays([MODELS["series-2000-120-208"]], [100.0])
    models = [MODELS["series-2000-120-208"]]
    connected = ConnectedLoads([ConstantLoad(-30.0, 0.9)], models, ["S1"], seed=0, start=0)
    lines = Network(service.nominal, [Supply(lost=frozenset({3}))]).solve(connected.lines)
    assert np.abs(lines.current).max() == 0.0


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("model", ["series-1000-120-240", "series-2000-277-480"])
def test_a_resonance_at_a_lost_neutral_stays_within_bounds(model: str) -> None:
    service = ServiceArrays([MODELS[model]], [100.0])
    loads = LineLoads.none(1)
    loads.reactive[0, 0], loads.reactive[1, 0] = 5000.0, -5000.0
    lines = Network(service.nominal, [NO_NEUTRAL]).solve(loads)
    assert np.isfinite(lines.voltage).all()
    assert np.abs(lines.voltage).max() <= 3.0 * MODELS[model].voltage.nominal + 1e-6


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("watts", [1e-300, 1e-3, 1e3, 1e6, 1e8])
def test_any_load_on_a_lost_line_and_neutral_has_a_solution(watts: float) -> None:
    service = ServiceArrays([MODELS["series-2000-120-208"]], [100.0])
    loads = LineLoads.none(1)
    loads.active[1, 0] = watts
    lost = Supply(lost=frozenset({2}), neutral_lost=True)
    lines = Network(service.nominal, [lost]).solve(loads)
    assert np.isfinite(lines.voltage).all()
