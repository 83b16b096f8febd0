"""A YAML file as plain values, and the line on which each of them stands.

What the values mean is not known here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gateway.config.problems import faulty
from register_maps.yaml_reader import YamlError, line_of, values
from register_maps.yaml_reader import read as read_yaml

Place = Sequence[str | int]
"""The keys and indices that lead to a value."""


@dataclass(frozen=True, slots=True)
class Document:
    """The values of the file `file`; `root` is the node from which they were made, None without a file."""

    file: Path | None
    values: Any
    root: yaml.Node | None

    def line(self, place: Place) -> int:
        """Return the line of the key at `place`, or of the nearest thing round it; 0 without a file."""
        node, line = self.root, 1
        for part in place:
            if isinstance(node, yaml.MappingNode):
                found = [pair for pair in node.value if pair[0].value == str(part)]
                if not found:
                    break
                key, node = found[-1]
                line = line_of(key)
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
                node = node.value[part]
                line = line_of(node)
            else:
                break
        return line if self.root else 0


def read(file: Path) -> Document:
    """Return what is in a file. Raises FaultyConfigError for all that is not plain YAML."""
    try:
        root = read_yaml(file)
        return Document(file, {} if root is None else values(root), root)
    except YamlError as error:
        raise faulty(str(file), error.problems) from None
