"""What the gateway shows of the whole fleet is the sum of what the meters show."""

import numpy as np

from sims.points import FLAGS, GATEWAY_POINTS
from sims.totals import fleet_totals


def test_the_totals_are_the_sums_over_the_meters() -> None:
    raised = {name: np.uint16(1 << FLAGS.index(name)) for name in ("powered", "stale", "over_current")}
    totals = fleet_totals(
        {
            "energy": np.array([3_600_000 * 7 - 1, 3_600_000 * 5, 9 * 10**18]),
            "active_power": np.array([1500.0, -500.0, np.nan]),
            "demand": np.array([100.0, 200.0, 0.0]),
            "rolling_demand": np.array([1.0, 2.0, 3.0]),
            "flags": np.array(
                [raised["powered"], raised["powered"] | raised["over_current"], raised["stale"]]
            ),
        }
    )
    shown = {name: total.item() for name, total in totals.items()}
    assert shown == {
        "fleet_energy": 6 + 5 + 9 * 10**18 // 3_600_000,
        "fleet_active_power": 1000.0,
        "fleet_demand": 300.0,
        "fleet_rolling_demand": 6.0,
        "fleet_powered": 2,
        "fleet_stale": 1,
        "fleet_reverse_phase": 0,
        "fleet_over_current": 1,
    }
    assert set(shown) == {name for name in GATEWAY_POINTS if name.startswith("fleet_")}
    assert all(total.shape == (1,) for total in totals.values())


def test_a_hundred_thousand_of_the_fullest_meters_do_not_overflow() -> None:
    n = 100_000
    nothing = np.zeros(n)
    columns = dict.fromkeys(("active_power", "demand", "rolling_demand"), nothing)
    full = columns | {"energy": np.full(n, 9 * 10**18), "flags": np.zeros(n, np.uint16)}
    assert fleet_totals(full)["fleet_energy"].item() == n * (9 * 10**18 // 3_600_000)
