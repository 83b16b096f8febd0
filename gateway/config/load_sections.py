"""Loads that need no file and follow the clock, the sun or chance: what may stand for them, and the loads.

Loads made of others, and of files, are the business of `loads`.
"""

import re
from datetime import UTC, tzinfo
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from gateway.config.section import Section
from sims.profiles import BDEW_PROFILES, BdewProfile, LoadError, Motor, Period, RandomWalk, Schedule, Solar

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_TIME: Final = re.compile(r"(\d\d?):([0-5]\d)", re.ASCII)
_MINUTES_PER_DAY: Final = 1440


def _zone_name(name: str) -> str:
    try:
        zone_of(name)
    except (LookupError, ValueError, OSError):
        raise ValueError(f"{name!r} is no time zone; allowed: a name like Europe/Berlin") from None
    return name


def _minute(value: object) -> int:
    """Return a time of day as the minute."""
    minute = -1
    if isinstance(value, str) and (found := _TIME.fullmatch(value)):
        minute = int(found[1]) * 60 + int(found[2])
    if not 0 <= minute <= _MINUTES_PER_DAY:
        raise ValueError(f"{value!r} is no time of day; allowed: '00:00' to '24:00'")
    return minute


def zone_of(name: str) -> tzinfo:
    """Return the time zone called `name`. Raises LookupError, ValueError or OSError where there is none."""
    return UTC if name == "UTC" else ZoneInfo(name)


def time_of_day(minute: int) -> str:
    """Return a minute of the day as it is written."""
    return f"{minute // 60:02}:{minute % 60:02}"


PowerFactor = Annotated[float, Field(ge=-1, le=1, description="Power factor; a negative one is leading")]
AnnualKwh = Annotated[
    float | None,
    Field(ge=0, description="Energy of a year [kWh]; without it the mean load is 15 % of the CTs' rating"),
]
Zone = Annotated[
    str,
    AfterValidator(_zone_name),
    Field(examples=["Europe/Berlin"], description="Time zone of the load's clock"),
]
_TimeOfDay = Annotated[
    int,
    BeforeValidator(_minute),
    WithJsonSchema({"type": "string", "examples": ["06:00"]}),
]


class BdewSection(Section):
    """A standard load profile of the BDEW."""

    profile: Literal["h0", "h0_dyn", "g0", "g1", "g2", "g3", "g4", "g5", "g6", "l0", "l1", "l2"]
    annual_kwh: AnnualKwh = None
    power_factor: PowerFactor = 0.95
    zone: Zone = "UTC"

    def spec(self, annual_kwh: float) -> BdewProfile:
        """Return the load for so much energy of a year [kWh]. Raises LoadError."""
        return BdewProfile(self.profile, annual_kwh, self.power_factor, zone_of(self.zone))


class SolarSection(Section):
    """Solar panels under a clear sky, which feed back."""

    profile: Literal["solar"]
    kwp: float = Field(ge=0, description="Peak power [kW]")
    latitude: float = Field(ge=-90, le=90, description="Degrees, north positive")
    longitude: float = Field(ge=-180, le=180, description="Degrees, east positive")
    power_factor: PowerFactor = 1.0

    def spec(self) -> Solar:
        """Return the load. Raises LoadError."""
        return Solar(self.kwp, self.latitude, self.longitude, self.power_factor)


class MotorSection(Section):
    """A motor started by the clock, every day."""

    profile: Literal["motor"]
    kw: float = Field(ge=0, description="Active power when it runs [kW]")
    starts: list[_TimeOfDay] = Field(min_length=1, max_length=1440, description="Times of day")
    run_s: int = Field(ge=1, le=86_400, description="How long it runs [s]")
    power_factor: PowerFactor = 0.85
    inrush: float = Field(default=6.0, ge=1, le=100, description="Multiple of the current at the start")
    inrush_s: int = Field(default=5, ge=0, le=86_400, description="How long the start takes [s]")
    inrush_power_factor: PowerFactor = 0.3
    zone: Zone = "UTC"

    def spec(self) -> Motor:
        """Return the load. Raises LoadError."""
        return Motor(
            self.kw,
            tuple(self.starts),
            self.run_s,
            self.power_factor,
            self.inrush,
            self.inrush_s,
            self.inrush_power_factor,
            zone_of(self.zone),
        )


class RandomWalkSection(Section):
    """A load that wanders between two bounds."""

    profile: Literal["random_walk"]
    kw: float = Field(description="Its mean [kW]")
    least_kw: float = Field(description="What it never falls below [kW]")
    most_kw: float = Field(description="What it never exceeds [kW]")
    step_kw: float = Field(ge=0, description="Change from minute to minute (standard deviation) [kW]")
    power_factor: PowerFactor = 0.95

    def spec(self) -> RandomWalk:
        """Return the load. Raises LoadError."""
        return RandomWalk(self.kw, self.least_kw, self.most_kw, self.step_kw, self.power_factor)


class PeriodSection(Section):
    """A period of a schedule."""

    days: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] = Field(
        default=list(DAYS), min_length=1, max_length=7, description="Days on which it begins"
    )
    begin: _TimeOfDay = Field(description="When it begins")
    end: _TimeOfDay = Field(description="When it ends, the day after where that is not after the beginning")
    kw: float = Field(description="Active power in all [kW]")


class ScheduleSection(Section):
    """A load that goes on and off by the clock of the week."""

    schedule: list[PeriodSection] = Field(min_length=1, max_length=1000, description="Periods, which add up")
    base_kw: float = Field(default=0.0, description="Active power beside the periods [kW]")
    power_factor: PowerFactor = 1.0
    zone: Zone = "UTC"

    def spec(self) -> Schedule:
        """Return the load. Raises LoadError with the place of the period."""
        periods = []
        for place, one in enumerate(self.schedule):
            try:
                periods.append(Period(tuple(map(DAYS.index, one.days)), one.begin, one.end, one.kw))
            except LoadError as error:
                raise LoadError(error.message, key=f"schedule.{place}.{error.key}") from None
        return Schedule(tuple(periods), self.base_kw, self.power_factor, zone_of(self.zone))


PROFILES: Final[dict[str, type[Section]]] = {
    **dict.fromkeys(BDEW_PROFILES, BdewSection),
    "solar": SolarSection,
    "motor": MotorSection,
    "random_walk": RandomWalkSection,
}
"""The sections by their profile."""

Shown = BdewProfile | Solar | Motor | RandomWalk | Schedule
"""The loads of the sections here."""


def as_section(load: Shown) -> dict[str, Any]:
    """Return a load as its section would be written."""
    values: dict[str, Any] = {key: getattr(load, key) for key in load.__slots__}
    match load:
        case Solar():
            values |= {"profile": "solar"}
        case RandomWalk():
            values |= {"profile": "random_walk"}
        case Motor():
            values |= {"profile": "motor", "starts": [time_of_day(start) for start in load.starts]}
        case Schedule():
            del values["periods"]
            values |= {"schedule": [_period(period) for period in load.periods]}
    return values | ({} if isinstance(load, Solar | RandomWalk) else {"zone": str(load.zone)})


def _period(period: Period) -> dict[str, Any]:
    return {
        "days": [DAYS[day] for day in period.days],
        "begin": time_of_day(period.begin),
        "end": time_of_day(period.end),
        "kw": period.kw,
    }
