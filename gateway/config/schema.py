"""The configuration file, section by section, as pydantic models: the published JSON Schema is made of them.

A value on its own is judged here; what depends on a model of meter or on another file is judged elsewhere in
this folder.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from gateway.addressing import HIGHEST_INSTANCE
from gateway.clock import END, FASTEST, ClockMode
from gateway.config.bacnet_sections import BbmdSection, ForeignSection
from gateway.config.link_sections import LinkSection
from gateway.config.listener_sections import GivenListener, Port
from gateway.config.meter_sections import MeterSection
from gateway.config.mqtt_sections import MqttSection
from gateway.config.section import SECRET, FileName, Section
from sims.points import NS_PER_S

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SHORTEST_TOKEN: Final = 16
_LONGEST_PASSWORD: Final = 20


def _instant(text: object) -> int:
    """Return an ISO 8601 time, UTC unless it says otherwise, as [ns since 1970 UTC]."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        moment = datetime.max.replace(tzinfo=UTC)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    instant = (moment - _EPOCH) // timedelta(microseconds=1) * 1000
    if not 0 <= instant < END:
        raise ValueError(
            f"{text!r} is not allowed; allowed: ISO 8601 like 2026-01-05T00:00:00Z, from 1970 to 2099"
        )
    return instant


def _whole_ns(seconds: float) -> float:
    if Decimal(str(seconds)) * NS_PER_S % 1:
        raise ValueError(f"{seconds} is not allowed; allowed: whole nanoseconds")
    return seconds


def _token(token: str) -> str:
    # Said here, because what pydantic says of a value quotes it.
    if len(token) < _SHORTEST_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError(f"allowed: {_SHORTEST_TOKEN} or more printable ASCII characters without spaces")
    return token


def _password(password: str) -> str:
    # Said here, for the same reason.
    if not 1 <= len(password) <= _LONGEST_PASSWORD or not password.isprintable():
        raise ValueError(f"allowed: 1 to {_LONGEST_PASSWORD} printable characters")
    return password


Instant = Annotated[
    int,
    BeforeValidator(_instant),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="validation"),
]


class GatewaySection(Section):
    """What the gateway is called."""

    id: str = Field(
        default="metergate",
        pattern=r"^[A-Za-z0-9_.-]{1,64}$",
        examples=["plant-a"],
        description="Its id, in topics and names",
    )
    name: str = Field(default="", max_length=64, description="Its name in words; without it the id")
    host: str = Field(
        default="127.0.0.1",
        pattern=r"^[^\s/]+$",
        examples=["192.168.1.20"],
        description="Address on which Modbus TCP and HTTP are served, and BACnet/IP unless its section "
        "says otherwise",
    )
    seed: int = Field(default=0, ge=0, le=2**63 - 1, description="What everything random is drawn from")
    link: LinkSection = LinkSection()


class ClockSection(Section):
    """How simulated time goes."""

    mode: ClockMode = Field(
        default="real", description="real: by the wall clock; manual: by calls of the HTTP API alone"
    )
    start: Instant | None = Field(
        default=None,
        description="Where simulated time starts, UTC unless it says otherwise; real: now, manual: "
        "2026-01-05T00:00:00Z",
    )
    speed: float = Field(
        default=1.0, gt=0, le=FASTEST, description="Simulated seconds in a second of a real clock"
    )
    tick_s: Annotated[float, AfterValidator(_whole_ns)] = Field(
        default=1.0, ge=0.05, le=3600, description="Time between two ticks of a real clock [s]"
    )


class ModbusSection(Section):
    """Modbus."""

    enabled: bool = Field(default=True, description="Whether it is served")
    port: Port = Field(
        default=5020, description="First TCP port, one for every 247 meters; 0 takes free ones"
    )
    maps: list[FileName] = Field(
        default=["native", "sunspec"],
        min_length=1,
        description="Register maps that every unit serves: names, or files of your own (.yaml)",
    )
    tcp: bool = Field(default=True, description="Whether Modbus TCP is served at the section's own port")
    listeners: list[GivenListener] = Field(default=[], description="Further ways in, to the same meters")
    connections: int = Field(
        default=512, ge=1, le=10_000, description="Most connections at once, those of all listeners together"
    )
    idle_s: float = Field(
        default=0.0, ge=0, le=86_400, description="After how long an idle connection is closed; 0: never [s]"
    )


class BacnetSection(Section):
    """BACnet/IP."""

    enabled: bool = Field(default=True, description="Whether it is served")
    address: str | None = Field(
        default=None,
        examples=["192.168.1.20/24"],
        description="IPv4 address and length of its network; without it the host, /8 on the loopback and "
        "/24 elsewhere",
    )
    port: Port = Field(default=47808, description="UDP port; 0 takes a free one")
    device_instance: int = Field(
        default=100_000,
        ge=0,
        le=HIGHEST_INSTANCE,
        description="Device instance of the gateway; meter n has this plus n, unless topology is flat",
    )
    network: int = Field(
        default=1000, ge=1, le=65_534, description="Number of the virtual network of the meters"
    )
    topology: Literal["virtual", "flat", "addresses", "ports"] = Field(
        default="virtual",
        description="How meters are reached: on a virtual network behind the gateway device, as objects of "
        "that device, at an IP address each, or meter n at UDP port `port` + n",
    )
    meters_from: str | list[str] | None = Field(
        default=None,
        examples=["192.168.1.101"],
        description="Addresses of the meters where each has its own: the first one, or a list; without it "
        "from 127.0.1.1 on, on the loopback alone",
    )
    own_network: int | None = Field(
        default=None,
        ge=1,
        le=65_534,
        description="Number of the BACnet/IP network that the gateway is on, told to those who ask",
    )
    bbmd: BbmdSection | None = Field(
        default=None, description="Makes the gateway a BBMD, which takes broadcasts from subnet to subnet"
    )
    foreign: ForeignSection | None = Field(
        default=None, description="Makes the gateway a foreign device at a BBMD of another subnet"
    )
    password: Annotated[str, AfterValidator(_password)] | None = Field(
        default=None,
        json_schema_extra=SECRET,
        description="What DeviceCommunicationControl and ReinitializeDevice must bear; else anybody may",
    )


class HttpSection(Section):
    """HTTP."""

    enabled: bool = Field(default=True, description="Whether it is served")
    port: Port = Field(default=8080, description="TCP port; 0 takes a free one")
    token: Annotated[str, AfterValidator(_token)] | None = Field(
        default=None,
        json_schema_extra=SECRET,
        description="What changes off the loopback must bear; METERGATE_TOKEN goes before it, and without "
        "either one is made up",
    )


class ConfigFile(Section):
    """Configuration of metergate."""

    gateway: GatewaySection = GatewaySection()
    clock: ClockSection = ClockSection()
    modbus: ModbusSection = ModbusSection()
    bacnet: BacnetSection = BacnetSection()
    mqtt: MqttSection = MqttSection()
    http: HttpSection = HttpSection()
    state: FileName | None = Field(
        default=None,
        min_length=1,
        description="Directory in which energy, peaks and the clock are kept over a restart",
    )
    meters: list[MeterSection] = Field(default=[], description="The meters, numbered in this order from 1")


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of the configuration file."""
    schema = ConfigFile.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
