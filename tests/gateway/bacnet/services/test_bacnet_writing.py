"""Writes: which become commands, what they are answered, and what becomes of those that wait."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from gateway.bacnet.delivery.pending import MOST_OF_ONE, MOST_PENDING
from gateway.bacnet.wire import network as net
from gateway.bacnet.wire.bvlc import Address
from gateway.commands import Advance, ResetPeak, TurnKey
from gateway.config.reader import load_config
from gateway.station import Station

RIGHT, HOME = TurnKey(1, "right"), TurnKey(1, "home")
RESET = ResetPeak(1)
TURN_RIGHT = "0c01400001 1955 3e91013f"
TURN_HOME = "0c01400001 1955 3e91003f"
RESET_PEAK = "0c01400002 1955 3e91013f"
ONE_METER = """
clock: {mode: manual}
bacnet: {port: 0}
modbus: {enabled: false}
mqtt: {enabled: false}
http: {enabled: false}
meters:
  - {id: one, model: series-2000-277-480, options: [demand, peak_reset], load: {kw: 30}}
"""
WITHOUT_SUPPLY = ONE_METER.replace("load:", "wiring: {v1: {open: true}}, load:")


@pytest.mark.parametrize(
    ("request_octets", "commands"),
    [
        (TURN_RIGHT, [RIGHT]),
        (TURN_HOME, [HOME]),
        (RESET_PEAK, [RESET]),
        ("0c01400002 1955 3e91003f", []),
        (TURN_RIGHT + "4901", [RIGHT]),
        (TURN_RIGHT + "4906", [RIGHT]),
        (TURN_RIGHT + "4910", [RIGHT]),
        ("0c01400001 1955 3e9200013f", [RIGHT]),
    ],
)
def test_what_is_written_is_applied_and_acknowledged(
    meters: Any, request_octets: str, commands: list[Any]
) -> None:
    assert meters.ask(2, 15, bytes.fromhex(request_octets), invoke=0x2A) == b"\x20\x2a\x0f"
    assert meters.applier.commands == commands


@pytest.mark.parametrize(
    ("request_octets", "answer"),
    [
        ("0c00000001 1955 3e44000000003f 4908", "50010f91029128"),
        ("0c02 0186a2 194d 3e750200413f", "50010f91029128"),
        ("0c01400001 1951 3e113f", "50010f91029128"),
        ("0c01400001 194d 3e750200413f", "50010f91029128"),
        ("0c00000063 1955 3e91013f", "50010f9101911f"),
        ("0c01400003 1955 3e91013f", "50010f9101911f"),
        ("0c00000001 19fe 3e91013f", "50010f91029120"),
        ("0c01400001 1957 3e91013f", "50010f91029120"),
        ("0c01400001 1955 2901 3e91013f", "50010f91029132"),
        ("0c01400001 1955 3e91023f", "50010f91029125"),
        ("0c01400001 1955 3e21013f", "50010f91029109"),
        ("0c01400001 1955 3e113f", "50010f91029109"),
        ("0c01400001 1955 3e003f", "50010f91029109"),
        ("0c01400001 1955 3e09013f", "50010f91029109"),
        ("0c01400001 1955 3e91019101 3f", "50010f91029109"),
        ("0c01400001 1955 3e3f", "50010f91029109"),
        ("0c01400001 1955 3e91013f 4900", "600106"),
        ("0c01400001 1955 3e91013f 4911", "600106"),
        ("0c01400001 1955 3e9101", "600105"),
        ("0c01400001 1955", "600105"),
        ("0c01400001 1955 3e91013f 4908 5901", "600107"),
        ("0c01400001 1955 3e91013f ff", "600107"),
    ],
)
def test_what_cannot_be_written_gets_the_right_error_or_reject(
    meters: Any, request_octets: str, answer: str
) -> None:
    assert meters.ask(2, 15, bytes.fromhex(request_octets)) == bytes.fromhex(answer)
    assert meters.applier.commands == []


def test_the_peak_cannot_be_reset_on_a_meter_without_the_option_but_left_alone(meters: Any) -> None:
    assert meters.ask(1, 15, bytes.fromhex(RESET_PEAK)) == bytes.fromhex("50010f91029128")
    assert meters.ask(1, 15, bytes.fromhex("0c01400002 1955 3e91003f")) == bytes.fromhex("20010f")
    assert meters.applier.commands == []


def test_what_the_station_refuses_is_an_operational_problem_of_the_device(meters: Any) -> None:
    meters.applier.refuse()
    assert meters.ask(2, 15, bytes.fromhex(RESET_PEAK)) == bytes.fromhex("50010f91009119")
    several = bytes.fromhex("0c01400002 1e 0955 2e91012f 1f")
    assert meters.ask(2, 16, several) == bytes.fromhex("5001100e910091190f1e0c0140000219551f")


@pytest.mark.parametrize(
    ("request_octets", "answer", "commands"),
    [
        ("0c01400001 1e 0955 2e91012f 0955 2e91002f 3908 1f", "200110", [RIGHT, HOME]),
        ("0c01400001 1e 0955 2e91012f 1f 0c01400002 1e 0955 2e91012f 1f", "200110", [RIGHT, RESET]),
        (
            "0c01400001 1e 0955 2e91012f 1f 0c00000001 1e 0955 2e91012f 1f 0c01400001 1e 0955 2e91002f 1f",
            "5001100e910291280f1e0c0000000119551f",
            [RIGHT],
        ),
        (
            "0c01400001 1e 0955 2e91012f 0955 1901 2e91012f 1f",
            "5001100e910291320f1e0c01400001195529011f",
            [RIGHT],
        ),
        ("0c00000063 1e 0955 1901 2e91012f 3908 1f", "5001100e9101911f0f1e0c00000063195529011f", []),
        ("0c023fffff 1e 094d 2e750200412f 1f", "5001100e910291280f1e0c020186a2194d1f", []),
        ("0c01400001 1e 0955 2e91012f 1f 0c01400001 1e 1f", "600104", []),
        ("0c01400001 1e 0955 2e91012f 1f 0c", "600105", []),
        ("0c01400001 1e 0955 2e91012f 3911 1f", "600106", []),
        ("0c00000001 1e 1f", "600104", []),
        ("", "600105", []),
    ],
)
def test_several_writes_are_applied_in_order_up_to_the_first_that_fails(
    meters: Any, request_octets: str, answer: str, commands: list[Any]
) -> None:
    assert meters.ask(2, 16, bytes.fromhex(request_octets)) == bytes.fromhex(answer)
    assert meters.applier.commands == commands
    assert meters.applier.together == [len(commands)] * bool(commands)


def test_the_key_is_seen_where_it_is_and_the_reset_never_active(meters: Any) -> None:
    assert [meters.read(meter, 5, 1, 85) for meter in (1, 2, 3)] == [b"\x91\x01", b"\x91\x00", b"\x91\x01"]
    assert [meters.read(meter, 5, 2, 85) for meter in (1, 2, 3)] == [b"\x91\x00"] * 3


def to_meter(apdu: str, invoke: int = 1, instance: int = 100_002) -> bytes:
    """Return the datagram with a request, given from its service choice on, to a meter."""
    head = bytes.fromhex("012403e803") + instance.to_bytes(3, "big") + bytes.fromhex("ff0275")
    return net.datagram(head + bytes((invoke,)) + bytes.fromhex(apdu))


def from_meter(apdu: str) -> bytes:
    return net.datagram(bytes.fromhex("010803e8030186a2" + apdu))


async def test_a_write_is_answered_when_it_is_applied_and_reads_go_on_meanwhile(
    serve: Any, client: Any, applier: Any
) -> None:
    adapter = await serve()
    applier.open.clear()
    await client.send(to_meter("0f" + TURN_RIGHT), adapter)
    assert (await client.ask(to_meter("0c0c014000011955", 2), adapter))[12:14] == b"\x30\x02"
    assert applier.commands == [RIGHT]
    applier.open.set()
    assert await client.receive() == from_meter("20010f")


async def test_what_an_asker_repeats_while_it_waits_is_dropped(serve: Any, client: Any, applier: Any) -> None:
    adapter = await serve()
    applier.open.clear()
    for _ in range(3):
        await client.send(to_meter("0f" + TURN_RIGHT), adapter)
    await client.send(to_meter("0f" + TURN_HOME, 2), adapter)
    await client.send(to_meter("0f" + TURN_RIGHT, instance=100_003), adapter)
    await client.ask(to_meter("0c0c014000011955", 3), adapter)
    assert applier.commands == [RIGHT, HOME, TurnKey(2, "right")]
    applier.open.set()
    assert [(await client.receive())[-3:] for _ in range(3)] == [
        b"\x20\x01\x0f",
        b"\x20\x02\x0f",
        b"\x20\x01\x0f",
    ]
    assert await client.ask(to_meter("0f" + TURN_RIGHT), adapter) == from_meter("20010f")


async def test_more_writes_than_may_wait_are_aborted(make_adapter: Any, applier: Any) -> None:
    adapter = make_adapter()
    await adapter.start()
    sent: asyncio.Queue[tuple[bytes, Address]] = asyncio.Queue()
    adapter._host._sender.sendto = lambda *what: sent.put_nowait(what)
    applier.open.clear()
    for port in (1, 2, 3, 4):
        for invoke in range(MOST_OF_ONE + 1):
            adapter._host._plain.receive(to_meter("0f" + TURN_RIGHT, invoke), ("127.0.0.1", port))
    adapter._host._plain.receive(to_meter("0f" + TURN_RIGHT, 7), ("127.0.0.1", 5))
    refused = [(from_meter(f"71{MOST_OF_ONE:02x}09"), ("127.0.0.1", port)) for port in (1, 2, 3, 4)]
    refused.append((from_meter("710709"), ("127.0.0.1", 5)))
    assert [sent.get_nowait() for _ in refused] == refused
    assert sent.empty()
    applier.open.set()
    applied = [await sent.get() for _ in range(MOST_PENDING)]
    assert len(set(applied)) == MOST_PENDING
    adapter._host._plain.receive(to_meter("0f" + TURN_RIGHT, 9), ("127.0.0.1", 1))
    assert await sent.get() == (from_meter("20090f"), ("127.0.0.1", 1))
    await adapter.stop()


async def test_a_write_that_fails_unforeseen_is_logged_and_its_asker_told(
    serve: Any, client: Any, applier: Any, caplog: pytest.LogCaptureFixture
) -> None:
    adapter = await serve()
    applier.refusal = ZeroDivisionError()
    assert await client.ask(to_meter("0f" + TURN_RIGHT), adapter) == from_meter("710100")
    assert [record.message for record in caplog.records] == ["a write is given up"]


async def test_what_waits_ends_with_the_adapter(serve: Any, client: Any, applier: Any) -> None:
    adapter = await serve()
    applier.open.clear()
    await client.send(to_meter("0f" + TURN_RIGHT), adapter)
    await client.ask(to_meter("0c0c014000011955", 2), adapter)
    before = asyncio.all_tasks()
    await asyncio.wait_for(adapter.stop(), 1)
    assert len(asyncio.all_tasks()) == len(before) - 1


class Bms:
    """Reads and writes the first meter of a station over BACnet, waiting for every answer."""

    def __init__(self, station: Station, client: Any) -> None:
        self._client = client
        self._bacnet = next(adapter for adapter in station.control.hub.adapters if adapter.name == "bacnet")

    async def read(self, thing: str, attribute: int = 85) -> bytes:
        """Return a property of an object, the same datagram every time."""
        asked = to_meter(f"0c0c{thing}19{attribute:02x}", instance=100_001)
        answer: bytes = await self._client.ask(asked, self._bacnet)
        return answer[answer.index(b"\x3e") + 1 : -1]

    async def write(self, what: str, service: str = "0f") -> bytes:
        """Write a property and return the answer's APDU."""
        answer: bytes = await self._client.ask(to_meter(service + what, instance=100_001), self._bacnet)
        return answer[12:]

    async def write_multiple(self, what: str) -> bytes:
        """Write several properties and return the answer's APDU."""
        return await self.write(what, "10")


async def test_the_key_turned_over_bacnet_while_the_peak_is_shown_resets_it(
    tmp_path: Path, client: Any
) -> None:
    (tmp_path / "one.yaml").write_text(ONE_METER)
    screen, peak, key = "03400001", "00000004", "01400001"
    async with Station(load_config(tmp_path / "one.yaml"), None) as station:
        running, bms = asyncio.create_task(station.run()), Bms(station, client)
        await station.control.apply(Advance(301))
        while await bms.read(screen) != b"\x21\x04":
            await station.control.apply(Advance(1))
        first = await bms.read(peak)
        assert await bms.read(key) == b"\x91\x00"
        assert await bms.write(TURN_RIGHT) == bytes.fromhex("20010f")
        assert await bms.read(key) == b"\x91\x01"
        await station.control.apply(Advance(0.5))
        assert await bms.read(peak) == first != b"\x44\x00\x00\x00\x00"
        assert await bms.write(TURN_HOME) == bytes.fromhex("20010f")
        assert await bms.read(key) == b"\x91\x00"
        assert await bms.read(peak) == b"\x44\x00\x00\x00\x00"
        await station.control.apply(Advance(300))
        assert await bms.read(peak) != b"\x44\x00\x00\x00\x00"
        assert await bms.write(RESET_PEAK) == bytes.fromhex("20010f")
        assert await bms.read(peak) == b"\x44\x00\x00\x00\x00"
        running.cancel()


async def test_a_meter_without_supply_turns_its_key_but_resets_nothing(tmp_path: Path, client: Any) -> None:
    (tmp_path / "dead.yaml").write_text(WITHOUT_SUPPLY)
    async with Station(load_config(tmp_path / "dead.yaml"), None) as station:
        running, bms = asyncio.create_task(station.run()), Bms(station, client)
        assert await bms.write(RESET_PEAK) == bytes.fromhex("50010f91009119")
        assert await bms.write(TURN_RIGHT) == bytes.fromhex("20010f")
        assert await bms.read("01400001") == b"\x91\x01"
        running.cancel()


async def test_what_the_station_refuses_ends_a_request_and_what_came_before_it_is_done(
    tmp_path: Path, client: Any
) -> None:
    (tmp_path / "dead.yaml").write_text(WITHOUT_SUPPLY)
    async with Station(load_config(tmp_path / "dead.yaml"), None) as station:
        running, bms = asyncio.create_task(station.run()), Bms(station, client)
        steps = (
            "0c00000005 1e 0916 2e 4442480000 2f 1f",
            "0c01400001 1e 0955 2e91012f 1f",
            "0c01400002 1e 0955 2e91012f 1f",
            "0c01400001 1e 0955 2e91002f 1f",
            "0c00000006 1e 0916 2e 4442480000 2f 1f",
        )
        refused = bytes.fromhex("500110 0e 91009119 0f 1e 0c01400002 1955 1f")
        assert await bms.write_multiple("".join(steps)) == refused
        assert await bms.read("01400001") == b"\x91\x01"
        assert await bms.read("00000005", 22) == bytes.fromhex("4442480000")
        assert await bms.read("00000006", 22) != bytes.fromhex("4442480000")
        running.cancel()


async def test_all_writes_of_one_request_are_applied_at_one_tick(tmp_path: Path, client: Any) -> None:
    (tmp_path / "one.yaml").write_text(ONE_METER)
    async with Station(load_config(tmp_path / "one.yaml"), None) as station:
        running, bms = asyncio.create_task(station.run()), Bms(station, client)
        before = station.control.clock_state().tick.number
        there_and_back = "0955 2e91012f 0955 2e91002f"
        both = f"0c01400001 1e {there_and_back} 1f 0c01400002 1e 0955 2e91012f 1f"
        assert await bms.write_multiple(both) == bytes.fromhex("200110")
        assert station.control.clock_state().tick.number == before + 1
        running.cancel()
