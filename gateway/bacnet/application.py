"""What devices do with the APDUs that reach them: requests are answered, questions announced, writes applied.

And what they say of their own accord: changes of values and alarms. No headers and no sockets: what carries
the APDUs is the speaker's business.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Final

from gateway.bacnet.bindings import I_AM
from gateway.bacnet.codes import Confirmed, Property
from gateway.bacnet.cov import Cov
from gateway.bacnet.discovery import QUESTIONS, announcements
from gateway.bacnet.events import acknowledge
from gateway.bacnet.notification import Notifier
from gateway.bacnet.objects import Device
from gateway.bacnet.outbox import Outbox
from gateway.bacnet.pacing import Pacer
from gateway.bacnet.peer import Message, Peer, Speaker
from gateway.bacnet.pending import PendingWrites
from gateway.bacnet.responder import LIST_CHANGES, Act, Responder
from gateway.bacnet.stores import Stores
from gateway.bacnet.subscriptions import Subscriptions, read_subscribe
from gateway.bacnet.transactions import ANSWERS, Transactions
from gateway.bacnet.writing import WriteRequest
from gateway.commands import Applier
from sims.snapshot import Snapshot


class Application:
    """The application layer of all devices of an adapter; their rows are those of `meters` meters.

    `outbox`, `subscriptions` and `transactions` differ from the usual ones in their times alone.
    """

    def __init__(
        self,
        meters: int,
        commands: Applier,
        speaker: Speaker,
        *,
        outbox: Outbox | None = None,
        subscriptions: Subscriptions | None = None,
        transactions: Transactions | None = None,
    ) -> None:
        self._speaker: Final = speaker
        self._stores = Stores(meters)
        acts: dict[int, Act] = {
            Confirmed.SUBSCRIBE_COV: self._subscribe,
            Confirmed.SUBSCRIBE_COV_PROPERTY: self._subscribe,
            Confirmed.ACKNOWLEDGE_ALARM: self._acknowledge,
        }
        self._responder = Responder(self._stores, self._list, acts)
        self._pending = PendingWrites(commands, self._stores)
        self._pacer = Pacer()
        self._outbox = outbox or Outbox()
        self._transactions = transactions or Transactions(speaker)
        asking = speaker, self._outbox, self._transactions
        self._cov = Cov(subscriptions or Subscriptions(), self._responder.image, *asking)
        self._notifier = Notifier(self._stores, *asking)

    def show(self, snapshot: Snapshot) -> None:
        """Answer from `snapshot` from now on, and tell what has changed with it."""
        changes = self._stores.alarms.update(snapshot)
        self._responder.show(snapshot)
        self._notifier.tell(changes)
        self._cov.show()

    async def stop(self) -> None:
        """Forget what is left to say and give up the writes that wait."""
        self._pacer.stop()
        self._outbox.stop()
        self._transactions.stop()
        await self._pending.stop()

    def read(self, request: bytes, device: Device) -> bytes | None:
        """Return a device's answer to a request that reads, the same for all who ask in this tick.

        None where it is not.
        """
        return self._responder.read(request, device)

    def hear(self, message: Message, devices: Iterable[Device]) -> None:
        """Let `devices` do what a message asks of them."""
        self._stores.bindings.hear(message.peer)
        beginning = message.apdu[:2]
        if beginning in QUESTIONS:
            self._pacer.add((message.peer, message.scope, message.apdu), self._sayings(message, devices))
        elif beginning == I_AM:
            self._notifier.hear_i_am(message.apdu, message.peer)
        elif message.direct:
            for device in devices:
                self._deal_with(device, message)

    def _deal_with(self, device: Device, message: Message) -> None:
        """Let a device answer a request, or take the answer to its own."""
        if message.apdu and message.apdu[0] & 0xF0 in ANSWERS:
            self._transactions.hear(device, message.peer, message.apdu)
        else:
            self._ask(device, message)

    def _ask(self, device: Device, message: Message) -> None:
        """Let a device answer a request: at once, or when what it wants written is."""
        answer = partial(self._speaker.send, device, message.peer, priority=message.priority)
        found = self._responder.answer(message.apdu, device, message.peer)
        if isinstance(found, WriteRequest):
            self._pending.add(message.peer, found, partial(self._written, device, answer))
        elif found is not None:
            if message.apdu[3] in LIST_CHANGES:
                self._changed(device)
            answer(found)

    def _written(self, device: Device, answer: Callable[[bytes], None], found: bytes) -> None:
        """Answer a request that has been carried out."""
        self._changed(device)
        answer(found)

    def _changed(self, device: Device) -> None:
        """Answer anew after a change of the stores."""
        self._responder.forget()
        self._speaker.forget()
        self._notifier.seek(device)

    def _subscribe(self, body: bytes, device: Device, peer: Peer) -> None:
        self._cov.subscribe(read_subscribe(body, device, peer))

    def _acknowledge(self, body: bytes, device: Device, _: Peer) -> None:
        done = acknowledge(body, device, self._stores.alarms)
        self._changed(device)
        self._notifier.tell_acknowledged(device, done)

    def _list(self, device: Device, attribute: Property) -> Sequence[bytes]:
        """Return the elements that a list of a device has now."""
        recipients = self._stores.recipients.of(device)
        match attribute:
            case Property.RECIPIENT_LIST:
                return [each.octets for each in recipients]
            case Property.ACTIVE_COV_SUBSCRIPTIONS:
                return self._cov.listing(device)
            case _:
                return self._stores.bindings.listing(each.recipient for each in recipients)

    def _sayings(self, message: Message, devices: Iterable[Device]) -> Iterator[Callable[[], None]]:
        """Yield for each of `devices` what says its answer to an unconfirmed request.

        To a broadcast they answer by broadcast and to the asker as well: one bound to its own address, or to
        another port, would not hear the broadcast.
        """
        for device, apdu in announcements(message.apdu, devices):
            yield partial(self._say, device, message, apdu)

    def _say(self, device: Device, message: Message, apdu: bytes) -> None:
        self._speaker.send(device, message.peer, apdu, priority=message.priority)
        if message.broadcast:
            self._speaker.broadcast(device, apdu)
