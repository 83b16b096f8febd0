"""Files of measured intervals: the sum that the meter registers is the sum in the file."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.clients import bacnet_readings, mqtt_states, read_words

Gateways = Callable[..., Any]
DATA = Path(__file__).parents[2] / "examples" / "data"
HOUSEHOLD = f"""
meters:
  - id: household
    model: series-1000-1p2w-277
    ct_a: 50
    accuracy: ideal
    load: {{profile: csv, file: {DATA}/03_uci_household_1min_20070201-02.csv, time: NewDateTime,
           value: Global_active_power, unit: kW, stamp: start, gaps: fail, end: zero}}
"""
GREEN_BUTTON = f"""
meters:
  - id: year
    model: series-1000-120-240
    accuracy: ideal
    load: {{profile: greenbutton, end: zero,
           file: {DATA}/01_greenbutton_inland_single_family_2011_hourly.xml}}
"""


@pytest.mark.real_client("mosquitto", "mosquitto_sub", "node", "npm:@bacnet-js/client")
def test_the_household_registers_its_two_days_on_every_protocol(gateway: Gateways, tmp_path: Path) -> None:
    (tmp_path / "plant.yaml").write_text(HOUSEHOLD)
    running = gateway("plant.yaml", "--clock", "manual", "--host", "127.0.0.2")
    running.advance(2 * 86_400)
    host, port = running.modbus
    (over_modbus,) = struct.unpack(">Q", read_words(host, port, 1, 100, 4))
    state = mqtt_states(running.ready["mqtt"], 1)["household"]
    (over_bacnet,) = bacnet_readings(running.bacnet_port, 1).values()
    assert over_modbus == 58_208
    assert state["energy"] == pytest.approx(58.208, abs=5e-4)
    assert over_bacnet["energy"] == pytest.approx(58.208, abs=5e-4)
    assert state["peak_demand"] == pytest.approx(4.542, abs=5e-4)
    (peak_over_modbus,) = struct.unpack(">f", read_words(host, port, 1, 62, 2))
    assert peak_over_modbus == pytest.approx(state["peak_demand"], rel=1e-6)


def test_the_green_button_year_registers_its_sum_to_the_last_watt_hour(
    gateway: Gateways, tmp_path: Path
) -> None:
    (tmp_path / "plant.yaml").write_text(GREEN_BUTTON)
    running = gateway("plant.yaml", "--clock", "manual")
    running.advance(8_760 * 3600)
    host, port = running.modbus
    assert struct.unpack(">Q", read_words(host, port, 1, 100, 4)) == (8_343_306,)
    running.advance(86_400)
    assert struct.unpack(">Q", read_words(host, port, 1, 100, 4)) == (8_343_306,)
