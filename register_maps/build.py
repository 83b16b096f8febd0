"""Makes a register map of YAML nodes: its entries, its variants, its gaps, and how they fit together.

What a single key may hold stands in `schema`, how the keys of an entry fit in `entries`. No files are opened
here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from types import MappingProxyType

import yaml

from register_maps.entries import Defaults, entry
from register_maps.errors import Problem, RegisterMapError
from register_maps.model import (
    Effect,
    Entry,
    RegisterMap,
    Serves,
    Table,
    WordOrder,
    is_count,
)
from register_maps.places import Clash, fillers, overlaps
from register_maps.schema import MAP_KEYS, VARIANT_KEYS, Keys, entry_keys
from sims.points import SERVICES


def build(root: yaml.Node | None, file: str) -> RegisterMap:
    """Return the map under `root`. Raises RegisterMapError with everything that is wrong in `file`."""
    if root is None:
        raise RegisterMapError(file, [Problem(0, "", "is empty", ", ".join(MAP_KEYS))])
    problems: list[Problem] = []
    keys = Keys(root, MAP_KEYS, problems)
    made = _Builder(keys, file, problems).build()
    if problems:
        raise RegisterMapError(file, dict.fromkeys(problems))
    return made


def clash_problem(clash: Clash) -> Problem:
    """Return a clash in words, as a problem of the file and line that come second."""
    place = "" if clash.first_file == clash.second_file else f"{clash.first_file}:"
    where = f"{place}{clash.first.line}" if place else f"line {clash.first.line}"
    message = f"{clash.second.places} overlaps {clash.first.places} of {where}"
    return Problem(clash.second.line, "address", message)


class _Builder:
    """Builds the map of `keys`; what is wrong with it goes to `problems`."""

    def __init__(self, keys: Keys, file: str, problems: list[Problem]) -> None:
        self._keys = keys
        self._file = file
        self._problems = problems
        self._zero_gaps: bool = keys.get("gaps", False)
        self._defaults = Defaults(
            base=keys.get("base", 0),
            tables=keys.get("table", (Table.HOLDING, Table.INPUT)),
            word_order=keys.get("word_order", WordOrder.ABCD),
            source=keys.need("source", ""),
            serves=keys.get("serves", Serves.METER),
        )

    def build(self) -> RegisterMap:
        """Return the map; it is of use only where nothing is wrong with it."""
        common = self._entries(self._keys)
        self._check_writes(common)
        variants = self._variants(common) if "variants" in self._keys else {}
        everywhere = set(SERVICES) <= set(variants)
        return RegisterMap(
            name=self._keys.need("name", ""),
            description=self._keys.need("description", ""),
            base=self._defaults.base,
            entries=tuple(common) if everywhere else self._complete(common),
            file=self._file,
            source=self._defaults.source,
            serves=self._defaults.serves,
            variants=MappingProxyType(variants),
        )

    def _check_writes(self, entries: Sequence[Entry]) -> None:
        """Note what can be written at several places: one request could ask for it a thousand times."""
        first: dict[Effect, Entry] = {}
        for one in entries:
            if one.writes and first.setdefault(one.writes, one) is not one:
                message = f"{one.writes.value} is also written on line {first[one.writes].line}"
                self._note(one, "writes", message, "each once")

    def _variants(self, common: Sequence[Entry]) -> Mapping[str, tuple[Entry, ...]]:
        """Return all entries of the meters of each service that has a variant."""
        if self._defaults.serves is not Serves.METER:
            self._keys.wrong("variants", "only meters have services", "in a map that serves meter")
        variants: dict[str, tuple[Entry, ...]] = {}
        for node in self._keys.items("variants"):
            keys = Keys(node, VARIANT_KEYS, self._problems)
            own = self._entries(keys)
            for one in own:
                if one.writes:
                    self._note(one, "writes", "stands in a variant", "among the entries of all meters")
            complete = self._complete([*common, *own])
            services: list[str] = keys.several("services")
            if not services:
                keys.wrong("services", "missing or wrong", ", ".join(SERVICES))
            for service in services:
                if service in variants:
                    keys.wrong("services", f"{service} has a variant already", "each service once")
                variants[service] = complete
        return variants

    def _entries(self, keys: Keys) -> list[Entry]:
        """Return the entries of the list in `keys`, in the order of addresses."""
        readers = entry_keys(self._defaults.serves)
        made = (entry(Keys(node, readers, self._problems), self._defaults) for node in keys.items("entries"))
        return sorted((one for one in made if one), key=lambda one: one.address)

    def _complete(self, entries: Sequence[Entry]) -> tuple[Entry, ...]:
        """Return the entries of one unit, checked against each other, with their scale registers and gaps."""
        clashes = overlaps((self._file, one) for one in entries)
        self._problems.extend(clash_problem(clash) for clash in clashes)
        made = list(self._scaled(entries))
        if self._zero_gaps:
            made += fillers(made, self._keys.line)
        return tuple(sorted(made, key=lambda one: one.address))

    def _scaled(self, entries: Sequence[Entry]) -> Iterator[Entry]:
        """Yield the entries with what their scale registers hold."""
        registers: dict[str, Entry] = {}
        for one in entries:
            if one.exponent and registers.setdefault(one.name, one) is not one:
                self._note(one, "name", f"{one.name} is also on line {registers[one.name].line}", "each once")
        for one in entries:
            register = registers.get(one.scale_register)
            if one.scale_register and register is None:
                allowed = ", ".join(registers) or "the name of an entry with exponent or fits"
                self._note(one, "scale_register", f"there is no {one.scale_register!r}", allowed)
            made = replace(one, scaled=register.exponent) if register else one
            self._check_step(made)
            yield made

    def _check_step(self, one: Entry) -> None:
        """Note a counter whose count is no whole number of what is counted."""
        point = one.point
        if point is None or not is_count(point) or one.type.is_float or one.type.is_bit:
            return
        if one.scaled and one.scaled.fits:
            self._note(one, "scale_register", f"{point.name} needs a fixed one", "one with exponent")
        step = one.step * Fraction(point.divisor)
        if step.denominator != 1 or not 1 <= step < 1 << 63:
            unit = point.unit or "counts"
            self._note(one, "scale", f"makes one count {float(step):g} {unit}", f"a whole number of {unit}")

    def _note(self, one: Entry, key: str, message: str, allowed: str) -> None:
        self._problems.append(Problem(one.line, key, message, allowed))
