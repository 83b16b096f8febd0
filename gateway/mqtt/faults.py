"""What a fault of the line makes of what a meter says over MQTT, and of what it is asked.

Which rounds and commands meet a fault is decided in `gateway.link_faults`, when something late goes out in
`late`. Snapshots and messages: no sockets, no asyncio and no clock.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Final, NamedTuple

from gateway.commands import Broadcast, Change, Command, Request, SetLink
from gateway.errors import RequestRefusedError
from gateway.link_faults import MISSED, MODES, Links, Strike, Traffic
from gateway.mqtt.convention import SILENCE, Convention
from gateway.mqtt.messages import Message
from sims.points import Columns
from sims.snapshot import Snapshot, frozen

_OFF: Final = frozenset({"offline", "drop"})
"""Who is struck by these is said to be lost."""
_MUTE: Final = _OFF | {"silent"}
_STATES: Final = frozenset(MODES["mqtt"]) - {"refuse"}
_COMMANDS: Final = frozenset(MODES["mqtt"]) - {"frozen", "out_of_order"}

_MEASURED: Final = re.compile(rb'"(?!tick")\w+":(-?\d[\d.eE+-]*)')
"""A number in a JSON object."""
_NUMBER: Final = re.compile(rb"(-?\d[\d.eE+-]*)")
_OBJECT: Final = b"{"


class Utterance(NamedTuple):
    """What the meter in `row` says, or nobody's, and how much later it goes out [s of wall time]."""

    row: int | None
    messages: Sequence[Message]
    delay: float


class Faults:
    """The faults of `links` on what `convention` says and is asked.

    What meets a fault is all that a meter says in one round, or one command.
    """

    def __init__(self, links: Links, convention: Convention) -> None:
        self._links = links
        self._convention = convention
        self._states = Traffic(f" states {convention.name}", _STATES)
        self._commands = Traffic(f" commands {convention.name}", _COMMANDS)
        self._strikes: Mapping[int, Strike] = {}
        self._shown: Columns = {}
        self._lost: set[int] = set()
        self._held_back: dict[int, Sequence[Message]] = {}

    def __bool__(self) -> bool:
        """Whether anybody meets anything in this round, or has yet to be put right."""
        return bool(self._strikes or self._lost or self._held_back)

    def forget(self) -> None:
        """Forget what was held back for a connection that is over."""
        self._held_back.clear()

    def shown(self, snapshot: Snapshot) -> Snapshot:
        """Begin a round: decide what each meter meets in it; return the snapshot that they all show then.

        Who is frozen shows what he showed when that began. Who says nothing goes on showing what he showed
        last, so that a convention that tells changes finds none, and finds them all afterwards.
        """
        self._strikes = self._struck(snapshot.meters) if self._links.rows else {}
        stuck: list[tuple[Columns, list[int]]] = [
            (self._links.held, self._in({"frozen"}, whole=False)),
            (self._links.held_whole, self._in({"frozen"}, whole=True)),
            (self._shown, [*self._in(_MUTE, whole=False), *self._in(_MUTE, whole=True)]),
        ]
        view = _with_held(snapshot, [(columns, rows) for columns, rows in stuck if columns and rows])
        self._shown = view.columns
        return view

    def _struck(self, meters: int) -> Mapping[int, Strike]:
        """Return what the meters meet that meet something; who has a state held back says it first."""
        own = [row for row in self._links.rows if row is not None]
        rows: Collection[int] = range(meters) if None in self._links.rows else own
        met = {row: self._links.strike(row, self._states) for row in rows if row not in self._held_back}
        return {row: strike for row, strike in met.items() if strike is not MISSED}

    def _in(self, modes: Collection[str], *, whole: bool) -> list[int]:
        """Return the rows that meet one of `modes`, of their own or that of the port."""
        strikes = self._strikes.items()
        return [row for row, strike in strikes if strike.fault.mode in modes and strike.whole == whole]

    def births(self, view: Snapshot) -> Iterator[Message]:
        """Yield the births in a round that shows `view`, and then who is lost all the same."""
        yield from self._convention.births(view)
        for row in sorted(self._lost):
            yield from self._convention.lost(row)

    def states(self, view: Snapshot) -> Iterator[Utterance]:
        """Yield what each meter in turn says in a round that shows `view`."""
        for row, messages in enumerate(self._convention.states(view)):
            strike = self._strikes.get(row, MISSED)
            yield Utterance(row, self._said(row, messages, strike, view), strike.delay)

    def _said(
        self, row: int, messages: Sequence[Message], strike: Strike, view: Snapshot
    ) -> Sequence[Message]:
        mode = strike.fault.mode
        if mode in _OFF:
            known = row in self._lost
            self._lost.add(row)
            return SILENCE if known else self._convention.lost(row)
        said: list[Message] = []
        if row in self._lost:
            self._lost.remove(row)
            said += self._convention.found(row, view)
        if mode == "out_of_order" and messages:
            self._held_back[row] = messages
        elif mode != "silent":
            said += sent(strike, messages)
            said += self._held_back.pop(row, SILENCE) if messages else SILENCE
        return said

    def asked(self, request: Request) -> tuple[int | None, Strike]:
        """Return whom a request concerns, None for no meter, and what it meets; what sets links, nothing."""
        commands = _commands(request)
        row = next((row for each in commands if (row := getattr(each, "row", None)) is not None), None)
        if not self._links.on(row) or (commands and all(map(_sets_links, commands))):
            return row, MISSED
        return row, self._links.strike(row, self._commands)


def _with_held(snapshot: Snapshot, held: Sequence[tuple[Columns, list[int]]]) -> Snapshot:
    """Return a snapshot in which the meters in some rows show what they show in other columns."""
    if not held:
        return snapshot
    columns = {name: column.copy() for name, column in snapshot.columns.items()}
    for source, rows in held:
        for name, column in columns.items():
            column[rows] = source[name][rows]
    return replace(snapshot, columns=frozen(columns))


def _commands(request: Request) -> Sequence[Command]:
    if isinstance(request, Broadcast):
        return request.commands
    return request if isinstance(request, tuple) else ()


def _sets_links(command: Command) -> bool:
    return isinstance(command, SetLink) or (
        isinstance(command, Change) and command.changes.keys() == {"link"}
    )


def lost(strike: Strike) -> bool:
    """Return whether a command gets lost."""
    return strike.fault.mode in _MUTE


def refused(strike: Strike) -> RequestRefusedError | None:
    """Return the refusal that is said to a command in place of what would come of it, if there is one."""
    refuses = strike.fault.mode == "refuse"
    return RequestRefusedError("a fault of the line refuses every command") if refuses else None


def sent(strike: Strike, messages: Sequence[Message]) -> Sequence[Message]:
    """Return messages as a fault lets them go out; their topics are always right."""
    match strike.fault.mode:
        case "duplicate":
            return [each for message in messages for each in (message, message)]
        case "malformed":
            return [each._replace(payload=each.payload[: len(each.payload) // 2]) for each in messages]
        case "garble":
            return [each._replace(payload=_garbled(each.payload, strike.draws.random)) for each in messages]
        case "nan":
            return _with_nan(messages, strike.draws.random)
    return messages


def _garbled(payload: bytes, random: Random) -> bytes:
    """Return a payload of which every byte is another one."""
    return bytes(byte ^ random.randint(1, 255) for byte in payload)


def _with_nan(messages: Sequence[Message], random: Random) -> Sequence[Message]:
    """Return messages in which one number is NaN; JSON has no such word, but devices write it."""
    places = [
        (index, *found.span(1))
        for index, message in enumerate(messages)
        for found in _numbers(message.payload)
    ]
    if not places:
        return messages
    index, start, end = random.choice(places)
    payload = messages[index].payload
    changed = messages[index]._replace(payload=payload[:start] + b"NaN" + payload[end:])
    return [*messages[:index], changed, *messages[index + 1 :]]


def _numbers(payload: bytes) -> Iterator[re.Match[bytes]]:
    """Yield the numbers of a JSON object but for its tick, or the one that a payload is as a whole."""
    if payload.startswith(_OBJECT):
        return _MEASURED.finditer(payload)
    whole = _NUMBER.fullmatch(payload)
    return iter((whole,) if whole else ())
