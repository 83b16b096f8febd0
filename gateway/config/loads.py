"""The `load` of a meter: what may stand in the file, and the load that it describes.

How a load is simulated, and what may stand in a file of readings, is the business of `sims.profiles`.
"""

from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, WithJsonSchema

from gateway.config.section import Section
from sims.models import Model
from sims.profiles import (
    SHAPES,
    ConstantLoad,
    DailyShape,
    IntervalSeries,
    LineCurrents,
    LoadError,
    LoadSpec,
    Replay,
    parse_csv,
    parse_green_button,
)

MEAN_PART: Final = 0.15
"""The mean load of a daily shape that is given no energy: this part of what the CTs are rated for."""

_HOURS_PER_YEAR: Final = 8766


def _building(name: str) -> str:
    if name not in SHAPES:
        raise ValueError(f"{name!r} is not a profile; allowed: {', '.join((*SHAPES, *_REPLAYS))}")
    return name


PowerFactor = Annotated[float, Field(ge=-1, le=1, description="Power factor; a negative one is leading")]


class ConstantSection(Section):
    """A constant load, balanced."""

    kw: float = Field(description="Active power in all [kW]")
    power_factor: PowerFactor = 1.0


class CurrentsSection(Section):
    """A constant load, line by line."""

    amps: list[Annotated[float, Field(ge=0)]] = Field(
        min_length=1, max_length=3, description="Current on each line at the nominal voltage [A]"
    )
    pf: list[PowerFactor] = Field(
        default=[], max_length=3, description="Power factor of each line; 1 without it"
    )


class DailySection(Section):
    """The daily shape of a kind of building."""

    profile: Annotated[
        str, AfterValidator(_building), WithJsonSchema({"type": "string", "enum": list(SHAPES)})
    ] = Field(description="Kind of building")
    annual_kwh: float | None = Field(
        default=None,
        ge=0,
        description="Energy of a year [kWh]; without it the mean load is 15 % of the CTs' rating",
    )
    power_factor: PowerFactor = 0.95
    noise: float = Field(
        default=0.05, ge=0, le=0.25, description="Scatter round the shape (standard deviation, of 1)"
    )


Gaps = Literal["hold", "zero", "fail"]
_GAPS: Final = "What fills a gap between two readings: the load before it, nothing, or an error"


class _ReplaySection(Section):
    file: str = Field(
        min_length=1, description="File of readings; a relative path begins at this file's folder"
    )
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

    def parse(self, data: bytes, name: str) -> IntervalSeries:
        """Return what is in the file. Raises LoadError."""
        return parse_csv(
            data, name, time=self.time, value=self.value, unit=self.unit, stamp=self.stamp, gaps=self.gaps
        )


_REPLAYS: Final = ("greenbutton", "csv")


def _kind(value: Any) -> str | None:
    """Return the section that `value` is meant to be; None where no key tells."""
    if not isinstance(value, dict):
        return type(value).__name__ if isinstance(value, Section) else None
    if "profile" in value:
        kinds = {"greenbutton": GreenButtonSection, "csv": CsvSection}
        return kinds.get(str(value["profile"]), DailySection).__name__
    if "amps" in value:
        return CurrentsSection.__name__
    return ConstantSection.__name__ if "kw" in value else None


LoadSection = ConstantSection | CurrentsSection | DailySection | GreenButtonSection | CsvSection
Load = Annotated[
    Annotated[ConstantSection, Tag("ConstantSection")]
    | Annotated[CurrentsSection, Tag("CurrentsSection")]
    | Annotated[DailySection, Tag("DailySection")]
    | Annotated[GreenButtonSection, Tag("GreenButtonSection")]
    | Annotated[CsvSection, Tag("CsvSection")],
    Discriminator(_kind),
    Field(description="a mapping with kw, with amps or with profile"),
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

    def series(self, section: GreenButtonSection | CsvSection) -> IntervalSeries:
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


def load_spec(section: LoadSection, model: Model, ct_a: float, files: SeriesFiles) -> LoadSpec:
    """Return the load for a meter of `model` with CTs of `ct_a` [A].

    Raises LoadError if it cannot be, or its file cannot be read.
    """
    match section:
        case ConstantSection():
            spec: LoadSpec = ConstantLoad(section.kw, section.power_factor)
        case CurrentsSection():
            spec = LineCurrents(tuple(section.amps), tuple(section.pf))
        case DailySection():
            rating_kw = model.voltage.nominal * ct_a * model.elements / 1000
            usual_kwh = MEAN_PART * rating_kw * _HOURS_PER_YEAR
            annual_kwh = usual_kwh if section.annual_kwh is None else section.annual_kwh
            spec = DailyShape(section.profile, annual_kwh, section.power_factor, section.noise)
        case _:
            spec = Replay(files.series(section), section.align, section.end, section.power_factor)
    spec.check(model)
    return spec
