"""Constant loads: kilowatts over all lines, amperes on each."""

import math
from collections.abc import Callable

import pytest

from sims.models import MODELS
from sims.profiles import PAIRS, ConstantLoad, LineCurrents, LoadError, PairCurrent
from tests.sims.profiles.conftest import LoadsAt, Play


@pytest.mark.parametrize("key", MODELS)
def test_kilowatts_are_balanced_over_the_lines_of_the_service(
    loads_at: LoadsAt, start: int, key: str
) -> None:
    loads = loads_at([ConstantLoad(36.0, 0.8)], start, [key])
    elements = MODELS[key].elements
    assert loads.active[:elements, 0] == pytest.approx(36_000 / elements)
    assert loads.reactive[:elements, 0] == pytest.approx(27_000 / elements)
    assert not loads.active[elements:].any()
    assert not loads.reactive[elements:].any()


def test_a_negative_power_factor_leads(loads_at: LoadsAt, start: int) -> None:
    assert loads_at([ConstantLoad(8.0, -0.8)], start).reactive.sum() == pytest.approx(-6000)
    assert loads_at([ConstantLoad(8.0, 1.0)], start).reactive.sum() == 0


def test_negative_kilowatts_feed_back_and_keep_the_sign_of_their_reactive_power(
    loads_at: LoadsAt, start: int
) -> None:
    loads = loads_at([ConstantLoad(-8.0, 0.8)], start)
    assert loads.active.sum() == pytest.approx(-8000)
    assert loads.reactive.sum() == pytest.approx(6000)


def test_amperes_flow_at_the_nominal_voltage_line_by_line(loads_at: LoadsAt, start: int) -> None:
    loads = loads_at([LineCurrents((60.0, 30.0, 10.0), (1.0, math.sqrt(0.75), -0.5))], start)
    assert loads.active[:, 0] == pytest.approx([7200, 3117.691454, 600])
    assert loads.reactive[:, 0] == pytest.approx([0, 1800, -1039.230485])
    assert loads.active.sum() == pytest.approx(10_917.69, abs=5e-3)
    assert loads.reactive.sum() == pytest.approx(760.77, abs=5e-3)


def test_amperes_without_power_factors_are_in_phase_and_with_zero_lag_by_90_degrees(
    loads_at: LoadsAt, start: int
) -> None:
    loads = loads_at(
        [LineCurrents((10.0,)), LineCurrents((10.0,), (0.0,))], start, ["series-1000-1p2w-277"] * 2
    )
    assert loads.active[0].tolist() == [2770, 0]
    assert loads.reactive[0].tolist() == [0, 2770]


@pytest.mark.parametrize(
    ("key", "volts"),
    [
        ("series-1000-120-208", 207.846097),
        ("series-1000-120-240", 240.0),
        ("series-1000-277-480", 479.778074),
    ],
)
def test_amperes_between_lines_flow_at_the_nominal_voltage_between_them(
    loads_at: LoadsAt, start: int, key: str, volts: float
) -> None:
    load = LineCurrents((1.0, 2.0), between=(PairCurrent("l1_l2", 50.0, -0.8),))
    loads = loads_at([load], start, [key])
    assert loads.between_active[:, 0] == pytest.approx([40 * volts, 0, 0])
    assert loads.between_reactive[:, 0] == pytest.approx([-30 * volts, 0, 0])
    assert loads.active[:, 0].tolist() == [MODELS[key].voltage.nominal, 2 * MODELS[key].voltage.nominal, 0]


def test_each_pair_of_lines_has_its_place(loads_at: LoadsAt, start: int) -> None:
    pairs = tuple(PairCurrent(pair, amps) for amps, pair in enumerate(PAIRS, 1))
    loads = loads_at([LineCurrents((0.0, 0.0, 0.0), between=pairs)], start)
    assert loads.between_active[:, 0] == pytest.approx([207.846097, 2 * 207.846097, 3 * 207.846097])


def test_a_constant_load_has_no_edge_and_registers_its_energy(play: Play) -> None:
    assert play([ConstantLoad(36.0), ConstantLoad(0.001)], 3600) == [36 * 3_600_000_000_000, 3_600_000_000]


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (lambda: ConstantLoad(math.nan), "kw"),
        (lambda: ConstantLoad(1e9), "kw"),
        (lambda: ConstantLoad(1.0, 0.0), "power_factor"),
        (lambda: ConstantLoad(1.0, -1.01), "power_factor"),
        (lambda: ConstantLoad(1.0, math.nan), "power_factor"),
        (lambda: LineCurrents((-1.0,)), "amps"),
        (lambda: LineCurrents((math.inf,)), "amps"),
        (lambda: LineCurrents((1.0, 1.0), (1.0,)), "pf"),
        (lambda: LineCurrents((1.0,), (1.5,)), "pf"),
        (lambda: LineCurrents((1e9,)).check(MODELS["series-1000-1p2w-120"]), "amps"),
        (lambda: LineCurrents((1.0,), between=(PairCurrent("l1_l2", -1.0),)), "between.l1_l2.amps"),
        (lambda: LineCurrents((1.0,), between=(PairCurrent("l1_l2", 1.0, 2.0),)), "between.l1_l2.pf"),
        (
            lambda: LineCurrents((1.0,), between=(PairCurrent("l1_l2", 1.0),)).check(
                MODELS["series-1000-1p2w-120"]
            ),
            "between.l1_l2",
        ),
    ],
)
def test_impossible_loads_are_refused_with_their_key(make: Callable[[], object], key: str) -> None:
    with pytest.raises(LoadError) as refusal:
        make()
    assert refusal.value.key == key
    assert str(refusal.value).startswith(f"{key}: ")
