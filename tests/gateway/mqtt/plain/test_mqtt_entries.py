"""What is told exactly once, over a real broker that comes and goes."""

import json
from dataclasses import replace
from typing import Any

import numpy as np

from sims.points import NS_PER_S
from sims.snapshot import INTERVAL, DemandInterval
from tests.support.mqtt import Gateway, plain_snapshot
from tests.support.snapshots import START


def close_interval(made: Gateway, nth: int) -> None:
    """Show a snapshot in which every meter has closed its nth interval."""
    meters = len(made.meters)
    made.tick += 1
    closed = DemandInterval(
        rows=np.arange(meters),
        end=np.full(meters, START + nth * INTERVAL),
        sequence=np.full(meters, nth),
        demand=np.full(meters, 1000.0 * nth),
        rolling_demand=np.full(meters, 500.0 * nth),
        energy=np.full(meters, nth * 3_600_000),
    )
    snapshot = replace(plain_snapshot(made.meters, made.tick), intervals=(closed,))
    made.journal.add(snapshot)
    made.adapter.show(snapshot)


def sequences(listener: Any, meter: str) -> list[int]:
    """Return the numbers of the intervals that a listener has heard of, in order."""
    topic = f"metergate/plant-a/{meter}/history"
    return [json.loads(one.payload)["sequence"] for one in listener.messages if str(one.topic) == topic]


async def test_a_closed_interval_is_told_in_shown_units(gateway: Any, listen: Any) -> None:
    made = await gateway(1)
    async with listen(made.port) as listener:
        close_interval(made, 1)
        await made.adapter.shown()
        await listener.until(lambda: listener.text("M0001/history"))
    message = listener.heard["metergate/plant-a/M0001/history"]
    assert json.loads(message.payload) == {
        "sequence": 1,
        "start": "2026-01-05T00:00:00Z",
        "end": "2026-01-05T00:05:00Z",
        "demand": 1.0,
        "rolling_demand": 0.5,
        "energy": 0.001,
    }
    assert (message.qos, message.retain) == (1, False)


async def test_a_change_of_a_flag_is_told_at_its_tick(gateway: Any, listen: Any) -> None:
    made = await gateway(2)
    async with listen(made.port) as listener:
        made.tick += 1
        snapshot = plain_snapshot(made.meters, made.tick)
        flags = snapshot.columns["flags"] ^ np.array([0, 1], np.uint16)
        snapshot = replace(snapshot, columns={**snapshot.columns, "flags": flags})
        made.journal.add(snapshot)
        made.adapter.show(snapshot)
        await listener.until(lambda: listener.text("M0002/event"))
    told = json.loads(listener.text("M0002/event"))
    assert told == {
        "sequence": 1,
        "time": f"2026-01-05T00:00:{made.tick:02}Z",
        "tick": made.tick,
        "flag": "reverse_phase",
        "value": True,
    }
    assert snapshot.tick.time == START + made.tick * NS_PER_S


async def test_what_has_waited_is_told_in_order_once_there_is_a_connection(
    yours: Any, gateway: Any, listen: Any, eventually: Any
) -> None:
    made = await gateway(3, url=yours.url, start=False)
    for nth in range(1, 200):
        close_interval(made, nth)
    assert made.journal.waiting == 3 * 199
    async with listen(yours.port) as listener:
        await made.adapter.start()
        await listener.until(lambda: len(sequences(listener, "M0003")) == 199)
    await eventually(lambda: not made.journal.waiting)
    for meter in ("M0001", "M0002", "M0003"):
        assert sequences(listener, meter) == list(range(1, 200))
    assert made.journal.lost == 0


async def test_a_start_does_not_wait_for_what_an_earlier_run_has_left(gateway: Any) -> None:
    made = await gateway(1, start=False)
    for nth in range(1, 1001):
        close_interval(made, nth)
    await made.adapter.start()
    assert made.journal.waiting
    await made.adapter.shown()
    assert not made.journal.waiting
