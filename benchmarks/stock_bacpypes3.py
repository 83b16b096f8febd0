"""The peer in Python: bacpypes3's own devices with the objects of a gateway's meters.

Run with a port to serve on, the port of a running gateway, a network and the first and last instance of the
meters that it has there. Each is rebuilt as a device of its own behind bacpypes3's router, with the same
instance, address and objects. The values stay what they were: bacpypes3 is spared the ticks.
"""

import asyncio
import socket
import sys
from collections.abc import Iterator
from typing import Any

from bacpypes3.apdu import APDU, APCISequence  # type: ignore[import-untyped]
from bacpypes3.app import Application  # type: ignore[import-untyped]
from bacpypes3.basetypes import PropertyIdentifier  # type: ignore[import-untyped]
from bacpypes3.local.analog import AnalogInputObject  # type: ignore[import-untyped]
from bacpypes3.local.binary import BinaryInputObject, BinaryValueObject  # type: ignore[import-untyped]
from bacpypes3.local.device import DeviceObject  # type: ignore[import-untyped]
from bacpypes3.local.multistate import MultiStateInputObject  # type: ignore[import-untyped]
from bacpypes3.local.networkport import NetworkPortObject  # type: ignore[import-untyped]
from bacpypes3.local.object import Object as LocalObject  # type: ignore[import-untyped]
from bacpypes3.pdu import PDU  # type: ignore[import-untyped]
from bacpypes3.primitivedata import ObjectIdentifier  # type: ignore[import-untyped]
from bacpypes3.vendor import get_vendor_info  # type: ignore[import-untyped]
from bacpypes3.vlan import VirtualNetwork  # type: ignore[import-untyped]

_LOCAL = {
    each.objectType: each
    for each in (AnalogInputObject, BinaryInputObject, BinaryValueObject, MultiStateInputObject)
}
_LOG_BUFFER = PropertyIdentifier.logBuffer
"""What ReadRange alone reads."""
_VIRTUAL = "meters"


class Original:
    """A meter of a gateway at a port, read property by property."""

    def __init__(self, port: int, network: int, instance: int) -> None:
        self.device = ObjectIdentifier(("device", instance))
        self._to = network.to_bytes(2, "big") + b"\x03" + instance.to_bytes(3, "big") + b"\xff"
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.settimeout(5)
        self._udp.connect(("127.0.0.1", port))

    def read(self, number: Any, attribute: Any) -> bytes:
        """Return the ComplexACK to a ReadProperty."""
        encoded = int(attribute).to_bytes(2, "big")
        octets = number.encode()[0].tag_data
        npdu = b"\x01\x24" + self._to + b"\x02\x75\x01\x0c\x0c" + octets + b"\x1a" + encoded
        self._udp.send(b"\x81\x0a" + (len(npdu) + 4).to_bytes(2, "big") + npdu)
        return self._udp.recv(2048)[12:]

    def value(self, number: Any, attribute: Any) -> Any:
        """Return the value of a property."""
        ack = APCISequence.decode(APDU.decode(PDU(self.read(number, attribute))))
        known = get_vendor_info(0).get_object_class(number[0])
        return ack.propertyValue.cast_out(known.get_property_type(attribute))

    def objects(self) -> Iterator[tuple[Any, dict[str, Any]]]:
        """Yield the identifier of each object but the device, and its properties."""
        for number in self.value(self.device, PropertyIdentifier.objectList):
            if number != self.device:
                listed = self.value(number, PropertyIdentifier.propertyList)
                wanted = map(PropertyIdentifier, (PropertyIdentifier.objectName, *listed))
                yield number, {each.attr: self.value(number, each) for each in wanted if each != _LOG_BUFFER}


def _class_of(kind: Any) -> Any:
    """Return bacpypes3's class of local objects of a type, which it lacks for some."""
    if kind not in _LOCAL:
        known = get_vendor_info(0).get_object_class(kind)
        _LOCAL[kind] = type(f"Local{known.__name__}", (LocalObject, known), {})
    return _LOCAL[kind]


def _port(network: int, instance: int, mac: bytes) -> Any:
    """Return a port of the virtual network."""
    return NetworkPortObject(
        objectIdentifier=("network-port", instance),
        objectName=f"port {instance}",
        networkType="virtual",
        protocolLevel="bacnet-application",
        networkNumber=network,
        networkNumberQuality="configured",
        networkInterfaceName=_VIRTUAL,
        macAddress=mac,
    )


def _serve(port: int, original: int, network: int, first: int, last: int) -> list[Any]:
    """Build the router and a device for each meter; return them."""
    VirtualNetwork(_VIRTUAL)
    router = NetworkPortObject(
        f"127.0.0.1:{port}",
        objectIdentifier=("network-port", 1),
        objectName="port 1",
        networkNumber=1,
        networkNumberQuality="configured",
    )
    device = DeviceObject(objectIdentifier=("device", first - 1), objectName="stock", vendorIdentifier=999)
    served = [Application.from_object_list([device, router, _port(network, 2, b"\xff\xff\xfe")])]
    kinds: dict[bytes, list[tuple[Any, dict[str, Any]]]] = {}
    for instance in range(first, last + 1):
        meter = Original(original, network, instance)
        kind = meter.read(meter.device, PropertyIdentifier.objectList)[16:]
        if kind not in kinds:
            kinds[kind] = [*meter.objects()]
        name = f"stock {instance}"
        device = DeviceObject(objectIdentifier=meter.device, objectName=name, vendorIdentifier=999)
        objects = [_class_of(number[0])(objectIdentifier=number, **held) for number, held in kinds[kind]]
        mac = instance.to_bytes(3, "big")
        served.append(Application.from_object_list([device, _port(network, 1, mac), *objects]))
    return served


async def main(arguments: list[int]) -> None:
    """Serve until the process is ended."""
    served = _serve(*arguments)
    await asyncio.get_running_loop().create_future()
    del served


if __name__ == "__main__":
    asyncio.run(main([int(each) for each in sys.argv[1:]]))
