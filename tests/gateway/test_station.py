"""The station's own promises: one writer, saved before it is shown, and an end that is one."""

import asyncio
import contextlib
import signal
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway import adapters
from gateway.clock import MANUAL_START
from gateway.commands import Advance, Broadcast, Change, HoldKey, ResetPeak, SetClock, TurnKey
from gateway.config.reader import load_config
from gateway.config.settings import Config, JournalSettings
from gateway.errors import RequestRefusedError
from gateway.hub import Endpoint
from gateway.journal import Interval
from gateway.process import run
from gateway.station import Station
from gateway.store import Store
from sims.energy import MJ_PER_KWH
from sims.points import NS_PER_S
from sims.snapshot import Snapshot

OPTIONS: dict[tuple[str, ...], tuple[str, Any]] = {("clock", "mode"): ("--clock", "manual")}
SLOW: dict[tuple[str, ...], tuple[str, Any]] = {
    ("clock", "tick_s"): ("", 3600.0),
    ("clock", "speed"): ("", 100.0),
    ("meters",): ("", [{"count": 2, "accuracy": "ideal", "load": {"kw": 36}}]),
}
"""A real clock whose regular ticks never come while a test lasts."""

NS_PER_HOUR = 3600 * NS_PER_S


class Recorder:
    """An adapter that notes what it is shown; `on_show` is called with each snapshot."""

    name = "recorder"

    def __init__(self, on_show: Callable[[Snapshot], None] = lambda _: None) -> None:
        self.shown_snapshots: list[Snapshot] = []
        self.second = asyncio.Event()
        self.running = False
        self._on_show = on_show

    async def start(self) -> None:
        self.running = True

    def show(self, snapshot: Snapshot) -> None:
        self._on_show(snapshot)
        self.shown_snapshots.append(snapshot)
        if snapshot.tick.number == 2:
            self.second.set()

    async def shown(self) -> None:
        await asyncio.sleep(0)

    async def stop(self) -> None:
        self.running = False

    def away(self) -> bool:
        return False

    def endpoints(self) -> Sequence[Endpoint]:
        return [Endpoint("Recorder", "nowhere", "nobody")]

    def ready(self) -> Mapping[str, Any]:
        return {"recorder": "nowhere"}


class Stubborn(Recorder):
    """An adapter that cannot start."""

    async def start(self) -> None:
        raise OSError("no")


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let stations have these adapters alone."""

    def use(*made: Recorder) -> None:
        monkeypatch.setattr(adapters, "ADAPTERS", [lambda *_, one=one: one for one in made])

    return use


def _station(store: Store | None = None) -> Station:
    return Station(load_config(options=OPTIONS), store)


async def test_advances_asked_for_at_once_come_one_after_the_other(serve: Any) -> None:
    recorder = Recorder()
    serve(recorder)
    async with _station() as station:
        running = asyncio.create_task(station.run())
        await asyncio.gather(*(station.control.apply(Advance(2 * 86_400)) for _ in range(3)))
        running.cancel()
    ticks = [snapshot.tick for snapshot in recorder.shown_snapshots]
    assert [tick.number for tick in ticks] == list(range(7))
    assert [tick.time for tick in ticks] == sorted(tick.time for tick in ticks)
    assert ticks[-1].time == MANUAL_START + 6 * 86_400 * NS_PER_S


async def test_an_advance_whose_asker_has_gone_is_still_made_alone(serve: Any) -> None:
    recorder = Recorder()
    serve(recorder)
    async with _station() as station:
        running = asyncio.create_task(station.run())
        impatient = asyncio.create_task(station.control.apply(Advance(86_400)))
        await asyncio.sleep(0.005)
        impatient.cancel()
        await station.control.apply(Advance(60))
        running.cancel()
    assert [snapshot.tick.number for snapshot in recorder.shown_snapshots] == [0, 1, 2]


async def test_what_is_shown_has_been_saved(serve: Any, tmp_path: Path) -> None:
    saved: list[int] = []
    with Store(tmp_path) as store:
        save = store.save

        def noting(memories: Any, reached: int) -> None:
            save(memories, reached)
            saved.append(sum(memory.millijoules for memory in memories.meters.values()))

        store.save = noting  # type: ignore[method-assign]

        def check(snapshot: Snapshot) -> None:
            assert saved[-1] == int(snapshot.columns["energy"].sum())

        serve(Recorder(check))
        async with _station(store) as station:
            running = asyncio.create_task(station.run())
            for _ in range(3):
                await station.control.apply(Advance(600))
            running.cancel()
    assert len(saved) == 4


def _journalling() -> Config:
    """Return the configuration of two meters whose intervals and flags are recorded."""
    config = load_config(options=OPTIONS | {("meters",): ("", [{"count": 2, "load": {"kw": 6}}])})
    return replace(config, journal=JournalSettings(frozenset({"history", "event"}), 1000))


async def test_a_tick_that_cannot_be_recorded_is_not_saved_either(serve: Any, tmp_path: Path) -> None:
    serve(Recorder())
    with Store(tmp_path) as store:
        with store.database.transaction() as connection:
            connection.execute(
                "CREATE TRIGGER full BEFORE INSERT ON journal BEGIN SELECT RAISE(ABORT, 'no room'); END"
            )
        async with Station(_journalling(), store) as station:
            running = asyncio.create_task(station.run())
            with pytest.raises(RequestRefusedError, match="stopping"):
                await station.control.apply(Advance(600))
            with pytest.raises(ExceptionGroup) as raised:
                await running
    assert raised.value.subgroup(sqlite3.IntegrityError)
    with Store(tmp_path) as store:
        assert store.reached == MANUAL_START
        assert {memory.intervals for memory in store.load().meters.values()} == {0}


async def test_what_is_shown_waits_in_the_journal_already(serve: Any, tmp_path: Path) -> None:
    shown: list[int] = []
    reversed_ct = Change(0, {"wiring": {"ct1": {"polarity": "reversed"}}})
    serve(Recorder(lambda _: shown.append(station.control.journal.waiting if shown else 0)))
    for store in (None, Store(tmp_path)):
        with store or contextlib.nullcontext():
            shown.clear()
            station = Station(_journalling(), store)
            async with station:
                running = asyncio.create_task(station.run())
                await station.control.apply(Advance(1500))
                await station.control.apply((reversed_ct,))
                waiting = [what for _, what in station.control.journal.pending(0, 99)]
                running.cancel()
        assert shown == [0, 10, len(waiting)]
        assert [type(what) for what in waiting[:10]] == [Interval] * 10
        assert ("negative_power_l1", True) in {what[4:] for what in waiting[10:]}


async def test_an_adapter_that_fails_to_show_ends_the_station(serve: Any) -> None:
    def fail(snapshot: Snapshot) -> None:
        if snapshot.tick.number:
            raise ZeroDivisionError

    serve(Recorder(), Recorder(fail))
    async with _station() as station:
        running = asyncio.create_task(station.run())
        with pytest.raises(RequestRefusedError, match="stopping"):
            await station.control.apply(Advance(1))
        with pytest.raises(ExceptionGroup) as raised:
            await running
    assert raised.value.subgroup(ZeroDivisionError)


async def test_a_real_clock_refuses_to_be_advanced_and_goes_on(serve: Any) -> None:
    recorder = Recorder()
    serve(recorder)
    async with Station(load_config(options={("clock", "tick_s"): ("", 0.05)}), None) as station:
        running = asyncio.create_task(station.run())
        with pytest.raises(RequestRefusedError, match="real"):
            await station.control.apply(Advance(1))
        await recorder.second.wait()
        running.cancel()


async def test_ticks_are_numbered_in_the_order_in_which_they_are_shown_however_late_they_come(
    serve: Any,
) -> None:
    recorder = Recorder(lambda _: time.sleep(0.03))
    serve(recorder)
    options: dict[tuple[str, ...], tuple[str, Any]] = {("clock", "tick_s"): ("", 0.05)}
    async with Station(load_config(options=options), None) as station:
        running = asyncio.create_task(station.run())
        for _ in range(12):
            await station.control.apply((TurnKey(0, "right"),))
        running.cancel()
    ticks = [snapshot.tick for snapshot in recorder.shown_snapshots]
    assert [tick.number for tick in ticks] == list(range(len(ticks)))
    assert [tick.time for tick in ticks] == sorted(tick.time for tick in ticks)


async def test_a_command_takes_effect_when_it_comes_and_not_at_the_last_tick(serve: Any) -> None:
    recorder = Recorder()
    serve(recorder)
    async with Station(load_config(options=SLOW), None) as station:
        running = asyncio.create_task(station.run())
        await asyncio.sleep(0.03)
        await station.control.apply((Change(0, {"load": {"kw": 0}}),))
        await asyncio.sleep(0.03)
        with pytest.raises(RequestRefusedError, match="changes nothing"):
            await station.control.apply((Change(0, {}),))
        running.cancel()
    start, first, second = recorder.shown_snapshots
    hours = (first.tick.time - start.tick.time) / NS_PER_HOUR
    assert hours > 3 / 3600
    assert first.columns["active_power"][0] == 0
    assert first.columns["energy"][0] == pytest.approx(36 * hours * MJ_PER_KWH, abs=1)
    assert second.tick.time - first.tick.time > 3 * NS_PER_S
    assert second.columns["energy"][0] == first.columns["energy"][0]


async def test_a_key_that_is_held_comes_back_so_much_after_it_was_turned(serve: Any) -> None:
    recorder = Recorder()
    serve(recorder)
    async with Station(load_config(options=SLOW), None) as station:
        running = asyncio.create_task(station.run())
        await asyncio.sleep(0.02)
        await station.control.apply((HoldKey(0, 0.5),))
        assert station.control.key_outcome(0) is None
        await asyncio.sleep(0.02)
        await station.control.apply((TurnKey(1, "right"),))
        outcome = station.control.key_outcome(0)
        running.cancel()
    assert outcome
    assert outcome.time == recorder.shown_snapshots[1].tick.time + NS_PER_S // 2
    assert recorder.shown_snapshots[1].columns["key_switch"][0] == 1
    assert recorder.shown_snapshots[2].columns["key_switch"][0] == 0


async def test_demand_intervals_that_a_command_closes_are_shown(serve: Any) -> None:
    recorder = Recorder()
    serve(recorder)
    options = {**SLOW, ("clock", "speed"): ("", 100_000.0)}
    async with Station(load_config(options=options), None) as station:
        running = asyncio.create_task(station.run())
        await asyncio.sleep(0.02)
        await station.control.apply((Change(0, {"load": {"kw": 0}}),))
        running.cancel()
    _, changed = recorder.shown_snapshots
    assert len(changed.intervals) >= 2000 // 300
    assert changed.intervals[0].demand[0] == pytest.approx(36_000)


async def test_changes_asked_for_at_once_all_take_effect(serve: Any) -> None:
    serve(Recorder())
    async with _station() as station:
        running = asyncio.create_task(station.run())
        changes: list[dict[str, Any]] = [
            {"wiring": {"ct1": {"ratio": 0.5}}},
            {"load": {"kw": 3}},
            {"wiring": {"ct1": {"open": True}}},
        ]
        await asyncio.gather(*(station.control.apply((Change(0, change),)) for change in changes))
        connection = station.control.connection(0)
        running.cancel()
    assert (connection["load"]["kw"], connection["wiring"]["ct1"]["ratio"]) == (3, 0.5)
    assert connection["wiring"]["ct1"]["open"] is True


DEAD: dict[tuple[str, ...], tuple[str, Any]] = {
    ("meters",): (
        "",
        [
            {"id": "dead", "load": {"kw": 1}, "options": ["demand", "peak_reset"], "supply": {"lost": [1]}},
            {"id": "alive", "load": {"kw": 1}, "options": ["demand", "peak_reset"]},
        ],
    ),
}
"""A meter that refuses to reset its peak, and one that does it."""


async def test_commands_of_one_request_are_carried_out_all_at_one_tick_or_not_at_all(serve: Any) -> None:
    recorder = Recorder()
    serve(recorder)
    async with Station(load_config(options=OPTIONS | DEAD), None) as station:
        running = asyncio.create_task(station.run())
        with pytest.raises(RequestRefusedError, match="without supply"):
            await station.control.apply((TurnKey(0, "right"), Change(0, {"load": {"kw": 2}}), ResetPeak(0)))
        assert len(recorder.shown_snapshots) == 1
        assert station.control.connection(0)["load"]["kw"] == 1
        outcome = await station.control.apply(
            (
                TurnKey(1, "right"),
                Change(1, {"load": {"kw": 2}}),
                Change(1, {"wiring": {"ct1": {"ratio": 0.5}}}),
            )
        )
        running.cancel()
    _, shown = recorder.shown_snapshots
    assert (len(outcome), outcome[1:]) == (3, ("", ""))
    assert shown.columns["key_switch"].tolist() == [0, 1]
    assert shown.columns["active_power"][1] == pytest.approx(2000 * 5 / 6, rel=0.02)


async def test_a_refused_request_leaves_the_meters_as_they_were_when_the_clock_goes(serve: Any) -> None:
    recorder = Recorder()
    serve(recorder)
    async with Station(load_config(options=SLOW | DEAD), None) as station:
        running = asyncio.create_task(station.run())
        await asyncio.sleep(0.02)
        with pytest.raises(RequestRefusedError, match="without supply"):
            await station.control.apply((TurnKey(1, "right"), ResetPeak(0)))
        await station.control.apply((ResetPeak(1),))
        running.cancel()
    assert [one.columns["key_switch"].tolist() for one in recorder.shown_snapshots] == [[0, 0]] * 3


async def test_a_broadcast_is_obeyed_at_one_tick_by_all_that_can(serve: Any) -> None:
    recorder = Recorder()
    serve(recorder)
    async with Station(load_config(options=OPTIONS | DEAD), None) as station:
        running = asyncio.create_task(station.run())
        assert await station.control.apply(Broadcast((ResetPeak(0),))) == ()
        assert len(recorder.shown_snapshots) == 1
        outcome = await station.control.apply(Broadcast((ResetPeak(0), TurnKey(1, "right"))))
        running.cancel()
    assert len(outcome) == 1
    assert [one.columns["key_switch"].tolist() for one in recorder.shown_snapshots] == [[0, 0], [0, 1]]


class Slow(Recorder):
    """An adapter whose clients never see anything."""

    async def shown(self) -> None:
        await asyncio.Event().wait()


async def test_nobody_waits_for_clients_that_somebody_else_waits_for(serve: Any) -> None:
    slow = Slow()
    serve(slow)
    async with _station() as station:
        running = asyncio.create_task(station.run())
        waiting = asyncio.create_task(station.control.shown())
        for position in ("right", "home", "right"):
            await station.control.apply((TurnKey(0, position),))
        assert len(slow.shown_snapshots) == 4
        assert not waiting.done()
        waiting.cancel()
        running.cancel()


async def test_commands_are_carried_out_between_the_ticks_of_a_long_advance(serve: Any) -> None:
    recorder = Recorder()
    serve(recorder)
    async with _station() as station:
        running = asyncio.create_task(station.run())
        advance = asyncio.create_task(station.control.apply(Advance(300 * 86_400)))
        await recorder.second.wait()
        await station.control.apply((TurnKey(0, "right"),))
        assert not advance.done()
        assert len(recorder.shown_snapshots) < 300
        advance.cancel()
        running.cancel()
    ticks = [snapshot.tick for snapshot in recorder.shown_snapshots]
    assert [tick.number for tick in ticks] == list(range(len(ticks)))
    assert [tick.time for tick in ticks] == sorted(tick.time for tick in ticks)


async def test_a_clock_is_set_at_the_present_instant_and_while_commands_are_under_way(serve: Any) -> None:
    recorder = Recorder()
    serve(recorder)
    async with Station(load_config(options=SLOW), None) as station:
        running = asyncio.create_task(station.run())
        await asyncio.sleep(0.02)
        await asyncio.gather(
            *(
                station.control.apply(request)
                for _ in range(5)
                for request in (
                    SetClock(None, paused=True),
                    (TurnKey(0, "right"),),
                    SetClock(1.0, paused=False),
                )
            )
        )
        state = station.control.clock_state()
        assert not running.done()
        running.cancel()
    ticks = [snapshot.tick for snapshot in recorder.shown_snapshots]
    assert [tick.number for tick in ticks] == list(range(16))
    assert [tick.time for tick in ticks] == sorted(tick.time for tick in ticks)
    assert ticks[1].time - ticks[0].time >= 2 * NS_PER_S
    assert ticks[1].time == ticks[2].time == ticks[3].time
    assert (state.tick, state.speed, state.paused) == (ticks[-1], 1.0, False)
    assert ticks[-1].regular == 3600 * NS_PER_S


async def test_a_manual_clock_refuses_to_be_set_and_makes_no_tick(serve: Any) -> None:
    recorder = Recorder()
    serve(recorder)
    async with _station() as station:
        running = asyncio.create_task(station.run())
        with pytest.raises(RequestRefusedError, match="manual"):
            await station.control.apply(SetClock(2.0, paused=None))
        running.cancel()
    assert len(recorder.shown_snapshots) == 1


async def test_signals_are_as_they_were_when_it_has_run(serve: Any) -> None:
    serve(Recorder())
    before = signal.getsignal(signal.SIGTERM)
    announced = asyncio.Event()
    serving = asyncio.create_task(
        run(load_config(options=OPTIONS), ready_file=None, announce=lambda *_: announced.set())
    )
    await announced.wait()
    assert signal.getsignal(signal.SIGTERM) != before
    serving.cancel()
    await asyncio.wait({serving})
    assert signal.getsignal(signal.SIGTERM) == before


async def test_a_bug_in_a_command_ends_the_station(serve: Any) -> None:
    serve(Recorder())
    async with _station() as station:
        running = asyncio.create_task(station.run())
        with pytest.raises(RequestRefusedError, match="stopping"):
            await station.control.apply((ResetPeak(10_000),))
        with pytest.raises(ExceptionGroup) as raised:
            await running
    assert raised.value.subgroup(IndexError)


async def test_with_a_state_time_goes_on_where_it_was(serve: Any, tmp_path: Path) -> None:
    def instant(start: str | None = None) -> int:
        options = OPTIONS if start is None else {**OPTIONS, ("clock", "start"): ("--start", start)}
        with Store(tmp_path) as store:
            return Station(load_config(options=options), store).control.clock_state().tick.time

    serve(Recorder())
    with Store(tmp_path) as store:
        async with _station(store) as station:
            running = asyncio.create_task(station.run())
            await station.control.apply(Advance(3600))
            running.cancel()
    with Store(tmp_path) as store:
        peak_time = max(memory.peak_demand_time for memory in store.load().meters.values())
    assert instant() == instant("2026-01-05T00:30:00Z") == MANUAL_START + NS_PER_HOUR
    assert MANUAL_START < peak_time <= MANUAL_START + NS_PER_HOUR
    assert instant("2026-01-05T01:00:01Z") == MANUAL_START + NS_PER_HOUR + NS_PER_S


async def test_all_adapters_stop_if_one_cannot_start(serve: Any) -> None:
    first = Recorder()
    serve(first, Stubborn())
    with pytest.raises(OSError, match="no"):
        async with _station():
            pass
    assert not first.running


async def test_a_command_after_the_end_is_refused(serve: Any) -> None:
    serve(Recorder())
    async with _station() as station:
        pass
    with pytest.raises(RequestRefusedError, match="stopping"):
        await station.control.apply(Advance(1))


async def test_the_ready_file_is_private_and_whole_and_an_old_one_is_gone_before(
    serve: Any, tmp_path: Path
) -> None:
    ready_file = tmp_path / "ready.json"
    ready_file.write_text("old")
    seen: list[bool] = []
    serve(Recorder(lambda _: seen.append(ready_file.exists())))
    announced = asyncio.Event()
    serving = asyncio.create_task(
        run(
            load_config(options=OPTIONS),
            ready_file=ready_file,
            announce=lambda *_: announced.set(),
        )
    )
    await announced.wait()
    assert seen == [False]
    assert ready_file.stat().st_mode & 0o777 == 0o600
    assert b'"recorder": "nowhere"' in ready_file.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["ready.json"]
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
