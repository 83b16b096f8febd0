"""The `load` of a meter: what may stand in the file, and the load that it describes.

How a load is simulated, and what may stand in a file of readings, is the business of `sims.profiles`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, WithJsonSchema

from gateway.config.load_sections import (
    PROFILES,
    AnnualKwh,
    BdewSection,
    MotorSection,
    PowerFactor,
    RandomWalkSection,
    ScheduleSection,
    SolarSection,
    Zone,
    zone_of,
)
from gateway.config.section import FileName, Section
from sims.models import Model
from sims.profiles import (
    PAIRS,
    SHAPES,
    ConstantLoad,
    DailyShape,
    IntervalSeries,
    LineCurrents,
    LoadError,
    LoadSpec,
    PairCurrent,
    Replay,
    Sum,
    parse_csv,
    parse_green_button,
    parse_loadshape,
)

MEAN_PART: Final = 0.15
"""The mean load of a daily shape that is given no energy: this part of what the CTs are rated for."""

_HOURS_PER_YEAR: Final = 8766


def _building(name: str) -> str:
    if name not in SHAPES:
        raise ValueError(f"{name!r} is not a profile; allowed: {', '.join((*SHAPES, *_REPLAYS, *PROFILES))}")
    return name


class ConstantSection(Section):
    """A constant load, balanced."""

    kw: float = Field(description="Active power in all [kW]")
    power_factor: PowerFactor = 1.0


class PairSection(Section):
    """A constant load between two lines."""

    amps: float = Field(ge=0, description="Current at the nominal voltage between the lines [A]")
    pf: PowerFactor = 1.0


class BetweenSection(Section):
    """Constant loads between lines."""

    l1_l2: PairSection | None = Field(default=None, description="a mapping with amps and pf")
    l2_l3: PairSection | None = Field(default=None, description="a mapping with amps and pf")
    l3_l1: PairSection | None = Field(default=None, description="a mapping with amps and pf")

    def currents(self) -> tuple[PairCurrent, ...]:
        """Return the currents that are given."""
        given = ((pair, getattr(self, pair)) for pair in PAIRS)
        return tuple(PairCurrent(pair, one.amps, one.pf) for pair, one in given if one)


class CurrentsSection(Section):
    """A constant load, line by line."""

    amps: list[Annotated[float, Field(ge=0)]] = Field(
        min_length=1, max_length=3, description="Current on each line at the nominal voltage [A]"
    )
    pf: list[PowerFactor] = Field(
        default=[], max_length=3, description="Power factor of each line; 1 without it"
    )
    between: BetweenSection = BetweenSection()


class DailySection(Section):
    """The daily shape of a kind of building."""

    profile: Annotated[
        str, AfterValidator(_building), WithJsonSchema({"type": "string", "enum": list(SHAPES)})
    ] = Field(description="Kind of building")
    annual_kwh: AnnualKwh = None
    power_factor: PowerFactor = 0.95
    noise: float = Field(
        default=0.05, ge=0, le=0.25, description="Scatter round the shape (standard deviation, of 1)"
    )
    zone: Zone = "UTC"


Gaps = Literal["hold", "zero", "fail"]
_GAPS: Final = "What fills a gap between two readings: the load before it, nothing, or an error"


class _ReplaySection(Section):
    file: FileName = Field(description="File of readings; a relative path begins at this file's folder")
    align: Literal["start", "clock"] = Field(
        default="start",
        description="start: the first interval begins at the clock's start; clock: at its own time",
    )
    end: Literal["repeat", "hold", "zero"] = Field(
        default="repeat", description="What follows the last interval"
    )
    power_factor: PowerFactor = 1.0


class GreenButtonSection(_ReplaySection):
    """Intervals of a Green Button (ESPI) file."""

    profile: Literal["greenbutton"]
    gaps: Gaps = Field(default="zero", description=_GAPS)

    def parse(self, data: bytes, name: str) -> IntervalSeries:
        """Return what is in the file. Raises LoadError."""
        return parse_green_button(data, name, gaps=self.gaps)


class CsvSection(_ReplaySection):
    """Intervals of a CSV file."""

    profile: Literal["csv"]
    time: str = Field(description="Name of the column of times")
    value: str = Field(description="Name of the column of readings")
    unit: Literal["W", "kW", "Wh", "kWh"] = Field(description="Unit of the readings")
    stamp: Literal["start", "end"] = Field(
        default="start", description="Which end of its interval the time is"
    )
    gaps: Gaps = Field(default="hold", description=_GAPS)
    zone: Zone = "UTC"

    def parse(self, data: bytes, name: str) -> IntervalSeries:
        """Return what is in the file. Raises LoadError."""
        return parse_csv(
            data,
            name,
            time=self.time,
            value=self.value,
            unit=self.unit,
            stamp=self.stamp,
            gaps=self.gaps,
            zone=zone_of(self.zone),
        )


class OpenDssSection(_ReplaySection):
    """A load shape of OpenDSS (CSV)."""

    profile: Literal["opendss"]
    base_kw: float = Field(description="What the multiplier 1 stands for [kW]")
    interval_s: float = Field(
        default=0.0, ge=0, le=1e9, description="Interval of the multipliers [s]; 0 where each has its hour"
    )

    def parse(self, data: bytes, name: str) -> IntervalSeries:
        """Return what is in the file. Raises LoadError."""
        return parse_loadshape(data, name, base_kw=self.base_kw, interval_s=self.interval_s)


class _SumSection(Section):
    shares: list[Annotated[float, Field(ge=0, le=1)]] = Field(
        default=[], max_length=3, description="Part of the sum on each line, 1 in all; without it balanced"
    )
    noise: float = Field(
        default=0.0, ge=0, le=0.25, description="Scatter of the sum (standard deviation, of 1)"
    )


_REPLAYS: Final[dict[str, type[Section]]] = {
    "greenbutton": GreenButtonSection,
    "csv": CsvSection,
    "opendss": OpenDssSection,
}


def _kind(value: Any) -> str | None:
    """Return the section that `value` is meant to be; None where no key tells."""
    if not isinstance(value, dict):
        return type(value).__name__ if isinstance(value, Section) else None
    if "profile" in value:
        kinds = {**PROFILES, **_REPLAYS}
        return kinds.get(str(value["profile"]), DailySection).__name__
    kinds = {"sum": SumSection, "schedule": ScheduleSection, "amps": CurrentsSection, "kw": ConstantSection}
    return next((kind.__name__ for key, kind in kinds.items() if key in value), None)


_GivenPart = (
    Annotated[ConstantSection, Tag("ConstantSection")]
    | Annotated[CurrentsSection, Tag("CurrentsSection")]
    | Annotated[DailySection, Tag("DailySection")]
    | Annotated[BdewSection, Tag("BdewSection")]
    | Annotated[SolarSection, Tag("SolarSection")]
    | Annotated[MotorSection, Tag("MotorSection")]
    | Annotated[RandomWalkSection, Tag("RandomWalkSection")]
    | Annotated[ScheduleSection, Tag("ScheduleSection")]
)
_Part = (
    _GivenPart
    | Annotated[GreenButtonSection, Tag("GreenButtonSection")]
    | Annotated[CsvSection, Tag("CsvSection")]
    | Annotated[OpenDssSection, Tag("OpenDssSection")]
)
_WORDS: Final = "a mapping with kw, with amps or with profile, with schedule"
_NO_FILES: Final = "files of readings are named in the configuration alone"


class GivenSumSection(_SumSection):
    """Loads that add up, none of them from a file."""

    sum: list[Annotated[_GivenPart, Discriminator(_kind), Field(description=f"{_WORDS}; {_NO_FILES}")]] = (
        Field(min_length=1, max_length=100, description="The loads")
    )


class SumSection(_SumSection):
    """Loads that add up."""

    sum: list[Annotated[_Part, Discriminator(_kind), Field(description=_WORDS)]] = Field(
        min_length=1, max_length=100, description="The loads"
    )


def _given_kind(value: Any) -> str | None:
    """Return the same for a load that needs no file: its sums hold no files either."""
    kind = _kind(value)
    return GivenSumSection.__name__ if kind == SumSection.__name__ else kind


GivenLoad = Annotated[
    _GivenPart | Annotated[GivenSumSection, Tag("GivenSumSection")],
    Discriminator(_given_kind),
    Field(description=f"{_WORDS} or with sum; {_NO_FILES}"),
]
"""A load that needs no file, as clients may give it: what they say must not open files here."""

LoadSection = (
    ConstantSection
    | CurrentsSection
    | DailySection
    | BdewSection
    | SolarSection
    | MotorSection
    | RandomWalkSection
    | ScheduleSection
    | GreenButtonSection
    | CsvSection
    | OpenDssSection
    | SumSection
)
Load = Annotated[
    _Part | Annotated[SumSection, Tag("SumSection")],
    Discriminator(_kind),
    Field(description=f"{_WORDS} or with sum"),
]


class SeriesFiles:
    """The files of readings that the configuration in `folder` names; meters of one load share a series.

    `notes` are what was mended in them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, IntervalSeries] = {}

    @property
    def notes(self) -> tuple[str, ...]:
        """What was mended in the files, one sentence each."""
        return tuple(dict.fromkeys(note for series in self._read.values() for note in series.notes))

    def series(self, section: GreenButtonSection | CsvSection | OpenDssSection) -> IntervalSeries:
        """Return what is in the file of `section`. Raises LoadError."""
        key = section.model_dump_json(exclude={"align", "end", "power_factor"})
        if key not in self._read:
            path = self._folder / section.file
            try:
                data = path.read_bytes()
            except OSError as error:
                raise LoadError(f"cannot be read: {error.strerror}", name=str(path), key="file") from None
            self._read[key] = section.parse(data, str(path))
        return self._read[key]


def load_spec(
    section: LoadSection | GivenSumSection, model: Model, ct_a: float, files: SeriesFiles
) -> LoadSpec:
    """Return the load for a meter of `model` with CTs of `ct_a` [A].

    Raises LoadError if it cannot be, or its file cannot be read.
    """
    match section:
        case ConstantSection():
            spec: LoadSpec = ConstantLoad(section.kw, section.power_factor)
        case CurrentsSection():
            spec = LineCurrents(tuple(section.amps), tuple(section.pf), section.between.currents())
        case DailySection():
            annual_kwh, zone = _annual_kwh(section.annual_kwh, model, ct_a), zone_of(section.zone)
            spec = DailyShape(section.profile, annual_kwh, section.power_factor, section.noise, zone)
        case BdewSection():
            spec = section.spec(_annual_kwh(section.annual_kwh, model, ct_a))
        case SolarSection() | MotorSection() | RandomWalkSection() | ScheduleSection():
            spec = section.spec()
        case GivenSumSection() | SumSection():
            spec = Sum(_parts(section.sum, model, ct_a, files), tuple(section.shares), section.noise)
        case _:
            spec = Replay(files.series(section), section.align, section.end, section.power_factor)
    spec.check(model)
    return spec


def _annual_kwh(given: float | None, model: Model, ct_a: float) -> float:
    """Return the energy of a year [kWh], the usual one where none is given."""
    rating_kw = model.voltage.nominal * ct_a * model.elements / 1000
    return MEAN_PART * rating_kw * _HOURS_PER_YEAR if given is None else given


def _parts(
    sections: Sequence[LoadSection], model: Model, ct_a: float, files: SeriesFiles
) -> tuple[LoadSpec, ...]:
    """Return the loads of a sum. Raises LoadError with the place among them."""
    parts = []
    for place, section in enumerate(sections):
        try:
            parts.append(load_spec(section, model, ct_a, files))
        except LoadError as error:
            key = f"sum.{place}.{error.key or 'file'}"
            raise LoadError(error.message, name=error.name, line=error.line, key=key) from None
    return tuple(parts)
