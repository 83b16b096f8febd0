"""Everything that is wrong with a configuration, gathered before any of it is reported.

Knows where a value came from, a line of the file or an option of the command line; not what it means.
"""

from collections.abc import Mapping
from typing import Any

from gateway.config.document import Document, Place
from gateway.errors import ConfigError, FaultyConfigError
from gateway.validation import Schema, explain, keys_of

Options = Mapping[tuple[str, ...], tuple[str, Any]]
"""Values that go before those of the file: by their place, the name of the option and the value."""


class Report:
    """What is wrong with the values of `document` and `options`."""

    def __init__(self, document: Document, options: Options) -> None:
        self._document = document
        self._options = options
        self._errors: dict[str, ConfigError] = {}

    def add(self, place: Place, message: str) -> None:
        """Note that the value at `place` is wrong."""
        for end in range(len(place), 0, -1):
            if option := self._options.get(tuple(map(str, place[:end]))):
                self._note(ConfigError(message, key=option[0]))
                return
        file, line = self._document.file or "", self._document.line(place)
        self._note(ConfigError(message, file=file, line=line, key=key_at(place)))

    def _note(self, error: ConfigError) -> None:
        self._errors.setdefault(str(error), error)

    def add_invalid(self, error: Mapping[str, Any], schema: Schema) -> Place:
        """Note what pydantic found; return its place."""
        place = keys_of(error["loc"], schema)
        self.add(place, explain(error, schema))
        return place

    def line(self, place: Place) -> int:
        """Return the line of the value at `place`."""
        return self._document.line(place)

    def raise_if_any(self) -> None:
        """Raise ConfigError, or FaultyConfigError if there is more than one thing wrong."""
        errors = list(self._errors.values())
        if len(errors) == 1:
            raise errors[0]
        if errors:
            raise FaultyConfigError(errors)


def key_at(place: Place) -> str:
    """Return a place as a message names it: `meters[3].load.file`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return text.removeprefix(".")
