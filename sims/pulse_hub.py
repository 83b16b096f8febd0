"""Pulse hubs: counters of the meters' isolated 10 Wh outputs, as a Leviton A8911-23 keeps them.

A hub has 23 inputs; hub k, from 0, is wired to the meters in the rows 23k to 23k + 22. Counting follows from
energy alone, which is exact, so any partition of time gives the same counts. Which register shows what is not
known here.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sims.energy import MJ_PER_10WH
from sims.points import HUB_INPUTS

Integers = NDArray[np.int64]

SETTINGS: Final[Mapping[str, tuple[range, int]]] = MappingProxyType(
    {
        "hub_threshold": (range(100, 2551), 1000),
        "hub_speed": (range(3), 0),
        "hub_kyz_low": (range(1 << 16), 0),
        "hub_kyz_high": (range(1 << 7), 0),
    }
)
"""What can be set, by the names of points: what is possible, and the number to begin with (A8911 manual, 7).

The threshold [ohm] changes nothing: the outputs are closed at far less.
"""

ROLLOVER: Final = 1 << 32
"""Where a count begins anew."""

_EDGE: Final = MJ_PER_10WH // 2
"""From one edge of an output to the next [mJ]: it is closed for the first half of each pulse (R9)."""

_SHORTEST_PULSES: Final = (50, 10, 5)
"""The shortest time for which an output must stay closed to be seen, by speed [ms]."""

_FASTEST: Final = np.array([_EDGE * 10**6 // shortest for shortest in _SHORTEST_PULSES], np.int64)
"""The most power at which it stays closed for so long, by speed [µW]: 360 kW, 1.8 MW, 3.6 MW."""

_BITS_LOW: Final = 16
"""How many inputs have their bit in `hub_kyz_low`."""


def check(name: str, value: int) -> None:
    """Raise ValueError for what no hub can be set to."""
    allowed = SETTINGS[name][0]
    if value not in allowed:
        raise ValueError(f"{name} cannot be {value}; allowed: {allowed[0]} to {allowed[-1]}")


class PulseHubs:
    """As many hubs as the meters need, set as they leave the factory.

    `counts` is what each meter's input has counted, shape (n_meters,); the hubs count on in it.
    """

    def __init__(self, counts: Integers) -> None:
        self.hubs: Final = -(-len(counts) // HUB_INPUTS)
        self._counts = counts
        self._settings = {name: np.full(self.hubs, first, np.uint16) for name, (_, first) in SETTINGS.items()}
        self._uptime = 0
        self._heed_settings()

    @property
    def settings(self) -> dict[int, dict[str, int]]:
        """What each hub is set to, by its number, from 0."""
        names = tuple(self._settings)
        columns = (values.tolist() for values in self._settings.values())
        return {hub: dict(zip(names, one, strict=True)) for hub, one in enumerate(zip(*columns, strict=True))}

    def set(self, hub: int, name: str, value: int) -> None:
        """Set the hub of this number, from 0. Raises ValueError for what is not in `SETTINGS`."""
        check(name, value)
        self._settings[name][hub] = value
        self._heed_settings()

    def add(self, before: Integers, after: Integers, microwatts: Integers, nanoseconds: int) -> None:
        """Count the edges while the meters' energy goes from `before` to `after` [mJ] at constant power [µW].

        All have the shape (n_meters,). An edge at `after` belongs to this time, one at `before` does not.
        A contact that closes is counted, in KYZ mode also one that opens; none of either while the output is
        closed for too short a time at this power. That an output opens as its meter loses power is no edge.
        """
        self._uptime += nanoseconds
        first, last = before // _EDGE, after // _EDGE
        edges = np.where(self._kyz, last - first, (last >> 1) - (first >> 1))
        self._counts += np.where(microwatts <= self._fastest, edges, 0)
        self._counts %= ROLLOVER

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return the values of all points of the hubs but their nameplates, each of shape (n_hubs,).

        An input without a meter stays at 0.
        """
        counts = np.zeros((self.hubs, HUB_INPUTS), np.int64)
        counts.ravel()[: len(self._counts)] = self._counts
        columns: dict[str, NDArray[Any]] = {f"hub_count_{k + 1}": counts[:, k] for k in range(HUB_INPUTS)}
        columns |= {name: values.copy() for name, values in self._settings.items()}
        columns["hub_uptime"] = np.full(self.hubs, self._uptime, np.int64)
        return columns

    def _heed_settings(self) -> None:
        """Work out what the settings mean for each meter."""
        bits = self._settings["hub_kyz_low"] | self._settings["hub_kyz_high"].astype(np.int64) << _BITS_LOW
        kyz = bits[:, np.newaxis] >> np.arange(HUB_INPUTS) & 1
        self._kyz = kyz.astype(np.bool_).ravel()[: len(self._counts)]
        fastest = _FASTEST[self._settings["hub_speed"]]
        self._fastest = np.repeat(fastest, HUB_INPUTS)[: len(self._counts)]
