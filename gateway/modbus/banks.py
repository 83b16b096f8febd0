"""Who is behind the ports: the meters or the pulse hubs, port by port, and the gateway on each of them.

Maps in, banks out; no frames and no sockets.
"""

from collections.abc import Sequence
from typing import Final

from gateway.addressing import UNITS_PER_PORT
from gateway.link_faults import Links
from gateway.modbus.bank import Bank
from gateway.modbus.units.faults import Faults
from gateway.modbus.units.gateway_unit import Gateway
from gateway.modbus.units.images import Images
from gateway.modbus.units.subjects import Meters, PulseHubs, Subjects
from register_maps.loader import load
from register_maps.model import RegisterMap, Serves, units_of
from sims.models import Nameplate
from sims.snapshot import Snapshot

_GATEWAY_MAP: Final = "gateway"


class Units:
    """All that units can stand for: `meters`, their pulse hubs, `gateway`. Ports share the image of a map."""

    def __init__(self, meters: Sequence[Nameplate], gateway: Gateway, links: Links) -> None:
        self._links = links
        self.meters: Final = Meters(meters)
        self.gateway: Final = gateway
        self._subjects: dict[Serves, Subjects] = {
            Serves.METER: self.meters,
            Serves.HUB: PulseHubs(len(meters)),
            Serves.GATEWAY: gateway,
        }
        self._gateway_map = load(_GATEWAY_MAP)
        self._images: dict[Serves, list[Images]] = {serves: [] for serves in Serves}
        self._faults: list[Faults] = []

    def banks(self, maps: Sequence[RegisterMap]) -> list[Bank]:
        """Return the banks of as many ports as the meters need, or the hubs where the maps describe those.

        Where no map describes the gateway, the one that comes along does. `maps` have been checked together.
        """
        ours = {serves: [each for each in maps if each.serves is serves] for serves in Serves}
        serves = units_of(maps)
        images = self._shared(serves, ours[serves])
        gateway = self._shared(Serves.GATEWAY, ours[Serves.GATEWAY] or [self._gateway_map])
        faults, count = Faults(self._links, images), len(images.subjects.services)
        self._faults.append(faults)
        return [
            Bank(images, range(first, min(first + UNITS_PER_PORT, count)), gateway, faults)
            for first in range(0, count, UNITS_PER_PORT)
        ]

    def show(self, snapshot: Snapshot) -> None:
        """Hold the values of a new tick."""
        columns = {
            Serves.METER: snapshot.columns,
            Serves.HUB: snapshot.pulse_hubs,
            Serves.GATEWAY: self.gateway.columns(snapshot),
        }
        for serves, made in self._images.items():
            for images in made:
                images.show(columns[serves])
        for faults in self._faults:
            faults.show()

    def _shared(self, serves: Serves, maps: Sequence[RegisterMap]) -> Images:
        images = Images(maps, self._subjects[serves], self._images[serves])
        self._images[serves].append(images)
        return images
