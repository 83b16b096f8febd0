"""What all tests share: programs of others are used where they are, and required where CI says so."""

import os

import pytest

from tests.support.programs import missing

REQUIRED = os.environ.get("METERGATE_REQUIRE_CLIENTS") == "1"


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("real_client"):
        if lacking := missing(marker.args):
            message = f"not installed: {', '.join(lacking)}"
            (pytest.fail if REQUIRED else pytest.skip)(message)
