"""What the state directory keeps, and what it refuses."""

import sqlite3
from pathlib import Path

import pytest

from gateway.database import SCHEMA_VERSION
from gateway.errors import ConfigError
from gateway.journal import Journal
from gateway.store import FILE, Store
from sims.memory import Memories, Memory

KEPT = {
    "S1": Memory(5_000_000_001, 999, 30_000.125, 1_767_571_200_000_000_000),
    "S2": Memory(0, 0, 0.0, 0, hub_count=7, intervals=12),
}


def _loaded(directory: Path) -> dict[str, Memory]:
    with Store(directory) as store:
        return dict(store.load().meters)


def test_a_new_directory_is_made_and_holds_nothing(tmp_path: Path) -> None:
    assert _loaded(tmp_path / "new" / "state") == {}


def test_what_is_saved_is_there_the_next_time_to_the_last_digit(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.save(Memories(KEPT), 5)
    assert _loaded(tmp_path) == KEPT


def test_how_pulse_hubs_are_set_is_kept_by_their_number(tmp_path: Path) -> None:
    hubs = {0: {"hub_speed": 2, "hub_threshold": 500}, 3: {"hub_speed": 1}}
    with Store(tmp_path) as store:
        store.save(Memories(KEPT, hubs), 5)
        store.save(Memories(KEPT), 6)
    with Store(tmp_path) as store:
        assert store.load() == Memories(KEPT, hubs)


def test_it_knows_where_the_clock_had_come_to(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        assert store.reached == 0
        store.save(Memories(KEPT), 5)
        store.save(Memories(KEPT), 1_767_571_200_000_000_007)
    with Store(tmp_path) as store:
        assert store.reached == 1_767_571_200_000_000_007


def test_a_file_of_version_1_goes_on_from_its_latest_peak(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE) as older:
        older.execute(
            "CREATE TABLE meter (serial TEXT PRIMARY KEY, millijoules INTEGER NOT NULL, femtojoules INTEGER "
            "NOT NULL, peak_demand REAL NOT NULL, peak_demand_time INTEGER NOT NULL) STRICT, WITHOUT ROWID"
        )
        older.execute("INSERT INTO meter VALUES ('S1', 7, 8, 9.5, 1000), ('S2', 1, 2, 3.5, 900)")
        older.execute("PRAGMA user_version = 1")
    older.close()
    for _ in range(2):
        with Store(tmp_path) as store:
            assert store.load().meters == {"S1": Memory(7, 8, 9.5, 1000), "S2": Memory(1, 2, 3.5, 900)}
            assert store.reached == 1000


def test_a_file_of_version_3_counts_intervals_from_0_and_has_nothing_to_tell(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE) as older:
        older.execute(
            "CREATE TABLE meter (serial TEXT PRIMARY KEY, millijoules INTEGER NOT NULL, femtojoules INTEGER "
            "NOT NULL, peak_demand REAL NOT NULL, peak_demand_time INTEGER NOT NULL, hub_count INTEGER NOT "
            "NULL DEFAULT 0) STRICT, WITHOUT ROWID"
        )
        older.execute("INSERT INTO meter VALUES ('S1', 7, 8, 9.5, 1000, 3)")
        older.execute("CREATE TABLE clock (reached INTEGER NOT NULL) STRICT")
        older.execute("INSERT INTO clock VALUES (2000)")
        older.execute(
            "CREATE TABLE pulse_hub (hub INTEGER NOT NULL, setting TEXT NOT NULL, value INTEGER NOT NULL, "
            "PRIMARY KEY (hub, setting)) STRICT, WITHOUT ROWID"
        )
        older.execute("PRAGMA user_version = 3")
    older.close()
    with Store(tmp_path) as store:
        assert store.load().meters == {"S1": Memory(7, 8, 9.5, 1000, hub_count=3, intervals=0)}
        assert store.reached == 2000
        journal = Journal(store.database, ["S1"], kinds=frozenset({"history", "event"}), most=9)
        assert (journal.waiting, journal.lost) == (0, 0)


def test_a_meter_that_is_not_saved_again_keeps_what_it_had(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.save(Memories(KEPT), 5)
        store.save(Memories({"S2": Memory(7, 0, 1.0, 2)}), 6)
    assert _loaded(tmp_path) == KEPT | {"S2": Memory(7, 0, 1.0, 2)}


def test_two_gateways_cannot_hold_one_directory(tmp_path: Path) -> None:
    with Store(tmp_path), pytest.raises(ConfigError, match="locked"):
        Store(tmp_path)
    assert _loaded(tmp_path) == {}


def test_a_file_of_a_newer_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE) as newer:
        newer.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    newer.close()
    before = (tmp_path / FILE).read_bytes()
    with pytest.raises(ConfigError, match=f"version {SCHEMA_VERSION + 1}"):
        Store(tmp_path)
    with sqlite3.connect(tmp_path / FILE) as again:
        assert again.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION + 1,)
    again.close()
    assert len((tmp_path / FILE).read_bytes()) == len(before)


@pytest.mark.parametrize("size", [100, 5000])
def test_a_damaged_file_is_refused_with_its_place(tmp_path: Path, size: int) -> None:
    with Store(tmp_path) as store:
        store.save(Memories(KEPT), 5)
    whole = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(b"\xff" * size + whole[size:])
    with pytest.raises(ConfigError, match=FILE):
        Store(tmp_path)


def test_a_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be used"):
        Store(tmp_path / "file" / "state")
