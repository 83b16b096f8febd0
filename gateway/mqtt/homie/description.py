"""The documents by which devices describe themselves: `$description` of the gateway and of each meter.

What a property is, is in `properties`; nothing is published here.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from gateway.mqtt.homie.properties import CLOCK, GATEWAY, TICK, Node, Property, nodes_of
from sims.models import Nameplate

HOMIE: Final = "5.0"


class Descriptions:
    """Describes the gateway `gateway_id` as device `root` and its meters as its children.

    `version` is that of all documents, and has to be higher than that of any before which differs.
    """

    def __init__(self, root: str, gateway_id: str, version: int) -> None:
        self._root = root
        self._gateway_id = gateway_id
        self._version = version
        self._nodes: dict[tuple[object, ...], orjson.Fragment] = {}

    def gateway(self, children: Sequence[str]) -> bytes:
        """Return the document of the root, whose children are these devices."""
        nodes = {GATEWAY: [CLOCK, TICK]}
        return orjson.dumps(
            self._head("metergate.gateway", self._gateway_id)
            | {"children": list(children), "nodes": _described(nodes)}
        )

    def meter(self, meter: Nameplate) -> bytes:
        """Return the document of a meter; those of a model with the same options have the same nodes."""
        kind = (meter.model.lines, meter.options)
        if kind not in self._nodes:
            self._nodes[kind] = orjson.Fragment(orjson.dumps(_described(nodes_of(meter))))
        name = f"{meter.name} ({meter.id})" if meter.name else meter.id
        return orjson.dumps(
            self._head(f"metergate.{meter.model.key}", name)
            | {"root": self._root, "parent": self._root, "nodes": self._nodes[kind]}
        )

    def _head(self, kind: str, name: str) -> dict[str, Any]:
        return {"homie": HOMIE, "version": self._version, "name": name, "type": kind}


def _described(nodes: Mapping[Node, Sequence[Property]]) -> dict[str, Any]:
    return {
        node.id: {"name": node.name, "properties": {one.id: _property(one) for one in properties}}
        for node, properties in nodes.items()
    }


def _property(one: Property) -> dict[str, Any]:
    """Return a property; what it has by default is left out."""
    made: dict[str, Any] = {"name": one.name, "datatype": one.datatype}
    made |= {key: value for key in ("unit", "format") if (value := getattr(one, key))}
    if one.settable:
        made["settable"] = True
    if not one.retained:
        made["retained"] = False
    return made
