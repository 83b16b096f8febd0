"""Which release of metergate this is, as every protocol and the command line tell it."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache
def release() -> str:
    """Return the version that is installed; a checkout that is not installed has none."""
    try:
        return version("metergate")
    except PackageNotFoundError:
        return "unreleased"
