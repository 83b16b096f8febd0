"""What the documents promise: links lead somewhere, rules have tests, and figures are those of the code."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import get_args, get_type_hints

import numpy as np
import pytest

from sims.meter import Settings

ROOT = Path(__file__).parents[1]
METER = (ROOT / "docs/meter.md").read_text()
PACKAGES = ("gateway", "metergate", "register_maps", "sims")
SOURCES = (*PACKAGES, "tests", "docs", "benchmarks")
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.fixture(scope="module")
def pictures() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_pictures", ROOT / "docs/make_pictures.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_to_a_file_leads_to_one(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text())
    assert [target for target in targets if not (document.parent / target).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_that_a_document_names_is_there(document: Path) -> None:
    there = [f"/{path.relative_to(ROOT)}" for folder in SOURCES for path in (ROOT / folder).rglob("*.py")]
    named = re.findall(r"`([\w/]+\.py)`", document.read_text())
    assert [name for name in named if not any(path.endswith(f"/{name}") for path in there)] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_that_a_module_names_is_beside_it_or_in_a_folder_above(package: str) -> None:
    lost = [
        (str(module), name)
        for path in sorted((ROOT / package).rglob("*.py"))
        for module in (path.relative_to(ROOT),)
        for name in re.findall(r"`([\w/]+\.py)`", path.read_text())
        if not any((ROOT / folder / name).exists() for folder in module.parents)
    ]
    assert lost == []


def test_every_rule_stands_in_the_document_and_has_a_test_of_its_number() -> None:
    rules = [int(number) for number in re.findall(r"^\| R(\d+) \|", METER, re.MULTILINE)]
    tests = re.findall(r"^def test_r(\d\d)_", (ROOT / "tests/sims/test_rules.py").read_text(), re.MULTILINE)
    assert rules == list(range(1, 19)) == sorted({int(number) for number in tests})


def test_every_choice_of_a_setting_is_explained() -> None:
    for name, kind in get_type_hints(Settings).items():
        for choice in get_args(kind):
            assert f"`{choice}`" in METER, name


def test_every_picture_is_made_and_shown(pictures: ModuleType) -> None:
    there = {path.name for path in (ROOT / "docs/pictures").iterdir()}
    shown = set(re.findall(r"\(pictures/([^)]+)\)", METER))
    assert there == shown == set(pictures.PICTURES)


def test_the_picture_of_demand_has_the_peak_of_the_text(pictures: ModuleType) -> None:
    day = pictures.demand_day()
    assert day.peak[-1] == day.rolling.max() == pytest.approx(4.542, abs=5e-4)
    assert (np.diff(day.peak) >= 0).all()
    assert "4.542 kW" in METER


def test_the_picture_of_errors_is_within_the_bounds_of_the_manual(pictures: ModuleType) -> None:
    for name, factor in pictures.POWER_FACTORS.items():
        errors = pictures.errors(100, factor)
        assert errors.shape == (100, len(pictures.LOADINGS))
        assert np.abs(errors).max() <= pictures.BOUNDS[name]


def test_the_picture_of_wiring_faults_has_the_worked_figures(pictures: ModuleType) -> None:
    net = {
        factor: dict(zip(pictures.FAULTS, pictures.registration(factor), strict=True))
        for factor in (1.0, 0.5)
    }
    assert {round(part["right"], 6) for part in net.values()} == {1.0}
    assert {round(part["one CT reversed"], 6) for part in net.values()} == {0.333333}
    assert {round(part["two CTs swapped, both reversed"], 6) for part in net.values()} == {0.666667}
    assert {abs(round(part["two CTs swapped"], 6)) for part in net.values()} == {0.0}
    assert [round(part["CTs rolled: 2, 3, 1"], 6) for part in net.values()] == [-0.5, -2.0]
    assert [round(part["CTs rolled: 3, 1, 2"], 6) for part in net.values()] == [-0.5, 1.0]
