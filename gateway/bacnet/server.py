"""The BACnet/IP adapter: the gateway and its meters as devices, laid out on a network.

Datagrams are the business of `host.py`, what devices answer that of `application.py`.
"""

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Interface

from gateway.bacnet.application import Application
from gateway.bacnet.gateway_device import gateway_device
from gateway.bacnet.host import Host
from gateway.bacnet.meter_objects import meter_devices
from gateway.bacnet.objects import Device
from gateway.bacnet.peer import Peer
from gateway.bacnet.sockets import SERVICE
from gateway.commands import Applier
from gateway.hub import Endpoint
from sims.models import Nameplate
from sims.snapshot import Snapshot


class BacnetAdapter:
    """Serves the meters as devices on virtual network `network` behind device `device_instance`.

    `address` is an IPv4 address with the length of its network ("192.168.1.20/24"); `port` 0 is any free one.
    What is written goes to `commands`.
    """

    name = "bacnet"

    def __init__(
        self,
        *,
        address: str,
        port: int,
        device_instance: int,
        network: int,
        gateway_id: str,
        gateway_name: str,
        meters: Sequence[Nameplate],
        commands: Applier,
    ) -> None:
        self._address = address
        self._network = network
        self._gateway = gateway_device(device_instance, gateway_id, gateway_name)
        self._meters = meter_devices(device_instance, gateway_id, gateway_name, meters)
        self._application = Application(len(meters), commands, self)
        self._host = Host(
            IPv4Interface(address),
            port,
            local=self._gateway,
            network=network,
            routed=self._meters,
            read=self._application.read,
            hear=self._application.hear,
        )

    async def start(self) -> None:
        """Bind and serve. Raises AddressInUseError."""
        await self._host.start()

    def show(self, snapshot: Snapshot) -> None:
        """Answer from `snapshot` from now on."""
        self._application.show(snapshot)
        self._host.forget()

    async def shown(self) -> None:
        """Return at once: every answer is from the latest snapshot."""

    async def stop(self) -> None:
        """Close the sockets and give up the writes that wait."""
        await self._application.stop()
        await self._host.stop()

    def send(
        self, device: Device, peer: Peer, apdu: bytes, *, priority: int = 0, expects_reply: bool = False
    ) -> None:
        """Send an APDU of `device` to one peer."""
        self._host.send(device, peer, apdu, priority=priority, expects_reply=expects_reply)

    def broadcast(self, device: Device, apdu: bytes) -> None:
        """Send an APDU of `device` to everybody."""
        self._host.broadcast(device, apdu)

    def away(self) -> bool:
        """Return false: it needs nobody."""
        return False

    def endpoints(self) -> Sequence[Endpoint]:
        """Where it serves."""
        low, high = self._span()
        serves = f"device {self._gateway.instance}, meters {low}–{high} on network {self._network}"  # noqa: RUF001  a range
        return [Endpoint(SERVICE, f"{self._host.address}:{self._host.port}", serves)]

    def ready(self) -> Mapping[str, object]:
        """Return the address and the device instances."""
        entry = {
            "address": f"{self._address}:{self._host.port}",
            "gateway_device": self._gateway.instance,
            "meters": list(self._span()),
        }
        return {"bacnet": entry}

    def _span(self) -> tuple[int, int]:
        return self._meters[0].instance, self._meters[-1].instance
