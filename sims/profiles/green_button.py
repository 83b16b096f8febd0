"""Readings from Green Button files: the Atom feed of NAESB ESPI (REQ.21), http://naesb.org/espi.

Pure bytes to readings; order, duplicates, overlaps and gaps are the business of `series`. A file with a
document type definition is refused, so no entity of its own is ever expanded.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

from sims.points import nanoseconds
from sims.profiles.base import LoadError
from sims.profiles.series import IntervalSeries, Reading, in_order, lay_out, parse_decimal

_ATOM: Final = "http://www.w3.org/2005/Atom"
_ESPI: Final = "http://naesb.org/espi"
_UNITS: Final = {"72": "Wh", "38": "W"}
"""ESPI UnitSymbolKind, as far as it is active energy or power."""
_FLOWS: Final = {"": "not given", "0": "none", "1": "delivered", "4": "net", "19": "received"}
"""ESPI FlowDirectionKind, as far as meters of premises have it."""
_RUNNING_TOTALS: Final = ("1", "2", "3", "9")
"""ESPI AccumulationKind: values that count on from one reading to the next."""
_METER_READING: Final = f"{_ESPI} MeterReading"
_READING_TYPE: Final = f"{_ESPI} ReadingType"
_INTERVAL_READING: Final = f"{_ESPI} IntervalReading"
_TIME_PERIOD: Final = f"{_ESPI} timePeriod"
_EXPONENT: Final = re.compile(r"[+-]?\d{1,3}", re.ASCII)
_GREATEST_EXPONENT: Final = 12


@dataclass(slots=True)
class _Entry:
    """One Atom entry: what it links to, and what of ESPI is in it, as it is written."""

    line: int
    links: dict[str, set[str]] = field(default_factory=lambda: {"self": set(), "up": set(), "related": set()})
    is_meter_reading: bool = False
    reading_type: dict[str, str] | None = None
    readings: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """The line of each IntervalReading and the text of what is in it."""


class _Feed:
    """The entries of a feed, collected while the parser goes through it."""

    def __init__(self, name: str) -> None:
        self.entries = [_Entry(1)]
        self._name = name
        self._path: list[str] = []
        self._text: list[str] = []
        self._parser = parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text.append

    def read(self, data: bytes) -> None:
        """Go through the whole file; raises LoadError where it is not well-formed."""
        try:
            self._parser.Parse(data, True)
        except expat.ExpatError as error:
            message = f"damaged or cut off: {expat.ErrorString(error.code)}"
            raise LoadError(message, name=self._name, line=error.lineno) from None

    def _doctype(self, *_: object) -> None:
        line = self._parser.CurrentLineNumber
        raise LoadError("a document type definition has no place in Green Button", name=self._name, line=line)

    def _start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._path.append(tag)
        self._text.clear()
        line = self._parser.CurrentLineNumber
        if tag == f"{_ATOM} entry":
            self.entries.append(_Entry(line))
        elif tag == f"{_ATOM} link" and (relation := attributes.get("rel")) in self.entries[-1].links:
            self.entries[-1].links[relation].add(attributes.get("href", ""))
        elif tag == _METER_READING:
            self.entries[-1].is_meter_reading = True
        elif tag == _READING_TYPE:
            self.entries[-1].reading_type = {}
        elif tag == _INTERVAL_READING:
            self.entries[-1].readings.append((line, {}))

    def _end(self, tag: str) -> None:
        self._path.pop()
        entry = self.entries[-1]
        leaf, text = tag.removeprefix(f"{_ESPI} "), "".join(self._text).strip()
        self._text.clear()
        match self._path:
            case [*_, parent] if parent == _READING_TYPE and entry.reading_type is not None:
                entry.reading_type[leaf] = text
            case [*_, parent] if parent in (_INTERVAL_READING, _TIME_PERIOD) and entry.readings:
                entry.readings[-1][1][leaf] = text


@dataclass(slots=True)
class _Channel:
    """What one MeterReading holds: its type, and the readings of all its blocks."""

    type_line: int
    type: Mapping[str, str]
    readings: list[tuple[int, dict[str, str]]] = field(default_factory=list)

    @property
    def unit(self) -> str:
        """The unit of the values, empty if they are not active energy or power."""
        return _UNITS.get(self.type.get("uom", ""), "")

    @property
    def flow(self) -> str:
        """The direction of the energy, in ESPI's number."""
        return self.type.get("flowDirection", "")

    def __str__(self) -> str:
        uom = f"uom {self.type.get('uom', 'not given')}" + (f" ({self.unit})" if self.unit else "")
        flow = f"flowDirection {self.flow} ({_FLOWS.get(self.flow, 'another')})"
        return f"{uom}, {flow}, {len(self.readings)} readings"


def parse_green_button(data: bytes, name: str, *, gaps: str = "zero") -> IntervalSeries:
    """Return the delivered energy (or power) in a Green Button file called `name` in messages.

    By default nothing flows in gaps, so that what is replayed is what the file holds, no more.

    Raises LoadError with the line for whatever cannot be read, and where it is not plain which of several
    meter readings is meant.
    """
    feed = _Feed(name)
    feed.read(data)
    channel = _delivered(_channels(feed.entries, name), name)
    exponent = _exponent(channel, name)
    readings, notes = in_order([_reading(raw, channel, exponent, name) for raw in channel.readings], name)
    return lay_out(readings, unit=channel.unit, gaps=gaps, name=name, notes=notes)


def _channels(entries: Sequence[_Entry], name: str) -> list[_Channel]:
    """Return the readings by the MeterReading, or else the ReadingType, to which their blocks link."""
    types = [entry for entry in entries if entry.reading_type is not None]
    meter_readings = [entry for entry in entries if entry.is_meter_reading]
    channels: dict[int, _Channel] = {}
    for block in entries:
        if not block.readings:
            continue
        meter_reading = _linked(block, meter_readings)
        of_type = _linked(block, types) or (meter_reading and _linked(meter_reading, types)) or _only(types)
        if of_type is None or of_type.reading_type is None:
            raise LoadError("these readings link to no ReadingType", name=name, line=block.line)
        key = (meter_reading or of_type).line
        channel = channels.setdefault(key, _Channel(of_type.line, of_type.reading_type))
        channel.readings += block.readings
    return list(channels.values())


def _linked(entry: _Entry, others: Sequence[_Entry]) -> _Entry | None:
    """Return the one of `others` to which `entry` links, or which links to it or to what it is a part of."""
    own = entry.links["self"] | entry.links["up"]
    for other in others:
        if other.links["self"] & (entry.links["related"] | entry.links["up"]) or other.links["related"] & own:
            return other
    return None


def _only(entries: Sequence[_Entry]) -> _Entry | None:
    return entries[0] if len(entries) == 1 else None


def _delivered(channels: Sequence[_Channel], name: str) -> _Channel:
    """Return the channel of delivered energy, or else power, or else of no direction."""
    if not channels:
        raise LoadError(f"no IntervalReading of {_ESPI}, so this is not a Green Button file", name=name)
    electric = [channel for channel in channels if channel.unit]
    for flows in (("1",), ("", "0")):
        for unit in _UNITS.values():
            found = [channel for channel in electric if channel.flow in flows and channel.unit == unit]
            if len(found) == 1:
                return found[0]
            if found:
                raise LoadError(f"more than one delivered {unit}: {_list(channels)}", name=name)
    raise LoadError(f"no delivered energy (uom 72, flowDirection 1), but {_list(channels)}", name=name)


def _list(channels: Sequence[_Channel]) -> str:
    return "; ".join(f"line {channel.readings[0][0]}: {channel}" for channel in channels)


def _exponent(channel: _Channel, name: str) -> int:
    """Return the power of ten by which the values are to be multiplied."""
    line = channel.type_line
    if (behaviour := channel.type.get("accumulationBehaviour")) in _RUNNING_TOTALS:
        message = f"accumulationBehaviour {behaviour}: running totals, not the energy of each interval"
        raise LoadError(message, name=name, line=line)
    text = channel.type.get("powerOfTenMultiplier") or "0"
    if not _EXPONENT.fullmatch(text) or abs(int(text)) > _GREATEST_EXPONENT:
        raise LoadError(
            f"powerOfTenMultiplier {text!r} is no whole number from -12 to 12", name=name, line=line
        )
    return int(text)


def _reading(raw: tuple[int, dict[str, str]], channel: _Channel, exponent: int, name: str) -> Reading:
    line, leaves = raw
    try:
        start = nanoseconds(parse_decimal(leaves["start"]))
        duration = nanoseconds(parse_decimal(leaves.get("duration") or channel.type["intervalLength"]))
        return Reading(line, start, duration, parse_decimal(leaves["value"]).scaleb(exponent))
    except KeyError as missing:
        raise LoadError(f"a reading without {missing}", name=name, line=line) from None
    except LoadError as error:
        raise LoadError(error.message, name=name, line=line) from None
