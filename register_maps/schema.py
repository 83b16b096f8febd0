"""What a map's file may hold, key by key: YAML nodes in, checked values out, every fault with its line.

Only single values are judged here; how the values of an entry fit together is the business of `entries`.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from functools import cache
from types import MappingProxyType
from typing import Any, Final, TypeVar

import yaml

from register_maps.errors import Problem
from register_maps.model import EXPONENTS, TABLE_WORDS, TYPES, Effect, Serves, Table, ValueType, WordOrder
from register_maps.yaml_reader import line_of
from sims.points import SERVICES, Kind, Point

T = TypeVar("T")

STRING_LENGTHS: Final = range(2, 251, 2)
"""Characters that a string may have: whole words, and not more than one request can read."""

MOD10K_LENGTHS: Final = range(3, 5)
"""Words that a mod10k may have."""


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


def _service(text: str) -> str:
    if text not in SERVICES:
        raise ValueError(text)
    return text


def _exponent(text: str) -> int:
    value = _whole(text)
    if value not in EXPONENTS:
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


def _writable(text: str) -> bool:
    return {"ro": False, "rw": True}[text]


def _zero_gaps(text: str) -> bool:
    return {"exception": False, "zero": True}[text]


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
        "serves": (Serves, ", ".join(serves.value for serves in Serves)),
        "gaps": (_zero_gaps, "exception, zero: what the registers between the entries read"),
        "entries": (_text, "a list of entries"),
        "variants": (_text, "a list of variants, each with services and entries"),
    }
)
"""The keys of a map: how each is read, and in words what it may be. `Keys.items` reads the lists."""

VARIANT_KEYS: Final[Mapping[str, Reader]] = MappingProxyType(
    {
        "services": (_service, ", ".join(SERVICES)),
        "entries": (_text, "a list of entries"),
    }
)
"""The keys of a variant, likewise."""

_ENTRY_KEYS: Final[Mapping[str, Reader]] = MappingProxyType(
    {
        "address": (_whole, "a whole number"),
        "table": _TABLES,
        "type": (_type, ", ".join(TYPES)),
        "length": (
            _whole,
            f"an even number of characters from {STRING_LENGTHS[0]} to {STRING_LENGTHS[-1]}, or 3 to 4 words",
        ),
        "word_order": _WORD_ORDER,
        "scale": (_scale, "a number other than 0: what one count is in the point's unit"),
        "offset": (_number, "a number in the point's unit"),
        "invalid": (_whole, "a whole number: the bits that stand for no value"),
        "scale_register": (_text, "the name of an entry with exponent or fits"),
        "access": (_writable, "ro, rw"),
        "writes": (Effect, ", ".join(effect.value for effect in Effect)),
        "range": (_whole, "a list of the lowest and the highest number that a client may write"),
        "constant": (str, "a number or a text that the type can hold"),
        "exponent": (_exponent, f"a whole number from {EXPONENTS[0]} to {EXPONENTS[-1]}"),
        "times": (_scale, "a number other than 0"),
        "name": (_text, "what the maker calls it"),
        "description": _TEXT,
        "source": _TEXT,
    }
)


@cache
def entry_keys(serves: Serves) -> Mapping[str, Reader]:
    """Return the keys of an entry, likewise, of a map that describes `serves`."""
    points = serves.points
    quantities = {name: point for name, point in points.items() if point.kind is Kind.INSTANT}
    ratings = {
        name: point for name, point in points.items() if point.kind is Kind.NAMEPLATE and not point.text
    }
    flags = {name: point for name, point in points.items() if point.kind is Kind.FLAG}

    def of(table: Mapping[str, Point]) -> Reader:
        return table.__getitem__, ", ".join(table) or "none in a map of this kind"

    shown = {
        "point": of(points),
        "sum": of(quantities),
        "mean": of(quantities),
        "fits": of(ratings),
        "bits": (_whole, "a mapping of flags to bits: " + of(flags)[1]),
    }
    return MappingProxyType({**_ENTRY_KEYS, **shown})


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

    def pairs(self, key: str) -> Iterator[tuple[str, list[Any]]]:
        """Yield the keys of the mapping at `key`, each with its value or the list of its values as read."""
        node = self._nodes.get(key)
        if node is None:
            return
        if not isinstance(node, yaml.MappingNode) or not node.value:
            self.wrong(key, "is not a mapping or is empty", self._readers[key][1])
            return
        for name, value in node.value:
            yield str(name.value), self._read_all(key, value)

    def several(self, key: str) -> list[Any]:
        """Return the values of the list at `key`, or the single one there, as read; none if there is none."""
        node = self._nodes.get(key)
        return [] if node is None else self._read_all(key, node)

    def get(self, key: str, default: T) -> T:
        """Return the value at `key`, of the type of its reader; `default` where it is absent or wrong."""
        node = self._nodes.get(key)
        if node is None:
            return default
        if not isinstance(node, yaml.ScalarNode):
            self.wrong(key, "is not a single value", self._readers[key][1])
            return default
        return next(self._read(key, node), default)

    def need(self, key: str, default: T) -> T:
        """Return the value at `key`; where it is missing, note so and return `default`."""
        if key not in self._nodes:
            self.wrong(key, "missing", self._readers[key][1])
        return self.get(key, default)

    def _read_all(self, key: str, node: yaml.Node) -> list[Any]:
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        return [value for one in nodes for value in self._read(key, one)]

    def _read(self, key: str, node: yaml.Node) -> Iterator[Any]:
        """Yield the value of a node, or note why it has none."""
        read, allowed = self._readers[key]
        try:
            if isinstance(node, yaml.ScalarNode):
                yield read(node.value)
                return
            self.wrong(key, "is not a single value", allowed)
        except (ValueError, KeyError):
            self.wrong(key, f"{node.value!r} is not possible", allowed)
