"""The LCD's cycle and its characters."""

import numpy as np
import pytest

from sims import display
from sims.snapshot import SCREENS

_SECOND = 10**9


def _screen(seconds: float, *, on: bool = True, option: bool = True) -> str:
    uptime = np.array([int(seconds * _SECOND)], np.int64)
    return SCREENS[display.screens(uptime, np.array([on]), np.array([option]))[0]]


def _text(screen: int, kwh: int = 0, demand: float = 0.0, peak: float = 0.0) -> str:
    texts = display.texts(np.array([screen]), np.array([kwh]), np.array([demand]), np.array([peak]))
    return bytes(texts[0]).decode()


@pytest.mark.parametrize(
    ("seconds", "screen"),
    [
        (0, "total"),
        (5.999, "total"),
        (6, "instantaneous"),
        (11.999, "instantaneous"),
        (12, "peak"),
        (17.999, "peak"),
        (18, "test"),
        (18.999, "test"),
        (19, "total"),
        (19 * 1000 + 12, "peak"),
    ],
)
def test_the_demand_option_cycles_through_four_screens_in_19_seconds(seconds: float, screen: str) -> None:
    assert _screen(seconds) == screen


def test_without_the_demand_option_the_total_stays() -> None:
    assert {_screen(second, option=False) for second in range(40)} == {"total"}


def test_a_display_that_is_off_is_blank() -> None:
    assert _screen(3, on=False) == "blank"
    assert _text(display.BLANK, 123) == " " * 8


def test_the_total_has_six_digits() -> None:
    assert _text(display.TOTAL, 58) == " 000058 "
    assert _text(display.TOTAL, 999_999) == " 999999 "


@pytest.mark.parametrize(
    ("watts", "digits"),
    [
        (0.0, "   0.00"),
        (4.99, "   0.00"),
        (5.0, "   0.01"),
        (4542.0, "   4.54"),
        (4545.0, "   4.55"),
        (30_000.0, "  30.00"),
        (123_456.0, " 123.46"),
        (9_999_994.0, "9999.99"),
    ],
)
def test_demands_show_hundredths_of_a_kilowatt_rounded_half_up_and_their_dot(
    watts: float, digits: str
) -> None:
    assert _text(display.INSTANTANEOUS, demand=watts) == f"{digits}'"
    assert _text(display.PEAK, peak=watts) == f"{digits}."


def test_the_test_screen_lights_every_segment() -> None:
    assert _text(display.TEST) == "88888888"
