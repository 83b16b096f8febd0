"""What a workstation may do to a device's communication (clauses 16.1 and 16.4): from octets to a state.

DeviceCommunicationControl and ReinitializeDevice are read here. What the state means for other services, and
what a restart ends, is decided where they are served.
"""

import hmac
import time
from collections.abc import Callable
from enum import IntEnum
from typing import Final

from gateway.bacnet.objects.model import Device
from gateway.bacnet.wire import encoding as enc
from gateway.bacnet.wire.apdu import CONFIRMED_REQUEST, PDU_TYPE, SEGMENTED, ServiceError
from gateway.bacnet.wire.codes import Confirmed, ErrorCode, RejectReason
from gateway.bacnet.wire.encoding import Reader, RejectError

_ALWAYS_SERVED: Final = frozenset({Confirmed.DEVICE_COMMUNICATION_CONTROL, Confirmed.REINITIALIZE_DEVICE})
_SHORTEST: Final = 4
_LONGEST_PASSWORD: Final = 20
_COLD_AND_WARM: Final = range(2)
_STATES: Final = range(7)
"""The reinitialized states of devices: both starts, and those of backups."""
_SERVICES: Final = 5
_LONGEST_MINUTES: Final = 0xFFFF
_SECONDS_A_MINUTE: Final = 60


def is_always_served(apdu: bytes) -> bool:
    """Whether an APDU asks for a service that a device executes though its communication is disabled."""
    return (
        len(apdu) >= _SHORTEST
        and apdu[0] & PDU_TYPE == CONFIRMED_REQUEST
        and not apdu[0] & SEGMENTED
        and apdu[3] in _ALWAYS_SERVED
    )


class Communication(IntEnum):
    """What a device says: all, nothing, or no more than answers."""

    ENABLED = 0
    DISABLED = 1
    INITIATION_DISABLED = 2


class DeviceControl:
    """The communication of all devices, controlled with `password` if there is one; `now` is a clock [s].

    A device that was told to be silent for some minutes speaks again when they are over.
    """

    def __init__(self, password: str | None = None, now: Callable[[], float] = time.monotonic) -> None:
        self._password = password
        self._now = now
        self._restricted: dict[int, tuple[Communication, float | None]] = {}

    def communication(self, device: Device) -> Communication:
        """Return what a device says at present."""
        return self._of(device.number)

    def disabled(self) -> frozenset[int]:
        """Return the object identifiers of the devices that answer nothing at present."""
        disabled = Communication.DISABLED
        return frozenset(number for number in [*self._restricted] if self._of(number) is disabled)

    def _of(self, number: int) -> Communication:
        if (kept := self._restricted.get(number)) is None:
            return Communication.ENABLED
        state, until = kept
        if until is not None and self._now() >= until:
            del self._restricted[number]
            return Communication.ENABLED
        return state

    def control(self, body: bytes, device: Device) -> None:
        """Carry out DeviceCommunicationControl. Raises RejectError and ServiceError."""
        reader = Reader(body, 1)
        duration = reader.optional(0)
        number = enc.read_unsigned(reader.context(1))
        password = reader.optional(2)
        reader.finish()
        if number not in tuple(Communication):
            raise RejectError(RejectReason.UNDEFINED_ENUMERATION)
        until = None
        if duration is not None:
            if (minutes := enc.read_unsigned(duration)) > _LONGEST_MINUTES:
                raise RejectError(RejectReason.PARAMETER_OUT_OF_RANGE)
            until = self._now() + minutes * _SECONDS_A_MINUTE
        self._check(password)
        self._restricted.pop(device.number, None)
        if number != Communication.ENABLED:
            self._restricted[device.number] = Communication(number), until

    def reinitialize(self, body: bytes, device: Device) -> None:
        """Read ReinitializeDevice and let the device speak again. Raises RejectError and ServiceError.

        Both starts are alike. There are no files to back up or to restore.
        """
        reader = Reader(body, 1)
        state = enc.read_unsigned(reader.context(0))
        password = reader.optional(1)
        reader.finish()
        if state not in _STATES:
            raise RejectError(RejectReason.UNDEFINED_ENUMERATION)
        self._check(password)
        if state not in _COLD_AND_WARM:
            raise ServiceError(ErrorCode.OPTIONAL_FUNCTIONALITY_NOT_SUPPORTED, _SERVICES)
        self._restricted.pop(device.number, None)

    def _check(self, given: bytes | None) -> None:
        """Raise RejectError for what is no password, ServiceError for a wrong one."""
        text = None if given is None else enc.read_text(given)
        if given is not None and (text is None or not 1 <= len(text) <= _LONGEST_PASSWORD):
            raise RejectError(RejectReason.PARAMETER_OUT_OF_RANGE)
        if self._password is None:
            return
        if text is None or not hmac.compare_digest(text.encode(), self._password.encode()):
            raise ServiceError(ErrorCode.PASSWORD_FAILURE)
