"""Whom units stand for, meters or pulse hubs: who they are and what writing to them asks of the station.

The gateway itself is in `gateway_unit`. No PDUs, frames or sockets.
"""

from collections.abc import Sequence
from typing import Final, Protocol

import numpy as np

from gateway.addressing import modbus_place
from gateway.commands import Command, ResetPeak, SetPulseHub, TurnKey
from gateway.modbus.pdu import ExceptionCode
from gateway.modbus.units.identification import Identity
from register_maps.model import Effect
from sims.models import Nameplate
from sims.points import FLAGS, HUB_INPUTS, Columns

_URL: Final = "https://www.leviton.com"
_HUB_ID: Final = 47
_POWERED: Final = FLAGS.index("powered")


class Subjects(Protocol):
    """What stands behind units: one row each in the columns of `fixed`, and in those that ticks bring.

    `services` has the key of each one's electrical service, on which variants of a map depend.
    """

    services: Sequence[str]
    fixed: Columns

    def identity(self, row: int) -> Identity:
        """Return who the one in `row` is."""

    def running(self, row: int, columns: Columns) -> bool:
        """Return whether the one in `row` is at work at the tick of `columns`."""

    def command(self, effect: Effect, row: int, value: int, kept: int) -> Command | ExceptionCode | None:
        """Return what writing `value` beside the bits of `kept` asks for, None if nothing, or why not."""


class Meters:
    """The meters, in the order of their numbers."""

    def __init__(self, meters: Sequence[Nameplate]) -> None:
        self._meters = meters
        self.services: Sequence[str] = [meter.model.service.key for meter in meters]
        self.fixed: Columns = {
            "vendor": np.array([meter.vendor for meter in meters]),
            "model": np.array([meter.model.key for meter in meters]),
            "serial": np.array([meter.serial for meter in meters]),
            "firmware": np.array([meter.firmware for meter in meters]),
            "ct_primary": np.array([meter.ct_a for meter in meters]),
            "unit_id": np.array([modbus_place(meter)[1] for meter in meters]),
        }

    def identity(self, row: int) -> Identity:
        """Return who a meter is."""
        meter = self._meters[row]
        model, service = meter.model, meter.model.service
        objects = {
            0x00: meter.vendor,
            0x01: model.key,
            0x02: meter.firmware,
            0x03: _URL,
            0x04: f"Series {model.series} kWh meter",
            0x05: f"{service.words}, {model.voltage.nominal:g} V",
            0x06: meter.name or meter.id,
            0x80: meter.serial,
            0x81: meter.id,
            0x82: str(meter.number),
            0x83: str(modbus_place(meter)[1]),
            0x84: service.key,
            0x85: f"{model.voltage.nominal:g} V",
            0x86: f"{meter.ct_a:g} A",
            0x87: meter.ct_kind,
            0x88: meter.enclosure,
            0x89: ",".join(sorted(meter.options)),
        }
        text = f"{meter.vendor}, {model.key}, kWh meter, {meter.serial}"
        return Identity(model.series // 100, text, objects)

    def running(self, row: int, columns: Columns) -> bool:
        """Return whether a meter is powered."""
        return bool(int(columns["flags"][row]) >> _POWERED & 1)

    def command(self, effect: Effect, row: int, value: int, kept: int) -> Command | ExceptionCode | None:  # noqa: ARG002  the protocol's signature
        """Return what writing a coil of a meter asks for."""
        if effect is Effect.KEY_SWITCH:
            return TurnKey(row, "right" if value else "home")
        if not value:
            return None
        if "peak_reset" not in self._meters[row].options:
            return ExceptionCode.ILLEGAL_ADDRESS
        return ResetPeak(row)


class PulseHubs:
    """The pulse hubs of the meters: hub k for the meters 23(k - 1) + 1 to 23k."""

    def __init__(self, meters: int) -> None:
        self._meters = meters
        count = -(-meters // HUB_INPUTS)
        self.services: Sequence[str] = [""] * count
        self.fixed: Columns = {
            "hub_serial": np.array([self._serial(row) for row in range(count)]),
            "hub_unit_id": np.arange(1, count + 1),
        }

    @staticmethod
    def _serial(row: int) -> str:
        return f"H{row + 1:05}"

    def identity(self, row: int) -> Identity:
        """Return who a hub is."""
        first, last = row * HUB_INPUTS + 1, min((row + 1) * HUB_INPUTS, self._meters)
        objects = {
            0x00: "Leviton",
            0x01: "A8911-23",
            0x02: "1.0",
            0x03: _URL,
            0x04: "Pulse counter",
            0x05: f"{HUB_INPUTS} channel",
            0x06: f"Meters {first} to {last}",
            0x80: self._serial(row),
            0x81: str(row + 1),
        }
        return Identity(_HUB_ID, f"Leviton, A8911-23, pulse counter, {HUB_INPUTS} channel", objects)

    def running(self, row: int, columns: Columns) -> bool:  # noqa: ARG002  the protocol's signature
        """Return true: a hub has a supply of its own."""
        return True

    def command(self, effect: Effect, row: int, value: int, kept: int) -> Command | ExceptionCode | None:
        """Return the setting that writing a register of a hub asks for."""
        return SetPulseHub(row, effect.value, value, kept)
