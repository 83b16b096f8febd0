"""A register map as frozen values: tables, types, word orders, entries, variants.

No YAML and no bytes: `build` makes these values, the codec and the bank read them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from fractions import Fraction
from types import MappingProxyType
from typing import Final

from sims.points import GATEWAY_POINTS, HUB_INPUTS, HUB_POINTS, POINTS, Kind, Point

ADDRESSES: Final = 65536
"""How many addresses a table has (MODBUS Application Protocol V1.1b3, 4.4)."""

EXPONENTS: Final = range(-10, 11)
"""What a scale register may hold (SunSpec Device Information Model Specification, sunssf)."""


class Table(Enum):
    """The four tables of the Modbus data model (V1.1b3, 4.3)."""

    COIL = "coil"
    DISCRETE = "discrete"
    HOLDING = "holding"
    INPUT = "input"

    __hash__ = object.__hash__  # members are themselves alone; that of Enum is slow, on the way of each read


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

    With 64 bits CDAB is GHEFCDAB, and so on. In 16-bit values, in strings and in mod10k, where every word
    stands alone, BADC and DCBA exchange the two bytes of each word.
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


class Serves(Enum):
    """Whom a map describes: who has the points of its entries."""

    METER = "meter"
    HUB = "hub"
    """A pulse hub: one unit for 23 meters, hub k for the meters 23(k-1)+1 to 23k."""
    GATEWAY = "gateway"

    @property
    def points(self) -> Mapping[str, Point]:
        """The vocabulary of such maps."""
        return {Serves.METER: POINTS, Serves.HUB: HUB_POINTS, Serves.GATEWAY: GATEWAY_POINTS}[self]

    @property
    def meters(self) -> int:
        """For how many meters one of them stands, in the order of their numbers."""
        return HUB_INPUTS if self is Serves.HUB else 1


class Effect(Enum):
    """What a client brings about by writing a coil or a holding register."""

    KEY_SWITCH = "key_switch"
    """1 turns the key to the right, 0 back."""
    RESET_PEAK = "reset_peak"
    """1 resets the peak demand, 0 does nothing."""
    HUB_THRESHOLD = "hub_threshold"
    HUB_SPEED = "hub_speed"
    HUB_KYZ_LOW = "hub_kyz_low"
    HUB_KYZ_HIGH = "hub_kyz_high"
    """The settings of a pulse hub, each the point of the same name."""

    @property
    def serves(self) -> Serves:
        """Whose effect it is."""
        return Serves.METER if self in {Effect.KEY_SWITCH, Effect.RESET_PEAK} else Serves.HUB

    @property
    def table(self) -> Table:
        """Where it can be written: the meters' in coils, the hubs' in holding registers."""
        return Table.COIL if self.serves is Serves.METER else Table.HOLDING


@dataclass(frozen=True, slots=True)
class ValueType:
    """A type of value: its NumPy kind (u, i, f) or another one, and its size [bytes].

    The other kinds are S for text, b for one bit, d for digits of four bits each (BCD), m for words of 0 to
    9999, the least significant one first (mod10k). The size of a text and of mod10k is that of the entry;
    here it is 0.
    """

    name: str
    kind: str
    size: int

    @property
    def sized(self) -> bool:
        """Whether an entry says how long it is."""
        return self.is_text or self.is_mod10k

    @property
    def is_number(self) -> bool:
        """Whether it is neither a text nor a bit."""
        return not (self.is_text or self.is_bit)

    @property
    def is_float(self) -> bool:
        """Whether it is an IEEE 754 number."""
        return self.kind == "f"

    @property
    def is_text(self) -> bool:
        """Whether it is a text."""
        return self.kind == "S"

    @property
    def is_bit(self) -> bool:
        """Whether it is one bit."""
        return self.kind == "b"

    @property
    def is_mod10k(self) -> bool:
        """Whether it is made of words of 0 to 9999."""
        return self.kind == "m"


TYPES: Final = MappingProxyType(
    {
        f"{letter}{8 * size}": ValueType(f"{letter}{8 * size}", kind, size)
        for letter, kind, sizes in (
            ("u", "u", (2, 4, 8)),
            ("s", "i", (2, 4, 8)),
            ("f", "f", (4, 8)),
            ("bcd", "d", (2, 4, 8)),
        )
        for size in sizes
    }
    | {
        "mod10k": ValueType("mod10k", "m", 0),
        "string": ValueType("string", "S", 0),
        "bit": ValueType("bit", "b", 1),
    }
)

FILLER: Final = ValueType("zero", "z", 0)
"""The type of a gap that reads zero; no entry of a file has it."""


def default_invalid(value_type: ValueType, size: int) -> int:
    """Return the bits that a quantity without a value reads in `size` bytes, where the map names none.

    The quiet NaN, all ones, or the most negative number, as SunSpec marks what is not implemented.
    """
    if value_type.is_float:
        return {4: 0x7FC0_0000, 8: 0x7FF8_0000_0000_0000}[size]
    return 1 << (8 * size - 1) if value_type.kind == "i" else (1 << 8 * size) - 1


@dataclass(frozen=True, slots=True)
class Exponent:
    """The power of ten in a scale register, which the counts of other entries are to be multiplied by.

    It is `fixed`; or it is a meter's own: the lowest one with which `times` x the point `fits` of its
    nameplate, in the shown unit, fits into s16.
    """

    fixed: int | None
    fits: Point | None = None
    times: Fraction = Fraction(1)


@dataclass(frozen=True, slots=True)
class Entry:
    """One value of a map. It shows points, the bits of a bit field, a constant, or an exponent: one of these.

    `address` is zero-based, as on the wire; `size` is in bytes. What a client reads is a count: the point in
    its shown unit is count x `scale` + `offset`, and with a `scale_register`, by name, count x `scale` x 10
    to the power of what that one holds, `scaled`. Of several points the sum is shown, or the `mean`; those
    that a model lacks are left out.
    `invalid` are the bits that stand for no value. In a bit field, a bit is 1 where one of its flags is.
    `writes` is what a client brings about by writing a number from `lowest_written` to `highest_written`;
    None where it is read-only. `name` is what the maker calls it.
    """

    address: int
    tables: tuple[Table, ...]
    type: ValueType
    size: int
    word_order: WordOrder = WordOrder.ABCD
    scale: Fraction = Fraction(1)
    offset: Fraction = Fraction(0)
    scale_register: str = ""
    scaled: Exponent | None = None
    invalid: int = 0
    writes: Effect | None = None
    lowest_written: int = 0
    highest_written: int = 1
    points: tuple[Point, ...] = ()
    mean: bool = False
    bits: tuple[tuple[int, tuple[Point, ...]], ...] = ()
    constant: int | float | str | None = None
    exponent: Exponent | None = None
    name: str = ""
    description: str = ""
    source: str = ""
    line: int = 0

    @property
    def point(self) -> Point | None:
        """The point, or the first one of several, which all have the same unit; None where it shows none."""
        return self.points[0] if self.points else None

    @property
    def step(self) -> Fraction:
        """What one count is in the shown unit, but for the power of a scale register that is not fixed."""
        fixed = self.scaled.fixed if self.scaled else None
        return self.scale * Fraction(10) ** (fixed or 0)

    @property
    def lowest(self) -> int:
        """The lowest whole number that it holds; means something for numbers that are no floats."""
        return -(1 << (8 * self.size - 1)) if self.type.kind == "i" else 0

    @property
    def highest(self) -> int:
        """The highest whole number that it holds, likewise."""
        match self.type.kind:
            case "b":
                return 1
            case "d" | "m":
                return int(10 ** (2 * self.size)) - 1
        return self.lowest + (1 << 8 * self.size) - 1

    @property
    def end(self) -> int:
        """The first address past it."""
        return self.address + (1 if self.type.is_bit else self.size // 2)

    @property
    def places(self) -> str:
        """Where it stands, for people: `address 12-13`."""
        last = self.end - 1
        return f"address {self.address}" + (f"-{last}" if last > self.address else "")


@dataclass(frozen=True, slots=True)
class RegisterMap:
    """A checked map: entries in the order of addresses, none over another. `base` is the first address.

    `entries` are those of every unit that it describes. Where `variants` has the key of a meter's service,
    that meter has those instead: `entries` and more. What can be written is always in `entries`. Gaps that
    read zero are entries of the type FILLER.
    """

    name: str
    description: str
    base: int
    entries: tuple[Entry, ...]
    file: str
    source: str = ""
    serves: Serves = Serves.METER
    variants: Mapping[str, tuple[Entry, ...]] = field(default_factory=dict, hash=False)

    def of(self, service: str) -> "RegisterMap":
        """Return the map of a meter of this service, without variants."""
        return replace(self, entries=self.variants.get(service, self.entries), variants={})


def units_of(maps: Iterable[RegisterMap]) -> Serves:
    """Return whom the units of a place stand for, beside the gateway, where `maps` are served together."""
    return Serves.HUB if any(each.serves is Serves.HUB for each in maps) else Serves.METER


def is_count(point: Point) -> bool:
    """Return whether the point's values are int64: they are cut to counts exactly, and wrap."""
    return point.kind in {Kind.COUNTER, Kind.TIME, Kind.STATE, Kind.FLAG}
