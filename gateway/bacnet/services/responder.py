"""Answers what is asked of a device: an APDU in, an APDU out, all values of one answer from one tick.

A request to write is read here and carried out elsewhere: it must wait for the station. What is asked for by
subscribing and acknowledging is done elsewhere too: others than the asker hear of it.
Reads are keyed by their bytes from the service choice on and compiled once to a template, which all devices
with the same objects share. Network headers, sockets and pacing are elsewhere.
"""

from collections.abc import Callable, Iterable, Mapping
from copy import copy
from typing import Final, Self

from gateway.bacnet.objects.model import Device, Lists, ObjectTable
from gateway.bacnet.objects.stores import Stores
from gateway.bacnet.services.events import alarm_summary, enrollment_summary, event_information
from gateway.bacnet.services.list_elements import change_list
from gateway.bacnet.services.read_range import read_range
from gateway.bacnet.services.reading import MOST_READ, TooLongError, compile_answer, read_of_part, shareable
from gateway.bacnet.services.writing import WriteRequest, read_request
from gateway.bacnet.values.image import ROW, encode, renewed
from gateway.bacnet.values.template import Listing, Template
from gateway.bacnet.wire import apdu
from gateway.bacnet.wire.apdu import longest, too_long
from gateway.bacnet.wire.codes import LIST_CHANGES, READS, WRITES, AbortReason, Confirmed, RejectReason
from gateway.bacnet.wire.encoding import RejectError
from gateway.bacnet.wire.peer import Peer
from sims.snapshot import Snapshot

_FEWEST_TEMPLATES: Final = 4096
"""Templates that are kept, if there are not so many meters that clients ask each of them another thing."""
_LONGEST_KEPT: Final = 2048
"""Octets of a template that is kept: those of whatever is read in one piece are."""
_HEAD: Final = 2
"""Octets of an answer before its template's parts."""
_SHORTEST: Final = 4
"""Octets of a confirmed request without parameters."""
_ASKED: Final = slice(5, 9)
"""Where the object identifier stands in a request to read a property."""
_ECHO: Final = 4
"""Where it stands in the answer."""


Act = Callable[[bytes, Device, Peer], None]
"""Carries out a request from its service choice on for a peer. Raises RejectError and ServiceError."""


class Responder:
    """One for all devices, whose `stores` it shows; `lists` gives the lists among their properties.

    `acts` are the services that have no other answer than that they have been carried out.
    """

    def __init__(self, stores: Stores, lists: Lists, acts: Mapping[int, Act]) -> None:
        self._stores = stores
        self._lists = lists
        self._acts = acts
        self._snapshot: Snapshot | None = None
        self._image, self._first = b"", 0
        self._templates: dict[tuple[ObjectTable | Device, bytes], Template] = {}
        self._most_templates = max(_FEWEST_TEMPLATES, 2 * len(stores.ranges))

    def show(self, snapshot: Snapshot) -> None:
        """Answer from `snapshot` from now on; it is encoded when somebody reads."""
        for interval in snapshot.intervals:
            for log in self._stores.logs:
                log.add(interval)
        self._snapshot = snapshot
        self.forget()

    def forget(self) -> None:
        """Encode anew: the stores have changed."""
        self._image = b""

    def renew(self, rows: Iterable[int]) -> None:
        """Show what clients have set and acknowledged of the meters in `rows`: others need no encoding."""
        if self._image:
            self._image = renewed(self._image, rows, self._stores)

    def image(self) -> bytes:
        """Return what is shown, encoded."""
        if not self._image and self._snapshot:
            self._image = encode(self._snapshot, self._stores)
        return self._image

    def showing(self, image: bytes, first: int) -> Self:
        """Return a responder that answers from another image, whose rows begin with row `first`."""
        other = copy(self)
        other._image, other._first = image, first  # noqa: SLF001  it is of this class
        return other

    def read(self, request: bytes, device: Device) -> bytes | None:
        """Answer a request that reads; None where the same one may get another answer within the tick.

        And where the answer is longer than the asker accepts in one piece.
        """
        limit = apdu.APDU_LIMITS[request[1] & 15]
        try:
            found, answer = self._read(request, device, limit)
        except TooLongError:
            return None
        return None if found.lists or len(answer) > limit else answer

    def shared(self, body: bytes, device: Device) -> Template | None:
        """Return the template with which all devices of a kind answer a read, if it has been made.

        `body` is the read from its service choice on.
        """
        return self._templates.get((device.table, body))

    def answer(self, request: bytes, device: Device, peer: Peer) -> bytes | WriteRequest | None:
        """Return the answer of a device to a confirmed request of a peer, or what it wants written.

        One that is longer than the asker accepts goes in segments. None is the answer to what is no confirmed
        request.
        """
        if len(request) < _SHORTEST or request[0] & 0xF0 != apdu.CONFIRMED_REQUEST:
            return None
        if request[0] & apdu.SEGMENTED:
            return apdu.abort(request[2:3], AbortReason.SEGMENTATION_NOT_SUPPORTED)
        limit = longest(request) if device.segments else apdu.APDU_LIMITS[request[1] & 15]
        try:
            if request[3] in READS:
                answer: bytes | WriteRequest = self._read(request, device, limit)[1]
            else:
                answer = self._serve(request, device, peer)
        except TooLongError:
            if request[3] in READS:
                return too_long(request, segments=device.segments)
            return apdu.abort(request[2:3], AbortReason.BUFFER_OVERFLOW)
        if isinstance(answer, bytes) and len(answer) > limit:
            return too_long(request, segments=device.segments)
        return answer

    def _read(self, request: bytes, device: Device, limit: int) -> tuple[Template, bytes]:
        """Return the answer to a request that reads, and its template.

        Raises TooLongError where it would be longer than `limit` by far.
        """
        body = request[3:]
        found = self._templates.get((device.table, body))
        if found is None:
            if device.spans_rows and (read := read_of_part(body, device)):
                return self._read_part(request, *read, limit)
            body = shareable(body, device)
            found = self._template(body, body, device, limit)
        return found, self._fill(found, request, device, limit)

    def _read_part(self, request: bytes, part: Device, shared: bytes, limit: int) -> tuple[Template, bytes]:
        """Return the answer to a request that reads a property of a part of a device.

        The parts share a template, which has the object identifier of the one that it was made for.
        """
        found = self._templates.get((part.table, shared)) or self._template(shared, request[3:], part, limit)
        answer = self._fill(found, request, part, limit)
        if found.varies:
            answer = answer[:_ECHO] + request[_ASKED] + answer[_ECHO + 4 :]
        return found, answer

    def _fill(self, template: Template, request: bytes, device: Device, limit: int) -> bytes:
        """Return a template as the answer of a device. Raises TooLongError where its lists are too long."""
        lists = self._listed(template, device, limit) if template.lists else {}
        start = (device.row - self._first) * ROW
        return template.pdu + request[2:3] + template.fill(self.image(), start, device.own, lists)

    def _listed(self, template: Template, device: Device, limit: int) -> dict[Listing, bytes]:
        """Return the elements of a template's lists. Raises TooLongError."""
        lists = {
            each: b"".join(self._lists(device.part(each.number), each.attribute))
            for each in {*template.lists}
        }
        if template.length(lists) > min(limit, MOST_READ):
            raise TooLongError
        return lists

    def _template(self, shared: bytes, body: bytes, device: Device, limit: int) -> Template:
        """Return the template for all devices with the same objects, or for this one; make it if need be.

        `shared` is `body` as any of these devices could be asked it. Where a device has the objects of
        meters, what never changes is not kept: there is too much of it, and it is seldom read again.
        Nor is what is long. Raises TooLongError.
        """
        template = self._templates.get((device.table, shared)) or self._templates.get((device, shared))
        if template is not None:
            return template
        template, personal = compile_answer(body, device, limit - _HEAD)
        never_changes = not template.varies and (device.spans_rows or device.base)
        if template.octets <= _LONGEST_KEPT and not never_changes:
            if len(self._templates) >= self._most_templates:
                self._templates.clear()
            self._templates[(device if personal else device.table, shared)] = template
        return template

    def _serve(self, request: bytes, device: Device, peer: Peer) -> bytes | WriteRequest:
        """Answer what is no plain read."""
        invoke, service, body = request[2:3], request[3], request[3:]
        try:
            if service in WRITES:
                return read_request(invoke, body, device)
            if service in LIST_CHANGES:
                return change_list(invoke, body, device, self._stores.recipients)
            if act := self._acts.get(service):
                act(body, device, peer)
                return apdu.simple_ack(invoke, service)
            content = self._content(body, apdu.APDU_LIMITS[request[1] & 15] - 2, device)
        except RejectError as refusal:
            return apdu.reject(invoke, refusal.reason)
        except apdu.ServiceError as refusal:
            return apdu.error(invoke, service, apdu.error_parameters(refusal.code, refusal.error_class))
        return bytes((apdu.COMPLEX_ACK,)) + invoke + content

    def _content(self, body: bytes, limit: int, device: Device) -> bytes:
        """Return what follows the invoke id in the answer to a request from its service choice on."""
        alarms = self._stores.alarms
        match body[0]:
            case Confirmed.READ_RANGE:
                return read_range(body, limit, device, self._stores.logs, self._lists)
            case Confirmed.GET_EVENT_INFORMATION:
                return event_information(body, limit, device, alarms)
            case Confirmed.GET_ALARM_SUMMARY:
                return alarm_summary(body, device, alarms)
            case Confirmed.GET_ENROLLMENT_SUMMARY:
                return enrollment_summary(body, device, alarms)
        raise RejectError(RejectReason.UNRECOGNIZED_SERVICE)
