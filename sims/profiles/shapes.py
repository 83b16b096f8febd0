"""What buildings draw over a day, by kind of building: plain shapes of our own, no measurements.

Each is drawn after how such a building is used: when people come and go, when kitchens and tills are busy,
what runs through the night. How they become loads of meters is not known here.
"""

import math
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from types import MappingProxyType
from typing import Final

_MINUTES_PER_DAY: Final = 1440
_DAYS_PER_YEAR: Final = 365.2425
_MID_JANUARY: Final = 14
_EPOCH: Final = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Shape:
    """The load at each full hour of a working day and of a Saturday or Sunday, relative to each other.

    `winter` is how much higher than on average it is in mid-January, and lower in mid-July; a shape that
    peaks in summer has a negative one.
    """

    workday: tuple[float, ...]
    weekend: tuple[float, ...]
    winter: float

    def level(self, minute: int) -> float:
        """Return the relative load in `minute` [min since 1970 UTC], on the line between the full hours."""
        day, minute_of_day = divmod(minute, _MINUTES_PER_DAY)
        hour, past = divmod(minute_of_day, 60)
        hours = (*self._hours(day), self._hours(day + 1)[0])
        return (hours[hour] + (hours[hour + 1] - hours[hour]) * (past + 0.5) / 60.0) * self._season(day)

    def year_hours(self, year: int) -> float:
        """Return for how many hours the relative load 1 would draw what the shape draws in a year."""
        return _year_hours(self, year)

    def day_hours(self, day: int) -> float:
        """Return the same for one `day` [days since 1970]."""
        hours = (*self._hours(day), self._hours(day + 1)[0])
        return (sum(hours) - (hours[0] + hours[-1]) / 2.0) * self._season(day)

    def _hours(self, day: int) -> tuple[float, ...]:
        return self.weekend if (day + 3) % 7 >= 5 else self.workday  # noqa: PLR2004  1 January 1970: a Thursday

    def _season(self, day: int) -> float:
        return 1.0 + self.winter * math.cos(2.0 * math.pi * (day - _MID_JANUARY) / _DAYS_PER_YEAR)


@lru_cache(maxsize=256)
def _year_hours(shape: Shape, year: int) -> float:
    days = range(date(year, 1, 1).toordinal() - _EPOCH, date(year + 1, 1, 1).toordinal() - _EPOCH)
    return math.fsum(shape.day_hours(day) for day in days)


def _hours(text: str) -> tuple[float, ...]:
    return tuple(float(hour) for hour in text.split())


SHAPES: Final = MappingProxyType(
    {
        "office": Shape(
            _hours("24 23 22 22 23 26 36 58 82 95 100 99 94 97 99 97 91 80 62 48 39 33 29 26"),
            _hours("22 21 21 21 21 21 23 26 29 31 32 33 33 33 32 31 30 28 26 25 24 23 23 22"),
            winter=-0.08,
        ),
        "retail": Shape(
            _hours("18 17 17 17 18 20 27 42 66 86 94 97 98 98 98 98 99 100 98 90 66 38 24 19"),
            _hours("18 17 17 17 17 19 24 36 58 82 93 98 100 100 100 99 97 92 80 60 42 29 22 19"),
            winter=-0.05,
        ),
        "residential": Shape(
            _hours("40 34 31 30 30 34 50 70 66 54 48 47 50 49 46 48 58 78 95 100 96 86 69 52"),
            _hours("45 38 34 32 31 32 38 50 66 75 76 76 80 78 72 70 75 86 97 100 95 86 72 56"),
            winter=0.18,
        ),
        "hotel": Shape(
            _hours("52 47 44 43 46 56 76 95 94 82 72 68 70 68 64 65 70 80 93 100 98 90 76 62"),
            _hours("55 49 46 44 45 51 65 84 95 90 78 71 71 69 66 67 72 82 94 100 98 91 79 65"),
            winter=-0.06,
        ),
        "school": Shape(
            _hours("17 16 16 16 18 27 52 84 98 100 99 98 96 95 88 70 52 42 36 32 27 22 19 18"),
            _hours("16 16 16 16 16 16 17 18 19 20 20 20 20 20 20 19 18 18 17 17 17 16 16 16"),
            winter=0.12,
        ),
        "restaurant": Shape(
            _hours("28 22 20 20 21 24 32 42 52 64 80 95 98 88 70 62 66 82 97 100 95 80 58 38"),
            _hours("34 25 21 20 21 23 29 40 54 68 84 97 100 93 80 72 74 86 98 100 97 87 68 47"),
            winter=-0.04,
        ),
        "hospital": Shape(
            _hours("64 62 61 61 62 66 75 86 94 98 100 100 99 98 97 95 92 88 83 79 76 72 69 66"),
            _hours("63 61 60 60 61 63 68 74 79 82 84 85 85 84 83 82 81 79 77 75 73 70 67 65"),
            winter=-0.07,
        ),
        "warehouse": Shape(
            _hours("22 21 21 22 27 45 74 92 98 100 99 94 90 97 98 94 82 62 45 35 29 26 24 23"),
            _hours("20 20 20 20 21 24 31 38 42 43 43 41 39 38 35 31 27 24 22 21 21 20 20 20"),
            winter=0.05,
        ),
        "industrial": Shape(
            _hours("48 47 46 47 52 72 92 98 100 99 98 93 92 98 97 94 90 88 86 84 80 72 58 50"),
            _hours("35 34 34 34 35 38 44 48 50 50 49 47 45 44 43 41 40 39 38 38 37 36 36 35"),
            winter=0.02,
        ),
    }
)
"""The shapes by the name of the profile."""
