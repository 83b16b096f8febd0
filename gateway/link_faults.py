"""Faults of the line: what is wrong with whose connection, and which of the requests meet it.

The same for every protocol; what a fault makes of an answer is decided in the folder of each. No sockets, no
asyncio and no wall clock: how late it is, snapshots say.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from random import Random
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, get_args

from sims.points import NS_PER_S, Columns, nanoseconds
from sims.snapshot import Snapshot

CommonMode = Literal["ok", "silent", "refuse", "slow", "drop", "garble", "frozen"]
"""The modes that every protocol has."""

ModbusMode = Literal[
    CommonMode,
    "truncate",
    "wrong_transaction",
    "wrong_unit",
    "wrong_length",
    "word_swap",
    "behind",
]

BacnetMode = Literal[
    CommonMode,
    "error",
    "reject",
    "abort",
    "no_segmentation",
    "cov_lost",
    "duplicate_instance",
    "wrong_clock",
    "out_of_service",
    "unreliable",
]

MqttMode = Literal[
    CommonMode,
    "offline",
    "late",
    "out_of_order",
    "duplicate",
    "malformed",
    "nan",
]

MODES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"modbus": get_args(ModbusMode), "bacnet": get_args(BacnetMode), "mqtt": get_args(MqttMode)}
)
"""The protocols whose lines can have faults, and their modes."""

DEFAULT_DELAYS_S: Final[Mapping[str, float]] = MappingProxyType({"slow": 0.5, "late": 5.0})
"""How long a mode holds back what is said where nobody says [s]; the others do not."""


@dataclass(frozen=True, slots=True)
class LinkFault:
    """A fault of a line; `ok` is none.

    The part `rate` of the requests meets it. An answer is held back for `delay_s`, or normally distributed
    about that with the standard deviation `jitter_s` [s of wall time]. It ends after `count` requests that
    met it, or `for_s` after it was set [s of simulated time]. `exception` is the code of a refusal; on BACnet
    that of an error, of class `error_class`, or the reason of an abort or a reject. `offset_s` is how far a
    wrong clock goes ahead [s].
    """

    mode: str = "ok"
    exception: int = 0x0B
    delay_s: float = 0.0
    jitter_s: float = 0.0
    rate: float = 1.0
    count: int | None = None
    for_s: float | None = None
    error_class: int = 0
    offset_s: float = 0.0


OK: Final = LinkFault()


class Draws:
    """What chance decides about one request, by its `name` alone; made only where something is drawn."""

    def __init__(self, name: str) -> None:
        self._name = name

    @cached_property
    def random(self) -> Random:
        """What is drawn from."""
        return Random(self._name)  # noqa: S311  reproducible, and no secret


class Strike(NamedTuple):
    """What one request meets: a fault, or `ok`, and how long its answer is held back [s of wall time].

    What else is to be drawn, is from `draws`. `whole` is whether it is the fault of the port.
    """

    fault: LinkFault
    delay: float
    draws: Draws
    whole: bool


MISSED: Final = Strike(OK, 0.0, Draws(""), whole=False)


class Traffic(NamedTuple):
    """A kind of messages: the `modes` that concern them, None for all; its name keeps its draws apart."""

    name: str = ""
    modes: Collection[str] | None = None


REQUESTS: Final = Traffic()


class _Standing:
    """A fault that is set, how many requests it still strikes and when it ends [ns], None for never."""

    __slots__ = ("end", "fault", "left")

    def __init__(self, fault: LinkFault) -> None:
        self.fault = fault
        self.left = fault.count
        self.end: int | None = None


class Links:
    """The faults of one protocol's lines: those of meters, by row, and that of the port, None, for all.

    Only the station sets them, and shows them each snapshot before the adapters do. What is drawn depends on
    `seed`, the protocol, the meter and how many requests it got while there was a fault, on nothing else.

    `held` is what the meters showed that are frozen, each when that was set, and `held_whole` what all of
    them showed when the port was frozen; both are replaced when something is set, never changed. `step`
    counts the steps of time of which one may be behind: regular ticks, or advances of a manual clock; the
    tick that a command makes for itself is none.
    """

    def __init__(self, protocol: str, seed: int) -> None:
        self._name = f"{seed} {protocol}"
        self._standing: dict[int | None, _Standing] = {}
        self._new: list[int | None] = []
        self._ends: dict[int | None, int] = {}
        self._asked: dict[tuple[int | None, str], int] = {}
        self._now = 0
        self._stepped = 0
        self.step = 0
        self.held: Columns = {}
        self.held_whole: Columns = {}
        self.begun: Sequence[int | None] = ()
        """The rows, None for the port, whose faults began with the latest snapshot."""

    @property
    def rows(self) -> Collection[int | None]:
        """The rows, None for the port, that have faults of their own."""
        return self._standing.keys()

    def set(self, row: int | None, fault: LinkFault) -> None:
        """Let the line of the meter in `row`, or the port, have `fault` alone from the next snapshot on."""
        self._end(row)
        if fault.mode != "ok":
            self._standing[row] = _Standing(fault)
            self._new.append(row)

    def show(self, snapshot: Snapshot) -> None:
        """Let what was set begin, and what ends by the end of this tick be over."""
        self._now = snapshot.tick.time
        if self._now - self._stepped >= max(snapshot.tick.regular, 1):
            self.step, self._stepped = self.step + 1, self._now
        new, self._new = [row for row in self._new if row in self._standing], []
        for row in new:
            standing = self._standing[row]
            if standing.fault.for_s is not None:
                standing.end = self._ends[row] = self._now + nanoseconds(standing.fault.for_s)
        self.begun = new
        frozen = [row for row in new if self._standing[row].fault.mode == "frozen"]
        if None in frozen:
            self.held_whole = snapshot.columns
        self._hold([row for row in frozen if row is not None], snapshot.columns)
        for row in [row for row, end in self._ends.items() if end <= self._now]:
            self._end(row)
        self._let_go()

    def _hold(self, rows: Sequence[int], columns: Columns) -> None:
        """Keep what the meters in `rows` show; what is kept is replaced, never changed."""
        if rows:
            held = {name: self.held.get(name, column).copy() for name, column in columns.items()}
            for name, column in held.items():
                column[rows] = columns[name][rows]
            self.held = held

    def _let_go(self) -> None:
        """Keep nothing any more of what nobody shows who is frozen."""
        frozen = [row for row, standing in self._standing.items() if standing.fault.mode == "frozen"]
        if self.held_whole and None not in frozen:
            self.held_whole = {}
        if not set(frozen) - {None}:
            self.held = {}

    def _end(self, row: int | None) -> None:
        self._standing.pop(row, None)
        self._ends.pop(row, None)

    def fault(self, row: int | None) -> LinkFault:
        """Return the fault of a meter's own line, or of the port, with what is left of its count and time."""
        standing = self._standing.get(row)
        if standing is None:
            return OK
        left = None if standing.end is None else (standing.end - self._now) / NS_PER_S
        return replace(standing.fault, count=standing.left, for_s=left)

    def mode(self, row: int | None) -> str:
        """Return the mode of the fault of a meter's own line, or of the port; `ok` where there is none."""
        standing = self._standing.get(row)
        return OK.mode if standing is None else standing.fault.mode

    def on(self, row: int | None) -> bool:
        """Return whether a request to the meter in `row`, or to none, may meet a fault."""
        return row in self._standing or None in self._standing

    def strike(self, row: int | None, traffic: Traffic = REQUESTS) -> Strike:
        """Return what the next request to the meter in `row`, or to none, meets; its own fault goes first.

        Likewise of another kind of `traffic`.
        """
        key = row, traffic.name
        number = self._asked[key] = self._asked.get(key, 0) + 1
        draws = Draws(f"{self._name} {row}{traffic.name} {number}")
        for place in dict.fromkeys((row, None)):
            standing = self._standing.get(place)
            if standing is None or (traffic.modes is not None and standing.fault.mode not in traffic.modes):
                continue
            if standing.fault.rate == 1 or draws.random.random() < standing.fault.rate:
                return self._struck(place, standing, draws)
        return MISSED

    def _struck(self, place: int | None, standing: _Standing, draws: Draws) -> Strike:
        fault = standing.fault
        if standing.left is not None:
            standing.left -= 1
            if not standing.left:
                self._end(place)
        delay = fault.delay_s
        if fault.jitter_s:
            delay = max(0.0, draws.random.gauss(delay, fault.jitter_s))
        return Strike(fault, delay, draws, place is None)


LinksByProtocol = Mapping[str, Links]
"""The lines of every protocol, which have faults of their own."""


def links_of(seed: int, faults: Mapping[int | None, Mapping[str, LinkFault]]) -> LinksByProtocol:
    """Return the lines of every protocol with the `faults` of rows, and of the port, by protocol."""
    links = {protocol: Links(protocol, seed) for protocol in MODES}
    for row, by_protocol in faults.items():
        for protocol, fault in by_protocol.items():
            links[protocol].set(row, fault)
    return links
