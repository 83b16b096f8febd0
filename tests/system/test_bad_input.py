"""Bad input: a clear error with its place, exit code 2, nothing started."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Cli = Callable[..., subprocess.CompletedProcess[str]]
GREEN_BUTTON = Path(__file__).parents[2] / "examples/data/01_greenbutton_inland_single_family_2011_hourly.xml"


def _run(cli: Cli, directory: Path, text: str) -> str:
    """Run the configuration `text`, which must be refused; return what was said of it."""
    (directory / "plant.yaml").write_text(text)
    ready = directory / "ready.json"
    done = cli("run", "plant.yaml", "--ephemeral", "--ready-file", str(ready), cwd=directory)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert not ready.exists()
    return done.stderr


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("gateway: {id: x}\nmodbuss: {port: 5020}\n", "plant.yaml:2", ["modbuss", "modbus"]),
        ("meters:\n  - {id: a, modle: series-2000-120-208}\n", "plant.yaml:2", ["modle", "model"]),
        ("meters:\n  - {id: a, model: series-2000-240-delta}\n", "plant.yaml:2", ["model", "wye"]),
        (
            "meters:\n  - id: a\n    model: series-2000-120-208\n    service: delta\n",
            "plant.yaml:4",
            ["service", "wye"],
        ),
        (
            "meters:\n  - id: a\n    model: series-2000-120-208\n    supply: {frequency_hz: 50}\n",
            "plant.yaml:4",
            ["frequency_hz", "60"],
        ),
        ("meters:\n  - {id: a}\n  - {id: b}\n  - {id: a}\n", "plant.yaml:4", ["id", "a", "2"]),
        (
            "meters:\n  - id: a\n    load: {profile: greenbutton, file: nowhere.xml}\n",
            "plant.yaml:3",
            ["file", "nowhere.xml"],
        ),
        ("meters: []\n", "plant.yaml:1", ["meters"]),
        ("meters:\n  - {id: a\n", "plant.yaml:", []),
    ],
)
def test_a_bad_configuration_is_refused_with_its_place(
    cli: Cli, tmp_path: Path, text: str, place: str, words: list[str]
) -> None:
    said = _run(cli, tmp_path, text)
    assert place in said
    for word in words:
        assert word in said


def test_a_green_button_file_cut_in_half_is_refused_with_the_line_of_the_cut(
    cli: Cli, tmp_path: Path
) -> None:
    whole = GREEN_BUTTON.read_bytes()
    half = whole[: len(whole) // 2]
    (tmp_path / "half.xml").write_bytes(half)
    said = _run(cli, tmp_path, "meters:\n  - id: a\n    load: {profile: greenbutton, file: half.xml}\n")
    last_line = half.count(b"\n") + 1
    assert f"half.xml:{last_line}" in said


def test_a_configuration_that_is_not_there_is_refused(cli: Cli, tmp_path: Path) -> None:
    done = cli("run", "nowhere.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert "nowhere.yaml" in done.stderr
