"""The voices of the devices: what a device may say, and what becomes of it on its way.

Between the application layer and the speaker that carries its APDUs. Who may speak is known to
`services/device_control.py`, what a fault does to `faults.py`.
"""

from functools import partial
from typing import Final

from gateway.bacnet.delivery.faults import ANNOUNCEMENTS, INITIATED, NOTIFICATIONS, Faults, sent
from gateway.bacnet.delivery.late import Late
from gateway.bacnet.delivery.voice import Speaker
from gateway.bacnet.objects.model import Device
from gateway.bacnet.services.device_control import Communication, DeviceControl
from gateway.bacnet.wire.apdu import UNCONFIRMED_REQUEST
from gateway.bacnet.wire.codes import Told, Unconfirmed
from gateway.bacnet.wire.peer import Message, Peer
from gateway.bacnet.wire.who_is import I_AM
from gateway.link_faults import MISSED, Strike, Traffic

_NOTIFICATION: Final = bytes((UNCONFIRMED_REQUEST, Unconfirmed.COV_NOTIFICATION))


class Voices:
    """What devices say goes out here, as far as they may by `control` and as `faults` let it."""

    def __init__(self, speaker: Speaker, control: DeviceControl, faults: Faults) -> None:
        self._speaker = speaker
        self._control = control
        self._faults = faults
        self._late = Late()

    def stop(self) -> None:
        """Forget what is under way."""
        self._late.stop()

    def drop(self, device: Device) -> None:
        """Forget what a device has under way."""
        self._late.drop(device)

    def may_speak(self, device: Device) -> bool:
        """Whether a device may say something of its own accord."""
        return self._control.communication(device) is Communication.ENABLED

    def send(self, device: Device, peer: Peer, apdu: bytes, *, expects_reply: bool = False) -> None:
        """Send an APDU of a device to one peer, of its own accord."""
        if self.may_speak(device):
            strike = self._faults.strike(device, _traffic(apdu))
            say = partial(self._speaker.send, device, peer, expects_reply=expects_reply)
            if arriving := sent(strike, apdu):
                self._late.say(device, strike.delay, partial(say, arriving))

    def broadcast(self, device: Device, apdu: bytes) -> None:
        """Send an APDU of a device to everybody, of its own accord."""
        if self.may_speak(device):
            self._broadcast(device, apdu, self._faults.strike(device, _traffic(apdu)))

    def answer(
        self, device: Device, message: Message, strike: Strike, apdu: bytes, *, expects_reply: bool = False
    ) -> None:
        """Answer a message that has met a fault, or none."""
        if arriving := sent(strike, apdu):
            send = partial(self._speaker.send, device, message.peer, priority=message.priority)
            self._late.say(device, strike.delay, partial(send, arriving, expects_reply=expects_reply))

    def announce(self, device: Device, message: Message, apdu: bytes) -> None:
        """Answer a question about who is there; one that came by broadcast by broadcast as well.

        An asker that is bound to its own address, or to another port, would not hear the broadcast alone.
        Where its instance is there twice, somebody else says I-Am, too.
        """
        strike = self._faults.strike(device, ANNOUNCEMENTS)
        self.answer(device, message, strike, apdu)
        if message.broadcast:
            self._broadcast(device, apdu, strike)
        if strike.fault.mode == "duplicate_instance" and apdu[:2] == I_AM:
            for peer in (message.peer, None) if message.broadcast else (message.peer,):
                self._late.say(device, strike.delay, partial(self._speaker.impersonate, device, peer, apdu))

    def hello(self, device: Device, i_am: bytes) -> None:
        """Let a device say that it is there, after a restart."""
        self._broadcast(device, i_am, self._faults.strike(device, ANNOUNCEMENTS))

    def _broadcast(self, device: Device, apdu: bytes, strike: Strike = MISSED) -> None:
        if arriving := sent(strike, apdu):
            self._late.say(device, strike.delay, partial(self._speaker.broadcast, device, arriving))


def _traffic(apdu: bytes) -> Traffic:
    """Return which kind of message an APDU is that a device says of its own accord."""
    confirmed = apdu[0] & 0xF0 == 0 and apdu[3] == Told.COV_NOTIFICATION
    return NOTIFICATIONS if confirmed or apdu[:2] == _NOTIFICATION else INITIATED
