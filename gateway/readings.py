"""Readings as people and MQTT see them: point names, shown units, plain JSON types, everywhere the same.

Pure; what a protocol wraps round them (topics, envelopes, status) is its own business.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from operator import itemgetter
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.clock import iso
from sims.models import Nameplate
from sims.points import PUBLISHED, Kind, Point
from sims.snapshot import Snapshot

Reading = dict[str, Any]
"""The values of one meter by the names of its points."""

_DIGITS: Final = 9
"""Significant digits of a quantity, what a float32 carries; also the decimals of energy, finer than a mJ."""

_QUANTITIES: Final = tuple(point for point in PUBLISHED if point.kind is Kind.INSTANT)

LACKING: Final = object()
"""What stands where a value cannot be shown."""


class Readings:
    """Turns snapshots into readings of `meters`, given in the order of the snapshot's columns.

    `names` are the points that each has.
    """

    def __init__(self, meters: Sequence[Nameplate]) -> None:
        services = {lines: _Service.of(lines) for lines in {meter.model.lines for meter in meters}}
        has = {lines: [point.lines <= lines for point in _QUANTITIES] for lines in services}
        self._services = [services[meter.model.lines] for meter in meters]
        self._has = np.array([has[meter.model.lines] for meter in meters]).T
        self.names: Final = [service.names for service in self._services]

    def shown(self, snapshot: Snapshot, rows: Sequence[int] | None = None) -> Iterator[Reading]:
        """Yield the reading of each meter, or of those in `rows`; columns are worked out before the first.

        Quantities are numbers in the point's shown unit, flags booleans, instants ISO 8601 or None where
        there is none yet. Points that the model lacks or has not measured yet are left out.
        """
        services, has = self._services, self._has
        if rows is not None:
            snapshot = Snapshot(snapshot.tick, {name: held[rows] for name, held in snapshot.columns.items()})
            services, has = [services[row] for row in rows], has[:, rows]
        quantities = np.stack([snapshot.columns[point.name] for point in _QUANTITIES])
        incomplete = np.any(has & ~np.isfinite(quantities), axis=0)
        whole = zip(*self.columns(snapshot).values(), strict=True)
        for service, values, lacks in zip(services, whole, incomplete.tolist(), strict=True):
            reading = dict(zip(service.names, service.pick(values), strict=True))
            yield _without_lacking(reading) if lacks else reading

    def columns(
        self, snapshot: Snapshot, names: Collection[str] | None = None
    ) -> Mapping[str, Sequence[Any]]:
        """Return the values of all meters, or of the points in `names` alone, as `shown` does.

        LACKING stands where a value is not a number.
        """
        wanted = (point for point in PUBLISHED if names is None or point.name in names)
        return {point.name: _values(point, snapshot.column(point.name)) for point in wanted}


class _Service(NamedTuple):
    """The points that meters of one kind of service have, and what picks their values from those of all."""

    names: tuple[str, ...]
    pick: Callable[[tuple[Any, ...]], tuple[Any, ...]]

    @classmethod
    def of(cls, lines: AbstractSet[int]) -> "_Service":
        """Return those of meters on `lines`."""
        places = [place for place, point in enumerate(PUBLISHED) if point.lines <= lines]
        return cls(tuple(PUBLISHED[place].name for place in places), itemgetter(*places))


def _without_lacking(reading: Reading) -> Reading:
    """Return a reading without the points that cannot be shown."""
    return {name: value for name, value in reading.items() if value is not LACKING}


def _values(point: Point, column: NDArray[Any]) -> list[Any]:
    """Return a point's values of all meters as JSON has them."""
    values: list[Any]
    match point.kind:
        case Kind.TIME:
            values = [iso(instant) if instant else None for instant in column.tolist()]
        case Kind.TEXT:
            values = column.astype(np.str_).tolist()
        case Kind.COUNTER if point.divisor != 1.0:
            values = np.round(point.shown(column), _DIGITS).tolist()
        case Kind.INSTANT:
            values = _tidy(point.shown(column)).tolist()
            for row in np.flatnonzero(~np.isfinite(column)):
                values[row] = LACKING
        case _:
            values = column.tolist()
    return values


def _tidy(shown: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values with nine significant digits and nothing under 1e-9; no noise, no negative zero."""
    size = np.abs(shown)
    before_point = np.floor(np.log10(size, out=np.full_like(size, -1.0), where=size >= 1.0)) + 1.0
    scale = 10.0 ** np.maximum(_DIGITS - before_point, 0.0)
    return np.asarray(np.rint(shown * scale) / scale + 0.0)
