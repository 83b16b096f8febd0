"""All meters of the gateway: one `step` from tick to tick, and the only mutable state of the simulation.

The step goes from edge to edge of the loads, between which all power is constant, so that no length of tick
skips one and any partition of time gives the same readings. Nothing here knows files, protocols or the wall
clock.
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
from sims.key_switch import KeyOutcome, KeySwitches, Moment
from sims.last_readings import LastReadings
from sims.memory import Memories, Memory
from sims.meter import MeterSpec
from sims.profiles.connected import ConnectedLoads
from sims.pulse_hub import PulseHubs
from sims.snapshot import DemandInterval, Snapshot, Tick, frozen


class Fleet:
    """The meters in `meters`, from simulated time `start` [ns since 1970 UTC] on.

    `memories` gives what was kept from an earlier life; a meter without a memory starts at its initial
    energy. Every draw at random comes from `seed` and the meter's serial number. With `pulse_hubs`, such hubs
    count the pulses of the meters.
    """

    def __init__(
        self,
        meters: Sequence[MeterSpec],
        *,
        start: int,
        seed: int = 0,
        memories: Memories | None = None,
        pulse_hubs: bool = False,
    ) -> None:
        self._time = start
        self._meters = list(meters)
        self._serials = [meter.nameplate.serial for meter in meters]
        self._circuits = Circuits(meters)
        self._readings = LastReadings(self._circuits)
        self._energy = EnergyCounters.starting_at(
            np.array([meter.initial_energy for meter in meters], np.int64)
        )
        self._demand = Demand([meter.settings.demand for meter in meters])
        self._keys = KeySwitches(_fitted(meters, "peak_reset"), self._demand.reset_peak)
        self._demand_option = _fitted(meters, "demand")
        self._powered = np.zeros(len(meters), np.bool_)
        self._powered_up = np.zeros(len(meters), np.int64)
        self._reverse_phase = np.zeros(len(meters), np.bool_)
        self._hub_counts = np.zeros(len(meters), np.int64)
        self._pulse_hubs = PulseHubs(self._hub_counts) if pulse_hubs else None
        self._recall(memories or Memories())
        self._loads = _connect(meters, seed, start)
        self._adopt(self._circuits.measure(self._loads.lines))

    def step(self, tick: Tick) -> Snapshot:
        """Go on to the end of `tick` and return the reading there. Raises ValueError for a time gone by."""
        return self.snapshot(tick, self.go_on(tick.time))

    def go_on(self, time: int) -> list[DemandInterval]:
        """Go on to `time` [ns]; return the demand intervals that close on the way, oldest first.

        Raises ValueError for a time gone by.
        """
        if time < self._time:
            raise ValueError(f"{time} ns is before the time that the fleet has reached, {self._time} ns")
        closed: list[DemandInterval] = []
        while self._time < time:
            until = min(time, self._loads.next_edge, self._keys.next_return)
            closed += self._register(until)
            if until == self._loads.next_edge:
                self._loads.advance(until)
                self._adopt(self._circuits.measure(self._loads.lines))
            for row in self._keys.returning(until):
                self.turn_key(row, right=False)
        return closed

    def snapshot(self, tick: Tick, intervals: Sequence[DemandInterval]) -> Snapshot:
        """Return the reading now, which is the end of `tick`, with the demand intervals that closed in it."""
        pulse_hubs = frozen(self._pulse_hubs.columns()) if self._pulse_hubs else {}
        return Snapshot(tick, self._columns(), tuple(intervals), pulse_hubs)

    def _register(self, until: int) -> list[DemandInterval]:
        """Let energy counters, demand and pulse hubs run at constant power until `until` [ns]."""
        nanoseconds, before = until - self._time, self._energy.millijoules
        closed = self._demand.close(self._time, until, self._energy, self._registered)
        self._energy.add(self._registered, nanoseconds)
        if self._pulse_hubs:
            self._pulse_hubs.add(before, self._energy.millijoules, self._registered, nanoseconds)
        self._time = until
        return closed

    def pulse_hub_setting(self, number: int, setting: str) -> int:
        """Return what a pulse hub, by its number from 0, is set to. Raises ValueError where there is none."""
        return self._hubs().settings[number][setting]

    def set_pulse_hub(self, number: int, setting: str, value: int) -> None:
        """Set the pulse hub of this number, from 0. Raises ValueError where there is none or it cannot be."""
        self._hubs().set(number, setting, value)

    def _hubs(self) -> PulseHubs:
        if not self._pulse_hubs:
            raise ValueError("there are no pulse hubs")
        return self._pulse_hubs

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
        self._readings.update(self._powered)  # what was measured so far, in the surroundings so far
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
        return self._keys.turn(row, self._moment(row), right=right)

    def hold_key(self, row: int, nanoseconds: int) -> str:
        """Turn a key to the right and, so much later, back; return why it is in vain, as far as is known."""
        return self._keys.hold(row, self._moment(row), nanoseconds)

    def key_outcome(self, row: int) -> KeyOutcome | None:
        """Return what came of the last turn of a meter's key, None before any has ended (R13)."""
        return self._keys.outcome(row)

    def no_reset(self, row: int) -> str:
        """Return why the meter in `row` would not reset its peak whatever is asked, or nothing."""
        return self._keys.refusal(row, powered=bool(self._powered[row]))

    def reset_peak(self, row: int) -> str:
        """Reset the peak of the meter in `row` from afar; return why it is not, nothing if it is."""
        return self._keys.reset_from_afar(row, powered=bool(self._powered[row]))

    def memories(self) -> Memories:
        """Return what meters and pulse hubs would keep if they lost their power now."""
        columns = (
            self._energy.millijoules.tolist(),
            self._energy.femtojoules.tolist(),
            self._demand.peak.tolist(),
            self._demand.peak_time.tolist(),
            self._hub_counts.tolist(),
            self._demand.sequence.tolist(),
        )
        meters = dict(zip(self._serials, map(Memory._make, zip(*columns, strict=True)), strict=True))
        return Memories(meters, self._pulse_hubs.settings if self._pulse_hubs else {})

    def _recall(self, memories: Memories) -> None:
        for row, meter in enumerate(self._meters):
            if memory := memories.meters.get(meter.nameplate.serial):
                self._energy.millijoules[row] = memory.millijoules
                self._energy.femtojoules[row] = memory.femtojoules
                self._demand.peak[row] = memory.peak_demand
                self._demand.peak_time[row] = memory.peak_demand_time
                self._hub_counts[row] = memory.hub_count
                self._demand.sequence[row] = memory.intervals
        if self._pulse_hubs:
            for number in range(self._pulse_hubs.hubs):
                for name, value in memories.pulse_hubs.get(number, {}).items():
                    self._pulse_hubs.set(number, name, value)

    def _moment(self, row: int) -> Moment:
        return Moment(self._time, int(self._screens()[row]), bool(self._powered[row]))

    def _adopt(self, measurement: Measurement) -> None:
        """Let the meters register and show what they measure from now on, until a load changes."""
        powered = self._circuits.powered(measurement)
        if not np.array_equal(powered, self._powered):
            self._switch(powered)
        self._registered = self._circuits.registered(measurement) * powered
        lit = self._circuits.reverse_phase(measurement, self._reverse_phase)
        self._reverse_phase = np.where(powered, lit, self._reverse_phase)
        self._readings.adopt(measurement)

    def _switch(self, powered: NDArray[np.bool_]) -> None:
        """Power meters up and down: the demand buffer and the display's clock begin anew (R2, R16)."""
        if (down := np.flatnonzero(self._powered & ~powered)).size:
            self._readings.update(self._powered)  # what these meters go on to show
            self._demand.suspend(down)
            self._keys.lose_supply(down, self._time)
        if (up := np.flatnonzero(powered & ~self._powered)).size:
            self._powered_up[up] = self._time
            self._demand.restart(up, self._time, self._energy)
        self._powered = powered

    def _columns(self) -> Mapping[str, NDArray[Any]]:
        """Return every column of the snapshot, none of which will change again."""
        self._readings.update(self._powered)
        counted = self._energy.millijoules
        lcd_energy = energy.lcd_energy(counted)
        screen = self._screens()
        columns = {
            **self._readings.columns,
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
        flags = {
            **self._readings.flags,
            "reverse_phase": self._reverse_phase & self._powered,
            "led_10wh": energy.led_on(counted, energy.MJ_PER_10WH) & self._powered,
            "led_1kwh": energy.led_on(counted, energy.MJ_PER_KWH) & self._powered,
            "lcd_on": screen != display.BLANK,
            "powered": self._powered,
            "stale": ~self._powered,
        }
        return diagnostics.pack(flags, len(counted))


def _fitted(meters: Sequence[MeterSpec], option: str) -> NDArray[np.bool_]:
    """Return which meters have been ordered with an option."""
    return np.array([option in meter.nameplate.options for meter in meters], np.bool_)


def _connect(meters: Sequence[MeterSpec], seed: int, start: int) -> ConnectedLoads:
    plates = [meter.nameplate for meter in meters]
    return ConnectedLoads(
        [meter.load for meter in meters],
        [plate.model for plate in plates],
        [plate.serial for plate in plates],
        seed=seed,
        start=start,
    )
