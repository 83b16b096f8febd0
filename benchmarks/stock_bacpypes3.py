"""The peer in Python: bacpypes3's own server with the objects that are read. Run with a port to serve on."""

import asyncio
import sys

from bacpypes3.app import Application  # type: ignore[import-untyped]
from bacpypes3.local.analog import AnalogInputObject  # type: ignore[import-untyped]
from bacpypes3.local.binary import BinaryInputObject  # type: ignore[import-untyped]
from bacpypes3.local.device import DeviceObject  # type: ignore[import-untyped]
from bacpypes3.local.multistate import MultiStateInputObject  # type: ignore[import-untyped]
from bacpypes3.local.networkport import NetworkPortObject  # type: ignore[import-untyped]
from bacpypes3.local.object import Object as LocalObject  # type: ignore[import-untyped]
from bacpypes3.object import AccumulatorObject  # type: ignore[import-untyped]


class LocalAccumulator(LocalObject, AccumulatorObject):  # type: ignore[misc]  # bacpypes3 has no types
    """bacpypes3 has no local accumulator of its own."""


def _objects(port: int) -> list[object]:
    flags = {"statusFlags": [0, 0, 0, 0], "eventState": "normal", "outOfService": False}
    pulses = {"scale": {"integerScale": 0}, "units": "kilowatt-hours", "maxPresValue": 2**32 - 1}
    analog = [
        AnalogInputObject(
            objectIdentifier=("analog-input", k),
            objectName=f"ai{k}",
            presentValue=k / 7,
            units="volts",
            **flags,
        )
        for k in range(1, 11)
    ]
    binary = [
        BinaryInputObject(
            objectIdentifier=("binary-input", k),
            objectName=f"bi{k}",
            presentValue="active",
            polarity="normal",
            **flags,
        )
        for k in (1, 2, 3)
    ]
    return [
        DeviceObject(objectIdentifier=("device", 1), objectName="stock", vendorIdentifier=999),
        NetworkPortObject(f"127.0.0.1:{port}", objectIdentifier=("network-port", 1), objectName="port"),
        LocalAccumulator(
            objectIdentifier=("accumulator", 1), objectName="acc", presentValue=123_456, **flags, **pulses
        ),
        *analog,
        *binary,
        MultiStateInputObject(
            objectIdentifier=("multi-state-input", 1),
            objectName="msi",
            presentValue=2,
            numberOfStates=5,
            **flags,
        ),
    ]


async def main(port: int) -> None:
    """Serve until the process is ended."""
    Application.from_object_list(_objects(port))
    await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
