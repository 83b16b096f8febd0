"""The page on Sparkplug says what the births say."""

from pathlib import Path

from gateway.mqtt.sparkplug.metrics import DEVICE, NODE, UNALIASED
from sims.points import PUBLISHED

PAGE = (Path(__file__).parents[4] / "docs/sparkplug.md").read_text()
WORDS = {"INT32": "Int32", "INT64": "Int64", "DATETIME": "DateTime"}


def test_the_page_has_every_metric_in_its_place_and_no_other() -> None:
    rows = [row for row in PAGE.splitlines() if row.startswith("| `") and row.count("|") == 5]
    metrics = [*UNALIASED.values(), *NODE.values(), *DEVICE.values()]
    assert rows == [
        f"| `{metric.name}` | {WORDS.get(metric.datatype.name, metric.datatype.name.capitalize())} "
        f"| {metric.unit} | {metric.description} |"
        for metric in metrics
    ]


def test_every_point_is_a_metric_by_its_own_name() -> None:
    assert [name for name in DEVICE if "/" not in name] == [point.name for point in PUBLISHED]
