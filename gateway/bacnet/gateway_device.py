"""The gateway's own BACnet device, which bacpypes3 answers for; the only module that knows bacpypes3.

bacpypes3 gets what is for this device as traffic of the local network. The way to the meters is not its
business: its router is silent to unknown networks and cannot forward from a network that has no number. It
takes 0.3 s to import, so import this module only when the gateway starts.
"""

import asyncio
import logging
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from socket import inet_ntoa
from typing import Final

from bacpypes3.app import Application  # type: ignore[import-untyped]
from bacpypes3.basetypes import ObjectTypesSupported, ServicesSupported  # type: ignore[import-untyped]
from bacpypes3.comm import Server, bind  # type: ignore[import-untyped]
from bacpypes3.errors import ExecutionError  # type: ignore[import-untyped]
from bacpypes3.ipv4.bvll import BVLLCodec  # type: ignore[import-untyped]
from bacpypes3.ipv4.service import BIPNormal  # type: ignore[import-untyped]
from bacpypes3.local.device import DeviceObject  # type: ignore[import-untyped]
from bacpypes3.pdu import PDU, GlobalBroadcast, IPv4Address, LocalBroadcast  # type: ignore[import-untyped]

from gateway.bacnet.codes import (
    OBJECT_TYPE_BITS,
    PROTOCOL_REVISION,
    SERVICE_BITS,
    VENDOR_IDENTIFIER,
    VENDOR_NAME,
    Confirmed,
    ObjectType,
    Unconfirmed,
)
from gateway.bacnet.network import Address

SERVICES: Final = (
    Confirmed.READ_PROPERTY,
    Confirmed.READ_PROPERTY_MULTIPLE,
    Confirmed.WRITE_PROPERTY,
    Unconfirmed.WHO_HAS,
    Unconfirmed.WHO_IS,
)
"""The services that the gateway's device executes."""

MODEL_NAME: Final = "metergate"
_MOST_WAITING: Final = 256
"""Datagrams that bacpypes3 may have in hand; more are dropped, as a full socket buffer would drop them."""

Send = Callable[[bytes, Address | None], None]
"""Sends a datagram to an address, or to everybody where that is None."""


def _version() -> str:
    """Return metergate's version; run from a checkout it has none."""
    try:
        return version("metergate")
    except PackageNotFoundError:
        return "unreleased"


def _bits(size: int, ones: set[int]) -> list[int]:
    return [int(bit in ones) for bit in range(size)]


class _Link(Server):  # type: ignore[misc]
    """The lower end of bacpypes3's stack: datagrams from and to our own sockets."""

    def __init__(self, send: Send) -> None:
        super().__init__()
        self._send = send

    async def indication(self, pdu: PDU) -> None:
        """Send a datagram."""
        to = pdu.pduDestination
        everybody = isinstance(to, LocalBroadcast)
        self._send(
            bytes(pdu.pduData),
            None if everybody else (inet_ntoa(to.addrAddr[:4]), int.from_bytes(to.addrAddr[4:], "big")),
        )


class _Application(Application):  # type: ignore[misc]
    """bacpypes3's application. Nothing of it is writable; a service that is None is rejected as unknown."""

    do_ConfirmedCOVNotificationRequest = None  # noqa: N815  bacpypes3 finds services by these names
    do_ReadRangeRequest = None  # noqa: N815
    do_SubscribeCOVRequest = None  # noqa: N815
    do_WritePropertyMultipleRequest = None  # noqa: N815

    async def do_WritePropertyRequest(self, apdu: PDU) -> None:  # noqa: N802
        """Refuse to write."""
        found = self.get_object_id(apdu.objectIdentifier)
        if found is None:
            raise ExecutionError(errorClass="object", errorCode="unknownObject")
        if getattr(found, apdu.propertyIdentifier.attr, None) is None:
            raise ExecutionError(errorClass="property", errorCode="unknownProperty")
        raise ExecutionError(errorClass="property", errorCode="writeAccessDenied")

    def i_am(self, address: object = None) -> None:
        """Answer a Who-Is to the asker as well as to everybody."""
        super().i_am(address)
        super().i_am(GlobalBroadcast())

    def get_services_supported(self) -> ServicesSupported:
        """Return protocol-services-supported: what is executed, not what has a handler."""
        return ServicesSupported(_bits(SERVICE_BITS, {service.bit for service in SERVICES}))


class GatewayDevice:
    """The gateway as a BACnet device at `host`, `port`. Make it in a running event loop."""

    def __init__(
        self, *, host: str, port: int, instance: int, name: str, description: str, send: Send
    ) -> None:
        logging.getLogger("bacpypes3").setLevel(
            logging.CRITICAL
        )  # what clients send is no error of the gateway's
        device = DeviceObject(
            objectIdentifier=("device", instance),
            objectName=name,
            description=description,
            vendorName=VENDOR_NAME,
            vendorIdentifier=VENDOR_IDENTIFIER,
            modelName=MODEL_NAME,
            firmwareRevision=_version(),
            applicationSoftwareVersion=_version(),
            protocolRevision=PROTOCOL_REVISION,
            protocolObjectTypesSupported=ObjectTypesSupported(_bits(OBJECT_TYPE_BITS, {ObjectType.DEVICE})),
            deviceAddressBinding=[],
        )
        self._application = _Application.from_object_list([device])
        self._link = _Link(send)
        bip = BIPNormal()
        bind(bip, BVLLCodec(), self._link)
        self._application.nsap.bind(bip, address=IPv4Address(f"{host}:{port}"))
        self._tasks: set[asyncio.Task[None]] = set()

    def receive(self, datagram: bytes, sender: Address, *, broadcast: bool) -> None:
        """Let bacpypes3 deal with a datagram; what it makes of a bad one is lost with it."""
        if len(self._tasks) >= _MOST_WAITING:
            return
        to = LocalBroadcast() if broadcast else None
        task = asyncio.ensure_future(
            self._deal_with(PDU(datagram, source=IPv4Address(sender), destination=to))
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deal_with(self, pdu: PDU) -> None:
        try:
            await self._link.response(pdu)
        except Exception as problem:  # noqa: BLE001  bacpypes3 raises whatever a malformed datagram leads it to
            logging.getLogger(__name__).debug("bacpypes3 could not deal with a datagram: %r", problem)

    async def close(self) -> None:
        """Stop dealing with datagrams."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._application.close()
