"""What waits to be told, of a gateway that is killed again and again."""

import shutil
import signal
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import groupby, pairwise
from pathlib import Path

from gateway.store import FILE
from sims.snapshot import INTERVAL
from tests.support import journalling
from tests.support.process import Gateway

KILLS = 6
PLANT = """
clock: {speed: 9000, tick_s: 0.05}
state: state
http: {port: 0}
mqtt: {url: "mqtt://127.0.0.1:9"}  # where nobody is: everything waits
bacnet: {enabled: false}
meters:
  - {count: 50, ct_a: 100, model: series-2000-120-208, load: {schedule: [PERIODS], base_kw: 5}}
"""
PERIODS = ", ".join(f'{{begin: "{hour:02}:00", end: "{hour:02}:30", kw: 90}}' for hour in range(24))
"""Half an hour over the rated current, half an hour under it."""


@contextmanager
def _copy(folder: Path) -> Iterator[sqlite3.Connection]:
    """Open a copy of the state: what a killed gateway leaves, the next one alone has to put right."""
    copied = shutil.copytree(folder / "state", folder / "copy")
    with closing(sqlite3.connect(copied / FILE)) as connection:
        yield connection
    shutil.rmtree(copied)


def _run(folder: Path, dies_at: int) -> Gateway:
    within = (sys.executable, journalling.__file__, str(dies_at))
    return Gateway(folder, "plant.yaml", "--modbus-port", "0", within=within)


def _kill_while_saving(folder: Path, snapshots: int) -> None:
    """Let a gateway run until so many snapshots are saved, of the last one the memories, not the journal."""
    with _run(folder, snapshots) as running:
        assert running.process.wait(timeout=60) == -signal.SIGKILL


def _kill_anywhere(folder: Path, ticks: int, seconds: float) -> None:
    """Let a gateway run for so many ticks and some time more, and kill it at whatever it is doing."""
    with _run(folder, 0) as running:
        while running.http("/api/v1/clock")["tick"] < ticks:
            time.sleep(0.01)
        time.sleep(seconds)
        assert running.stop(signal.SIGKILL) == -signal.SIGKILL


def test_killed_again_and_again_it_has_each_interval_and_each_change_once_and_in_order(
    tmp_path: Path,
) -> None:
    (tmp_path / "plant.yaml").write_text(PLANT.replace("PERIODS", PERIODS))
    reached = [0]
    for kill in range(KILLS):
        if kill % 2:
            _kill_anywhere(tmp_path, 6 + kill, 0.013 * kill)
        else:
            _kill_while_saving(tmp_path, 8 + kill)
        with _copy(tmp_path) as connection:
            reached.append(connection.execute("SELECT max(intervals) FROM meter").fetchone()[0])
    assert all(before < after for before, after in pairwise(reached))
    with _copy(tmp_path) as connection:
        _check_intervals(connection, runs=KILLS)
        _check_changes(connection)
        assert connection.execute("SELECT entries FROM journal_lost").fetchone() == (0,)


def _check_intervals(connection: sqlite3.Connection, runs: int) -> None:
    """Each meter's intervals are those that it has counted, without gap in any of the runs."""
    found = connection.execute(
        "SELECT serial, sequence, time, energy FROM journal WHERE flag IS NULL ORDER BY serial, number"
    )
    counted = dict(connection.execute("SELECT serial, intervals FROM meter"))
    by_meter = {serial: list(entries) for serial, entries in groupby(found, lambda entry: entry[0])}
    assert by_meter.keys() == counted.keys()
    for serial, entries in by_meter.items():
        assert [sequence for _, sequence, _, _ in entries] == list(range(1, counted[serial] + 1))
        apart = [after[2] - before[2] for before, after in pairwise(entries)]
        assert all(after[3] > before[3] for before, after in pairwise(entries))
        assert min(apart) == INTERVAL
        assert sum(gap != INTERVAL for gap in apart) <= runs - 1


def _check_changes(connection: sqlite3.Connection) -> None:
    """Each meter's changes are those that it has counted, and each flag is now set and now reset."""
    found = list(
        connection.execute(
            "SELECT serial, sequence, flag, value FROM journal WHERE flag NOTNULL ORDER BY number"
        )
    )
    counted = dict(connection.execute("SELECT serial, changes FROM journal_flags"))
    assert min(counted.values()) > 2
    values: dict[tuple[str, str], list[int]] = {}
    sequences: dict[str, list[int]] = {}
    for serial, sequence, flag, value in found:
        sequences.setdefault(serial, []).append(sequence)
        values.setdefault((serial, flag), []).append(value)
    assert sequences == {serial: list(range(1, changes + 1)) for serial, changes in counted.items()}
    assert all(before != after for told in values.values() for before, after in pairwise(told))
