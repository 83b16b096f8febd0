"""The listeners of Modbus as settings: maps, files and meters that go with them, and what they would bind.

Nothing is bound or opened here but the files of certificates, which are read to say what is wrong with them.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from gateway.addressing import UNITS_PER_PORT
from gateway.config.document import Place
from gateway.config.listener_sections import (
    ListenerSection,
    NetworkListenerSection,
    SerialListenerSection,
    TlsListenerSection,
)
from gateway.config.report import Report, key_at
from gateway.config.schema import ModbusSection
from gateway.tls_files import TlsFileError, server_context
from gateway.transports import Listener, NetworkListener, SerialListener, TlsListener
from register_maps.errors import RegisterMapError
from register_maps.loader import SUFFIX, check_together, load
from register_maps.model import RegisterMap, Serves, units_of

_SECTION: Final = ("modbus",)
_DATA_BITS: Final = {"rtu": 8, "ascii": 7}


class Listeners:
    """The listeners of a section, for so many `meters`; what is wrong goes into `report`.

    Once they are built, `pulse_hubs` says whether some of them serve pulse hubs.
    """

    def __init__(self, section: ModbusSection, meters: int, folder: Path, report: Report) -> None:
        self._section = section
        self._meters = meters
        self._folder = folder
        self._report = report
        self._places: dict[Path, Place] = {}
        self._meters_of_a_unit: dict[tuple[str, ...], int] = {}
        self.pulse_hubs = False

    def build(self) -> tuple[Listener, ...]:
        """Return the settings of all listeners, that of the section itself first."""
        maps = self._maps(self._section.maps, _SECTION)
        made = list[Listener]()
        if self._section.tcp:
            made.append(NetworkListener("tcp", self._section.port, maps, "--modbus-port"))
        for index, section in enumerate(self._section.listeners):
            place = (*_SECTION, "listeners", index)
            own = maps if section.maps is None else self._maps(section.maps, place)
            if listener := self._listener(section, own, place):
                made.append(listener)
        if not self._section.tcp and not self._section.listeners:
            self._report.add(
                _SECTION, "tcp is off and there are no listeners; allowed: one of both, or enabled: false"
            )
        return tuple(made)

    def _maps(self, given: Sequence[str], place: Place) -> tuple[str, ...]:
        place = (*place, "maps")
        maps = tuple(str(self._folder / name) if name.endswith(SUFFIX) else name for name in given)
        if len(set(given)) < len(given):
            self._report.add(place, "a map is given twice; allowed: each once")
            return maps
        if loaded := self._loaded(maps, place):
            units = units_of(loaded)
            self.pulse_hubs |= units is Serves.HUB
            self._meters_of_a_unit[maps] = units.meters
        return maps

    def _loaded(self, maps: Sequence[str], place: Place) -> Sequence[RegisterMap]:
        """Return the maps if all are right and go together; report everything that is wrong with them."""
        loaded, wrong = list[RegisterMap](), list[str]()
        for name in maps:
            try:
                loaded.append(load(name))
            except RegisterMapError as error:
                wrong += str(error).splitlines()
        try:
            check_together(loaded)
        except RegisterMapError as error:
            wrong += str(error).splitlines()
        for line in wrong:
            self._report.add(place, line)
        return [] if wrong else loaded

    def _listener(self, section: ListenerSection, maps: tuple[str, ...], place: Place) -> Listener | None:
        match section:
            case NetworkListenerSection():
                return NetworkListener(section.transport, section.port, maps, f"{key_at(place)}.port")
            case TlsListenerSection():
                return self._tls(section, maps, place)
            case SerialListenerSection():
                return self._serial(section, maps, place)

    def _tls(self, section: TlsListenerSection, maps: tuple[str, ...], place: Place) -> TlsListener | None:
        """Return the settings of a listener for TLS, None where its files are wrong."""
        files = {key: self._folder / getattr(section, key) for key in ("certificate", "key", "client_ca")}
        try:
            context = server_context(**files)
        except TlsFileError as error:
            self._report.add((*place, error.key), str(error))
            return None
        return TlsListener(
            section.port, maps, f"{key_at(place)}.port", context=context, operators=tuple(section.operators)
        )

    def _serial(self, section: SerialListenerSection, maps: tuple[str, ...], place: Place) -> SerialListener:
        file = self._line_at(section, place)
        return SerialListener(
            transport=section.transport,
            device=file if section.device else None,
            pty=file if section.pty else None,
            baud=section.baud,
            data_bits=section.data_bits or _DATA_BITS[section.transport],
            parity=section.parity,
            stop_bits=section.stop_bits or (2 if section.parity == "none" else 1),
            first_meter=section.first_meter,
            units=self._units(section, maps, place),
            maps=maps,
            option=key_at(place),
        )

    def _units(self, section: SerialListenerSection, maps: tuple[str, ...], place: Place) -> int:
        """Return how many units are on a serial line: meters, or the pulse hubs that they need."""
        each = self._meters_of_a_unit.get(maps, 1)
        left = -(-self._meters // each) - (section.first_meter - 1) // each
        if section.first_meter > self._meters:
            message = f"there is no meter {section.first_meter}; allowed: up to {self._meters}"
            self._report.add((*place, "first_meter"), message)
        elif section.units and section.units > left:
            words = "meters" if each == 1 else "pulse hubs"
            message = f"{section.units} are too many; allowed: up to {left}, the {words} left"
            self._report.add((*place, "units"), message)
        return section.units or min(left, UNITS_PER_PORT)

    def _line_at(self, section: SerialListenerSection, place: Place) -> Path:
        """Return the file of a serial line, which no other one has."""
        key = "device" if section.device else "pty"
        file = self._folder / str(section.device or section.pty)
        if file in self._places:
            other = key_at(self._places[file])
            self._report.add((*place, key), f"{file} is also that of {other}; allowed: different ones")
        self._places.setdefault(file, place)
        if section.pty and file.exists() and not file.is_symlink():
            message = f"{file} is there already; allowed: a new file, or a link that leads nowhere"
            self._report.add((*place, key), message)
        return file


def bound(section: ModbusSection) -> Iterator[tuple[Place, str, int, bool]]:
    """Yield what is to be bound: its place, udp or tcp, the first port, and whether somebody chose it."""
    if section.tcp:
        yield (*_SECTION, "port"), "tcp", section.port, "port" in section.model_fields_set
    for index, each in enumerate(section.listeners):
        if not isinstance(each, SerialListenerSection):
            kind = "udp" if each.transport == "udp" else "tcp"
            yield (*_SECTION, "listeners", index, "port"), kind, each.port, True
