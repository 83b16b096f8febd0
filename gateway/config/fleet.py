"""The `meters` of the configuration: their numbers, ids and serials, and the rules that tie them to models.

No file but those of loads is read here.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import partial
from hashlib import blake2b
from typing import Any, Final

from gateway.config.connection import Connector
from gateway.config.document import Place
from gateway.config.meter_sections import MeterSection
from gateway.config.replays import SeriesFiles
from gateway.config.report import Report
from sims.meter import MeterSpec, Settings
from sims.models import MODELS, Model, Nameplate
from sims.points import MJ_PER_WH
from sims.profiles import SHAPES

DEFAULT_METERS: Final = 10
"""How many meters there are where nobody says."""

_NUMBER: Final = re.compile(r"\{n(?::(0?[1-9]))?\}")
_LONGEST_SERIAL: Final = 16
_LONGEST_ID: Final = 64

Entries = Iterable[tuple[int, MeterSection]]
"""Entries of `meters` and their indices."""


def default_fleet(meters: int, model: str | None = None) -> list[Mapping[str, Any]]:
    """Return the entries of a fleet of mixed models, or all of `model`, with loads of mixed buildings."""
    models, buildings = [model] if model else list(MODELS), list(SHAPES)
    return [
        {
            "model": models[index % len(models)],
            "options": ["demand", "peak_reset"],
            "load": {"profile": buildings[index % len(buildings)]},
        }
        for index in range(meters)
    ]


class FleetBuilder:
    """Makes the meters of the gateway `gateway_id`; what is wrong goes into `report`."""

    def __init__(self, gateway_id: str, files: SeriesFiles, report: Report) -> None:
        self._gateway_id = gateway_id
        self._files = files
        self._report = report
        self._taken: dict[tuple[str, str], int] = {}
        self._told: set[tuple[str, int]] = set()

    def build(self, entries: Entries) -> Iterator[MeterSpec]:
        """Yield the meters of `entries`, numbered from 1."""
        number = 1
        for index, entry in entries:
            yield from self._entry(index, entry, number)
            number += entry.count

    def _entry(self, index: int, entry: MeterSection, first: int) -> Iterator[MeterSpec]:
        model = MODELS[entry.model]
        self._check(index, entry, model)
        connector = Connector(model, partial(self._add, index))
        load = connector.load(entry.load, entry.ct_a, self._files)
        wiring, supply = connector.wiring(entry.wiring), connector.supply(entry.supply)
        if load is None:
            return
        for number in range(first, first + entry.count):
            yield MeterSpec(
                nameplate=self._nameplate(index, entry, model, number),
                load=load,
                wiring=wiring,
                supply=supply,
                settings=_settings(entry),
                frequency_hz=entry.supply.frequency_hz,
                temperature_c=entry.environment.temperature_c,
                initial_energy=int(Decimal(str(entry.initial_kwh)) * 1000 * MJ_PER_WH),
            )

    def _check(self, index: int, entry: MeterSection, model: Model) -> None:
        """Note what does not go together within the entry."""
        if entry.service not in {None, model.service.key}:
            self._wrong(
                index,
                "service",
                f"{entry.service!r} is not the service of {model.key}; allowed: {model.service.key}",
            )
        if "peak_reset" in entry.options and "demand" not in entry.options:
            self._wrong(index, "options", "peak_reset needs demand; allowed: [demand, peak_reset]")
        if entry.count > 1:
            for key in ("id", "serial"):
                if (template := getattr(entry, key)) and not _NUMBER.search(template):
                    message = (
                        f"{template!r} is the same for all {entry.count} meters; allowed: one with {{n}}"
                    )
                    self._wrong(index, key, message)

    def _nameplate(self, index: int, entry: MeterSection, model: Model, number: int) -> Nameplate:
        meter_id = _numbered(entry.id, number)
        serial = _numbered(entry.serial, number) if entry.serial else self._made_serial(meter_id)
        if self._take("id", meter_id, index, _LONGEST_ID):
            self._take("serial", serial, index, _LONGEST_SERIAL)
        return Nameplate(
            number=number,
            id=meter_id,
            model=model,
            serial=serial,
            ct_a=entry.ct_a,
            ct_kind=entry.ct_kind,
            options=frozenset(entry.options),
            enclosure=entry.enclosure,
            name=_numbered(entry.name, number),
            tags=entry.tags,
        )

    def _take(self, key: str, value: str, index: int, longest: int) -> bool:
        """Return whether an id or a serial is a meter's own; note it where it is not, or is too long."""
        other = self._taken.setdefault((key, value), index)
        if len(value) > longest:
            self._wrong(index, key, f"{value!r} is too long; allowed: {longest} characters")
        if other != index and (key, index) not in self._told:
            self._told.add((key, index))
            line = self._report.line(("meters", other, key))
            where = f"on line {line}" if line else f"meters[{other}]"
            self._wrong(index, key, f"{value!r} is also the {key} of the meter {where}; allowed: each once")
        return other == index

    def _made_serial(self, meter_id: str) -> str:
        """Return 12 digits that depend on the ids of gateway and meter alone, not on the meter's place."""
        digest = blake2b(f"{self._gateway_id}/{meter_id}".encode(), digest_size=8).digest()
        return f"{int.from_bytes(digest) % 10**12:012}"

    def _wrong(self, index: int, key: str, message: str) -> None:
        self._add(index, (key,), message)

    def _add(self, index: int, place: Place, message: str) -> None:
        """Note what is wrong at a place within the entry."""
        self._report.add(("meters", index, *place), message)


def _settings(entry: MeterSection) -> Settings:
    return Settings(
        ideal=entry.accuracy == "ideal",
        registration=entry.registration,
        apparent_power=entry.apparent_power,
        reverse_phase=entry.reverse_phase,
        demand=entry.demand_method,
        strict_voltage=entry.strict_voltage,
    )


def _numbered(template: str, number: int) -> str:
    """Return an id with the meter's number in the place of `{n}` or `{n:04}`."""
    return _NUMBER.sub(lambda found: format(number, found[1] or ""), template)
