"""Faults of the lines of meters, as a host sees them that checks every message: the edge node stays sound."""

import asyncio
from typing import Any

import aiomqtt
import pytest

from tests.support.sparkplug import Heard, Host, decode

pytestmark = pytest.mark.real_client("mosquitto", "node", "npm:sparkplug-payload")


@pytest.mark.parametrize("mode", ["silent", "offline", "drop", "frozen", "refuse", "nan"])
async def test_a_meters_fault_leaves_the_sequence_of_its_node_whole(
    yours: Any, gateway: Any, mode: str
) -> None:
    heard: list[aiomqtt.Message] = []
    async with aiomqtt.Client("127.0.0.1", yours.port) as client:
        await client.subscribe("spBv1.0/#", qos=1)
        made = await gateway(3, url=yours.url, kinds=frozenset({"sparkplug"}), sparkplug_node="plant-a")
        for fault in ("ok", mode, "", "ok", ""):
            if fault:
                made.fault(0, fault)
            made.show()
            await made.adapter.shown()
        async with asyncio.timeout(10):
            while sum("/NDATA/" in str(message.topic) for message in heard) < 5:
                heard.append(await anext(client.messages))
    host = Host({meter.id for meter in made.meters})
    payloads = decode(bytes(message.payload) for message in heard)
    for message, payload in zip(heard, payloads, strict=True):
        host.hear(Heard(str(message.topic), message.qos, bool(message.retain), payload))
    off = mode in {"offline", "drop"}
    assert host.verbs.count("DDEATH") == off
    assert host.verbs.count("DBIRTH") == 3 + off
    told = [str(message.topic).rpartition("/")[2] for message in heard if "DDATA" in str(message.topic)]
    assert told.count("M0002") == 5
    assert told.count("M0001") == {"silent": 3, "frozen": 4}.get(mode, 2 if off else 5)
