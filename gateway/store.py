"""The state directory: what the meters keep over a restart, in an SQLite file.

Bound to serial numbers: a meter that is renamed, moved or added keeps and loses exactly what it should. Only
the station reads and writes it. What is to be told from the same file is the business of `journal`.
"""

from pathlib import Path
from typing import Final, Self

from gateway.database import Database
from sims.memory import Memories, Memory

FILE: Final = "metergate.sqlite"

_SAVE: Final = "INSERT OR REPLACE INTO meter VALUES (?, ?, ?, ?, ?, ?, ?)"
_LOAD: Final = (
    "SELECT serial, millijoules, femtojoules, peak_demand, peak_demand_time, hub_count, intervals FROM meter"
)
_SAVE_HUB: Final = "INSERT OR REPLACE INTO pulse_hub VALUES (?, ?, ?)"
_LOAD_HUBS: Final = "SELECT hub, setting, value FROM pulse_hub"
_SAVE_CLOCK: Final = "UPDATE clock SET reached = ?"
_LOAD_CLOCK: Final = "SELECT reached FROM clock"


class Store:
    """What meters keep, by serial number, and pulse hubs, in `directory`, which is made if it is not there.

    `reached` is the simulated instant that was saved last when it was opened [ns since 1970 UTC], 0 in a new
    one; a file of an older version is brought to this one. `database` is what else may be kept there, too.

    One gateway at a time holds the directory. Raises ConfigError if it is held, cannot be used, is damaged or
    was written by a newer version.
    """

    def __init__(self, directory: Path) -> None:
        self.database: Final = Database(directory / FILE)
        try:
            with self.database.usable(), self.database.transaction() as connection:
                meters = {serial: Memory(*kept) for serial, *kept in connection.execute(_LOAD)}
                hubs: dict[int, dict[str, int]] = {}
                for hub, setting, value in connection.execute(_LOAD_HUBS):
                    hubs.setdefault(hub, {})[setting] = value
                self.reached: int = connection.execute(_LOAD_CLOCK).fetchone()[0]
        except BaseException:
            self.database.close()
            raise
        self._kept = Memories(meters, hubs)

    def load(self) -> Memories:
        """Return what every meter and hub had kept when the store was opened."""
        return self._kept

    def save(self, memories: Memories, reached: int) -> None:
        """Keep `memories`, and where the clock has come to; what is not in them stays as it was."""
        meters = ((serial, *memory) for serial, memory in memories.meters.items())
        hubs = [(hub, *one) for hub, settings in memories.pulse_hubs.items() for one in settings.items()]
        with self.database.transaction() as connection:
            connection.executemany(_SAVE, meters)
            connection.executemany(_SAVE_HUB, hubs)
            connection.execute(_SAVE_CLOCK, (reached,))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.database.close()
