"""The life of an edge node at a real broker, heard by hosts that others have written."""

import asyncio
import contextlib
import json
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from gateway.mqtt.sparkplug.metrics import ANSWER, DEVICE, LOAD_KW, LOAD_POWER_FACTOR, RESET_PEAK
from gateway.mqtt.sparkplug.payload import alias
from tests.support.process import Gateway as MetergateRun
from tests.support.sparkplug import CLIENTS, Heard, Host, decode

PLANT = """
gateway: {{id: plant-a}}
clock: {{mode: manual}}
mqtt: {{url: "mqtt://127.0.0.1:{port}", payload: [state, sparkplug]}}
meters:
  - {{id: "M{{n:04}}", count: 3, model: series-2000-120-208, options: [demand, peak_reset], load: {{kw: 10}}}}
"""
NCMD = "spBv1.0/metergate/NCMD/plant-a"
DCMD = "spBv1.0/metergate/DCMD/plant-a"
REBIRTH = {"name": "Node Control/Rebirth", "type": "Boolean", "value": True}


class Line:
    """What lies between the gateway and a broker, and can be cut."""

    def __init__(self, broker: int) -> None:
        self._broker = broker
        self._server: asyncio.Server | None = None
        self._ends: list[asyncio.StreamWriter] = []
        self.port = 0

    async def mend(self) -> None:
        """Let connections through."""
        self._server = await asyncio.start_server(self._through, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Break off all connections, and let no other through."""
        if self._server is not None:
            self._server.close()
        for end in self._ends:
            end.transport.abort()
        self._ends.clear()

    async def _through(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._ends.append(writer)
        with contextlib.suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._broker)
            self._ends.append(far_writer)
            await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
    writer.close()


class HostApplication:
    """npm's mqtt and sparkplug-payload, and the host that judges what they have heard."""

    def __init__(self, process: Process, host: Host) -> None:
        self._process = process
        self.host = host
        self.up = False

    async def until(self, holds: Callable[[], object]) -> None:
        """Take messages in until something holds; a test's own patience is 10 s."""
        assert self._process.stdout is not None
        async with asyncio.timeout(10):
            while not holds():
                said = json.loads(await self._process.stdout.readline())
                if isinstance(said, dict):
                    self.host.hear(Heard(**said))
                    continue
                self.up = said == "up"
                if not self.up:
                    self.host.lose_broker()

    def write(self, topic: str, *metrics: dict[str, Any]) -> None:
        """Send a command."""
        assert self._process.stdin is not None
        command = {"topic": topic, "payload": {"timestamp": 1, "metrics": metrics}}
        self._process.stdin.write(f"{json.dumps(command)}\n".encode())


@pytest.fixture
async def line(yours: Any) -> AsyncIterator[Line]:
    made = Line(yours.port)
    await made.mend()
    yield made
    made.cut()


@pytest.fixture
async def application(yours: Any) -> AsyncIterator[HostApplication]:
    script = CLIENTS / "sparkplug_host.cjs"
    process = await asyncio.create_subprocess_exec("node", script, yours.url, stdin=PIPE, stdout=PIPE)
    made = HostApplication(process, Host({"M0001", "M0002", "M0003"}))
    await made.until(lambda: made.up)
    yield made
    process.kill()
    await process.communicate()


class Life:
    """A gateway in a process of its own, the line to its broker, and a host application at the broker."""

    def __init__(self, gateway: MetergateRun, line: Line, application: HostApplication) -> None:
        self.gateway = gateway
        self.line = line
        self.application = application
        self.host = application.host
        self.until = application.until

    async def advance(self, seconds: float) -> None:
        """Advance the clock, and compare what the host knows with what HTTP says."""
        tick = (await asyncio.to_thread(self.gateway.advance, seconds))["tick"]
        await self.until(lambda: int(self.host.values.get("", {}).get("tick", 0)) == tick)
        for meter in (await asyncio.to_thread(self.gateway.http, "/api/v1/meters"))["meters"]:
            shown = {name: value for name, value in meter["readings"].items() if name != "peak_demand_time"}
            told = {name: self.host.values[meter["id"]][name] for name in shown}
            whole = {name: int(told[name]) for name, value in shown.items() if type(value) is int}
            assert {**told, **whole} == shown

    async def births(self) -> None:
        """Wait for all births, and see that nothing comes between."""
        await self.until(lambda: len(self.host.verbs) >= 4)
        assert self.host.verbs == ["NBIRTH", "DBIRTH", "DBIRTH", "DBIRTH"]

    async def commands(self) -> None:
        """Set a load by aliases, reset a peak by its name, and ask for too much."""
        shown = self.host.values
        load = [
            {"alias": alias(3, DEVICE[name].place or 0), "type": "Double", "value": value}
            for name, value in ((LOAD_KW, 30.0), (LOAD_POWER_FACTOR, 0.9))
        ]
        self.application.write(f"{DCMD}/M0002", *load)
        await self.until(lambda: shown["M0002"][ANSWER] == "ok")
        await self.until(lambda: shown["M0002"]["active_power"] == pytest.approx(30.0, rel=0.01))
        assert shown["M0002"]["power_factor"] == pytest.approx(0.9, rel=0.01)
        assert shown["M0001"]["active_power"] == pytest.approx(10.0, rel=0.01)
        assert shown["M0003"]["peak_demand"] > 1.0
        self.application.write(f"{DCMD}/M0003", {"name": RESET_PEAK, "type": "Boolean", "value": True})
        await self.until(lambda: shown["M0003"]["peak_demand"] == 0.0)
        self.application.write(f"{DCMD}/M0003", {"name": LOAD_KW, "type": "Double", "value": 1e9})
        await self.until(lambda: "more than 100000 kW" in shown["M0003"][ANSWER])

    async def rebirth(self) -> None:
        """Ask for all births: they are of the same session."""
        self.host.verbs.clear()
        self.application.write(NCMD, REBIRTH)
        await self.births()
        assert self.host.values["M0002"][LOAD_KW] == 30.0

    async def cut(self) -> None:
        """Cut the line: the broker says the will, and a new session begins."""
        session = self.host.bd_seq
        self.line.cut()
        await self.until(lambda: not self.host.online)
        assert self.host.verbs[-1] == "NDEATH"
        self.host.verbs.clear()
        await self.line.mend()
        await self.births()
        assert self.host.bd_seq != session

    async def kill(self, broker: Any) -> None:
        """Kill the broker and start it anew: again a session of its own."""
        session = self.host.bd_seq
        broker.kill()
        self.line.cut()
        await self.until(lambda: not self.application.up)
        self.host.verbs.clear()
        broker.start()
        await self.until(lambda: self.application.up)
        await self.line.mend()
        await self.births()
        assert self.host.bd_seq != session


@pytest.mark.real_client("mosquitto", "node", "npm:mqtt", "npm:sparkplug-payload")
async def test_a_whole_life_is_by_the_rules(
    yours: Any, line: Line, application: HostApplication, tmp_path: Path
) -> None:
    plant = tmp_path / "plant.yaml"
    plant.write_text(PLANT.format(port=line.port))
    arguments = (str(plant), "--ephemeral", "--no-bacnet", "--no-modbus")
    with await asyncio.to_thread(MetergateRun, tmp_path, *arguments) as gateway:
        life = Life(gateway, line, application)
        await life.births()
        await life.advance(60)
        await life.advance(840)
        assert life.host.verbs[4:] == ["DDATA", "DDATA", "DDATA", "NDATA"] * 2
        await life.commands()
        for stage in (life.rebirth, life.cut, partial(life.kill, yours)):
            await life.advance(1)
            await stage()
        await life.advance(1)
        assert await asyncio.to_thread(gateway.stop) == 0
        await life.until(lambda: not life.host.online)
        assert life.host.verbs[-1] == "NDEATH"


@pytest.mark.real_client("mosquitto", "node", "npm:sparkplug-payload")
@pytest.mark.parametrize("version", [4, 5], ids=["MQTT 3.1.1", "MQTT 5"])
async def test_paho_hears_the_same_on_either_version(yours: Any, gateway: Any, version: int) -> None:
    heard: list[aiomqtt.Message] = []
    host = Host({f"M{n:04}" for n in range(1, 41)})

    async def until(count: int) -> list[str]:
        async with asyncio.timeout(10):
            while len(heard) < count:
                heard.append(await anext(client.messages))
        payloads = decode(bytes(message.payload) for message in heard)
        for message, payload in zip(heard, payloads, strict=True):
            host.hear(Heard(str(message.topic), message.qos, message.retain, payload))
        heard.clear()
        return host.verbs[-count:]

    protocol = aiomqtt.ProtocolVersion(version)
    async with aiomqtt.Client("127.0.0.1", yours.port, protocol=protocol) as client:
        for verb in ("NBIRTH", "DBIRTH", "NDATA", "DDATA", "NDEATH", "DDEATH"):
            await client.subscribe(f"spBv1.0/+/{verb}/#", qos=1)
        settings = {"kinds": frozenset({"sparkplug"}), "sparkplug_node": "plant-a", "publish_s": 3600.0}
        made = await gateway(40, url=yours.url, version=version, **settings)
        assert await until(41) == ["NBIRTH"] + ["DBIRTH"] * 40
        made.show()
        await made.adapter.shown()
        assert await until(41) == ["DDATA"] * 40 + ["NDATA"]
        await client.publish(NCMD, bytes.fromhex("12180a144e6f646520436f6e74726f6c2f526562697274687001"))
        assert await until(41) == ["NBIRTH"] + ["DBIRTH"] * 40
        await client.publish(f"{DCMD}/M0007", b"\x12\x02\x10\x01")
        assert await until(1) == ["DDATA"]
        assert "cannot be written" in host.values["M0007"][ANSWER]
        await made.adapter.stop()
        deaths = ["NDEATH"] if version == 4 else ["NDEATH", "NDEATH"]
        assert await until(len(deaths)) == deaths
        assert not host.online
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await anext(client.messages)
