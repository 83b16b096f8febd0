"""Faults of the line set over HTTP, seen by Modbus clients at the new tick, and what is left of them."""

import asyncio
import socket
import struct
from typing import Any

import pytest

from tests.gateway.web.conftest import Served, Start

METER = "/api/v1/meters/M0001"
GATEWAY = "/api/v1/gateway"
SOUND = {"modbus": {"mode": "ok"}, "bacnet": {"mode": "ok"}, "mqtt": {"mode": "ok"}}
MODBUS = {("modbus", "enabled"): ("", True), ("modbus", "port"): ("", 0)}


@pytest.fixture
async def modbus(start: Start) -> Served:
    """Start a gateway of 3 meters with a manual clock and Modbus."""
    return await start(more=MODBUS)


def _ask(served: Served, unit: int) -> bytes:
    """Return the PDU that answers a read of the clock; nothing for none."""
    (entry,) = served.station.control.ready()["modbus"]
    with socket.create_connection((entry["host"], entry["port"]), 10) as sock:
        sock.sendall(struct.pack(">HHHBBHH", 1, 0, 6, unit, 3, 118, 2))
        sock.shutdown(socket.SHUT_WR)
        told = b""
        while part := sock.recv(1024):
            told += part
    return told[7:]


async def _set(served: Served, path: str, **link: Any) -> Any:
    answer = await served.call("PATCH", path, {"link": link})
    assert answer.status == 200, answer.body
    return answer.json


async def _asked(served: Served, unit: int = 1) -> str:
    """Return the function, and the code of a refusal, of what a unit answers; "" for none."""
    told = await asyncio.to_thread(_ask, served, unit)
    return told[: 2 if told[:1] == b"\x83" else 1].hex()


async def test_a_fault_is_set_shown_and_ended(modbus: Served) -> None:
    assert await _asked(modbus) == "03"
    meter = await _set(modbus, METER, modbus={"mode": "refuse", "exception": 6})
    shown = {"mode": "refuse", "exception": 6, "delay_s": 0.0, "jitter_s": 0.0, "rate": 1.0}
    assert (meter["tick"], meter["link"]) == (1, SOUND | {"modbus": shown})
    assert [await _asked(modbus, unit) for unit in (1, 2)] == ["8306", "03"]
    meter = (await modbus.call("GET", METER)).json
    assert meter["link"] == SOUND | {"modbus": shown}
    assert (await _set(modbus, METER, all={"mode": "ok"}))["link"] == SOUND
    assert await _asked(modbus) == "03"


@pytest.mark.parametrize("nothing", [{"modbus": None}, {"all": None}])
async def test_null_takes_a_fault_away(modbus: Served, nothing: dict[str, None]) -> None:
    await _set(modbus, METER, modbus={"mode": "silent"})
    assert (await _set(modbus, METER, bacnet={"mode": "ok"}))["link"]["modbus"]["mode"] == "silent"
    assert (await _set(modbus, METER, **nothing))["link"] == SOUND
    assert await _asked(modbus) == "03"


async def test_the_port_has_a_fault_for_all(modbus: Served) -> None:
    gateway = await _set(modbus, GATEWAY, all={"mode": "refuse"})
    assert gateway["link"]["modbus"]["mode"] == "refuse"
    assert (await modbus.call("GET", METER)).json["link"] == SOUND
    assert [await _asked(modbus, unit) for unit in (1, 3, 9)] == ["830b"] * 3
    await _set(modbus, METER, modbus={"mode": "silent"})
    assert [await _asked(modbus, unit) for unit in (1, 3)] == ["", "830b"]
    await _set(modbus, GATEWAY, all={"mode": "ok"})
    assert (await modbus.call("GET", GATEWAY)).json["link"] == SOUND
    assert [await _asked(modbus, unit) for unit in (1, 3)] == ["", "03"]


async def test_what_is_left_of_count_and_time_is_shown_and_then_it_is_over(modbus: Served) -> None:
    await _set(modbus, METER, all={"mode": "refuse", "count": 2})
    assert await _asked(modbus) == "830b"
    assert (await modbus.call("GET", METER)).json["link"]["modbus"]["count"] == 1
    assert [await _asked(modbus) for _ in range(2)] == ["830b", "03"]
    await _set(modbus, METER, all={"mode": "silent", "for_s": 90.5})
    await modbus.advance(90)
    assert (await modbus.call("GET", METER)).json["link"]["modbus"]["for_s"] == 0.5
    assert await _asked(modbus) == ""
    await modbus.advance(0.499999)
    assert await _asked(modbus) == ""
    await modbus.advance(0.000001)
    assert (await modbus.call("GET", METER)).json["link"] == SOUND
    assert await _asked(modbus) == "03"


async def test_faults_of_bacnet_are_set_and_shown_likewise(modbus: Served) -> None:
    error = {"mode": "error", "exception": 31, "error_class": 1}
    timing = {"delay_s": 0.0, "jitter_s": 0.0, "rate": 1.0}
    assert (await _set(modbus, METER, bacnet=error))["link"] == SOUND | {"bacnet": error | timing}
    wrong = await _set(modbus, GATEWAY, bacnet={"mode": "wrong_clock"})
    assert wrong["link"] == SOUND | {"bacnet": {"mode": "wrong_clock", "offset_s": 3600.0} | timing}
    assert await _asked(modbus) == "03"


async def test_a_meter_can_be_sent_back_as_it_is_shown_with_its_fault(modbus: Served) -> None:
    await _set(modbus, METER, all={"mode": "garble", "rate": 0.5, "count": 7, "for_s": 100})
    await modbus.advance(30)
    meter = (await modbus.call("GET", METER)).json
    keys = ("load", "wiring", "supply", "environment", "link")
    again = await modbus.call("PATCH", METER, {key: meter[key] for key in keys})
    assert again.status == 200
    assert {key: again.json[key] for key in keys} == {key: meter[key] for key in keys}


async def test_a_change_is_made_whole_or_not_at_all(modbus: Served) -> None:
    before = (await modbus.call("GET", METER)).json
    body = {"load": {"kw": 3}, "link": {"all": {"mode": "truncate"}}}
    answer = await modbus.call("PATCH", METER, body)
    assert answer.status == 422
    assert "body.link.all.mode: 'truncate' is not allowed; allowed: ok, silent" in answer.json["detail"]
    body = {"load": {"kw": 1e9}, "link": {"modbus": {"mode": "truncate"}}}
    assert (await modbus.call("PATCH", METER, body)).status == 422
    assert (await modbus.call("GET", METER)).json == before
    body["load"] = {"kw": 3}
    meter = (await modbus.call("PATCH", METER, body)).json
    assert (meter["load"]["kw"], meter["link"]["modbus"]["mode"]) == (3, "truncate")


async def test_faults_of_mqtt_are_set_and_shown_likewise(modbus: Served) -> None:
    timing = {"delay_s": 5.0, "jitter_s": 0.0, "rate": 1.0}
    for path in (METER, GATEWAY):
        told = (await _set(modbus, path, mqtt={"mode": "late"}))["link"]
        assert told == SOUND | {"mqtt": {"mode": "late"} | timing}


async def test_a_frozen_meter_stays_where_it_was_when_that_was_asked(modbus: Served) -> None:
    await modbus.advance(100)
    meter = await _set(modbus, METER, all={"mode": "frozen", "for_s": 60})
    told = await asyncio.to_thread(_ask, modbus, 1)
    assert meter["time"] == "2026-01-05T00:01:40Z"
    assert int.from_bytes(told[2:]) == 1_767_571_200 + 100
    await modbus.advance(59)
    assert await asyncio.to_thread(_ask, modbus, 1) == told != await asyncio.to_thread(_ask, modbus, 2)
    await modbus.advance(1)
    assert int.from_bytes((await asyncio.to_thread(_ask, modbus, 1))[2:]) == 1_767_571_200 + 160


async def test_with_a_real_clock_a_fault_takes_effect_before_it_is_answered(start: Start) -> None:
    served = await start("real", more=MODBUS)
    for mode, told in (("refuse", "830b"), ("ok", "03"), ("silent", ""), ("ok", "03")) * 3:
        await _set(served, METER, modbus={"mode": mode})
        assert [await _asked(served, unit) for unit in (1, 2)] == [told, "03"]


async def test_a_gateway_without_modbus_takes_its_faults_all_the_same(station: Served) -> None:
    assert (await _set(station, GATEWAY, all={"mode": "drop"}))["link"]["modbus"]["mode"] == "drop"


async def test_faults_of_the_configuration_are_there_from_the_start(start: Start) -> None:
    link = {"all": {"mode": "refuse", "exception": 10, "for_s": 60}}
    served = await start(more={**MODBUS, ("gateway", "link"): ("", link)})
    assert [await _asked(served, unit) for unit in (1, 3)] == ["830a"] * 2
    await served.advance(60)
    assert await _asked(served) == "03"
