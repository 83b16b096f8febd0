"""The SQLite file of a state directory, or a database in memory: opened, brought up to date, in transactions.

What stands in its tables is the business of `store` and `journal`.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Final

from gateway.errors import ConfigError

SCHEMA_VERSION: Final = 4

_UPGRADES: Final = (
    (
        """
        CREATE TABLE meter (
            serial TEXT PRIMARY KEY,
            millijoules INTEGER NOT NULL,
            femtojoules INTEGER NOT NULL,
            peak_demand REAL NOT NULL,
            peak_demand_time INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
    ),
    (
        "CREATE TABLE clock (reached INTEGER NOT NULL) STRICT",
        # What is known of a clock that was not kept: it had come as far as the latest peak.
        "INSERT INTO clock SELECT coalesce(max(peak_demand_time), 0) FROM meter",
    ),
    (
        "ALTER TABLE meter ADD COLUMN hub_count INTEGER NOT NULL DEFAULT 0",
        """
        CREATE TABLE pulse_hub (
            hub INTEGER NOT NULL,
            setting TEXT NOT NULL,
            value INTEGER NOT NULL,
            PRIMARY KEY (hub, setting)
        ) STRICT, WITHOUT ROWID
        """,
    ),
    (
        "ALTER TABLE meter ADD COLUMN intervals INTEGER NOT NULL DEFAULT 0",
        # An entry without a flag is a demand interval. A number is never given twice.
        """
        CREATE TABLE journal (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            serial TEXT NOT NULL,
            sequence INTEGER NOT NULL,
            time INTEGER NOT NULL,
            demand REAL,
            rolling_demand REAL,
            energy INTEGER,
            tick INTEGER,
            flag TEXT,
            value INTEGER
        ) STRICT
        """,
        "CREATE TABLE journal_lost (entries INTEGER NOT NULL) STRICT",
        "INSERT INTO journal_lost VALUES (0)",
        """
        CREATE TABLE journal_flags (
            serial TEXT PRIMARY KEY,
            flags INTEGER NOT NULL,
            changes INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
    ),
)
"""What makes version k of a file of version k - 1; a new file is of version 0."""


class Database:
    """The database in `file`, which is made, with its folder, if it is not there; without one, in memory.

    Any thread may use it; one transaction is under way at a time. One gateway at a time holds a file. Raises
    ConfigError if it is held, cannot be used, is damaged or was written by a newer version.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._lock = threading.RLock()
        with self.usable():
            if file:
                file.parent.mkdir(parents=True, exist_ok=True)
            # A file is held exclusively, so all threads share the one connection.
            self._connection = sqlite3.connect(
                file or ":memory:", timeout=0.0, isolation_level=None, check_same_thread=False
            )
            try:
                self._open()
            except BaseException:
                self.close()
                raise

    @contextmanager
    def usable(self) -> Iterator[None]:
        """Raise ConfigError for whatever is wrong with the file in what is done within."""
        try:
            yield
        except (OSError, sqlite3.Error, TypeError) as error:
            raise self._fault(f"cannot be used: {error}") from error

    def _fault(self, message: str) -> ConfigError:
        return ConfigError(message, file=self._file or "", key="state")

    def _open(self) -> None:
        connection = self._connection
        # The lock is taken at once and held until close: two gateways on one state would undo each other.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        # A commit each tick must not wait for the disk; what a killed process committed is kept all the same.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("BEGIN EXCLUSIVE")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise self._fault(
                f"is of version {version}, newer than {SCHEMA_VERSION}, the last that this metergate knows"
            )
        for upgrade in chain.from_iterable(_UPGRADES[version:]):
            connection.execute(upgrade)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
        if (found := connection.execute("PRAGMA quick_check").fetchone()[0]) != "ok":
            raise sqlite3.DatabaseError(found)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Give the connection to do what is committed as a whole, or not at all where something is raised.

        Within another transaction of the same thread it is a part of that one; those of other threads wait.
        """
        with self._lock:
            if self._connection.in_transaction:
                yield self._connection
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.rollback()
                raise

    def close(self) -> None:
        """Close it, and let the file go; a transaction of another thread is waited for."""
        with self._lock:
            self._connection.close()
