"""Commands over MQTT do what the same request does over HTTP, and are refused in the same words."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from tests.support.process import Gateway

PLANT = """
gateway: {id: plant-a}
meters:
  - {id: only, model: series-2000-120-208, ct_a: 400, accuracy: ideal, options: [demand, peak_reset],
     load: {kw: 30}}
  - {id: plain, model: series-1000-120-208, accuracy: ideal, load: {kw: 10}}
"""
METER = "/api/v1/meters/only"


class Asker:
    """Asks a running gateway over MQTT, and over HTTP."""

    def __init__(self, running: Gateway, client: aiomqtt.Client) -> None:
        self.running = running
        self._client = client

    async def mqtt(self, topic: str, body: object) -> dict[str, Any]:
        """Return what is answered to a command."""
        await self._client.publish(f"metergate/plant-a/{topic}", json.dumps(body).encode(), qos=1)
        async with asyncio.timeout(10):
            message = await anext(aiter(self._client.messages))
        assert isinstance(message.payload, bytes)
        return dict(json.loads(message.payload))

    async def http(self, method: str, path: str, body: object = None) -> Any:
        """Return the answer to a request, or the detail of the problem."""
        request = urllib.request.Request(  # noqa: S310  a URL of our own gateway
            self.running.ready["http"] + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
            method=method,
        )
        return await asyncio.to_thread(_answer, request)

    async def meter(self) -> Any:
        """Return the meter as HTTP shows it."""
        return await self.http("GET", METER)


def _answer(request: urllib.request.Request) -> Any:
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  as above
            return json.load(answer)
    except urllib.error.HTTPError as problem:
        with problem:
            return json.load(problem)["detail"]


@pytest.fixture
async def asker(gateway: Callable[..., Gateway], tmp_path: Path) -> AsyncIterator[Asker]:
    """Start two ideal meters with a manual clock and the broker that comes along, and listen to results."""
    (tmp_path / "plant.yaml").write_text(PLANT)
    running = gateway("plant.yaml", "--clock", "manual")
    port = int(running.ready["mqtt"].rpartition(":")[2])
    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.subscribe([("metergate/plant-a/+/result", 1), ("metergate/plant-a/result", 1)])
        yield Asker(running, client)


REFUSED: list[tuple[str, object, tuple[Any, ...]]] = [
    ("only/set/load", {"kw": "30"}, ("PATCH", METER, {"load": {"kw": "30"}})),
    ("only/set/load", None, ("PATCH", METER, {"load": None})),
    (
        "only/set/load",
        {"sum": [{"kw": 1, "x": 2}]},
        ("PATCH", METER, {"load": {"sum": [{"kw": 1, "x": 2}]}}),
    ),
    ("only/set/wiring", {"ct4": {}}, ("PATCH", METER, {"wiring": {"ct4": {}}})),
    ("only/set/supply", {"frequency_hz": 50}, ("PATCH", METER, {"supply": {"frequency_hz": 50}})),
    ("only/set/environment", 5, ("PATCH", METER, {"environment": 5})),
    ("only/set/link", {"modbus": {}}, ("PATCH", METER, {"link": {"modbus": {}}})),
    ("set/link", {"modbus": {}}, ("PATCH", "/api/v1/gateway", {"link": {"modbus": {}}})),
    ("only/set/key-switch", {"position": 1}, ("POST", f"{METER}/key-switch", {"position": 1})),
    ("only/set/key-switch", {"held_s": 0}, ("POST", f"{METER}/key-switch", {"held_s": 0})),
    ("only/set/key-switch", [], ("POST", f"{METER}/key-switch", [])),
    ("plain/set/reset-peak", None, ("POST", "/api/v1/meters/plain/reset-peak")),
    ("set/speed", {"speed": -1}, ("PATCH", "/api/v1/clock", {"speed": -1})),
    ("set/speed", {"speed": 2}, ("PATCH", "/api/v1/clock", {"speed": 2})),
]
"""Commands that are refused, and the same requests over HTTP."""


async def test_a_refusal_has_the_words_of_the_http_api(asker: Asker) -> None:
    for topic, body, over_http in REFUSED:
        answer = await asker.mqtt(topic, body)
        assert answer["ok"] is False
        assert answer["error"] == await asker.http(*over_http)
    assert await asker.mqtt("only/set/environment", {"temperature_c": 20}) == {
        "command": "environment",
        "ok": True,
        "time": "2026-01-05T00:00:00Z",
        "tick": 1,
    }


async def test_commands_change_the_meter_that_http_shows(asker: Asker) -> None:
    ticks = [
        (await asker.mqtt(f"only/set/{command}", body))["tick"]
        for command, body in (
            ("load", {"kw": 12, "power_factor": 0.9}),
            ("wiring", {"ct1": {"polarity": "reversed"}}),
            ("supply", {"lost": [2]}),
            ("environment", {"temperature_c": 33}),
            ("link", {"modbus": {"mode": "silent"}}),
        )
    ]
    assert ticks == [1, 2, 3, 4, 5]
    meter = await asker.meter()
    assert meter["tick"] == 5
    assert meter["load"] == {"kw": 12, "power_factor": 0.9}
    assert meter["wiring"]["ct1"]["polarity"] == "reversed"
    assert meter["supply"]["lost"] == [2]
    assert meter["readings"]["temperature"] == 33
    assert meter["link"]["modbus"]["mode"] == "silent"
    await asker.mqtt("set/link", {"bacnet": {"mode": "refuse"}})
    assert (await asker.http("GET", "/api/v1/gateway"))["link"]["bacnet"]["mode"] == "refuse"


async def test_the_peak_is_reset_from_afar_and_the_key_says_why_it_resets_none(asker: Asker) -> None:
    await asyncio.to_thread(asker.running.advance, 1800)
    assert (await asker.meter())["readings"]["peak_demand"] == pytest.approx(30, rel=1e-3)
    assert (await asker.mqtt("only/set/reset_peak", "PRESS"))["ok"] is True
    assert (await asker.meter())["readings"]["peak_demand"] == 0
    turned = await asker.mqtt("plain/set/key-switch", {"held_s": 0.5})
    over_http = await asker.http("POST", "/api/v1/meters/plain/key-switch", {"held_s": 0.5})
    assert {key: turned[key] for key in ("reset", "reason")} == {
        "reset": False,
        "reason": over_http["reason"],
    }
