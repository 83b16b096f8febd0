import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from gateway.release import release

ROOT = Path(__file__).parents[2]


def test_the_release_is_the_version_that_is_installed() -> None:
    assert release() == version("metergate")


def test_a_checkout_that_is_not_installed_is_unreleased() -> None:
    asked = (
        f"import sys; sys.path.append({str(ROOT)!r}); from gateway.release import release; print(release())"
    )
    said = subprocess.run(
        [sys.executable, "-I", "-S", "-c", asked], capture_output=True, check=True, text=True
    )
    assert said.stdout == "unreleased\n"
