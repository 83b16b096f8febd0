"""The listeners of Modbus: what may stand in the file for each transport.

What files, meters and ports say together is judged in `listeners`.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from gateway.addressing import HIGHEST_PORT, UNITS_PER_PORT
from gateway.config.section import FileName, Section

Port = Annotated[int, Field(ge=0, le=HIGHEST_PORT)]

_PORT: Final = "First port, one for every 247 meters; 0 takes free ones"
_MAPS: Final = "Register maps that are served there; without it those of the section"
_SEVEN_BITS: Final = 7


class _ListenerSection(Section):
    maps: list[FileName] | None = Field(default=None, min_length=1, description=_MAPS)


class NetworkListenerSection(_ListenerSection):
    """Modbus over TCP or UDP."""

    transport: Literal["tcp", "rtu-over-tcp", "udp"] = Field(description="How frames travel")
    port: Port = Field(description=_PORT)


class TlsListenerSection(_ListenerSection):
    """Modbus/TCP Security: TLS, with certificates of the clients."""

    transport: Literal["tls"] = Field(description="How frames travel")
    port: Port = Field(description=_PORT)
    certificate: FileName = Field(
        description="The gateway's certificate and those between it and its CA (PEM)"
    )
    key: FileName = Field(description="The gateway's private key, not encrypted (PEM)")
    client_ca: FileName = Field(description="Certificates of the CAs that vouch for clients (PEM)")
    operators: list[str] = Field(
        default=["operator"], description="Roles that may write; any other role, and none, may read only"
    )


class SerialListenerSection(_ListenerSection):
    """A serial line: a device, or a pseudo-terminal that is made."""

    transport: Literal["rtu", "ascii"] = Field(description="How frames travel")
    device: FileName | None = Field(
        default=None, examples=["/dev/ttyUSB0"], description="A serial port of this machine"
    )
    pty: FileName | None = Field(
        default=None, examples=["meters.tty"], description="Where a pseudo-terminal is to be found"
    )
    baud: int = Field(default=19_200, ge=300, le=4_000_000, description="Bits a second")
    parity: Literal["even", "odd", "none"] = Field(default="even", description="Parity of characters")
    stop_bits: int | None = Field(
        default=None, ge=1, le=2, description="Stop bits; without it 1, or 2 where there is no parity"
    )
    data_bits: int | None = Field(
        default=None, ge=7, le=8, description="Bits of a character: 8 for rtu; 7 for ascii unless given"
    )
    first_meter: int = Field(
        default=1, ge=1, description="Number of the meter that is unit 1, or whose pulse hub is"
    )
    units: int | None = Field(
        default=None,
        ge=1,
        le=UNITS_PER_PORT,
        description="How many units; without it all that are left, up to 247",
    )

    @model_validator(mode="after")
    def _one_place(self) -> "SerialListenerSection":
        if (self.device is None) == (self.pty is None):
            raise ValueError("needs a place; allowed: one of device and pty")
        if self.transport == "rtu" and self.data_bits == _SEVEN_BITS:
            raise ValueError("7 data bits are not for rtu; allowed: 8")
        return self


_KINDS: Final = {
    **dict.fromkeys(("tcp", "rtu-over-tcp", "udp"), NetworkListenerSection),
    "tls": TlsListenerSection,
    **dict.fromkeys(("rtu", "ascii"), SerialListenerSection),
}


def _kind(value: Any) -> str | None:
    """Return the section that `value` is meant to be."""
    transport = value.get("transport") if isinstance(value, dict) else getattr(value, "transport", None)
    kind = _KINDS.get(str(transport))
    return kind.__name__ if kind else None


def _known(value: Any) -> Any:
    """Refuse an entry whose transport is missing or unknown."""
    if isinstance(value, dict) and _kind(value) is None:
        given = (
            f"transport {value['transport']!r} is not allowed" if "transport" in value else "has no transport"
        )
        raise ValueError(f"{given}; allowed: {', '.join(_KINDS)}")
    return value


ListenerSection = NetworkListenerSection | TlsListenerSection | SerialListenerSection
GivenListener = Annotated[
    Annotated[NetworkListenerSection, Tag("NetworkListenerSection")]
    | Annotated[TlsListenerSection, Tag("TlsListenerSection")]
    | Annotated[SerialListenerSection, Tag("SerialListenerSection")],
    Discriminator(_kind),
    BeforeValidator(_known),
    Field(description=f"a mapping with transport: {', '.join(_KINDS)}"),
]
