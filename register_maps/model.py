"""A register map as frozen values: tables, types, word orders, entries.

No YAML and no bytes: `build` makes these values, the codec and the bank read them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from types import MappingProxyType
from typing import Final

from sims.points import Kind, Point

ADDRESSES: Final = 65536
"""How many addresses a table has (MODBUS Application Protocol V1.1b3, 4.4)."""


class Table(Enum):
    """The four tables of the Modbus data model (V1.1b3, 4.3)."""

    COIL = "coil"
    DISCRETE = "discrete"
    HOLDING = "holding"
    INPUT = "input"


BIT_TABLES: Final = (Table.COIL, Table.DISCRETE)
TABLE_WORDS: Final = MappingProxyType(
    {
        "both": (Table.HOLDING, Table.INPUT),
        "holding": (Table.HOLDING,),
        "input": (Table.INPUT,),
        "discrete": (Table.DISCRETE,),
        "coil": (Table.COIL,),
    }
)
"""What a map may write at `table`; `both` is one entry that function 3 and function 4 read alike."""


class WordOrder(Enum):
    """In which order the bytes of a value go out; A is the most significant one.

    With 64 bits CDAB is GHEFCDAB, and so on. In 16-bit values and in strings, where every word stands alone,
    BADC and DCBA exchange the two bytes of each word.
    """

    ABCD = "ABCD"
    CDAB = "CDAB"
    BADC = "BADC"
    DCBA = "DCBA"

    @property
    def little_bytes(self) -> bool:
        """Whether the less significant byte of a word goes first."""
        return self in {WordOrder.BADC, WordOrder.DCBA}

    @property
    def words_turned(self) -> bool:
        """Whether the words stand the other way round than the bytes do."""
        return self in {WordOrder.CDAB, WordOrder.BADC}


class Effect(Enum):
    """What a client brings about at a meter by writing a coil."""

    KEY_SWITCH = "key_switch"
    """1 turns the key to the right, 0 back."""
    RESET_PEAK = "reset_peak"
    """1 resets the peak demand, 0 does nothing."""


@dataclass(frozen=True, slots=True)
class ValueType:
    """A type of value: its NumPy kind (u, i, f, S for text, b for one bit) and its size [bytes].

    The size of a text is that of its entry; here it is 0.
    """

    name: str
    kind: str
    size: int

    @property
    def bits(self) -> int:
        """How many bits it has."""
        return 1 if self.kind == "b" else 8 * self.size

    @property
    def lowest(self) -> int:
        """The lowest whole number that it holds; means something for u, i and b alone."""
        return -(1 << (self.bits - 1)) if self.kind == "i" else 0

    @property
    def highest(self) -> int:
        """The highest whole number that it holds, likewise."""
        return self.lowest + (1 << self.bits) - 1


TYPES: Final = MappingProxyType(
    {
        f"{letter}{8 * size}": ValueType(f"{letter}{8 * size}", kind, size)
        for letter, kind, sizes in (("u", "u", (2, 4, 8)), ("s", "i", (2, 4, 8)), ("f", "f", (4, 8)))
        for size in sizes
    }
    | {"string": ValueType("string", "S", 0), "bit": ValueType("bit", "b", 1)}
)


def default_invalid(value_type: ValueType) -> int:
    """Return the bits that a quantity without a value reads, where the map names none.

    The quiet NaN, all ones, or the most negative number, as SunSpec marks what is not implemented.
    """
    if value_type.kind == "f":
        return {32: 0x7FC0_0000, 64: 0x7FF8_0000_0000_0000}[value_type.bits]
    return 1 << (value_type.bits - 1) if value_type.kind == "i" else (1 << value_type.bits) - 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One value of a map. Holds either a point or a constant, the same for all meters.

    `address` is zero-based, as on the wire; `size` is in bytes. What a client reads is a count: the point
    in its shown unit is count x `scale` + `offset`. `invalid` are the bits that stand for no value. `writes`
    is what a client brings about by writing it; None where it is read-only.
    """

    address: int
    tables: tuple[Table, ...]
    type: ValueType
    size: int
    word_order: WordOrder
    scale: Fraction
    offset: Fraction
    invalid: int
    writes: Effect | None
    point: Point | None
    constant: int | float | str | None
    description: str
    source: str
    line: int

    @property
    def end(self) -> int:
        """The first address past it."""
        return self.address + (1 if self.type.kind == "b" else self.size // 2)

    @property
    def places(self) -> str:
        """Where it stands, for people: `address 12-13`."""
        last = self.end - 1
        return f"address {self.address}" + (f"-{last}" if last > self.address else "")


@dataclass(frozen=True, slots=True)
class RegisterMap:
    """A checked map: entries in the order of addresses, none over another. `base` is the first address."""

    name: str
    description: str
    base: int
    entries: tuple[Entry, ...]
    file: str


@dataclass(frozen=True, slots=True)
class Clash:
    """Two entries that claim the same address of the same table, and the files that they stand in."""

    first_file: str
    first: Entry
    second_file: str
    second: Entry


def overlaps(entries: Iterable[tuple[str, Entry]]) -> list[Clash]:
    """Return every entry of one unit that runs into an earlier one; each entry comes with its file."""
    found: dict[tuple[int, int], Clash] = {}
    reach: dict[Table, tuple[str, Entry]] = {}
    for file, entry in sorted(entries, key=lambda item: item[1].address):
        for table in entry.tables:
            before = reach.get(table)
            if before is not None and before[1].end > entry.address:
                found.setdefault((id(before[1]), id(entry)), Clash(*before, file, entry))
            if before is None or before[1].end < entry.end:
                reach[table] = (file, entry)
    return list(found.values())


def is_count(point: Point) -> bool:
    """Return whether the point's values are int64: they are cut to counts exactly, and wrap."""
    return point.kind in {Kind.COUNTER, Kind.TIME, Kind.STATE, Kind.FLAG}
