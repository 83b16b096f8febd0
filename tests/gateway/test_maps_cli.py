"""The commands `metergate maps` as users run them."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.errors import ConfigError, FaultyConfigError
from gateway.maps_cli import maps
from register_maps.loader import names

CSV = "Register,Name,Type,Unit\n40001,energy,UINT32,Wh\n40003,demand,int16,W\n"


def _run(*arguments: object) -> Result:
    result = CliRunner().invoke(maps, [str(argument) for argument in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_the_list_says_whom_a_map_describes() -> None:
    lines = [line.split() for line in _run("list").stdout.splitlines()]
    assert [line[0] for line in lines] == names()
    assert {line[0]: line[1] for line in lines}["a8911-23"] == "hub"


def test_what_differs_by_service_is_shown_under_its_name() -> None:
    rows = [line for line in _run("show", "sunspec").stdout.splitlines() if line.startswith("40070 ")]
    assert [row.split()[5] for row in rows] == ["201", "202", "203"]
    assert "split-phase-3-wire, network-3-wire: Model 202" in rows[1]


def test_a_map_is_shown_as_a_page() -> None:
    page = _run("show", "veris-h8036", "--format", "markdown").stdout
    assert page.startswith("# veris-h8036\n")
    assert "| 0-1 | 40001 | 3 |  | u32 | CDAB | `energy` | 1 | kWh |" in page


def test_a_list_becomes_a_map_in_one_command(tmp_path: Path) -> None:
    (tmp_path / "plant.csv").write_text(CSV)
    assert "plant.yaml is written" in _run("import", tmp_path / "plant.csv").stdout
    checked = _run("check", tmp_path / "plant.yaml").stdout
    assert checked == f"{tmp_path / 'plant.yaml'} is right: map plant, 2 entries\n"
    with pytest.raises(ConfigError, match=r"plant.yaml exists; allowed: a new file, see --output"):
        _run("import", tmp_path / "plant.csv")
    assert _run("import", tmp_path / "plant.csv", "-o", "-").stdout == (tmp_path / "plant.yaml").read_text()
    assert "address: 40001" in _run("import", tmp_path / "plant.csv", "-o", "-", "--base", 0).stdout


def test_a_fault_of_a_list_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "plant.csv").write_text(CSV.replace("demand", "demnd"))
    told = r"plant.csv:3: point: 'demnd' is not a point \(did you mean demand\?\)"
    with pytest.raises(FaultyConfigError, match=told):
        _run("import", tmp_path / "plant.csv")
    assert not (tmp_path / "plant.yaml").exists()


def test_what_a_list_has_beside_is_left_out_when_asked(tmp_path: Path) -> None:
    file = tmp_path / "plant.csv"
    file.write_text("Address,Name,Type,Page\n0,Hz,f32,3\n2,THD,f32,3\n")
    done = _run("import", file, "-o", "-", "--ignore", "Page", "--skip")
    assert "point: frequency" in done.stdout
    assert done.stderr == f"{file}:3: left out: THD\n"


def test_a_new_map_is_right(tmp_path: Path) -> None:
    _run("new", "mine", "-o", tmp_path / "mine.yaml")
    assert "is right: map mine" in _run("check", tmp_path / "mine.yaml").stdout
    with pytest.raises(ConfigError, match="is no name of a map"):
        _run("new", "../mine")
    with pytest.raises(ConfigError, match="cannot be written"):
        _run("new", "mine", "-o", tmp_path / "none" / "mine.yaml")
