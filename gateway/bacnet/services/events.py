"""What is asked about alarms: AcknowledgeAlarm, GetEventInformation, the summaries (clauses 13.5 to 13.12).

From a request to an answer; who else is told of an acknowledgement is the business of
`telling/notification.py`.
"""

from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.bacnet.objects.model import Device, ObjectTable
from gateway.bacnet.objects.recipients import read_recipient
from gateway.bacnet.services.reading import TooLongError
from gateway.bacnet.values.alarms import (
    ALARMS,
    NEVER,
    NOTIFICATION_CLASS,
    PRIORITIES,
    TRANSITIONS,
    Alarms,
)
from gateway.bacnet.wire import encoding as enc
from gateway.bacnet.wire.apdu import ServiceError
from gateway.bacnet.wire.codes import (
    Confirmed,
    ErrorCode,
    EventState,
    EventType,
    NotifyType,
    RejectReason,
    Transition,
)
from gateway.bacnet.wire.encoding import Reader, RejectError
from gateway.bacnet.wire.octets import Octets, enumerated_octets, identifier_octets, tagged, unsigned_octets

_BY_NUMBER: Final = {alarm.number: place for place, alarm in enumerate(ALARMS)}
_WEEKDAY: Final = 5
_ALL_ACKED: Final = 0xE0
_MORE: Final = b"\x19\x01"
_NO_MORE: Final = b"\x19\x00"
_FILTERS: Final = 3
_STATE_FILTERS: Final = 5
_UNSIGNED: Final = 0x21
"""The tag of an Unsigned of one octet."""
_LENGTH: Final = 7
"""The bits of a tag that say how many octets follow."""


class Acknowledged(NamedTuple):
    """What somebody has acknowledged: a kind of transition of alarm number `alarm` of a meter, to `state`."""

    device: Device
    alarm: int
    kind: Transition
    state: EventState


def acknowledge(body: bytes, device: Device, alarms: Alarms) -> Acknowledged:
    """Carry out AcknowledgeAlarm. Raises RejectError and ServiceError.

    An acknowledgement that has been given already is given again.
    """
    reader = Reader(body, 1)
    enc.read_unsigned(reader.context(0))
    number = enc.read_object_number(reader.context(1))
    state = enc.read_unsigned(reader.context(2))
    stamp = reader.constructed(3)
    if enc.read_text(reader.context(4)) is None:
        raise ServiceError(ErrorCode.CHARACTER_SET_NOT_SUPPORTED)
    reader.constructed(5)
    reader.finish()
    part = device.part(number)
    alarm = _BY_NUMBER.get(number - part.base)
    if part.find(number) is None:
        raise ServiceError(ErrorCode.UNKNOWN_OBJECT)
    if alarm is None:
        raise ServiceError(ErrorCode.NO_ALARM_CONFIGURED)
    if state not in tuple(EventState):
        raise ServiceError(ErrorCode.INVALID_EVENT_STATE)
    kind = TRANSITIONS[state]
    noted = alarms.stamp(part.row, alarm, kind)
    if noted == NEVER or _without_weekday(stamp) != _without_weekday(noted):
        raise ServiceError(ErrorCode.INVALID_TIME_STAMP)
    alarms.acknowledge(part.row, alarm, kind)
    return Acknowledged(part, alarm, kind, EventState(state))


def _without_weekday(stamp: bytes) -> bytes:
    """Return a time stamp without what follows from its date: some clients fill it in anew."""
    return stamp[:_WEEKDAY] + stamp[_WEEKDAY + 1 :]


def event_information(body: bytes, limit: int, device: Device, alarms: Alarms) -> bytes:
    """Answer GetEventInformation in at most `limit` octets, from the service choice on.

    Raises RejectError, and TooLongError where not even the first event fits.
    """
    reader = Reader(body, 1)
    octets = reader.optional(0)
    last = -1 if octets is None else enc.read_object_number(octets)
    reader.finish()
    room, found, more = limit - len(_MORE) - 3, b"", _NO_MORE
    objects = _objects(device)
    active = objects.where(alarms.active(objects.rows, objects.places) & (objects.numbers > last))
    for row, place, number, _ in zip(*(each[:limit].tolist() for each in active), strict=True):
        summary = _summary(row, place, number, alarms)
        if len(found) + len(summary) > room:
            if not found:
                raise TooLongError
            more = _MORE
            break
        found += summary
    return bytes((Confirmed.GET_EVENT_INFORMATION,)) + enc.constructed(0, found) + more


class _Objects(NamedTuple):
    """The alarms that a device has, in the order of their objects; all of shape (n_alarms,).

    The row of the meter and the place in `ALARMS` of each, its object identifier, and the instance of its
    notification class.
    """

    rows: NDArray[np.intp]
    places: NDArray[np.intp]
    numbers: NDArray[np.int64]
    classes: NDArray[np.int64]

    def where(self, wanted: NDArray[np.bool_]) -> "_Objects":
        """Return those that are wanted."""
        return _Objects(*(each[wanted] for each in self))


@lru_cache(maxsize=8)
def _objects(device: Device) -> _Objects:
    parts = device.parts
    having = {table: _places(table) for table in {part.table for part in parts}}
    counts = [len(having[part.table]) for part in parts]
    rows = np.repeat(np.array([part.row for part in parts], np.intp), counts)
    bases = np.repeat(np.array([part.base for part in parts], np.int64), counts)
    places = np.concatenate([having[part.table] for part in parts])
    return _Objects(rows, places, _NUMBERS[places] + bases, NOTIFICATION_CLASS + bases)


def _places(table: ObjectTable) -> NDArray[np.intp]:
    """Return the places in `ALARMS` of those that a table has."""
    return np.array([place for place, spec in enumerate(ALARMS) if table.find(spec.number)], np.intp)


def _summary(row: int, place: int, number: int, alarms: Alarms) -> bytes:
    return b"".join(
        (
            enc.context(0, number.to_bytes(4, "big")),
            enc.context(1, enc.content(alarms.state(row, place))),
            enc.context(2, alarms.acked(row, place)),
            enc.constructed(3, alarms.stamps(row, place)),
            enc.context(4, enc.content(NotifyType.ALARM)),
            enc.context(5, enc.bit_string(3, ALARMS[place].enabled)[1:]),
            enc.constructed(6, b"".join(enc.unsigned(priority) for priority in PRIORITIES)),
        )
    )


def alarm_summary(body: bytes, device: Device, alarms: Alarms) -> bytes:
    """Answer GetAlarmSummary, from the service choice on. Raises RejectError."""
    Reader(body, 1).finish()
    objects = _objects(device)
    found = objects.where(alarms.states[objects.rows, objects.places] != EventState.NORMAL)
    states = alarms.states[found.rows, found.places]
    summaries = np.concatenate(
        [
            identifier_octets(found.numbers),
            enumerated_octets(states),
            alarms.acked_octets(found.rows, found.places),
        ],
        axis=1,
    )
    return bytes((Confirmed.GET_ALARM_SUMMARY,)) + summaries.tobytes()


class _Enrolled(NamedTuple):
    """What a request for enrollments wants; None is any."""

    acked: int
    state: int | None
    kind: int | None
    priorities: range
    notification_class: int | None


def enrollment_summary(body: bytes, device: Device, alarms: Alarms) -> bytes:
    """Answer GetEnrollmentSummary, from the service choice on. Raises RejectError.

    Nobody's enrollments are kept apart, so a filter for a recipient finds all.
    """
    wanted = _read_enrolled(Reader(body, 1))
    objects = _objects(device)
    found = objects.where(_fitting(wanted, objects, alarms))
    states = alarms.states[found.rows, found.places]
    classes = unsigned_octets(found.classes)
    fixed = np.concatenate(
        [
            identifier_octets(found.numbers),
            enumerated_octets(_KINDS[states]),
            enumerated_octets(states),
            tagged(_UNSIGNED, _PRIORITIES[states][:, None]),
        ],
        axis=1,
    )
    used = np.arange(classes.shape[1]) <= (classes[:, :1] & _LENGTH)
    used = np.concatenate([np.ones_like(fixed, np.bool_), used], axis=1)
    summaries: Octets = np.concatenate([fixed, classes], axis=1)[used]
    return bytes((Confirmed.GET_ENROLLMENT_SUMMARY,)) + summaries.tobytes()


def _fitting(wanted: _Enrolled, objects: _Objects, alarms: Alarms) -> NDArray[np.bool_]:
    """Return which alarms are wanted."""
    states = alarms.states[objects.rows, objects.places]
    acked = alarms.acked_octets(objects.rows, objects.places)[:, -1] == _ALL_ACKED
    every = np.ones_like(acked)
    by_state = (
        *(states == state for state in (EventState.OFFNORMAL, EventState.FAULT, EventState.NORMAL)),
        every,
        states != EventState.NORMAL,
    )
    fitting = (every, acked, ~acked)[wanted.acked]
    if wanted.state is not None:
        fitting = fitting & by_state[wanted.state]
    if wanted.kind is not None:
        fitting = fitting & (_KINDS[states] == wanted.kind)
    if wanted.notification_class is not None:
        fitting = fitting & (objects.classes == wanted.notification_class)
    priorities = _PRIORITIES[states]
    in_range = (priorities >= wanted.priorities.start) & (priorities < wanted.priorities.stop)
    return np.asarray(fitting & in_range)


def _read_enrolled(reader: Reader) -> _Enrolled:
    acked = enc.read_unsigned(reader.context(0))
    if reader.opened(1):
        reader.opening(0)
        read_recipient(reader)
        reader.closing(0)
        enc.read_unsigned(reader.context(1))
        reader.closing(1)
    state, kind = reader.optional(2), reader.optional(3)
    priorities = range(256)
    if reader.opened(4):
        low, high = enc.read_unsigned(reader.context(0)), enc.read_unsigned(reader.context(1))
        priorities = range(low, high + 1)
        reader.closing(4)
    notification_class = reader.optional(5)
    reader.finish()
    numbers = [
        None if each is None else enc.read_unsigned(each) for each in (state, kind, notification_class)
    ]
    if acked >= _FILTERS or (numbers[0] or 0) >= _STATE_FILTERS:
        raise RejectError(RejectReason.UNDEFINED_ENUMERATION)
    return _Enrolled(acked, numbers[0], numbers[1], priorities, numbers[2])


def event_type(before: EventState, after: EventState) -> EventType:
    """Return which kind of event leads from one event state to another: to and from a fault, reliability."""
    fault = EventState.FAULT in (before, after)
    return EventType.CHANGE_OF_RELIABILITY if fault else EventType.CHANGE_OF_STATE


_KINDS: Final = np.array([event_type(state, state) for state in EventState])
"""The kind of event by which each event state is reported."""
_PRIORITIES: Final = np.array([PRIORITIES[transition] for transition in TRANSITIONS])
"""The priority of the transition that leads to each event state."""
_NUMBERS: Final = np.array([alarm.number for alarm in ALARMS])
