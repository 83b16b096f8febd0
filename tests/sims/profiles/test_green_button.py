"""Readings from Green Button files: which of several is meant, and what is wrong with a bad one."""

from pathlib import Path

import pytest

from sims.points import NS_PER_S
from sims.profiles import LoadError, Replay, parse_green_button
from tests.sims.profiles.conftest import Play

YEAR = "01_greenbutton_inland_single_family_2011_hourly.xml"
WH = 3_600_000_000


def _type(number: int = 1, flow: str = "1", uom: str = "72", more: str = "") -> str:
    direction = f"<e:flowDirection>{flow}</e:flowDirection>" if flow else ""
    return (
        f'<entry><link rel="self" href="/type/{number}"/><content><e:ReadingType>{direction}'
        f"<e:uom>{uom}</e:uom>{more}</e:ReadingType></content></entry>"
    )


def _meter_reading(number: int = 1) -> str:
    return (
        f'<entry><link rel="self" href="/mr/{number}"/><link rel="related" href="/mr/{number}/block"/>'
        f'<link rel="related" href="/type/{number}"/><content><e:MeterReading/></content></entry>'
    )


def _reading(start: int, value: object, duration: int = 900) -> str:
    return (
        f"<e:IntervalReading><e:timePeriod><e:duration>{duration}</e:duration><e:start>{start}</e:start>"
        f"</e:timePeriod><e:value>{value}</e:value></e:IntervalReading>"
    )


def _block(*readings: str, number: int = 1) -> str:
    content = "\n".join(readings)
    return (
        f'<entry><link rel="up" href="/mr/{number}/block"/><content><e:IntervalBlock>\n{content}'
        "</e:IntervalBlock></content></entry>"
    )


def _feed(*entries: str, before: str = "") -> bytes:
    atom, espi = "http://www.w3.org/2005/Atom", "http://naesb.org/espi"
    body = "\n".join(entries)
    return f'<?xml version="1.0"?>{before}<feed xmlns="{atom}" xmlns:e="{espi}">\n{body}\n</feed>'.encode()


def _refusal(data: bytes) -> LoadError:
    with pytest.raises(LoadError) as refusal:
        parse_green_button(data, "x.xml")
    assert refusal.value.name == "x.xml"
    return refusal.value


def test_the_year_has_8760_readings_of_8_343_306_wh_and_registers_them(data: Path, play: Play) -> None:
    series = parse_green_button((data / YEAR).read_bytes(), YEAR, gaps="fail")
    assert len(series.energy) == 8760
    assert series.edges[0] == 1_293_868_800 * NS_PER_S
    assert (series.energy // WH).min() == 508
    assert (series.energy // WH).max() == 2370
    assert series.energy.sum() == 8_343_306 * WH
    registered = play(
        [Replay(series, end="zero")] * 2, 366 * 86_400, ["series-1000-120-240", "series-2000-120-208"]
    )
    assert registered == [8_343_306 * WH] * 2


def test_blocks_are_joined_and_put_in_order() -> None:
    blocks = _block(_reading(1800, 3)), _block(_reading(0, 1), _reading(900, 2))
    series = parse_green_button(_feed(_meter_reading(), *blocks, _type()), "x.xml")
    assert (series.energy // WH).tolist() == [1, 2, 3]
    assert series.notes == ("x.xml: earlier than the reading above, now in order: line 6",)


def test_a_file_all_on_one_line_keeps_its_readings() -> None:
    feed = _feed(_type(), _meter_reading(), _block(_reading(0, 1), _reading(0, 1), _reading(900, 2)))
    series = parse_green_button(feed.replace(b"\n", b""), "x.xml")
    assert (series.energy // WH).tolist() == [1, 2]
    assert series.notes == ("x.xml: repeats another reading, left out: line 1",)


def test_the_power_of_ten_scales_the_values_exactly() -> None:
    scaled = _type(more="<e:powerOfTenMultiplier>-3</e:powerOfTenMultiplier>")
    series = parse_green_button(_feed(scaled, _meter_reading(), _block(_reading(0, 1_234_567))), "x.xml")
    assert series.energy.tolist() == [1_234_567 * 3_600_000]


def test_watts_are_the_average_power_of_each_interval() -> None:
    series = parse_green_button(_feed(_type(uom="38"), _meter_reading(), _block(_reading(0, 7))), "x.xml")
    assert series.energy.tolist() == [7 * 900 * 1_000_000]


def test_intervals_have_the_length_of_their_type_where_they_give_none() -> None:
    of_an_hour = _type(more="<e:intervalLength>3600</e:intervalLength>")
    reading = _reading(0, 5).replace("<e:duration>900</e:duration>", "")
    series = parse_green_button(_feed(of_an_hour, _meter_reading(), _block(reading)), "x.xml")
    assert series.edges.tolist() == [0, 3600 * NS_PER_S]


def test_of_several_the_delivered_energy_is_chosen() -> None:
    entries = [
        *(_meter_reading(number) for number in (1, 2, 3)),
        _type(1, flow="19"),
        _type(2, flow="1"),
        _type(3, flow="1", uom="38"),
        *(_block(_reading(0, number), number=number) for number in (1, 2, 3)),
    ]
    assert parse_green_button(_feed(*entries), "x.xml").energy.tolist() == [2 * WH]


def test_a_type_without_a_direction_is_good_enough_where_there_is_no_other() -> None:
    series = parse_green_button(_feed(_type(flow=""), _meter_reading(), _block(_reading(0, 4))), "x.xml")
    assert series.energy.tolist() == [4 * WH]


def test_a_block_that_links_to_nothing_is_of_the_only_type_there_is() -> None:
    block = _block(_reading(0, 4)).replace('<link rel="up" href="/mr/1/block"/>', "")
    assert parse_green_button(_feed(_type(), block), "x.xml").energy.tolist() == [4 * WH]


def test_two_delivered_energies_are_an_error_that_names_both() -> None:
    entries = [
        *(_meter_reading(number) + _type(number) for number in (1, 2)),
        *(_block(_reading(0, number), number=number) for number in (1, 2)),
    ]
    message = _refusal(_feed(*entries)).message
    assert "more than one delivered Wh" in message
    assert message.count("uom 72 (Wh), flowDirection 1 (delivered), 1 readings") == 2


def test_a_file_without_delivered_electricity_is_an_error_that_names_what_there_is() -> None:
    message = _refusal(_feed(_type(uom="169"), _meter_reading(), _block(_reading(0, 4)))).message
    assert message.startswith("no delivered energy")
    assert "uom 169, flowDirection 1 (delivered), 1 readings" in message


def test_a_block_of_no_known_type_is_an_error_with_its_line() -> None:
    refusal = _refusal(_feed(_type(1), _type(2), _block(_reading(0, 4), number=3)))
    assert "link to no ReadingType" in refusal.message
    assert refusal.line == 4


def test_gaps_deliver_nothing_unless_they_are_held() -> None:
    feed = _feed(_type(), _meter_reading(), _block(_reading(0, 4), _reading(1800, 4)))
    assert parse_green_button(feed, "x.xml").energy.sum() == 8 * WH
    assert parse_green_button(feed, "x.xml", gaps="hold").energy.sum() == 12 * WH
    with pytest.raises(LoadError, match=r"x\.xml:6: 900 s without a reading"):
        parse_green_button(feed, "x.xml", gaps="fail")


@pytest.mark.parametrize("part", [0.5, 0.9, 0.999])
def test_a_file_cut_off_is_an_error_with_the_line_of_the_cut(data: Path, part: float) -> None:
    whole = (data / YEAR).read_bytes()
    cut = whole[: int(len(whole) * part)]
    refusal = _refusal(cut)
    assert refusal.message.startswith("damaged or cut off: ")
    assert abs(refusal.line - (cut.count(b"\n") + 1)) <= 1


def test_entities_are_never_expanded_since_a_document_type_is_refused() -> None:
    bomb = '\n<!DOCTYPE feed [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
    refusal = _refusal(_feed(_type(), _meter_reading(), _block(_reading(0, "&b;")), before=bomb))
    assert "document type definition" in refusal.message
    assert refusal.line == 2


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "damaged or cut off"),
        (b"t,p\n1,2\n", "damaged or cut off"),
        (b"<html/>", "not a Green Button file"),
        (_feed(_type(), _meter_reading()), "not a Green Button file"),
        (_feed(_meter_reading(), _block(_reading(0, 1))), "link to no ReadingType"),
        (_feed(_type(), _meter_reading(), _block(_reading(0, ""))), "'' is not a number"),
        (_feed(_type(), _meter_reading(), _block("<e:IntervalReading/>")), "a reading without 'start'"),
        (_feed(_type(), _meter_reading(), _block(_reading(0, 1), _reading(600, 1))), "before the interval"),
        (_feed(_type(), _meter_reading(), _block(_reading(0, 1), _reading(0, 2))), "and it differs"),
        (
            _feed(
                _type(more="<e:accumulationBehaviour>3</e:accumulationBehaviour>"),
                _meter_reading(),
                _block(_reading(0, 1)),
            ),
            "running totals",
        ),
        (
            _feed(
                _type(more="<e:powerOfTenMultiplier>99</e:powerOfTenMultiplier>"),
                _meter_reading(),
                _block(_reading(0, 1)),
            ),
            "powerOfTenMultiplier '99'",
        ),
    ],
)
def test_a_bad_file_is_refused_with_the_reason(data: bytes, words: str) -> None:
    assert words in _refusal(data).message
