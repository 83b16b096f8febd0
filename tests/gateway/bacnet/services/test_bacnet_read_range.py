"""ReadRange on the trend logs: which records, which flags, and records as bacpypes3 reads them."""

from dataclasses import dataclass, replace
from typing import Any

import pytest
from bacpypes3.apdu import APDU, APCISequence  # type: ignore[import-untyped]
from bacpypes3.basetypes import LogRecord  # type: ignore[import-untyped]
from bacpypes3.constructeddata import ListOf  # type: ignore[import-untyped]
from bacpypes3.pdu import PDU  # type: ignore[import-untyped]

from gateway.bacnet.values.trends import TRENDS
from gateway.bacnet.wire import encoding as enc
from gateway.bacnet.wire.codes import Property

DEMAND = "0c05000001"
ENERGY = "0c05000002"
LOG_BUFFER = "1983"


@dataclass(frozen=True)
class Got:
    """What an answer says: flags (first, last, more), values, and the first sequence number."""

    flags: tuple[int, ...]
    values: list[float]
    first: int | None
    records: list[Any]


def by_position(reference: int, count: int) -> bytes:
    return enc.constructed(3, enc.unsigned(reference) + enc.signed(count))


def by_sequence(reference: int, count: int) -> bytes:
    return enc.constructed(6, enc.unsigned(reference) + enc.signed(count))


def by_time(hour: int, minute: int, count: int) -> bytes:
    return enc.constructed(
        7, bytes.fromhex("a47e010501") + bytes((0xB4, hour, minute, 0, 0)) + enc.signed(count)
    )


def ask(meters: Any, choice: bytes = b"", log: str = DEMAND, max_apdu: int = 0x75) -> Got:
    answer = meters.ask(2, 26, bytes.fromhex(log + LOG_BUFFER) + choice, max_apdu=max_apdu)
    ack = APCISequence.decode(APDU.decode(PDU(answer)))
    records = list(ack.itemData.cast_out(ListOf(LogRecord))) if ack.itemCount else []
    assert ack.itemCount == len(records)
    values = [float(record.logDatum.realValue) for record in records]
    return Got(tuple(ack.resultFlags), values, ack.firstSequenceNumber, records)


def test_without_a_range_everything_is_read(meters: Any) -> None:
    meters.show(2, intervals=3)
    got = ask(meters)
    assert got == Got((1, 1, 0), [1.0, 2.0, 3.0], None, got.records)


def test_a_record_says_when(meters: Any) -> None:
    meters.show(2, intervals=3)
    record = ask(meters).records[2]
    assert record.timestamp.date == (126, 1, 5, 1)
    assert record.timestamp.time == (0, 15, 0, 0)
    assert list(record.statusFlags) == [0, 0, 0, 0]


def test_energy_is_logged_every_third_interval(meters: Any) -> None:
    meters.show(2, intervals=7)
    got = ask(meters, log=ENERGY)
    assert got.values == [3000.0, 6000.0]
    assert got.records[1].timestamp.time == (0, 30, 0, 0)


@pytest.mark.parametrize(
    ("choice", "flags", "values"),
    [
        (by_position(1, 2), (1, 0, 0), [1, 2]),
        (by_position(9, 5), (0, 1, 0), [9, 10]),
        (by_position(10, -3), (0, 1, 0), [8, 9, 10]),
        (by_position(2, -5), (1, 0, 0), [1, 2]),
        (by_position(1, 10), (1, 1, 0), [*range(1, 11)]),
        (by_position(11, 1), (0, 0, 0), []),
        (by_position(0, 1), (0, 0, 0), []),
        (by_position(0, 5), (0, 0, 0), []),
        (by_position(11, -3), (0, 0, 0), []),
    ],
)
def test_records_are_read_by_position(
    meters: Any, choice: bytes, flags: tuple[int, ...], values: list[float]
) -> None:
    meters.show(2, intervals=10)
    got = ask(meters, choice)
    assert (got.flags, got.values, got.first) == (flags, values, None)


@pytest.mark.parametrize(
    ("choice", "flags", "values", "first"),
    [
        (by_sequence(4, 2), (0, 0, 0), [4, 5], 4),
        (by_sequence(10, -2), (0, 1, 0), [9, 10], 9),
        (by_sequence(99, 2), (0, 0, 0), [], None),
        (by_time(0, 10, 2), (0, 0, 0), [3, 4], 3),
        (by_time(0, 10, -5), (1, 0, 0), [1], 1),
        (by_time(9, 0, -2), (0, 1, 0), [9, 10], 9),
        (by_time(9, 0, 2), (0, 0, 0), [], None),
    ],
)
def test_records_are_read_by_sequence_and_by_time(
    meters: Any, choice: bytes, flags: tuple[int, ...], values: list[float], first: int | None
) -> None:
    meters.show(2, intervals=10)
    got = ask(meters, choice)
    assert (got.flags, got.values, got.first) == (flags, values, first)


@pytest.mark.parametrize(
    ("choice", "flags", "values", "first"),
    [
        (b"", (1, 1, 0), [6, 7, 8, 9, 10], None),
        (by_position(1, 1), (1, 0, 0), [6], None),
        (by_position(5, 1), (0, 1, 0), [10], None),
        (by_position(5, -32768), (1, 1, 0), [6, 7, 8, 9, 10], None),
        (by_position(1, -1), (1, 0, 0), [6], None),
        (by_position(6, -1), (0, 0, 0), [], None),
        (by_sequence(6, 1), (1, 0, 0), [6], 6),
        (by_sequence(10, 1), (0, 1, 0), [10], 10),
        (by_sequence(6, 5), (1, 1, 0), [6, 7, 8, 9, 10], 6),
        (by_sequence(1, 5), (0, 0, 0), [], None),
        (by_sequence(1, 6), (1, 0, 0), [6], 6),
        (by_sequence(5, -3), (0, 0, 0), [], None),
        (by_sequence(11, 5), (0, 0, 0), [], None),
        (by_sequence(11, -2), (0, 1, 0), [10], 10),
        (by_sequence(12, -2), (0, 0, 0), [], None),
        (by_time(0, 30, 1), (0, 0, 0), [7], 7),
        (by_time(0, 30, -1), (0, 0, 0), [], None),
        (by_time(0, 35, -1), (1, 0, 0), [6], 6),
        (by_time(0, 0, 1), (1, 0, 0), [6], 6),
        (by_time(0, 50, 1), (0, 0, 0), [], None),
        (by_time(0, 50, -1), (0, 0, 0), [9], 9),
        (by_time(0, 45, 9), (0, 1, 0), [10], 10),
    ],
)
def test_at_the_edges_of_a_log_that_has_forgotten_some(
    meters: Any, choice: bytes, flags: tuple[int, ...], values: list[float], first: int | None
) -> None:
    """Records 6 to 10 are left, of 00:30 to 00:50; a time is never that of a record that is read by it."""
    log = meters.application._stores.logs[0]
    log.spec = replace(log.spec, size=5)
    meters.show(2, intervals=10)
    got = ask(meters, choice)
    assert (got.flags, got.values, got.first) == (flags, values, first)


@pytest.mark.parametrize(
    ("choice", "first"),
    [(by_position(300, -200), 101), (by_sequence(300, -200), 101), (by_time(23, 0, -200), 76)],
)
def test_of_more_than_fit_the_oldest_come_first_also_backwards(
    meters: Any, choice: bytes, first: int
) -> None:
    meters.show(2, intervals=300)
    got = ask(meters, choice)
    assert (got.flags, len(got.values), got.values[0]) == ((0, 0, 1), 66, first)


def test_a_full_log_forgets_the_oldest_records(meters: Any) -> None:
    size = TRENDS[0].size
    meters.show(2, intervals=size + 5)
    assert meters.read(2, 20, 1, Property.RECORD_COUNT) == enc.unsigned(size)
    assert meters.read(2, 20, 1, Property.TOTAL_RECORD_COUNT) == enc.unsigned(size + 5)
    assert ask(meters, by_position(1, 1)).values == [6.0]
    assert ask(meters, by_sequence(3, 5)).values == [6.0, 7.0]
    assert ask(meters, by_sequence(size + 5, 1)).flags == (0, 1, 0)


def test_more_records_than_fit_say_that_there_are_more(meters: Any) -> None:
    meters.show(2, intervals=300)
    got = ask(meters)
    assert got.flags == (1, 0, 1)
    assert len(got.values) == 66
    rest = ask(meters, by_position(67, 300))
    assert (rest.flags, rest.values[0]) == ((0, 0, 1), 67.0)
    assert ask(meters, max_apdu=0x70).values == [1.0]


def test_an_empty_log_is_read_as_empty(meters: Any) -> None:
    assert ask(meters) == Got((0, 0, 0), [], None, [])


@pytest.mark.parametrize(
    ("request_octets", "answer"),
    [
        ("0c00000001 1955", "50011a91059116"),
        ("0c05000009 1983", "50011a9101911f"),
        ("0c05000001 19fe", "50011a91029120"),
        ("0c05000001 1983 2901", "50011a91029132"),
        ("0c05000001 1983 3e2101 31003f", "600106"),
        ("0c05000001 1983 3e3101 31013f", "600103"),
        ("0c05000001 1983 3e2101 3f", "600104"),
        ("0c05000001 1983 7ea47effff01b400000000 3101 7f", "600106"),
        ("0c05000001 1983 4e4f", "600107"),
        ("0c05000001", "600105"),
        ("0c03c00001 1966", "30011a0c03c0000119663a050049005e5f"),
    ],
)
def test_what_cannot_be_read_by_range_gets_the_right_answer(
    meters: Any, request_octets: str, answer: str
) -> None:
    assert meters.ask(1, 26, bytes.fromhex(request_octets)) == bytes.fromhex(answer)


@pytest.mark.parametrize("write", ["1985 3e103f", "198d 3e21003f"])
def test_no_client_stops_or_clears_a_log(meters: Any, write: str) -> None:
    meters.show(2, intervals=3)
    assert meters.ask(1, 15, bytes.fromhex(f"0c05000001 {write}")).hex() == "50010f91029128"
    assert meters.read(1, 20, 1, Property.ENABLE) == b"\x11"
    assert meters.read(1, 20, 1, Property.RECORD_COUNT) == b"\x21\x03"
