"""Local time: what a clock on the wall shows at an instant, and which instant a time without a zone means.

The zone is given as an object: no table of zones is read here, and none is found by its name.
"""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, NamedTuple

from sims.profiles.base import LoadError

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH: Final = _EPOCH.replace(tzinfo=None)
_SECOND: Final = timedelta(seconds=1)
_MICROSECOND: Final = timedelta(microseconds=1)


class LocalTime(NamedTuple):
    """What a clock shows: `seconds` since 1970 as if it had never been changed, and the `year`."""

    seconds: int
    year: int


def local_time(seconds: int, zone: tzinfo) -> LocalTime:
    """Return what a clock in `zone` shows at an instant [s since 1970 UTC]."""
    moment = datetime.fromtimestamp(seconds, zone)
    return LocalTime((moment.replace(tzinfo=None) - _NAIVE_EPOCH) // _SECOND, moment.year)


def instant(moment: datetime, zone: tzinfo, previous: int | None) -> int:
    """Return when it was `moment` [ns since 1970 UTC]: in `zone`, unless it says its own.

    Where the clock showed it twice, in the hour repeated in autumn, it is the first time that comes after the
    `previous` instant [ns], or else the second one: the order of the readings decides.

    Raises LoadError for a time that the clock left out, in spring.
    """
    if moment.tzinfo:
        return _since_epoch(moment)
    first, second = (_since_epoch(moment.replace(tzinfo=zone, fold=fold)) for fold in (0, 1))
    if second < first:
        raise LoadError(f"{moment} is no time in {zone}: the clock goes forward past it")
    return first if previous is None or first > previous else second


def _since_epoch(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND * 1000
