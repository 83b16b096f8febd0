"""The settings of each service, from its section and what the sections say together.

Nothing is bound here; a port that another program has is found out when it is bound.
"""

from collections.abc import Iterator
from ipaddress import AddressValueError, IPv4Address, IPv4Interface, NetmaskValueError
from pathlib import Path
from typing import Final, NamedTuple

from gateway.addressing import HIGHEST_INSTANCE, HIGHEST_PORT, modbus_ports, topic_root
from gateway.broker_address import BrokerAddress
from gateway.config.report import LATER, NOT_YET, Report
from gateway.config.schema import ConfigFile
from gateway.config.settings import BacnetSettings, HttpSettings, ModbusSettings, MqttSettings
from gateway.errors import ConfigError
from register_maps.errors import RegisterMapError
from register_maps.loader import SUFFIX, check_together, load, names

_LOCALHOST: Final = "127.0.0.1"


class _Ports(NamedTuple):
    """TCP ports that a service will bind; `given` tells those that somebody chose from the usual ones."""

    service: str
    first: int
    number: int
    given: bool

    @property
    def last(self) -> int:
        return self.first + self.number - 1

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
        """Return the settings of Modbus TCP, None where it is off."""
        section = self._sections.modbus
        if not section.enabled:
            return None
        if len(set(section.maps)) < len(section.maps):
            self._report.add(("modbus", "maps"), "a map is given twice; allowed: each once")
            return None
        maps = tuple(str(self._folder / name) if name.endswith(SUFFIX) else name for name in section.maps)
        for name in LATER.intersection(maps):
            self._report.add(("modbus", "maps"), f"{name!r} {NOT_YET}; allowed: {', '.join(names())}")
        try:
            check_together([load(name) for name in maps if name not in LATER])
        except RegisterMapError as error:
            for line in str(error).splitlines():
                self._report.add(("modbus", "maps"), line)
        return ModbusSettings(self._sections.gateway.host, section.port, maps)

    def bacnet(self) -> BacnetSettings | None:
        """Return the settings of BACnet/IP, None where it is off."""
        section = self._sections.bacnet
        if not section.enabled:
            return None
        if section.device_instance + self._meters > HIGHEST_INSTANCE:
            message = (
                f"with {self._meters} meters after it {section.device_instance} is too high; "
                f"allowed: up to {HIGHEST_INSTANCE - self._meters}"
            )
            self._report.add(("bacnet", "device_instance"), message)
        return BacnetSettings(self._interface(), section.port, section.device_instance, section.network)

    def mqtt(self) -> MqttSettings | None:
        """Return the settings of MQTT, None where it is off."""
        section, gateway = self._sections.mqtt, self._sections.gateway
        if not section.enabled:
            return None
        try:
            topic_root(section.prefix, gateway.id)
            if section.url is not None:
                BrokerAddress.parse(section.url)
        except ConfigError as error:
            self._report.add(error.key.split("."), error.message)
        return MqttSettings(section.url, gateway.host, section.port, section.prefix, section.publish_s)

    def http(self) -> HttpSettings | None:
        """Return the settings of HTTP, None where it is off."""
        section = self._sections.http
        return (
            HttpSettings(self._sections.gateway.host, section.port, section.token)
            if section.enabled
            else None
        )

    def _interface(self) -> str:
        """Return the address of BACnet/IP with the length of its network."""
        given, host = self._sections.bacnet.address, self._sections.gateway.host
        try:
            if given is not None and "/" in given:
                return str(IPv4Interface(given))
            own = IPv4Address(given or (_LOCALHOST if host == "localhost" else host))
        except (AddressValueError, NetmaskValueError, ValueError):
            message = (
                f"{given or host!r} is no IPv4 address, as BACnet/IP needs; allowed: one like 192.168.1.20/24"
            )
            self._report.add(("bacnet", "address") if given else ("gateway", "host"), message)
            return host
        return f"{own}/{8 if own.is_loopback else 0 if own.is_unspecified else 24}"

    def _check_ports(self) -> None:
        """Note ports past the last one, and ports that two services would bind."""
        taken: list[_Ports] = []
        for ports in self._bound():
            if ports.last > HIGHEST_PORT:
                highest = HIGHEST_PORT - ports.number + 1
                message = f"{self._meters} meters need the ports {ports}; allowed: up to {highest}"
                self._report.add((ports.service, "port"), message)
            for other in taken:
                if ports.first <= other.last and other.first <= ports.last:
                    chosen, rival = (ports, other) if ports.given else (other, ports)
                    message = (
                        f"{chosen} is also the port of {rival.service}, {rival}; allowed: different ports"
                    )
                    self._report.add((chosen.service, "port"), message)
            taken.append(ports)

    def _bound(self) -> Iterator[_Ports]:
        modbus, mqtt, http = self._sections.modbus, self._sections.mqtt, self._sections.http
        sections = (
            ("modbus", modbus, modbus_ports(self._meters)),
            ("mqtt", mqtt, 0 if mqtt.url else 1),
            ("http", http, 1),
        )
        for service, section, count in sections:
            if section.enabled and section.port and count:
                yield _Ports(service, section.port, count, "port" in section.model_fields_set)
