"""Answers what is asked of a device: an APDU in, an APDU out, all values of one answer from one tick.

A request to write is read here and carried out elsewhere: it must wait for the station.
Reads are keyed by their bytes from the service choice on and compiled once to a template, which all devices
with the same objects share. Network headers, sockets and pacing are elsewhere.
"""

from typing import Final

from gateway.bacnet import apdu
from gateway.bacnet.codes import AbortReason, Confirmed, RejectReason
from gateway.bacnet.encoding import RejectError
from gateway.bacnet.image import ROW, encode
from gateway.bacnet.objects import Device, ObjectTable
from gateway.bacnet.read_range import read_range
from gateway.bacnet.reading import compile_answer, shareable
from gateway.bacnet.template import Template
from gateway.bacnet.trends import TRENDS, TrendLog
from gateway.bacnet.writing import WriteRequest, read_request
from sims.snapshot import Snapshot

READS: Final = frozenset({Confirmed.READ_PROPERTY, Confirmed.READ_PROPERTY_MULTIPLE})
"""The services whose answers depend on nothing but the request and the tick."""

_MOST_TEMPLATES: Final = 4096
_SHORTEST: Final = 4
"""Octets of a confirmed request without parameters."""


class Responder:
    """One for all devices. Their rows are those of `meters` meters."""

    def __init__(self, meters: int) -> None:
        self._logs = tuple(TrendLog(spec, meters) for spec in TRENDS)
        self._snapshot: Snapshot | None = None
        self._image = b""
        self._templates: dict[tuple[ObjectTable | Device, bytes], Template] = {}

    def show(self, snapshot: Snapshot) -> None:
        """Answer from `snapshot` from now on; it is encoded when somebody reads."""
        for interval in snapshot.intervals:
            for log in self._logs:
                log.add(interval)
        self._snapshot = snapshot
        self._image = b""

    def answer(self, request: bytes, device: Device) -> bytes | WriteRequest | None:
        """Return the answer of a device to a confirmed request, or what it wants written.

        None is the answer to what is no confirmed request.
        """
        if len(request) < _SHORTEST or request[0] & 0xF0 != apdu.CONFIRMED_REQUEST:
            return None
        if request[0] & apdu.SEGMENTED:
            return apdu.abort(request[2:3], AbortReason.SEGMENTATION_NOT_SUPPORTED)
        limit = apdu.APDU_LIMITS[request[1] & 15]
        answer = self._read(request, device) if request[3] in READS else self._serve(request, limit, device)
        if isinstance(answer, bytes) and len(answer) > limit:
            return apdu.abort(request[2:3], AbortReason.SEGMENTATION_NOT_SUPPORTED)
        return answer

    def _read(self, request: bytes, device: Device) -> bytes:
        """Answer ReadProperty and ReadPropertyMultiple."""
        body = request[3:]
        template = self._templates.get((device.table, body)) or self._template(
            shareable(body, device), device
        )
        if not self._image and self._snapshot:
            self._image = encode(self._snapshot, self._logs)
        return template.pdu + request[2:3] + template.fill(self._image, device.row * ROW, device.own)

    def _template(self, body: bytes, device: Device) -> Template:
        """Return the template for all devices with the same objects, or for this one; make it if need be."""
        template = self._templates.get((device.table, body)) or self._templates.get((device, body))
        if template is not None:
            return template
        template, personal = compile_answer(body, device)
        if len(self._templates) >= _MOST_TEMPLATES:
            self._templates.clear()
        self._templates[(device if personal else device.table, body)] = template
        return template

    def _serve(self, request: bytes, limit: int, device: Device) -> bytes | WriteRequest:
        """Answer what is no plain read."""
        invoke, service, body = request[2:3], request[3], request[3:]
        try:
            match service:
                case Confirmed.READ_RANGE:
                    return (
                        bytes((apdu.COMPLEX_ACK,)) + invoke + read_range(body, limit - 2, device, self._logs)
                    )
                case Confirmed.WRITE_PROPERTY | Confirmed.WRITE_PROPERTY_MULTIPLE:
                    return read_request(invoke, body, device)
                case _:
                    return apdu.reject(invoke, RejectReason.UNRECOGNIZED_SERVICE)
        except RejectError as refusal:
            return apdu.reject(invoke, refusal.reason)
        except apdu.ServiceError as refusal:
            return apdu.error(invoke, service, apdu.error_parameters(refusal.code))
