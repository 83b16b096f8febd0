"""YAML read with care: nodes with their lines, of bounded depth, whose keys are text and unique.

Depth is checked before anything recurses, because libyaml's own recursion ends the process. Used for register
maps and for the gateway's configuration; what the values mean is not known here.
"""

import re
from collections.abc import Hashable, Iterator
from importlib.resources.abc import Traversable
from typing import Any, Final

import yaml

from register_maps.errors import Problem

DEEPEST: Final = 50
"""How many lists and mappings may stand inside each other; both kinds of file need fewer than 10."""

_TEXT: Final = "tag:yaml.org,2002:str"
_MERGE: Final = "tag:yaml.org,2002:merge"
_TIMESTAMP: Final = "tag:yaml.org,2002:timestamp"
_SEXAGESIMAL: Final = r"(?![^:]*:)"
"""In front of a pattern: not what has a colon in it."""

_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's, where it is: the same, faster


_KINDS: Final = {
    "null": "nothing",
    "bool": "true or false",
    "int": "a number",
    "float": "a number",
    "seq": "a list",
    "map": "a mapping",
}
"""What a key may be that is no text, by the end of its tag."""


class YamlError(Exception):
    """A file is no YAML that can be used; `problems` are all that were found."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__("; ".join(problem.message for problem in problems))


class _Loader(_SafeLoader):  # type: ignore[misc] # either class, by what PyYAML was built with
    """Makes plain values only, and leaves instants and times of day as text to whoever expects one.

    YAML 1.2 has no numbers to the base of 60; PyYAML follows YAML 1.1, to which 18:30 is 1110.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012  PyYAML's own way to say so
        first: [
            (tag, re.compile(_SEXAGESIMAL + pattern.pattern, pattern.flags))
            for tag, pattern in resolvers
            if tag != _TIMESTAMP
        ]
        for first, resolvers in _SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: FBT001, FBT002  PyYAML's
        """Return the value of `node`; one that its tag cannot have is told with its line, and not shown."""
        try:
            return super().construct_object(node, deep)
        except ValueError:
            kind = str(node.tag).rpartition(":")[2]
            message = f"found a value that cannot be {kind}"
            raise yaml.constructor.ConstructorError(None, None, message, node.start_mark) from None


# YAML 1.2 writes numbers as everybody does, 1.8e5; PyYAML follows YAML 1.1, which wants 1.8e+5.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def line_of(node: yaml.Node | yaml.Event) -> int:
    """Return the line on which `node` begins, from 1; 0 if nobody knows."""
    return node.start_mark.line + 1 if node.start_mark else 0


def read(file: Traversable) -> yaml.Node | None:
    """Return the root of what is in a file, None if there is nothing. Raises YamlError."""
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise YamlError(Problem(0, "", f"cannot be read: {error.strerror}")) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise YamlError(Problem(line, "", "is not UTF-8 text")) from None
    try:
        _check_depth(text)
        root = yaml.compose(text, _Loader)
    except yaml.MarkedYAMLError as error:
        raise YamlError(_problem(error)) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise YamlError(Problem(line, "", f"is not YAML: {error.reason}")) from None
    if root is not None and (problems := list(_wrong_keys(root))):
        raise YamlError(*problems)
    return root


def values(root: yaml.Node) -> Any:
    """Return the plain values of `root` and what is under it. Raises YamlError."""
    loader = _Loader("")
    try:
        return loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        raise YamlError(_problem(error)) from None
    except RecursionError:  # of aliases that stand for each other in a long chain
        raise YamlError(Problem(0, "", "is nested too deeply")) from None
    finally:
        loader.dispose()


def _problem(error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    return Problem(mark.line + 1 if mark else 0, "", f"is not YAML: {error.problem or error.context}")


def _check_depth(text: str) -> None:
    """Raise YamlError where lists and mappings are nested too deeply, without any recursion."""
    depth = 0
    for event in yaml.parse(text, _Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise YamlError(Problem(line_of(event), "", "is nested too deeply", f"{DEEPEST} levels"))


def _wrong_keys(root: yaml.Node) -> Iterator[Problem]:
    """Yield a problem for every key of a mapping that is not text, or that it has twice.

    YAML forbids a key that is given twice, PyYAML takes the last.
    """
    waiting, seen = [root], {id(root)}
    while waiting:
        node = waiting.pop()
        children = node.value if isinstance(node, yaml.CollectionNode) else []
        if isinstance(node, yaml.MappingNode):
            yield from _wrong_in(node)
            children = [one for pair in node.value for one in pair]
        for child in children:
            if id(child) not in seen:
                seen.add(id(child))
                waiting.append(child)


def _wrong_in(node: yaml.MappingNode) -> Iterator[Problem]:
    first = dict[Hashable, int]()
    for key, _ in node.value:
        line = line_of(key)
        if key.tag == _MERGE:
            continue
        if key.tag != _TEXT:
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            kind = _KINDS.get(key.tag.removeprefix("tag:yaml.org,2002:"), "not text")
            yield Problem(
                line, name, f"a key that is {kind}", "text, in quotes where it looks like something else"
            )
        elif key.value in first:
            yield Problem(line, key.value, f"given twice; first on line {first[key.value]}", "once")
        first.setdefault(key.value if isinstance(key, yaml.ScalarNode) else id(key), line)
