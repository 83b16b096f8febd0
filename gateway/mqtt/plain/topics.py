"""The names of the topics of the plain convention."""

from dataclasses import dataclass
from typing import Self

from gateway.addressing import meter_topic, topic_root
from sims.models import Nameplate


@dataclass(frozen=True, slots=True)
class Topics:
    """The names of a gateway's topics, all under `root`."""

    root: str

    @classmethod
    def under(cls, prefix: str, gateway_id: str) -> Self:
        """Return the topics under `topic_root(prefix, gateway_id)`, which raises ConfigError."""
        return cls(topic_root(prefix, gateway_id))

    @property
    def gateway_id(self) -> str:
        """The gateway's id, the last level of the root."""
        return self.root.rpartition("/")[2]

    @property
    def everything(self) -> str:
        """The filter of all topics of this gateway."""
        return f"{self.root}/#"

    @property
    def status(self) -> str:
        """Where the gateway says that it is online; the topic of the will."""
        return f"{self.root}/status"

    @property
    def tick(self) -> str:
        """Where the gateway says which tick all states have reached."""
        return f"{self.root}/tick"

    def of_meter(self, meter: Nameplate, leaf: str) -> str:
        """Return `<root>/<meter id>/<leaf>`; raises ConfigError for an id that cannot be a level."""
        return f"{meter_topic(self.root, meter)}/{leaf}"
