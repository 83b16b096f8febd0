"""The state of the meters' alarms: intrinsic reporting of binary inputs (clauses 13.2, 13.3.2), all at once.

Which flag is an alarm is declared here. Arrays over all meters alone: who is told of a transition, and in
which words, is the business of `telling/notification.py`.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.bacnet.values.device_clocks import DeviceClocks
from gateway.bacnet.wire.codes import EventState, ObjectType, Transition
from gateway.bacnet.wire.encoding import object_number
from gateway.bacnet.wire.octets import date_time_octets
from sims.points import FLAGS, NS_PER_S
from sims.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class AlarmSpec:
    """A flag that raises an alarm while it is `alarm_value` for `delay_s` [s] or longer; back likewise.

    `fails` says that it cannot be known while the meter's values are stale, `reports_fault` that recipients
    are told so: one object of a meter does, the others show it only.
    """

    flag: str
    alarm_value: int = 1
    delay_s: int = 0
    fails: bool = True
    reports_fault: bool = False

    @property
    def number(self) -> int:
        """The object identifier of the binary input that reports it."""
        return object_number(ObjectType.BINARY_INPUT, FLAGS.index(self.flag) + 1)

    @property
    def enabled(self) -> tuple[Transition, ...]:
        """The transitions that recipients are told of (event-enable)."""
        return tuple(kind for kind in Transition if kind != Transition.TO_FAULT or self.reports_fault)


ALARMS: Final = (
    AlarmSpec("reverse_phase", reports_fault=True),
    AlarmSpec("powered", alarm_value=0, fails=False),
    AlarmSpec("under_voltage", delay_s=3),
    AlarmSpec("over_voltage", delay_s=3),
    AlarmSpec("over_current", delay_s=10),
    *(AlarmSpec(f"phase_loss_l{line}") for line in (1, 2, 3)),
)
"""The alarms of a meter, in the order of their objects."""

NOTIFICATION_CLASS: Final = 1
"""The instance of the notification class of all alarms."""
ACK_REQUIRED: Final = (Transition.TO_OFFNORMAL, Transition.TO_FAULT)
"""The transitions that somebody must acknowledge."""
PRIORITIES: Final = (64, 64, 192)
"""The priority of each transition."""

NEVER: Final = b"\x2e\xa4\xff\xff\xff\xff\xb4\xff\xff\xff\xff\x2f"
"""The time stamp of a transition that never was: a date and a time under [2], unspecified."""
STAMP: Final = len(NEVER)
"""Octets of a time stamp."""
WIDTH: Final = 2 + 3 + 3 + 3 * STAMP
"""Octets of an alarm: event state, status flags, acknowledged transitions, a time stamp for each."""
_STATE: Final = 1
_FLAGS: Final = 4
_ACKED: Final = 7
_STAMPS: Final = 8
_UNUSED_BITS: Final = 4
"""Of the octet of the status flags."""
_NO_STAMP: Final = np.frombuffer(NEVER, np.uint8)

_BITS: Final = np.array([FLAGS.index(alarm.flag) for alarm in ALARMS])
_STALE: Final = 1 << FLAGS.index("stale")
_WATCHED: Final = int(sum(1 << bit for bit in _BITS)) | _STALE
_ALARM_VALUES: Final = np.array([alarm.alarm_value for alarm in ALARMS])
_FAIL: Final = np.array([alarm.fails for alarm in ALARMS])
_DELAYS: Final = np.array([alarm.delay_s * NS_PER_S for alarm in ALARMS])
TRANSITIONS: Final = (Transition.TO_NORMAL, Transition.TO_FAULT, Transition.TO_OFFNORMAL)
"""The transition that leads to each event state."""
_KINDS: Final = np.array(TRANSITIONS)
_STATES: Final = tuple(EventState)
_ENABLED: Final = np.array([[kind in alarm.enabled for kind in Transition] for alarm in ALARMS])
_UNACKED: Final = _ENABLED & np.array([kind in ACK_REQUIRED for kind in Transition])
_BIT: Final = np.array([0x80, 0x40, 0x20])
_ALL: Final = int(_BIT.sum())
"""All transitions acknowledged."""
_IN_ALARM: Final = np.array([0x00, 0xC0, 0x80])
"""The status flags of each event state: in-alarm unless it is normal, and fault."""


class Changed(NamedTuple):
    """A transition: of alarm number `alarm` of `ALARMS` on the meter in `row`, between two event states.

    `value` is the flag that the alarm follows, 0 or 1, and `stamp` the time, a BACnetTimeStamp.
    """

    row: int
    alarm: int
    before: EventState
    after: EventState
    value: int
    stamp: bytes

    @property
    def kind(self) -> Transition:
        """The kind of transition."""
        return TRANSITIONS[self.after]

    @property
    def status_flags(self) -> bytes:
        """The content of the alarm's status flags after it."""
        return bytes((_UNUSED_BITS, _IN_ALARM[self.after]))


class Changes(NamedTuple):
    """The transitions of a tick: `numbers` are those of `Changed`, shape (5, n), `stamps` (n, STAMP)."""

    numbers: NDArray[np.int64]
    stamps: NDArray[np.uint8]

    def enabled(self) -> "Changes":
        """Return those that recipients are told of."""
        _, alarms, _, after, _ = self.numbers
        return self._where(_ENABLED[alarms, _KINDS[after]])

    def of(self, rows: Collection[int]) -> "Changes":
        """Return those of the meters in `rows`."""
        return self._where(np.isin(self.numbers[0], np.fromiter(rows, np.int64, len(rows))))

    def _where(self, wanted: NDArray[np.bool_]) -> "Changes":
        return Changes(self.numbers[:, wanted], self.stamps[wanted])

    def each(self) -> Iterator[Changed]:
        """Yield one after the other."""
        octets = self.stamps.tobytes()
        for place, (row, alarm, before, after, value) in enumerate(self.numbers.T.tolist()):
            stamp = octets[place * STAMP : (place + 1) * STAMP]
            yield Changed(row, alarm, _STATES[before], _STATES[after], value, stamp)


_NO_CHANGES: Final = Changes(np.empty((5, 0), np.int64), np.empty((0, STAMP), np.uint8))


class Alarms:
    """The event states of all alarms of `meters` meters, and how they stand in an image.

    Time stamps are those of the devices' `clocks`.
    """

    def __init__(self, meters: int, clocks: DeviceClocks) -> None:
        self._clocks = clocks
        shape = meters, len(ALARMS)
        self.states = np.zeros(shape, np.uint8)
        """The event state of each alarm of each meter, shape (n_meters, len(ALARMS))."""
        self.octets = np.empty((*shape, WIDTH), np.uint8)
        """All of it encoded: event state, status flags, acknowledged transitions and time stamps."""
        self.octets[..., :_STAMPS] = (0x91, 0, 0x82, _UNUSED_BITS, 0, 0x82, 5, 0xE0)
        self.octets[..., _STAMPS:] = np.tile(_NO_STAMP, 3)
        self._wanted = np.zeros(shape, np.uint8)
        self._since = np.zeros(shape, np.int64)
        self._seen = np.full(meters, -1, np.int64)
        self._clock = np.zeros(meters, np.int64)
        self._settled = False

    def update(self, snapshot: Snapshot) -> Changes:
        """Let the alarms follow the flags of a tick at once; return the transitions of it."""
        self._clock = np.asarray(snapshot.columns["clock"])
        flags = np.asarray(snapshot.columns["flags"]).astype(np.int64) & _WATCHED
        if self._settled and np.array_equal(flags, self._seen):
            return _NO_CHANGES
        self._seen = flags
        due = self._due(flags, snapshot.tick.time)
        before = self.states[due]
        self.states[due] = self._wanted[due]
        rows, alarms = np.nonzero(due)
        stamps = self._note(rows, alarms)
        self._settled = not due.any() and bool((self.states == self._wanted).all())
        values = flags[rows] >> _BITS[alarms] & 1
        return Changes(np.array([rows, alarms, before, self.states[due], values]), stamps)

    def _due(self, flags: NDArray[np.int64], now: int) -> NDArray[np.bool_]:
        """Return which alarms change their state now; what fails does at once, and recovers to normal."""
        fails = (flags & _STALE != 0)[:, None] & _FAIL
        off = flags[:, None] >> _BITS & 1 == _ALARM_VALUES
        failed = self.states == EventState.FAULT
        wanted = np.where(off & ~failed, EventState.OFFNORMAL, EventState.NORMAL)
        wanted = np.where(fails, EventState.FAULT, wanted).astype(np.uint8)
        self._since = np.where(wanted != self._wanted, now, self._since)
        self._wanted = wanted
        delays = np.where(fails | failed, 0, _DELAYS)
        due: NDArray[np.bool_] = (wanted != self.states) & (now - self._since >= delays)
        return due

    def _note(self, rows: NDArray[np.intp], alarms: NDArray[np.intp]) -> NDArray[np.uint8]:
        """Encode the new states of `alarms` on the meters in `rows`, and when they came; return that."""
        states = self.states[rows, alarms]
        kinds = _KINDS[states]
        self.octets[rows, alarms, _STATE] = states
        self.octets[rows, alarms, _FLAGS] = _IN_ALARM[states]
        acked = self.octets[rows, alarms, _ACKED]
        bits = _BIT[kinds]
        self.octets[rows, alarms, _ACKED] = np.where(_UNACKED[alarms, kinds], acked & ~bits, acked | bits)
        stamps = np.tile(_NO_STAMP, (len(rows), 1))
        stamps[:, 1:-1] = date_time_octets(self._shown(rows))
        self.octets[rows[:, None], alarms[:, None], _STAMPS + STAMP * kinds[:, None] + np.arange(STAMP)] = (
            stamps
        )
        return stamps

    def _shown(self, rows: NDArray[np.intp]) -> NDArray[np.int64]:
        """Return what the clocks of the devices in `rows` show [ns since 1970]."""
        return self._clock[rows] + self._clocks.offsets[rows]

    def state(self, row: int, alarm: int) -> EventState:
        """Return the event state of an alarm of a meter."""
        return EventState(int(self.states[row, alarm]))

    def now(self, row: int) -> bytes:
        """Return the time that a meter's clock shows, as a BACnetTimeStamp."""
        return b"\x2e" + date_time_octets(self._shown(np.array([row]))).tobytes() + b"\x2f"

    def acked(self, row: int, alarm: int) -> bytes:
        """Return the content of an alarm's acknowledged transitions."""
        return self.octets[row, alarm, _ACKED - 1 : _ACKED + 1].tobytes()

    def stamps(self, row: int, alarm: int) -> bytes:
        """Return the time stamps of an alarm, in the order of `Transition`."""
        return self.octets[row, alarm, _STAMPS:].tobytes()

    def stamp(self, row: int, alarm: int, kind: Transition) -> bytes:
        """Return the time stamp of the last transition of a kind; unspecified if there was none."""
        return self.stamps(row, alarm)[kind * STAMP : (kind + 1) * STAMP]

    def acknowledge(self, row: int, alarm: int, kind: Transition) -> None:
        """Note that somebody has acknowledged the last transition of a kind."""
        self.octets[row, alarm, _ACKED] |= int(_BIT[kind])

    def active(self, rows: NDArray[np.intp], alarms: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Return which alarms are not normal, or have a transition that is not acknowledged."""
        acked = self.octets[rows, alarms, _ACKED] == _ALL
        return np.asarray((self.states[rows, alarms] != EventState.NORMAL) | ~acked)

    def acked_octets(self, rows: NDArray[np.intp], alarms: NDArray[np.intp]) -> NDArray[np.uint8]:
        """Return the acknowledged transitions of alarms with their tags, shape (n, 3)."""
        return self.octets[rows, alarms, _ACKED - 2 : _ACKED + 1]
