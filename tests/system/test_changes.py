"""What is changed over HTTP while the gateway runs, seen by clients of every protocol at the new tick."""

import json
import struct
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.clients import NATIVE_FLOATS, mqtt_states, read_words
from tests.support.process import Gateway

METER = "/api/v1/meters/only"
PLANT = """
meters:
  - {id: only, model: series-2000-120-208, ct_a: 400, accuracy: ideal, options: [demand, peak_reset],
     load: {kw: 30}}
  - {id: plain, model: series-1000-120-208, accuracy: ideal, load: {kw: 10}}
"""
PEAK_SHOWN = 19 * 60 + 12
"""A second at which the LCD begins to show the peak, for six seconds."""


@pytest.fixture
def running(gateway: Callable[..., Gateway], tmp_path: Path) -> Gateway:
    """Start two ideal meters with a manual clock."""
    (tmp_path / "plant.yaml").write_text(PLANT)
    return gateway("plant.yaml", "--clock", "manual")


def _change(running: Gateway, body: object, path: str = METER) -> Any:
    """Return the answer to PATCH."""
    request = urllib.request.Request(  # noqa: S310  a URL of our own gateway
        running.ready["http"] + path,
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
        method="PATCH",
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  likewise
        return json.load(answer)


def _refusal(ask: Callable[[], Any]) -> tuple[int, str]:
    """Return status and detail of a problem."""
    with pytest.raises(urllib.error.HTTPError) as raised:
        ask()
    with raised.value as answer:
        assert answer.headers["Content-Type"] == "application/problem+json"
        return answer.code, json.load(answer)["detail"]


def _over_modbus(running: Gateway, unit: int = 1) -> dict[str, float]:
    """Return the f32 points of a meter."""
    words = read_words(*running.modbus, unit, 0, 64)
    return {
        point: struct.unpack_from(">f", words, 2 * address)[0] for address, point in NATIVE_FLOATS.items()
    }


def _agree(running: Gateway, unit: int = 1, name: str = "only") -> dict[str, Any]:
    """Return a meter's readings, which Modbus and MQTT must show too."""
    meter = running.http(f"/api/v1/meters/{name}")
    state = mqtt_states(running.ready["mqtt"], 2)[name]
    assert state["tick"] == meter["tick"]
    assert {point: state[point] for point in meter["readings"]} == meter["readings"]
    for point, value in _over_modbus(running, unit).items():
        if point in meter["readings"]:
            assert value == pytest.approx(meter["readings"][point], rel=1e-6), point
    readings: dict[str, Any] = meter["readings"]
    return readings


@pytest.mark.real_client("mosquitto", "mosquitto_sub")
def test_a_new_load_is_seen_at_once_and_counts_from_then_on(running: Gateway) -> None:
    running.advance(3600)
    answer = _change(running, {"load": {"kw": 6, "power_factor": 0.8}})
    assert (answer["tick"], answer["time"]) == (2, "2026-01-05T01:00:00Z")
    now = _agree(running)
    assert (now["active_power"], now["reactive_power"], now["energy"]) == (6.0, 4.5, 30.0)
    running.advance(3600)
    assert _agree(running)["energy"] == 36.0


@pytest.mark.real_client("mosquitto", "mosquitto_sub")
def test_a_ct_that_is_turned_round_registers_a_third(running: Gateway) -> None:
    answer = _change(running, {"wiring": {"ct2": {"polarity": "reversed"}}})
    assert answer["wiring"]["ct2"]["polarity"] == "reversed"
    running.advance(3600)
    now = _agree(running)
    assert (now["active_power_l2"], now["active_power"], now["energy"]) == (-10.0, 10.0, 10.0)
    assert now["negative_power_l2"] is True
    _change(running, {"wiring": {"ct2": {"ratio": 0.5}}})
    running.advance(3600)
    assert _agree(running)["active_power_l2"] == -5.0


@pytest.mark.real_client("mosquitto", "mosquitto_sub")
def test_a_lost_line_is_dead_and_without_l1_the_meter_is_off(running: Gateway) -> None:
    _change(running, {"supply": {"lost": [3]}})
    running.advance(3600)
    now = _agree(running)
    assert now["voltage_l3_n"] == pytest.approx(0, abs=1e-6)
    assert (now["phase_loss_l3"], now["powered"], now["energy"]) == (True, True, 20.0)
    _change(running, {"supply": {"lost": [1]}})
    running.advance(3600)
    off = _agree(running)
    assert (off["powered"], off["stale"], off["energy"]) == (False, True, 20.0)
    _change(running, {"supply": {"lost": []}})
    running.advance(3600)
    assert _agree(running)["energy"] == 50.0


@pytest.mark.real_client("mosquitto", "mosquitto_sub")
def test_without_its_neutral_terminal_the_meter_is_off(running: Gateway) -> None:
    running.advance(3600)
    answer = _change(running, {"wiring": {"n": {"open": True}}})
    assert answer["wiring"]["n"] == {"open": True}
    running.advance(3600)
    off = _agree(running)
    assert (off["powered"], off["stale"], off["energy"]) == (False, True, 30.0)
    _change(running, {"wiring": {"n": {"open": False}}})
    running.advance(3600)
    assert _agree(running)["energy"] == 60.0


def test_a_sum_of_sums_draws_what_its_parts_draw(running: Gateway) -> None:
    inner = {"sum": [{"kw": 6}, {"kw": 3}], "shares": [1, 0, 0]}
    answer = _change(running, {"load": {"sum": [inner, {"kw": 3}]}})
    assert answer["load"]["sum"][0]["sum"][1]["kw"] == 3
    powers = [answer["readings"][f"active_power_l{line}"] for line in (1, 2, 3)]
    assert powers == [10.0, 1.0, 1.0]


@pytest.mark.real_client("mosquitto", "mosquitto_sub")
def test_a_load_between_lines_is_on_both_elements(running: Gateway) -> None:
    load = {"amps": [0, 0], "between": {"l1_l2": {"amps": 50}}}
    assert _change(running, {"load": load}, "/api/v1/meters/plain")["load"]["between"]["l1_l2"]["amps"] == 50
    now = _agree(running, 2, "plain")
    assert (now["active_power_l1"], now["active_power_l2"]) == pytest.approx((5.19615, 5.19615), abs=5e-6)
    after = _change(running, {"wiring": {"ct2": {"polarity": "reversed"}}}, "/api/v1/meters/plain")
    assert after["readings"]["active_power"] == pytest.approx(0, abs=1e-9)


@pytest.mark.real_client("mosquitto", "mosquitto_sub")
def test_the_key_resets_the_peak_while_the_lcd_shows_it(running: Gateway) -> None:
    key = f"{METER}/key-switch"
    running.advance(PEAK_SHOWN - 1)
    assert _agree(running)["peak_demand"] == 30.0
    early = running.http(key, {"held_s": 0.5})
    assert early["reset"] is False
    assert "the LCD shows instantaneous" in early["reason"]
    running.advance(1)
    assert _agree(running)["peak_demand"] == 30.0
    turned = running.http(key, {"held_s": 0.5})
    assert (turned["reset"], turned["reason"]) == (None, "")
    assert _agree(running)["peak_demand"] == 30.0
    running.advance(0.499999)
    assert _agree(running)["peak_demand"] == 30.0
    running.advance(0.000001)
    now = _agree(running)
    assert (now["peak_demand"], now["rolling_demand"]) == (0.0, 30.0)
    meter = running.http(METER)
    turn = {"time": meter["time"], "reset": True, "reason": ""}
    assert meter["key_switch"] == {"position": "home", "last_turn": turn}


def test_a_key_that_is_held_too_long_is_told_so_at_once(running: Gateway) -> None:
    running.advance(PEAK_SHOWN)
    turned = running.http(f"{METER}/key-switch", {"held_s": 2})
    assert (turned["reset"], turned["reason"]) == (
        False,
        "the key was turned for 2 s; allowed: up to 1 s",
    )
    running.advance(2)
    assert running.http(METER)["readings"]["peak_demand"] == 30.0


def test_the_key_one_way_and_back(running: Gateway) -> None:
    key = f"{METER}/key-switch"
    running.advance(PEAK_SHOWN)
    assert running.http(key, {"position": "right"})["reset"] is None
    running.advance(1.001)
    late = running.http(key, {"position": "home"})
    assert (late["reset"], late["reason"]) == (False, "the key was turned for 1.001 s; allowed: up to 1 s")
    running.http(key, {"position": "right"})
    running.advance(1)
    assert running.http(key, {"position": "home"})["reset"] is True
    assert running.http(METER)["readings"]["peak_demand"] == 0.0


def test_a_reset_from_afar_needs_the_option(running: Gateway) -> None:
    running.advance(900)
    assert running.http(f"{METER}/reset-peak", {})["tick"] == 2
    assert running.http(METER)["readings"]["peak_demand"] == 0.0
    status, detail = _refusal(lambda: running.http("/api/v1/meters/plain/reset-peak", {}))
    assert (status, detail) == (
        409,
        "the meter has no peak reset; allowed: meters ordered with the option peak_reset",
    )


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"load": {"kw": 1}, "supply": {"volts": 1000}}, "body.supply.volts: 1000 is not a voltage"),
        ({"load": {"profile": "csv", "file": "/etc/passwd"}}, "named in the configuration alone"),
        ({"link": {"mqt": {"mode": "silent"}}}, "body.link.mqt: unknown key (did you mean mqtt?)"),
    ],
)
def test_a_refused_change_changes_nothing_and_makes_no_tick(
    running: Gateway, body: object, words: str
) -> None:
    before = running.http(METER)
    status, detail = _refusal(lambda: _change(running, body))
    assert status == 422
    assert words in detail
    assert running.http(METER) == before


def test_what_is_shown_can_be_sent_back(running: Gateway) -> None:
    running.advance(3600)
    before = running.http(METER)
    again = _change(running, {key: before[key] for key in ("load", "wiring", "supply", "environment")})
    assert again == before | {"tick": 2}
