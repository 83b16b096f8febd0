"""What goes out late: in time, or lost where too much is under way, and then said so once."""

import asyncio
from typing import Any

import pytest

from gateway.bacnet.delivery import late
from gateway.bacnet.delivery.late import Late


async def test_a_burst_that_is_lost_is_one_line_with_a_count(
    meters: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(late, "MOST_LATE", 2)
    line, said = Late(), list[int]()
    for number in range(7):
        line.say(meters.device(1), 0.001, lambda number=number: said.append(number))  # type: ignore[misc]
    assert caplog.records == []
    await asyncio.sleep(0.01)
    assert said == [0, 1]
    line.stop()
    assert [record.message for record in caplog.records] == [
        "5 messages on slow lines dropped: too many wait"
    ]
