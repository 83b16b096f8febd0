"""The settings of each service, from its section and what the sections say together.

Nothing is bound here; a port that another program has is found out when it is bound.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, get_args

from gateway.addressing import HIGHEST_PORT, modbus_ports
from gateway.config.bacnet import BacnetChecker
from gateway.config.document import Place
from gateway.config.listeners import Listeners, bound
from gateway.config.mqtt import MqttChecker
from gateway.config.report import Report, key_at
from gateway.config.schema import ConfigFile
from gateway.config.settings import (
    BacnetSettings,
    HttpSettings,
    JournalSettings,
    ModbusSettings,
    MqttSettings,
)
from gateway.journal import Kind


class _Ports(NamedTuple):
    """Ports that somebody will bind; `given` tells those that somebody chose from the usual ones."""

    place: Place
    kind: str
    first: int
    number: int
    given: bool

    @property
    def last(self) -> int:
        return self.first + self.number - 1

    @property
    def owner(self) -> str:
        """Whose they are, as a message names it."""
        return key_at(self.place[:-1])

    def clash(self, other: "_Ports") -> bool:
        """Return whether both would bind the same port."""
        return self.kind == other.kind and self.first <= other.last and other.first <= self.last

    def __str__(self) -> str:
        return str(self.first) if self.number == 1 else f"{self.first} to {self.last}"


class Services:
    """The settings of the services of `sections` for so many `meters`; what is wrong goes into `report`."""

    def __init__(self, sections: ConfigFile, meters: int, folder: Path, report: Report) -> None:
        self._sections = sections
        self._meters = meters
        self._folder = folder
        self._report = report
        self._check_ports()
        on = (sections.modbus, sections.bacnet, sections.mqtt, sections.http)
        if not any(section.enabled for section in on):
            report.add((), "nothing is served; allowed: at least one of modbus, bacnet, mqtt and http")

    def modbus(self) -> ModbusSettings | None:
        """Return the settings of Modbus, None where it is off."""
        section = self._sections.modbus
        if not section.enabled:
            return None
        listeners = Listeners(section, self._meters, self._folder, self._report)
        return ModbusSettings(
            host=self._sections.gateway.host,
            listeners=listeners.build(),
            connections=section.connections,
            idle_s=section.idle_s,
            pulse_hubs=listeners.pulse_hubs,
        )

    def bacnet(self) -> BacnetSettings | None:
        """Return the settings of BACnet/IP, None where it is off."""
        sections = self._sections
        if not sections.bacnet.enabled:
            return None
        return BacnetChecker(sections.bacnet, sections.gateway.host, self._meters, self._report).settings()

    def mqtt(self) -> MqttSettings | None:
        """Return the settings of MQTT, None where it is off."""
        section, gateway = self._sections.mqtt, self._sections.gateway
        if not section.enabled:
            return None
        return MqttChecker(section, gateway.id, gateway.host, self._folder, self._report).settings()

    def http(self) -> HttpSettings | None:
        """Return the settings of HTTP, None where it is off."""
        section = self._sections.http
        return (
            HttpSettings(self._sections.gateway.host, section.port, section.token)
            if section.enabled
            else None
        )

    def journal(self) -> JournalSettings:
        """Return what is recorded for MQTT to tell."""
        section = self._sections.mqtt
        told = section.payload if section.enabled else ()
        return JournalSettings(kinds=frozenset(get_args(Kind)).intersection(told), most=section.backlog)

    def _check_ports(self) -> None:
        """Note ports past the last one, and ports that two services would bind."""
        taken: list[_Ports] = []
        for ports in self._bound():
            if ports.last > HIGHEST_PORT:
                highest = HIGHEST_PORT - ports.number + 1
                message = f"{self._meters} meters need the ports {ports}; allowed: up to {highest}"
                self._report.add(ports.place, message)
            for other in taken:
                if ports.clash(other):
                    chosen, rival = (ports, other) if ports.given else (other, ports)
                    message = f"{chosen} is also the port of {rival.owner}, {rival}; allowed: different ports"
                    self._report.add(chosen.place, message)
            taken.append(ports)

    def _bound(self) -> Iterator[_Ports]:
        modbus, bacnet = self._sections.modbus, self._sections.bacnet
        mqtt, http = self._sections.mqtt, self._sections.http
        if modbus.enabled:
            for place, kind, port, given in bound(modbus):
                if port and self._meters:
                    yield _Ports(place, kind, port, modbus_ports(self._meters), given)
        sections = (
            ("bacnet", bacnet, "udp", 1 + self._meters if bacnet.topology == "ports" else 1),
            ("mqtt", None if mqtt.url else mqtt, "tcp", 1),
            ("http", http, "tcp", 1),
        )
        for service, section, kind, count in sections:
            if section and section.enabled and section.port:
                yield _Ports((service, "port"), kind, section.port, count, "port" in section.model_fields_set)
