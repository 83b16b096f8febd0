"""Tells recipients of alarms that come and go and are acknowledged (clauses 13.2.5, 13.8 and 13.9).

Which alarm is in which state is known to `values/alarms.py`, who wants to know to `objects/recipients.py`.
"""

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

from gateway.bacnet.delivery.outbox import Outbox
from gateway.bacnet.delivery.seeking import Seeker
from gateway.bacnet.delivery.transactions import Transactions
from gateway.bacnet.delivery.voice import Voice
from gateway.bacnet.objects.model import Device
from gateway.bacnet.objects.recipients import Destination
from gateway.bacnet.objects.stores import Stores
from gateway.bacnet.services.events import Acknowledged, event_type
from gateway.bacnet.values.alarms import (
    ACK_REQUIRED,
    ALARMS,
    NOTIFICATION_CLASS,
    PRIORITIES,
    Changed,
    Changes,
)
from gateway.bacnet.wire import encoding as enc
from gateway.bacnet.wire.apdu import UNCONFIRMED_REQUEST
from gateway.bacnet.wire.codes import (
    EventState,
    EventType,
    NotifyType,
    Property,
    Reliability,
    Told,
    Transition,
    Unconfirmed,
)
from gateway.bacnet.wire.peer import Peer
from gateway.bacnet.wire.who_is import read_i_am, who_is
from sims.points import POINTS

_UNCONFIRMED: Final = bytes((UNCONFIRMED_REQUEST, Unconfirmed.EVENT_NOTIFICATION))
_CONFIRMED: Final = bytes((Told.EVENT_NOTIFICATION,))
_NUMBERS: Final = tuple(alarm.number for alarm in ALARMS)
_MOST_HELD: Final = 16
"""Notifications kept for one recipient until it is known where it is; the oldest give way."""


_MOST_SOUGHT: Final = 1024
"""Recipients that something is kept for; others are told nothing until they are known."""


class Notifier:
    """Tells the recipients of all meters; an unknown device is asked for and told when it has answered."""

    def __init__(
        self,
        stores: Stores,
        voice: Voice,
        outbox: Outbox,
        transactions: Transactions,
    ) -> None:
        self._alarms = stores.alarms
        self._recipients = stores.recipients
        self._bindings = stores.bindings
        self._voice = voice
        self._outbox = outbox
        self._transactions = transactions
        self._seeker = Seeker(lambda device, number: voice.broadcast(device, who_is(number)))
        self._held: dict[int, deque[tuple[Device, Destination, bytes]]] = {}

    def tell(self, changes: Changes) -> None:
        """Tell whoever wants to know of these transitions."""
        devices = self._recipients.devices
        if not devices or not len(changes.stamps):
            return
        for change in changes.enabled().of(devices).each():
            device = devices[change.row]
            if device.find(_NUMBERS[change.alarm] + device.base) is not None:
                self._spread(device, change.kind, change.stamp, change)

    def tell_acknowledged(self, done: Acknowledged) -> None:
        """Tell whoever wants to know of the transition that it has been acknowledged."""
        device = done.device
        stamp = self._alarms.now(device.row)
        kind = event_type(done.state, done.state)
        tail = enc.context(8, enc.content(NotifyType.ACK_NOTIFICATION)) + enc.context(
            11, enc.content(done.state)
        )
        head = _head(device, done.alarm, stamp, done.kind, kind)
        self._spread(device, done.kind, stamp, head + tail)

    def seek(self) -> None:
        """Ask for recipients in lists that have changed whom nobody has heard of yet.

        What is kept for those who are on these lists no more is forgotten.
        """
        changed = self._recipients.changed()
        self._keep(lambda told, to: told not in changed or to in self._recipients.of(told))
        for device in changed:
            for number in self._recipients.sought(device):
                if self._bindings.find_device(number) is None:
                    self._seeker.seek(device, number)

    def hear_i_am(self, apdu: bytes, peer: Peer) -> None:
        """Note where a recipient is, and tell it what has been held for it."""
        number = read_i_am(apdu)
        if number is not None and self._recipients.names(number):
            self._bindings.bind(number, peer)
            self._seeker.found(number)
            for device, destination, parameters in self._held.pop(number, ()):
                self._put(device, destination, parameters)

    def drop(self, device: Device) -> None:
        """Forget what is kept for the recipients of a device."""
        self._seeker.drop(device)
        self._keep(lambda told, _: told.number != device.number)

    def stop(self) -> None:
        """Ask for nobody any more."""
        self._seeker.stop()

    def _keep(self, wanted: Callable[[Device, Destination], bool]) -> None:
        """Keep for recipients only what a device is `wanted` to tell a destination."""
        for number, held in [*self._held.items()]:
            kept = [each for each in held if wanted(each[0], each[1])]
            if kept:
                self._held[number] = deque(kept, maxlen=_MOST_HELD)
            else:
                del self._held[number]

    def _spread(self, device: Device, kind: Transition, stamp: bytes, what: Changed | bytes) -> None:
        for destination in self._recipients.of(device):
            if destination.wants(kind, stamp):
                self._put(device, destination, what)

    def _put(self, device: Device, destination: Destination, what: Changed | bytes) -> None:
        self._outbox.put(device, (destination, what), partial(self._tell, device, destination, what))

    def _tell(self, device: Device, destination: Destination, what: Changed | bytes) -> None:
        """Tell one recipient, or hold it until it is known where that is; a change is encoded now."""
        parameters = what if isinstance(what, bytes) else _event(device, what)
        body = enc.context(0, enc.content(destination.process)) + parameters
        recipient = destination.recipient
        if recipient.is_everybody:
            self._voice.broadcast(device, _UNCONFIRMED + body)
        elif (peer := self._bindings.find(recipient)) is None:
            if recipient.device is not None:
                self._hold(recipient.device, device, destination, parameters)
        elif destination.confirmed:
            request = _CONFIRMED + body
            self._transactions.ask(device, peer, request, lambda: request, _nothing)
        else:
            self._voice.send(device, peer, _UNCONFIRMED + body)

    def _hold(self, number: int, device: Device, destination: Destination, parameters: bytes) -> None:
        """Ask where a recipient is, and keep what it is to be told."""
        if number not in self._held and len(self._held) >= _MOST_SOUGHT:
            return
        self._held.setdefault(number, deque(maxlen=_MOST_HELD)).append((device, destination, parameters))
        self._seeker.seek(device, number)


def _nothing() -> None:
    """Do nothing for a recipient that is not there: it stays on the list."""


def _event(device: Device, change: Changed) -> bytes:
    """Return what everybody is told of a transition, from the device on."""
    after, kind = change.after, event_type(change.before, change.after)
    words = f"{POINTS[ALARMS[change.alarm].flag].description}: {after.name.lower()}"
    text = b"\x00" + words.encode()
    return b"".join(
        (
            _head(device, change.alarm, change.stamp, change.kind, kind),
            enc.context(7, text),
            enc.context(8, enc.content(NotifyType.ALARM)),
            enc.context(9, bytes((change.kind in ACK_REQUIRED,))),
            enc.context(10, enc.content(change.before)),
            enc.context(11, enc.content(after)),
            enc.constructed(12, enc.constructed(kind, _values(change, kind))),
        )
    )


def _head(device: Device, alarm: int, stamp: bytes, transition: Transition, kind: EventType) -> bytes:
    return b"".join(
        (
            enc.context(1, device.number.to_bytes(4, "big")),
            enc.context(2, (ALARMS[alarm].number + device.base).to_bytes(4, "big")),
            enc.constructed(3, stamp),
            enc.context(4, enc.content(NOTIFICATION_CLASS + device.base)),
            enc.context(5, enc.content(PRIORITIES[transition])),
            enc.context(6, enc.content(kind)),
        )
    )


def _values(change: Changed, kind: EventType) -> bytes:
    """Return what a notification says of the object: its flags, and its state or its reliability."""
    flags = enc.context(1, change.status_flags)
    value = change.value
    if kind is EventType.CHANGE_OF_STATE:
        return enc.constructed(0, enc.context(1, enc.content(value))) + flags
    failed = change.after is EventState.FAULT
    reliability = Reliability.COMMUNICATION_FAILURE if failed else Reliability.NO_FAULT_DETECTED
    present = enc.context(0, enc.content(Property.PRESENT_VALUE)) + enc.constructed(2, enc.enumerated(value))
    return enc.context(0, enc.content(reliability)) + flags + enc.constructed(2, present)
