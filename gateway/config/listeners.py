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
from gateway.transports import Listener, NetworkListener, SerialListener, TlsListener
from register_maps.errors import RegisterMapError
from register_maps.loader import SUFFIX, check_together, load
from register_maps.model import Serves

_SECTION: Final = ("modbus",)
_DATA_BITS: Final = {"rtu": 8, "ascii": 7}


class Listeners:
    """The listeners of a section, for so many `meters`; what is wrong goes into `report`.

    Once they are built, `hubs` says whether some of them serve pulse hubs.
    """

    def __init__(self, section: ModbusSection, meters: int, folder: Path, report: Report) -> None:
        self._section = section
        self._meters = meters
        self._folder = folder
        self._report = report
        self._places: dict[Path, Place] = {}
        self.hubs = False

    def build(self) -> tuple[Listener, ...]:
        """Return the settings of all listeners, that of the section itself first."""
        maps = self._maps(self._section.maps, _SECTION)
        made = list[Listener]()
        if self._section.tcp:
            made.append(NetworkListener("tcp", self._section.port, maps, "--modbus-port"))
        for index, section in enumerate(self._section.listeners):
            place = (*_SECTION, "listeners", index)
            own = maps if section.maps is None else self._maps(section.maps, place)
            made.append(self._listener(section, own, place))
        if not made:
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
        try:
            loaded = [load(name) for name in maps]
            check_together(loaded)
            self.hubs |= any(each.serves is Serves.HUB for each in loaded)
        except RegisterMapError as error:
            for line in str(error).splitlines():
                self._report.add(place, line)
        return maps

    def _listener(self, section: ListenerSection, maps: tuple[str, ...], place: Place) -> Listener:
        match section:
            case NetworkListenerSection():
                return NetworkListener(section.transport, section.port, maps, f"{key_at(place)}.port")
            case TlsListenerSection():
                return self._tls(section, maps, place)
            case SerialListenerSection():
                return self._serial(section, maps, place)

    def _tls(self, section: TlsListenerSection, maps: tuple[str, ...], place: Place) -> TlsListener:
        from gateway.modbus.security import TlsFileError, server_context  # noqa: PLC0415  seldom needed

        files = {key: self._folder / getattr(section, key) for key in ("certificate", "key", "client_ca")}
        try:
            server_context(**files)
        except TlsFileError as error:
            self._report.add((*place, error.key), str(error))
        option, operators = f"{key_at(place)}.port", tuple(section.operators)
        return TlsListener(section.port, maps, option, operators=operators, **files)

    def _serial(self, section: SerialListenerSection, maps: tuple[str, ...], place: Place) -> SerialListener:
        left = self._meters - section.first_meter + 1
        units = min(left, UNITS_PER_PORT) if section.units is None else section.units
        if left < 1:
            message = f"there is no meter {section.first_meter}; allowed: up to {self._meters}"
            self._report.add((*place, "first_meter"), message)
        elif units > left:
            self._report.add(
                (*place, "units"), f"{units} are too many; allowed: up to {left}, the meters left"
            )
        key = "device" if section.device else "pty"
        file = self._folder / str(section.device or section.pty)
        if other := self._places.setdefault(file, place) is not place and self._places[file]:
            self._report.add(
                (*place, key), f"{file} is also that of {key_at(other)}; allowed: different ones"
            )
        if section.pty and file.exists() and not file.is_symlink():
            self._report.add(
                (*place, key), f"{file} is there already; allowed: a new file, or a link to replace"
            )
        return SerialListener(
            transport=section.transport,
            device=file if section.device else None,
            pty=file if section.pty else None,
            baud=section.baud,
            data_bits=section.data_bits or _DATA_BITS[section.transport],
            parity=section.parity,
            stop_bits=section.stop_bits or (2 if section.parity == "none" else 1),
            first_meter=section.first_meter,
            units=units,
            maps=maps,
            option=key_at(place),
        )


def bound(section: ModbusSection) -> Iterator[tuple[Place, str, int, bool]]:
    """Yield what is to be bound: its place, udp or tcp, the first port, and whether somebody chose it."""
    if section.tcp:
        yield (*_SECTION, "port"), "tcp", section.port, "port" in section.model_fields_set
    for index, each in enumerate(section.listeners):
        if not isinstance(each, SerialListenerSection):
            kind = "udp" if each.transport == "udp" else "tcp"
            yield (*_SECTION, "listeners", index, "port"), kind, each.port, True
