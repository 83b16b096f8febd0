"""All meters of the gateway: one `step` from tick to tick, and the only mutable state of the simulation.

The step goes from edge to edge (of a load, of a demand interval), so that no length of tick skips one and any
partition of time gives the same readings. Nothing here knows files, protocols or the wall clock.
"""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sims import diagnostics, display, energy
from sims.circuits import Circuits
from sims.demand import Demand
from sims.electrical import Measurement
from sims.energy import EnergyCounters
from sims.key_switch import KeyOutcome, KeySwitches
from sims.memory import Memories, Memory
from sims.meter import MeterSpec
from sims.profiles.base import FOREVER
from sims.profiles.connected import ConnectedLoads
from sims.pulse_hub import PulseHubs
from sims.snapshot import DemandInterval, Snapshot, Tick, frozen


class Fleet:
    """The meters in `meters`, from simulated time `start` [ns since 1970 UTC] on.

    `memories` gives what was kept from an earlier life; a meter without a memory starts at its initial
    energy. Every draw at random comes from `seed` and the meter's serial number. With `hubs`, pulse hubs
    count the pulses of the meters.
    """

    def __init__(
        self,
        meters: Sequence[MeterSpec],
        *,
        start: int,
        seed: int = 0,
        memories: Memories | None = None,
        hubs: bool = False,
    ) -> None:
        n = len(meters)
        self._time = start
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
        self._hub_counts = np.zeros(n, np.int64)
        self._hubs = PulseHubs(self._hub_counts) if hubs else None
        self._key_returns: dict[int, int] = {}
        self._recall(memories or Memories())
        self._loads = _connect(meters, seed, start)
        self._adopt(self._circuits.measure(self._loads.lines))

    def step(self, tick: Tick) -> Snapshot:
        """Go on to the end of `tick` and return the reading there. Raises ValueError for a time gone by."""
        if tick.time < self._time:
            raise ValueError(f"tick {tick.number} ends before the time that the fleet has reached")
        closed: list[DemandInterval] = []
        while self._time < tick.time:
            key_return = min(self._key_returns.values(), default=FOREVER)
            until = min(tick.time, self._demand.next_boundary, self._loads.next_edge, key_return)
            self._register(until - self._time)
            self._time = until
            if until == self._demand.next_boundary:
                closed += self._demand.close(until, self._energy)
            if until == self._loads.next_edge:
                self._loads.advance(until)
                self._adopt(self._circuits.measure(self._loads.lines))
            if until == key_return:
                self._return_keys()
        hubs = frozen(self._hubs.columns()) if self._hubs else {}
        return Snapshot(tick, self._columns(), tuple(closed), hubs)

    def _register(self, nanoseconds: int) -> None:
        """Let energy counters and pulse hubs run at constant power."""
        before = self._energy.millijoules.copy()
        self._energy.add(self._registered, nanoseconds)
        if self._hubs:
            self._hubs.add(before, self._energy.millijoules, self._registered, nanoseconds)

    def set_hub(self, hub: int, setting: str, value: int) -> None:
        """Set the pulse hub of this number, from 0. Raises ValueError where there is none or it cannot be."""
        if not self._hubs:
            raise ValueError("there are no pulse hubs")
        self._hubs.set(hub, setting, value)

    def change(self, row: int, spec: MeterSpec) -> None:
        """Let load, wiring, supply and surroundings of the meter in `row` be those of `spec` from now on.

        Its nameplate and settings stay. Raises LoadError for a load that cannot be connected to it. Whatever
        is raised, nothing has changed then.
        """
        before = self._meters[row]
        spec.load.check(before.nameplate.model)
        loads = copy(self._loads)
        if spec.load != before.load:
            loads.change(row, spec.load, self._time)
        if self._readings_due:
            self._read()  # what was measured so far, in the surroundings so far
        try:
            self._circuits.change(row, spec)
            measurement = self._circuits.measure(loads.lines)
        except BaseException:
            self._circuits.change(row, before)
            raise
        self._loads = loads
        self._meters[row] = replace(spec, nameplate=before.nameplate, settings=before.settings)
        self._adopt(measurement)

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
        reason = self._keys.turn_home(row, self._time, screen, self._no_reset(row))
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

    def key_outcome(self, row: int) -> KeyOutcome | None:
        """Return what came of the last turn of a meter's key, None before any has ended (R13)."""
        return self._keys.outcome(row)

    def reset_peak(self, row: int) -> str:
        """Reset the peak of the meter in `row` from afar; return why it is not, nothing if it is."""
        reason = self._no_reset(row)
        if not reason:
            self._demand.reset_peak(row)
        return reason

    def memories(self) -> Memories:
        """Return what meters and hubs would keep if they lost their power now."""
        columns = (
            self._energy.millijoules.tolist(),
            self._energy.femtojoules.tolist(),
            self._demand.peak.tolist(),
            self._demand.peak_time.tolist(),
            self._hub_counts.tolist(),
        )
        serials = [meter.nameplate.serial for meter in self._meters]
        meters = {serial: Memory(*kept) for serial, *kept in zip(serials, *columns, strict=True)}
        return Memories(meters, self._hubs.settings if self._hubs else {})

    def _recall(self, memories: Memories) -> None:
        for row, meter in enumerate(self._meters):
            if memory := memories.meters.get(meter.nameplate.serial):
                self._energy.millijoules[row] = memory.millijoules
                self._energy.femtojoules[row] = memory.femtojoules
                self._demand.peak[row] = memory.peak_demand
                self._demand.peak_time[row] = memory.peak_demand_time
                self._hub_counts[row] = memory.hub_count
        if self._hubs:
            for hub in range(self._hubs.hubs):
                for name, value in memories.hubs.get(hub, {}).items():
                    self._hubs.set(hub, name, value)

    def _no_reset(self, row: int) -> str:
        """Return why the meter in `row` would not reset its peak whatever is asked of it."""
        if "peak_reset" not in self._meters[row].nameplate.options:
            return "the meter has no peak reset; allowed: meters ordered with the option peak_reset"
        return "" if self._powered[row] else "the meter is without supply"

    def _return_keys(self) -> None:
        for row in [row for row, time in self._key_returns.items() if time == self._time]:
            self.turn_key(row, right=False)

    def _adopt(self, measurement: Measurement) -> None:
        """Let the meters register and show what they measure from now on, until a load changes."""
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
            self._keys.lose_supply(down, self._time)
        if (up := np.flatnonzero(powered & ~self._powered)).size:
            self._powered_up[up] = self._time
            self._demand.restart(up, self._time, self._energy)
        self._powered = powered

    def _read(self) -> None:
        """Bring the readings of all meters that have power to what they measure now."""
        readings = self._circuits.points(self._measurement)
        flags = self._circuits.flags(self._measurement)
        if (off := np.flatnonzero(~self._powered)).size:
            _keep(readings, self._readings, off, np.nan)
            _keep({name: flags[name] for name in flags.keys() - diagnostics.SUPPLY}, self._flags, off, False)
        self._readings, self._flags = readings, flags
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
        return frozen(columns)

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


def _connect(meters: Sequence[MeterSpec], seed: int, start: int) -> ConnectedLoads:
    plates = [meter.nameplate for meter in meters]
    return ConnectedLoads(
        [meter.load for meter in meters],
        [plate.model for plate in plates],
        [plate.serial for plate in plates],
        seed=seed,
        start=start,
    )


def _keep(
    columns: Mapping[str, NDArray[Any]],
    before: Mapping[str, NDArray[Any]],
    rows: NDArray[np.intp],
    never: float,
) -> None:
    """Let the meters in `rows` show in `columns` what they showed before, or `never` if they never did."""
    for name, column in columns.items():
        column[rows] = before[name][rows] if before else never
