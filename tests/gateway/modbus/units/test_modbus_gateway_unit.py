"""Units 255 and 0: the gateway itself, in numbers and by name."""

import struct
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gateway.link_faults import Links
from gateway.modbus.banks import Units
from gateway.modbus.framing.tcp import TcpFraming
from gateway.modbus.line import Line, exchange
from gateway.modbus.units.counters import ConnectionCounters
from gateway.modbus.units.gateway_unit import Gateway, GatewayPlate
from register_maps.loader import load
from sims.points import MJ_PER_WH, NS_PER_S
from tests.gateway.modbus.conftest import frame
from tests.support.snapshots import START, nameplates, snapshot_of

METERS = nameplates(300)


class Served:
    """Two ports of 300 meters with the gateway on both."""

    def __init__(self, *maps: str) -> None:
        self.carried = ConnectionCounters(open=3, accepted=9, refused=2, closed_idle=1)
        self.lines: list[Line] = []
        self.gateway = Gateway(GatewayPlate("plant-a", "Plant A", 300, 2), self.carried, self.lines)
        self.units = Units(METERS, self.gateway, Links("modbus", 1))
        banks = self.units.banks([load(name) for name in maps or ("native",)])
        self.lines += [Line(bank, TcpFraming()) for bank in banks]
        self.show(1)

    def show(self, tick: int, **columns: Any) -> None:
        snapshot = snapshot_of(METERS, tick, **columns)
        self.units.show(snapshot)
        for line in self.lines:
            line.show()

    def ask(self, pdu: str, unit: int = 255, port: int = 0) -> bytes:
        return exchange(frame(bytes.fromhex(pdu), unit), self.lines[port]).output[7:]

    def read(self, form: str, address: int, unit: int = 255) -> Any:
        size = struct.calcsize(form) // 2
        said = self.ask(struct.pack(">BHH", 4, address, size).hex(), unit)
        assert said[:2] == bytes((4, 2 * size))
        return struct.unpack(form, said[2:])[0]


@pytest.fixture
def served() -> Served:
    return Served()


@pytest.mark.parametrize("unit", [255, 0])
def test_the_gateway_shows_its_size_time_and_sums(served: Served, unit: int) -> None:
    energy = np.full(300, 5_000 * MJ_PER_WH + 1)
    power = np.full(300, 1500.0)
    power[0] = np.nan
    flags = np.zeros(300, np.uint16)
    flags[:7] |= 1 << 4
    served.show(61, energy=energy, active_power=power, flags=flags)
    assert served.read(">I", 0, unit) == 300
    assert served.read(">I", 2, unit) == 2
    assert served.read(">I", 4, unit) == 60
    assert served.read(">I", 6, unit) == 61
    assert served.read(">I", 8, unit) == START // NS_PER_S + 61
    assert served.read(">f", 10, unit) == 1.5
    assert served.read(">Q", 20, unit) == 1_500_000
    assert served.read(">f", 24, unit) == 1500
    assert served.read(">f", 26, unit) == 448.5
    assert served.read(">I", 40, unit) == 7
    assert served.ask("0400c80020", unit)[2:].rstrip(b"\0") == b"plant-a"
    assert served.ask("0400e80020", unit)[2:].rstrip(b"\0") == b"Plant A"


def test_the_sum_of_the_largest_counters_does_not_overflow(served: Served) -> None:
    served.show(2, energy=np.full(300, 2**62))
    assert served.read(">Q", 20) == 300 * (2**62 // MJ_PER_WH)


def test_the_gateway_counts_what_all_ports_have_carried_by_the_tick(served: Served) -> None:
    for port, times in ((0, 4), (1, 3)):
        for _ in range(times):
            served.ask("0300000001", 1, port)
    served.ask("0300400001", 1)
    served.ask("0300000001", 99, 1)
    served.show(2)
    assert served.read(">I", 60) == 9
    assert served.read(">I", 62) == 2
    assert [served.read(">I", at) for at in (64, 66, 68)] == [3, 2, 1]
    assert served.read(">I", 60) == 9
    served.show(3)
    assert served.read(">I", 60) == 15


def test_nothing_is_summed_while_nobody_asks(served: Served) -> None:
    class Unread(dict[str, Any]):
        def __missing__(self, name: str) -> Any:
            raise AssertionError(name)

    columns = Unread(snapshot_of(METERS).columns)
    del columns["active_power"]
    served.units.show(replace(snapshot_of(METERS, 2), columns=columns))
    assert served.ask("2b0e0100")[0] == 0x2B
    with pytest.raises(AssertionError, match="active_power"):
        served.ask("0400000002")


@pytest.mark.parametrize(
    ("pdu", "refusal"),
    [
        ("0600000001", "8602"),
        ("050000ff00", "8502"),
        ("0f000000010101", "8f02"),
        ("1000000001020001", "9002"),
        ("1600000000ffff", "9602"),
        ("1700000001000000010200ff", "9702"),
        ("0500000001", "8503"),
        ("0100000001", "8102"),
        ("0200000001", "8202"),
        ("0300000000", "8303"),
        ("03fff00001", "8302"),
        ("07", "8701"),
        ("0b", "8b01"),
    ],
)
@pytest.mark.parametrize("unit", [255, 0])
def test_what_the_gateway_refuses(served: Served, pdu: str, refusal: str, unit: int) -> None:
    assert served.ask(pdu, unit).hex() == refusal


def test_the_gateway_says_who_it_is(served: Served) -> None:
    text = b"metergate, plant-a, gateway, 300 meters"
    for unit in (255, 0):
        assert served.ask("11", unit) == bytes((0x11, 2 + len(text), 0xFF, 0xFF)) + text
        assert served.ask("2b0e0400", unit)[9:] == b"metergate"
        assert served.ask("2b0e0406", unit)[9:] == b"Plant A"
        assert served.ask("2b0e0481", unit)[9:] == b"300"
    assert served.ask("2b0e0403").hex() == "ab02"


def test_units_255_and_0_are_one(served: Served) -> None:
    served.ask("0300000001", 0)
    served.ask("0300000001", 255)
    assert served.ask("08000e0000", 0).hex() == "08000e0003"
    assert served.ask("0800040000", 0) == b""
    assert served.ask("0300000001", 255) == b""
    assert served.ask("0300000001", 1)[0] == 3
    assert served.ask("0800010000", 255) == b""
    assert served.ask("0300000001", 0)[0] == 3


def test_where_a_map_describes_hubs_unit_k_is_hub_k_and_255_the_gateway() -> None:
    served = Served("a8911-23")
    assert [len(line.bank.rows) for line in served.lines] == [14]
    assert served.ask("2b0e0406", 14)[9:] == b"Meters 300 to 300"
    assert served.ask("11", 15).hex() == "910b"
    assert served.read(">I", 0) == 300


def test_several_banks_of_the_same_maps_share_their_images(served: Served) -> None:
    served.units.banks([load("a8911-23")])
    first, second = served.lines
    assert first.bank._images is second.bank._images
    assert first.bank._gateway is second.bank._gateway
