"""BAC0 looks for devices on all networks that it can find, and reads their names; prints both as JSON.

python bac0_discover.py OWN_ADDRESS/LENGTH FIRST_DEVICE LAST_DEVICE [BBMD]
"""

import asyncio
import json
import sys

import BAC0  # type: ignore[import-untyped]


async def discover(own: str, first: str, last: str, bbmd: str | None = None) -> None:
    """Print what is found from an address, as a foreign device where there is a BBMD."""
    limits = (int(first), int(last))
    async with asyncio.timeout(60), BAC0.lite(ip=own, bbmdAddress=bbmd, bbmdTTL=60, ping=False) as network:
        while len(network.discoveredDevices or {}) <= limits[1] - limits[0]:
            await network._discover(limits=limits, timeout=1)
        found = network.discoveredDevices
        names = [
            await network.read(f"{each['address']} device:{each['object_instance'][1]} objectName")
            for each in found.values()
        ]
        devices = [each["object_instance"][1] for each in found.values()]
        networks = sorted(network.known_network_numbers)
        result = {"networks": networks, "devices": sorted(devices), "names": sorted(names)}
        print(json.dumps(result))  # noqa: T201  what the test reads


if __name__ == "__main__":
    BAC0.log_level("silence")
    asyncio.run(discover(*sys.argv[1:]))
