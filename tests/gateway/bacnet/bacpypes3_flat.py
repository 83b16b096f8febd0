"""A client of bacpypes3 that reads the object list of a large device in segments and by index; prints JSON.

python bacpypes3_flat.py GATEWAY_ADDRESS
"""

import asyncio
import json
import sys
from typing import Any

from bacpypes3.app import Application  # type: ignore[import-untyped]
from bacpypes3.local.device import DeviceObject  # type: ignore[import-untyped]
from bacpypes3.local.networkport import NetworkPortObject  # type: ignore[import-untyped]
from bacpypes3.pdu import Address  # type: ignore[import-untyped]

SAMPLE = range(1, 20_000, 97)


async def read(gateway: str) -> dict[str, Any]:
    """Return how the two ways to read the list compare."""
    device = DeviceObject(
        objectIdentifier=("device", 1),
        objectName="client",
        vendorIdentifier=15,
        segmentationSupported="segmented-both",
        maxSegmentsAccepted=65,
    )
    port = NetworkPortObject("127.0.0.1:0", objectIdentifier=("network-port", 1), objectName="port")
    app = Application.from_object_list([device, port])
    address = Address(gateway)
    await app.who_is(100_000, 100_000, address=address, timeout=1)
    whole = await app.read_property(address, "device,100000", "object-list")
    by_index = [
        await app.read_property(address, "device,100000", "object-list", array_index=k) for k in SAMPLE
    ]
    found = {
        "whole": len(whole),
        "length": await app.read_property(address, "device,100000", "object-list", array_index=0),
        "same": [whole[k - 1] for k in SAMPLE] == by_index,
        "name": await app.read_property(address, "analog-input,50005", "object-name"),
    }
    app.close()
    return found


if __name__ == "__main__":
    print(json.dumps(asyncio.run(read(sys.argv[1]))))  # noqa: T201  what the test reads
