"""A running station with pulse hubs, as clients written by others see and set them."""

import asyncio
import json
import struct
import subprocess
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path

import pytest
from pymodbus.client import AsyncModbusTcpClient

from gateway.commands import Advance
from gateway.station import Station
from tests.gateway.modbus.conftest import connected, frame, read_frame, station_of

CLIENTS = Path(__file__).parents[2] / "clients"
WATTS = 36_000
REPORT = "Leviton, A8911-23, pulse counter, 23 channel"


def _station(folder: Path) -> AbstractAsyncContextManager[tuple[Station, int]]:
    """Run a real station of 30 meters behind two pulse hubs; give it and its port."""
    meters = {"id": "m{n}", "count": 30, "model": "series-2000-277-480", "ct_a": 100, "accuracy": "ideal"}
    load = {"load": {"kw": WATTS // 1000}}
    return station_of(folder, {"modbus": {"maps": ["a8911-23"]}, "meters": [meters | load]})


async def test_a_hub_counts_the_pulses_of_its_meters_and_as_it_is_set(tmp_path: Path) -> None:
    async with _station(tmp_path) as (station, port), connected(port) as client:
        assert station.control.ready()["modbus"][0]["units"] == [1, 2]
        kyz = frame(bytes.fromhex("0603f60002"), 2)
        assert await client.ask(kyz) == kyz
        await station.control.apply(Advance(1000))  # 36 kW for 1000 s are 10 kWh
        first = await client.ask(read_frame(3, 0, 46, 1))
        second = await client.ask(read_frame(3, 0, 46, 2))
        assert [int.from_bytes(first[9 + 4 * k :][:4]) for k in range(23)] == [1000] * 23
        assert [int.from_bytes(second[9 + 4 * k :][:4]) for k in range(23)] == [
            1000,
            2000,
            *[1000] * 5,
            *[0] * 16,
        ]
        assert (await client.ask(read_frame(3, 1007, 2, 1)))[9:] == (1000).to_bytes(4)


async def test_the_pymodbus_client_sets_a_hub_by_every_function(tmp_path: Path) -> None:
    async with _station(tmp_path) as (_, port), AsyncModbusTcpClient("127.0.0.1", port=port) as client:
        one = await client.write_register(1013, 2, device_id=2)
        assert (one.isError(), one.registers) == (False, [2])
        several = await client.write_registers(1014, [0x12, 7], device_id=2)
        assert (several.isError(), several.address, several.count) == (False, 1014, 2)
        mask = await client.mask_write_register(address=1014, and_mask=0xF2, or_mask=0x25, device_id=2)
        assert (mask.isError(), mask.and_mask, mask.or_mask) == (False, 0xF2, 0x25)
        beside = await client.readwrite_registers(
            read_address=1012, read_count=4, write_address=1012, values=[500], device_id=2
        )
        assert beside.registers == [500, 2, 0x17, 7]
        for address, value, code in ((1013, 3, 3), (1010, 1, 2), (0, 0, 2), (2000, 0, 2)):
            refused = await client.write_register(address, value, device_id=2)
            assert (refused.isError(), refused.exception_code) == (True, code)
        report = await client.report_device_id(device_id=2)
        assert report.identifier[:2] == b"\x2f\xff"


async def test_masks_that_come_at_once_are_all_obeyed(tmp_path: Path) -> None:
    async with _station(tmp_path) as (_, port), AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(connected(port)) for _ in range(8)]
        masks = [frame(struct.pack(">BHHH", 22, 1014, 0xFFFF ^ 1 << k, 1 << k), 2) for k in range(8)]
        said = await asyncio.gather(*(each.ask(mask) for each, mask in zip(clients, masks, strict=True)))
        assert said == masks
        assert (await clients[0].ask(read_frame(3, 1014, 1, 2)))[9:] == b"\0\xff"


async def test_the_pymodbus_client_runs_diagnostics(tmp_path: Path) -> None:
    async with _station(tmp_path) as (_, port), AsyncModbusTcpClient("127.0.0.1", port=port) as client:
        assert (await client.diag_query_data(b"hello!", device_id=1)).message == b"hello!"
        assert (await client.diag_clear_counters(device_id=1)).message == 0
        assert (await client.write_register(0, 0, device_id=1)).isError()
        assert (await client.diag_read_bus_exception_error_count(device_id=1)).message == 1
        assert (await client.diag_read_device_message_count(device_id=1)).message == 3
        assert (await client.diag_read_bus_message_count(device_id=1)).message == 4
        for ask in (
            client.diag_read_bus_comm_error_count,
            client.diag_read_device_no_response_count,
            client.diag_read_device_nak_count,
            client.diag_read_device_busy_count,
            client.diag_read_bus_char_overrun_count,
            client.diag_clear_overrun_counter,
        ):
            assert (await ask(device_id=1)).message == 0
        assert (await client.diag_read_diagnostic_register(device_id=1)).message == 0b1101
        assert (await client.diag_restart_communication(True, device_id=1)).message in (0xFF00, [0xFF00])


async def test_the_pymodbus_client_reads_an_identity_of_several_answers(tmp_path: Path) -> None:
    async with _station(tmp_path) as (_, port), AsyncModbusTcpClient("127.0.0.1", port=port) as client:
        for unit, name in ((2, b"A8911-23"), (255, b"metergate"), (0, b"metergate")):
            answer = await client.read_device_information(read_code=3, device_id=unit)
            assert answer.information[1] == name
            assert 0x80 in answer.information
            assert answer.conformity == 0x83


@pytest.mark.real_client("node", "npm:modbus-serial")
async def test_modbus_serial_sets_a_hub(tmp_path: Path) -> None:
    async with _station(tmp_path) as (_, port):
        process = await asyncio.create_subprocess_exec(
            "node",
            "modbus_hub.cjs",
            str(port),
            "2",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=CLIENTS,
        )
        output, _ = await asyncio.wait_for(process.communicate(), 30)
        assert process.returncode == 0, output.decode()
    said = json.loads(output)
    assert said["report"][:2] == [47, True]
    assert said["report"][2].startswith(REPORT)
    assert said["identity"]["1"] == "A8911-23"
    assert said["identity"]["6"] == "Meters 24 to 30"
    assert said["single"] == {"address": 1013, "value": 2}
    assert said["several"] == {"address": 1014, "length": 2}
    assert said["mask"] == {"address": 1014, "andMask": 0xF2, "orMask": 0x25}
    assert said["beside"] == said["after"] == [500, 2, 0x1234 & 0xF2 | 0x25 & ~0xF2, 7]
    assert (said["range"], said["counts"]) == (3, 2)
    assert said["gateway"] == [0, 30]


@pytest.mark.real_client("mbpoll")
async def test_mbpoll_sets_a_hub(tmp_path: Path) -> None:
    async with _station(tmp_path) as (_, port), connected(port) as client:
        for values in (["2"], ["1", "9", "5"]):
            command = [
                "mbpoll",
                "-0",
                "-p",
                str(port),
                "-a",
                "2",
                "-r",
                "1013",
                "-t",
                "4",
                "127.0.0.1",
                *values,
            ]
            process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
            output, _ = await asyncio.wait_for(process.communicate(), 30)
            assert process.returncode == 0, output.decode()
            written = (await client.ask(read_frame(3, 1013, len(values), 2)))[9:]
            assert written == b"".join(int(value).to_bytes(2) for value in values)
