"""Loads that are played from files of readings: what may stand for them, and the files, each read once.

What may stand in such a file, and how it is played, is the business of `sims.profiles`.
"""

from pathlib import Path
from typing import Final, Literal

from pydantic import Field

from gateway.config.load_sections import PowerFactor, Zone, zone_of
from gateway.config.section import FileName, Section
from sims.profiles import IntervalSeries, LoadError, Replay, parse_csv, parse_green_button, parse_loadshape

Gaps = Literal["hold", "zero", "fail"]
_GAPS: Final = "What fills a gap between two readings: the load before it, nothing, or an error"


class _FileSection(Section):
    file: FileName = Field(description="File of readings; a relative path begins at this file's folder")
    align: Literal["start", "clock"] = Field(
        default="start",
        description="start: the first interval begins at the clock's start; clock: at its own time",
    )
    end: Literal["repeat", "hold", "zero"] = Field(
        default="repeat", description="What follows the last interval"
    )
    power_factor: PowerFactor = 1.0


class GreenButtonSection(_FileSection):
    """Intervals of a Green Button (ESPI) file."""

    profile: Literal["greenbutton"]
    gaps: Gaps = Field(default="zero", description=_GAPS)

    def parse(self, data: bytes, name: str) -> IntervalSeries:
        """Return what is in the file. Raises LoadError."""
        return parse_green_button(data, name, gaps=self.gaps)


class CsvSection(_FileSection):
    """Intervals of a CSV file."""

    profile: Literal["csv"]
    time: str = Field(description="Name of the column of times")
    value: str = Field(description="Name of the column of readings")
    unit: Literal["W", "kW", "Wh", "kWh"] = Field(description="Unit of the readings")
    stamp: Literal["start", "end"] = Field(
        default="start", description="Which end of its interval the time is"
    )
    gaps: Gaps = Field(default="hold", description=_GAPS)
    dates: Literal["day_first", "month_first"] | None = Field(
        default=None, description="How dates with slashes are read; without it the day comes first"
    )
    zone: Zone = "UTC"

    def parse(self, data: bytes, name: str) -> IntervalSeries:
        """Return what is in the file. Raises LoadError."""
        return parse_csv(
            data,
            name,
            time=self.time,
            value=self.value,
            unit=self.unit,
            stamp=self.stamp,
            gaps=self.gaps,
            dates=self.dates,
            zone=zone_of(self.zone),
        )


class OpenDssSection(_FileSection):
    """A load shape of OpenDSS (CSV)."""

    profile: Literal["opendss"]
    base_kw: float = Field(description="What the multiplier 1 stands for [kW]")
    interval_s: float = Field(
        default=0.0, ge=0, le=1e9, description="Interval of the multipliers [s]; 0 where each has its hour"
    )

    def parse(self, data: bytes, name: str) -> IntervalSeries:
        """Return what is in the file. Raises LoadError."""
        return parse_loadshape(data, name, base_kw=self.base_kw, interval_s=self.interval_s)


ReplaySection = GreenButtonSection | CsvSection | OpenDssSection

REPLAYS: Final[dict[str, type[Section]]] = {
    "greenbutton": GreenButtonSection,
    "csv": CsvSection,
    "opendss": OpenDssSection,
}
"""The sections by their profile."""


class SeriesFiles:
    """The files of readings that the configuration in `folder` names; meters of one load share a series.

    `notes` are what was mended in them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, IntervalSeries] = {}

    @property
    def notes(self) -> tuple[str, ...]:
        """What was mended in the files, one sentence each."""
        return tuple(dict.fromkeys(note for series in self._read.values() for note in series.notes))

    def series(self, section: ReplaySection) -> IntervalSeries:
        """Return what is in the file of `section`. Raises LoadError."""
        key = section.model_dump_json(exclude={"align", "end", "power_factor"})
        if key not in self._read:
            path = self._folder / section.file
            try:
                data = path.read_bytes()
            except OSError as error:
                raise LoadError(f"cannot be read: {error.strerror}", name=str(path), key="file") from None
            self._read[key] = section.parse(data, str(path))
        return self._read[key]

    def replay(self, section: ReplaySection) -> Replay:
        """Return the load that plays the file of `section`. Raises LoadError."""
        return Replay(self.series(section), section.align, section.end, section.power_factor)
