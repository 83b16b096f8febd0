"""A host application of Sparkplug B that believes nothing: it checks every message as it comes."""

import base64
import json
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

CLIENTS = Path(__file__).parents[1] / "clients"


class Heard(NamedTuple):
    """A message that a host has received, its payload as npm's sparkplug-payload decodes it."""

    topic: str
    qos: int
    retain: bool
    payload: Mapping[str, Any]


def decode(payloads: Iterable[bytes]) -> list[dict[str, Any]]:
    """Decode payloads with npm's sparkplug-payload; 64-bit numbers are strings."""
    lines = "\n".join(base64.b64encode(payload).decode() for payload in payloads)
    command = ["node", str(CLIENTS / "sparkplug_decode.cjs")]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, timeout=60, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


class Host:
    """What a host knows of an edge node with `devices`; `hear` fails at the first message against the rules.

    The rules are the assertions of Sparkplug 3.0 for edge nodes (topics-…, payloads-…, message-flow-…).
    `verbs` are those of all messages so far, `values` what each device (the node is "") shows, by metric, and
    `qualities` of which quality it is: 192 is good, 500 stale.
    """

    def __init__(self, devices: Iterable[str], group: str = "metergate", node: str = "plant-a") -> None:
        self._devices = set(devices)
        self._where = (group, node)
        self._aliases: dict[int, tuple[str, str]] = {}
        self._types: dict[tuple[str, str], str] = {}
        self._sequence = 0
        self.bd_seq: int | None = None
        self.online = False
        self.dead: set[str] = set()
        self.verbs: list[str] = []
        self.values: dict[str, dict[str, Any]] = {}
        self.qualities: dict[str, dict[str, int]] = {}

    def lose_broker(self) -> None:
        """Take all for offline, as a host does that has lost its broker."""
        self.online = False
        self.values.clear()

    def hear(self, heard: Heard) -> None:
        """Take a message in."""
        namespace, group, verb, node, *device = heard.topic.split("/")
        assert namespace == "spBv1.0"
        assert (group, node) == self._where
        assert not heard.retain
        assert heard.qos == (verb == "NDEATH"), verb
        assert len(device) == (verb[0] == "D")
        self.verbs.append(verb)
        metrics = heard.payload.get("metrics", [])
        if verb == "NDEATH":
            self._ndeath(heard.payload, metrics)
            return
        self._number(verb, heard.payload)
        time = int(heard.payload["timestamp"])
        assert time > 0
        assert all(int(metric["timestamp"]) == time for metric in metrics)
        getattr(self, f"_{verb.lower()}")(*device, metrics)

    def _number(self, verb: str, payload: Mapping[str, Any]) -> None:
        expected = 0 if verb == "NBIRTH" else (self._sequence + 1) % 256
        assert int(payload["seq"]) == expected, (verb, payload["seq"], expected)
        self._sequence = expected
        assert verb == "NBIRTH" or self.online, verb

    def _ndeath(self, payload: Mapping[str, Any], metrics: list[dict[str, Any]]) -> None:
        assert "seq" not in payload
        (metric,) = metrics
        assert (metric["name"], metric["type"]) == ("bdSeq", "Int64")
        if int(metric["value"]) == self.bd_seq:
            self.lose_broker()

    def _nbirth(self, metrics: list[dict[str, Any]]) -> None:
        values = {metric["name"]: metric for metric in metrics}
        bd_seq = int(values["bdSeq"]["value"])
        assert values["bdSeq"]["type"] == "Int64"
        assert 0 <= bd_seq < 256
        if self.online:
            assert bd_seq == self.bd_seq, "a rebirth is of the same session"
        elif self.bd_seq is not None:
            assert bd_seq != self.bd_seq, "a session has a number of its own"
        rebirth = values["Node Control/Rebirth"]
        assert (rebirth["type"], rebirth["value"]) == ("Boolean", False)
        assert not {"alias"} & (rebirth.keys() | values["bdSeq"].keys())
        self.bd_seq, self.online = bd_seq, True
        self._aliases.clear()
        self._types.clear()
        self.values.clear()
        self.dead.clear()
        self._born("", metrics, unaliased=2)

    def _dbirth(self, device: str, metrics: list[dict[str, Any]]) -> None:
        assert device in self._devices
        assert device not in self.values
        self.dead.discard(device)
        for alias in [alias for alias, (owner, _) in self._aliases.items() if owner == device]:
            del self._aliases[alias]
        self._born(device, metrics)

    def _born(self, owner: str, metrics: list[dict[str, Any]], unaliased: int = 0) -> None:
        names = [metric["name"] for metric in metrics]
        assert len({name.lower() for name in names}) == len(names)
        aliases = [int(metric["alias"]) for metric in metrics if "alias" in metric]
        assert len(aliases) == len(metrics) - unaliased
        assert len(set(aliases)) == len(aliases)
        assert not set(aliases) & self._aliases.keys()
        for metric in metrics:
            self._types[owner, metric["name"]] = metric["type"]
            if "alias" in metric:
                self._aliases[int(metric["alias"])] = owner, metric["name"]
        self.values[owner] = {metric["name"]: metric["value"] for metric in metrics}
        self.qualities[owner] = {metric["name"]: _quality(metric) for metric in metrics}

    def _data(self, owner: str, metrics: list[dict[str, Any]]) -> None:
        assert metrics
        assert owner in self.values, "nobody tells what was not born"
        for metric in metrics:
            assert "name" not in metric
            device, name = self._aliases[int(metric["alias"])]
            assert device == owner
            assert metric["type"] == self._types[owner, name]
            self.values[owner][name] = metric["value"]
            self.qualities[owner][name] = _quality(metric)

    def _ndata(self, metrics: list[dict[str, Any]]) -> None:
        self._data("", metrics)

    def _ddata(self, device: str, metrics: list[dict[str, Any]]) -> None:
        self._data(device, metrics)

    def _ddeath(self, device: str, metrics: list[dict[str, Any]]) -> None:
        assert not metrics
        del self.values[device]
        self.dead.add(device)


def _quality(metric: Mapping[str, Any]) -> int:
    given = metric.get("properties", {}).get("Quality", {"type": "Int32", "value": 192})
    assert given["type"] == "Int32"
    assert given["value"] in {0, 192, 500}
    return int(given["value"])
