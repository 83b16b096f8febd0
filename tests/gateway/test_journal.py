"""What is to be told exactly once waits in order until it is forgotten, and is counted where it gives way."""

import logging
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gateway.database import Database
from gateway.journal import GROUP, Entry, FlagChange, Interval, Journal, Kind, flag_changes
from gateway.store import Store
from sims.memory import Memories, Memory
from sims.points import FLAGS, NS_PER_S
from sims.snapshot import INTERVAL, DemandInterval, Snapshot, Tick
from tests.support.snapshots import START

BOTH: frozenset[Kind] = frozenset({"history", "event"})
LEDS = {"led_10wh", "led_1kwh"}


def _bits(*names: str) -> int:
    return sum(1 << FLAGS.index(name) for name in names)


def _closed(rows: list[int], sequences: list[int], end: int = START + INTERVAL) -> DemandInterval:
    """Return an interval of each meter whose figures follow from its row and number."""
    places, nth = np.array(rows, np.int64), np.array(sequences, np.int64)
    watts = np.array([1000.0 / 3 * one + row for row, one in zip(rows, sequences, strict=True)], np.float64)
    return DemandInterval(places, np.full(len(rows), end), nth, watts, watts / 7, nth * 10**15 + places)


def _snapshot(flags: list[int], *intervals: DemandInterval, tick: int = 0, time: int = START) -> Snapshot:
    return Snapshot(Tick(tick, time), {"flags": np.array(flags, np.uint16)}, intervals)


@pytest.fixture
def database() -> Iterator[Database]:
    """Give a database in memory."""
    opened = Database()
    yield opened
    opened.close()


def _history(database: Database, count: int, most: int = 1000) -> Journal:
    """Return a journal in which so many intervals of one meter wait, each of a tick of its own."""
    journal = Journal(database, ["S1"], kinds=BOTH, most=most)
    for sequence in range(1, count + 1):
        journal.add(_snapshot([0], _closed([0], [sequence])))
    return journal


def _sequences(entries: list[Entry]) -> list[int]:
    return [entry.what.sequence for entry in entries]


def _numbers(entries: list[Entry]) -> list[int]:
    return [entry.number for entry in entries]


def test_an_interval_comes_back_to_the_last_digit(database: Database) -> None:
    journal = Journal(database, ["S1", "S2"], kinds=BOTH, most=9)
    journal.add(_snapshot([0, 0], _closed([1], [3])))
    ((_, what),) = journal.pending(0, 9)
    assert what == Interval(1, 3, START, START + INTERVAL, 1001.0, 1001.0 / 7, 3 * 10**15 + 1)


def test_changes_of_flags_are_counted_for_each_meter_in_the_order_of_bits() -> None:
    before = np.array([_bits("powered", "lcd_on"), 0, _bits("stale")], np.uint16)
    now = _snapshot([_bits("stale"), 0, _bits("stale", "over_current")], tick=7, time=START + 5)
    assert flag_changes(before, np.array([10, 20, 30]), now) == [
        FlagChange(0, 11, START + 5, 7, "lcd_on", False),
        FlagChange(0, 12, START + 5, 7, "powered", False),
        FlagChange(0, 13, START + 5, 7, "stale", True),
        FlagChange(2, 31, START + 5, 7, "over_current", True),
    ]


@pytest.mark.parametrize("name", FLAGS)
def test_every_flag_but_the_leds_that_blink_is_an_event(name: str) -> None:
    found = flag_changes(np.zeros(1, np.uint16), np.zeros(1, np.int64), _snapshot([_bits(name)]))
    assert [change.flag for change in found] == ([] if name in LEDS else [name])


def test_in_one_tick_intervals_stand_before_changes_of_flags(database: Database) -> None:
    journal = Journal(database, ["S1"], kinds=BOTH, most=9)
    journal.add(_snapshot([0]))
    journal.add(_snapshot([_bits("stale")], _closed([0], [1]), _closed([0], [2])))
    assert [type(entry.what) for entry in journal.pending(0, 9)] == [Interval, Interval, FlagChange]


def test_the_first_snapshot_of_all_changes_nothing_and_that_of_a_restart_what_has_changed_meanwhile(
    tmp_path: Path,
) -> None:
    with Store(tmp_path) as store:
        journal = Journal(store.database, ["S1"], kinds=BOTH, most=9)
        journal.add(_snapshot([_bits("powered")]))
        journal.add(_snapshot([_bits("powered", "lcd_on")]))
        assert _sequences(journal.pending(0, 9)) == [1]
    with Store(tmp_path) as store:
        journal = Journal(store.database, ["new", "S1"], kinds=BOTH, most=9)
        journal.add(_snapshot([_bits("powered"), _bits("stale", "led_10wh")], tick=0, time=START + 9))
        assert [what for _, what in journal.pending(0, 9)][1:] == [
            FlagChange(1, 2, START + 9, 0, "lcd_on", False),
            FlagChange(1, 3, START + 9, 0, "powered", False),
            FlagChange(1, 4, START + 9, 0, "stale", True),
        ]


def test_pending_goes_on_after_a_number_and_forgetting_needs_no_order(database: Database) -> None:
    journal = _history(database, 6)
    numbers = _numbers(journal.pending(0, 99))
    assert _sequences(journal.pending(numbers[1], 3)) == [3, 4, 5]
    journal.forget([numbers[4], numbers[1]])
    assert _sequences(journal.pending(0, 99)) == [1, 3, 4, 6]
    journal.forget([numbers[4], numbers[0], 10**9])
    assert (_sequences(journal.pending(0, 99)), journal.waiting, journal.lost) == ([3, 4, 6], 3, 0)


def test_no_more_than_a_group_is_taken_or_forgotten_at_once(database: Database) -> None:
    journal = Journal(database, ["S1"], kinds=BOTH, most=10_000)
    journal.add(_snapshot([0], *(_closed([0], [nth]) for nth in range(1, GROUP + 3))))
    numbers = _numbers(journal.pending(0, 10_000))
    assert len(numbers) == GROUP
    with pytest.raises(ValueError, match=f"{GROUP + 1} entries are too many; allowed: at most {GROUP}"):
        journal.forget([*numbers, numbers[-1] + 1])
    journal.forget(numbers)
    assert _sequences(journal.pending(0, 10_000)) == [GROUP + 1, GROUP + 2]


def test_a_number_is_never_given_again_even_if_nothing_waits_any_more(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        journal = _history(store.database, 3)
        before = _numbers(journal.pending(0, 9))
        journal.forget(before)
    with Store(tmp_path) as store:
        (after,) = _numbers(_history(store.database, 1).pending(0, 9))
    assert after > max(before)


def test_the_oldest_give_way_to_the_bound_and_this_is_said_once_an_outage(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    journal = _history(database, 9, most=4)
    assert (_sequences(journal.pending(0, 9)), journal.waiting, journal.lost) == ([6, 7, 8, 9], 4, 5)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "more than 4 entries wait" in caplog.text
    journal.forget(_numbers(journal.pending(0, 2)))
    journal.add(_snapshot([0], *(_closed([0], [nth]) for nth in (10, 11, 12))))
    assert (journal.lost, len(caplog.records)) == (6, 1)
    journal.forget(_numbers(journal.pending(0, 9)))
    journal.add(_snapshot([0], *(_closed([0], [nth]) for nth in range(13, 18))))
    assert (journal.lost, len(caplog.records)) == (7, 2)


def test_what_gave_way_is_still_counted_after_a_restart_also_by_a_lower_bound(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        _history(store.database, 7, most=5)
    with Store(tmp_path) as store:
        journal = Journal(store.database, ["S1"], kinds=BOTH, most=3)
        assert (journal.waiting, journal.lost, _sequences(journal.pending(0, 9))) == (3, 4, [5, 6, 7])


def test_entries_are_bound_to_serial_numbers_and_lost_with_their_meters(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Store(tmp_path) as store:
        journal = Journal(store.database, ["S1", "S2", "S3"], kinds=BOTH, most=9)
        journal.add(_snapshot([0] * 3, _closed([0, 1, 2], [1, 1, 1]), _closed([0, 1, 2], [2, 2, 2])))
    with Store(tmp_path) as store:
        journal = Journal(store.database, ["S3", "new", "S1"], kinds=BOTH, most=9)
        assert [what[:2] for _, what in journal.pending(0, 9)] == [(2, 1), (0, 1), (2, 2), (0, 2)]
        assert (journal.waiting, journal.lost) == (4, 2)
    assert [record.getMessage() for record in caplog.records] == [
        "2 entries of meters that are there no more will not be told"
    ]


@pytest.mark.parametrize(
    ("kinds", "types"),
    [(BOTH, [Interval, FlagChange]), ({"history"}, [Interval]), ({"event"}, [FlagChange]), ((), [])],
)
def test_only_the_kinds_that_somebody_tells_are_recorded(
    database: Database, kinds: set[Kind], types: list[type]
) -> None:
    journal = Journal(database, ["S1"], kinds=frozenset(kinds), most=9)
    journal.add(_snapshot([0]))
    journal.add(_snapshot([_bits("stale")], _closed([0], [1])))
    assert [type(what) for _, what in journal.pending(0, 9)] == types
    assert journal.waiting == len(types)


def test_what_was_recorded_waits_on_when_nothing_is_recorded_any_more(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        _history(store.database, 2)
    with Store(tmp_path) as store:
        journal = Journal(store.database, ["S1"], kinds=frozenset(), most=9)
        assert (journal.waiting, _sequences(journal.pending(0, 9))) == (2, [1, 2])


def test_a_tick_that_is_not_committed_leaves_neither_memory_nor_entry(tmp_path: Path) -> None:
    def tick(sequence: int, *, fails: bool) -> None:
        with Store(tmp_path) as store:
            journal = Journal(store.database, ["S1"], kinds=BOTH, most=9)
            with store.database.transaction():
                store.save(Memories({"S1": Memory(sequence, 0, 0.0, 0, intervals=sequence)}), sequence)
                journal.add(_snapshot([0], _closed([0], [sequence])))
                if fails:
                    raise ZeroDivisionError

    tick(1, fails=False)
    with pytest.raises(ZeroDivisionError):
        tick(2, fails=True)
    with Store(tmp_path) as store:
        assert (store.load().meters["S1"].intervals, store.reached) == (1, 1)
        assert _sequences(Journal(store.database, ["S1"], kinds=BOTH, most=9).pending(0, 9)) == [1]


def test_a_transaction_of_another_thread_waits_and_sees_all_of_the_one_before(database: Database) -> None:
    journal, seen = _history(database, 0), list[list[int]]()
    teller = threading.Thread(target=lambda: seen.append(_sequences(journal.pending(0, 9))))
    with database.transaction():
        journal.add(_snapshot([0], _closed([0], [1])))
        teller.start()
        journal.add(_snapshot([0], _closed([0], [2])))
    teller.join()
    assert seen == [[1, 2]]


def test_a_teller_in_another_thread_has_everything_once_and_in_order(tmp_path: Path) -> None:
    told, ticks = list[int](), 300
    with Store(tmp_path) as store:
        journal = Journal(store.database, ["S1"], kinds=BOTH, most=10 * ticks)

        def tell() -> None:
            after = 0
            while len(told) < 3 * ticks:
                entries = journal.pending(after, 7)
                told.extend(_sequences(entries))
                after = max([after, *_numbers(entries)])
                journal.forget(_numbers(entries))

        teller = threading.Thread(target=tell)
        teller.start()
        for tick in range(ticks):
            with store.database.transaction():
                store.save(Memories(), tick)
                journal.add(_snapshot([0], *(_closed([0], [3 * tick + nth]) for nth in (1, 2, 3))))
        teller.join()
        assert told == list(range(1, 3 * ticks + 1))
        assert (journal.waiting, journal.lost) == (0, 0)


SERIALS = ["A", "B", "C", "D"]
MOST = 12
FLEETS = st.lists(st.sampled_from(SERIALS), min_size=1, max_size=4, unique=True)
KINDS = st.sets(st.sampled_from(["history", "event"])).map(frozenset)


class JournalAgainstAList(RuleBasedStateMachine):
    """The journal beside a list to which entries are added, and counters for each meter and each flag."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self._store: Store | None = None
        self.waiting: list[tuple[str, Interval | FlagChange]] = []
        self.numbers: list[int] = []
        self.highest = self.lost = self.tick_number = 0
        self.intervals = dict.fromkeys(SERIALS, 0)
        self.changes = dict.fromkeys(SERIALS, 0)
        self.flags: dict[str, int] = {}

    def teardown(self) -> None:
        if self._store:
            self._store.database.close()
        self._folder.cleanup()

    @initialize(fleet=FLEETS, kinds=KINDS)
    def begin(self, fleet: list[str], kinds: frozenset[Kind]) -> None:
        self.restart(fleet, kinds)

    @rule(fleet=FLEETS, kinds=KINDS)
    def restart(self, fleet: list[str], kinds: frozenset[Kind]) -> None:
        if self._store:
            self._store.database.close()
        self._store = Store(Path(self._folder.name))
        self.journal = Journal(self._store.database, fleet, kinds=kinds, most=MOST)
        self.fleet, self.kinds = fleet, kinds
        kept = [place for place, (serial, _) in enumerate(self.waiting) if serial in fleet]
        self._keep(kept)

    def _keep(self, places: list[int]) -> None:
        """Lose all but what is in these places."""
        self.lost += len(self.waiting) - len(places)
        self.waiting = [self.waiting[place] for place in places]
        self.numbers = [self.numbers[place] for place in places]

    @rule(data=st.data(), committed=st.integers(0, 5).map(bool))
    def tick(self, data: st.DataObject, *, committed: bool) -> None:
        """Close intervals and set flags; what is not committed, before a restart, never was."""
        self.tick_number += 1
        now = START + self.tick_number * NS_PER_S
        rows = st.lists(st.integers(0, len(self.fleet) - 1), unique=True, max_size=4)
        closing = data.draw(st.lists(rows, max_size=3))
        flags = data.draw(
            st.lists(st.integers(0, 0xFFFF), min_size=len(self.fleet), max_size=len(self.fleet))
        )
        before = (list(self.waiting), dict(self.intervals), dict(self.changes), dict(self.flags))
        snapshot = _snapshot(flags, *self._close(closing, now), tick=self.tick_number, time=now)
        self._change(flags, now)
        try:
            self._add(snapshot, committed=committed)
        except ZeroDivisionError:
            self.waiting, self.intervals, self.changes, self.flags = before
            self.restart(self.fleet, self.kinds)
        else:
            self._number()

    def _add(self, snapshot: Snapshot, *, committed: bool) -> None:
        with self.journal._database.transaction():
            self.journal.add(snapshot)
            if not committed:
                raise ZeroDivisionError

    def _close(self, closing: list[list[int]], now: int) -> Iterator[DemandInterval]:
        for rows in closing:
            for row in rows:
                self.intervals[self.fleet[row]] += 1
            closed = _closed(rows, [self.intervals[self.fleet[row]] for row in rows], now)
            for place, row in enumerate(rows):
                if "history" in self.kinds:
                    columns = closed.demand, closed.rolling_demand, closed.energy
                    figures = (column.tolist()[place] for column in columns)
                    interval = Interval(row, int(closed.sequence[place]), now - INTERVAL, now, *figures)
                    self.waiting.append((self.fleet[row], interval))
            yield closed

    def _change(self, flags: list[int], now: int) -> None:
        if "event" not in self.kinds:
            return
        for row, serial in enumerate(self.fleet):
            before = self.flags.get(serial, flags[row])
            self.flags[serial] = flags[row]
            for bit, name in enumerate(FLAGS):
                value = bool(flags[row] >> bit & 1)
                if name not in LEDS and value != bool(before >> bit & 1):
                    self.changes[serial] += 1
                    change = FlagChange(row, self.changes[serial], now, self.tick_number, name, value)
                    self.waiting.append((serial, change))

    def _number(self) -> None:
        """Let the oldest give way, and take the numbers of what is new."""
        new = len(self.waiting) - len(self.numbers)
        self.numbers += [0] * new
        self._keep(list(range(len(self.waiting)))[-MOST:])
        given = _numbers(self.journal.pending(self.highest, GROUP))
        assert len(given) == min(new, MOST)
        self.numbers = self.numbers[: len(self.numbers) - len(given)] + given
        self.highest = max([self.highest, *given])

    @rule(data=st.data())
    def forget(self, data: st.DataObject) -> None:
        numbers = data.draw(st.lists(st.sampled_from([*self.numbers, 0, self.highest + 1]), unique=True))
        self.journal.forget(numbers)
        left = [place for place, number in enumerate(self.numbers) if number not in numbers]
        self.waiting = [self.waiting[place] for place in left]
        self.numbers = [self.numbers[place] for place in left]

    @rule(after=st.integers(0, 2 * MOST), most=st.integers(-1, MOST))
    def take(self, after: int, most: int) -> None:
        after = max(0, self.highest - after)
        later = [number for number in self.numbers if number > after]
        assert _numbers(self.journal.pending(after, most)) == later[: max(0, most)]

    @invariant()
    def what_waits_is_what_the_list_holds(self) -> None:
        expected = [
            Entry(number, what._replace(row=self.fleet.index(serial)))
            for number, (serial, what) in zip(self.numbers, self.waiting, strict=True)
        ]
        assert self.journal.pending(0, GROUP) == expected
        assert (self.journal.waiting, self.journal.lost) == (len(expected), self.lost)


TestJournalAgainstAList = JournalAgainstAList.TestCase
TestJournalAgainstAList.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
