"""What units answer, byte by byte: every address, every boundary, every refusal."""

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.modbus.bank import Bank
from gateway.modbus.pdu import WRITES
from gateway.modbus.units.images import Images
from gateway.modbus.units.subjects import Meters
from register_maps.loader import load, load_file
from tests.gateway.modbus.conftest import bank_of, frame, read_frame, reference
from tests.support.snapshots import nameplates, snapshot_of

METERS = nameplates(7)
SNAPSHOT = snapshot_of(METERS)
SPANS = ((0, 64), (100, 128), (200, 247))
ROW = 6
UNIT = 7
KEY = int(SNAPSHOT.columns["key_switch"][ROW])
WORDS = reference(SNAPSHOT, METERS[ROW], ROW, UNIT)


@pytest.fixture(scope="module")
def bank() -> Bank:
    return bank_of(METERS, SNAPSHOT)


def _ask(bank: Bank, request: bytes) -> bytes:
    answer = bank.answer(request[6], request[7:])
    assert isinstance(answer, bytes)
    return frame(answer, request[6])[2:]


def _registers(function: int, address: int, count: int) -> bytes:
    """Return what the contract says of such a read."""
    if not 1 <= count <= 125:
        pdu = bytes((function | 0x80, 3))
    elif not all(at in WORDS for at in range(address, address + count)):
        pdu = bytes((function | 0x80, 2))
    else:
        data = b"".join(WORDS[at] for at in range(address, address + count))
        pdu = bytes((function, len(data))) + data
    return frame(pdu, UNIT)[2:]


def _bits(function: int, values: list[int], address: int, count: int) -> bytes:
    if not 1 <= count <= 2000:
        return frame(bytes((function | 0x80, 3)), UNIT)[2:]
    if address + count > len(values):
        return frame(bytes((function | 0x80, 2)), UNIT)[2:]
    number = sum(bit << i for i, bit in enumerate(values[address : address + count]))
    data = number.to_bytes((count + 7) // 8, "little")
    return frame(bytes((function, len(data))) + data, UNIT)[2:]


def test_the_reference_maps_what_the_contract_maps() -> None:
    assert sorted(WORDS) == [at for first, end in SPANS for at in range(first, end)]


@pytest.mark.parametrize("function", [3, 4])
def test_every_address_alone(bank: Bank, function: int) -> None:
    for address in (*range(300), *range(1000, 65536, 997), 65535):
        answer = _ask(bank, read_frame(function, address, 1, UNIT))
        assert answer == _registers(function, address, 1), address


def test_every_block_inside_over_and_across_the_gaps(bank: Bank) -> None:
    for address in range(250):
        for count in (*range(1, 70), 99, 100, 124, 125):
            answer = _ask(bank, read_frame(3, address, count, UNIT))
            assert answer == _registers(3, address, count), (address, count)


@pytest.mark.parametrize("function", [3, 4])
@pytest.mark.parametrize("count", [0, 126, 127, 255, 256, 65535])
def test_a_count_of_registers_out_of_range_answers_0x03(bank: Bank, function: int, count: int) -> None:
    assert _ask(bank, read_frame(function, 0, count, UNIT)) == _registers(function, 0, count)
    assert _ask(bank, read_frame(function, 9999, count, UNIT))[-1] == 3


def _flag_bits() -> list[int]:
    flags = int(SNAPSHOT.columns["flags"][ROW])
    return [flags >> bit & 1 for bit in range(16)]


def _bit_reads() -> Iterator[tuple[int, int]]:
    yield from ((address, count) for address in range(20) for count in range(20))
    yield from ((0, 2000), (0, 2001), (0, 65535), (65535, 1), (65535, 2))


def test_discrete_inputs_in_every_block(bank: Bank) -> None:
    for address, count in _bit_reads():
        answer = _ask(bank, read_frame(2, address, count, UNIT))
        assert answer == _bits(2, _flag_bits(), address, count), (address, count)


def test_coils_in_every_block(bank: Bank) -> None:
    for address, count in _bit_reads():
        answer = _ask(bank, read_frame(1, address, count, UNIT))
        assert answer == _bits(1, [KEY, 0], address, count), (address, count)


@pytest.mark.parametrize("address", [65410, 65411, 65412, 65535])
def test_a_block_past_the_last_address_answers_0x02(bank: Bank, address: int) -> None:
    for function in (1, 2, 3, 4):
        assert (
            _ask(bank, read_frame(function, address, 125, UNIT)).hex() == f"00000003{UNIT:02x}8{function}02"
        )


@pytest.mark.parametrize("unit", [0, 8, 9, 247, 248, 254, 255])
@pytest.mark.parametrize(
    "pdu", ["0300000001", "0400000001", "0100000001", "0300000000", "03", "63", "2b0e0100", "0600000001"]
)
def test_an_unknown_unit_answers_0x0b_whatever_it_is_asked(bank: Bank, unit: int, pdu: str) -> None:
    answer = _ask(bank, frame(bytes.fromhex(pdu), unit))
    assert answer.hex() == f"00000003{unit:02x}{int(pdu[:2], 16) | 0x80:02x}0b"


@pytest.mark.parametrize("function", [f for f in range(256) if f not in {1, 2, 3, 4, 0x11, 0x2B, *WRITES}])
@pytest.mark.parametrize("rest", ["", "00000001", "ff" * 252])
def test_an_unknown_function_answers_0x01(bank: Bank, function: int, rest: str) -> None:
    answer = _ask(bank, frame(bytes((function,)) + bytes.fromhex(rest), UNIT))
    assert answer.hex() == f"00000003{UNIT:02x}{function | 0x80:02x}01"


@pytest.mark.parametrize("function", [1, 2, 3, 4])
@pytest.mark.parametrize("rest", ["", "00", "000000", "0000000100", "00" * 252])
def test_a_plain_read_of_the_wrong_length_answers_0x03(bank: Bank, function: int, rest: str) -> None:
    answer = _ask(bank, frame(bytes((function,)) + bytes.fromhex(rest), UNIT))
    assert answer.hex() == f"00000003{UNIT:02x}8{function}03"


def test_every_meter_answers_with_its_own_values(bank: Bank) -> None:
    for row, meter in enumerate(METERS):
        words = reference(SNAPSHOT, meter, row, row + 1)
        for first, end in SPANS:
            answer = _ask(bank, read_frame(4, first, end - first, row + 1))
            assert answer[7:] == b"".join(words[at] for at in range(first, end))


def test_a_quantity_that_the_model_lacks_reads_nan(bank: Bank) -> None:
    assert _ask(bank, read_frame(3, 4, 2, 1))[7:].hex() == "7fc00000"


def test_the_units_of_a_later_port_are_the_later_meters() -> None:
    meters = nameplates(250)
    snapshot = snapshot_of(meters)
    images = Images([load("native")], Meters(meters))
    images.show(snapshot.columns)
    later = Bank(images, range(247, 250))
    words = reference(snapshot, meters[248], 248, 2)
    assert _ask(later, read_frame(3, 200, 47, 2))[7:] == b"".join(words[at] for at in range(200, 247))
    assert _ask(later, read_frame(3, 0, 1, 4)).hex() == "0000000304830b"


def test_a_map_is_encoded_when_it_is_first_read_in_a_tick_and_then_no_more() -> None:
    images = Images([load("native")], Meters(METERS))
    bank = Bank(images, range(7))

    def encoded() -> bytes | None:
        return images._parts[0].images[0]._encoded

    images.show(SNAPSHOT.columns)
    _ask(bank, read_frame(3, 64, 1))
    assert encoded() is None
    _ask(bank, read_frame(3, 0, 1))
    first = encoded()
    assert first is not None
    _ask(bank, read_frame(2, 0, 16, 3))
    images.show(SNAPSHOT.columns)
    assert encoded() is first
    images.show(dict(SNAPSHOT.columns))
    assert encoded() is None


def test_two_maps_on_one_unit_are_read_as_one_where_they_touch(tmp_path: Path) -> None:
    file = tmp_path / "beside.yaml"
    file.write_text(
        "name: beside\ndescription: beside native\nsource: here\nentries:\n"
        "  - {address: 64, type: u32, point: energy, scale: 1}\n"
        "  - {address: 16, table: discrete, type: bit, constant: 1, description: one}\n"
    )
    images = Images([load("native"), load_file(file)], Meters(METERS))
    images.show(SNAPSHOT.columns)
    bank = Bank(images, range(7))
    energy = struct.pack(">I", int(SNAPSHOT.columns["energy"][ROW]) // 3_600_000_000 % 2**32)
    assert _ask(bank, read_frame(3, 62, 4, UNIT))[7:] == WORDS[62] + WORDS[63] + energy
    assert _ask(bank, read_frame(3, 62, 5, UNIT)).hex() == f"00000003{UNIT:02x}8302"
    assert _ask(bank, read_frame(2, 0, 17, UNIT)) == _bits(2, [*_flag_bits(), 1], 0, 17)
