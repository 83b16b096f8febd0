"""What devices do with the APDUs that reach them: requests are answered, questions announced, writes applied.

No headers and no sockets: what carries the APDUs is the speaker's business.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Final

from gateway.bacnet.discovery import QUESTIONS, announcements
from gateway.bacnet.objects import Device
from gateway.bacnet.pacing import Pacer
from gateway.bacnet.peer import Message, Speaker
from gateway.bacnet.pending import PendingWrites
from gateway.bacnet.responder import Responder
from gateway.bacnet.writing import WriteRequest
from gateway.commands import Applier
from sims.snapshot import Snapshot


class Application:
    """The application layer of all devices of an adapter; their rows are those of `meters` meters."""

    def __init__(self, meters: int, commands: Applier, speaker: Speaker) -> None:
        self._speaker: Final = speaker
        self._responder = Responder(meters)
        self._pending = PendingWrites(commands)
        self._pacer = Pacer()

    def show(self, snapshot: Snapshot) -> None:
        """Answer from `snapshot` from now on."""
        self._responder.show(snapshot)

    async def stop(self) -> None:
        """Forget what is left to say and give up the writes that wait."""
        self._pacer.stop()
        await self._pending.stop()

    def read(self, request: bytes, device: Device) -> bytes | None:
        """Return a device's answer to a request that reads, the same for all who ask in this tick."""
        answer = self._responder.answer(request, device)
        return answer if isinstance(answer, bytes) else None

    def hear(self, message: Message, devices: Iterable[Device]) -> None:
        """Let `devices` do what a message asks of them."""
        if message.apdu[:2] in QUESTIONS:
            self._pacer.add((message.peer, message.scope, message.apdu), self._sayings(message, devices))
        elif message.direct:
            for device in devices:
                self._ask(device, message)

    def _ask(self, device: Device, message: Message) -> None:
        """Let a device answer a request: at once, or when what it wants written is."""
        answer = partial(self._speaker.send, device, message.peer, priority=message.priority)
        found = self._responder.answer(message.apdu, device)
        if isinstance(found, WriteRequest):
            self._pending.add(message.peer, found, answer)
        elif found is not None:
            answer(found)

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
