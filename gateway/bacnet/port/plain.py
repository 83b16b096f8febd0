"""Plain reads: what clients ask most, answered in as few steps as Python lets us.

A plain read is a read in one piece, of normal priority, from a station of this network to a device that
answers as ever. What precedes its invoke id says whom it asks and how long an answer may be, what follows
says what for. One value goes into a form: a datagram with gaps, the same for all devices with the same
objects, filled from the image of the tick. Other answers are kept for the tick, for the next who asks the
same.

Nothing may enter here that depends on more than the octets of a request and the image: no asker, no fault,
no list. Such requests go the other way, `otherwise`. Nor may a call of ours come between a form and the
socket: it would cost as much as all the rest.
"""

from collections.abc import Callable, Mapping
from typing import Final

from gateway.bacnet.objects.model import Device, ObjectTable
from gateway.bacnet.port.sockets import Receive, Sender
from gateway.bacnet.services.responder import Responder
from gateway.bacnet.values.image import ROW
from gateway.bacnet.values.template import verbatim
from gateway.bacnet.wire import apdu
from gateway.bacnet.wire import network as net
from gateway.bacnet.wire.bvlc import Address
from gateway.bacnet.wire.codes import READS

_FIRST_HEADER: Final = 4
"""Where the header of a plain request begins."""
_NO_WHOLE_REQUEST: Final = 0xF8
"""Bits of a request's first octet of which one is set in another PDU and in a segment."""
_UNICAST: Final = net.datagram(b"")[:2]
_MOST_ASKED: Final = 16_384
"""Requests that are remembered in a tick, some of them with their answers; then it begins anew."""
_MOST_FORMS: Final = 4096
_MOST_WAYS: Final = 32
"""Of what may precede an invoke id, how many are known for each device: lengths, and what askers accept."""
_LONGEST_BODY: Final = 16
"""Octets that follow the invoke id in a read of one value: service, object, property and index at most."""
_LONGEST_ANSWER: Final = min(apdu.APDU_LIMITS)
"""Octets of an APDU that every asker accepts."""

Form = tuple[bytes, int, int]
"""A datagram with gaps for header, invoke id and value, and where in a row the value begins and ends."""
Way = tuple[Mapping[bytes, Form], bytes, int]
"""The forms of a device's kind, the header of its answers, and where its row begins."""


class Forms:
    """The forms of all ports, by what follows the invoke id in requests to devices with the same objects."""

    def __init__(self, responder: Responder) -> None:
        self.responder: Final = responder
        self._all: dict[tuple[ObjectTable, int, int], dict[bytes, Form]] = {}

    def find(self, body: bytes, device: Device, header: bytes) -> Mapping[bytes, Form] | None:
        """Return the forms of a device's kind for bodies of this length; None if none is for this one."""
        if len(body) > _LONGEST_BODY:
            return None
        key = device.table, len(header), len(body)
        forms = self._all.get(key, {})
        if body not in forms:
            if (form := self._make(body, device, len(header))) is None:
                return None
            if sum(map(len, self._all.values())) >= _MOST_FORMS:
                self._clear()
            forms = self._all.setdefault(key, forms)
            forms[body] = form
        return forms

    def _make(self, body: bytes, device: Device, header: int) -> Form | None:
        template = self.responder.shared(body, device)
        if template is None or (single := template.single()) is None:
            return None
        text, place = single
        length = len(template.pdu) + 1 + template.octets
        if length > _LONGEST_ANSWER:
            return None
        first = net.datagram(bytes(header + length))[:_FIRST_HEADER]
        return verbatim(first) + b"%b" + text, place.start, place.stop

    def _clear(self) -> None:
        """Begin anew, in place: ports hold on to the dictionaries."""
        for forms in self._all.values():
            forms.clear()


class PlainReads:
    """Answers the plain reads that reach one port; `stations` are the devices that they are to.

    Each is at its address on the network behind the port, or at the empty one: the port itself. `otherwise`
    takes all that is no plain read.
    """

    def __init__(self, stations: Mapping[bytes, Device], forms: Forms, otherwise: Receive) -> None:
        self._responder = forms.responder
        self._forms = forms
        self._otherwise = otherwise
        self._all_plain: dict[bytes, tuple[Device, bytes]] = {}
        for station, device in stations.items():
            request, answer = net.plain(station)
            self._all_plain[request] = device, answer
        self._plain = self._all_plain
        header = _FIRST_HEADER + len(request)  # as long for all of them
        self._header = slice(_FIRST_HEADER, header)
        self._request = header + bool(station)  # past the hop count, where there is one
        invoke = self._request + 2
        self._before = slice(invoke)
        self._invoke = slice(invoke, invoke + 1)
        self._after = slice(invoke + 1, None)
        self._answered = _FIRST_HEADER + len(answer) + 1
        self._ways: dict[bytes, Way] = {}
        self._image = b""
        self._known: dict[bytes, tuple[bytes, bytes]] = {}
        self._asked: set[bytes] = set()
        self._sender: Sender

    def open(self, sender: Sender) -> None:
        """Answer through `sender` from now on."""
        self._sender = sender

    def forget(self) -> None:
        """Forget the values that have been given: they may be others now."""
        self._image = b""
        self._known.clear()
        self._asked.clear()

    def set_aside(self, is_aside: Callable[[Device], bool]) -> None:
        """Leave those devices to `otherwise` that are set aside, and no others."""
        self._plain = {request: plain for request, plain in self._all_plain.items() if not is_aside(plain[0])}
        self._ways.clear()
        self.forget()

    def receive(self, data: bytes, sender: Address) -> None:
        """Deal with a datagram."""
        before, after = data[self._before], data[self._after]
        way = self._ways.get(before)
        if way is not None:
            forms, header, row = way
            form = forms.get(after)
            if form is not None:
                text, start, stop = form
                value = (self._image or self._look())[row + start : row + stop]
                try:
                    self._sender.sendto(text % (header, data[self._invoke], value), sender)
                except OSError as failure:
                    self._sender.lose(failure)
                return
        known = self._known.get(before + after)
        if known is None:
            self._answer(data, before, after, sender)
        else:
            self._sender.send(known[0] + data[self._invoke] + known[1], sender)

    def _look(self) -> bytes:
        """Return the image, and keep it until it is forgotten."""
        self._image = self._responder.image()
        return self._image

    def _answer(self, data: bytes, before: bytes, after: bytes, sender: Address) -> None:
        """Answer a request for which there is nothing yet, if it is a plain read."""
        plain = self._plain.get(data[self._header])
        if plain is None or not self._is_read(data):
            self._otherwise(data, sender)
            return
        device, header = plain
        answer = self._responder.read(data[self._request :], device)
        if answer is None:
            self._otherwise(data, sender)
            return
        datagram = net.datagram(header + answer)
        self._sender.send(datagram, sender)
        if forms := self._forms.find(after, device, header):
            self._learn(before, (forms, header, device.row * ROW))
        else:
            self._remember(before + after, datagram)

    def _is_read(self, data: bytes) -> bool:
        """Whether a datagram with a plain header is a read in one segment, and as long as it says."""
        service = self._request + 3
        return (
            len(data) > service
            and data[service] in READS
            and data[self._request] & _NO_WHOLE_REQUEST == 0
            and data[:2] == _UNICAST
            and data[2] << 8 | data[3] == len(data)
        )

    def _learn(self, before: bytes, way: Way) -> None:
        """Look for a form at once from now on where a request begins so."""
        if len(self._ways) >= _MOST_WAYS * len(self._all_plain):
            self._ways.clear()
        self._ways[before] = way

    def _remember(self, key: bytes, answer: bytes) -> None:
        """Keep an answer for the rest of the tick when it is given for the second time.

        Many clients ask everything once a tick.
        """
        if key not in self._asked:
            if len(self._asked) >= _MOST_ASKED:
                self._known.clear()
                self._asked.clear()
            self._asked.add(key)
            return
        self._known[key] = answer[: self._answered], answer[self._answered + 1 :]
