"""What a map's file may hold, key by key: YAML nodes in, checked values out, every fault with its line.

Only single values are judged here; how the values of an entry fit together is the business of `build`.
"""

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Final, TypeVar

import yaml

from register_maps.errors import Problem
from register_maps.model import TABLE_WORDS, TYPES, Effect, Table, ValueType, WordOrder
from register_maps.yaml_reader import line_of
from sims.points import POINTS, Point

T = TypeVar("T")

STRING_LENGTHS: Final = range(2, 251, 2)
"""Characters that a string may have: whole words, and not more than one request can read."""


def _whole(text: str) -> int:
    return int(text, 0)


def _number(text: str) -> Fraction:
    """Return the number exactly as it is written, so that 0.01 is a hundredth."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return Fraction(text) if value else Fraction(0)


def _scale(text: str) -> Fraction:
    value = _number(text)
    if not value:
        raise ValueError(text)
    return value


def _length(text: str) -> int:
    value = _whole(text)
    if value not in STRING_LENGTHS:
        raise ValueError(text)
    return value


def _text(text: str) -> str:
    if not text:
        raise ValueError(text)
    return text


def _tables(text: str) -> tuple[Table, ...]:
    return TABLE_WORDS[text]


def _type(text: str) -> ValueType:
    return TYPES[text]


def _point(text: str) -> Point:
    return POINTS[text]


def _writable(text: str) -> bool:
    return {"ro": False, "rw": True}[text]


def _effect(text: str) -> Effect:
    return Effect(text)


Reader = tuple[Callable[[str], object], str]

_ORDERS: Final = ", ".join(order.value for order in WordOrder)
_TABLES: Final = (_tables, ", ".join(TABLE_WORDS))
_WORD_ORDER: Final = (WordOrder, _ORDERS)
_TEXT: Final = (_text, "a text")

MAP_KEYS: Final[Mapping[str, Reader]] = MappingProxyType(
    {
        "name": _TEXT,
        "description": _TEXT,
        "source": _TEXT,
        "base": (_whole, "a whole number, the one that the map gives to the first address on the wire"),
        "table": _TABLES,
        "word_order": _WORD_ORDER,
        "entries": (_text, "a list of entries"),
    }
)
"""The keys of a map: how each is read, and in words what it may be. `Keys.items` reads the list."""

ENTRY_KEYS: Final[Mapping[str, Reader]] = MappingProxyType(
    {
        "address": (_whole, "a whole number"),
        "table": _TABLES,
        "type": (_type, ", ".join(TYPES)),
        "length": (_length, f"an even number of characters from {STRING_LENGTHS[0]} to {STRING_LENGTHS[-1]}"),
        "word_order": _WORD_ORDER,
        "scale": (_scale, "a number other than 0: what one count is in the point's unit"),
        "offset": (_number, "a number in the point's unit"),
        "invalid": (_whole, "a whole number: the bits that stand for no value"),
        "access": (_writable, "ro, rw"),
        "writes": (_effect, ", ".join(effect.value for effect in Effect)),
        "point": (_point, ", ".join(POINTS)),
        "constant": (str, "a number or a text that the type can hold"),
        "description": _TEXT,
        "source": _TEXT,
    }
)
"""The keys of an entry, likewise."""


class Keys:
    """The keys of one mapping, read by a table of readers; what is wrong goes to `problems`."""

    def __init__(self, node: yaml.Node, readers: Mapping[str, Reader], problems: list[Problem]) -> None:
        self.line = line_of(node)
        self._readers = readers
        self._problems = problems
        self._nodes: dict[str, yaml.Node] = {}
        self._is_mapping = isinstance(node, yaml.MappingNode)
        if not isinstance(node, yaml.MappingNode):
            problems.append(Problem(self.line, "", "is not a mapping", "keys and values"))
            return
        for key, value in node.value:
            self._place(key, value)

    def _place(self, key: yaml.Node, value: yaml.Node) -> None:
        line, name = line_of(key), str(key.value)
        if name not in self._readers:
            self._problems.append(Problem(line, name, "unknown key", ", ".join(self._readers)))
        else:
            self._nodes[name] = value

    def __contains__(self, key: str) -> bool:
        return key in self._nodes

    def wrong(self, key: str, message: str, allowed: str = "") -> None:
        """Note that something is wrong at `key`; of what is no mapping nothing more is said."""
        if not self._is_mapping:
            return
        line = line_of(self._nodes[key]) if key in self._nodes else self.line
        self._problems.append(Problem(line, key, message, allowed))

    def items(self, key: str) -> list[yaml.Node]:
        """Return the nodes of the list at `key`."""
        node = self._nodes.get(key)
        if isinstance(node, yaml.SequenceNode) and node.value:
            return list(node.value)
        self.wrong(key, "missing" if node is None else "is not a list or is empty", self._readers[key][1])
        return []

    def get(self, key: str, default: T) -> T:
        """Return the value at `key`, of the type of its reader; `default` where it is absent or wrong."""
        node = self._nodes.get(key)
        if node is None:
            return default
        read, allowed = self._readers[key]
        try:
            if isinstance(node, yaml.ScalarNode):
                return read(node.value)  # type: ignore[return-value]  # the table of readers says the type
            self.wrong(key, "is not a single value", allowed)
        except (ValueError, KeyError):
            self.wrong(key, f"{node.value!r} is not possible", allowed)
        return default

    def need(self, key: str, default: T) -> T:
        """Return the value at `key`; where it is missing, note so and return `default`."""
        if key not in self._nodes:
            self.wrong(key, "missing", self._readers[key][1])
        return self.get(key, default)
