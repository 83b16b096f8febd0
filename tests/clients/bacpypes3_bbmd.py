"""A BBMD of bacpypes3, which prints "ready" and then serves until it is stopped.

python bacpypes3_bbmd.py ADDRESS/LENGTH [PEER ...]
"""

import asyncio
import sys

from bacpypes3.ipv4.app import BBMDApplication  # type: ignore[import-untyped]
from bacpypes3.local.device import DeviceObject  # type: ignore[import-untyped]
from bacpypes3.pdu import IPv4Address  # type: ignore[import-untyped]


async def serve(address: str, *peers: str) -> None:
    """Serve; the table begins with the BBMD itself."""
    device = DeviceObject(objectIdentifier=("device", 4001), objectName="bbmd", vendorIdentifier=15)
    own = IPv4Address(address)
    app = BBMDApplication(device, own)
    for peer in (own, *map(IPv4Address, peers)):
        app.add_peer(peer)
    await asyncio.sleep(0.2)  # its sockets are bound by tasks of its own
    print("ready", flush=True)  # noqa: T201  what the test waits for
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:]))
