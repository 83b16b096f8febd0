"""What a gateway costs when nobody asks: time to get ready, memory, CPU of the process at a 1-s tick."""

import time
from collections.abc import Iterator
from typing import Final

from benchmarks.support import cpu_seconds, gateway, resident_mb

COLUMNS: Final = ("meters", "ready after [s]", "memory [MB]", "CPU, idle [% of a core]")
SIZES: Final = (10, 200, 1000)
SECONDS: Final = 10.0


def measure() -> Iterator[tuple[str, ...]]:
    """Yield a row for each number of meters."""
    for meters in SIZES:
        with gateway("--meters", str(meters)) as ready:
            time.sleep(2.0)
            before = cpu_seconds(ready["pid"])
            time.sleep(SECONDS)
            share = (cpu_seconds(ready["pid"]) - before) / SECONDS
            memory = resident_mb(ready["pid"])
        yield str(meters), f"{ready['start_s']:.2f}", f"{memory:.0f}", f"{100 * share:.1f}"
