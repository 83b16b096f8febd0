"""From a configuration file and the options of the command line to the configuration.

What a section may hold and what a meter may be is decided in the other files of this folder.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gateway.config.document import Document, Place, read
from gateway.config.fleet import DEFAULT_METERS, FleetBuilder, default_fleet
from gateway.config.link_sections import faults_by_row
from gateway.config.meter_sections import MeterSection
from gateway.config.replays import SeriesFiles
from gateway.config.report import Options, Report
from gateway.config.schema import ConfigFile, json_schema
from gateway.config.services import Services
from gateway.config.settings import ClockSettings, Config


def load_config(file: Path | None = None, options: Options | None = None) -> Config:
    """Return the configuration in `file`, if there is one, with `options` put before it.

    Where neither names meters, they are a default fleet. Raises ConfigError, or FaultyConfigError with
    everything that is wrong.
    """
    options = options or {}
    document = read(file) if file else Document(None, {}, None)
    report = Report(document, options)
    sections, entries = _validated(_with_options(document.values, options), report)
    config = _build(sections, entries, file.parent if file else Path(), report)
    report.raise_if_any()
    return config


def _with_options(values: Any, options: Options) -> Any:
    """Return the values of the file with those of the options put before them, and without empty sections."""
    if not isinstance(values, Mapping):
        return values
    merged = {name: section for name, section in values.items() if section is not None}
    if "meters" not in values:
        merged["meters"] = default_fleet(DEFAULT_METERS)
    for (name, *key), (_, value) in options.items():
        section = merged.get(name, {})
        if not key:
            merged[name] = value
        elif isinstance(section, Mapping):
            merged[name] = _with(section, key, value)
    return {name: section for name, section in merged.items() if section is not None}


def _with(section: Mapping[str, Any], key: list[str], value: Any) -> Mapping[str, Any]:
    """Return a section with another value: of a key, or of one in every entry of a list that has it."""
    first, *inner = key
    if not inner:
        return {**section, first: value}
    entries = section.get(first)
    if not isinstance(entries, list):
        return section
    return {
        **section,
        first: [
            {**entry, inner[0]: value} if isinstance(entry, Mapping) and inner[0] in entry else entry
            for entry in entries
        ],
    }


def _validated(values: Any, report: Report) -> tuple[ConfigFile, list[tuple[int, MeterSection]]]:
    """Return the sections and the entries of `meters`, with their indices, that are right one by one."""
    try:
        sections = ConfigFile.model_validate(values)
    except ValidationError as error:
        schema = json_schema()
        wrong = [report.add_invalid(one, schema) for one in error.errors()]
        values, indices = _without(values, wrong)
        sections = ConfigFile.model_validate(values)
    else:
        indices = list(range(len(sections.meters)))
        if not sections.meters:
            report.add(("meters",), "there are no meters; allowed: at least one, or the option --meters")
    return sections, list(zip(indices, sections.meters, strict=True))


def _without(values: Any, wrong: list[Place]) -> tuple[dict[str, Any], list[int]]:
    """Return what is not wrong, keys of sections and whole entries of `meters`, and the entries' indices."""
    marks = {tuple(place[:2]) for place in wrong}
    given = values if isinstance(values, Mapping) else {}
    sound = {
        name: {key: value for key, value in section.items() if (name, key) not in marks}
        if isinstance(section, Mapping)
        else section
        for name, section in given.items()
        if (name,) not in marks
    }
    meters = sound.get("meters")
    meters = meters if isinstance(meters, list) else []
    indices = [index for index in range(len(meters)) if ("meters", index) not in marks]
    return {**sound, "meters": [meters[i] for i in indices]}, indices


def _build(
    sections: ConfigFile, entries: list[tuple[int, MeterSection]], folder: Path, report: Report
) -> Config:
    """Return the configuration; what is wrong with it goes into `report`."""
    gateway, clock = sections.gateway, sections.clock
    files = SeriesFiles(folder)
    meters = tuple(FleetBuilder(gateway.id, files, report).build(entries))
    services = Services(sections, sum(entry.count for _, entry in entries), folder, report)
    return Config(
        gateway_id=gateway.id,
        gateway_name=gateway.name or gateway.id,
        seed=gateway.seed,
        clock=ClockSettings(clock.mode, clock.start, clock.speed, clock.tick_s),
        modbus=services.modbus(),
        bacnet=services.bacnet(),
        mqtt=services.mqtt(),
        http=services.http(),
        journal=services.journal(),
        state=folder / sections.state if sections.state else None,
        meters=meters,
        links=faults_by_row(gateway.link, ((entry.count, entry.link) for _, entry in entries)),
        notes=(*files.notes, *_useless(sections)),
    )


def _useless(sections: ConfigFile) -> Iterator[str]:
    """Yield what is allowed but will not do what somebody may expect, one sentence each."""
    if sections.clock.mode == "manual":
        if not sections.http.enabled:
            yield "clock: the clock is manual and HTTP is off, so time stands still for ever"
        if "speed" in sections.clock.model_fields_set:
            yield "clock.speed: a manual clock has no speed; it goes by calls of the HTTP API"
