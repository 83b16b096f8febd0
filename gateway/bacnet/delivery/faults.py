"""What a fault of the line does to a device of BACnet: what it answers, which octets go out, what it shows.

Which messages meet a fault is decided in `gateway.link_faults`. Bytes and images: no sockets and no asyncio.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from random import Random
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.bacnet.objects.model import ANY_DEVICE, Device
from gateway.bacnet.values.alarms import ALARMS
from gateway.bacnet.values.device_clocks import DeviceClocks
from gateway.bacnet.values.image import PLACES, ROW
from gateway.bacnet.wire import apdu as pdu
from gateway.bacnet.wire import encoding as enc
from gateway.bacnet.wire.codes import LIST_CHANGES, Confirmed, ErrorCode, EventState, Property, Reliability
from gateway.bacnet.wire.encoding import Reader, RejectError
from gateway.bacnet.wire.octets import date_time_octets
from gateway.link_faults import MISSED, MODES, LinkFault, Links, Strike, Traffic
from sims.points import NS_PER_S
from sims.snapshot import Snapshot

_LINE: Final = frozenset({"silent", "slow", "drop", "garble"})
"""What is wrong with a line whatever is said on it."""
VIEWS: Final = frozenset({"frozen", "wrong_clock", "out_of_service", "unreliable"})
"""What changes the values that a device shows."""

REQUESTS: Final = Traffic("", frozenset(MODES["bacnet"]) - {"cov_lost", "duplicate_instance"})
ANNOUNCEMENTS: Final = Traffic(" announcements", _LINE | {"duplicate_instance"})
NOTIFICATIONS: Final = Traffic(" notifications", _LINE | {"cov_lost"})
INITIATED: Final = Traffic(" initiated", _LINE)
"""What else a device says of its own accord."""

_HEAD: Final = 2
"""Octets of an APDU that garbling leaves: its type, and the invoke id of an answer."""
_SHORTEST: Final = 4
_OUT_OF_SERVICE: Final = PLACES["out_of_service"].start
_MEASURED: Final = ("", *(f"_{alarm.flag}" for alarm in ALARMS if alarm.fails))
_MEASURED_FLAGS: Final = (
    *(PLACES[f"status_flags{each}"].start + 2 for each in _MEASURED),
    PLACES["log_status"].start + 2,
)
_STATES: Final = tuple(PLACES[f"event_state{each}"].start + 1 for each in _MEASURED)
_RELIABILITY: Final = PLACES["reliability"].start + 1
_ALL_FLAGS: Final = tuple(place.start + 2 for name, place in PLACES.items() if "status_flags" in name)
_CLOCK: Final = slice(PLACES["local_date"].start, PLACES["local_time"].stop)
_FAULT: Final = 0xC0
"""The status flags in-alarm and fault; in-alarm is whatever is not in the event state normal."""
_OUT: Final = 0x10
"""The status flag out-of-service."""

_View = tuple[str, float]
"""What changes the values that devices show: a mode of `VIEWS`, and how far their clocks are ahead [s]."""


class Faults:
    """The faults of `links`. `image` gives the octets of all meters as they are; clocks are `clocks`."""

    def __init__(self, links: Links, image: Callable[[], bytes], clocks: DeviceClocks) -> None:
        self._links = links
        self._image = image
        self._clocks = clocks
        self._now: Snapshot | None = None
        self._held: dict[int | None, bytes] = {}
        self._told: tuple[bytes, bytes] = b"", b""

    def show(self, snapshot: Snapshot) -> None:
        """Take notice of a tick, which the image shows already; hold what is frozen from now on."""
        self._now, self._told = snapshot, (b"", b"")
        mode = self._links.mode
        self._held = {place: held for place, held in self._held.items() if mode(place) == "frozen"}
        for place in self._links.begun:
            if mode(place) == "frozen":
                image = self._image()
                self._held[place] = image if place is None else _row(image, place)

    def on(self, device: Device) -> bool:
        """Return whether what is asked of a device, or said by it, may meet a fault."""
        return self._links.on(device.meter_row)

    def strike(self, device: Device, traffic: Traffic) -> Strike:
        """Return what the next message of a kind meets that a device gets or says."""
        return self._links.strike(device.meter_row, traffic) if self.on(device) else MISSED

    def shown(self, device: Device, strike: Strike) -> tuple[bytes, int] | None:
        """Return rows as a fault of a device shows its own, and which is the first; None if it changes none.

        A device that has the objects of several meters shows the faults that those have.
        """
        if device.spans_rows:
            return self.image(), 0
        fault, row = strike.fault, device.row
        if fault.mode not in VIEWS:
            return None
        octets = np.frombuffer(bytearray(_row(self._image(), row)), np.uint8).reshape(1, ROW)
        return self._shown((fault.mode, fault.offset_s), [row], octets, whole=strike.whole).tobytes(), row

    def image(self) -> bytes:
        """Return the octets of all meters as those are told of them whom devices notify."""
        image = self._image()
        if not self._links.rows:
            return image
        if self._told[0] is not image:
            self._told = image, self._patched(image)
        return self._told[1]

    def _patched(self, image: bytes) -> bytes:
        """Return an image in which all meters show the faults that they have; that of the port comes last."""
        links = self._links
        own = [row for row in links.rows if row is not None]
        views: defaultdict[_View, list[int]] = defaultdict(list)
        for row in own:
            if links.mode(row) in VIEWS:
                fault = links.fault(row)
                views[fault.mode, fault.offset_s].append(row)
        port = links.fault(None)
        if not views and port.mode not in VIEWS:
            return image
        octets = np.frombuffer(bytearray(image), np.uint8).reshape(-1, ROW)
        for view, rows in views.items():
            octets[rows] = self._shown(view, rows, octets[rows], whole=False)
        if port.mode in VIEWS:
            rest = np.delete(np.arange(len(octets)), own)
            octets[rest] = self._shown((port.mode, port.offset_s), rest, octets[rest], whole=True)
        return octets.tobytes()

    def _shown(
        self, view: _View, rows: Sequence[int] | NDArray[np.intp], octets: NDArray[np.uint8], *, whole: bool
    ) -> NDArray[np.uint8]:
        """Return `octets`, shape (n, ROW), of the meters in `rows`, changed to what a view shows of them.

        `whole` is whether it is that of the port.
        """
        match view:
            case "frozen", _:
                held = self._held[None] if whole else b"".join(self._held[row] for row in rows)
                frozen = np.frombuffer(held, np.uint8).reshape(-1, ROW)
                return frozen[rows] if whole else frozen
            case "wrong_clock", ahead_s:
                octets[:, _CLOCK] = self._date_times(rows, ahead_s)
            case "out_of_service", _:
                octets[:, _OUT_OF_SERVICE] |= 1
                octets[:, _ALL_FLAGS] |= _OUT
            case "unreliable", _:
                octets[:, _RELIABILITY] = Reliability.UNRELIABLE_OTHER
                octets[:, _MEASURED_FLAGS] |= _FAULT
                octets[:, _STATES] = EventState.FAULT
        return octets

    def _date_times(self, rows: Sequence[int] | NDArray[np.intp], ahead_s: float) -> NDArray[np.uint8]:
        """Return what the clocks of the devices in `rows` show that are ahead, shape (n, 10)."""
        assert self._now is not None  # noqa: S101  nothing is asked before the first tick
        clocks = np.asarray(self._now.columns["clock"])[rows] + self._clocks.offsets[rows]
        return date_time_octets(clocks + round(ahead_s * NS_PER_S))


def _row(image: bytes, row: int) -> bytes:
    return image[row * ROW : row * ROW + ROW]


def lost(strike: Strike, request: bytes) -> bytes | None:
    """Return what is said to a request that a device does not get, if anything; None if it gets it."""
    if strike.fault.mode == "silent":
        return b""
    confirmed = len(request) >= _SHORTEST and request[0] & pdu.PDU_TYPE == pdu.CONFIRMED_REQUEST
    return _refusal(strike.fault, request) if confirmed else None


def _refusal(fault: LinkFault, request: bytes) -> bytes | None:
    """Return what a fault says in place of the device to a confirmed request; None if it says nothing."""
    invoke, service = request[2:3], request[3]
    match fault.mode:
        case "refuse":
            return pdu.error(invoke, service, _error(request[3:], ErrorCode.OPERATIONAL_PROBLEM, 0))
        case "error":
            return pdu.error(invoke, service, _error(request[3:], fault.exception, fault.error_class))
        case "reject":
            return pdu.reject(invoke, fault.exception)
        case "abort":
            return pdu.abort(invoke, fault.exception)
    return None


def _error(body: bytes, code: int, error_class: int) -> bytes:
    """Return the parameters of the Error PDU for a request from its service choice on: services differ."""
    error = pdu.error_parameters(code, error_class)
    if body[0] in LIST_CHANGES:
        return enc.constructed(0, error) + enc.context(1, b"\x00")
    if body[0] == Confirmed.WRITE_PROPERTY_MULTIPLE:
        return enc.constructed(0, error) + enc.constructed(1, _first_write(body))
    return error


def _first_write(body: bytes) -> bytes:
    """Return the object and the property of the first write; those of nothing where that cannot be read."""
    reader = Reader(body, 1)
    try:
        number = reader.context(0)
        reader.opening(1)
        return enc.context(0, number) + enc.context(1, reader.context(0))
    except RejectError:
        return enc.context(0, ANY_DEVICE.to_bytes(4, "big")) + enc.context(1, enc.content(Property.ALL))


def received(strike: Strike, request: bytes) -> bytes:
    """Return a request as the device takes it: without segmentation, as of one who takes no segments."""
    if strike.fault.mode != "no_segmentation" or not request:
        return request
    return bytes((request[0] & ~pdu.SEGMENTED_RESPONSE_ACCEPTED,)) + request[1:]


def sent(strike: Strike, apdu: bytes) -> bytes:
    """Return what of an APDU arrives, nothing if it is lost."""
    match strike.fault.mode:
        case "silent" | "drop" | "cov_lost":
            return b""
        case "garble":
            return _garbled(apdu, strike.draws.random)
    return apdu


def _garbled(apdu: bytes, random: Random) -> bytes:
    """Return an APDU in which every octet behind the first two is another one."""
    return apdu[:_HEAD] + bytes(octet ^ random.randint(1, 255) for octet in apdu[_HEAD:])
