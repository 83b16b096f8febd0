"""What a fault of the line does to an answer of Modbus: who answers, and which bytes go out.

Which requests meet a fault is decided in `gateway.link_faults`. Bytes and images: no sockets and no asyncio.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from random import Random
from struct import Struct
from types import MappingProxyType
from typing import Final

from gateway.link_faults import Columns, Links, Strike
from gateway.modbus.framing import Framing
from gateway.modbus.images import Images
from gateway.modbus.pdu import refused
from gateway.modbus.subjects import Subjects
from register_maps.model import Entry, RegisterMap, WordOrder

_SWAPPED: Final = MappingProxyType(
    {
        WordOrder.ABCD: WordOrder.CDAB,
        WordOrder.CDAB: WordOrder.ABCD,
        WordOrder.BADC: WordOrder.DCBA,
        WordOrder.DCBA: WordOrder.BADC,
    }
)
"""The same bytes in every word, and the words the other way round."""

_NUMBERS: Final = "uifd"
"""The kinds of values that are of several words in some order."""

_WORD: Final = Struct(">H")
_LENGTH_AT: Final = 4
_BEHIND_HEADER: Final = 7
"""Where the PDU begins behind a header with transaction id, protocol id, length and unit id."""


class _View:
    """Images of `maps` that show something else than the latest tick; they are made when first looked at."""

    def __init__(self, maps: Sequence[RegisterMap], subjects: Subjects) -> None:
        self._maps = maps
        self._subjects = subjects

    @cached_property
    def _images(self) -> Images:
        return Images(self._maps, self._subjects)

    def of(self, columns: Columns) -> Images:
        """Return the images, which show `columns`."""
        self._images.show(columns)
        return self._images


class Faults:
    """The faults of `links` on the lines that serve `images`, and what those who are frozen and such show."""

    def __init__(self, links: Links, images: Images) -> None:
        self.links: Final = links
        self._images = images
        self._now: Columns = {}
        self._before: Columns = {}
        self._held_whole: Columns = {}
        self._frozen_at: Columns = {}
        maps, subjects = images.maps, images.subjects
        self._behind = _View(maps, subjects)
        self._swapped = _View([swapped(each) for each in maps], subjects)
        self._frozen = {whole: _View(maps, subjects) for whole in (False, True)}

    def show(self) -> None:
        """Take notice of what the images show now; once a tick, or more often."""
        if self._images.columns is not self._now:
            self._before, self._now = self._now or self._images.columns, self._images.columns
        if self.links.held_whole is not self._frozen_at:
            self._held_whole, self._frozen_at = self._now, self.links.held_whole

    def images(self, strike: Strike) -> Images:
        """Return the images from which a request is answered."""
        match strike.fault.mode:
            case "frozen":
                held = self._held_whole if strike.whole else self.links.held
                return self._frozen[strike.whole].of(held)
            case "behind":
                return self._behind.of(self._before)
            case "word_swap":
                return self._swapped.of(self._now)
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
        case "wrong_transaction" if tag:
            frame = _WORD.pack((int.from_bytes(tag) + 1) % 65536) + frame[len(tag) :]
        case "wrong_length" if tag:
            frame = frame[:_LENGTH_AT] + _WORD.pack(len(pdu) + 2) + frame[_LENGTH_AT + _WORD.size :]
        case "garble" | "wrong_transaction" | "wrong_length":
            frame = _garbled(frame, _BEHIND_HEADER if tag else 1, strike.draws.random)
    return frame


def _garbled(frame: bytes, first: int, random: Random) -> bytes:
    """Return a frame in which every byte from `first` on is another one."""
    return frame[:first] + bytes(byte ^ random.randint(1, 255) for byte in frame[first:])


def swapped(register_map: RegisterMap) -> RegisterMap:
    """Return a map in which the words of every number of several words stand the other way round."""
    return replace(
        register_map,
        entries=tuple(map(_swapped, register_map.entries)),
        variants={
            service: tuple(map(_swapped, entries)) for service, entries in register_map.variants.items()
        },
    )


def _swapped(entry: Entry) -> Entry:
    if entry.type.kind not in _NUMBERS or entry.size <= _WORD.size:
        return entry
    return replace(entry, word_order=_SWAPPED[entry.word_order])
