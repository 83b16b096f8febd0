"""The state directory: what the meters keep over a restart, in an SQLite file.

Bound to serial numbers: a meter that is renamed, moved or added keeps and loses exactly what it should. Only
the station reads and writes it.
"""

import contextlib
import sqlite3
from itertools import chain
from pathlib import Path
from typing import Final, Self

from gateway.errors import ConfigError
from sims.memory import Memories, Memory

FILE: Final = "metergate.sqlite"
SCHEMA_VERSION: Final = 3

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
)
"""What makes version k of a file of version k - 1; a new file is of version 0."""

_SAVE: Final = "INSERT OR REPLACE INTO meter VALUES (?, ?, ?, ?, ?, ?)"
_LOAD: Final = "SELECT serial, millijoules, femtojoules, peak_demand, peak_demand_time, hub_count FROM meter"
_SAVE_HUB: Final = "INSERT OR REPLACE INTO pulse_hub VALUES (?, ?, ?)"
_LOAD_HUBS: Final = "SELECT hub, setting, value FROM pulse_hub"
_SAVE_CLOCK: Final = "UPDATE clock SET reached = ?"
_LOAD_CLOCK: Final = "SELECT reached FROM clock"


class Store:
    """What meters keep, by serial number, and pulse hubs, in `directory`, which is made if it is not there.

    `reached` is the simulated instant that was saved last when it was opened [ns since 1970 UTC], 0 in a new
    one; a file of an older version is brought to this one.

    One gateway at a time holds the directory. Raises ConfigError if it is held, cannot be used, is damaged or
    was written by a newer version.
    """

    def __init__(self, directory: Path) -> None:
        self._file = directory / FILE
        with contextlib.ExitStack() as stack:
            try:
                directory.mkdir(parents=True, exist_ok=True)
                # The station saves in the thread of its step, one step at a time.
                self._database = sqlite3.connect(
                    self._file, timeout=0.0, isolation_level=None, check_same_thread=False
                )
                stack.callback(self._database.close)
                self._open()
                self._kept = self._load()
                self.reached: int = self._database.execute(_LOAD_CLOCK).fetchone()[0]
            except (OSError, sqlite3.Error, TypeError) as error:
                raise ConfigError(f"cannot be used: {error}", file=self._file, key="state") from error
            stack.pop_all()

    def _open(self) -> None:
        # The lock is taken at once and held until close: two gateways on one state would undo each other.
        self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
        # A commit each tick must not wait for the disk; what a killed process committed is kept all the same.
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.execute("BEGIN EXCLUSIVE")
        version = self._database.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            message = (
                f"is of version {version}, newer than {SCHEMA_VERSION}, the last that this metergate knows"
            )
            raise ConfigError(message, file=self._file, key="state")
        for upgrade in chain.from_iterable(_UPGRADES[version:]):
            self._database.execute(upgrade)
        self._database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        self._database.execute("COMMIT")

    def _load(self) -> Memories:
        if (found := self._database.execute("PRAGMA quick_check").fetchone()[0]) != "ok":
            raise sqlite3.DatabaseError(found)
        meters = {serial: Memory(*kept) for serial, *kept in self._database.execute(_LOAD)}
        hubs: dict[int, dict[str, int]] = {}
        for hub, setting, value in self._database.execute(_LOAD_HUBS):
            hubs.setdefault(hub, {})[setting] = value
        return Memories(meters, hubs)

    def load(self) -> Memories:
        """Return what every meter and hub had kept when the store was opened."""
        return self._kept

    def save(self, memories: Memories, reached: int) -> None:
        """Keep `memories`, and where the clock has come to; what is not in them stays as it was."""
        meters = ((serial, *memory) for serial, memory in memories.meters.items())
        hubs = [(hub, *one) for hub, settings in memories.pulse_hubs.items() for one in settings.items()]
        self._database.execute("BEGIN IMMEDIATE")
        self._database.executemany(_SAVE, meters)
        self._database.executemany(_SAVE_HUB, hubs)
        self._database.execute(_SAVE_CLOCK, (reached,))
        self._database.execute("COMMIT")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()
