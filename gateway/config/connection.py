"""What a meter is connected to, from its sections to what the fleet takes: load, wiring, supply.

What depends on the model of meter is judged here, for the file and for changes while it runs alike. Nothing
is known here of where the sections come from.
"""

from collections.abc import Callable, Sequence

from gateway.config.document import Place
from gateway.config.loads import GivenSumSection, LoadSection, load_spec
from gateway.config.meter_sections import (
    HIGHEST_PART,
    CtSection,
    SupplySection,
    VoltageSection,
    WiringSection,
)
from gateway.config.replays import SeriesFiles
from sims.models import Model
from sims.network import Supply
from sims.profiles import LoadError, LoadSpec
from sims.wiring import CtInput, VoltageInput, Wiring

Note = Callable[[Place, str], None]
"""Told what is wrong: the place within the meter, and the words."""


class Connector:
    """Connects meters of `model`; what cannot be is told to `note`."""

    def __init__(self, model: Model, note: Note) -> None:
        self._model = model
        self._note = note

    def load(
        self, section: LoadSection | GivenSumSection, ct_a: float, files: SeriesFiles
    ) -> LoadSpec | None:
        """Return the load of a meter with CTs of `ct_a` [A], None where it cannot be."""
        try:
            return load_spec(section, self._model, ct_a, files)
        except LoadError as error:
            parts = error.key.split(".") if error.key else ["file"] if error.name else []
            inside = [int(part) if part.isdigit() else part for part in parts]
            message = (
                f"{error.name}:{error.line}: {error.message}"
                if error.line
                else f"{error.name} {error.message}"
            )
            self._note(("load", *inside), message.strip())
            return None

    def wiring(self, section: WiringSection) -> Wiring:
        """Return the wiring; inputs that the model lacks and lines that its service lacks are noted."""
        elements = self._model.elements
        right = Wiring.correct(elements)
        inputs = [f"{kind}{k}" for kind in ("ct", "v") for k in range(1, elements + 1)]
        for name in sorted(section.model_fields_set - {"n"}):
            if name not in inputs:
                message = f"{self._model.key} has no {name}; allowed: {', '.join((*inputs, 'n'))}"
                self._note(("wiring", name), message)
            elif line := getattr(section, name).line:
                self._check_line(line, ("wiring", name, "line"))
        cts = (section.ct1, section.ct2, section.ct3)
        voltages = (section.v1, section.v2, section.v3)
        return Wiring(
            tuple(_ct(given, own.line) for given, own in zip(cts, right.cts, strict=False)),
            tuple(_voltage(given, own.line) for given, own in zip(voltages, right.voltages, strict=False)),
            section.n.open,
        )

    def supply(self, section: SupplySection) -> Supply:
        """Return the supply; what the service lacks and what no such meter is for is noted.

        Every service has a neutral to lose: on two wires the meter is off without it.
        """
        low, high = self._model.frequencies
        if not low <= (hertz := section.frequency_hz) <= high:
            series = self._model.series
            message = f"{hertz:g} Hz is not for Series {series} (manual, table 2); allowed: {high:g}"
            self._note(("supply", "frequency_hz"), message)
        for index, line in enumerate(section.lost):
            self._check_line(line, ("supply", "lost", index))
        return Supply(self._volts(section.volts), frozenset(section.lost), section.neutral == "lost")

    def _volts(self, given: float | Sequence[float] | None) -> tuple[float, ...] | None:
        """Return the voltage of each line [V], None where all are nominal."""
        lines, nominal = self._model.elements, self._model.voltage.nominal
        if given is None:
            return None
        volts = tuple(given) if isinstance(given, Sequence) else (given,) * lines
        if len(volts) != lines:
            message = f"has {len(volts)} values; allowed: a number, or {lines} as {self._model.key} has lines"
            self._note(("supply", "volts"), message)
        highest = HIGHEST_PART * nominal
        if (most := max(volts, default=0.0)) > highest:
            message = f"{most:g} V is not allowed; allowed: up to {highest:g} V, twice the nominal voltage"
            self._note(("supply", "volts"), message)
        return None if all(one == nominal for one in volts) else volts

    def _check_line(self, line: int, place: Place) -> None:
        """Note a line that the service lacks."""
        if line not in self._model.lines:
            lines = ", ".join(map(str, sorted(self._model.lines)))
            self._note(place, f"{self._model.key} has no line {line}; allowed: {lines}")


def _ct(given: CtSection, own_line: int) -> CtInput:
    reversed_ct = given.polarity == "reversed"
    return CtInput(given.line or own_line, reversed_ct, given.ratio, given.open, given.exchanged)


def _voltage(given: VoltageSection, own_line: int) -> VoltageInput:
    return VoltageInput(given.line or own_line, given.open)
