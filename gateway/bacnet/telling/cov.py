"""Changes of values told to those who have subscribed to them (clauses 13.1, 13.6, 13.7, 13.14, 13.15).

From a request to subscribe to notifications on their way; requests are read in `subscriptions.py`, changes
found in `watches.py`.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

from gateway.bacnet.delivery.outbox import Outbox
from gateway.bacnet.delivery.transactions import Transactions
from gateway.bacnet.delivery.voice import Voice
from gateway.bacnet.objects.model import Device, ObjectSpec
from gateway.bacnet.services.reading import Reference, find_property, own_number
from gateway.bacnet.telling.subscriptions import Key, Subscribe, Subscription, Subscriptions
from gateway.bacnet.telling.watches import Watched, Watches
from gateway.bacnet.values.image import Cut
from gateway.bacnet.wire import encoding as enc
from gateway.bacnet.wire.apdu import UNCONFIRMED_REQUEST, ServiceError
from gateway.bacnet.wire.codes import ErrorCode, ObjectType, Property, Told, Unconfirmed
from gateway.bacnet.wire.peer import Peer

OBJECT_TYPES: Final = frozenset(
    {
        ObjectType.ANALOG_INPUT,
        ObjectType.BINARY_INPUT,
        ObjectType.BINARY_VALUE,
        ObjectType.MULTI_STATE_INPUT,
        ObjectType.CHARACTERSTRING_VALUE,
        ObjectType.ACCUMULATOR,
    }
)
"""What can be subscribed to as an object. Table 13-1 has no accumulators: any change of them is told."""

_UNCONFIRMED: Final = bytes((UNCONFIRMED_REQUEST, Unconfirmed.COV_NOTIFICATION))
_CONFIRMED: Final = bytes((Told.COV_NOTIFICATION,))
_STATUS_FLAGS: Final = enc.context(0, enc.content(Property.STATUS_FLAGS))


class Cov:
    """The subscriptions to all devices. `image` gives the octets that are shown now."""

    def __init__(
        self,
        subscriptions: Subscriptions,
        image: Callable[[], bytes],
        voice: Voice,
        outbox: Outbox,
        transactions: Transactions,
    ) -> None:
        self._subscriptions = subscriptions
        self._image = image
        self._voice = voice
        self._outbox = outbox
        self._transactions = transactions
        self._watches = Watches()
        self._by_slot: dict[int, Subscription] = {}

    def subscribe(self, wanted: Subscribe) -> None:
        """Begin, renew or cancel a subscription; the first notification follows soon. Raises ServiceError."""
        self._drop_ended()
        watched = _watched(wanted)
        known = self._subscriptions.find(wanted.key)
        if wanted.confirmed is None:
            if known is not None:
                self._drop(known)
            return
        if known is None:
            self._subscriptions.check_room(wanted.key.device)
        else:
            self._drop(known)
        slot = self._watches.add(watched, self._image())
        end = self._subscriptions.end(wanted.lifetime)
        begun = Subscription(wanted.key, wanted.confirmed, end, slot)
        self._by_slot[slot] = begun
        self._subscriptions.put(begun)
        self._put(begun)

    def drop(self, device: Device) -> None:
        """Forget all subscriptions to a device."""
        for each in self._subscriptions.of(device):
            self._drop(each)

    def show(self) -> None:
        """Tell the subscribers what has changed in the image."""
        self._drop_ended()
        if self._by_slot:
            for slot in self._watches.look(self._image()):
                self._put(self._by_slot[slot])

    def listing(self, device: Device) -> list[bytes]:
        """Return what active-cov-subscriptions holds."""
        self._drop_ended()
        found = self._subscriptions.of(device)
        increments = self._watches.increments([each.slot for each in found], self._image())
        return list(map(self._subscriptions.encode, found, increments))

    def _put(self, subscription: Subscription) -> None:
        key = subscription.key
        self._outbox.put(key.device, key, partial(self._tell, key))

    def _tell(self, key: Key) -> None:
        """Tell a subscriber, whose turn it is, the newest that is to be told."""
        subscription = self._subscriptions.find(key)
        if subscription is None:
            return
        if subscription.confirmed:
            lost = partial(self._lost, key.device, key.peer)
            self._transactions.ask(key.device, key.peer, key, partial(self._compose, key), lost)
        else:
            self._voice.send(key.device, key.peer, _UNCONFIRMED + self._notification(subscription))

    def _compose(self, key: Key) -> bytes | None:
        subscription = self._subscriptions.find(key)
        return None if subscription is None else _CONFIRMED + self._notification(subscription)

    def _notification(self, subscription: Subscription) -> bytes:
        """Return the parameters of a notification."""
        key = subscription.key
        value, flags = self._watches.value(subscription.slot)
        index = b"" if key.index is None else enc.context(1, enc.content(key.index))
        told = enc.context(0, enc.content(subscription.attribute)) + index + enc.constructed(2, value)
        if flags is not None and subscription.attribute != Property.STATUS_FLAGS:
            told += _STATUS_FLAGS + enc.constructed(2, flags)
        return b"".join(
            (
                enc.context(0, enc.content(key.process)),
                enc.context(1, key.device.number.to_bytes(4, "big")),
                enc.context(2, own_number(key.number, key.device)),
                enc.context(3, enc.content(self._subscriptions.remaining(subscription))),
                enc.constructed(4, told),
            )
        )

    def _lost(self, device: Device, peer: Peer) -> None:
        """Drop all confirmed subscriptions of a peer that is not there any more."""
        self._transactions.forget(device, peer)
        for each in self._subscriptions.of(device):
            if each.key.peer == peer and each.confirmed:
                self._drop(each)

    def _drop_ended(self) -> None:
        for each in self._subscriptions.ended():
            self._drop(each)

    def _drop(self, subscription: Subscription) -> None:
        self._subscriptions.drop(subscription.key)
        self._watches.remove(subscription.slot)
        del self._by_slot[subscription.slot]


def _watched(wanted: Subscribe) -> Watched:
    """Return what a subscription watches. Raises ServiceError where there is none, or no use in it."""
    key = wanted.key
    spec = key.device.find(key.number)
    if spec is None:
        raise ServiceError(ErrorCode.UNKNOWN_OBJECT)
    if key.attribute is None:
        if spec.kind not in OBJECT_TYPES:
            raise ServiceError(ErrorCode.OPTIONAL_FUNCTIONALITY_NOT_SUPPORTED)
        attribute = int(Property.PRESENT_VALUE)
    else:
        attribute = key.attribute
    value = find_property(Reference(key.number, attribute, key.index), key.device).value
    if not isinstance(value, Cut | bytes):
        raise ServiceError(ErrorCode.NOT_COV_PROPERTY)
    if key.index is not None:
        raise ServiceError(ErrorCode.PROPERTY_IS_NOT_AN_ARRAY)
    flags, place = _cut_of(spec, Property.STATUS_FLAGS), _cut_of(spec, Property.COV_INCREMENT)
    increment_place = place if isinstance(place, Cut) else None
    return Watched(key.device.row, value, flags, increment_place, wanted.increment)


def _cut_of(spec: ObjectSpec, attribute: Property) -> Cut | bytes | None:
    """Return where a property of an object stands in a row, or what it always is; None if there is none."""
    found = spec.properties.get(attribute)
    return found.value if found is not None and isinstance(found.value, Cut | bytes) else None
