"""What can go wrong, sorted by who must act on it.

Anything that is not one of these is a bug and ends the station with a trace.
"""

from collections.abc import Iterable
from pathlib import Path


class MetergateError(Exception):
    """The base of all errors that the command line reports without a trace; `exit_code` is the process's."""

    exit_code = 1


class ConfigError(MetergateError):
    """The configuration is wrong: the user edits `file` at `line`, `key`."""

    exit_code = 2

    def __init__(self, message: str, *, file: Path | str = "", line: int = 0, key: str = "") -> None:
        place = f"{file}:{line}" if file and line else str(file)
        super().__init__(": ".join(part for part in (place, key, message) if part))
        self.message = message
        self.file = str(file)
        self.line = line
        self.key = key


class FaultyConfigError(MetergateError):
    """Everything that is wrong with the configuration, in the order of lines: one line of text for each."""

    exit_code = 2

    def __init__(self, errors: Iterable[ConfigError]) -> None:
        self.errors = tuple(sorted(errors, key=lambda error: (error.file, error.line)))
        super().__init__("\n".join(map(str, self.errors)))


class AddressInUseError(MetergateError):
    """An address cannot be bound: taken, not permitted or not on this machine. `option` moves it."""

    exit_code = 3

    def __init__(self, service: str, address: str, option: str, why: str = "already in use") -> None:
        super().__init__(f"{service}: {address} is {why}; {option} moves it")
        self.service = service
        self.address = address
        self.option = option


class BrokerUnavailableError(MetergateError):
    """The MQTT broker cannot be reached: retried for ever, but one that comes along must start at first."""


class RequestRefusedError(MetergateError):
    """A client asked for what cannot be done; ordinary traffic, answered in the protocol's own words."""


class FaultyRequestError(RequestRefusedError):
    """A client asked for what is wrong in itself: the message tells where, what, and what is allowed."""
