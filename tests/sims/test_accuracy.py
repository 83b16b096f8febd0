"""The error model: bounds for every meter drawn, and the same meter for every draw."""

from math import acos, tan

import numpy as np
import pytest

from sims.accuracy import IDEAL, PHASE_LIMIT, RATIO_LIMIT, ElementError, ErrorArrays, draw

SERIALS = [f"{n:012}" for n in range(10_000)]


@pytest.fixture(scope="module")
def drawn() -> ErrorArrays:
    return ErrorArrays([[draw(serial, 1, split=False)] for serial in SERIALS])


@pytest.mark.parametrize("loading", [0.01, 0.02, 0.05, 0.1, 0.3, 1.0])
@pytest.mark.parametrize(("factor", "sign", "limit"), [(1.0, 1, 0.5), (0.5, 1, 0.75), (0.5, -1, 0.75)])
def test_r7_ten_thousand_meters_keep_the_stated_accuracy(
    drawn: ErrorArrays, loading: float, factor: float, sign: int, limit: float
) -> None:
    power = np.zeros((3, len(SERIALS)), np.complex128)
    power[0] = 1000.0 * (1 + sign * 1j * tan(acos(factor)))
    measured = drawn.measured(power, np.full(power.shape, loading))
    percent = np.abs(measured[0].real / 1000.0 - 1.0) * 100.0
    assert percent.max() <= limit
    assert percent.max() > 0.5 * limit


def test_draws_fill_their_limits_lean_low_at_low_current_and_differ_between_elements() -> None:
    errors = [draw(serial, 1, split=False) for serial in SERIALS]
    assert max(abs(one.g0) + abs(one.gl) for one in errors) <= RATIO_LIMIT
    assert max(abs(one.beta) for one in errors) <= PHASE_LIMIT
    assert np.std([one.beta for one in errors]) == pytest.approx(PHASE_LIMIT / 3, rel=0.05)
    assert np.mean([one.gl for one in errors]) < -0.05
    assert draw("1", 1, split=False) != draw("1", 2, split=False) != draw("2", 2, split=False)


def test_a_serial_number_has_the_same_error_for_ever() -> None:
    error = draw("000123456789", 1, split=False)
    assert (error.g0, error.gl, error.beta) == pytest.approx(
        (-0.106328606, -0.185376325, -1.068021477), abs=1e-8
    )


def test_split_core_cts_turn_the_current_by_one_to_two_degrees() -> None:
    betas = [draw(serial, 1, split=True).beta for serial in SERIALS[:1000]]
    assert 60.0 <= min(betas) <= max(betas) <= 120.0


def test_the_formula_of_the_specification() -> None:
    error = ErrorArrays([[ElementError(0.1, -0.2, 3.0)]])
    power = np.array([[500.0 * (1 + 3**0.5 * 1j)], [0], [0]])
    measured = error.measured(power, np.full((3, 1), 0.04))
    expected = 0.1 - 0.2 * (0.01 / 0.04) ** 0.5 + 0.029089 * 3.0 * 3**0.5
    assert (measured[0, 0].real / 500.0 - 1) * 100 == pytest.approx(expected, abs=1e-5)


def test_an_ideal_meter_measures_what_there_is() -> None:
    power = np.array([[1 + 2j], [3 - 1j], [0]])
    assert ErrorArrays([[IDEAL] * 3]).measured(power, np.ones((3, 1))).tolist() == power.tolist()
