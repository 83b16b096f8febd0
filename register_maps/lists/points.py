"""What lists call the points of a meter, and which point that is. What may be two of them is none."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from itertools import product
from types import MappingProxyType
from typing import Final

from register_maps.lists.words import plain
from sims.points import POINTS, Point

_QUANTITIES: Final = MappingProxyType(
    {
        "voltage": ("voltage", "volts", "v", "u"),
        "current": ("current", "amps", "i", "a"),
        "active_power": ("activepower", "realpower", "power", "kw", "watts", "w", "p"),
        "reactive_power": ("reactivepower", "voltampsreactive", "kvar", "var", "q"),
        "apparent_power": ("apparentpower", "voltamps", "kva", "va", "s"),
        "power_factor": ("powerfactor", "pf", "cosphi"),
    }
)
_LINES: Final = MappingProxyType(
    {
        k: (f"l{k}", f"line{k}", f"phase{k}", f"ph{k}", f"phase{letter}", f"{letter}phase", letter, f"{k}")
        for k, letter in enumerate("abc", 1)
    }
)
_TOTALS: Final = ("total", "tot", "totalsystem", "system", "sys", "sum", "3phase", "threephase")
_IMPORTS: Final = (
    *(
        "activeenergy",
        "totalactiveenergy",
        "totalenergy",
        "energytotal",
        "activeenergytotal",
        "kwh",
        "kwhtotal",
    ),
    *("kwhtot", "totalkwh", "importenergy", "energyimport", "activeenergyimport", "importactiveenergy"),
    *("totalactiveenergyimport", "totalimportactiveenergy", "importkwh", "kwhimport", "totalimportkwh"),
)
_OTHERS: Final = MappingProxyType(
    {
        **dict.fromkeys(_IMPORTS, "energy"),
        **dict.fromkeys(("hz", "freq", "linefrequency", "frequencyofsupplyvoltages"), "frequency"),
        **dict.fromkeys(("neutralcurrent", "currentneutral", "currentn", "in", "an"), "current_n"),
        **dict.fromkeys(("serialnumber", "serialno"), "serial"),
        **dict.fromkeys(("manufacturer", "vendorname"), "vendor"),
        **dict.fromkeys(("modbusaddress", "unitid", "slaveid"), "unit_id"),
    }
)


def point_of(text: str) -> Point | None:
    """Return the point that a list calls so, None where it is unknown."""
    name = _words().get(plain(text))
    return POINTS[name] if name else None


def near(text: str) -> str:
    """Return the point that may be meant, in words; nothing if none is near."""
    found = get_close_matches(plain(text), _words(), 1)
    return f" (did you mean {_words()[found[0]]}?)" if found else ""


@cache
def _words() -> Mapping[str, str]:
    """Return what the points may be called: their names, their descriptions, and what meters' lists say."""
    words = {plain(point.name): name for name, point in POINTS.items()}
    for name, point in POINTS.items():
        words.setdefault(plain(point.description), name)
    called: dict[str, set[str]] = {}
    for word, name in (*_line_words(), *_voltage_words(), *_total_words()):
        called.setdefault(word, set()).add(name)
    clear = {word: min(names) for word, names in called.items() if len(names) == 1}
    return MappingProxyType({**clear, **_OTHERS, **words})


def _line_words() -> Iterator[tuple[str, str]]:
    """Yield what the points of single lines may be called, and what may be two of them."""
    for (quantity, words), (k, lines) in product(_QUANTITIES.items(), _LINES.items()):
        name = f"voltage_l{k}_n" if quantity == "voltage" else f"{quantity}_l{k}"
        for word, line in product(words, lines):
            yield from ((word + line, name), (line + word, name))


def _voltage_words() -> Iterator[tuple[str, str]]:
    """Yield what voltages may be called that name both ends."""
    for word, (k, lines) in product(_QUANTITIES["voltage"], _LINES.items()):
        for line in lines:
            for ends in (
                f"{line}n",
                f"{line}ton",
                f"{line}neutral",
                f"{line}toneutral",
                f"{line}linetoneutral",
            ):
                yield from ((word + ends, f"voltage_l{k}_n"), (ends + word, f"voltage_l{k}_n"))
        after = k % 3 + 1
        for line, other in zip(lines, _LINES[after], strict=True):
            short = other.removeprefix("l").removeprefix("ine").removeprefix("phase").removeprefix("ph")
            for ends in (line + other, f"{line}to{other}", line + short, f"{line}to{short}"):
                yield from ((word + ends, f"voltage_l{k}_l{after}"), (ends + word, f"voltage_l{k}_l{after}"))


def _total_words() -> Iterator[tuple[str, str]]:
    """Yield what the points of all lines together may be called."""
    for quantity in ("active_power", "reactive_power", "apparent_power", "power_factor"):
        for word in _QUANTITIES[quantity]:
            if len(word) > 1:
                yield word, quantity
            for total in _TOTALS:
                yield from ((total + word, quantity), (word + total, quantity))
                if total.startswith("total"):
                    yield f"{total}{word}total", quantity
