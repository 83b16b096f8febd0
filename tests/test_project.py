"""Promises of the project about itself: its layers, its locks, its layout."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_import_contracts_hold() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_every_locked_python_package_has_its_hash_and_no_host_is_named() -> None:
    for name in ("run.txt", "dev.txt"):
        lines = (ROOT / "requirements" / name).read_text().splitlines()
        packages = [line for line in lines if not line.startswith(" ")]
        assert len(packages) > 20
        assert all(line.endswith("\\") for line in packages)
        assert not [line for line in lines if "://" in line or "index" in line.split("==")[0]]


def test_every_locked_javascript_package_has_its_hash_and_no_address() -> None:
    lock = json.loads((ROOT / "tests/clients/package-lock.json").read_bytes())
    packages = [entry for path, entry in lock["packages"].items() if path]
    assert packages
    assert all("integrity" in entry for entry in packages)
    assert not any("resolved" in entry for entry in packages)
