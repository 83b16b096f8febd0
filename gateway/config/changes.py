"""What may change while it runs: from what a client says to how a meter is connected, and back.

The faults of its line, and of the port, are set likewise. Both ways the words are those of the configuration
file. Files are never read here, whatever a client names.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeVar, get_args

from pydantic import ValidationError

from gateway.config.connection import Connector
from gateway.config.document import Place
from gateway.config.link_sections import Faults, LinkSection, faults_of
from gateway.config.load_sections import Shown, as_section
from gateway.config.loads import GivenLoad
from gateway.config.meter_sections import EnvironmentSection, SupplySection, WiringSection
from gateway.config.replays import SeriesFiles
from gateway.config.report import key_at
from gateway.config.section import Section
from gateway.errors import FaultyRequestError
from gateway.validation import MOST_FAULTS, Schema, explain, keys_of
from sims.meter import MeterSpec
from sims.network import Supply
from sims.profiles import ConstantLoad, DailyShape, LineCurrents, LoadSpec, Replay, Sum
from sims.wiring import CtInput, VoltageInput, Wiring

_Kind = TypeVar("_Kind", bound=Section)

_MERGED: Final = ("wiring", "supply", "environment")
"""What is changed key by key; a load is replaced."""


class ChangeSection(Section):
    """What to change of a meter; what is left out stays."""

    load: GivenLoad = None  # type: ignore[assignment]  # what is left out is not looked at
    wiring: WiringSection = WiringSection()
    supply: SupplySection = SupplySection()
    environment: EnvironmentSection = EnvironmentSection()
    link: LinkSection = LinkSection()


class GatewayChangeSection(Section):
    """What to change of the gateway; what is left out stays."""

    link: LinkSection = LinkSection()


class _Faults:
    """Everything that is wrong with a request, gathered before it is refused."""

    def __init__(self) -> None:
        self._told: list[str] = []

    def add(self, place: Place, message: str) -> None:
        self._told.append(f"{key_at(('body', *place))}: {message}")

    def raise_if_any(self) -> None:
        if self._told:
            raise FaultyRequestError("; ".join(self._told))


def change_schema() -> dict[str, Any]:
    """Return the JSON Schema of what `changed` takes, complete in itself; nothing left out has a default."""
    return _whole(ChangeSection)


def gateway_change_schema() -> dict[str, Any]:
    """Return the JSON Schema of what `gateway_changed` takes, likewise."""
    return _whole(GatewayChangeSection)


def _whole(kind: type[Section]) -> dict[str, Any]:
    schema = _schema(kind)
    whole: dict[str, Any] = _inlined(schema, schema["$defs"], frozenset())
    return whole | {"minProperties": 1}


@lru_cache
def _schema(kind: type[Section]) -> Schema:
    """Return the JSON Schema of a section, made once: every faulty request asks for it."""
    return kind.model_json_schema()


def changed(spec: MeterSpec, changes: Mapping[str, Any]) -> MeterSpec:
    """Return `spec` with `changes`, a JSON object, put over it. Raises FaultyRequestError.

    What is wrong with the faults of its line is told as well; `link_changed` returns them.
    """
    faults = _Faults()
    section = _validated(ChangeSection, _merged(connection(spec), changes), faults)
    faults.raise_if_any()
    connector = Connector(spec.nameplate.model, faults.add)
    made: dict[str, Any] = {
        "wiring": connector.wiring(section.wiring),
        "supply": connector.supply(section.supply),
        "frequency_hz": section.supply.frequency_hz,
        "temperature_c": section.environment.temperature_c,
    }
    if "load" in section.model_fields_set:
        made["load"] = connector.load(section.load, spec.nameplate.ct_a, SeriesFiles(Path()))
    faults.raise_if_any()
    return replace(spec, **made)


def link_changed(changes: Mapping[str, Any]) -> Faults:
    """Return the faults that `changes`, which `changed` has taken, set on the line of a meter."""
    return faults_of(LinkSection.model_validate(changes.get("link", {})))


def gateway_changed(changes: Mapping[str, Any]) -> Faults:
    """Return the faults that `changes`, a JSON object, set on the port. Raises FaultyRequestError."""
    faults = _Faults()
    section = _validated(GatewayChangeSection, changes, faults)
    faults.raise_if_any()
    return faults_of(section.link)


def connection(spec: MeterSpec) -> dict[str, dict[str, Any]]:
    """Return load, wiring, supply and environment of a meter as `changed` takes them."""
    return {
        "load": _load(spec.load),
        "wiring": _wiring(spec.wiring),
        "supply": {"frequency_hz": spec.frequency_hz, **_supply(spec.supply, spec)},
        "environment": {"temperature_c": spec.temperature_c},
    }


def _merged(now: Mapping[str, dict[str, Any]], body: Mapping[str, Any]) -> dict[str, Any]:
    """Return `body` with what it leaves out of wiring, supply and surroundings taken from `now`.

    A load that is what it was is left out: so what is shown can be sent back, also of a load from a file.
    """
    given = {key: value for key, value in body.items() if key != "load" or value != now["load"]}
    if not body:
        return given
    return given | {key: _over(now[key], body[key]) if key in body else now[key] for key in _MERGED}


def _over(now: Any, given: Any) -> Any:
    """Return mappings merged, however deep; anything else that is given stands for itself."""
    if not isinstance(now, Mapping) or not isinstance(given, Mapping):
        return given
    return {**now, **{key: _over(now.get(key), value) for key, value in given.items()}}


def _validated(kind: type[_Kind], values: Mapping[str, Any], faults: _Faults) -> _Kind:
    """Return the sections; what is wrong in one of them is noted."""
    if not values:
        faults.add((), f"changes nothing; allowed: {', '.join(kind.model_fields)}")
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        schema = _schema(kind)
        for one in error.errors()[:MOST_FAULTS]:
            place = keys_of(one["loc"], schema)
            faults.add(place, explain(one, schema))
        return kind()


def _constant(load: ConstantLoad) -> dict[str, Any]:
    return {"kw": load.kw, "power_factor": load.power_factor}


def _currents(load: LineCurrents) -> dict[str, Any]:
    between = {one.pair: {"amps": one.amps, "pf": one.pf} for one in load.between}
    factors = load.pf or (1.0,) * len(load.amps)
    return {"amps": list(load.amps), "pf": list(factors), "between": between}


def _daily(load: DailyShape) -> dict[str, Any]:
    names = ("profile", "annual_kwh", "power_factor", "noise")
    return {name: getattr(load, name) for name in names} | {"zone": str(load.zone)}


def _sum(load: Sum) -> dict[str, Any]:
    parts = [_load(part) for part in load.loads]
    return {"sum": parts, "shares": list(load.shares), "noise": load.noise}


def _replay(load: Replay) -> dict[str, Any]:
    """Return a replay without its file, which is nobody's business who does not see the configuration."""
    names = ("align", "end", "power_factor")
    return {"profile": "replay"} | {name: getattr(load, name) for name in names}


_LOADS: Final[Mapping[type[LoadSpec], Callable[[Any], dict[str, Any]]]] = MappingProxyType(
    {
        ConstantLoad: _constant,
        LineCurrents: _currents,
        DailyShape: _daily,
        Sum: _sum,
        Replay: _replay,
        **dict.fromkeys(get_args(Shown), as_section),
    }
)
"""What returns a load as it would be written, by its kind."""


def _load(load: LoadSpec) -> dict[str, Any]:
    return _LOADS[type(load)](load)


def _wiring(wiring: Wiring) -> dict[str, Any]:
    cts = {f"ct{k}": _ct(ct) for k, ct in enumerate(wiring.cts, 1)}
    voltages = {f"v{k}": _voltage(terminal) for k, terminal in enumerate(wiring.voltages, 1)}
    return {**cts, **voltages, "n": {"open": wiring.neutral_open}}


def _ct(ct: CtInput) -> dict[str, Any]:
    polarity = "reversed" if ct.reversed else "normal"
    return {
        "line": ct.line,
        "polarity": polarity,
        "ratio": ct.ratio,
        "open": ct.open,
        "exchanged": ct.exchanged,
    }


def _voltage(terminal: VoltageInput) -> dict[str, Any]:
    return {"line": terminal.line, "open": terminal.open}


def _supply(supply: Supply, spec: MeterSpec) -> dict[str, Any]:
    model = spec.nameplate.model
    volts: Sequence[float] = supply.volts or (model.voltage.nominal,) * model.elements
    neutral = "lost" if supply.neutral_lost else "connected"
    return {"volts": list(volts), "lost": sorted(supply.lost), "neutral": neutral}


def _inlined(node: Any, kinds: Mapping[str, Any], inside: frozenset[str]) -> Any:
    """Return a JSON Schema with what it refers to in the place of the reference, and without defaults.

    Of a kind in the `inside` of which it stands already, as a sum in a sum, the description alone.
    """
    if isinstance(node, list):
        return [_inlined(one, kinds, inside) for one in node]
    if not isinstance(node, Mapping):
        return node
    if "$ref" in node:
        name = node["$ref"].rsplit("/", 1)[-1]
        kind = kinds[name]
        if name in inside:
            kind = {"type": kind["type"], "description": f"{kind['description']} As above."}
        node, inside = {**kind, **node}, inside | {name}
    left_out = {"$ref", "$defs", "default"}
    return {key: _inlined(value, kinds, inside) for key, value in node.items() if key not in left_out}
