"""A whole life on a real broker, as a Homie controller of others sees it."""

import asyncio
import contextlib
import json
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from tests.support.process import Gateway

pytestmark = pytest.mark.real_client("mosquitto", "node", "npm:node-homie")

CONTROLLER = Path(__file__).parents[3] / "clients/homie_controller.cjs"

CONFIGURATION = """
gateway: {{id: plant-a}}
clock: {{mode: manual}}
mqtt: {{url: "{url}", payload: [homie], publish_s: 0.1}}
meters:
  - {{id: Lobby, name: Entrance, model: series-2000-277-480, options: [demand, peak_reset], accuracy: ideal,
     load: {{kw: 12, power_factor: 0.9}}}}
  - {{id: M_2, model: series-2000-277-480, options: [demand, peak_reset], supply: {{lost: [1]}}}}
"""

ROOT, LOBBY, DEAD = "plant-a", "plant-a--lobby", "plant-a--m-2"


class Controller:
    """A controller that knows what node-homie has understood."""

    def __init__(self, process: Process) -> None:
        assert process.stdin
        assert process.stdout
        self._say, self._hear = process.stdin, process.stdout
        self.logs: list[list[str]] = []
        self.complaints: list[str] = []
        self.devices: dict[str, Any] = {}

    async def look(self, **asked: Any) -> None:
        """Take in what it knows by now; `set` is [device, node, property, value]."""
        self._say.write(json.dumps(asked).encode() + b"\n")
        told = json.loads(await self._hear.readline())
        self.devices, self.logs, self.complaints = told["devices"], told["logs"], told["complaints"]

    async def until(self, seen: Callable[[], object]) -> None:
        """Look until `seen` holds; a test's own patience is 15 s."""
        async with asyncio.timeout(15):
            while not seen():
                await asyncio.sleep(0.05)
                await self.look()

    def states(self) -> dict[str, str]:
        return {name: device["state"] for name, device in self.devices.items()}

    def all_are(self, state: str) -> bool:
        return self.states() == dict.fromkeys((ROOT, LOBBY, DEAD), state)

    def value(self, device: str, node: str, name: str) -> str | None:
        values = self.devices.get(device, {"values": {}})["values"]
        found: str | None = values.get(node, {}).get(name)
        return found

    def number(self, device: str, node: str, name: str) -> float:
        return float(self.value(device, node, name) or "nan")


@contextlib.asynccontextmanager
async def controlling(url: str) -> AsyncIterator[Controller]:
    process = await asyncio.create_subprocess_exec(
        "node", CONTROLLER, url, stdin=PIPE, stdout=PIPE, limit=2**24
    )
    try:
        yield Controller(process)
    finally:
        process.kill()
        await process.wait()


@pytest.fixture
def started(yours: Any, tmp_path: Path) -> Callable[[], Gateway]:
    (tmp_path / "c.yaml").write_text(CONFIGURATION.format(url=yours.url))
    arguments = ("c.yaml", "--ephemeral", "--no-bacnet", "--no-modbus", "--no-state")
    return lambda: Gateway(tmp_path, *arguments)


async def test_a_controller_finds_sees_and_sets(yours: Any, started: Callable[[], Gateway]) -> None:
    async with aiomqtt.Client("127.0.0.1", yours.port) as other:
        await other.publish(f"homie/5/{LOBBY}/control/load/set", "99", qos=1, retain=True)
        with started() as gateway:
            async with controlling(yours.url) as seen:
                await seen.until(lambda: seen.all_are("ready"))
                await seen.until(lambda: seen.value(DEAD, "control", "load-power-factor"))
                assert seen.number(LOBBY, "control", "load") == pytest.approx(12.0)
                assert {one["description"]["homie"] for one in seen.devices.values()} == {"5.0"}
                assert seen.devices[ROOT]["description"]["children"] == [LOBBY, DEAD]
                assert seen.devices[LOBBY]["description"]["name"] == "Entrance (Lobby)"
                assert {seen.devices[one]["description"]["root"] for one in (LOBBY, DEAD)} == {ROOT}
                assert seen.devices[LOBBY]["alerts"] == {}
                assert seen.devices[DEAD]["alerts"]["phase-loss-l1"] == "Voltage terminal L1 is dead"

                await seen.look(set=[LOBBY, "control", "load", "30"])
                await seen.until(lambda: seen.value(LOBBY, "control", "load") == "30.0")
                await seen.until(lambda: seen.number(LOBBY, "power", "active-power") == pytest.approx(30))
                await seen.look(set=[LOBBY, "control", "load-power-factor", "0.5"])
                await seen.until(lambda: seen.number(LOBBY, "power", "power-factor") == pytest.approx(0.5))
                assert seen.value(LOBBY, "control", "load") == "30.0"

                await asyncio.to_thread(gateway.advance, 1800)
                await seen.until(lambda: seen.number(LOBBY, "demand", "peak-demand") == pytest.approx(30))
                await seen.look(set=[LOBBY, "control", "reset-peak", "reset"])
                await seen.until(lambda: seen.value(LOBBY, "demand", "peak-demand") == "0.0")
                await seen.look(set=[DEAD, "control", "reset-peak", "reset"])
                await seen.until(lambda: seen.logs)
                await other.publish(f"homie/5/{LOBBY}/control/load/set", b"\xff lots", qos=1)
                await seen.until(lambda: len(seen.logs) == 2)
                assert [(device, level) for device, level, _ in seen.logs] == [
                    (DEAD, "warn"),
                    (LOBBY, "warn"),
                ]
                assert seen.logs[1][2].endswith("cannot be; allowed: a number of -1000000 to 1000000")
                assert seen.value(LOBBY, "control", "load") == "30.0"

                assert gateway.stop() == 0
                await seen.until(lambda: seen.all_are("disconnected"))
                assert seen.complaints == []
                assert [one["invalid"] for one in seen.devices.values()] == [[], [], []]


async def test_a_broker_that_comes_back_is_told_everything_and_a_lost_gateway_is_lost(
    yours: Any, started: Callable[[], Gateway]
) -> None:
    with started() as gateway:
        async with controlling(yours.url) as seen:
            await seen.until(lambda: seen.all_are("ready") and seen.value(LOBBY, "control", "load"))
            await seen.look(set=[LOBBY, "control", "load", "30"])
            await seen.until(lambda: seen.value(LOBBY, "control", "load") == "30.0")
        yours.kill()
        yours.start()
        async with controlling(yours.url) as seen:
            await seen.until(lambda: seen.all_are("ready"))
            await seen.until(lambda: seen.value(LOBBY, "control", "load") == "30.0")
            await seen.until(lambda: seen.number(LOBBY, "power", "active-power") == pytest.approx(30))
            gateway.stop(signal.SIGKILL)
            await seen.until(lambda: seen.all_are("lost"))
            with started():
                await seen.until(lambda: seen.all_are("ready"))
