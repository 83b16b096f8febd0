"""The sections of one meter in the configuration file; `schema` has the others.

A value on its own is judged here; what depends on the model of meter is judged in `connection` and `fleet`.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema

from gateway.addressing import MOST_METERS
from gateway.config.link_sections import LinkSection
from gateway.config.loads import DailySection, Load
from gateway.config.section import Section
from gateway.validation import shown
from sims.models import MODELS

_WYE_ONLY: Final = "a delta service is refused: these meters are for wye services only (manual 1.1)"
_NUMBER: Final = r"\{n(:0?[1-9])?\}"
_WORD: Final = rf"^([A-Za-z0-9_.-]|{_NUMBER})+$"
HIGHEST_PART: Final = 2.0
"""The highest voltage of a supply, of the nominal one."""

_HIGHEST_VOLTS: Final = HIGHEST_PART * max(model.voltage.nominal for model in MODELS.values())


def _model(key: str) -> str:
    if "delta" in key.lower():
        raise ValueError(f"{_WYE_ONLY}; allowed: {', '.join(MODELS)}")
    if key not in MODELS:
        raise ValueError(f"{key!r} is not a model; allowed: {', '.join(MODELS)}")
    return key


_SERVICES: Final = tuple(dict.fromkeys(model.service.key for model in MODELS.values()))


def _service(key: str) -> str:
    if "delta" in key.lower():
        raise ValueError(f"{_WYE_ONLY}; allowed: {', '.join(_SERVICES)}")
    if key not in _SERVICES:
        raise ValueError(f"{key!r} is not a service; allowed: {', '.join(_SERVICES)}")
    return key


def _volts(value: Any) -> float | list[float]:
    if isinstance(value, list):
        return [_voltage(one) for one in value]
    return _voltage(value)


def _voltage(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _HIGHEST_VOLTS:
        raise ValueError(
            f"{shown(value)} is not a voltage; allowed: a number from 0 to {_HIGHEST_VOLTS:g}, or a list of "
            "one for each line"
        )
    return float(value)


ModelKey = Annotated[str, AfterValidator(_model), WithJsonSchema({"type": "string", "enum": list(MODELS)})]
ServiceKey = Annotated[
    str, AfterValidator(_service), WithJsonSchema({"type": "string", "enum": list(_SERVICES)})
]
Volts = Annotated[
    float | list[float],
    PlainValidator(_volts),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0},
                {"type": "array", "items": {"type": "number", "minimum": 0}, "minItems": 1, "maxItems": 3},
            ]
        }
    ),
]


class CtSection(Section):
    """A CT: where it sits, and how."""

    line: Annotated[int, Field(ge=1, le=3)] | None = Field(
        default=None, description="Line on which it sits; its own without it"
    )
    polarity: Literal["normal", "reversed"] = Field(default="normal", description="Its direction")
    ratio: float = Field(
        default=1.0, gt=0, le=1000, description="Its secondary current over that of the right CT"
    )
    open: bool = Field(default=False, description="Whether its secondary is open")
    exchanged: bool = Field(default=False, description="Whether X1 and X2 are exchanged at the meter")


class VoltageSection(Section):
    """A voltage lead: where it comes from."""

    line: Annotated[int, Field(ge=1, le=3)] | None = Field(
        default=None, description="Line from which it comes; its own without it"
    )
    open: bool = Field(default=False, description="Whether it is open")


class NeutralSection(Section):
    """The neutral lead."""

    open: bool = Field(default=False, description="Whether the neutral terminal of the meter is open")


class WiringSection(Section):
    """How the meter is wired; what is left out is right."""

    ct1: CtSection = CtSection()
    ct2: CtSection = CtSection()
    ct3: CtSection = CtSection()
    v1: VoltageSection = VoltageSection()
    v2: VoltageSection = VoltageSection()
    v3: VoltageSection = VoltageSection()
    n: NeutralSection = NeutralSection()


class SupplySection(Section):
    """What the service is given from upstream."""

    frequency_hz: float = Field(
        default=60.0, ge=50, le=60, description="Line frequency [Hz]; Series 2000 meters are for 60 Hz"
    )
    volts: Volts | None = Field(
        default=None,
        description="Voltage to neutral of every line, or a list of each line's [V]; nominal without it",
    )
    lost: list[Annotated[int, Field(ge=1, le=3)]] = Field(
        default=[], max_length=3, description="Lines that are dead"
    )
    neutral: Literal["connected", "lost"] = Field(default="connected", description="The neutral")


class EnvironmentSection(Section):
    """Where the meter hangs."""

    temperature_c: float = Field(default=25.0, ge=-90, le=150, description="Temperature at the meter [°C]")


class MeterSection(Section):
    """A meter, or `count` alike."""

    id: str = Field(
        default="M{n:04}",
        pattern=_WORD,
        examples=["M{n:04}", "lobby"],
        description="Id in topics and names; {n} is the meter's number in the gateway",
    )
    count: int = Field(default=1, ge=1, le=MOST_METERS, description="How many meters alike")
    model: ModelKey = Field(default="series-2000-120-208", description="Model")
    service: ServiceKey | None = Field(default=None, description="Service, to be checked against the model's")
    name: str = Field(default="", max_length=64, description="Name in words; {n} as in the id")
    serial: str | None = Field(
        default=None,
        pattern=_WORD,
        examples=["K{n:09}"],
        description="Serial number of up to 16 characters, {n} as in the id; without it one is made of the "
        "ids",
    )
    ct_a: float = Field(
        default=100.0, ge=0.1, le=100_000, description="CT primary rating [A], to 0.1 A secondary"
    )
    ct_kind: Literal["solid", "split"] = Field(default="solid", description="Solid-core or split-core CTs")
    enclosure: Literal["indoor-steel", "outdoor-plastic"] = Field(
        default="indoor-steel", description="Enclosure"
    )
    options: list[Literal["demand", "peak_reset"]] = Field(
        default=[], description="What was ordered with it; peak_reset needs demand"
    )
    initial_kwh: float = Field(
        default=0.0, ge=0, le=1e9, description="Reading at the start of its life [kWh]"
    )
    load: Load = DailySection(profile="office")
    wiring: WiringSection = WiringSection()
    supply: SupplySection = SupplySection()
    environment: EnvironmentSection = EnvironmentSection()
    link: LinkSection = LinkSection()
    accuracy: Literal["drawn", "ideal"] = Field(
        default="drawn", description="drawn: with an error drawn from the serial number; ideal: without one"
    )
    registration: Literal["net", "abs", "per_element_clamp"] = Field(
        default="net",
        description="What registers: the net power if positive, its magnitude, or the positive elements",
    )
    apparent_power: Literal["vectorial", "arithmetic"] = Field(
        default="vectorial", description="How the total apparent power is made"
    )
    reverse_phase: Literal["net", "any_element"] = Field(
        default="net", description="Negative power of what lights the reverse-phase LED"
    )
    demand_method: Literal["3x5", "15x1", "block"] = Field(
        default="3x5", description="How the 15-minute demand is made"
    )
    strict_voltage: bool = Field(default=False, description="Whether a voltage over the window is an outage")
    tags: dict[str, str] = Field(default={}, description="Words of your own about the meter")
