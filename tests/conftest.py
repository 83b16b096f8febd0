"""What all tests share: programs of others are used where they are, and required where CI says so."""

import pytest

from tests.support.programs import do_without, missing


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("real_client"):
        if lacking := missing(marker.args):
            do_without(f"not installed: {', '.join(lacking)}")
