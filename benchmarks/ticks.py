"""What one tick costs: a step of the fleet, with and without an edge of the loads, and the native image."""

import time
from collections.abc import Callable, Iterator
from typing import Final

from gateway.modbus.bank import nameplate_columns
from register_maps.codec import Codec
from register_maps.loader import load
from sims.fleet import Fleet
from sims.meter import MeterSpec
from sims.models import MODELS, Nameplate
from sims.profiles.daily import DailyShape
from sims.snapshot import Tick
from sims.wiring import Wiring

COLUMNS: Final = (
    "meters",
    "tick, no edge [ms]",
    "tick with an edge of every load [ms]",
    "image of map native [ms]",
)
SIZES: Final = (10, 100, 1000, 2000, 10_000)
START: Final = 1_767_571_200 * 10**9
SECOND: Final = 10**9


def fleet(meters: int) -> tuple[Fleet, list[Nameplate]]:
    """Return a fleet of mixed models with daily loads."""
    models = list(MODELS.values())
    plates = [Nameplate(n, f"M{n}", models[n % len(models)], f"S{n}", 400.0) for n in range(1, meters + 1)]
    specs = [
        MeterSpec(plate, DailyShape("office", 100_000.0), Wiring.correct(plate.model.elements))
        for plate in plates
    ]
    return Fleet(specs, start=START, seed=1), plates


def median_ms(work: Callable[[], object], repeats: int = 21) -> float:
    """Return the median time of `work` [ms]."""
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return sorted(times)[repeats // 2] * 1e3


def measure() -> Iterator[tuple[str, ...]]:
    """Yield a row for each size of fleet."""
    for size in SIZES:
        simulated, plates = fleet(size)
        now = START

        def step(seconds: int, simulated: Fleet = simulated) -> None:
            nonlocal now
            now += seconds * SECOND
            simulated.step(Tick(0, now))

        plain = median_ms(lambda: step(1))  # 21 s: no minute begins among most of them
        edge = median_ms(lambda: step(60))
        codec = Codec(load("native"), size, nameplate_columns(plates))
        columns = simulated.step(Tick(0, now)).columns
        encoded = median_ms(lambda codec=codec, columns=columns: codec.encode(columns))  # type: ignore[misc]
        yield str(size), f"{plain:.3f}", f"{edge:.3f}", f"{encoded:.3f}"
