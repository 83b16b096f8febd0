"""What a fault of the line does to what a unit says: whether it answers, and from which image.

Which requests meet a fault is decided in `gateway.link_faults`; frames are spoilt in `framing.faults`.
"""

from collections.abc import Mapping
from typing import Final

from gateway.link_faults import Links, Strike
from gateway.modbus.pdu import refused
from gateway.modbus.units.images import Images
from register_maps.model import BIT_TABLES, Table
from sims.points import Columns

_NUMBERS: Final = "uifd"
"""The kinds of values that are of several words in some order."""


class _Swapped(Images):
    """Images in which the words of every number of several words stand the other way round."""

    def __init__(self, images: Images) -> None:
        super().__init__(images.maps, images.subjects, [images])
        self._mirrors: dict[str, dict[tuple[Table, int], int]] = {}

    def cells(self, table: Table, row: int, address: int, count: int) -> bytes | None:
        """Return what the one in `row` has there, two bytes a register and one a bit, or None."""
        if table in BIT_TABLES:
            return super().cells(table, row, address, count)
        mirror = self._mirror(self.subjects.services[row])
        places = [mirror.get((table, place), place) for place in range(address, address + count)]
        first = min(places)
        cells = super().cells(table, row, first, max(places) + 1 - first)
        return cells and b"".join(cells[2 * (at - first) : 2 * (at - first) + 2] for at in places)

    def _mirror(self, service: str) -> Mapping[tuple[Table, int], int]:
        """Return where what stands at an address of a number would stand, for meters of this service."""
        if service not in self._mirrors:
            self._mirrors[service] = {
                (table, entry.address + word): entry.end - 1 - word
                for each in self.maps
                for entry in each.of(service).entries
                if entry.type.kind in _NUMBERS
                for table in entry.tables
                for word in range(entry.end - entry.address)
            }
        return self._mirrors[service]


class Faults:
    """The faults of `links` on the lines that serve `images`, and what those who are frozen and such show."""

    def __init__(self, links: Links, images: Images) -> None:
        self.links: Final = links
        self._images = images
        self._step = -1
        self._stepped: Columns = {}
        self._before: Columns = {}
        self._held_whole: Columns = {}
        self._frozen_at: Columns = {}
        self._swapped = _Swapped(images)
        self._behind = images.apart()
        self._frozen = {whole: images.apart() for whole in (False, True)}

    def show(self) -> None:
        """Take notice of what the images show at a new tick."""
        now = self._images.columns
        if self.links.step != self._step:
            self._step = self.links.step
            self._before, self._stepped = self._stepped or now, now
        if self.links.held_whole is not self._frozen_at:
            self._held_whole, self._frozen_at = now, self.links.held_whole

    def images(self, strike: Strike) -> Images:
        """Return the images from which a request is answered."""
        match strike.fault.mode:
            case "frozen":
                frozen = self._frozen[strike.whole]
                frozen.show(self._held_whole if strike.whole else self.links.held)
                return frozen
            case "behind":
                self._behind.show(self._before)
                return self._behind
            case "word_swap":
                return self._swapped
        return self._images


def lost(strike: Strike, pdu: bytes) -> bytes | None:
    """Return what is said to a request that does not reach its unit, if anything; None if it does."""
    match strike.fault.mode:
        case "silent" | "drop":
            return b""
        case "refuse":
            return refused(pdu[0], strike.fault.exception)
    return None
