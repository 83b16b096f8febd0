import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import iso
from gateway.errors import ConfigError
from gateway.mqtt.plain.convention import Plain
from gateway.mqtt.plain.state import States
from gateway.mqtt.plain.topics import Topics
from gateway.payloads import Payloads
from sims.models import MODELS, Nameplate
from sims.points import POINTS, PUBLISHED, Kind
from sims.snapshot import Snapshot, Tick
from tests.support.mqtt import Station

Plates = Callable[[int], list[Nameplate]]
Reading = Callable[..., Snapshot]

TOPICS = Topics.under("metergate", "plant-a")


def strict(payload: bytes) -> dict[str, Any]:
    """Parse JSON and refuse what only Python takes for JSON."""

    def refuse(word: str) -> None:
        raise ValueError(word)

    return dict(json.loads(payload, parse_constant=refuse))


def states(snapshot: Snapshot, meters: list[Nameplate]) -> list[dict[str, Any]]:
    return [strict(message.payload) for (message,) in States(TOPICS, meters, Payloads()).of(snapshot)]


@pytest.mark.parametrize("row", [0, 1, 2], ids=["1 element", "2 elements", "3 elements"])
def test_a_state_is_every_point_of_the_model_as_it_is_shown(
    plates: Plates, reading: Reading, row: int
) -> None:
    meters = plates(3)
    snapshot = reading(meters)
    state = states(snapshot, meters)[row]
    points = [point for point in PUBLISHED if point.lines <= meters[row].model.lines]
    assert set(state) == {"time", "tick"} | {point.name for point in points}
    for point in points:
        held = snapshot.column(point.name)[row]
        if point.kind in {Kind.INSTANT, Kind.COUNTER}:
            assert state[point.name] == pytest.approx(float(point.shown(held)), rel=1e-8), point.name
        elif point.kind is Kind.FLAG:
            assert state[point.name] is bool(held), point.name
    assert state["lcd_text"] == "  000042"
    assert state["lcd_screen"] == 1
    assert isinstance(state["pulse_10wh"], int)
    assert state["powered"] is True
    assert state["stale"] is False


def test_time_is_iso_8601_in_utc_and_null_where_there_is_none(plates: Plates, reading: Reading) -> None:
    meters = plates(2)
    first, second = states(reading(meters, tick=2), meters)
    assert (first["time"], first["tick"]) == ("2026-01-05T00:00:02Z", 2)
    assert first["peak_demand_time"] == "2026-01-05T00:15:00Z"
    assert second["peak_demand_time"] is None
    assert iso(1_500_000_000) == "1970-01-01T00:00:01.500000Z"


def test_a_value_that_is_not_a_number_is_left_out(plates: Plates, reading: Reading) -> None:
    meters = plates(3)
    columns = {"temperature": np.array([np.nan, 21.5, np.inf])}
    first, second, third = states(reading(meters, **columns), meters)
    assert "temperature" not in first
    assert second["temperature"] == 21.5
    assert "temperature" not in third


@pytest.mark.parametrize(
    ("watts", "text"),
    [
        (29_999.999_999_99, b'"active_power":30.0,'),
        (-30_000.0, b'"active_power":-30.0,'),
        (-1e-9, b'"active_power":0.0,'),
        (100.0 / 3.0, b'"active_power":0.033333333,'),
        (1e7 / 3.0, b'"active_power":3333.33333,'),
    ],
)
def test_no_noise_of_the_arithmetic_shows(
    plates: Plates, reading: Reading, watts: float, text: bytes
) -> None:
    meters = plates(1)
    ((message,),) = States(TOPICS, meters, Payloads()).of(reading(meters, active_power=np.array([watts])))
    assert text in message.payload


@given(st.floats(-1e9, 1e9))
def test_a_figure_is_the_same_as_in_a_float32(watts: float) -> None:
    meters = [Nameplate(1, "M0001", model=MODELS["series-1000-1p2w-120"], serial="S")]
    columns = {point.name: np.array([watts]) for point in POINTS.values() if point.kind is Kind.INSTANT}
    whole = {
        p.name: np.array([0]) for p in POINTS.values() if p.kind in {Kind.COUNTER, Kind.TIME, Kind.STATE}
    }
    snapshot = Snapshot(Tick(1, 0), columns | whole | {"lcd_text": np.array([b""], dtype="S8")})
    (state,) = states(snapshot, meters)
    exact = np.float32(watts / 1000.0)
    assert abs(np.float32(state["active_power"]) - exact) <= max(float(np.spacing(abs(exact))), 1e-9)


def test_energy_keeps_its_milliwatt_hours_up_to_the_rollover(plates: Plates, reading: Reading) -> None:
    meters = plates(2)
    energy = np.array([58_208 * 3_600_000, 99_999_999_999 * 3_600_000 // 1000 + 3600], dtype=np.int64)
    first, second = states(reading(meters, energy=energy), meters)
    assert first["energy"] == 58.208
    assert second["energy"] == pytest.approx(99_999.999_999 + 1e-6, abs=1e-9)


def test_topics_are_those_of_the_contract(plates: Plates, reading: Reading) -> None:
    meters = plates(1)
    plain = Plain(TOPICS, meters, Payloads(), Station())
    assert [message[:4] for message in plain.farewell()] == [
        ("metergate/plant-a/M0001/status", b"offline", 0, True),
        ("metergate/plant-a/status", b"offline", 1, True),
    ]
    assert plain.will() == plain.farewell()[-1]
    assert TOPICS.everything == "metergate/plant-a/#"
    (tick,) = plain.closing(reading(meters, tick=7))
    assert tick[:4] == (
        "metergate/plant-a/tick",
        b'{"time":"2026-01-05T00:00:07Z","tick":7}',
        1,
        True,
    )
    assert Topics.under("site/b", "x").status == "site/b/x/status"


@pytest.mark.parametrize("prefix", ["", "$SYS", "a//b", "a/+", "#", "a\x00"])
def test_a_prefix_that_mqtt_reserves_is_refused(prefix: str) -> None:
    with pytest.raises(ConfigError, match=r"mqtt\.prefix.*allowed"):
        Topics.under(prefix, "plant-a")


@pytest.mark.parametrize("name", ["", "a/b", "+", "M#", "a\n"])
def test_an_id_that_cannot_be_a_level_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"gateway\.id.*not allowed"):
        Topics.under("metergate", name)
