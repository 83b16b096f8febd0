"""One truth: clients written by others read the same figures on all three protocols at one tick."""

import struct
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.clients import NATIVE_FLOATS, bacnet_readings, mbpoll, mqtt_states, read_words

Gateways = Callable[..., Any]


@pytest.mark.real_client("mbpoll", "mosquitto", "mosquitto_sub", "node", "npm:@bacnet-js/client")
def test_ten_meters_show_the_same_figures_on_modbus_bacnet_and_mqtt(gateway: Gateways) -> None:
    # The JavaScript stack drops what comes from 127.0.0.1, so this gateway is on 127.0.0.2.
    running = gateway("--clock", "manual", "--host", "127.0.0.2")
    tick = running.advance(3 * 3600 + 17 * 60)["tick"]
    states = mqtt_states(running.ready["mqtt"], 10)
    devices = bacnet_readings(running.bacnet_port, 10)
    over_http = {meter["id"]: meter["readings"] for meter in running.http("/api/v1/meters")["meters"]}
    assert sorted(states) == sorted(over_http) == [f"M{n:04}" for n in range(1, 11)]
    assert sorted(devices) == list(range(100_001, 100_011))
    for number, (name, state) in enumerate(sorted(states.items()), start=1):
        assert state["tick"] == tick
        assert {key: state[key] for key in over_http[name]} == over_http[name]
        assert state["energy"] > 0
        assert devices[100_000 + number] == pytest.approx(
            {"energy": state["energy"], "demand": state["demand"]}, rel=1e-6
        )


@pytest.mark.real_client("mbpoll", "mosquitto", "mosquitto_sub")
def test_mbpoll_reads_the_energy_that_mosquitto_sub_sees(gateway: Gateways) -> None:
    running = gateway("--clock", "manual")
    running.advance(5 * 3600)
    host, port = running.modbus
    states = mqtt_states(running.ready["mqtt"], 10)
    for unit in (1, 10):
        shown = float(mbpoll(host, port, unit, 56)[0])
        assert shown == pytest.approx(states[f"M{unit:04}"]["energy"], rel=1e-5)


@pytest.mark.real_client("mosquitto", "mosquitto_sub")
def test_every_point_on_the_native_map_is_the_point_on_mqtt(gateway: Gateways) -> None:
    running = gateway("--clock", "manual")
    running.advance(7 * 3600)
    host, port = running.modbus
    for unit, state in enumerate(dict(sorted(mqtt_states(running.ready["mqtt"], 10).items())).values(), 1):
        words = read_words(host, port, unit, 0, 64)
        pairs = [
            (key, struct.unpack_from(">f", words, 2 * address)[0]) for address, key in NATIVE_FLOATS.items()
        ]
        for key, value in pairs:
            if key in state:
                assert value == pytest.approx(state[key], rel=1e-6), key
            else:
                assert value != value, key  # noqa: PLR0124  NaN: the model lacks it
