"""What others may set, from the bytes they send to what they ask of the station.

No topics and no messages here; whatever the bytes, nothing but FaultyRequestError is raised.
"""

import math
import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from gateway.commands import Change, Command, ResetPeak
from gateway.errors import FaultyRequestError
from gateway.mqtt.homie.properties import LIMITS, LOAD, LOAD_POWER_FACTOR, RESET, RESET_PEAK
from sims.points import POINTS
from sims.snapshot import Snapshot

_FLOAT: Final = re.compile(rb"-?[0-9]+(?:\.[0-9]*)?(?:[eE]-?[0-9]+)?")
_FIELDS: Final = {LOAD: "kw", LOAD_POWER_FACTOR: "power_factor"}
_LONGEST: Final = 64
_DIGITS: Final = 3


class Load(NamedTuple):
    """A constant load: active power [kW], and power factor, leading if negative."""

    kw: float
    power_factor: float


class Setting(NamedTuple):
    """What is asked of the station, and which load the meter has then if it is another."""

    command: Command
    load: Load | None = None


def setting(property_id: str, payload: bytes, row: int, load: Load) -> Setting:
    """Return what `payload`, set at a property of the meter in `row` with that `load`, asks for.

    Raises FaultyRequestError.
    """
    if property_id == RESET_PEAK:
        if payload != RESET.encode():
            raise FaultyRequestError(f"{RESET_PEAK}: {_quoted(payload)} is no command; allowed: {RESET}")
        return Setting(ResetPeak(row))
    load = load._replace(**{_FIELDS[property_id]: _number(property_id, payload)})
    return Setting(Change(row, {"load": load._asdict()}), load)


def measured_loads(snapshot: Snapshot) -> Sequence[Load]:
    """Return the load of each meter as it measures it; none where it measures nothing."""
    kw, factors = (POINTS[name].shown(snapshot.column(name)) for name in ("active_power", "power_factor"))
    return list(map(_measured, kw.tolist(), factors.tolist()))


def _measured(kw: float, factor: float) -> Load:
    """Return a load of these values; a measured factor has the sign of the power, not of the angle."""
    if not (math.isfinite(kw) and math.isfinite(factor)):
        return Load(0.0, 1.0)
    return Load(round(kw, _DIGITS), min(1.0, round(abs(factor), _DIGITS)))


def _number(property_id: str, payload: bytes) -> float:
    """Return a float as Homie writes it, within its limits."""
    limit = LIMITS[property_id]
    if len(payload) <= _LONGEST and _FLOAT.fullmatch(payload) and abs(value := float(payload)) <= limit:
        return value + 0.0
    raise FaultyRequestError(
        f"{property_id}: {_quoted(payload)} cannot be; allowed: a number of {-limit} to {limit}"
    )


def _quoted(payload: bytes) -> str:
    """Return what can be shown of bytes that anybody may have sent."""
    return ascii(payload[:_LONGEST].decode(errors="replace"))
