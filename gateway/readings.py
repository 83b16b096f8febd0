"""Readings as people and MQTT see them: point names, shown units, plain JSON types, everywhere the same.

Pure; what a protocol wraps round them (topics, envelopes, status) is its own business.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

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

_LACKING: Final = object()


class Readings:
    """Turns snapshots into readings of `meters`, given in the order of the snapshot's columns."""

    def __init__(self, meters: Sequence[Nameplate]) -> None:
        present = {
            meter.model.lines: tuple(point.name for point in PUBLISHED if point.lines <= meter.model.lines)
            for meter in meters
        }
        self._names = [present[meter.model.lines] for meter in meters]

    def shown(self, snapshot: Snapshot, rows: Sequence[int] | None = None) -> Iterator[Reading]:
        """Yield the reading of each meter, or of those in `rows`; columns are worked out before the first.

        Quantities are numbers in the point's shown unit, flags booleans, instants ISO 8601 or None where
        there is none yet. Points that the model lacks or has not measured yet are left out.
        """
        if rows is not None:
            snapshot = Snapshot(snapshot.tick, {name: held[rows] for name, held in snapshot.columns.items()})
        columns = {point.name: _values(point, snapshot.column(point.name)) for point in PUBLISHED}
        names_of = self._names if rows is None else [self._names[row] for row in rows]
        for place, names in enumerate(names_of):
            yield {name: value for name in names if (value := columns[name][place]) is not _LACKING}


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
                values[row] = _LACKING
        case _:
            values = column.tolist()
    return values


def _tidy(shown: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values with nine significant digits and nothing under 1e-9; no noise, no negative zero."""
    size = np.abs(shown)
    before_point = np.floor(np.log10(size, out=np.full_like(size, -1.0), where=size >= 1.0)) + 1.0
    scale = 10.0 ** np.maximum(_DIGITS - before_point, 0.0)
    return np.asarray(np.rint(shown * scale) / scale + 0.0)
