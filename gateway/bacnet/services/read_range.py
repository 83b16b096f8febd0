"""ReadRange (clause 15.8): the records of a meter's trend logs by position, by sequence, by time, or all.

The elements of other lists have positions only. No sockets, and no logs or lists of its own: it is given
those of the device that is asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

import numpy as np

from gateway.bacnet.objects.model import Array, Device, Lists, LogBuffer
from gateway.bacnet.services.reading import Reference, TooLongError, find_property, own_number, read_reference
from gateway.bacnet.values.template import Listing
from gateway.bacnet.values.trends import Records, TrendLog
from gateway.bacnet.wire import encoding as enc
from gateway.bacnet.wire.apdu import ServiceError
from gateway.bacnet.wire.codes import Confirmed, ErrorCode, RejectReason
from gateway.bacnet.wire.encoding import Reader, RejectError
from gateway.bacnet.wire.instants import read_date_time
from gateway.bacnet.wire.octets import date_time_octets, real_octets

_BY_POSITION: Final = 3
_BY_SEQUENCE: Final = 6
_BY_TIME: Final = 7
_RECORD: Final = 22
"""Octets of one record: timestamp [0], a REAL [1][2] and status flags [2]."""
_HEAD: Final = 21
"""Octets of an answer from its service choice on, beside its records, at most."""


@dataclass(frozen=True, slots=True)
class Range:
    """Which records are wanted: `count` from `reference` on, or up to it where `count` is negative.

    `kind` is the tag of the choice; `reference` is a position, a sequence number or an instant [ns].
    """

    kind: int
    reference: int
    count: int


@dataclass(frozen=True, slots=True)
class _Found:
    """Result flags, the number of items, the items encoded, and the first one's number where it is stated."""

    flags: bytes
    count: int
    items: bytes
    first: int | None


def read_range(body: bytes, limit: int, device: Device, logs: Sequence[TrendLog], lists: Lists) -> bytes:
    """Return what follows the invoke id in the answer to the request `body`, in at most `limit` octets.

    Raises RejectError and ServiceError.
    """
    reader = Reader(body, 1)
    reference = read_reference(reader)
    wanted = _read_range(reader)
    reader.finish()
    device = device.part(reference.number)
    value = find_property(reference, device).value
    if reference.index is not None and not isinstance(value, Array):
        raise ServiceError(ErrorCode.PROPERTY_IS_NOT_AN_ARRAY)
    if isinstance(value, Listing):
        return _elements(reference, device, lists(device, value.attribute), wanted, limit - _HEAD)
    if not isinstance(value, LogBuffer):
        raise ServiceError(ErrorCode.PROPERTY_IS_NOT_A_LIST)
    return _records(
        reference, device, logs[value.log].records(device.row), wanted, (limit - _HEAD) // _RECORD
    )


def _read_range(reader: Reader) -> Range | None:
    """Read the choice of range; None is all of the list."""
    for kind in (_BY_POSITION, _BY_SEQUENCE, _BY_TIME):
        if reader.opened(kind):
            reference = (
                read_date_time(reader) if kind == _BY_TIME else enc.read_unsigned(reader.application(2))
            )
            count = enc.read_signed(reader.application(3))
            reader.closing(kind)
            if count == 0:
                raise RejectError(RejectReason.PARAMETER_OUT_OF_RANGE)
            return Range(kind, reference, count)
    return None


def _select(records: Records, wanted: Range | None) -> tuple[int, int]:
    """Return the half-open span of places in `records` that is wanted."""
    size = len(records.times)
    if wanted is None:
        return 0, size
    if wanted.kind == _BY_POSITION:
        return _by_position(wanted, size)
    if wanted.kind == _BY_TIME:
        place = int(np.searchsorted(records.times, wanted.reference, "right" if wanted.count > 0 else "left"))
        place -= wanted.count < 0
    else:
        place = wanted.reference - records.first
    return _span(place, wanted.count, size)


def _by_position(wanted: Range, size: int) -> tuple[int, int]:
    """Return the span that is wanted by position, nothing where there is no such position."""
    place = wanted.reference - 1
    return _span(place, wanted.count, size) if 0 <= place < size else (0, 0)


def _span(place: int, count: int, size: int) -> tuple[int, int]:
    """Return the span of `count` items from `place` on, or up to it where `count` is negative."""
    start, stop = (place, place + count) if count > 0 else (place + count + 1, place + 1)
    start, stop = max(start, 0), min(stop, size)
    return start, max(start, stop)


def _records(
    reference: Reference, device: Device, records: Records, wanted: Range | None, room: int
) -> bytes:
    """Answer with as many of the wanted records as there is room for, the oldest first."""
    start, stop = _select(records, wanted)
    end = min(stop, start + max(room, 0))
    count = end - start
    by_sequence = wanted is not None and wanted.kind != _BY_POSITION and count > 0
    first = records.first + start if by_sequence else None
    found = _Found(_flags(start, end, stop, len(records.times)), count, _encoded(records, start, end), first)
    return _answer(reference, device, found)


def _elements(
    reference: Reference, device: Device, elements: Sequence[bytes], wanted: Range | None, room: int
) -> bytes:
    """Answer with as many of the wanted elements as there is room for; none has a number or a time.

    Raises TooLongError where there is not even room for the first.
    """
    start, stop = 0, len(elements)
    if wanted is not None:
        start, stop = _by_position(wanted, stop) if wanted.kind == _BY_POSITION else (0, 0)
    ends = accumulate(len(element) for element in elements[start:stop])
    end = start + sum(octets <= room for octets in ends)
    if end == start < stop:
        raise TooLongError
    flags = _flags(start, end, stop, len(elements))
    return _answer(reference, device, _Found(flags, end - start, b"".join(elements[start:end]), None))


def _flags(start: int, end: int, stop: int, size: int) -> bytes:
    """Return the result flags first-item, last-item and more-items for what is returned of what is wanted."""
    ends = (start == 0) << 7 | (end == size) << 6 if end > start else 0
    return bytes((ends | (end < stop) << 5,))


def _answer(reference: Reference, device: Device, found: _Found) -> bytes:
    parts = [
        bytes((Confirmed.READ_RANGE,)),
        enc.context(0, own_number(reference.number, device)),
        enc.context(1, enc.content(reference.attribute)),
        b"" if reference.index is None else enc.context(2, enc.content(reference.index)),
        enc.context(3, b"\x05" + found.flags),
        enc.context(4, enc.content(found.count)),
        enc.constructed(5, found.items),
        b"" if found.first is None else enc.context(6, enc.content(found.first)),
    ]
    return b"".join(parts)


def _encoded(records: Records, start: int, end: int) -> bytes:
    """Return BACnetLogRecords: when, the value, and status flags of which none is set."""
    octets = np.empty((end - start, _RECORD), np.uint8)
    octets[:, 0] = 0x0E
    octets[:, 1:11] = date_time_octets(records.times[start:end])
    octets[:, 11:14] = (0x0F, 0x1E, 0x2C)
    octets[:, 14:18] = real_octets(records.values[start:end])[:, 1:]
    octets[:, 18:22] = (0x1F, 0x2A, 0x04, 0x00)
    return octets.tobytes()
