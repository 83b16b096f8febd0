"""What simulated time costs: one tick, with and without an edge of every load, its image, and a year."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from gateway.modbus.units.subjects import Meters
from register_maps.codec import Codec
from register_maps.loader import load
from sims.fleet import Fleet
from sims.meter import MeterSpec
from sims.models import MODELS, Nameplate
from sims.network import Supply
from sims.profiles import ConstantLoad, DailyShape, IntervalSeries, LoadSpec, Replay
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

YEAR_COLUMNS: Final = ("loads of 100 meters", "a tenth of a year [s]", "so a year [s]")
YEAR_DAYS: Final = 365.0
INTERVAL_S: Final = 300
APART: Final = 1_000_003
"""Time between two changes of supply [ns], where each meter has a power-up of its own."""


def fleet(loads: Sequence[LoadSpec]) -> tuple[Fleet, list[Nameplate]]:
    """Return a fleet of mixed models, a meter for each load."""
    models = list(MODELS.values())
    plates = [
        Nameplate(n, f"M{n}", models[n % len(models)], f"S{n}", 400.0) for n in range(1, len(loads) + 1)
    ]
    specs = [
        MeterSpec(plate, load, Wiring.correct(plate.model.elements))
        for plate, load in zip(plates, loads, strict=True)
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
        simulated, plates = fleet([DailyShape("office", 100_000.0)] * size)
        now = START

        def step(seconds: int, simulated: Fleet = simulated) -> None:
            nonlocal now
            now += seconds * SECOND
            simulated.step(Tick(0, now))

        plain = median_ms(lambda: step(1))  # 21 s: no minute begins among most of them
        edge = median_ms(lambda: step(60))
        codec = Codec(load("native"), size, Meters(plates).fixed)
        columns = simulated.step(Tick(0, now)).columns
        encoded = median_ms(lambda codec=codec, columns=columns: codec.encode(columns))  # type: ignore[misc]
        yield str(size), f"{plain:.3f}", f"{edge:.3f}", f"{encoded:.3f}"


def five_minute_profiles(meters: int, days: float) -> list[LoadSpec]:
    """Return a replay of its own for each meter: 5-minute readings of so many days, in microjoules."""
    intervals = int(days * 86_400 / INTERVAL_S)
    edges = START + INTERVAL_S * SECOND * np.arange(intervals + 1, dtype=np.int64)
    energy = np.random.default_rng(1).integers(0, 3 * 10**12, (meters, intervals))
    return [Replay(IntervalSeries(f"meter {n}", edges, row)) for n, row in enumerate(energy, start=1)]


def power_up_one_by_one(simulated: Fleet, meters: int) -> None:
    """Let each meter lose its supply and have it back at an instant of its own."""
    now = START
    for row in range(meters):
        spec = simulated.meter(row)
        for supply in (Supply(lost=frozenset({1})), spec.supply):
            now += APART
            simulated.go_on(now)
            simulated.change(row, replace(spec, supply=supply))


def measure_year() -> Iterator[tuple[str, ...]]:
    """Yield a row for each kind of load: a tenth of a year, in ticks of a day, and ten times that."""
    days = YEAR_DAYS / 10
    replays = five_minute_profiles(100, days)
    kinds: tuple[tuple[str, Sequence[LoadSpec], bool], ...] = (
        ("5-minute replays", replays, False),
        ("5-minute replays, each meter with a power-up of its own", replays, True),
        ("daily shapes, a step every minute", [DailyShape("office", 100_000.0)] * 100, False),
        ("constant", [ConstantLoad(1.0)] * 100, False),
        ("constant, each meter with a power-up of its own", [ConstantLoad(1.0)] * 100, True),
    )
    for kind, loads, one_by_one in kinds:
        simulated, _ = fleet(loads)
        if one_by_one:
            power_up_one_by_one(simulated, len(loads))
        begin = time.perf_counter()
        for day in np.arange(1.0, days + 1.0).clip(max=days).tolist():
            simulated.step(Tick(0, START + round(day * 86_400) * SECOND))
        seconds = time.perf_counter() - begin
        yield kind, f"{seconds:.1f}", f"{seconds * 10:.0f}"
