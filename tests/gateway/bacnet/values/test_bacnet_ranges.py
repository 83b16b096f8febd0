"""The ranges of analog inputs: what follows from service and CTs, and what meters show in them."""

import struct
from typing import Any

import numpy as np
import pytest

from gateway.bacnet.objects.meter_objects import ANALOG_INPUTS
from gateway.bacnet.values.increments import REALS
from gateway.bacnet.values.ranges import pres_value_ranges
from gateway.bacnet.wire.codes import ObjectType, Property
from sims.fleet import Fleet
from sims.meter import MeterSpec, Settings
from sims.models import MODELS, Nameplate
from sims.network import Supply
from sims.points import NS_PER_S, POINTS
from sims.profiles.constant import ConstantLoad
from sims.snapshot import Tick
from sims.wiring import Wiring


def ranges(model: str, ct_a: float = 400.0) -> dict[str, tuple[float, float]]:
    octets = pres_value_ranges([Nameplate(1, "M0001", MODELS[model], "S1", ct_a)])[0, :, :, 1:]
    least, most = octets.view(">f4")[..., 0].tolist()
    return dict(zip(REALS, zip(least, most, strict=True), strict=True))


@pytest.mark.parametrize(
    ("model", "name", "expected"),
    [
        ("series-2000-277-480", "voltage_l1_n", (0, 320)),
        ("series-2000-277-480", "voltage_l3_l1", (0, 554.2563)),
        ("series-1000-120-240", "voltage_l1_l2", (0, 276)),
        ("series-1000-120-208", "voltage_l1_l2", (0, 239.0230)),
        ("series-2000-277-480", "current_l2", (0, 480)),
        ("series-2000-277-480", "current_n", (0, 1440)),
        ("series-1000-1p2w-120", "current_n", (0, 480)),
        ("series-2000-277-480", "active_power_l1", (-153.6, 153.6)),
        ("series-2000-277-480", "reactive_power", (-460.8, 460.8)),
        ("series-2000-277-480", "apparent_power", (0, 460.8)),
        ("series-2000-277-480", "peak_demand", (0, 460.8)),
        ("series-1000-1p2w-120", "active_power", (-66.24, 66.24)),
        ("series-2000-277-480", "power_factor_l2", (-1, 1)),
        ("series-1000-120-208", "frequency", (50, 60)),
        ("series-2000-120-208", "frequency", (60, 60)),
        ("series-2000-120-208", "temperature", (-30, 60)),
    ],
)
def test_a_range_is_that_of_the_rating(model: str, name: str, expected: tuple[float, float]) -> None:
    assert ranges(model)[name] == pytest.approx(expected)


def test_the_energy_counter_s_range_is_what_it_holds() -> None:
    assert ranges("series-2000-120-208")["energy"] == pytest.approx((0, (2**63 - 1) / 3.6e9))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("kw", [1e-3, 1e5, -1e5])
@pytest.mark.parametrize("power_factor", [1.0, 0.3])
def test_a_meter_at_its_limits_shows_nothing_beyond_its_ranges(
    model: str, kw: float, power_factor: float
) -> None:
    kind = MODELS[model]
    plate = Nameplate(1, "M0001", kind, "S1", 400.0, options=frozenset({"demand"}))
    volts = (kind.voltage.highest,) * kind.elements
    spec = MeterSpec(
        plate,
        ConstantLoad(kw, power_factor),
        Wiring.correct(kind.elements),
        Supply(volts),
        Settings(ideal=True, registration="abs"),
    )
    fleet = Fleet([spec], start=0)
    shown = fleet.step(Tick(1, 1800 * NS_PER_S))
    for name, (least, most) in ranges(model).items():
        if POINTS[name].lines <= kind.lines:
            value = np.float32(POINTS[name].shown(np.asarray(shown.column(name)))[0])
            rounding = 1e-6 * most
            assert least - rounding <= value <= most + rounding, name
    if abs(kw) > 1:
        assert float(np.asarray(shown.column("current_l1"))[0]) == pytest.approx(
            ranges(model)["current_l1"][1]
        )


def test_every_analog_input_tells_its_range(meters: Any) -> None:
    for instance, name in enumerate(ANALOG_INPUTS, 1):
        ends = [
            struct.unpack(">f", meters.read(3, ObjectType.ANALOG_INPUT, instance, end)[1:])[0]
            for end in (Property.MIN_PRES_VALUE, Property.MAX_PRES_VALUE)
        ]
        assert tuple(ends) == ranges("series-2000-277-480", 100.0)[name], name


def test_a_meter_of_a_flat_gateway_has_the_ranges_of_its_own_rating(flat: Any) -> None:
    assert struct.unpack(">f", flat.read(0, 0, 317, 65)[1:]) == (120.0,)
    assert struct.unpack(">f", flat.read(0, 0, 311, 65)[1:]) == (320.0,)
    assert struct.unpack(">f", flat.read(0, 0, 111, 65)[1:]) == (138.0,)
