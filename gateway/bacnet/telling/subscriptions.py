"""Subscriptions to changes of values (clauses 13.14 and 13.15): asked for, kept while they last, and listed.

Which values have changed is found in `watches.py`; how subscribers are told is the business of `cov.py`.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from gateway.bacnet.objects.bindings import as_recipient
from gateway.bacnet.objects.device_object import MOST_SUBSCRIPTIONS
from gateway.bacnet.objects.model import Device
from gateway.bacnet.values.increments import read_increment
from gateway.bacnet.wire import encoding as enc
from gateway.bacnet.wire.apdu import ServiceError
from gateway.bacnet.wire.codes import Confirmed, ErrorCode, Property, RejectReason
from gateway.bacnet.wire.encoding import Reader, RejectError
from gateway.bacnet.wire.peer import Peer

MOST_OF_A_DEVICE: Final = 256
"""Subscriptions to one device, unless it has the objects of several meters."""


@dataclass(frozen=True, slots=True)
class Key:
    """What tells a subscription from others: who, as which process, and what of which object.

    `attribute` is None for a subscription to the object as such; its present-value and status-flags are told.
    """

    device: Device
    peer: Peer
    process: int
    number: int
    attribute: int | None = None
    index: int | None = None


@dataclass(frozen=True, slots=True)
class Subscribe:
    """What a request asks for; it cancels where `confirmed` is None. `lifetime` 0 is for ever [s]."""

    key: Key
    confirmed: bool | None
    lifetime: int
    increment: float | None


@dataclass(eq=False)
class Subscription:
    """One that lasts until the time `end` [s]; `slot` is its place among the watches."""

    key: Key
    confirmed: bool
    end: float
    slot: int

    @property
    def attribute(self) -> int:
        """The property that is watched."""
        return Property.PRESENT_VALUE if self.key.attribute is None else self.key.attribute

    @cached_property
    def head(self) -> bytes:
        """What of a BACnetCOVSubscription stays: recipient, property, whether notifications are confirmed."""
        key = self.key
        recipient = enc.constructed(0, as_recipient(key.peer).octets) + enc.context(
            1, enc.content(key.process)
        )
        index = b"" if key.index is None else enc.context(2, enc.content(key.index))
        reference = enc.context(0, key.number.to_bytes(4, "big")) + enc.context(
            1, enc.content(self.attribute)
        )
        parts = enc.constructed(0, recipient) + enc.constructed(1, reference + index)
        return parts + enc.context(2, bytes((self.confirmed,)))


def read_subscribe(body: bytes, device: Device, peer: Peer) -> Subscribe:
    """Read SubscribeCOV or SubscribeCOVProperty from its service choice on. Raises RejectError."""
    reader = Reader(body, 1)
    process = enc.read_unsigned(reader.context(0))
    number = enc.read_object_number(reader.context(1))
    confirmed, lifetime = reader.optional(2), reader.optional(3)
    if lifetime is not None and confirmed is None:
        raise RejectError(RejectReason.MISSING_REQUIRED_PARAMETER)
    attribute = index = increment = None
    if body[0] == Confirmed.SUBSCRIBE_COV_PROPERTY:
        attribute, index = _read_property(reader)
        octets = reader.optional(5)
        if octets is not None and (increment := read_increment(octets)) is None:
            raise RejectError(RejectReason.PARAMETER_OUT_OF_RANGE)
    reader.finish()
    return Subscribe(
        Key(device.part(number), peer, process, number, attribute, index),
        None if confirmed is None else enc.read_boolean(confirmed),
        0 if lifetime is None else enc.read_unsigned(lifetime),
        increment,
    )


def _read_property(reader: Reader) -> tuple[int, int | None]:
    reader.opening(4)
    attribute = enc.read_unsigned(reader.context(0))
    index = reader.optional(1)
    reader.closing(4)
    return attribute, None if index is None else enc.read_unsigned(index)


class Subscriptions:
    """All subscriptions by what tells them apart. `now` gives the time that lifetimes are measured in [s]."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._all: dict[Key, Subscription] = {}
        self._of: dict[int, dict[Key, Subscription]] = {}
        self._first_end = math.inf

    def find(self, key: Key) -> Subscription | None:
        """Return a subscription if there is one."""
        return self._all.get(key)

    def of(self, device: Device) -> list[Subscription]:
        """Return the subscriptions to a device, the oldest first."""
        return list(self._of.get(device.number, {}).values())

    def end(self, lifetime: int) -> float:
        """Return when a subscription ends that begins now [s]."""
        return self._now() + lifetime if lifetime else math.inf

    def check_room(self, device: Device) -> None:
        """Raise ServiceError if there is no room for one more."""
        most = MOST_SUBSCRIPTIONS if device.base else MOST_OF_A_DEVICE
        if len(self._all) >= MOST_SUBSCRIPTIONS or len(self._of.get(device.number, ())) >= most:
            raise ServiceError(ErrorCode.NO_SPACE_TO_ADD_LIST_ELEMENT)

    def put(self, subscription: Subscription) -> None:
        """Keep a subscription, in the place of the one with the same key if there is one."""
        self._all[subscription.key] = subscription
        self._of.setdefault(subscription.key.device.number, {})[subscription.key] = subscription
        self._first_end = min(self._first_end, subscription.end)

    def drop(self, key: Key) -> None:
        """Forget a subscription."""
        del self._all[key]
        of_device = self._of[key.device.number]
        del of_device[key]
        if not of_device:
            del self._of[key.device.number]

    def ended(self) -> list[Subscription]:
        """Return those whose lifetime is over; looks for them only when the first may be."""
        now = self._now()
        if now < self._first_end:
            return []
        ended = [each for each in self._all.values() if each.end <= now]
        self._first_end = min((each.end for each in self._all.values() if each.end > now), default=math.inf)
        return ended

    def remaining(self, subscription: Subscription) -> int:
        """Return the time that is left [s], 0 where it has no end."""
        if subscription.end == math.inf:
            return 0
        return max(1, math.ceil(subscription.end - self._now()))

    def encode(self, subscription: Subscription, increment: bytes | None) -> bytes:
        """Return a BACnetCOVSubscription; `increment` the content of the REAL that applies, if any does."""
        left = enc.context(3, enc.content(self.remaining(subscription)))
        return subscription.head + left + (b"" if increment is None else b"\x4c" + increment)
