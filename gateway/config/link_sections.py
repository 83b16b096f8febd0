"""The `link` of a meter, of a group of meters and of the gateway: the faults of their lines, and back.

What a fault does is decided by each protocol; which requests meet it, by `gateway.link_faults`.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict
from typing import Any, Final

from pydantic import Field

from gateway.clock import LONGEST_ADVANCE_S
from gateway.config.section import Section
from gateway.link_faults import (
    DEFAULT_DELAYS_S,
    MODES,
    BacnetMode,
    CommonMode,
    LinkFault,
    ModbusMode,
    MqttMode,
)

Faults = Mapping[str, LinkFault]
"""Faults of lines by protocol."""

_DELAYS: Final = ", ".join(f"{delay:g} with {mode}" for mode, delay in DEFAULT_DELAYS_S.items())


class FaultSection(Section):
    """A fault of the line, of a mode that every protocol has."""

    mode: CommonMode = Field(description="What is wrong; ok ends a fault, whatever else is said")
    exception: int = Field(default=0x0B, ge=1, le=255, description="Exception code of refuse")
    delay_s: float | None = Field(
        default=None,
        ge=0,
        le=3600,
        description=f"How late the answer is, with any mode, in wall time [s]; {_DELAYS} "
        "and 0 with the others unless given",
    )
    jitter_s: float = Field(
        default=0.0, ge=0, le=3600, description="Standard deviation of delay_s, which is then the mean [s]"
    )
    rate: float = Field(default=1.0, gt=0, le=1, description="The part of the requests that meets it")
    count: int | None = Field(
        default=None, ge=1, le=10**9, description="It ends after so many requests that met it"
    )
    for_s: float | None = Field(
        default=None, gt=0, le=LONGEST_ADVANCE_S, description="It ends after so much simulated time [s]"
    )


class ModbusFaultSection(FaultSection):
    """A fault of the line on Modbus."""

    mode: ModbusMode = Field(description="What is wrong; ok ends a fault, whatever else is said")  # type: ignore[assignment]  # it has more modes


class BacnetFaultSection(FaultSection):
    """A fault of the line on BACnet."""

    mode: BacnetMode = Field(description="What is wrong; ok ends a fault, whatever else is said")  # type: ignore[assignment]  # it has more modes
    exception: int | None = Field(  # type: ignore[assignment]  # what it is unless given depends on the mode
        default=None,
        ge=0,
        le=255,
        description="Code of error, else 25 (operational-problem); reason of reject and abort, else 0",
    )
    error_class: int = Field(default=0, ge=0, le=255, description="Class of error")
    offset_s: float = Field(
        default=3600.0,
        ge=-LONGEST_ADVANCE_S,
        le=LONGEST_ADVANCE_S,
        description="How far wrong_clock lets the clock go ahead [s]",
    )


class MqttFaultSection(FaultSection):
    """A fault of the line on MQTT."""

    mode: MqttMode = Field(description="What is wrong; ok ends a fault, whatever else is said")  # type: ignore[assignment]  # it has more modes


_MEANT: Final[Mapping[str, Mapping[str, Collection[str]]]] = {
    "modbus": {"exception": {"refuse"}},
    "bacnet": {
        "exception": {"error", "reject", "abort"},
        "error_class": {"error"},
        "offset_s": {"wrong_clock"},
    },
    "mqtt": {"exception": ()},
}
"""The keys that mean something with some modes alone, by protocol."""
_CODES: Final = {"error": 25, "reject": 0, "abort": 0}
"""`exception` where nobody says."""


class LinkSection(Section):
    """The faults of the line; an entry replaces the fault of its protocol."""

    modbus: ModbusFaultSection | None = Field(default=None, description="On Modbus, whatever `all` says")
    bacnet: BacnetFaultSection | None = Field(default=None, description="On BACnet, whatever `all` says")
    mqtt: MqttFaultSection | None = Field(default=None, description="On MQTT, whatever `all` says")
    all: FaultSection | None = Field(default=None, description="On every protocol with no entry of its own")


def faults_of(link: LinkSection) -> dict[str, LinkFault]:
    """Return the faults that a section sets, by protocol: none where it says null, only what it names."""
    given = link.model_fields_set
    named = {protocol: protocol if protocol in given else "all" for protocol in MODES}
    return {
        protocol: _fault(protocol, getattr(link, name)) for protocol, name in named.items() if name in given
    }


def faults_by_row(
    gateway: LinkSection, meters: Iterable[tuple[int, LinkSection]]
) -> dict[int | None, Faults]:
    """Return the faults at the start: of the port (None) and, by row, of `meters`, so many alike each."""
    found: dict[int | None, Faults] = {None: faults_of(gateway)}
    first = 0
    for count, link in meters:
        if faults := faults_of(link):
            found.update(dict.fromkeys(range(first, first + count), faults))
        first += count
    return found


def as_section(faults: Faults) -> dict[str, Any]:
    """Return faults as they can be set, each with what is left of its count and time."""
    return {protocol: _shown(protocol, fault) for protocol, fault in faults.items()}


def _fault(protocol: str, section: FaultSection | None) -> LinkFault:
    if section is None or section.mode == "ok":
        return LinkFault()
    values = section.model_dump(exclude=_meaningless(protocol, section.mode))
    if section.delay_s is None:
        values["delay_s"] = DEFAULT_DELAYS_S.get(section.mode, 0.0)
    if values.get("exception", 0) is None:
        values["exception"] = _CODES[section.mode]
    return LinkFault(**values)


def _shown(protocol: str, fault: LinkFault) -> dict[str, Any]:
    if fault.mode == "ok":
        return {"mode": "ok"}
    keys = {*FaultSection.model_fields, *_MEANT[protocol]} - _meaningless(protocol, fault.mode)
    values = {key: getattr(fault, key) for key in asdict(fault) if key in keys}
    return {key: value for key, value in values.items() if value is not None}


def _meaningless(protocol: str, mode: str) -> set[str]:
    """Return the keys that say nothing beside a mode."""
    return {key for key, modes in _MEANT[protocol].items() if mode not in modes}
