"""Programs of others, looked for where the product looks: distributions put brokers where only root does."""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

NODE_MODULES = Path(__file__).parents[1] / "clients" / "node_modules"
REQUIRED = os.environ.get("METERGATE_REQUIRE_CLIENTS") == "1"
_ALSO = ("/usr/sbin", "/usr/local/sbin")


def program(name: str) -> str | None:
    """Return the path of a program, or nothing."""
    return shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", os.defpath), *_ALSO)))


def missing(names: tuple[str, ...]) -> list[str]:
    """Return the programs that are not here; `npm:NAME` is a package of tests/clients."""
    return [
        name
        for name in names
        if not ((NODE_MODULES / name[4:]).exists() if name.startswith("npm:") else program(name))
    ]


def do_without(what: str) -> NoReturn:
    """Skip the test for want of something; where CI requires everything, let it fail."""
    (pytest.fail if REQUIRED else pytest.skip)(what)
