"""What is written to a device, as commands to the station.

Nothing is carried out here, and topics are not known.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from gateway.commands import Change, Command, ResetPeak
from gateway.errors import FaultyRequestError
from gateway.mqtt.sparkplug.metrics import COMMANDS, DEVICE, LOAD_KW, LOAD_POWER_FACTOR, RESET_PEAK
from gateway.mqtt.sparkplug.payload import Value, Written, alias

_LONGEST_NAME: Final = 64
_ALLOWED: Final = ", ".join(metric.name for metric in COMMANDS)
_NUMBERS: Final = (LOAD_KW, LOAD_POWER_FACTOR)


class Wish(NamedTuple):
    """What somebody wants of a device: commands, and what its metrics show once they are carried out."""

    commands: tuple[Command, ...]
    shown: Mapping[str, Any]


def wish(written: Sequence[Written], row: int, owner: int, shown: Mapping[str, Any]) -> Wish:
    """Return what is wanted of the meter in `row`, whose metrics have `owner` and show `shown`.

    All or nothing: raises FaultyRequestError for a metric that it does not have or that cannot be written,
    and for a value that cannot be.
    """
    values = {_name(one, owner): one.value for one in written}
    for name, value in values.items():
        _check(name, value)
    commands: list[Command] = [ResetPeak(row)] if values.pop(RESET_PEAK, False) else []
    load = {**shown, **values}
    if values and load[LOAD_KW] is None:
        raise FaultyRequestError(f"a power factor needs a load; allowed: with {LOAD_KW}, or after it")
    if values:
        changes = {"load": {"kw": load[LOAD_KW], "power_factor": load[LOAD_POWER_FACTOR]}}
        commands.append(Change(row, changes))
    return Wish(tuple(commands), values)


def _name(written: Written, owner: int) -> str:
    """Return the name of a metric that is written by its name or its alias, empty if there is none."""
    if written.name is not None:
        return written.name
    return "" if written.alias is None else _BY_ALIAS.get(written.alias - alias(owner, 0), "")


_BY_ALIAS: Final = {metric.place: name for name, metric in DEVICE.items()}


def _check(name: str, value: Value) -> None:
    """Raise FaultyRequestError where a metric cannot have a value."""
    shown = repr(name[:_LONGEST_NAME]) if name else "a metric without a known name or alias"
    if name not in _WRITABLE:
        raise FaultyRequestError(f"{shown} cannot be written; allowed: {_ALLOWED}")
    if name in _NUMBERS:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise FaultyRequestError(f"{shown} is not a number; allowed: a Double")
    elif not isinstance(value, bool):
        raise FaultyRequestError(f"{shown} is not true or false; allowed: a Boolean")


_WRITABLE: Final = frozenset(metric.name for metric in COMMANDS)
