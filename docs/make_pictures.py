"""Draws the pictures of docs/meter.md from the simulation itself: `python docs/make_pictures.py`.

What is drawn is computed here with the fleet; no figure is written down by hand.
"""  # noqa: INP001  a script, not a package

from collections.abc import Sequence
from dataclasses import dataclass
from math import acos, degrees
from pathlib import Path
from typing import Final

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from numpy.typing import NDArray

from sims.fleet import Fleet
from sims.meter import MeterSpec, Settings
from sims.models import MODELS, Nameplate
from sims.points import NS_PER_S
from sims.profiles import LoadSpec, Replay, parse_csv
from sims.profiles.constant import LineCurrents
from sims.snapshot import Tick
from sims.wiring import CtInput, VoltageInput, Wiring

FOLDER: Final = Path(__file__).parent / "pictures"
HOUSEHOLD: Final = Path(__file__).parents[1] / "examples/data/03_uci_household_1min_20070201-02.csv"
START: Final = 1_767_571_200 * NS_PER_S
DAY_S: Final = 86_400

Floats = NDArray[np.float64]


def _meter(
    model: str, load: LoadSpec, wiring: Wiring | None = None, *, serial: str = "0", ct_a: float = 100.0
) -> MeterSpec:
    known = MODELS[model]
    plate = Nameplate(1, "M1", known, serial, ct_a)
    return MeterSpec(plate, load, wiring or Wiring.correct(known.elements), settings=Settings(ideal=True))


@dataclass(frozen=True)
class DemandDay:
    """A day of a meter: hours at which intervals close, and the kilowatts at them; shapes (288,)."""

    hours: Floats
    demand: Floats
    rolling: Floats
    peak: Floats


def demand_day() -> DemandDay:
    """Return the first day of the household that comes with the examples, registered by an ideal meter."""
    series = parse_csv(
        HOUSEHOLD.read_bytes(), HOUSEHOLD.name, time="NewDateTime", value="Global_active_power", unit="kW"
    )
    fleet = Fleet([_meter("series-1000-120-240", Replay(series))], start=START)
    rows = []
    for number in range(1, DAY_S // 300 + 1):
        snapshot = fleet.step(Tick(number, START + number * 300 * NS_PER_S))
        rows.append([snapshot.columns[name][0] for name in ("demand", "rolling_demand", "peak_demand")])
    day = np.array(rows).T / 1e3
    return DemandDay(np.arange(1, day.shape[1] + 1) / 12, *day)


POWER_FACTORS: Final = {"PF 1": 1.0, "PF 0.5 lagging": 0.5, "PF 0.5 leading": -0.5}
BOUNDS: Final = {"PF 1": 0.5, "PF 0.5 lagging": 0.75, "PF 0.5 leading": 0.75}
LOADINGS: Final = np.geomspace(0.01, 1.0, 9)
"""Currents over the rated one."""


def errors(meters: int, power_factor: float) -> Floats:
    """Return the error of registered power [%] of drawn meters, shape (meters, len(LOADINGS))."""
    specs = [
        MeterSpec(
            Nameplate(1, "M1", MODELS["series-1000-1p2w-120"], f"{serial:012}"),
            LineCurrents((100.0 * loading,), (power_factor,)),
            Wiring.correct(1),
        )
        for serial in range(1, meters + 1)
        for loading in LOADINGS.tolist()
    ]
    columns = Fleet(specs, start=START).step(Tick(0, START)).columns
    watts = columns["active_power"].reshape(meters, len(LOADINGS))
    return np.asarray((watts / (120.0 * 100.0 * LOADINGS * abs(power_factor)) - 1.0) * 100.0)


def _wiring(cts: Sequence[CtInput | int], voltages: Sequence[VoltageInput | int] = (1, 2, 3)) -> Wiring:
    """Return a wiring; a number stands for a right input on that line."""
    return Wiring(
        tuple(CtInput(ct) if isinstance(ct, int) else ct for ct in cts),
        tuple(VoltageInput(lead) if isinstance(lead, int) else lead for lead in voltages),
    )


def _turned(line: int) -> CtInput:
    return CtInput(line, reversed=True)


FAULTS: Final = {
    "right": _wiring((1, 2, 3)),
    "one CT reversed": _wiring((_turned(1), 2, 3)),
    "two CTs reversed": _wiring((_turned(1), _turned(2), 3)),
    "all CTs reversed": _wiring((_turned(1), _turned(2), _turned(3))),
    "two CTs swapped": _wiring((2, 1, 3)),
    "two CTs swapped, both reversed": _wiring((_turned(2), _turned(1), 3)),
    "CTs rolled: 2, 3, 1": _wiring((2, 3, 1)),
    "CTs rolled: 3, 1, 2": _wiring((3, 1, 2)),
    "all CTs on line 1": _wiring((1, 1, 1)),
    "one CT open": _wiring((1, CtInput(2, open=True), 3)),
    "one CT of twice the rating": _wiring((CtInput(1, ratio=0.5), 2, 3)),
    "one CT of half the rating": _wiring((CtInput(1, ratio=2.0), 2, 3)),
    "voltage lead L2 open": _wiring((1, 2, 3), (1, VoltageInput(2, open=True), 3)),
    "voltage leads L2 and L3 swapped": _wiring((1, 2, 3), (1, 3, 2)),
}
FAULT_POWER_FACTORS: Final = (1.0, 0.866, 0.5, -0.866)


def registration(power_factor: float) -> Floats:
    """Return net over true power of a balanced wye load under each of `FAULTS`, shape (len(FAULTS),)."""
    load = LineCurrents((100.0,) * 3, (power_factor,) * 3)
    specs = [_meter("series-2000-120-208", load, wiring, ct_a=200.0) for wiring in FAULTS.values()]
    columns = Fleet(specs, start=START).step(Tick(0, START)).columns
    return np.asarray(columns["active_power"] / (3 * 12_000.0 * abs(power_factor)))


def draw_demand() -> Figure:
    """Draw the 5-minute demand, the rolling one and the peak over a day."""
    day = demand_day()
    figure, axes = plt.subplots(figsize=(9, 3.6))
    axes.step(day.hours, day.demand, where="pre", color="0.65", linewidth=1, label="demand, last 5 minutes")
    axes.step(day.hours, day.rolling, where="post", color="tab:blue", label="rolling 15-minute demand")
    axes.step(day.hours, day.peak, where="post", color="tab:red", linestyle="--", label="peak")
    axes.set(xlim=(0, 24), ylim=(0, 6), xlabel="hour of the day", ylabel="kW")
    axes.set_xticks(range(0, 25, 3))
    axes.legend(loc="upper left", frameon=False)
    return figure


def draw_errors() -> Figure:
    """Draw the errors of 100 meters between the bounds of the manual."""
    figure, row = plt.subplots(1, 3, figsize=(9, 3.4), sharey=True)
    for axes, (name, factor) in zip(row, POWER_FACTORS.items(), strict=True):
        axes.semilogx(LOADINGS * 100, errors(100, factor).T, color="tab:blue", linewidth=0.5, alpha=0.4)
        for bound in (-BOUNDS[name], BOUNDS[name]):
            axes.axhline(bound, color="tab:red", linestyle="--")
        axes.set(title=name, xlabel="current [% of rated]", xlim=(1, 100), ylim=(-1, 1))
        axes.set_xticks([1, 10, 100], ["1", "10", "100"])
    row[0].set_ylabel("error [%]")
    return figure


def draw_registration() -> Figure:
    """Draw what registers under each wiring fault, and the net power where that is negative."""
    figure, row = plt.subplots(1, len(FAULT_POWER_FACTORS), figsize=(9, 4.6), sharey=True)
    places = np.arange(len(FAULTS))
    for axes, factor in zip(row, FAULT_POWER_FACTORS, strict=True):
        net = registration(factor)
        axes.barh(places, np.maximum(net, 0.0) * 100, color="tab:blue", label="registers")
        axes.barh(places, np.minimum(net, 0.0) * 100, color="none", edgecolor="0.6", label="net below zero")
        side = "" if factor == 1.0 else " leading" if factor < 0 else " lagging"
        axes.set(title=f"PF {abs(factor):g}{side}\n(φ = {_phi(factor):.0f}°)", xlim=(-215, 215))
        axes.axvline(100, color="0.8", zorder=0)
        axes.axvline(0, color="0", linewidth=0.8)
    row[0].set_yticks(places, list(FAULTS))
    row[0].invert_yaxis()
    figure.supxlabel("% of the power that the load takes", fontsize="medium")
    return figure


def _phi(power_factor: float) -> float:
    return degrees(acos(abs(power_factor))) * (-1 if power_factor < 0 else 1)


PICTURES: Final = {
    "demand.svg": draw_demand,
    "errors.svg": draw_errors,
    "registration.svg": draw_registration,
}


def main() -> None:
    """Draw all pictures; the same code gives the same bytes."""
    mpl.use("svg")
    mpl.rcParams |= {
        "svg.hashsalt": "metergate",
        "figure.constrained_layout.use": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    FOLDER.mkdir(exist_ok=True)
    for name, draw in PICTURES.items():
        figure = draw()
        figure.savefig(FOLDER / name, metadata={"Date": None}, facecolor="white")
        plt.close(figure)


if __name__ == "__main__":
    main()
