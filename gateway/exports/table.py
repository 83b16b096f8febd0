"""The export table: which formats there are, and what makes the files of each.

To add a format: one file and one line in EXPORTS. What is written to disk is decided by the command.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from gateway.config.settings import Config
from gateway.exports.pics import pics

Export = Callable[[Config], Mapping[str, str]]
"""Returns the texts of files by their names. Raises ConfigError."""

EXPORTS: Final[Mapping[str, Export]] = MappingProxyType({"pics": pics})
"""By the word of the command line."""
