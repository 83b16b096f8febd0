"""The peer in Python: pymodbus's own server, 247 units of 1 000 registers. Run with a port to serve on."""

import asyncio
import sys

from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

UNITS = range(1, 248)


async def main(port: int) -> None:
    """Serve until the process is ended."""
    registers = [SimData(0, count=1000, values=7, datatype=DataType.REGISTERS)]
    devices = [SimDevice(unit, simdata=registers) for unit in UNITS]
    await ModbusTcpServer(devices, address=("127.0.0.1", port)).serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
