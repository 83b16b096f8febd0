"""What is asked about alarms: AcknowledgeAlarm, GetEventInformation, the summaries (clauses 13.5 to 13.12).

From a request to an answer; who else is told of an acknowledgement is the business of `notification.py`.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from gateway.bacnet import encoding as enc
from gateway.bacnet.alarms import (
    ALARMS,
    NOTIFICATION_CLASS,
    PRIORITIES,
    TRANSITIONS,
    Alarms,
    AlarmSpec,
)
from gateway.bacnet.apdu import ServiceError
from gateway.bacnet.codes import (
    Confirmed,
    ErrorCode,
    EventState,
    EventType,
    NotifyType,
    RejectReason,
    Transition,
)
from gateway.bacnet.encoding import Reader, RejectError
from gateway.bacnet.objects import Device
from gateway.bacnet.reading import TooLongError
from gateway.bacnet.recipients import read_recipient

_BY_NUMBER: Final = {alarm.number: place for place, alarm in enumerate(ALARMS)}
_WEEKDAY: Final = 5
_ALL_ACKED: Final = 0xE0
_NEVER: Final = b"\x2e\xa4\xff\xff\xff\xff\xb4\xff\xff\xff\xff\x2f"
"""The time stamp of a transition that never was."""
_MORE: Final = b"\x19\x01"
_NO_MORE: Final = b"\x19\x00"
_FILTERS: Final = 3
_STATE_FILTERS: Final = 5
_ACTIVE: Final = 4


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
    if noted == _NEVER or _without_weekday(stamp) != _without_weekday(noted):
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
    for part, place, spec in _active(device, alarms, last):
        if spec.number + part.base > last:
            summary = _summary(part, place, spec, alarms)
            if len(found) + len(summary) > room:
                if not found:
                    raise TooLongError
                more = _MORE
                break
            found += summary
    return bytes((Confirmed.GET_EVENT_INFORMATION,)) + enc.constructed(0, found) + more


def _active(device: Device, alarms: Alarms, last: int = -1) -> Iterator[tuple[Device, int, AlarmSpec]]:
    """Yield the alarms that are not as they should be, with the part of a device and their place in `ALARMS`.

    In the order of their objects; parts with none after the object `last` are passed over.
    """
    for part in device.parts:
        if ALARMS[-1].number + part.base > last and _has_alarms(part):
            for place in alarms.active(part.row):
                spec = ALARMS[place]
                if part.table.find(spec.number):
                    yield part, place, spec


def _has_alarms(part: Device) -> bool:
    return part.table.find(ALARMS[0].number) is not None


def _summary(part: Device, place: int, spec: AlarmSpec, alarms: Alarms) -> bytes:
    row = part.row
    return b"".join(
        (
            enc.context(0, (spec.number + part.base).to_bytes(4, "big")),
            enc.context(1, enc.content(alarms.state(row, place))),
            enc.context(2, alarms.acked(row, place)),
            enc.constructed(3, alarms.stamps(row, place)),
            enc.context(4, enc.content(NotifyType.ALARM)),
            enc.context(5, enc.bit_string(3, spec.enabled)[1:]),
            enc.constructed(6, b"".join(enc.unsigned(priority) for priority in PRIORITIES)),
        )
    )


def alarm_summary(body: bytes, device: Device, alarms: Alarms) -> bytes:
    """Answer GetAlarmSummary, from the service choice on. Raises RejectError."""
    Reader(body, 1).finish()
    found = [
        b"".join(
            (
                enc.object_identifier(spec.number + part.base),
                enc.enumerated(state),
                b"\x82" + alarms.acked(part.row, place),
            )
        )
        for part, place, spec in _active(device, alarms)
        if (state := alarms.state(part.row, place)) is not EventState.NORMAL
    ]
    return bytes((Confirmed.GET_ALARM_SUMMARY,)) + b"".join(found)


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
    found = (each for part in device.parts if _has_alarms(part) for each in _enrolled(wanted, part, alarms))
    return bytes((Confirmed.GET_ENROLLMENT_SUMMARY,)) + b"".join(found)


def _enrolled(wanted: _Enrolled, part: Device, alarms: Alarms) -> Iterator[bytes]:
    """Yield the summaries of a meter's alarms that are wanted."""
    notification_class = NOTIFICATION_CLASS + part.base
    if wanted.notification_class not in (None, notification_class):
        return
    for place, spec in enumerate(ALARMS):
        state = alarms.state(part.row, place)
        priority = PRIORITIES[TRANSITIONS[state]]
        acked = alarms.acked(part.row, place)[1] == _ALL_ACKED
        kind = event_type(state, state)
        if part.table.find(spec.number) and _fits(wanted, state, kind, priority, acked=acked):
            yield b"".join(
                (
                    enc.object_identifier(spec.number + part.base),
                    enc.enumerated(kind),
                    enc.enumerated(state),
                    enc.unsigned(priority),
                    enc.unsigned(notification_class),
                )
            )


def _fits(wanted: _Enrolled, state: EventState, kind: EventType, priority: int, *, acked: bool) -> bool:
    states = {None: True, 0: state == EventState.OFFNORMAL, 1: state == EventState.FAULT}
    states |= {2: state == EventState.NORMAL, 3: True, _ACTIVE: state != EventState.NORMAL}
    return (
        (True, acked, not acked)[wanted.acked]
        and states[wanted.state]
        and wanted.kind in (None, kind)
        and priority in wanted.priorities
    )


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
