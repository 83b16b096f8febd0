"""The maps that come along: each documented address by number, absent quantities, what goes together."""

import math
import struct
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from register_maps.codec import Codec, codecs
from register_maps.describe import page
from register_maps.errors import RegisterMapError
from register_maps.loader import check_together, load, names
from register_maps.model import FILLER, Effect, Entry, Serves, Table
from sims.models import MODELS, Nameplate
from sims.points import GATEWAY_POINTS, HUB_INPUTS, HUB_POINTS, MJ_PER_WH, SERVICES, Kind
from sims.pulse_hub import SETTINGS, PulseHubs
from sims.totals import fleet_totals
from tests.support.snapshots import snapshot_of

DOCS = Path(__file__).parents[2] / "docs/maps"

LINE = [f"voltage_l{k}_n" for k in (1, 2, 3)]
BETWEEN = ["voltage_l1_l2", "voltage_l2_l3", "voltage_l3_l1"]
CURRENT = [f"current_l{k}" for k in (1, 2, 3)]
WATTS, VARS, VAS, FACTORS = (
    [f"{name}_l{k}" for k in (1, 2, 3)]
    for name in ("active_power", "reactive_power", "apparent_power", "power_factor")
)
Place = tuple[int, str, str, float, str]
"""Address on the wire, type, first point, what one count is in the shown unit, word order."""


def _block(
    first: int, points: Sequence[str], name: str = "f32", scale: float = 1.0, step: int = 2
) -> Iterator[Place]:
    for i, point in enumerate(points):
        yield first + i * step, name, point, scale, "ABCD"


SDM630 = [
    *_block(0, [*LINE, *CURRENT]),
    *_block(12, [*WATTS, *VAS, *VARS], scale=0.001),
    *_block(30, FACTORS),
    *_block(52, ["active_power"], scale=0.001),
    *_block(56, ["apparent_power"], scale=0.001),
    *_block(60, ["reactive_power"], scale=0.001),
    *_block(62, ["power_factor"]),
    *_block(70, ["frequency", "energy"]),
    *_block(200, BETWEEN),
    *_block(224, ["current_n"]),
    *_block(342, ["energy"]),
]
S4000 = [
    (0, "u32", "energy", 1.0, "ABCD"),
    *_block(2, ["active_power", "reactive_power", "apparent_power"], "s16", step=1),
    *_block(9, WATTS, "s16", step=1),
    *_block(256, ["energy", "energy", "active_power", "reactive_power", "apparent_power", "power_factor"]),
    *_block(274, [*WATTS, *FACTORS, *BETWEEN, *LINE, *CURRENT]),
    *_block(306, ["frequency"]),
    *_block(312, [*VAS, *VARS]),
]
IEM3000 = [
    *_block(2999, CURRENT),
    *_block(3027, LINE),
    *_block(3053, [*WATTS, "active_power"]),
    (3203, "s64", "energy", 0.001, "ABCD"),
]
H8036 = [
    (0, "u32", "energy", 1.0, "CDAB"),
    *_block(256, ["energy", "energy", "active_power", "reactive_power", "apparent_power", "power_factor"]),
    *_block(274, [*WATTS, *FACTORS, *BETWEEN, *LINE, *CURRENT]),
]
HUB = [(2 * (n - 1), "u32", f"hub_count_{n}", 1.0, "ABCD") for n in range(1, HUB_INPUTS + 1)]
PLACES = {
    "eastron-sdm630": SDM630,
    "leviton-s4000": S4000,
    "schneider-iem3000": IEM3000,
    "veris-h8036": H8036,
    "a8911-23": HUB,
}
TABLES = {
    "native": {Table.HOLDING, Table.INPUT},
    "sunspec": {Table.HOLDING, Table.INPUT},
    "gateway": {Table.HOLDING, Table.INPUT},
    "leviton-s4000": {Table.HOLDING, Table.INPUT},
    "eastron-sdm630": {Table.INPUT},
    "schneider-iem3000": {Table.HOLDING},
    "veris-h8036": {Table.HOLDING},
    "a8911-23": {Table.HOLDING},
}
"""The registers that the real meter answers with function 3 and function 4."""


@pytest.mark.parametrize(
    ("name", "place"), [(name, place) for name, places in PLACES.items() for place in places]
)
def test_a_documented_address_shows_its_quantity(name: str, place: Place) -> None:
    address, type_name, point, scale, order = place
    (entry,) = [one for one in load(name).entries if one.address == address]
    assert (entry.type.name, entry.point and entry.point.name) == (type_name, point)
    assert (float(entry.scale), entry.word_order.value) == (scale, order)


def test_the_settings_of_a_hub_are_where_its_manual_has_them() -> None:
    entries = {entry.address: entry for entry in load("a8911-23").entries}
    written = {
        address: (entry.writes, range(entry.lowest_written, entry.highest_written + 1))
        for address, entry in entries.items()
        if entry.writes
    }
    assert written == {
        1012: (Effect.HUB_THRESHOLD, SETTINGS["hub_threshold"][0]),
        1013: (Effect.HUB_SPEED, SETTINGS["hub_speed"][0]),
        1014: (Effect.HUB_KYZ_LOW, SETTINGS["hub_kyz_low"][0]),
        1015: (Effect.HUB_KYZ_HIGH, SETTINGS["hub_kyz_high"][0]),
    }
    shown = {entry.point.name for entry in entries.values() if entry.writes and entry.point}
    assert shown == {effect.value for effect, _ in written.values()}
    assert (entries[1007].point, entries[1009].point) == (HUB_POINTS["hub_uptime"], HUB_POINTS["hub_unit_id"])
    assert (entries[1010].constant, entries[1019].constant) == (8911, 3)
    covered = {address for e in entries.values() for address in range(e.address, e.end)}
    assert covered == {*range(46), *range(1000, 1021)}


@pytest.mark.parametrize("name", names())
def test_a_map_is_served_where_the_real_meter_serves_it(name: str) -> None:
    tables = {table for entry in load(name).entries for table in entry.tables}
    assert tables & {Table.HOLDING, Table.INPUT} == TABLES[name]


@pytest.mark.parametrize("name", names())
def test_a_map_says_where_its_facts_are_from(name: str) -> None:
    found = load(name)
    assert found.name == name
    assert found.source
    for service in SERVICES:
        assert all(
            one.description and (one.source or one.type is FILLER) for one in found.of(service).entries
        )


@pytest.mark.parametrize("name", names())
def test_the_documentation_of_a_map_is_up_to_date(name: str) -> None:
    written = (DOCS / f"{name}.md").read_text(encoding="utf-8")
    assert written == page(load(name)), f"metergate maps show {name} --format markdown > docs/maps/{name}.md"


def test_every_map_has_a_page_and_every_page_a_map() -> None:
    assert {path.stem for path in DOCS.glob("*.md")} == {*names(), "README"}


def test_the_gateway_shows_all_its_points() -> None:
    shown = {entry.point.name for entry in load("gateway").entries if entry.point}
    assert shown == set(GATEWAY_POINTS)


TOGETHER = {
    frozenset({"native", "sunspec"}),
    frozenset({"native", "schneider-iem3000"}),
    frozenset({"sunspec", "schneider-iem3000"}),
    frozenset({"sunspec", "eastron-sdm630"}),
    frozenset({"sunspec", "leviton-s4000"}),
    frozenset({"sunspec", "veris-h8036"}),
    frozenset({"eastron-sdm630", "schneider-iem3000"}),
    frozenset({"eastron-sdm630", "veris-h8036"}),
    frozenset({"leviton-s4000", "schneider-iem3000"}),
    frozenset({"schneider-iem3000", "veris-h8036"}),
}
"""The pairs of meters' maps that one unit can serve."""


@pytest.mark.parametrize("pair", list(combinations(names(), 2)), ids="+".join)
def test_two_maps_go_together_where_their_addresses_allow(pair: tuple[str, str]) -> None:
    first, second = map(load, pair)
    serves = {first.serves, second.serves}
    if serves == {Serves.METER, Serves.HUB}:
        with pytest.raises(RegisterMapError, match=r"a8911-23\.yaml: serves: describes pulse hubs, but"):
            check_together([first, second])
        return
    if frozenset(pair) in TOGETHER or len(serves) > 1:
        check_together([first, second])
        return
    with pytest.raises(RegisterMapError) as caught:
        check_together([first, second])
    assert str(caught.value).startswith(f"{caught.value.file}:")
    other = first.file if caught.value.file == second.file else second.file
    assert all(f" of {other}:" in line for line in str(caught.value).splitlines())


def test_the_maps_that_are_served_by_default_go_with_that_of_another_maker() -> None:
    check_together([load("native"), load("sunspec"), load("schneider-iem3000")])


def _fixed(meters: Sequence[Nameplate]) -> dict[str, np.ndarray[tuple[int], np.dtype[np.generic]]]:
    texts = {name: np.array(["x"] * len(meters)) for name in ("vendor", "model", "serial", "firmware")}
    ratings = np.array([meter.ct_a for meter in meters])
    return {**texts, "ct_primary": ratings, "unit_id": np.arange(1, len(meters) + 1)}


ABSENT = {
    "native": {"f32": "7fc00000"},
    "sunspec": {"f32": "7fc00000", "s16": "8000"},
    "eastron-sdm630": {"f32": "00000000"},
    "leviton-s4000": {"f32": "7fc00000", "s16": "8000"},
    "schneider-iem3000": {"f32": "7fc00000"},
    "veris-h8036": {"f32": "7fc00000"},
}


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.key)
@pytest.mark.parametrize("name", ABSENT)
def test_what_a_model_lacks_reads_as_absent_and_nothing_else_does(name: str, model: object) -> None:
    meters = [Nameplate(1, "a", model, "s")]  # type: ignore[arg-type]  # a table of models as test ids
    service = meters[0].model.service.key
    ((codec, _),) = codecs(load(name), [service], _fixed(meters))
    image, snapshot = codec.encode(snapshot_of(meters).columns), snapshot_of(meters)
    compared = 0
    for entry in load(name).of(service).entries:
        if not any(point.lines for point in entry.points) or entry.type.kind == "b":
            continue
        run = next(r for r in codec.runs[entry.tables[0]] if r.start <= entry.address < r.end)
        start = run.offset + 2 * (entry.address - run.start)
        absent = all(math.isnan(snapshot.columns[point.name][0]) for point in entry.points)
        assert (image[start : start + entry.size].hex() == ABSENT[name][entry.type.name]) == absent, entry
        compared += 1
    assert compared > 5


def test_a_value_decodes_to_what_the_snapshot_has() -> None:
    meters = [Nameplate(n, f"m{n}", model, f"s{n}", 30_000.0) for n, model in enumerate(MODELS.values(), 1)]
    snapshot = snapshot_of(meters)
    services = [meter.model.service.key for meter in meters]
    for name in ABSENT:
        for codec, rows in codecs(load(name), services, _fixed(meters)):
            image = codec.encode(snapshot.columns)
            entries = load(name).of(services[rows[0]]).entries
            for place, row in enumerate(rows):
                for entry in (one for one in entries if one.type.name == "f32" and one.point):
                    run = next(r for r in codec.runs[entry.tables[0]] if r.start <= entry.address < r.end)
                    start = place * codec.row_bytes + run.offset + 2 * (entry.address - run.start)
                    (shown,) = struct.unpack_from(">f", image, start)
                    _compare(
                        entry,
                        shown * float(entry.scale),
                        [snapshot.columns[p.name][row] for p in entry.points],
                    )


def _compare(entry: Entry, shown: float, held: Sequence[float]) -> None:
    there = [value / entry.points[0].divisor for value in held if not math.isnan(value)]
    if there:
        wanted = sum(there) / (len(there) if entry.mean else 1)
        assert shown == pytest.approx(wanted, rel=1e-6, abs=1e-9), entry


def test_each_map_serves_whom_it_is_made_for() -> None:
    others = {"a8911-23": Serves.HUB, "gateway": Serves.GATEWAY}
    assert {name: load(name).serves for name in names()} == {
        name: others.get(name, Serves.METER) for name in names()
    }


def test_the_services_of_the_vocabulary_are_those_of_the_models() -> None:
    assert {model.service.key for model in MODELS.values()} == set(SERVICES)


def _words(codec: Codec, image: bytes, row: int) -> dict[int, bytes]:
    """Return the registers of one unit by their addresses."""
    cells = image[row * codec.row_bytes : (row + 1) * codec.row_bytes]
    return {
        run.start + i: cells[run.offset + 2 * i :][:2]
        for run in codec.runs[Table.HOLDING]
        for i in range(run.end - run.start)
    }


def test_hubs_show_their_counts_and_settings() -> None:
    hubs = PulseHubs(np.zeros(30, np.int64))
    energy = 36_000_000 * np.arange(70_000, 70_030)
    hubs.add(np.zeros(30, np.int64), energy, np.full(30, 10**9), 90 * 10**9)
    hubs.set(1, "hub_threshold", 500)
    fixed = {"hub_serial": np.array(["000001", "000002"]), "hub_unit_id": np.array([1, 2])}
    codec = Codec(load("a8911-23"), 2, fixed)
    words = _words(codec, codec.encode(hubs.columns()), 1)
    counts = [int.from_bytes(words[2 * n] + words[2 * n + 1]) for n in range(HUB_INPUTS)]
    assert counts == [*range(70_023, 70_030), *[0] * 16]
    assert [int.from_bytes(words[address]) for address in (1007, 1008, 1009, 1012, 1013)] == [
        0,
        90,
        2,
        500,
        0,
    ]
    assert words[1000] + words[1001] + words[1002] == b"000002"


def test_the_gateway_shows_the_sums_over_its_meters() -> None:
    meters = [Nameplate(n, f"m{n}", model, f"s{n}") for n, model in enumerate(MODELS.values(), 1)]
    snapshot = snapshot_of(meters)
    texts = {name: np.array(["plant"]) for name in ("gateway_id", "gateway_name", "software_version")}
    numbers = {name: np.array([len(meters)]) for name in ("meters", "ports")}
    codec = Codec(load("gateway"), 1, texts | numbers)
    rest = {name: np.array([7]) for name, point in GATEWAY_POINTS.items() if point.kind is not Kind.NAMEPLATE}
    words = _words(codec, codec.encode(rest | fleet_totals(snapshot.columns)), 0)
    energy = int.from_bytes(b"".join(words[address] for address in range(20, 24)))
    assert energy == sum(int(one) // MJ_PER_WH for one in snapshot.columns["energy"])
    (power,) = struct.unpack(">f", words[26] + words[27])
    assert power == pytest.approx(snapshot.columns["active_power"].sum() / 1000)
    assert [int.from_bytes(words[address]) for address in (0, 1, 19, 61)] == [0, len(meters), 0, 7]
    assert words[200] + words[201] + words[202] == b"plant\0"
