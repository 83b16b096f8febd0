"""The SunSpec Alliance's own client scans and reads meters over every transport that it has."""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sunspec2.modbus.client import (  # type: ignore[import-untyped]  # has no types
    SunSpecModbusClientDeviceRTU,
    SunSpecModbusClientDeviceTCP,
)

from gateway.tls_files import server_context
from gateway.transports import NetworkListener, TlsListener
from tests.gateway.modbus.conftest import Serve, line_at, ports_of
from tests.support.certificates import Authority, role_extension
from tests.support.snapshots import nameplates, snapshot_of

MAPS = ("native", "sunspec")
METERS = nameplates(7)
SNAPSHOT = snapshot_of(METERS)
MODELS = {"1-phase-2-wire": 201, "split-phase-3-wire": 202, "network-3-wire": 202, "wye-4-wire": 203}
POINTS = {"W": "active_power", "VA": "apparent_power", "VAR": "reactive_power", "Hz": "frequency"}
AT_UNIT = 7


def _scan(device: Any) -> None:
    """Scan a meter and compare what is in its models with the snapshot."""
    device.scan()
    try:
        meter, row = METERS[AT_UNIT - 1], AT_UNIT - 1
        whole = MODELS[meter.model.service.key]
        assert [number for number in device.models if isinstance(number, int)] == [1, whole, whole + 10]
        common = device.models[1][0]
        assert (common.Mn.cvalue, common.SN.cvalue, common.DA.cvalue) == ("Leviton", meter.serial, AT_UNIT)
        for name, point in POINTS.items():
            wanted = float(np.float32(SNAPSHOT.columns[point][row]))
            assert getattr(device.models[whole + 10][0], name).cvalue == pytest.approx(wanted, nan_ok=True)
    finally:
        device.close()


async def test_pysunspec2_scans_over_tcp(serve: Serve) -> None:
    (port,) = ports_of(await serve(METERS, listeners=[NetworkListener("tcp", 0, MAPS, "port")]))
    await asyncio.to_thread(_scan, SunSpecModbusClientDeviceTCP(AT_UNIT, "127.0.0.1", port, 5.0))


async def test_pysunspec2_scans_over_tls(serve: Serve, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.issue("server")
    context = server_context(certificate=certificate, key=key, client_ca=authority.file)
    (port,) = ports_of(await serve(METERS, listeners=[TlsListener(0, MAPS, "port", context, ("operator",))]))
    mine, secret = authority.issue("ann", role=role_extension("operator"))
    device = SunSpecModbusClientDeviceTCP(
        AT_UNIT,
        "127.0.0.1",
        port,
        5.0,
        tls=True,
        cafile=str(authority.file),
        certfile=str(mine),
        keyfile=str(secret),
    )
    await asyncio.to_thread(_scan, device)


async def test_pysunspec2_scans_over_a_line(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "meters"
    await serve(METERS, listeners=[line_at(path, baud=115_200, units=7, maps=MAPS)])
    device = await asyncio.to_thread(SunSpecModbusClientDeviceRTU, AT_UNIT, str(path), 115_200)
    await asyncio.to_thread(_scan, device)
