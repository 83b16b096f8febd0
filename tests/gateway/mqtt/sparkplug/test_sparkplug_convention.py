"""The state machine alone: every message goes to a host that checks it by the rules as it comes."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.commands import Change, ResetPeak
from gateway.errors import RequestRefusedError
from gateway.mqtt.convention import Asked, Reborn, Said
from gateway.mqtt.messages import Incoming, Message
from gateway.mqtt.sparkplug import payload as wire
from gateway.mqtt.sparkplug.convention import Sparkplug
from gateway.mqtt.sparkplug.metrics import (
    ANSWER,
    COMMANDS,
    DEVICE,
    LOAD_KW,
    LOAD_POWER_FACTOR,
    MEASURED,
    RESET_PEAK,
)
from gateway.mqtt.sparkplug.payload import DataType, Stamp, metrics, payload, stencil, varint
from gateway.payloads import Payloads
from gateway.readings import Readings
from sims.points import FLAGS, NS_PER_S
from sims.snapshot import Snapshot, Tick
from tests.support.mqtt import plain_snapshot
from tests.support.snapshots import START, nameplates
from tests.support.sparkplug import Heard, Host

METERS = [replace(meter, options=frozenset({"demand", "peak_reset"})) for meter in nameplates(3)]
NODE = "spBv1.0/metergate/{}/plant-a"
_TYPES = dict(zip(DataType, ("Int32", "Int64", "Double", "Boolean", "String", "DateTime"), strict=True))


def read(message: Message) -> Heard:
    """Decode one of our messages; that others decode the same is tested with the wire format."""
    found: dict[str, Any] = {}
    names = {(1, 0): "timestamp", (3, 0): "seq"}
    for field, content in wire._fields(message.payload):
        if field == (2, 2):
            found.setdefault("metrics", []).append(_metric(content))
        else:
            found[names[field]] = content
    return Heard(message.topic, message.qos, message.retain, found)


def _metric(content: Any) -> dict[str, Any]:
    fields: dict[Any, Any] = dict(wire._fields(content))
    found = {
        key: fields[field] for field, key in (((2, 0), "alias"), ((3, 0), "timestamp")) if field in fields
    }
    written = wire._written(content)
    if written.name is not None:
        found["name"] = written.name
    properties = _properties(fields[9, 2]) if (9, 2) in fields else {}
    return {**found, **properties, "type": _TYPES[fields[4, 0]], "value": written.value}


def _properties(content: Any) -> dict[str, Any]:
    fields: list[Any] = list(wire._fields(content))
    keys = [key.decode() for (number, _), key in fields if number == 1]
    values: list[Any] = [dict(wire._fields(value)) for (number, _), value in fields if number == 2]
    made = {
        key: {"type": _TYPES[value[1, 0]], "value": value.get((3, 0)) or value[8, 2].decode()}
        for key, value in zip(keys, values, strict=True)
    }
    return {"properties": made}


class Life:
    """A convention and a host that hears it."""

    def __init__(self, count: int = 3) -> None:
        self.meters = METERS[:count]
        settings = Payloads(kinds=frozenset({"sparkplug"}), sparkplug_node="plant-a")
        self.convention = Sparkplug(self.meters, settings)
        self.host = Host({meter.id for meter in self.meters})
        self.tick = 0
        self.snapshot = self.next()

    def next(self, **columns: Any) -> Snapshot:
        """Return the next snapshot: the one before but for `columns`."""
        self.tick += 1
        if self.tick == 1:
            made = plain_snapshot(self.meters)
        else:
            number = self.tick
            made = replace(
                self.snapshot,
                tick=Tick(number, START + number * NS_PER_S),
                columns={**self.snapshot.columns, **columns},
            )
        self.snapshot = made
        return made

    def power(self, *kilowatts: float) -> Snapshot:
        """Return the next snapshot with other powers, the last one for the meters that are not named."""
        watts = [kilowatts[min(row, len(kilowatts) - 1)] * 1000.0 for row in range(len(self.meters))]
        return self.next(active_power=np.array(watts))

    def send(self, messages: Iterable[Message]) -> list[str]:
        """Let the host hear messages; return their verbs and devices."""
        sent = []
        for message in messages:
            self.host.hear(read(message))
            _, _, verb, _, *device = message.topic.split("/")
            sent.append(" ".join((verb, *device)))
        return sent

    def birth(self) -> list[str]:
        """Connect, and let everything be born."""
        self.convention.will()
        return self.send(self.convention.births(self.snapshot))

    def round(self, snapshot: Snapshot | None = None, parts: int | None = None) -> list[str]:
        """Say a round, or the first parts of one."""
        shown = snapshot or self.snapshot
        said = islice(self.convention.states(shown), parts)
        sent = [verb for messages in said for verb in self.send(messages)]
        return sent if parts is not None else sent + self.send(self.convention.closing(shown))

    def command(self, meter: str, *written: bytes) -> Any:
        """Write metrics to a meter; return what the session is to do."""
        command = Incoming(f"{NODE.format('DCMD')}/{meter}", payload(Stamp.of(1), b"".join(written), None))
        return self.convention.heard(command)

    def shows(self) -> None:
        """Assert that the host knows of each meter that it knows what the snapshot shows."""
        for meter, reading in zip(self.meters, Readings(self.meters).shown(self.snapshot), strict=True):
            if meter.id in self.host.values:
                known = self.host.values[meter.id]
                peak = reading["peak_demand_time"]
                expected = {**reading, "peak_demand_time": peak and wire.milliseconds(peak)}
                assert {name: known[name] for name in reading} == expected


def write(name: str, value: Any, datatype: DataType = DataType.DOUBLE) -> bytes:
    return metrics({name: stencil(datatype, name=name)}, b"", Stamp.of(1), {name: value})


def write_by_alias(row: int, name: str, value: Any, datatype: DataType = DataType.DOUBLE) -> bytes:
    stencils = {name: stencil(datatype, place=DEVICE[name].place)}
    return metrics(stencils, varint(row + 2), Stamp.of(1), {name: value})


@pytest.fixture
def life() -> Life:
    made = Life()
    made.birth()
    return made


def test_births_are_the_node_and_then_each_meter_with_all_that_it_shows() -> None:
    life = Life()
    assert life.birth() == ["NBIRTH", "DBIRTH M0001", "DBIRTH M0002", "DBIRTH M0003"]
    life.shows()
    node = life.host.values[""]
    assert (node["meters"], node["tick"], node["bdSeq"]) == (3, 1, 0)
    device = life.host.values["M0002"]
    assert device["Properties/serial"] == "S0000002"
    assert device["Properties/ct_primary"] == pytest.approx(100.2)
    assert device["peak_demand_time"] is None
    assert life.host.values["M0001"]["peak_demand_time"] == (START + 900 * NS_PER_S) // 1_000_000
    assert (device[RESET_PEAK], device[LOAD_KW], device[LOAD_POWER_FACTOR], device[ANSWER]) == (
        False,
        None,
        1.0,
        "",
    )


def test_a_meter_is_born_with_the_points_of_its_model_and_what_it_can_be_told() -> None:
    plain = replace(METERS[0], options=frozenset())
    convention = Sparkplug([plain], Payloads(sparkplug_node="plant-a"))
    host = Host({plain.id})
    for message in convention.births(plain_snapshot([plain])):
        host.hear(read(message))
    points = set(Readings([plain]).names[0])
    assert set(host.values["M0001"]) == points | {
        name for name in DEVICE if "/" in name and name != RESET_PEAK
    }
    assert "voltage_l2_n" not in points


def test_what_is_not_measured_yet_is_born_as_null_and_told_when_it_is() -> None:
    life = Life(1)
    life.next(temperature=np.array([np.nan]))
    life.birth()
    assert life.host.values["M0001"]["temperature"] is None
    life.next(temperature=np.array([21.5]))
    life.round()
    assert life.host.values["M0001"]["temperature"] == 21.5


def test_where_nothing_changes_only_the_tick_is_told(life: Life) -> None:
    assert life.round() == []
    assert life.round(life.next()) == ["NDATA"]
    assert life.host.values[""]["tick"] == 2


def test_data_are_of_the_meters_and_points_that_changed(life: Life) -> None:
    life.power(5.0)
    life.round()
    life.power(5.0, 7.0, 5.0)
    (first, second, third) = life.convention.states(life.snapshot)
    assert (list(first), list(third)) == ([], [])
    (message,) = second
    heard = read(message)
    assert heard.topic == "spBv1.0/metergate/DDATA/plant-a/M0002"
    (metric,) = heard.payload["metrics"]
    assert metric == {
        "alias": wire.alias(3, DEVICE["active_power"].place or 0),
        "timestamp": (START + 3 * NS_PER_S) // 1_000_000,
        "type": "Double",
        "value": 7.0,
    }


def test_every_kind_of_value_that_changes_is_told(life: Life) -> None:
    life.snapshot = plain_snapshot(life.meters, 2)
    life.tick = 2
    life.next(
        flags=np.full(3, 1 << FLAGS.index("stale"), np.uint16),
        lcd_text=np.array([b"   -1.00"] * 3, "S8"),
        peak_demand_time=np.full(3, START + 1_500_000_000),
        pulse_10wh=np.full(3, 2**40),
    )
    life.round()
    life.shows()
    assert {device["peak_demand_time"] for name, device in life.host.values.items() if name} == {
        START // 1_000_000 + 1500
    }


def test_sequence_numbers_of_node_and_meters_go_round_after_255(life: Life) -> None:
    for kilowatts in range(200):
        life.power(float(kilowatts))
        life.round()
    assert len(life.host.verbs) == 4 + 200 * 4


def test_each_attempt_to_connect_has_the_next_number_and_its_birth_has_the_same() -> None:
    life = Life(1)
    numbers = []
    for _ in range(258):
        will = life.convention.will()
        assert (will.qos, will.retain, will.topic) == (1, False, NODE.format("NDEATH"))
        numbers.append(read(will).payload["metrics"][0]["value"])
    assert numbers == [*range(256), 0, 1]
    life.send(life.convention.births(life.snapshot))
    assert life.host.bd_seq == 1
    assert life.convention.farewell() == [will]
    life.send([will])
    assert not life.host.online


def test_a_rebirth_stops_data_at_once_and_all_are_born_again_in_the_same_session(life: Life) -> None:
    life.power(1.0)
    states = life.convention.states(life.snapshot)
    life.send(next(states))
    request = payload(Stamp.of(1), write("Node Control/Rebirth", True, DataType.BOOLEAN), None)
    assert life.convention.heard(Incoming(NODE.format("NCMD"), request)) == Reborn(0.0)
    assert [list(rest) for rest in states] == [[], []]
    assert life.convention.closing(life.snapshot) == ()
    assert life.convention.lost(0) == ()
    assert life.send(life.convention.births(life.snapshot))[:2] == ["NBIRTH", "DBIRTH M0002"]
    life.shows()
    assert life.host.bd_seq == 0
    assert life.send(life.convention.found(0, life.snapshot)) == ["DBIRTH M0001"]


@pytest.mark.parametrize(
    "written",
    [
        write("Node Control/Rebirth", False, DataType.BOOLEAN),
        write("Node Control/Rebirth", None, DataType.BOOLEAN),
        write("Node Control/Rebirth", "true", DataType.STRING),
        write("Node Control/Reboot", True, DataType.BOOLEAN),
        b"",
        b"\xff",
    ],
)
def test_nothing_else_that_is_written_to_the_node_has_an_effect(life: Life, written: bytes) -> None:
    incoming = Incoming(NODE.format("NCMD"), payload(Stamp.of(1), written, None))
    assert life.convention.heard(incoming) is None
    assert life.round(life.power(4.0)) != []


@pytest.mark.parametrize("said", [2, 4])
def test_a_rebirth_amid_births_begins_them_anew(said: int) -> None:
    life = Life()
    life.convention.will()
    births = life.convention.births(life.snapshot)
    life.send(islice(births, said))
    request = payload(Stamp.of(1), write("Node Control/Rebirth", True, DataType.BOOLEAN), None)
    life.convention.heard(Incoming(NODE.format("NCMD"), request))
    assert list(births) == []
    assert life.round(life.next()) == []
    assert len(life.send(life.convention.births(life.snapshot))) == 4


def test_a_round_that_is_broken_off_leaves_neither_a_gap_nor_an_old_value(life: Life) -> None:
    life.power(1.0)
    assert life.round(parts=1) == ["DDATA M0001"]
    life.convention.will()
    life.host.lose_broker()
    assert life.round(life.power(2.0)) == []
    assert len(life.send(life.convention.births(life.snapshot))) == 4
    life.shows()
    assert life.round(life.power(3.0)) == ["DDATA M0001", "DDATA M0002", "DDATA M0003", "NDATA"]
    life.shows()


def test_a_meter_that_is_lost_dies_and_is_born_again_with_what_it_shows_then(life: Life) -> None:
    assert life.send(life.convention.lost(1)) == ["DDEATH M0002"]
    assert life.send(life.convention.lost(1)) == []
    assert life.round(life.power(1.0)) == ["DDATA M0001", "DDATA M0003", "NDATA"]
    life.power(1.0, 9.0, 1.0)
    assert life.send(life.convention.found(1, life.snapshot)) == ["DBIRTH M0002"]
    assert life.host.values["M0002"]["active_power"] == 9.0
    assert life.round(life.power(1.0)) == ["DDATA M0002", "NDATA"]
    life.shows()


def test_a_meter_that_is_found_amid_a_round_is_told_nothing_older(life: Life) -> None:
    life.send(life.convention.lost(2))
    older = life.power(1.0)
    said = life.convention.states(older)
    life.send(next(said))
    life.power(2.0)
    life.send(life.convention.found(2, life.snapshot))
    for messages in said:
        life.send(messages)
    assert life.host.values["M0003"]["active_power"] == 2.0
    life.round()
    life.shows()


def test_a_meter_without_supply_is_still_there(life: Life) -> None:
    off = np.full(3, 1 << FLAGS.index("stale"), np.uint16)
    assert "DDEATH M0001" not in life.round(life.next(flags=off))
    assert life.host.values["M0001"]["powered"] is False


def test_what_a_meter_without_supply_measured_last_is_stale_until_it_measures_again(life: Life) -> None:
    qualities = life.host.qualities["M0002"]
    life.power(2.0)
    life.round()
    assert set(qualities.values()) == {192}
    flags = life.snapshot.columns["flags"]
    life.next(flags=np.where(np.arange(3) == 1, 1 << FLAGS.index("stale"), flags).astype(np.uint16))
    assert life.round() == ["DDATA M0002", "NDATA"]
    stale = {name for name, quality in qualities.items() if quality == 500}
    assert {"active_power", "voltage_l1_n", "temperature"} <= stale <= MEASURED
    assert {"energy", "stale", "powered", ANSWER} <= qualities.keys() - stale
    life.shows()
    another = Life()
    another.snapshot = life.snapshot
    another.birth()
    assert another.host.qualities["M0002"] == qualities
    life.send(life.convention.births(life.snapshot))
    assert life.host.qualities["M0002"] == qualities
    assert set(life.host.qualities["M0001"].values()) == {192}
    life.next(flags=flags)
    assert life.round() == ["DDATA M0002", "NDATA"]
    assert set(life.host.qualities["M0002"].values()) == {192}


def test_who_is_lost_before_the_births_is_not_born() -> None:
    life = Life()
    for row in (0, 1):
        assert life.convention.lost(row) == ()
    assert life.convention.found(1, life.snapshot) == ()
    assert life.birth() == ["NBIRTH", "DBIRTH M0002", "DBIRTH M0003"]
    assert life.command("M0001", write(LOAD_KW, 1.0)) is None
    assert life.send(life.convention.found(0, life.snapshot)) == ["DBIRTH M0001"]


@pytest.mark.parametrize("by_alias", [False, True], ids=["by name", "by alias"])
def test_a_load_is_set_and_shown(life: Life, by_alias: bool) -> None:  # noqa: FBT001  a case
    make = (lambda *what: write_by_alias(1, *what)) if by_alias else write
    asked = life.command("M0002", make(LOAD_KW, 30.0), make(LOAD_POWER_FACTOR, -0.9))
    assert isinstance(asked, Asked)
    assert asked.request == (Change(1, {"load": {"kw": 30.0, "power_factor": -0.9}}),)
    life.power(30.0)
    assert life.send(asked.answer(("",))) == ["DDATA M0002"]
    shown = life.host.values["M0002"]
    assert (shown[LOAD_KW], shown[LOAD_POWER_FACTOR], shown[ANSWER]) == (30.0, -0.9, "ok")
    life.send(life.convention.births(life.snapshot))
    assert life.host.values["M0002"][LOAD_KW] == 30.0


def test_one_of_load_and_power_factor_goes_with_what_the_other_was(life: Life) -> None:
    asked = life.command("M0001", write(LOAD_KW, 5, DataType.INT32))
    assert asked.request == (Change(0, {"load": {"kw": 5, "power_factor": 1.0}}),)
    asked.answer(())
    asked = life.command("M0001", write(LOAD_POWER_FACTOR, 0.5))
    assert asked.request == (Change(0, {"load": {"kw": 5, "power_factor": 0.5}}),)


def test_the_peak_is_reset_by_true_and_by_nothing_else(life: Life) -> None:
    asked = life.command("M0003", write(RESET_PEAK, True, DataType.BOOLEAN))
    assert asked.request == (ResetPeak(2),)
    assert life.command("M0003", write(RESET_PEAK, False, DataType.BOOLEAN)) is None
    both = life.command("M0003", write(RESET_PEAK, True, DataType.BOOLEAN), write(LOAD_KW, 1.0))
    assert both.request == (ResetPeak(2), Change(2, {"load": {"kw": 1.0, "power_factor": 1.0}}))


def test_what_the_station_refuses_is_said_and_not_shown(life: Life) -> None:
    asked = life.command("M0001", write(LOAD_KW, 1e9))
    assert life.send(asked.answer(RequestRefusedError("too much; allowed: less"))) == ["DDATA M0001"]
    shown = life.host.values["M0001"]
    assert (shown[LOAD_KW], shown[ANSWER]) == (None, "too much; allowed: less")


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        (write("energy", 0.0), "'energy' cannot be written; allowed: Device Control/Reset Peak Demand"),
        (write_by_alias(0, "energy", 0.0), "'energy' cannot be written"),
        (write_by_alias(1, LOAD_KW, 1.0), "without a known name or alias cannot be written"),
        (write(LOAD_KW, float("nan")), "'Device Control/Load kW' is not a number"),
        (write(LOAD_KW, float("inf")), "is not a number"),
        (write(LOAD_KW, None), "is not a number"),
        (write(LOAD_KW, "5", DataType.STRING), "is not a number"),
        (write(LOAD_KW, True, DataType.BOOLEAN), "is not a number"),
        (write(RESET_PEAK, 1.0), "is not true or false"),
        (write(LOAD_POWER_FACTOR, 0.9), "a power factor needs a load"),
        (write("x" * 1000, 1.0), "'" + "x" * 64 + "' cannot be written"),
        (b"\xff\xff", "not a payload of Sparkplug B"),
        (b"\x12\x05\x0a\x7f", "not a payload of Sparkplug B"),
        (bytes(wire.MOST_BYTES), "allowed: at most 65536"),
    ],
)
def test_a_wrong_command_is_refused_with_the_reason(life: Life, written: bytes, reason: str) -> None:
    said = life.command("M0001", written)
    assert isinstance(said, Said)
    assert life.send(said.messages) == ["DDATA M0001"]
    assert reason in life.host.values["M0001"][ANSWER]
    assert life.host.values["M0001"][LOAD_KW] is None


def test_what_comes_of_a_command_amid_births_is_told_after_them() -> None:
    life = Life()
    life.convention.will()
    births = life.convention.births(life.snapshot)
    life.send(islice(births, 2))
    for meter in ("M0001", "M0003"):
        assert life.command(meter, write(LOAD_KW, 8.0)).answer(()) == ()
    life.send(births)
    assert life.host.values["M0003"][LOAD_KW] == 8.0
    assert life.round() == ["DDATA M0001"]
    assert life.host.values["M0001"][LOAD_KW] == 8.0


def test_retained_commands_and_those_to_others_are_not_obeyed(life: Life) -> None:
    command = payload(Stamp.of(1), write(LOAD_KW, 8.0), None)
    heard = life.convention.heard
    assert heard(Incoming(NODE.format("DCMD") + "/M0001", command, retain=True)) is None
    assert heard(Incoming(NODE.format("DCMD") + "/M0004", command)) is None
    assert heard(Incoming(NODE.format("DDATA") + "/M0001", command)) is None
    rebirth = payload(Stamp.of(1), write("Node Control/Rebirth", True, DataType.BOOLEAN), None)
    assert heard(Incoming(NODE.format("NCMD"), rebirth, retain=True)) is None


def test_it_hears_commands_to_the_node_and_to_any_meter() -> None:
    assert Life().convention.subscriptions == (NODE.format("NCMD"), NODE.format("DCMD") + "/+")


def test_aliases_are_their_own_for_thousands_of_meters() -> None:
    count = 5000
    meters = nameplates(count)
    convention = Sparkplug(meters, Payloads(sparkplug_node="plant-a"))
    births = convention.births(plain_snapshot(meters))
    next(births)
    seen = {m["alias"] for birth in islice(births, 4990, None) for m in read(birth).payload["metrics"]}
    assert min(seen) == wire.alias(4992, 1)
    assert len(DEVICE) <= 127


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_harmless(command: bytes) -> None:
    life = FUZZED
    for topic in (NODE.format("NCMD"), NODE.format("DCMD") + "/M0001"):
        heard = life.convention.heard(Incoming(topic, command))
        assert heard is None or isinstance(heard, Said)


@settings(deadline=None)
@given(
    st.sampled_from([*(metric.name for metric in COMMANDS), "Node Control/Rebirth", "energy", ""]),
    st.integers(0, 2**64 - 1),
    st.sampled_from(
        [
            b"\x50\xff\xff\xff\xff\x0f",
            b"\x58\x01",
            b"\x65\x00\x00\xc0\x7f",
            b"\x69" + bytes(8),
            b"\x70\x01",
            b"\x7a\x01\xff",
            b"\x7a\x02ab",
            b"\x82\x01\x00",
            b"\x38\x01",
            b"\x93\x01",
        ]
    ),
    st.integers(0, 40),
)
def test_metrics_of_any_type_are_harmless(name: str, number: int, value: bytes, datatype: int) -> None:
    life = FUZZED
    metric = b"\x0a" + varint(len(name)) + name.encode() + b"\x10" + varint(number) + varint(0x20)
    metric += varint(datatype) + value
    command = b"\x12" + varint(len(metric)) + metric
    for topic in (NODE.format("NCMD"), NODE.format("DCMD") + "/M0001"):
        heard = life.convention.heard(Incoming(topic, command))
        assert heard is None or isinstance(heard, Said | Asked | Reborn)


FUZZED = Life()
FUZZED.birth()

_ACTS = st.lists(
    st.tuples(
        st.sampled_from(["tick", "part", "round", "lose", "find", "rebirth", "cut", "load"]),
        st.integers(0, 2),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(_ACTS)
def test_whatever_happens_every_message_is_by_the_rules(acts: Sequence[tuple[str, int]]) -> None:
    life = Life()
    life.birth()
    said: Iterator[Sequence[Message]] = iter(())
    for act, row in acts:
        said = _act(life, said, act, row)
    life.send(message for messages in said for message in messages)
    life.round(life.next())
    life.shows()
    known = {meter.id for row, meter in enumerate(life.meters) if row not in life.convention._lost}
    assert life.host.values.keys() == known | {""}


def _act(life: Life, said: Iterator[Sequence[Message]], act: str, row: int) -> Iterator[Sequence[Message]]:
    """Do one thing that can happen between two messages, as the session and the publisher do it."""
    convention = life.convention
    match act:
        case "tick":
            life.power(*(float((row + k) % 3) for k in range(3)))
        case "part":
            life.send(next(said, ()))
        case "round":
            life.send(message for messages in said for message in messages)
            life.send(convention.closing(life.snapshot))
            return convention.states(life.snapshot)
        case "lose":
            life.send(convention.lost(row))
        case "find":
            life.send(convention.found(row, life.snapshot))
        case "load":
            asked = life.command(life.meters[row].id, write(LOAD_KW, float(life.tick)))
            life.send(asked.answer(()) if asked else ())
        case _:
            if act == "cut":
                convention.will()
                life.host.lose_broker()
            else:
                rebirth = write("Node Control/Rebirth", True, DataType.BOOLEAN)
                convention.heard(Incoming(NODE.format("NCMD"), payload(Stamp.of(1), rebirth, None)))
            births = convention.births(life.snapshot)
            life.send(islice(births, row + 1))
            life.send(convention.lost(row))
            life.send(convention.found(row, life.snapshot))
            life.send(births)
            return iter(())
    return said


def test_who_wants_no_commands_hears_of_rebirth_alone() -> None:
    convention = Sparkplug(nameplates(1), Payloads(sparkplug_node="plant-a", commands=False))
    assert convention.subscriptions == ("spBv1.0/metergate/NCMD/plant-a",)
