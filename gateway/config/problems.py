"""Problems of files, as `register_maps` tells them, turned into the gateway's own errors.

What can be wrong with a file is not known here.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from gateway.errors import ConfigError, FaultyConfigError
from register_maps.errors import Problem, RegisterMapError


def faulty(file: str, problems: Sequence[Problem]) -> FaultyConfigError:
    """Return the error that tells all `problems` of `file`."""
    return FaultyConfigError(
        ConfigError(
            f"{one.message}; allowed: {one.allowed}" if one.allowed else one.message,
            file=file,
            line=one.line,
            key=one.key,
        )
        for one in problems
    )


@contextmanager
def loading_maps() -> Iterator[None]:
    """Let a wrong register map raise FaultyConfigError."""
    try:
        yield
    except RegisterMapError as error:
        raise faulty(error.file, error.problems) from None
