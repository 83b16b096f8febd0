"""What a fault of the line does to an answer of Modbus: who answers, and which bytes go out.

Which requests meet a fault is decided in `gateway.link_faults`. Bytes and images: no sockets and no asyncio.
"""

from collections.abc import Mapping
from random import Random
from struct import Struct
from typing import Final

from gateway.link_faults import Links, Strike
from gateway.modbus.framing.tcp import Framing
from gateway.modbus.pdu import refused
from gateway.modbus.units.images import Images
from register_maps.model import BIT_TABLES, Table
from sims.points import Columns

_NUMBERS: Final = "uifd"
"""The kinds of values that are of several words in some order."""

_WORD: Final = Struct(">H")
_LENGTH_AT: Final = 4
_BEHIND_HEADER: Final = 7
"""Where the PDU begins behind a header with transaction id, protocol id, length and unit id."""


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
        self._now: Columns = {}
        self._step = -1
        self._stepped: Columns = {}
        self._before: Columns = {}
        self._held_whole: Columns = {}
        self._frozen_at: Columns = {}
        self._swapped = _Swapped(images)
        self._behind = images.apart()
        self._frozen = {whole: images.apart() for whole in (False, True)}

    def show(self) -> None:
        """Take notice of what the images show now; once a tick, or more often."""
        if self._images.columns is not self._now:
            self._now = self._images.columns
            if self.links.step != self._step:
                self._step = self.links.step
                self._before, self._stepped = self._stepped or self._now, self._now
        if self.links.held_whole is not self._frozen_at:
            self._held_whole, self._frozen_at = self._now, self.links.held_whole

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


def framed(strike: Strike, framing: Framing, tag: bytes, unit: int, pdu: bytes) -> bytes:
    """Return the answer `pdu` as the bytes that go out; nothing for none.

    Frames without transaction id and length cannot say something wrong of them: they are garbled.
    """
    if not pdu:
        return b""
    frame, mode = tag + framing.frame(unit, pdu), strike.fault.mode
    match mode:
        case "truncate":
            frame = frame[: len(frame) // 2]
        case "wrong_unit":
            frame = tag + framing.frame((unit + 1) % 256, pdu)
        case "wrong_transaction" if not framing.serial:
            frame = _WORD.pack((int.from_bytes(tag) + 1) % 65536) + frame[len(tag) :]
        case "wrong_length" if not framing.serial:
            frame = frame[:_LENGTH_AT] + _WORD.pack(len(pdu) + 2) + frame[_LENGTH_AT + _WORD.size :]
        case "garble" | "wrong_transaction" | "wrong_length":
            frame = _garbled(frame, 1 if framing.serial else _BEHIND_HEADER, strike.draws.random)
    return frame


def _garbled(frame: bytes, first: int, random: Random) -> bytes:
    """Return a frame in which every byte from `first` on is another one."""
    return frame[:first] + bytes(byte ^ random.randint(1, 255) for byte in frame[first:])
