"""A client of bacpypes3 that finds the devices behind a gateway and reads them; prints what it found as JSON.

python bacpypes3_client.py GATEWAY_ADDRESS
"""

import asyncio
import json
import sys
from typing import Any

from bacpypes3.apdu import ErrorRejectAbortNack  # type: ignore[import-untyped]
from bacpypes3.app import Application  # type: ignore[import-untyped]
from bacpypes3.local.device import DeviceObject  # type: ignore[import-untyped]
from bacpypes3.local.networkport import NetworkPortObject  # type: ignore[import-untyped]
from bacpypes3.pdu import Address, RemoteBroadcast  # type: ignore[import-untyped]
from bacpypes3.primitivedata import ObjectIdentifier  # type: ignore[import-untyped]

ROUTER_NETWORK = 1000
WRITES: tuple[tuple[Any, ...], ...] = (
    ("analog-input,1", 1.0),
    ("binary-value,1", "active"),
    ("binary-value,1", "inactive", 8),
    ("binary-value,2", "active"),
)


async def read(gateway: str) -> dict[str, Any]:
    """Return what is behind the gateway."""
    device = DeviceObject(objectIdentifier=("device", 1), objectName="client", vendorIdentifier=15)
    port = NetworkPortObject("127.0.0.1:0", objectIdentifier=("network-port", 1), objectName="port")
    app = Application.from_object_list([device, port])
    router = Address(gateway)
    (direct,) = await app.who_is(100_000, 100_000, address=router, timeout=1)
    await app.nsap.update_router_references(None, router, [ROUTER_NETWORK])
    routed = await app.who_is(100_001, 100_010, address=RemoteBroadcast(ROUTER_NETWORK), timeout=1)
    meters = sorted(routed, key=lambda i_am: i_am.iAmDeviceIdentifier[1])
    first = meters[0].pduSource
    everything = await app.read_property_multiple(first, [ObjectIdentifier(("analog-input", 1)), ["all"]])
    found = {
        "devices": [i_am.iAmDeviceIdentifier[1] for i_am in (direct, *meters)],
        "routed": [str(i_am.pduSource) for i_am in meters],
        "energy": [
            await app.read_property(i_am.pduSource, "analog-input,1", "present-value") for i_am in meters
        ],
        "object_list": len(await app.read_property(first, "device,100001", "object-list")),
        "all": len(everything),
        "gateway": await app.read_property(router, "device,100000", "object-name"),
        "write": [await write(app, first, *what) for what in WRITES],
    }
    app.close()
    return found


async def write(app: Application, meter: Address, thing: str, value: Any, priority: int | None = None) -> str:
    """Return what is said to a write of a present value, "None" to one that is granted."""
    try:
        return str(await app.write_property(meter, thing, "present-value", value, priority=priority))
    except ErrorRejectAbortNack as nack:
        return str(nack)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(read(sys.argv[1]))))  # noqa: T201  what the test reads
