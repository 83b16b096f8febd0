"""All meters of the gateway: one `step` from tick to tick, and the only mutable state of the simulation.

The step goes from edge to edge (of a load, of a demand interval), so that no length of tick skips one and any
partition of time gives the same readings. Nothing here knows files, protocols or the wall clock.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sims import diagnostics, display, electrical, energy
from sims.demand import Demand
from sims.energy import EnergyCounters
from sims.meter import MeterSpec
from sims.profiles import build_groups
from sims.profiles.base import FOREVER, LineLoads
from sims.snapshot import DemandInterval, Snapshot, Tick
from sims.wiring import WiringArrays


@dataclass(frozen=True, slots=True)
class Memory:
    """What one meter keeps without power: energy [mJ and fJ], peak demand [W] and its time [ns] (R16)."""

    millijoules: int
    femtojoules: int
    peak_demand: float
    peak_demand_time: int


class Fleet:
    """The meters in `meters`, from simulated time `start` [ns since 1970 UTC] on.

    `memories` gives, by serial number, what meters kept from an earlier life; a meter without one starts at
    its initial energy. Every draw at random comes from `seed` and the meter's serial number.
    """

    def __init__(
        self,
        meters: Sequence[MeterSpec],
        *,
        start: int,
        seed: int = 0,
        memories: Mapping[str, Memory] | None = None,
    ) -> None:
        models = [meter.nameplate.model for meter in meters]
        serials = [meter.nameplate.serial for meter in meters]
        n = len(meters)
        self._time = self._started = start
        self._serials = serials
        self._service = electrical.ServiceArrays(models, [meter.nameplate.ct_a for meter in meters])
        self._window = (
            np.array([model.voltage.lowest for model in models]),
            np.array([model.voltage.highest for model in models]),
        )
        self._demand_option = np.array(["demand" in meter.nameplate.options for meter in meters], np.bool_)
        self._frequency = np.array([meter.frequency_hz for meter in meters])
        self._temperature = np.array([meter.temperature_c for meter in meters])
        self._wiring = WiringArrays([meter.wiring for meter in meters])
        self._lines = self._service.nominal.copy()
        self._loads = LineLoads(np.zeros((3, n)), np.zeros((3, n)))
        groups = build_groups([meter.load for meter in meters], models, serials, seed=seed, start=start)
        self._due = [(start, group) for group in groups]
        self._energy = EnergyCounters.starting_at(
            np.array([meter.initial_energy for meter in meters], np.int64)
        )
        self._demand = Demand(n)
        self._powered = np.zeros(n, np.bool_)
        self._powered_up = np.zeros(n, np.int64)
        self._reverse_phase = np.zeros(n, np.bool_)
        self._readings: dict[str, NDArray[Any]] = {}
        self._recall(memories or {})
        self._apply_loads()

    def step(self, tick: Tick) -> Snapshot:
        """Go on to the end of `tick` and return the reading there. Raises ValueError for a time gone by."""
        if tick.time < self._time:
            raise ValueError(f"tick {tick.number} ends before the time that the fleet has reached")
        closed: list[DemandInterval] = []
        while self._time < tick.time:
            until = min(tick.time, self._demand.next_boundary, self._next_edge)
            self._energy.add(self._registered, until - self._time)
            self._time = until
            if until == self._demand.next_boundary:
                closed.append(self._demand.close(until, self._energy))
            if until == self._next_edge:
                self._apply_loads()
        return Snapshot(tick, self._columns(), tuple(closed))

    def memories(self) -> dict[str, Memory]:
        """Return what each meter would keep if it lost its power now, by serial number."""
        columns = (
            self._energy.millijoules.tolist(),
            self._energy.femtojoules.tolist(),
            self._demand.peak.tolist(),
            self._demand.peak_time.tolist(),
        )
        return {serial: Memory(*kept) for serial, *kept in zip(self._serials, *columns, strict=True)}

    def _recall(self, memories: Mapping[str, Memory]) -> None:
        for row, serial in enumerate(self._serials):
            if memory := memories.get(serial):
                self._energy.millijoules[row] = memory.millijoules
                self._energy.femtojoules[row] = memory.femtojoules
                self._demand.peak[row] = memory.peak_demand
                self._demand.peak_time[row] = memory.peak_demand_time

    def _apply_loads(self) -> None:
        """Let every load that has an edge now change, and measure anew."""
        self._due = [
            (group.apply(self._time, self._loads) if edge == self._time else edge, group)
            for edge, group in self._due
        ]
        self._next_edge = min((edge for edge, _ in self._due), default=FOREVER)
        self._measure()

    def _measure(self) -> None:
        """Work out what the meters measure from now on, until a load, a wiring or a supply changes."""
        measurement = electrical.measure(self._service, self._lines, self._loads, self._wiring)
        powered = measurement.volts[0] >= self._window[0]
        if not np.array_equal(powered, self._powered):
            self._switch(powered)
        self._registered = electrical.registered_power(self._service, measurement) * powered
        self._reverse_phase = diagnostics.reverse_phase(measurement, self._reverse_phase)
        self._measurement = measurement
        self._readings_due = True

    def _switch(self, powered: NDArray[np.bool_]) -> None:
        """Power meters up and down: the demand buffer and the display's clock begin anew (R2, R16)."""
        if (down := np.flatnonzero(self._powered & ~powered)).size:
            self._read()  # what these meters measured last is what they go on to show
            self._demand.suspend(down)
        if (up := np.flatnonzero(powered & ~self._powered)).size:
            self._powered_up[up] = self._time
            self._demand.restart(up, self._time, self._energy)
        self._powered = powered

    def _read(self) -> None:
        """Bring the readings of all meters that have power to what they measure now."""
        fresh = electrical.points(self._service, self._measurement) | {
            "frequency": self._frequency,
            "temperature": self._temperature,
        }
        self._readings = {
            name: np.where(self._powered, values, self._readings.get(name, np.nan))
            for name, values in fresh.items()
        }
        self._flags = diagnostics.electrical_flags(self._service, self._measurement, self._window) | {
            "accuracy_unspecified": diagnostics.accuracy_unspecified(
                self._service, self._measurement, self._temperature
            ),
        }
        self._readings_due = False

    def _columns(self) -> Mapping[str, NDArray[Any]]:
        """Return every column of the snapshot, none of which will change again."""
        if self._readings_due:
            self._read()
        counted = self._energy.millijoules.copy()
        lcd_energy = energy.lcd_energy(counted)
        uptime = np.where(self._powered, self._time - self._powered_up, 0)
        lcd_on = self._powered & ~diagnostics.outside(self._temperature, diagnostics.DISPLAY_CELSIUS)
        screen = display.screens(uptime, lcd_on, self._demand_option)
        columns = self._readings | {
            "energy": counted,
            "lcd_energy": lcd_energy,
            "pulse_10wh": energy.pulses(counted, energy.MJ_PER_10WH),
            "pulse_1kwh": energy.pulses(counted, energy.MJ_PER_KWH),
            "demand": self._demand.last.copy(),
            "rolling_demand": self._demand.rolling.copy(),
            "peak_demand": self._demand.peak.copy(),
            "peak_demand_time": self._demand.peak_time.copy(),
            "clock": np.full_like(counted, self._time),
            "uptime": uptime,
            "lcd_screen": screen,
            "lcd_text": display.texts(screen, lcd_energy, self._demand.last, self._demand.peak),
            "flags": self._pack_flags(counted, lcd_on),
        }
        for column in columns.values():
            column.setflags(write=False)
        return MappingProxyType(columns)

    def _pack_flags(self, counted: NDArray[np.int64], lcd_on: NDArray[np.bool_]) -> NDArray[np.uint16]:
        flags = self._flags | {
            "reverse_phase": self._reverse_phase & self._powered,
            "led_10wh": energy.led_on(counted, energy.MJ_PER_10WH) & self._powered,
            "led_1kwh": energy.led_on(counted, energy.MJ_PER_KWH) & self._powered,
            "lcd_on": lcd_on,
            "powered": self._powered,
            "stale": ~self._powered,
        }
        return diagnostics.pack(flags, len(counted))
