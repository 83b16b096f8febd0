"""Commands and Home Assistant on a real Mosquitto, with clients of MQTT 3.1.1 and 5."""

import asyncio
import json
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from typing import Any

import aiomqtt
import pytest
from aiomqtt import ProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from gateway.commands import Change, ResetPeak, SetClock
from gateway.mqtt.brokers import embedded as brokers

pytestmark = pytest.mark.real_client("mosquitto")

ROOT = "metergate/plant-a"
HOMEASSISTANT = {"kinds": frozenset({"state", "homeassistant"})}


@pytest.fixture(params=[ProtocolVersion.V311, ProtocolVersion.V5], ids=["3.1.1", "5"])
async def client(yours: Any, request: pytest.FixtureRequest) -> AsyncIterator[aiomqtt.Client]:
    async with aiomqtt.Client("127.0.0.1", yours.port, protocol=request.param) as made:
        yield made


async def heard(client: aiomqtt.Client, topic: str) -> aiomqtt.Message:
    """Return the next message at a topic."""
    async with asyncio.timeout(10):
        async for message in client.messages:
            if message.topic.matches(topic):
                return message
    raise AssertionError(topic)


def told(message: aiomqtt.Message) -> Any:
    assert isinstance(message.payload, bytes)
    return json.loads(message.payload)


@pytest.mark.parametrize("version", [4, 5])
async def test_a_command_is_asked_for_and_answered(
    yours: Any, gateway: Any, client: aiomqtt.Client, version: int
) -> None:
    made = await gateway(3, url=yours.url, version=version)
    await client.subscribe(f"{ROOT}/+/result", qos=1)
    await client.publish(f"{ROOT}/M0002/set/load", b'{"kw": 30}', qos=1)
    answer = await heard(client, "#")
    assert (str(answer.topic), answer.qos, answer.retain) == (f"{ROOT}/M0002/result", 1, False)
    assert told(answer) == {"command": "load", "ok": True, "time": "2026-01-05T00:00:01Z", "tick": 1}
    await client.publish(f"{ROOT}/M0003/set/reset_peak", b"PRESS", qos=1)
    await heard(client, f"{ROOT}/M0003/result")
    assert made.asked == [(Change(1, {"load": {"kw": 30}}),), (ResetPeak(2),)]


async def test_the_broker_in_the_process_passes_commands_and_answers_on(
    gateway: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(brokers, "_WHERE", ())
    monkeypatch.setenv("PATH", "")
    made = await gateway(1, **HOMEASSISTANT)
    async with aiomqtt.Client("127.0.0.1", made.port) as client:
        await client.subscribe([(f"{ROOT}/+/result", 1), ("homeassistant/device/+/config", 1)])
        devices = [await heard(client, "homeassistant/#") for _ in range(2)]
        assert {told(message)["o"]["name"] for message in devices} == {"metergate"}
        await client.publish(f"{ROOT}/M0001/set/reset-peak", b"PRESS", qos=1)
        assert told(await heard(client, f"{ROOT}/M0001/result"))["ok"] is True
    assert made.asked == [(ResetPeak(0),)]


async def test_a_command_that_is_wrong_does_not_end_the_connection(
    yours: Any, gateway: Any, client: aiomqtt.Client
) -> None:
    made = await gateway(1, url=yours.url)
    await client.subscribe(f"{ROOT}/#", qos=1)
    for payload in (b"\x00\xff", b"[" * 10_000, b" " * 1_000_000, b'{"a": ' * 500, b"null"):
        await client.publish(f"{ROOT}/set/speed", payload, qos=1)
        assert told(await heard(client, f"{ROOT}/result"))["ok"] is False
    await client.publish(f"{ROOT}/set/speed", b"2", qos=1)
    assert told(await heard(client, f"{ROOT}/result"))["ok"] is True
    assert made.asked == [SetClock(2, None)]
    assert not made.away


async def test_a_command_that_the_broker_has_retained_is_not_obeyed(
    yours: Any, gateway: Any, client: aiomqtt.Client
) -> None:
    await client.publish(f"{ROOT}/set/speed", b"99", qos=1, retain=True)
    await client.subscribe(f"{ROOT}/result", qos=1)
    made = await gateway(1, url=yours.url)
    answer = told(await heard(client, f"{ROOT}/result"))
    assert answer["ok"] is False
    assert "retained" in answer["error"]
    assert made.asked == []


async def test_over_mqtt_5_a_retained_command_is_not_obeyed_when_it_comes_either(
    yours: Any, gateway: Any, client: aiomqtt.Client
) -> None:
    made = await gateway(1, url=yours.url, version=5)
    await client.subscribe(f"{ROOT}/result", qos=1)
    await client.publish(f"{ROOT}/set/speed", b"99", qos=1, retain=True)
    assert "retained" in told(await heard(client, f"{ROOT}/result"))["error"]
    assert made.asked == []


@pytest.mark.real_client("mosquitto_rr")
async def test_mosquitto_rr_gets_the_answer_at_the_topic_that_it_names(yours: Any, gateway: Any) -> None:
    await gateway(1, url=yours.url, version=5)
    asking = ["mosquitto_rr", "-V", "5", "-p", str(yours.port), "-W", "10", "-q", "1"]
    where = ["-t", f"{ROOT}/M0001/set/key-switch", "-e", "answers/to/me", "-m", '{"held_s": 0.5}']
    process = await asyncio.create_subprocess_exec(*asking, *where, stdout=PIPE)
    printed, _ = await asyncio.wait_for(process.communicate(), 20)
    answer = json.loads(printed)
    assert (answer["command"], answer["ok"], answer["reset"]) == ("key-switch", True, None)


async def test_correlation_data_come_back_with_the_answer(yours: Any, gateway: Any) -> None:
    await gateway(1, url=yours.url, version=5)
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.ResponseTopic, properties.CorrelationData = "answers", b"\x00\x01mark"
    async with aiomqtt.Client("127.0.0.1", yours.port, protocol=ProtocolVersion.V5) as client:
        await client.subscribe("answers", qos=1)
        await client.publish(f"{ROOT}/set/speed", b"{", qos=1, properties=properties)
        answer = await heard(client, "answers")
    assert told(answer)["ok"] is False
    assert answer.properties is not None
    assert answer.properties.CorrelationData == b"\x00\x01mark"  # type: ignore[attr-defined]  # made as it runs
    assert answer.properties.ContentType == "application/json"  # type: ignore[attr-defined]  # likewise


@pytest.mark.real_client("mosquitto_sub")
async def test_mosquitto_sub_sees_the_properties_of_states_and_scalars(yours: Any, gateway: Any) -> None:
    kinds = frozenset({"state", "scalars"})
    await gateway(1, url=yours.url, version=5, kinds=kinds, expiry_s=600)
    topics = [f"{ROOT}/M0001/state", f"{ROOT}/M0001/point/lcd_text"]
    command = [
        "mosquitto_sub",
        "-V",
        "5",
        "-p",
        str(yours.port),
        "-W",
        "10",
        "-C",
        "2",
        "-F",
        "%t|%C|%E|%P|%p",
    ]
    process = await asyncio.create_subprocess_exec(*command, "-t", topics[0], "-t", topics[1], stdout=PIPE)
    printed, _ = await asyncio.wait_for(process.communicate(), 20)
    lines = dict(line.split("|", 1) for line in printed.decode().splitlines())
    kind, expiry, user, _ = lines[topics[0]].split("|")
    assert (kind, user) == ("application/json", "gateway:plant-a")
    assert 0 < int(expiry) <= 600
    kind, _, _, text = lines[topics[1]].split("|")
    assert (kind, text) == ("text/plain", "  000042")


async def test_home_assistant_is_told_of_all_devices_and_again_when_it_comes(
    yours: Any, gateway: Any, client: aiomqtt.Client
) -> None:
    await gateway(2, url=yours.url, publish_s=3600.0, **HOMEASSISTANT)
    await client.subscribe("homeassistant/device/+/config", qos=1)
    first = [await heard(client, "#") for _ in range(3)]
    assert {message.retain for message in first} == {True}
    assert sorted(str(message.topic).split("/")[2] for message in first) == [
        "metergate__plant-a",
        "metergate__plant-a__M0001",
        "metergate__plant-a__M0002",
    ]
    await client.subscribe(f"{ROOT}/M0002/state")
    await heard(client, f"{ROOT}/M0002/state")
    await client.publish("homeassistant/status", b"online", qos=1)
    again = [await heard(client, "homeassistant/#") for _ in range(3)]
    assert {message.retain for message in again} == {False}
    assert sorted(message.payload for message in again) == sorted(message.payload for message in first)
    await heard(client, f"{ROOT}/M0002/state")


async def test_a_meter_that_is_gone_after_a_restart_is_gone_from_home_assistant(
    yours: Any, gateway: Any, client: aiomqtt.Client
) -> None:
    before = await gateway(3, url=yours.url, **HOMEASSISTANT)
    await before.adapter.stop()
    topic = "homeassistant/device/metergate__plant-a__M0003/config"
    await client.subscribe(topic, qos=1)
    assert told(await heard(client, topic))["dev"]["name"] == "M0003"
    await gateway(2, url=yours.url, **HOMEASSISTANT)
    assert (await heard(client, topic)).payload == b""
    async with aiomqtt.Client("127.0.0.1", yours.port) as later:
        await later.subscribe("homeassistant/device/+/config", qos=1)
        left = {str((await heard(later, "#")).topic).split("/")[2] for _ in range(3)}
    assert left == {f"metergate__plant-a{which}" for which in ("", "__M0001", "__M0002")}


async def test_switched_off_home_assistant_loses_all_devices(
    yours: Any, gateway: Any, client: aiomqtt.Client
) -> None:
    before = await gateway(2, url=yours.url, **HOMEASSISTANT)
    await before.adapter.stop()
    await client.subscribe("homeassistant/device/+/config", qos=1)
    there = {str((await heard(client, "#")).topic) for _ in range(3)}
    await gateway(2, url=yours.url)
    gone = [await heard(client, "#") for _ in range(3)]
    assert {str(message.topic) for message in gone if message.payload == b""} == there
