"""Solar back-feed under a clear sky: what panels feed in, from the height of the sun alone.

Weather is not known here; noise on the load stands for passing clouds.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sims.points import NS_PER_S
from sims.profiles.base import (
    Balance,
    LineLoads,
    LoadError,
    LoadSpec,
    Members,
    check_power,
    check_power_factor,
)

_NS_PER_MINUTE: Final = 60 * NS_PER_S
_MINUTES_PER_DAY: Final = 1440
_DAYS_PER_YEAR: Final = 365.2425
_TILT: Final = math.radians(23.45)
_EQUINOX: Final = 81.0
_PERFORMANCE: Final = 0.85


@dataclass(frozen=True, slots=True)
class Solar(LoadSpec):
    """Horizontal panels of `kwp` [kW] at `latitude` (north positive) and `longitude` (east positive) [deg].

    The load is negative: it feeds back.
    """

    kwp: float
    latitude: float
    longitude: float
    power_factor: float = 1.0

    def __post_init__(self) -> None:
        check_power(self.kwp * 1e3, "kwp")
        if self.kwp < 0:
            raise LoadError(f"{self.kwp:g} is not a peak power from 0 kW on", key="kwp")
        _check_angle(self.latitude, 90, "latitude")
        _check_angle(self.longitude, 180, "longitude")
        check_power_factor(self.power_factor)


def _check_angle(degrees: float, greatest: int, key: str) -> None:
    if not abs(degrees) <= greatest:
        raise LoadError(f"{degrees:g} is not from -{greatest} to {greatest} degrees", key=key)


class SolarGroup:
    """The meters with solar panels; an edge every full minute."""

    def __init__(self, members: Members) -> None:
        latitude = np.radians([load.latitude for load in members.loads])
        self._sin_latitude, self._cos_latitude = np.sin(latitude), np.cos(latitude)
        self._longitude = np.radians([load.longitude for load in members.loads])
        self._watts = np.array([load.kwp * 1e3 for load in members.loads]) * _PERFORMANCE
        self._balance = Balance(members)

    def apply(self, time: int, loads: LineLoads) -> int:
        """Write the loads of the minute that `time` [ns] is in; return the next full minute [ns]."""
        minute = time // _NS_PER_MINUTE
        self._balance.write(0.0 - self._watts * clear_sky(self._sin_elevation(minute)), loads)
        return (minute + 1) * _NS_PER_MINUTE

    def _sin_elevation(self, minute: int) -> NDArray[np.float64]:
        """Return the sine of the sun's height amid `minute` [min since 1970 UTC], shape (k,)."""
        day, past = divmod(minute, _MINUTES_PER_DAY)
        angle = 2.0 * math.pi * (day % _DAYS_PER_YEAR + 1.0 - _EQUINOX) / _DAYS_PER_YEAR
        declination = _TILT * math.sin(angle)
        equation_min = 9.87 * math.sin(2.0 * angle) - 7.53 * math.cos(angle) - 1.5 * math.sin(angle)
        noon = 2.0 * math.pi * ((past + 0.5 + equation_min) / _MINUTES_PER_DAY - 0.5)
        return self._sin_latitude * math.sin(declination) + self._cos_latitude * math.cos(
            declination
        ) * np.cos(noon + self._longitude)


def clear_sky(sin_elevation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the irradiance on the ground under a clear sky [kW/m2], 0 while the sun is down.

    Haurwitz: Insolation in relation to cloudiness and cloud density, Journal of Meteorology 2, 1945. The
    declination of the sun follows Cooper (1969), the equation of time the usual three terms.
    """
    up = np.maximum(sin_elevation, 1e-3)
    return np.where(sin_elevation > 0.0, 1.098 * up * np.exp(-0.057 / up), 0.0)
