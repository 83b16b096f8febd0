"""A foreign device of bacpypes3 that finds devices through a BBMD and reads one; prints them as JSON.

python bacpypes3_foreign.py ADDRESS BBMD DEVICES
"""

import asyncio
import json
import sys
from typing import Any

from bacpypes3.ipv4.app import ForeignApplication  # type: ignore[import-untyped]
from bacpypes3.local.device import DeviceObject  # type: ignore[import-untyped]
from bacpypes3.pdu import Address, IPv4Address, LocalBroadcast  # type: ignore[import-untyped]


async def find(address: str, bbmd: str, wanted: int) -> dict[str, Any]:
    """Return which devices answer, and the object name of the last one."""
    device = DeviceObject(objectIdentifier=("device", 4002), objectName="client", vendorIdentifier=15)
    app = ForeignApplication(device, IPv4Address(address))
    app.register(IPv4Address(bbmd), 60)
    async with asyncio.timeout(10):
        while app.foreign.bbmdRegistrationStatus != 0:  # noqa: ASYNC110  it has no event
            await asyncio.sleep(0.02)
        answers: list[Any] = []
        while len(answers) < wanted:
            answers = await app.who_is(address=LocalBroadcast(), timeout=1)
    found = sorted({answer.iAmDeviceIdentifier[1]: answer.pduSource for answer in answers}.items())
    await app.nsap.update_router_references(None, Address(bbmd), [1000])
    instance, source = found[-1]
    name = await app.read_property(source, f"device,{instance}", "object-name")
    app.close()
    return {"devices": [instance for instance, _ in found], "name": name}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(find(sys.argv[1], sys.argv[2], int(sys.argv[3])))))  # noqa: T201  for the test
