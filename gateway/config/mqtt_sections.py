"""The section of MQTT: what may stand in the file. What files and names say together is judged in `mqtt`."""

from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from gateway.config.listener_sections import Port
from gateway.config.section import SECRET, FileName, Section
from gateway.payloads import DEFAULT, Payload
from sims.points import PUBLISHED, Kind

_LONGEST_EXPIRY: Final = 2**32 - 1
_SCALARS: Final = frozenset(point.name for point in PUBLISHED if point.kind in {Kind.INSTANT, Kind.COUNTER})

_Level = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^+#/\x00-\x1f]+$")]
"""One level of a topic."""


class BrokerTlsSection(Section):
    """How a broker is known over TLS, and we to it."""

    ca: FileName | None = Field(
        default=None,
        description="CAs that vouch for the broker (PEM); without it the system's",
    )
    certificate: FileName | None = Field(default=None, description="A certificate of ours (PEM)")
    key: FileName | None = Field(default=None, description="Its private key, not encrypted (PEM)")
    check_host: bool = Field(
        default=True, description="Whether the certificate has to name the host of the URL"
    )

    @model_validator(mode="after")
    def _both(self) -> "BrokerTlsSection":
        if (self.certificate is None) != (self.key is None):
            raise ValueError("one of certificate and key is missing; allowed: both or neither")
        return self


class HomeAssistantSection(Section):
    """Home Assistant's discovery."""

    prefix: str = Field(
        default="homeassistant", pattern=r"^[^+#\x00-\x1f]+$", description="Where it looks for devices"
    )


class SparkplugSection(Section):
    """Sparkplug B."""

    group: _Level = Field(default="metergate", description="Group id")
    node: _Level | None = Field(default=None, description="Edge node id; without it the gateway's id")


class HomieSection(Section):
    """Homie 5."""

    domain: str = Field(
        default="homie",
        pattern=r"^[a-z0-9-]{1,128}$",
        examples=["site-b"],
        description="First level of its topics",
    )


class MqttSection(Section):
    """MQTT."""

    enabled: bool = Field(default=True, description="Whether it is served")
    url: str | None = Field(
        default=None,
        examples=["mqtt://broker:1883", "mqtts://broker", "wss://broker/mqtt"],
        json_schema_extra=SECRET,
        description="A broker of your own; without it one comes along",
    )
    port: Port = Field(
        default=1883, description="TCP port of the broker that comes along; 0 takes a free one"
    )
    version: Literal["3.1.1", "5"] = Field(default="3.1.1", description="Version of MQTT, in quotes")
    client_id: str | None = Field(
        default=None,
        min_length=1,
        max_length=128,
        description="Client id, to which sparkplug and homie add theirs; without it prefix and gateway.id",
    )
    username: str | None = Field(default=None, min_length=1, description="User, where the URL names none")
    username_env: str | None = Field(default=None, min_length=1, description="Variable that has the user")
    username_file: FileName | None = Field(default=None, description="File that has the user")
    password: str | None = Field(
        default=None, min_length=1, json_schema_extra=SECRET, description="Password, likewise"
    )
    password_env: str | None = Field(default=None, min_length=1, description="Variable that has the password")
    password_file: FileName | None = Field(default=None, description="File that has the password")
    tls: BrokerTlsSection | None = Field(default=None, description="For URLs of mqtts and wss")
    prefix: str = Field(default="metergate", min_length=1, description="First level of every plain topic")
    publish_s: float = Field(
        default=1.0, ge=0.05, le=86_400, description="Time between two states of a meter [s]"
    )
    payload: list[Payload] = Field(default=list(DEFAULT), min_length=1, description="What is published")
    qos: Literal[0, 1] = Field(default=0, description="QoS of states and scalars")
    retain: bool = Field(default=True, description="Whether states and scalars are retained")
    expiry_s: int | None = Field(
        default=None,
        ge=1,
        le=_LONGEST_EXPIRY,
        description="For how long a broker keeps states and scalars [s]; needs version 5",
    )
    deadband: dict[Literal[tuple(sorted(_SCALARS))], Annotated[float, Field(ge=0)]] = Field(  # type: ignore[valid-type]  # names as data
        default={},
        examples=[{"active_power": 0.05}],
        description="By how much a point has to change before its scalar goes out, in its unit; else 0",
    )
    commands: bool = Field(default=True, description="Whether commands are obeyed, in all conventions")
    backlog: int = Field(
        default=100_000,
        ge=100,
        le=10_000_000,
        description="Most events and intervals that wait for a broker; then the oldest are given up",
    )
    homeassistant: HomeAssistantSection = HomeAssistantSection()
    sparkplug: SparkplugSection = SparkplugSection()
    homie: HomieSection = HomieSection()
