"""The encoding of values and tags (clause 20.2), both ways.

Knows bytes only: no services, no objects, no sockets. What cannot be read is refused with the reason that a
Reject PDU carries.
"""

import struct
from collections.abc import Iterable
from typing import Final, NamedTuple

from gateway.bacnet.wire.codes import RejectReason
from gateway.errors import RequestRefusedError

_OPENING: Final = -1
_CLOSING: Final = -2
_EXTENDED: Final = 15
"""In place of a tag number: it is in the next octet."""
_LONG: Final = 5
"""In place of a length: it is in the octets that follow."""
_TWO_OCTETS: Final = 254
"""In place of the length that follows: it is in two more octets (and after 255 in four)."""
_OPENS: Final = 6
_BOOLEAN: Final = 1
_OBJECT_IDENTIFIER: Final = 4
_LONGEST_UNSIGNED: Final = 4
_REAL: Final = 4


class RejectError(RequestRefusedError):
    """A request that cannot be read or is not known: answered by a Reject PDU."""

    def __init__(self, reason: RejectReason) -> None:
        super().__init__(reason.name.lower().replace("_", "-"))
        self.reason = reason


def _header(number: int, context: int, length: int) -> bytes:
    """Return a tag; `context` is 8 for a context tag, 0 for an application tag."""
    first = (number << 4 if number < _EXTENDED else 0xF0) | context
    extension = b"" if number < _EXTENDED else bytes((number,))
    if length < _LONG:
        return bytes((first | length,)) + extension
    if length < _TWO_OCTETS:
        return bytes((first | _LONG,)) + extension + bytes((length,))
    return bytes((first | _LONG,)) + extension + b"\xfe" + struct.pack(">H", length)


def content(value: int) -> bytes:
    """Return an unsigned number or an enumeration in the fewest octets that hold it."""
    return value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")


def boolean(value: bool) -> bytes:  # noqa: FBT001  the value is the whole call
    """Return a BOOLEAN."""
    return b"\x11" if value else b"\x10"


def unsigned(value: int) -> bytes:
    """Return an Unsigned."""
    return _header(2, 0, len(octets := content(value))) + octets


def signed(value: int) -> bytes:
    """Return an INTEGER."""
    octets = value.to_bytes((value.bit_length() + 8) // 8, "big", signed=True)
    return _header(3, 0, len(octets)) + octets


def real_content(value: float) -> bytes:
    """Return the four octets of a REAL."""
    return struct.pack(">f", value)


def character_string(text: str) -> bytes:
    """Return a CharacterString in UTF-8."""
    octets = b"\x00" + text.encode()
    return _header(7, 0, len(octets)) + octets


def bit_string(size: int, ones: Iterable[int]) -> bytes:
    """Return a BIT STRING of `size` bits of which `ones` are set, bit 0 first."""
    octets = -(-size // 8)
    value = sum(1 << (octets * 8 - 1 - bit) for bit in set(ones))
    return _header(8, 0, octets + 1) + bytes((octets * 8 - size,)) + value.to_bytes(octets, "big")


def enumerated(value: int) -> bytes:
    """Return an Enumerated."""
    return _header(9, 0, len(octets := content(value))) + octets


def object_number(kind: int, instance: int) -> int:
    """Return a BACnetObjectIdentifier as the 32-bit number that it is."""
    return kind << 22 | instance


def object_identifier(number: int) -> bytes:
    """Return a BACnetObjectIdentifier."""
    return b"\xc4" + number.to_bytes(4, "big")


def context(number: int, octets: bytes) -> bytes:
    """Return a context-tagged primitive."""
    return _header(number, 8, len(octets)) + octets


def constructed(number: int, inner: bytes) -> bytes:
    """Return `inner` between an opening and a closing tag."""
    if number < _EXTENDED:
        return bytes((number << 4 | 0xE,)) + inner + bytes((number << 4 | 0xF,))
    return bytes((0xFE, number)) + inner + bytes((0xFF, number))


def octet_string(octets: bytes) -> bytes:
    """Return an OCTET STRING."""
    return _header(6, 0, len(octets)) + octets


def address(network: int, mac: bytes) -> bytes:
    """Return a BACnetAddress: network 0 is the local one, no `mac` everybody there."""
    return unsigned(network) + octet_string(mac)


class _Tag(NamedTuple):
    number: int
    context: bool
    length: int
    """Octets of content, or _OPENING or _CLOSING."""
    start: int
    """Where the content begins."""


class Reader:
    """Reads tagged parameters one after the other; every method raises RejectError where it cannot."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self._data = data
        self._at = at

    def more(self) -> bool:
        """Whether anything is left."""
        return self._at < len(self._data)

    def finish(self) -> None:
        """Refuse what is left over."""
        if self.more():
            raise RejectError(RejectReason.TOO_MANY_ARGUMENTS)

    def at_closing(self, number: int) -> bool:
        """Whether the next tag closes `number`."""
        tag = self._tag()
        return tag.context and tag.number == number and tag.length == _CLOSING

    def opened(self, number: int) -> bool:
        """Step over the opening tag `number` if it is next; return whether it was."""
        if not self._begins(number):
            return False
        tag = self._tag()
        if tag.length != _OPENING:
            return False
        self._at = tag.start
        return True

    def opening(self, number: int) -> None:
        """Step over the opening tag `number`."""
        self._tag()
        if not self.opened(number):
            raise RejectError(RejectReason.INVALID_TAG)

    def closing(self, number: int) -> None:
        """Step over the closing tag `number`."""
        tag = self._tag()
        if not (tag.context and tag.number == number and tag.length == _CLOSING):
            raise RejectError(RejectReason.INVALID_TAG)
        self._at = tag.start

    def context(self, number: int) -> bytes:
        """Return the content of the context-tagged primitive `number`, which must be next."""
        tag = self._tag()
        if not (tag.context and tag.number == number and tag.length >= 0):
            raise RejectError(RejectReason.INVALID_TAG)
        return self._take(tag)

    def application(self, number: int) -> bytes:
        """Return the content of the application-tagged primitive `number`, which must be next."""
        tag = self._tag()
        if tag.context or tag.number != number:
            raise RejectError(
                RejectReason.INVALID_PARAMETER_DATA_TYPE if not tag.context else RejectReason.INVALID_TAG
            )
        return self._take(tag)

    def boolean(self) -> bool:
        """Return the BOOLEAN which must be next; it stands in its tag."""
        self.application(_BOOLEAN)
        return self._data[self._at - 1] & 7 == 1

    def optional(self, number: int) -> bytes | None:
        """Return the content of the context-tagged primitive `number` if it is next, else None."""
        if not self._begins(number):
            return None
        tag = self._tag()
        return self._take(tag) if tag.length >= 0 else None

    def constructed(self, number: int) -> bytes:
        """Return what is between the opening tag `number`, which must be next, and the one that closes it."""
        self.opening(number)
        start = self._at
        levels = [number]
        while levels:
            end = self._at
            tag = self._tag()
            self._at = tag.start
            if tag.length == _OPENING:
                levels.append(tag.number)
            elif tag.length == _CLOSING:
                if tag.number != levels.pop():
                    raise RejectError(RejectReason.INVALID_TAG)
            else:
                self._take(tag)
        return self._data[start:end]

    def _begins(self, number: int) -> bool:
        """Whether anything is left, and its first octet that of a context tag `number`, up to 14."""
        return self.more() and self._data[self._at] >> 3 == number << 1 | 1

    def _take(self, tag: _Tag) -> bytes:
        self._at = tag.start + tag.length
        return self._data[tag.start : self._at]

    def _tag(self) -> _Tag:
        """Return the next tag without stepping over it."""
        data, at = self._data, self._at
        try:
            first = data[at]
            at += 1
            number = first >> 4
            if number == _EXTENDED:
                number = data[at]
                at += 1
            is_context = bool(first & 8)
            length = first & 7
            if is_context and length >= _OPENS:
                return _Tag(number, True, _OPENING if length == _OPENS else _CLOSING, at)
            if not is_context and number == _BOOLEAN:
                return _Tag(number, False, 0, at)
            if length > _LONG:
                raise RejectError(RejectReason.INVALID_TAG)
            if length == _LONG:
                length, at = _long(data, at)
        except (IndexError, struct.error):
            raise RejectError(RejectReason.MISSING_REQUIRED_PARAMETER) from None
        if at + length > len(data):
            raise RejectError(RejectReason.MISSING_REQUIRED_PARAMETER)
        return _Tag(number, is_context, length, at)


def _long(data: bytes, at: int) -> tuple[int, int]:
    """Return a length that does not fit the tag itself, and where the content begins."""
    length = data[at]
    if length < _TWO_OCTETS:
        return length, at + 1
    form = ">H" if length == _TWO_OCTETS else ">I"
    return struct.unpack_from(form, data, at + 1)[0], at + 1 + struct.calcsize(form)


def read_unsigned(octets: bytes) -> int:
    """Return an unsigned number or an enumeration of at most 32 bits."""
    if not 1 <= len(octets) <= _LONGEST_UNSIGNED:
        raise RejectError(RejectReason.INVALID_PARAMETER_DATA_TYPE)
    return int.from_bytes(octets, "big")


def read_signed(octets: bytes) -> int:
    """Return a signed number of at most 32 bits."""
    if not 1 <= len(octets) <= _LONGEST_UNSIGNED:
        raise RejectError(RejectReason.INVALID_PARAMETER_DATA_TYPE)
    return int.from_bytes(octets, "big", signed=True)


def read_boolean(octets: bytes) -> bool:
    """Return a BOOLEAN that has a context tag."""
    if len(octets) != 1 or octets[0] > 1:
        raise RejectError(RejectReason.INVALID_PARAMETER_DATA_TYPE)
    return octets == b"\x01"


def read_real(octets: bytes) -> float:
    """Return a REAL."""
    if len(octets) != _REAL:
        raise RejectError(RejectReason.INVALID_PARAMETER_DATA_TYPE)
    value: float = struct.unpack(">f", octets)[0]
    return value


def read_object_number(octets: bytes) -> int:
    """Return a BACnetObjectIdentifier as a 32-bit number."""
    if len(octets) != _OBJECT_IDENTIFIER:
        raise RejectError(RejectReason.INVALID_PARAMETER_DATA_TYPE)
    return int.from_bytes(octets, "big")


def read_text(octets: bytes) -> str | None:
    """Return a CharacterString; None if it is in a character set that is not spoken here or is no text."""
    if not octets:
        raise RejectError(RejectReason.INVALID_PARAMETER_DATA_TYPE)
    encoding = {0: "utf-8", 4: "utf-16-be", 5: "latin-1"}.get(octets[0])
    try:
        return octets[1:].decode(encoding) if encoding else None
    except UnicodeDecodeError:
        return None
