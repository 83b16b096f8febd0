"""All meters of the gateway: one `step` from tick to tick, and the only mutable state of the simulation.

The step goes from edge to edge (of a load, of a demand interval), so that no length of tick skips one and any
partition of time gives the same readings. Nothing here knows files, protocols or the wall clock.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sims import diagnostics, display, energy
from sims.circuits import Circuits
from sims.demand import Demand
from sims.energy import EnergyCounters
from sims.key_switch import KeySwitches
from sims.meter import MeterSpec
from sims.profiles import build_groups
from sims.profiles.base import FOREVER, LineLoads
from sims.snapshot import DemandInterval, Snapshot, Tick


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
        n = len(meters)
        self._time = self._start = start
        self._seed = seed
        self._meters = list(meters)
        self._circuits = Circuits(meters)
        self._demand_option = np.array(["demand" in meter.nameplate.options for meter in meters], np.bool_)
        self._energy = EnergyCounters.starting_at(
            np.array([meter.initial_energy for meter in meters], np.int64)
        )
        self._demand = Demand([meter.settings.demand for meter in meters])
        self._powered = np.zeros(n, np.bool_)
        self._powered_up = np.zeros(n, np.int64)
        self._reverse_phase = np.zeros(n, np.bool_)
        self._readings_due = False
        self._readings: dict[str, NDArray[Any]] = {}
        self._flags: dict[str, NDArray[np.bool_]] = {}
        self._keys = KeySwitches(n)
        self._key_returns: dict[int, int] = {}
        self._recall(memories or {})
        self._connect_loads()

    def step(self, tick: Tick) -> Snapshot:
        """Go on to the end of `tick` and return the reading there. Raises ValueError for a time gone by."""
        if tick.time < self._time:
            raise ValueError(f"tick {tick.number} ends before the time that the fleet has reached")
        closed: list[DemandInterval] = []
        while self._time < tick.time:
            key_return = min(self._key_returns.values(), default=FOREVER)
            until = min(tick.time, self._demand.next_boundary, self._next_edge, key_return)
            self._energy.add(self._registered, until - self._time)
            self._time = until
            if until == self._demand.next_boundary:
                closed += self._demand.close(until, self._energy)
            if until == self._next_edge:
                self._apply_loads()
            if until == key_return:
                self._return_keys()
        return Snapshot(tick, self._columns(), tuple(closed))

    def change(self, row: int, spec: MeterSpec) -> None:
        """Let load, wiring, supply and surroundings of the meter in `row` be those of `spec` from now on.

        Its nameplate and settings stay. Raises LoadError for a load that cannot be connected to it.
        """
        before = self._meters[row]
        spec.load.check(before.nameplate.model)
        if self._readings_due:
            self._read()  # what was measured so far, in the surroundings so far
        self._meters[row] = replace(spec, nameplate=before.nameplate, settings=before.settings)
        self._circuits.change(row, spec)
        if spec.load != before.load:
            self._connect_loads()
        else:
            self._measure()

    def meter(self, row: int) -> MeterSpec:
        """Return how the meter in `row` is connected now."""
        return self._meters[row]

    def turn_key(self, row: int, *, right: bool) -> str:
        """Turn the key of the meter in `row` to the right or back; return why the peak is not reset (R13).

        Nothing is returned for a turn that does reset it, or to the right for one that still may.
        """
        screen = int(self._screens()[row])
        if right:
            vain = self._keys.turn_right(row, self._time, screen)
            return self._no_reset(row) or vain
        self._key_returns.pop(row, None)
        vain = self._keys.turn_home(row, self._time, screen)
        reason = self._no_reset(row) or vain
        if not reason:
            self._demand.reset_peak(row)
        return reason

    def hold_key(self, row: int, nanoseconds: int) -> str:
        """Turn a key to the right and, so much later, back; return why it is in vain, as far as is known."""
        held = bool(self._keys.right[row])
        reason = self.turn_key(row, right=True)
        if not held:
            self._key_returns[row] = self._time + nanoseconds
        return reason

    def reset_peak(self, row: int) -> str:
        """Reset the peak of the meter in `row` from afar; return why it is not, nothing if it is."""
        reason = self._no_reset(row)
        if not reason:
            self._demand.reset_peak(row)
        return reason

    def memories(self) -> dict[str, Memory]:
        """Return what each meter would keep if it lost its power now, by serial number."""
        columns = (
            self._energy.millijoules.tolist(),
            self._energy.femtojoules.tolist(),
            self._demand.peak.tolist(),
            self._demand.peak_time.tolist(),
        )
        serials = [meter.nameplate.serial for meter in self._meters]
        return {serial: Memory(*kept) for serial, *kept in zip(serials, *columns, strict=True)}

    def _recall(self, memories: Mapping[str, Memory]) -> None:
        for row, meter in enumerate(self._meters):
            if memory := memories.get(meter.nameplate.serial):
                self._energy.millijoules[row] = memory.millijoules
                self._energy.femtojoules[row] = memory.femtojoules
                self._demand.peak[row] = memory.peak_demand
                self._demand.peak_time[row] = memory.peak_demand_time

    def _no_reset(self, row: int) -> str:
        """Return why the meter in `row` would not reset its peak whatever is asked of it."""
        if "peak_reset" not in self._meters[row].nameplate.options:
            return "the meter has no peak reset; allowed: meters ordered with the option peak_reset"
        return "" if self._powered[row] else "the meter is without supply"

    def _return_keys(self) -> None:
        for row in [row for row, time in self._key_returns.items() if time == self._time]:
            self.turn_key(row, right=False)

    def _connect_loads(self) -> None:
        """Connect the load of every meter anew; each goes on as if it had been there from the start."""
        self._loads = LineLoads.none(len(self._meters))
        groups = build_groups(
            [meter.load for meter in self._meters],
            [meter.nameplate.model for meter in self._meters],
            [meter.nameplate.serial for meter in self._meters],
            seed=self._seed,
            start=self._start,
        )
        self._due = [(self._time, group) for group in groups]
        self._apply_loads()

    def _apply_loads(self) -> None:
        """Let every load that has an edge now change, and measure anew."""
        self._due = [
            (group.apply(self._time, self._loads) if edge == self._time else edge, group)
            for edge, group in self._due
        ]
        self._next_edge = min((edge for edge, _ in self._due), default=FOREVER)
        self._measure()

    def _measure(self) -> None:
        """Work out what the meters measure from now on, until a load changes."""
        measurement = self._circuits.measure(self._loads)
        powered = self._circuits.powered(measurement)
        if not np.array_equal(powered, self._powered):
            self._switch(powered)
        self._registered = self._circuits.registered(measurement) * powered
        lit = self._circuits.reverse_phase(measurement, self._reverse_phase)
        self._reverse_phase = np.where(powered, lit, self._reverse_phase)
        self._measurement = measurement
        self._readings_due = True

    def _switch(self, powered: NDArray[np.bool_]) -> None:
        """Power meters up and down: the demand buffer and the display's clock begin anew (R2, R16)."""
        if (down := np.flatnonzero(self._powered & ~powered)).size:
            if self._readings_due:
                self._read()  # what these meters measured last is what they go on to show
            self._demand.suspend(down)
            self._keys.forget(down)
        if (up := np.flatnonzero(powered & ~self._powered)).size:
            self._powered_up[up] = self._time
            self._demand.restart(up, self._time, self._energy)
        self._powered = powered

    def _read(self) -> None:
        """Bring the readings of all meters that have power to what they measure now."""
        self._readings = {
            name: np.where(self._powered, values, self._readings.get(name, np.nan))
            for name, values in self._circuits.points(self._measurement).items()
        }
        self._flags = {
            name: values
            if name in diagnostics.SUPPLY
            else np.where(self._powered, values, self._flags.get(name, False))
            for name, values in self._circuits.flags(self._measurement).items()
        }
        self._readings_due = False

    def _columns(self) -> Mapping[str, NDArray[Any]]:
        """Return every column of the snapshot, none of which will change again."""
        if self._readings_due:
            self._read()
        counted = self._energy.millijoules.copy()
        lcd_energy = energy.lcd_energy(counted)
        screen = self._screens()
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
            "uptime": self._uptime(),
            "lcd_screen": screen,
            "lcd_text": display.texts(screen, lcd_energy, self._demand.last, self._demand.peak),
            "flags": self._pack_flags(counted, screen),
            "key_switch": self._keys.right.astype(np.uint8),
        }
        for column in columns.values():
            column.setflags(write=False)
        return MappingProxyType(columns)

    def _uptime(self) -> NDArray[np.int64]:
        return np.where(self._powered, self._time - self._powered_up, 0)

    def _screens(self) -> NDArray[np.int64]:
        """Return what each LCD shows now."""
        lcd_on = self._powered & self._circuits.display_works
        return display.screens(self._uptime(), lcd_on, self._demand_option)

    def _pack_flags(self, counted: NDArray[np.int64], screen: NDArray[np.int64]) -> NDArray[np.uint16]:
        flags = self._flags | {
            "reverse_phase": self._reverse_phase & self._powered,
            "led_10wh": energy.led_on(counted, energy.MJ_PER_10WH) & self._powered,
            "led_1kwh": energy.led_on(counted, energy.MJ_PER_KWH) & self._powered,
            "lcd_on": screen != display.BLANK,
            "powered": self._powered,
            "stale": ~self._powered,
        }
        return diagnostics.pack(flags, len(counted))
