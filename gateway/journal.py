"""What is to be told exactly once: closed demand intervals and changes of flags, until somebody has them.

They are recorded in the transaction that also saves what meters keep at the end of the tick. Who tells them,
in which words and to whom, is not known here.
"""

import json
import logging
from collections.abc import Sequence
from sqlite3 import Connection
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.database import Database
from sims.points import FLAGS
from sims.snapshot import INTERVAL, DemandInterval, Snapshot

_log = logging.getLogger(__name__)

Kind = Literal["history", "event"]
"""Closed demand intervals; changes of flags."""

GROUP: Final = 500
"""How many entries are taken or forgotten at most at once, so that the next tick need not wait."""

BLINKING: Final = frozenset({"led_10wh", "led_1kwh"})
"""The flags that come and go with every pulse: no events."""

_EVENTS: Final = np.uint16(sum(1 << bit for bit, name in enumerate(FLAGS) if name not in BLINKING))
_BITS: Final = np.arange(len(FLAGS), dtype=np.uint16)


class Interval(NamedTuple):
    """A closed demand interval of the meter in `row`, from `start` to `end` [ns since 1970 UTC].

    `sequence` counts those of the meter from 1. `demand` and `rolling_demand` [W] and `energy` [mJ], the
    reading, are as of `end`.
    """

    row: int
    sequence: int
    start: int
    end: int
    demand: float
    rolling_demand: float
    energy: int


class FlagChange(NamedTuple):
    """A flag of the meter in `row` that has become `value` by `time` [ns since 1970 UTC], the end of `tick`.

    `sequence` counts the changes of all flags of the meter from 1.
    """

    row: int
    sequence: int
    time: int
    tick: int
    flag: str
    value: bool


class Entry(NamedTuple):
    """What waits to be told; a later entry has a higher `number`, and none has the number of another."""

    number: int
    what: Interval | FlagChange


def flag_changes(
    before: NDArray[np.uint16], counts: NDArray[np.int64], snapshot: Snapshot
) -> list[FlagChange]:
    """Return where the flags of a snapshot differ from `before`, by meter and by bit.

    `counts` says how many changes each meter has had by then; both have the shape (n_meters,). The LEDs
    `led_10wh` and `led_1kwh` blink with the pulses, which are counted elsewhere: they are no events. All
    other flags are.
    """
    differ = (before ^ snapshot.columns["flags"]) & _EVENTS
    if not differ.any():
        return []
    rows = np.flatnonzero(differ)
    changed = (differ[rows, np.newaxis] >> _BITS) & 1
    places, bits = changed.nonzero()
    sequences = counts[rows[places]] + changed.cumsum(axis=1)[places, bits]
    values = (snapshot.columns["flags"][rows[places]] >> bits) & 1
    time, tick = snapshot.tick.time, snapshot.tick.number
    found = zip(rows[places].tolist(), sequences.tolist(), bits.tolist(), values.tolist(), strict=True)
    return [FlagChange(row, nth, time, tick, FLAGS[bit], bool(value)) for row, nth, bit, value in found]


_ADD_INTERVAL: Final = (
    "INSERT INTO journal (serial, sequence, time, demand, rolling_demand, energy) VALUES (?, ?, ?, ?, ?, ?)"
)
_ADD_CHANGE: Final = (
    "INSERT INTO journal (serial, sequence, time, tick, flag, value) VALUES (?, ?, ?, ?, ?, ?)"
)
_PENDING: Final = (
    "SELECT number, serial, sequence, time, demand, rolling_demand, energy, tick, flag, value FROM journal "
    "WHERE number > ? ORDER BY number LIMIT ?"
)
_FORGET: Final = "DELETE FROM journal WHERE number = ?"
_DROP_OLDEST: Final = (
    "DELETE FROM journal WHERE number IN (SELECT number FROM journal ORDER BY number LIMIT ?)"
)
_DROP_OTHERS: Final = "DELETE FROM journal WHERE serial NOT IN (SELECT value FROM json_each(?))"
_COUNT: Final = "SELECT count(*) FROM journal"
_LOST: Final = "UPDATE journal_lost SET entries = entries + ?"
_LOAD_LOST: Final = "SELECT entries FROM journal_lost"
_LOAD_FLAGS: Final = "SELECT serial, flags, changes FROM journal_flags"
_SAVE_FLAGS: Final = "INSERT OR REPLACE INTO journal_flags VALUES (?, ?, ?)"


class Journal:
    """The entries that wait in `database`, of the meters with these `serials`, in the order of the fleet.

    `kinds` are recorded; what an earlier run has recorded is to be told whatever they are. If more than
    `most` entries wait, the oldest give way and count as lost, as do those of meters that are there no more.

    Any thread may use it. `waiting` and `lost` never wait; `pending` and `forget` may wait for the tick that
    is being saved, so an event loop calls them in a thread. Raises ConfigError if the database is damaged.
    """

    def __init__(
        self, database: Database, serials: Sequence[str], *, kinds: frozenset[Kind], most: int
    ) -> None:
        self._database = database
        self._serials = serials
        self._rows = {serial: row for row, serial in enumerate(serials)}
        self._kinds = kinds
        self._most = most
        self._overflowing = False
        self._flags = np.zeros(len(serials), np.uint16)
        self._counts = np.zeros(len(serials), np.int64)
        with database.usable(), database.transaction() as connection:
            self._unknown = self._recall_flags(connection)
            self._lost: int = connection.execute(_LOAD_LOST).fetchone()[0]
            self._waiting: int = connection.execute(_COUNT).fetchone()[0]
            if gone := self._drop(connection, _DROP_OTHERS, json.dumps(serials)):
                _log.warning("%d entries of meters that are there no more will not be told", gone)
            self._bound(connection)

    @property
    def waiting(self) -> int:
        """How many entries wait to be told."""
        return self._waiting

    @property
    def lost(self) -> int:
        """How many entries have ever given way untold."""
        return self._lost

    def add(self, snapshot: Snapshot) -> None:
        """Record what closed and changed in a tick: the intervals first, all in the order of time.

        The first snapshot has changes of flags only where those of an earlier run are known.
        """
        with self._database.transaction() as connection:
            if "history" in self._kinds:
                for closed in snapshot.intervals:
                    self._add_intervals(connection, closed)
            if "event" in self._kinds:
                self._add_changes(connection, snapshot)
            self._bound(connection)

    def pending(self, after: int, most: int) -> list[Entry]:
        """Return the oldest entries with numbers higher than `after`: at most `most` of them, and GROUP."""
        with self._database.transaction() as connection:
            limit = max(0, min(most, GROUP))  # a negative one would be none
            found = connection.execute(_PENDING, (after, limit))
            return [self._entry(columns) for columns in found]

    def forget(self, numbers: Sequence[int]) -> None:
        """Forget the entries with these numbers, which have been acknowledged, or are gone already.

        Raises ValueError for more than GROUP of them.
        """
        if len(numbers) > GROUP:
            raise ValueError(f"{len(numbers)} entries are too many; allowed: at most {GROUP} at once")
        with self._database.transaction() as connection:
            self._waiting -= connection.executemany(_FORGET, zip(numbers, strict=True)).rowcount
            self._overflowing = self._overflowing and self._waiting > 0

    def _recall_flags(self, connection: Connection) -> NDArray[np.intp]:
        """Take over what is known of the meters' flags; return the rows of those of which nothing is."""
        unknown = np.ones(len(self._serials), np.bool_)
        for serial, flags, changes in connection.execute(_LOAD_FLAGS):
            if (row := self._rows.get(serial)) is not None:
                self._flags[row], self._counts[row], unknown[row] = flags, changes, False
        return np.flatnonzero(unknown)

    def _add_intervals(self, connection: Connection, closed: DemandInterval) -> None:
        serials = map(self._serials.__getitem__, closed.rows.tolist())
        columns = (closed.sequence, closed.end, closed.demand, closed.rolling_demand, closed.energy)
        entries = zip(serials, *(column.tolist() for column in columns), strict=True)
        connection.executemany(_ADD_INTERVAL, entries)
        self._waiting += len(closed.rows)

    def _add_changes(self, connection: Connection, snapshot: Snapshot) -> None:
        """Record the changes of flags, and how they are now."""
        now = snapshot.columns["flags"]
        unknown, self._unknown = self._unknown, self._unknown[:0]
        self._flags[unknown] = now[unknown]
        changes = flag_changes(self._flags, self._counts, snapshot)
        self._flags[:] = now
        rows = [change.row for change in changes]
        self._counts[rows] = [change.sequence for change in changes]  # the last one of a row stays
        connection.executemany(_ADD_CHANGE, map(self._change_columns, changes))
        connection.executemany(_SAVE_FLAGS, map(self._flag_columns, {*rows, *unknown.tolist()}))
        self._waiting += len(changes)

    def _change_columns(self, one: FlagChange) -> tuple[Any, ...]:
        return (self._serials[one.row], one.sequence, one.time, one.tick, one.flag, one.value)

    def _flag_columns(self, row: int) -> tuple[Any, ...]:
        return (self._serials[row], int(self._flags[row]), int(self._counts[row]))

    def _entry(self, columns: tuple[Any, ...]) -> Entry:
        number, serial, sequence, time, demand, rolling_demand, energy, tick, flag, value = columns
        row = self._rows[serial]
        if flag is None:
            start = time - INTERVAL
            return Entry(number, Interval(row, sequence, start, time, demand, rolling_demand, energy))
        return Entry(number, FlagChange(row, sequence, time, tick, flag, bool(value)))

    def _bound(self, connection: Connection) -> None:
        """Let the oldest entries give way to the bound; say so once until all that waited has been told."""
        if self._waiting <= self._most:
            return
        self._drop(connection, _DROP_OLDEST, self._waiting - self._most)
        if not self._overflowing:
            _log.warning("more than %d entries wait to be told: the oldest give way and are lost", self._most)
        self._overflowing = True

    def _drop(self, connection: Connection, which: str, argument: int | str) -> int:
        """Delete entries untold; return how many."""
        dropped = connection.execute(which, (argument,)).rowcount
        connection.execute(_LOST, (dropped,))
        self._waiting -= dropped
        self._lost += dropped
        return dropped
