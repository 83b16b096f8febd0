"""The map `sunspec` as the SunSpec Alliance's own library scans and reads it, with its model definitions."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from sunspec2 import mdef  # type: ignore[import-untyped]  # has no types
from sunspec2.modbus.client import SunSpecModbusClientDevice  # type: ignore[import-untyped]  # has no types

from register_maps.codec import codecs
from register_maps.loader import load
from register_maps.model import Table
from sims.models import MODELS, Nameplate
from sims.points import FLAGS, MJ_PER_WH
from sims.snapshot import Snapshot
from tests.support.snapshots import snapshot_of

METERS = [
    Nameplate(n, f"m{n}", model, f"S{n:07}", ct_a)
    for n, (model, ct_a) in enumerate(
        ((model, ct_a) for model in MODELS.values() for ct_a in (0.1, 5.0, 100.0, 1600.0, 100_000.0)), 1
    )
]
MODEL_OF = {"1-phase-2-wire": 201, "split-phase-3-wire": 202, "network-3-wire": 202, "wye-4-wire": 203}
EVENTS = {
    "stale": {2},
    "phase_loss_l1": {2, 3},
    "phase_loss_l2": {2, 3},
    "phase_loss_l3": {2, 3},
    "under_voltage": {3},
    "over_current": {5},
    "over_voltage": {6},
    "reverse_phase": {16},
    "negative_power_l1": {17},
    "negative_power_l2": {18},
    "negative_power_l3": {19},
    "accuracy_unspecified": {20},
}
PHASES = {"A": 1, "B": 2, "C": 3}


class Device(SunSpecModbusClientDevice):  # type: ignore[misc]  # of a library without types
    """A meter whose registers the library reads from the image itself."""

    def __init__(self, words: Mapping[int, bytes]) -> None:
        super().__init__()
        self._words = words

    def read(self, addr: int, count: int) -> bytes:
        """Return registers, or nothing where one is not mapped."""
        places = range(int(addr), int(addr) + count)
        return b"".join(self._words[place] for place in places) if set(places) <= set(self._words) else b""


def _snapshot() -> Snapshot:
    """Return values that these meters can have: within 1.2 times their rating, at up to 320 V."""
    made, random = snapshot_of(METERS), np.random.default_rng(7)
    lines = np.array([meter.model.elements for meter in METERS])
    rated = np.array([meter.ct_a for meter in METERS])
    columns: dict[str, np.ndarray[Any, Any]] = dict(made.columns)
    for name, values in columns.items():
        present = ~np.isnan(values) if values.dtype.kind == "f" else None
        of_line, limit = name.endswith(("_l1", "_l2", "_l3")), None
        if name.startswith("current"):
            limit = 1.2 * rated
        elif "power_factor" in name:
            limit = np.ones(len(METERS))
        elif "_power" in name:
            limit = 384 * rated * (1 if of_line else lines)
        elif name.startswith("voltage"):
            limit = np.full(len(METERS), 640.0)
        elif name == "frequency":
            limit = np.full(len(METERS), 65.0)
        if limit is not None and present is not None:
            lowest = -limit if "power" in name and "apparent" not in name else 0.0
            columns[name] = np.where(present, random.uniform(lowest, limit), np.nan)
    return Snapshot(made.tick, columns)


SNAPSHOT = _snapshot()


def _devices() -> list[Any]:
    services = [meter.model.service.key for meter in METERS]
    fixed = {
        "vendor": np.array(["Leviton"] * len(METERS)),
        "model": np.array([meter.model.key for meter in METERS]),
        "serial": np.array([meter.serial for meter in METERS]),
        "firmware": np.array(["1.0"] * len(METERS)),
        "ct_primary": np.array([meter.ct_a for meter in METERS]),
        "unit_id": np.array([meter.number for meter in METERS]),
    }
    devices: dict[int, Any] = {}
    for codec, rows in codecs(load("sunspec"), services, fixed):
        image = codec.encode(SNAPSHOT.columns)
        for place, row in enumerate(rows.tolist()):
            cells = image[place * codec.row_bytes : (place + 1) * codec.row_bytes]
            words = {
                run.start + i: cells[run.offset + 2 * i :][:2]
                for run in codec.runs[Table.HOLDING]
                for i in range(run.end - run.start)
            }
            devices[row] = Device(words)
            devices[row].scan()
    return [devices[row] for row in range(len(METERS))]


DEVICES = _devices()
each_meter = pytest.mark.parametrize("row", range(len(METERS)), ids=lambda row: METERS[row].model.key)


def _held(row: int, *names: str) -> list[float]:
    values = [float(SNAPSHOT.columns[name][row]) for name in names]
    return [value for value in values if not math.isnan(value)]


def _wanted(row: int, name: str) -> float | None:
    """Return what a point of a meter model shall be [A, V, Hz, W, VA, var], None where it is absent."""
    match name:
        case "A":
            return sum(_held(row, "current_l1", "current_l2", "current_l3"))
        case "PhV":
            return _mean(_held(row, "voltage_l1_n", "voltage_l2_n", "voltage_l3_n"))
        case "PPV":
            return _mean(_held(row, "voltage_l1_l2", "voltage_l2_l3", "voltage_l3_l1"))
    return _first(_held(row, _point_of(name)))


KINDS = {
    "W": "active_power",
    "VA": "apparent_power",
    "VAR": "reactive_power",
    "PF": "power_factor",
    "A": "current",
    "Hz": "frequency",
}


def _point_of(name: str) -> str:
    """Return the point behind a SunSpec one that shows a single quantity."""
    base, _, phase = name.partition("ph")
    if base in KINDS:
        return KINDS[base] + (f"_l{PHASES[phase]}" if phase else "")
    first, second = PHASES[phase[0]], PHASES.get(phase[1:])
    return f"voltage_l{first}_{f'l{second}' if second else 'n'}"


def _first(values: Sequence[float]) -> float | None:
    return values[0] if values else None


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


@each_meter
def test_a_scan_finds_the_models_of_the_service(row: int) -> None:
    number = MODEL_OF[METERS[row].model.service.key]
    found = [(model.model_id, model.model_addr, model.model_len) for model in DEVICES[row].model_list]
    assert found == [(1, 40002, 66), (number, 40070, 105), (number + 10, 40177, 124)]
    assert DEVICES[row].base_addr == 40000
    assert not any(model.error_info for model in DEVICES[row].model_list)


@each_meter
def test_the_common_model_is_the_nameplate(row: int) -> None:
    common, meter = DEVICES[row].models[1][0], METERS[row]
    shown = {name: point.value for name, point in common.points.items()}
    assert (shown["Mn"], shown["Md"], shown["SN"]) == ("Leviton", meter.model.key, meter.serial)
    assert (shown["Vr"], shown["DA"]) == ("1.0", meter.number)


@each_meter
def test_every_mandatory_point_is_implemented(row: int) -> None:
    energies = {"TotWhExp"}  # an accumulator of 0 is both: nothing yet, and not implemented
    for model in DEVICES[row].model_list:
        for name, point in model.points.items():
            if point.pdef.get(mdef.MANDATORY) == mdef.MANDATORY_TRUE and name not in energies:
                assert point.is_impl(), (model.model_id, name)


@each_meter
def test_every_quantity_is_that_of_the_snapshot(row: int) -> None:
    number = MODEL_OF[METERS[row].model.service.key]
    whole, floats = DEVICES[row].models[number][0], DEVICES[row].models[number + 10][0]
    compared = 0
    for model in (whole, floats):
        for name, point in model.points.items():
            if name in {"ID", "L", "Evt"} or name.endswith("_SF") or name.startswith("Tot"):
                continue
            wanted, percent = _wanted(row, name), name.startswith("PF") and model is whole
            if (number, name) == (202, "AphC"):
                wanted = 0.0 if model is whole else None
            if wanted is None:
                assert not point.is_impl() or math.isnan(point.cvalue), (model.model_id, name)
                continue
            step = 10.0 ** whole.points[point.sf].value if model is whole else abs(wanted) * 1e-6
            assert point.cvalue == pytest.approx(wanted * (100 if percent else 1), abs=step * 0.5001), name
            compared += 1
    assert compared > 25


@each_meter
def test_energy_is_imported_and_nothing_exported(row: int) -> None:
    number = MODEL_OF[METERS[row].model.service.key]
    whole, floats = DEVICES[row].models[number][0], DEVICES[row].models[number + 10][0]
    watt_hours = int(SNAPSHOT.columns["energy"][row]) // MJ_PER_WH
    assert whole.points["TotWh_SF"].value == 0
    assert whole.points["TotWhImp"].value == watt_hours % 2**32
    assert floats.points["TotWhImp"].value == pytest.approx(watt_hours, rel=1e-6)
    assert not whole.points["TotWhExp"].value
    assert floats.points["TotWhExp"].value == 0


@each_meter
def test_events_are_the_flags(row: int) -> None:
    number = MODEL_OF[METERS[row].model.service.key]
    flags = int(SNAPSHOT.columns["flags"][row])
    raised = {bit for name, bits in EVENTS.items() if flags >> FLAGS.index(name) & 1 for bit in bits}
    for model in (number, number + 10):
        assert DEVICES[row].models[model][0].points["Evt"].value == sum(1 << bit for bit in raised)


@each_meter
def test_scale_registers_suit_the_cts(row: int) -> None:
    number = MODEL_OF[METERS[row].model.service.key]
    points, meter = DEVICES[row].models[number][0].points, METERS[row]
    for name, greatest in (("A_SF", 1.2), ("W_SF", 664.8), ("VA_SF", 664.8), ("VAR_SF", 664.8)):
        counts = greatest * meter.ct_a * meter.model.elements / 10.0 ** points[name].value
        assert 3276.7 < counts <= 32767.5, name


def test_all_that_is_not_measured_is_not_implemented() -> None:
    for device in DEVICES:
        for model in device.model_list[1:]:
            for name, point in model.points.items():
                if name.startswith(("TotVA", "TotWhExpPh", "TotWhImpPh")):
                    assert not point.is_impl() or math.isnan(point.value), name
