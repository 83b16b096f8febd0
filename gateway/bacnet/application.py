"""What devices do with the APDUs that reach them: requests are answered, questions announced, writes applied.

And what they say of their own accord: changes of values and alarms. No headers and no sockets: what carries
the APDUs is the speaker's business, and what becomes of them on faulty lines that of `delivery/voices.py`.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Final

import numpy as np

from gateway.bacnet.delivery.faults import REQUESTS, Faults, lost, received
from gateway.bacnet.delivery.outbox import PAUSE_S, Outbox
from gateway.bacnet.delivery.pacing import Pacer
from gateway.bacnet.delivery.pending import PendingWrites
from gateway.bacnet.delivery.segmentation import ACKNOWLEDGEMENTS, Segmenter, Send
from gateway.bacnet.delivery.transactions import ANSWERS, Transactions
from gateway.bacnet.delivery.voice import Speaker
from gateway.bacnet.delivery.voices import Voices
from gateway.bacnet.objects.device_object import APDU_TIMEOUT_S
from gateway.bacnet.objects.model import Destinations, Device, Increment
from gateway.bacnet.objects.stores import Stores
from gateway.bacnet.services.device_control import Communication, DeviceControl, is_always_served
from gateway.bacnet.services.discovery import announcements, i_am
from gateway.bacnet.services.events import acknowledge
from gateway.bacnet.services.responder import Act, Responder
from gateway.bacnet.services.synchronization import SYNCHRONIZATIONS, read_synchronization
from gateway.bacnet.services.writing import WriteRequest, Written
from gateway.bacnet.telling.cov import Cov
from gateway.bacnet.telling.notification import Notifier
from gateway.bacnet.telling.subscriptions import Subscriptions, read_subscribe
from gateway.bacnet.wire import apdu
from gateway.bacnet.wire.codes import LIST_CHANGES, Confirmed, Property
from gateway.bacnet.wire.encoding import RejectError
from gateway.bacnet.wire.peer import Message, Peer
from gateway.bacnet.wire.who_is import I_AM, QUESTIONS, WHO_IS
from gateway.commands import Applier
from gateway.link_faults import Links, Strike
from sims.models import Nameplate
from sims.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Times:
    """The times that devices go by, beside those of their faults.

    A device pauses for `pause_s` between notifications and asks again after `timeout_s` [s]; lifetimes of
    subscriptions are measured on the clock `now` [s].
    """

    pause_s: float = PAUSE_S
    timeout_s: float = APDU_TIMEOUT_S
    now: Callable[[], float] = time.monotonic


_USUAL: Final = Times()


class Application:
    """The application layer of all devices of an adapter; their rows are those of `meters`.

    `links` are the faults of their lines, `control` says who may speak.
    """

    def __init__(
        self,
        meters: Sequence[Nameplate],
        commands: Applier,
        speaker: Speaker,
        *,
        links: Links,
        control: DeviceControl,
        times: Times = _USUAL,
    ) -> None:
        self._speaker: Final = speaker
        self._stores = Stores(meters)
        self.responder: Final = Responder(self._stores, self._list, self._acts())
        self._pending = PendingWrites(commands, self._stores)
        self._pacer = Pacer()
        self._segmenter = Segmenter()
        self._links, self._control = links, control
        self._faults = Faults(links, self.responder.image, self._stores.clocks)
        self._voices = Voices(speaker, control, self._faults)
        self._aside: tuple[frozenset[int | None], frozenset[int]] = frozenset(), frozenset()
        self._now: Snapshot | None = None
        self._outbox = Outbox(times.pause_s)
        self._transactions = Transactions(self._voices, self._voices.may_speak, times.timeout_s)
        telling = self._voices, self._outbox, self._transactions
        self._cov = Cov(Subscriptions(times.now), self._faults.image, *telling)
        self._notifier = Notifier(self._stores, *telling)

    def _acts(self) -> dict[int, Act]:
        """Return by its number what carries out each service that has no answer of its own."""
        return {
            Confirmed.SUBSCRIBE_COV: self._subscribe,
            Confirmed.SUBSCRIBE_COV_PROPERTY: self._subscribe,
            Confirmed.ACKNOWLEDGE_ALARM: self._acknowledge,
            Confirmed.DEVICE_COMMUNICATION_CONTROL: self._control_communication,
            Confirmed.REINITIALIZE_DEVICE: self._restart,
        }

    def show(self, snapshot: Snapshot) -> None:
        """Answer from `snapshot` from now on, and tell what has changed with it."""
        changes = self._stores.alarms.update(snapshot)
        self.responder.show(snapshot)
        self._now = snapshot
        self._faults.show(snapshot)
        self._set_aside()
        self._notifier.tell(changes)
        self._cov.show()

    async def stop(self) -> None:
        """Forget what is left to say and give up the writes that wait."""
        self._pacer.stop()
        self._notifier.stop()
        self._outbox.stop()
        self._voices.stop()
        self._transactions.stop()
        self._segmenter.stop()
        await self._pending.stop()

    def hear(self, message: Message, devices: Sequence[Device]) -> None:
        """Let `devices`, whose instances ascend, do what a message asks of them."""
        self._stores.bindings.hear(message.peer)
        self._transactions.notice(message.peer)
        beginning = message.apdu[:2]
        if beginning in SYNCHRONIZATIONS:
            self._synchronize(message, devices)
        elif beginning in QUESTIONS:
            self._announce(message, devices)
        elif beginning == I_AM:
            self._notifier.hear_i_am(message.apdu, message.peer)
        elif message.direct:
            for device in devices:
                self._deal_with(device, message)

    def _deal_with(self, device: Device, message: Message) -> None:
        """Let a device answer a request, or take the answer to its own: faults of its line are for requests.

        What such a fault keeps from the device is answered in its place.
        """
        request = message.apdu
        if self._is_disabled(device) and not is_always_served(request):
            return
        kind = request[0] & apdu.PDU_TYPE if request else None
        if kind in ANSWERS and request[0] != apdu.CLIENT_ABORT:
            self._transactions.hear(device, message.peer, request)
        elif kind in ACKNOWLEDGEMENTS and request[0] != apdu.ABORT:
            self._segmenter.hear((device.number, message.peer), request)
        elif kind == apdu.CONFIRMED_REQUEST:
            self._serve(device, message)

    def _serve(self, device: Device, message: Message) -> None:
        """Let a device answer a request as far as its line lets it."""
        request = message.apdu
        strike = self._faults.strike(device, REQUESTS)
        answer = partial(self._voices.answer, device, message, strike)
        if (said := lost(strike, request)) is None:
            self._ask(device, message._replace(apdu=received(strike, request)), strike, answer)
        elif said:
            answer(said)

    def _ask(self, device: Device, message: Message, strike: Strike, answer: Send) -> None:
        """Let a device answer a request: at once, or when what it wants written is."""
        shown = self._faults.shown(device, strike)
        responder = self.responder if shown is None else self.responder.showing(*shown)
        found = responder.answer(message.apdu, device, message.peer)
        if isinstance(found, WriteRequest):
            self._pending.add(message.peer, found, partial(self._written, answer))
        elif found is not None:
            if message.apdu[3] in LIST_CHANGES and found[0] == apdu.SIMPLE_ACK:
                self._notifier.seek()
            self._answer(device, message, answer, found)

    def _answer(self, device: Device, message: Message, send: Send, found: bytes) -> None:
        """Send an answer in one piece where the asker accepts it so, else in segments."""
        limit = apdu.APDU_LIMITS[message.apdu[1] & 15]
        if len(found) <= limit:
            send(found)
        else:
            self._segmenter.begin((device.number, message.peer), found, limit, send)

    def _written(self, answer: Send, done: Written) -> None:
        """Answer a request that has been carried out."""
        if rows := {row for setting, row in done.changed if setting is Increment}:
            self._renew(rows)
        if any(setting is Destinations for setting, _ in done.changed):
            self._notifier.seek()
        answer(done.answer)

    def _forget(self) -> None:
        """Answer anew: what the image shows of the stores has changed for many meters."""
        self.responder.forget()
        self._speaker.forget()

    def _renew(self, rows: Iterable[int]) -> None:
        """Answer anew: what the image shows of the stores has changed for the meters in `rows`."""
        self.responder.renew(rows)
        self._speaker.forget()

    def _subscribe(self, body: bytes, device: Device, peer: Peer) -> None:
        self._cov.subscribe(read_subscribe(body, device, peer))

    def _control_communication(self, body: bytes, device: Device, _: Peer) -> None:
        self._control.control(body, device)
        if not self._voices.may_speak(device):
            self._transactions.drop(device)
        if self._is_disabled(device):
            self._segmenter.drop(device)
            self._voices.drop(device)
        self._set_aside()

    def _restart(self, body: bytes, device: Device, _: Peer) -> None:
        """Restart the communication of a device: what clients have asked it to tell is forgotten."""
        self._control.reinitialize(body, device)
        self._set_aside()
        asked = self._segmenter, self._voices
        for said in (self._cov, self._notifier, self._outbox, self._transactions, *asked):
            said.drop(device)
        self._outbox.put(device, "restart", partial(self._voices.hello, device, i_am(device)))
        self._speaker.forget()

    def _synchronize(self, message: Message, devices: Sequence[Device]) -> None:
        """Set the clocks of `devices`; what cannot be read sets none."""
        assert self._now is not None  # noqa: S101  nothing is heard before the first tick
        try:
            instant = read_synchronization(message.apdu)
        except RejectError:
            return
        rows = [
            device.row
            for device in devices
            if device.is_meter
            and not self._is_disabled(device)
            and lost(self._faults.strike(device, REQUESTS), message.apdu) is None
        ]
        if rows:
            self._stores.clocks.set(rows, instant, np.asarray(self._now.columns["clock"]))
            self._forget()

    def _is_disabled(self, device: Device) -> bool:
        return self._control.communication(device) is Communication.DISABLED

    def _set_aside(self) -> None:
        """Have those devices heard that answer otherwise than they usually do: whoever asks them may be told.

        All others go on to answer reads at once.
        """
        aside = frozenset(self._links.rows), self._control.disabled()
        if aside != self._aside:
            self._aside = aside
            self._speaker.set_aside(*aside)

    def _acknowledge(self, body: bytes, device: Device, _: Peer) -> None:
        done = acknowledge(body, device, self._stores.alarms)
        self._renew((done.device.row,))
        self._notifier.tell_acknowledged(done)

    def _list(self, device: Device, attribute: Property) -> Sequence[bytes]:
        """Return the elements that a list of a device has now."""
        recipients = self._stores.recipients
        match attribute:
            case Property.RECIPIENT_LIST:
                return [each.octets for each in recipients.of(device)]
            case Property.ACTIVE_COV_SUBSCRIPTIONS:
                return self._cov.listing(device)
            case _:
                return self._stores.bindings.listing(recipients.sought(device))

    def _announce(self, message: Message, devices: Sequence[Device]) -> None:
        """Let `devices` answer an unconfirmed request in turn with others, if any has something to say."""
        sayings = self._sayings(message, devices)
        if first := next(sayings, None):
            self._pacer.add((message.peer, message.scope, message.apdu), chain((first,), sayings))

    def _sayings(self, message: Message, devices: Sequence[Device]) -> Iterator[Callable[[], None]]:
        """Yield for each of `devices` that may what says its answer to an unconfirmed request.

        Without leave to initiate a device says I-Am when asked and nothing else (clause 16.1).
        """
        silent = {Communication.DISABLED}
        if message.apdu[:2] != WHO_IS:
            silent.add(Communication.INITIATION_DISABLED)
        for device, said in announcements(message.apdu, devices):
            if self._control.communication(device) not in silent:
                yield partial(self._voices.announce, device, message, said)
