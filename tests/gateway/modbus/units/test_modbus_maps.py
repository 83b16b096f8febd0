"""Every address of every map that comes along: singly, in blocks, across boundaries, against a reference."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.modbus.bank import Bank
from gateway.modbus.units.counters import ConnectionCounters
from gateway.modbus.units.gateway_unit import Gateway, GatewayPlate
from gateway.modbus.units.images import Images
from gateway.modbus.units.subjects import Meters, PulseHubs, Subjects
from register_maps.loader import load, names
from register_maps.model import Serves, Table
from sims.points import HUB_POINTS, Kind
from tests.support.map_cells import Cells, cells_of
from tests.support.snapshots import nameplates, snapshot_of

FUNCTIONS = {1: Table.COIL, 2: Table.DISCRETE, 3: Table.HOLDING, 4: Table.INPUT}
METERS = [replace(meter, ct_a=meter.ct_a * 10**k) for k, meter in enumerate(nameplates(7))][:5] + nameplates(
    9
)[5:]
SNAPSHOT = snapshot_of(METERS)


def _hub_columns(hubs: int) -> dict[str, Any]:
    random = np.random.default_rng(5)
    return {
        point.name: random.integers(0, 2**40 if point.kind is Kind.TIME else 2**16, hubs)
        for point in HUB_POINTS.values()
        if point.kind is not Kind.NAMEPLATE
    }


def _subjects(serves: Serves) -> tuple[Subjects, Mapping[str, Any]]:
    """Return whom a map describes, and the columns of one tick."""
    if serves is Serves.METER:
        return Meters(METERS), SNAPSHOT.columns
    if serves is Serves.HUB:
        return PulseHubs(50), _hub_columns(3)
    gateway = Gateway(GatewayPlate("plant-a", "Plant A", 9, 1), ConnectionCounters(3, 9, 2, 1))
    return gateway, gateway.columns(SNAPSHOT)


@cache
def _served(name: str) -> tuple[Bank, list[Cells]]:
    """Return a bank of one map, and what the reference says of the cells of each of its units."""
    register_map = load(name)
    subjects, columns = _subjects(register_map.serves)
    images = Images([register_map], subjects)
    images.show(columns)
    units = len(subjects.services)
    cells = []
    for row in range(units):
        held = {key: values[row].item() for key, values in (*subjects.fixed.items(), *columns.items())}
        cells.append(cells_of(register_map.of(subjects.services[row]).entries, held))
    return Bank(images, range(units)), cells


def _wanted(cells: Cells, function: int, address: int, count: int) -> bytes:
    """Return the answer that the specification has for a plain read."""
    most = 2000 if function in {1, 2} else 125
    if not 1 <= count <= most:
        return bytes((function | 0x80, 3))
    found = [cells.get((FUNCTIONS[function], at)) for at in range(address, address + count)]
    if None in found:
        return bytes((function | 0x80, 2))
    data = b"".join(each for each in found if each)
    if function in {1, 2}:
        data = sum(bit << k for k, bit in enumerate(data)).to_bytes((count + 7) // 8, "little")
    return bytes((function, len(data))) + data


def _addresses(cells: Cells, table: Table) -> list[int]:
    return sorted(address for of, address in cells if of is table)


def _edges(addresses: Sequence[int]) -> list[int]:
    """Return the addresses on both sides of every boundary, and those around."""
    mapped = set(addresses)
    edges = [at for at in addresses if at - 1 not in mapped or at + 1 not in mapped]
    return sorted({near for at in (*edges, 0, 65535) for near in range(at - 2, at + 3) if 0 <= near < 65536})


def _same(bank: Bank, unit: int, cells: Cells, read: tuple[int, int, int]) -> None:
    assert bank.answer(unit, struct.pack(">BHH", *read)) == _wanted(cells, *read), (unit, read)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("name", names())
def test_every_address_alone_and_its_neighbours(name: str, function: int) -> None:
    bank, all_cells = _served(name)
    for unit, cells in enumerate(all_cells, 1):
        addresses = _addresses(cells, FUNCTIONS[function])
        for address in {*addresses, *_edges(addresses)}:
            _same(bank, unit, cells, (function, address, 1))


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("name", names())
def test_blocks_inside_up_to_and_across_every_boundary(name: str, function: int) -> None:
    bank, all_cells = _served(name)
    counts = (0, 1, 2, 3, 4, 7, 8, 9, 63, 64, 124, 125, 126, 127, 255, 256, 2000, 2001, 65535)
    for unit, cells in list(enumerate(all_cells, 1))[-2:]:
        addresses = _addresses(cells, FUNCTIONS[function])
        for address in {*addresses[::5], *_edges(addresses)}:
            for count in counts:
                _same(bank, unit, cells, (function, address, count))


@pytest.mark.parametrize("name", names())
def test_the_whole_map_in_the_longest_reads(name: str) -> None:
    bank, all_cells = _served(name)
    for unit, cells in enumerate(all_cells, 1):
        for function, table in FUNCTIONS.items():
            addresses = _addresses(cells, table)
            for address in range(min(addresses, default=0), max(addresses, default=0) + 1, 125):
                _same(bank, unit, cells, (function, address, 125))


@pytest.mark.parametrize("name", names())
def test_a_map_has_something_and_no_two_units_are_alike(name: str) -> None:
    bank, all_cells = _served(name)
    assert all(all_cells)
    assert len({tuple(cells.items()) for cells in all_cells}) == len(all_cells)
    assert bank.answer(len(all_cells) + 1, struct.pack(">BHH", 3, 0, 1)) == b"\x83\x0b"


@given(
    st.sampled_from(names()),
    st.sampled_from(sorted(FUNCTIONS)),
    st.integers(0, 65535) | st.integers(0, 700) | st.integers(39990, 40300),
    st.integers(0, 130) | st.integers(0, 65535),
)
def test_any_read_is_what_the_reference_says(name: str, function: int, address: int, count: int) -> None:
    bank, all_cells = _served(name)
    for unit, cells in enumerate(all_cells, 1):
        _same(bank, unit, cells, (function, address, count))


def test_maps_beside_each_other_show_what_each_shows_alone() -> None:
    maps = [load(name) for name in ("native", "sunspec", "schneider-iem3000")]
    subjects = Meters(METERS)
    images = Images(maps, subjects)
    images.show(SNAPSHOT.columns)
    bank = Bank(images, range(len(METERS)))
    for unit in range(1, len(METERS) + 1):
        together: Cells = {}
        for each in maps:
            together |= _served(each.name)[1][unit - 1]
        for function, table in FUNCTIONS.items():
            for address in _edges(_addresses(together, table)):
                for count in (1, 2, 125):
                    _same(bank, unit, together, (function, address, count))


def test_ports_with_the_same_map_share_its_image() -> None:
    subjects, sunspec = Meters(METERS), load("sunspec")
    first = Images([load("native"), sunspec], subjects)
    second = Images([sunspec, load("eastron-sdm630")], subjects, [first])
    assert second._parts[0] is first._parts[1]
    assert second._parts[1] not in first._parts
