"""What all tests share: programs of others are used where they are, and required where CI says so."""

import os
import shutil
from pathlib import Path

import pytest

NODE_MODULES = Path(__file__).parent / "clients" / "node_modules"
REQUIRED = os.environ.get("METERGATE_REQUIRE_CLIENTS") == "1"


def _missing(programs: tuple[str, ...]) -> list[str]:
    """Return the programs that are not here; `npm:NAME` is a package of tests/clients."""
    return [
        name
        for name in programs
        if not ((NODE_MODULES / name[4:]).exists() if name.startswith("npm:") else shutil.which(name))
    ]


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("real_client"):
        if missing := _missing(marker.args):
            message = f"not installed: {', '.join(missing)}"
            (pytest.fail if REQUIRED else pytest.skip)(message)
