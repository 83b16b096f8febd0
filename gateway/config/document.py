"""A YAML file as plain values, and the line on which each of them stands.

What the values mean is not known here.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from gateway.errors import ConfigError, FaultyConfigError

Place = Sequence[str | int]
"""The keys and indices that lead to a value."""

_MERGE: Final = "tag:yaml.org,2002:merge"
_TIMESTAMP: Final = "tag:yaml.org,2002:timestamp"
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's, where it is: the same, faster


class _Loader(_SafeLoader):  # type: ignore[misc] # either class, by what PyYAML was built with
    """Makes plain values only, and leaves instants as text to whoever expects one."""

    yaml_implicit_resolvers = {  # noqa: RUF012  PyYAML's own way to say so
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
        for first, resolvers in _SafeLoader.yaml_implicit_resolvers.items()
    }


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
                line = key.start_mark.line + 1
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
                node = node.value[part]
                line = node.start_mark.line + 1
            else:
                break
        return line if self.root else 0


def read(file: Path) -> Document:
    """Return what is in a file. Raises ConfigError or FaultyConfigError for all that is not plain YAML."""
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=file) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError("is not UTF-8 text", file=file, line=line) from None
    try:
        return _parse(text, file)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = f"is not YAML: {error.problem or error.context}"
        raise ConfigError(message, file=file, line=mark.line + 1 if mark else 0) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigError(f"is not YAML: {error.reason}", file=file, line=line) from None
    except ValueError as error:
        raise ConfigError(f"has a value that is none: {error}", file=file) from None
    except RecursionError:
        raise ConfigError("is nested too deeply", file=file) from None


def _parse(text: str, file: Path) -> Document:
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return Document(file, {}, None)
        if repeated := _repeated_keys(root, file):
            raise FaultyConfigError(repeated)
        return Document(file, loader.construct_document(root), root)
    finally:
        loader.dispose()


def _repeated_keys(root: yaml.Node, file: Path) -> list[ConfigError]:
    """Return an error for every key that a mapping has twice; YAML forbids it, PyYAML takes the last."""
    errors = []
    waiting, seen = [root], {id(root)}
    while waiting:
        node = waiting.pop()
        children = node.value if isinstance(node, yaml.CollectionNode) else []
        if isinstance(node, yaml.MappingNode):
            errors += _repeated_in(node, file)
            children = [one for pair in node.value for one in pair]
        for child in children:
            if id(child) not in seen:
                seen.add(id(child))
                waiting.append(child)
    return errors


def _repeated_in(node: yaml.MappingNode, file: Path) -> list[ConfigError]:
    errors, first = [], dict[Hashable, int]()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.tag == _MERGE:
            continue
        line = key.start_mark.line + 1
        if key.value in first:
            message = f"given twice; first on line {first[key.value]}; allowed: once"
            errors.append(ConfigError(message, file=file, line=line, key=str(key.value)))
        first.setdefault(key.value, line)
    return errors
