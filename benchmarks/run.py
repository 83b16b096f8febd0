"""Runs the benchmarks named on the command line, or all, and prints a table of each."""

import os
import platform
import sys
from collections.abc import Callable, Iterator
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks import bacnet, bacnet_cov, modbus, mqtt, process, ticks

Row = tuple[str, ...]

BENCHMARKS: Final[dict[str, tuple[Row, Callable[[], Iterator[Row]]]]] = {
    "ticks": (ticks.COLUMNS, ticks.measure),
    "year": (ticks.YEAR_COLUMNS, ticks.measure_year),
    "process": (process.COLUMNS, process.measure),
    "modbus": (modbus.COLUMNS, modbus.measure),
    "bacnet": (bacnet.COLUMNS, bacnet.measure),
    "cov": (bacnet_cov.COLUMNS, bacnet_cov.measure),
    "mqtt": (mqtt.COLUMNS, mqtt.measure),
    "publishing": (mqtt.RATE_COLUMNS, mqtt.measure_rate),
}


def main() -> None:
    """Measure and print."""
    wanted = sys.argv[1:] or list(BENCHMARKS)
    if unknown := [name for name in wanted if name not in BENCHMARKS]:
        sys.exit(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    console = Console(width=140)
    console.print(f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores")
    for name in wanted:
        columns, measure = BENCHMARKS[name]
        table = Table(*columns, title=name, title_justify="left")
        for row in measure():
            table.add_row(*row)
        console.print(table)


if __name__ == "__main__":
    main()
