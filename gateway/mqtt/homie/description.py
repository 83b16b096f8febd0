"""The documents by which devices describe themselves: `$description` of the gateway and of each meter.

What a property is, is in `properties`; nothing is published here.
"""

from collections.abc import Mapping, Sequence
from hashlib import blake2s
from typing import Any, Final

import orjson

from gateway.mqtt.homie.properties import CLOCK, GATEWAY, TICK, Node, Property, nodes_of
from sims.models import Nameplate

HOMIE: Final = "5.0"

_VERSION_BYTES: Final = 6
"""As much as every JSON parser takes for a whole number."""


class Descriptions:
    """Describes the gateway `gateway_id` as device `root` and its meters as its children.

    The same device has the same document at every start, and another document another version.
    """

    def __init__(self, root: str, gateway_id: str) -> None:
        self._root = root
        self._gateway_id = gateway_id
        self._nodes: dict[tuple[object, ...], orjson.Fragment] = {}

    def gateway(self, children: Sequence[str]) -> bytes:
        """Return the document of the root, whose children are these devices."""
        nodes = {GATEWAY: [CLOCK, TICK]}
        return _document(
            {
                "name": self._gateway_id,
                "type": "metergate.gateway",
                "children": list(children),
                "nodes": _described(nodes),
            }
        )

    def meter(self, meter: Nameplate) -> bytes:
        """Return the document of a meter; those of a model with the same options have the same nodes."""
        kind = (meter.model.lines, meter.options)
        if kind not in self._nodes:
            self._nodes[kind] = orjson.Fragment(orjson.dumps(_described(nodes_of(meter))))
        return _document(
            {
                "name": f"{meter.name} ({meter.id})" if meter.name else meter.id,
                "type": f"metergate.{meter.model.key}",
                "root": self._root,
                "parent": self._root,
                "nodes": self._nodes[kind],
            }
        )


def _document(about: Mapping[str, Any]) -> bytes:
    """Return a document about a device, with a version made of what it says."""
    digest = blake2s(orjson.dumps(about), digest_size=_VERSION_BYTES).digest()
    return orjson.dumps({"homie": HOMIE, "version": int.from_bytes(digest), **about})


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
