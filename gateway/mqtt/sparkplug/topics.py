"""The names of the topics of Sparkplug B (3.0, 4.1)."""

from dataclasses import dataclass
from typing import Final, Literal

from sims.models import Nameplate

NAMESPACE: Final = "spBv1.0"

NodeVerb = Literal["NBIRTH", "NDEATH", "NDATA", "NCMD"]
DeviceVerb = Literal["DBIRTH", "DDEATH", "DDATA", "DCMD"]


@dataclass(frozen=True, slots=True)
class Topics:
    """The names of the topics of an edge node of a group."""

    group: str
    node: str

    def of_node(self, verb: NodeVerb) -> str:
        """Return where the node says or hears something."""
        return f"{NAMESPACE}/{self.group}/{verb}/{self.node}"

    def of_device(self, verb: DeviceVerb, meter: Nameplate) -> str:
        """Return where a meter says or hears something."""
        return f"{NAMESPACE}/{self.group}/{verb}/{self.node}/{meter.id}"

    @property
    def everything(self) -> str:
        """The filter of all topics of the node and its devices."""
        return f"{NAMESPACE}/{self.group}/+/{self.node}/#"

    @property
    def commands(self) -> tuple[str, str]:
        """The filters of everything that is written to the node and its devices."""
        return self.of_node("NCMD"), f"{NAMESPACE}/{self.group}/DCMD/{self.node}/+"
