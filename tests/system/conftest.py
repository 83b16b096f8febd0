"""Gateways and commands as processes of their own."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.process import Gateway, run_cli


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Callable[..., Gateway]]:
    """Start gateways on free ports with these arguments of `metergate run`; all are stopped at the end."""
    started: list[Gateway] = []

    def start(*arguments: str) -> Gateway:
        started.append(Gateway(tmp_path, "--ephemeral", *arguments))
        return started[-1]

    yield start
    for one in started:
        with one:
            pass


@pytest.fixture
def cli() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `metergate` with these arguments to its end."""
    return run_cli
