"""The `load` of a meter: what may stand in the file, and the load that it describes.

How a load is simulated, and what may stand in a file of readings, is the business of `sims.profiles`.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, WithJsonSchema

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
from gateway.config.powers import highest_w
from gateway.config.replays import REPLAYS, CsvSection, GreenButtonSection, OpenDssSection, SeriesFiles
from gateway.config.section import Section
from sims.models import Model
from sims.profiles import (
    PAIRS,
    SHAPES,
    ConstantLoad,
    DailyShape,
    LineCurrents,
    LoadError,
    LoadSpec,
    PairCurrent,
    Sum,
)
from sims.profiles.base import check_power

MEAN_PART: Final = 0.15
"""The mean load of a daily shape that is given no energy: this part of what the CTs are rated for."""

DEEPEST_SUM: Final = 5
"""How many sums may stand in each other."""

MOST_PARTS: Final = 100
"""How many loads the sums of one load may have in all."""

_HOURS_PER_YEAR: Final = 8766


def _building(name: str) -> str:
    if name not in SHAPES:
        raise ValueError(f"{name!r} is not a profile; allowed: {', '.join((*SHAPES, *REPLAYS, *PROFILES))}")
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


class _SumSection(Section):
    shares: list[Annotated[float, Field(ge=0, le=1)]] = Field(
        default=[], max_length=3, description="Part of the sum on each line, 1 in all; without it balanced"
    )
    noise: float = Field(
        default=0.0, ge=0, le=0.25, description="Scatter of the sum (standard deviation, of 1)"
    )


def _kind(value: Any) -> str | None:
    """Return the section that `value` is meant to be; None where no key tells."""
    if not isinstance(value, dict):
        return type(value).__name__ if isinstance(value, Section) else None
    if "profile" in value:
        kinds = {**PROFILES, **REPLAYS}
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
_WORDS: Final = "a mapping with kw, with amps or with profile, with schedule or with sum"
_NO_FILES: Final = "files of readings are named in the configuration alone"


def _given_kind(value: Any) -> str | None:
    """Return the same as `_kind` for a load that needs no file: its sums hold no files either."""
    kind = _kind(value)
    return GivenSumSection.__name__ if kind == SumSection.__name__ else kind


def _bounded(value: Any) -> Any:
    """Refuse sums that would keep everybody waiting: too deep in each other, or of too many loads in all."""
    waiting, loads = [(value, 1)], 0
    while waiting:
        load, depth = waiting.pop()
        parts = load.get("sum") if isinstance(load, dict) else None
        if isinstance(parts, list):
            loads += len(parts)
            if depth > DEEPEST_SUM:
                raise ValueError(f"sums stand in each other too deeply; allowed: {DEEPEST_SUM} levels")
            if loads > MOST_PARTS:
                raise ValueError(f"its sums have too many loads; allowed: {MOST_PARTS} in all")
            waiting += ((part, depth + 1) for part in parts)
    return value


class GivenSumSection(_SumSection):
    """Loads that add up, none of them from a file."""

    sum: list[
        Annotated[
            _GivenPart | Annotated["GivenSumSection", Tag("GivenSumSection")],
            Discriminator(_given_kind),
            Field(description=f"{_WORDS}; {_NO_FILES}"),
        ]
    ] = Field(min_length=1, max_length=MOST_PARTS, description="The loads")


class SumSection(_SumSection):
    """Loads that add up."""

    sum: list[
        Annotated[
            _Part | Annotated["SumSection", Tag("SumSection")],
            Discriminator(_kind),
            Field(description=_WORDS),
        ]
    ] = Field(min_length=1, max_length=MOST_PARTS, description="The loads")


GivenLoad = Annotated[
    _GivenPart | Annotated[GivenSumSection, Tag("GivenSumSection")],
    Discriminator(_given_kind),
    BeforeValidator(_bounded),
    Field(description=f"{_WORDS}; {_NO_FILES}"),
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
    BeforeValidator(_bounded),
    Field(description=_WORDS),
]


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
            check_power(highest_w(spec, model), "sum")
        case _:
            spec = files.replay(section)
    spec.check(model)
    return spec


def _annual_kwh(given: float | None, model: Model, ct_a: float) -> float:
    """Return the energy of a year [kWh], the usual one where none is given."""
    rating_kw = model.voltage.nominal * ct_a * model.elements / 1000
    return round(MEAN_PART * rating_kw * _HOURS_PER_YEAR, 3) if given is None else given


def _parts(
    sections: Sequence[LoadSection | GivenSumSection], model: Model, ct_a: float, files: SeriesFiles
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
