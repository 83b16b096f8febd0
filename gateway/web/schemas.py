"""What the HTTP API takes and gives, as pydantic models: the OpenAPI document is made of them.

No behaviour; what stands in a model comes from `answers`.
"""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema, model_validator

from gateway.clock import FASTEST, LONGEST_ADVANCE_S, ClockMode, span
from sims.points import PUBLISHED, Kind, Point

_JSON_TYPES: Final = {
    Kind.INSTANT: {"type": "number"},
    Kind.COUNTER: {"type": "number"},
    Kind.TIME: {"type": "string", "format": "date-time"},
    Kind.STATE: {"type": "integer"},
    Kind.TEXT: {"type": "string"},
    Kind.FLAG: {"type": "boolean"},
}


def _property(point: Point) -> dict[str, str]:
    unit = f" [{point.shown_unit}]" if point.shown_unit and point.kind is not Kind.TIME else ""
    return _JSON_TYPES[point.kind] | {"description": point.description + unit}


_READINGS_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "title": "Readings",
    "description": "The points by name; those that the model lacks, or that have no value yet, are left out.",
    "properties": {point.name: _property(point) for point in PUBLISHED},
    "additionalProperties": False,
}


class _Given(BaseModel):
    """What a client sends: nothing that is not asked for, and no conversions."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


def _whole_microseconds(seconds: float) -> float:
    span(seconds)
    return seconds


class Advance(_Given):
    """How far to move a manual clock."""

    seconds: Annotated[float, AfterValidator(_whole_microseconds)] = Field(
        gt=0,
        le=LONGEST_ADVANCE_S,
        description="Simulated time to go on by [s], to the microsecond",
        examples=[300],
    )


class ClockChange(_Given):
    """What to change of a real clock; what is left out stays."""

    speed: float | None = Field(
        default=None, gt=0, le=FASTEST, description="Simulated seconds in a second, from now on"
    )
    paused: bool | None = Field(default=None, description="Whether simulated time stands still")

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.speed is None and self.paused is None:
            raise ValueError("changes nothing; allowed: speed, paused, or both")
        return self


class KeySwitch(_Given):
    """How to turn the key switch: right and back, or one way."""

    held_s: float | None = Field(
        default=None,
        gt=0,
        le=3600,
        description="Turn it right and, so many simulated seconds later, back",
        examples=[0.5],
    )
    position: Literal["right", "home"] | None = Field(default=None, description="Turn it one way")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.held_s is None) == (self.position is None):
            raise ValueError("is not one turn; allowed: held_s, or position")
        return self


class Moment(BaseModel):
    """The tick whose readings every adapter shows."""

    tick: int = Field(description="Number of the tick, 0 at the start")
    time: str = Field(
        description="Simulated time at its end, ISO 8601 UTC", json_schema_extra={"format": "date-time"}
    )


class ClockView(Moment):
    """What the clock is doing."""

    mode: ClockMode = Field(description="real: by the wall clock; manual: by `advance` alone")
    tick_s: float = Field(description="Wall time between two ticks of a real clock [s]")
    speed: float = Field(description="Simulated seconds in a second of a real clock")
    paused: bool = Field(description="Whether a real clock stands still")


class EndpointView(BaseModel):
    """An address at which a service is reached."""

    service: str
    address: str
    serves: str


class UntoldView(BaseModel):
    """Events and closed demand intervals that no broker has acknowledged."""

    waiting: int = Field(description="How many wait to be told")
    lost: int = Field(description="How many have ever given way untold, because too many waited")


class GatewayView(Moment):
    """The gateway: what it is called, what it hosts and where it serves it."""

    id: str
    name: str
    version: str = Field(description="Version of metergate")
    meters: int = Field(description="How many meters there are")
    uptime_s: float = Field(description="Wall time since the API began to serve [s]")
    clock: ClockView
    endpoints: list[EndpointView]
    untold: UntoldView
    link: dict[str, Any] = Field(description="Faults of the port by protocol, with what is left of them")


class ModbusPlace(BaseModel):
    """Where a meter is on Modbus TCP."""

    port: int
    unit_id: int


class MeterView(BaseModel):
    """A meter: its nameplate, where it is on each protocol (null: not served there) and its readings."""

    id: str
    number: int = Field(description="Place in the configuration, from 1")
    name: str
    vendor: str
    model: str
    serial: str
    firmware: str
    ct_a: float = Field(description="CT primary rating [A]")
    ct_kind: str = Field(description="Solid-core or split-core CTs")
    enclosure: str
    options: list[str]
    tags: dict[str, str] = Field(description="Words of the configuration about the meter")
    modbus: ModbusPlace | None
    device_instance: int | None = Field(description="BACnet device that has its objects")
    topic: str | None = Field(description="MQTT topic under which it publishes")
    readings: Annotated[dict[str, Any], WithJsonSchema(_READINGS_SCHEMA)]


class LastTurn(BaseModel):
    """What came of the last turn of a key switch that has ended, whoever turned it."""

    time: str = Field(
        description="Simulated time at its end, ISO 8601 UTC", json_schema_extra={"format": "date-time"}
    )
    reset: bool = Field(description="Whether it reset the peak demand")
    reason: str = Field(description="Why it did not; empty where it did")


class KeyView(BaseModel):
    """The key switch of a meter."""

    position: Literal["right", "home"] = Field(description="Where it stands")
    last_turn: LastTurn | None = Field(description="null before the first")


class OneMeter(Moment, MeterView):
    """One meter at one tick, its key, and how it is connected: that can be sent back to change it."""

    key_switch: KeyView

    load: dict[str, Any] = Field(description="Its load; what comes from a file is profile: replay")
    wiring: dict[str, Any] = Field(description="Where each CT sits and each voltage lead comes from")
    supply: dict[str, Any] = Field(description="What its service is given from upstream")
    environment: dict[str, Any] = Field(description="Where it hangs")
    link: dict[str, Any] = Field(description="Faults of its line by protocol, with what is left of them")


class KeyTurned(Moment):
    """What came of a turn of the key switch."""

    reset: bool | None = Field(
        description="Whether the peak demand is reset; null: it will be, if the key comes back in time"
    )
    reason: str = Field(description="Why it is not, or will not be; empty where nothing speaks against it")


class MeterList(Moment):
    """Meters, all at one tick."""

    meters: list[MeterView]


class Health(BaseModel):
    """The process is alive."""

    status: str


class Readiness(BaseModel):
    """Whether everything serves, and which part does."""

    status: Literal["ready", "not ready"]
    parts: dict[str, bool]


class Index(BaseModel):
    """Where to go from here."""

    name: str
    version: str
    links: dict[str, str]


class ProblemDetails(BaseModel):
    """An error (RFC 9457)."""

    type: str = Field(description="about:blank: `status` says what kind of problem it is")
    title: str
    status: int
    detail: str = Field(description="What is wrong, where, and what is allowed")
