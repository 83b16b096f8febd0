"""Readings as clients written by others see them."""

import json
import re
import struct
import subprocess
from pathlib import Path
from typing import Any

from pymodbus.client import ModbusTcpClient

CLIENTS = Path(__file__).parents[1] / "clients"


def mbpoll(host: str, port: int, unit: int, address: int, kind: str = "4:float") -> list[str]:
    """Read a value at a zero-based address of holding registers, big-endian; return it as printed."""
    command = ["mbpoll", "-0", "-1", "-B", "-q", "-m", "tcp", "-p", str(port), "-a", str(unit)]
    command += ["-r", str(address), "-c", "1", "-t", kind, host]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    return re.findall(r"^\[\d+\]:\s+(\S+)", done.stdout, flags=re.MULTILINE)


def read_words(host: str, port: int, unit: int, address: int, count: int) -> bytes:
    """Read registers with the pymodbus client; return them as they were on the wire."""
    with ModbusTcpClient(host, port=port) as client:
        answer = client.read_input_registers(address, count=count, device_id=unit)
        assert not answer.isError()
        return struct.pack(f">{count}H", *answer.registers)


def mqtt_states(url: str, meters: int) -> dict[str, Any]:
    """Return the retained state of each meter as mosquitto_sub sees it, by meter id."""
    command = [
        "mosquitto_sub",
        "-L",
        f"{url}/metergate/+/+/state",
        "-C",
        str(meters),
        "-W",
        "10",
        "-F",
        "%t %p",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    lines = (line.split(" ", 1) for line in done.stdout.splitlines())
    return {topic.split("/")[2]: json.loads(payload) for topic, payload in lines}


def bacnet_readings(port: int, meters: int) -> dict[int, dict[str, float]]:
    """Find the meters by Who-Is and read energy and demand of each with a JavaScript stack, by instance."""
    script = CLIENTS / "bacnet_js_client.cjs"
    command = ["node", str(script), "127.255.255.255", str(port), str(1 + meters)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    found = json.loads(done.stdout)["meters"]
    return {meter["device"]: {"energy": meter["energy"], "demand": meter["demand"]} for meter in found}


NATIVE_FLOATS = dict(
    zip(
        range(0, 64, 2),
        [
            *("voltage_l1_n", "voltage_l2_n", "voltage_l3_n"),
            *("voltage_l1_l2", "voltage_l2_l3", "voltage_l3_l1"),
            *("current_l1", "current_l2", "current_l3", "current_n"),
            *("active_power_l1", "active_power_l2", "active_power_l3", "active_power"),
            *("reactive_power_l1", "reactive_power_l2", "reactive_power_l3", "reactive_power"),
            *("apparent_power_l1", "apparent_power_l2", "apparent_power_l3", "apparent_power"),
            *("power_factor_l1", "power_factor_l2", "power_factor_l3", "power_factor"),
            *("frequency", "temperature", "energy", "demand", "rolling_demand", "peak_demand"),
        ],
        strict=True,
    )
)
"""Zero-based address of each f32 of the map `native` (the contract's table)."""
