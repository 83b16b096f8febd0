"""Commands to `set/<command>`, and what is answered on `result`: from a message to a request, and back.

What a payload may be is what the HTTP API takes, and what is wrong with one is said in the same words.
Nothing is carried out here.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

import orjson

from gateway.bodies import ClockChange, KeySwitch, read
from gateway.clock import iso
from gateway.commands import Change, Outcome, Request, ResetPeak
from gateway.errors import FaultyRequestError, RequestRefusedError
from gateway.mqtt.convention import Asked, Control, Heard, Said
from gateway.mqtt.messages import Incoming, Message, Properties
from gateway.mqtt.plain.topics import Topics
from gateway.validation import shown
from sims.models import Nameplate

LARGEST_BODY: Final = 64 * 1024
"""The largest payload that is read [bytes]."""

_SET: Final = "set"
_CHANGES: Final = ("load", "wiring", "supply", "environment", "link")
_LONGEST_TOPIC: Final = 65_535
_PUBLISHED_TO: Final = re.compile(r"[^$+#\x00][^+#\x00]*")
"""What is taken for a topic that may be published to."""


class _Wish(NamedTuple):
    """What is asked for, and what is said to it, from the station's word, when it is carried out."""

    request: Request
    said: Callable[[str], Mapping[str, Any]] = lambda _: {}


_Reader = Callable[[bytes], _Wish]
"""Takes a payload for what it asks. Raises RequestRefusedError."""


class _Reply(NamedTuple):
    """Where and with which mark a command is answered."""

    topic: str
    command: str
    properties: Properties

    def say(self, *, ok: bool, **words: object) -> Sequence[Message]:
        """Return the answer."""
        payload = orjson.dumps({"command": self.command, "ok": ok, **words})
        return [Message(self.topic, payload, qos=1, retain=False, properties=self.properties)]

    def refuse(self, reason: RequestRefusedError) -> Sequence[Message]:
        """Return what is wrong as the answer."""
        return self.say(ok=False, error=str(reason))


class Commands:
    """The commands to `meters`, given in the order of the snapshots' columns, and to the gateway itself."""

    def __init__(self, topics: Topics, meters: Sequence[Nameplate], control: Control) -> None:
        self._root = topics.root
        self._user = topics.user
        self._rows = {meter.id: row for row, meter in enumerate(meters)}
        self._allowed = f"{meters[0].id} to {meters[-1].id}" if meters else "none"
        self._control = control
        self.subscriptions: Final = (f"{self._root}/{_SET}/+", f"{self._root}/+/{_SET}/+")

    def heard(self, incoming: Incoming) -> Heard:
        """Return what is asked for, or what is wrong with it; None if it is no command."""
        before, _, levels = incoming.topic.partition(f"{self._root}/")
        match [before, *levels.split("/")]:
            case ["", "set", command]:
                meter, place = None, self._root
            case ["", meter, "set", command]:
                place = f"{self._root}/{meter}"
            case _:
                return None
        command = command.replace("_", "-")
        reply = self._reply(incoming, f"{place}/result", command)
        try:
            _refuse_retained(incoming)
            wish = self._reader(meter, command)(incoming.payload)
        except RequestRefusedError as refusal:
            return Said(reply.refuse(refusal))
        return Asked(wish.request, partial(self._answer, reply, wish))

    def _reply(self, incoming: Incoming, usual: str, command: str) -> _Reply:
        """Return how to answer: at the response topic if one is named that can be published to."""
        named = incoming.response_topic
        topic = named if _PUBLISHED_TO.fullmatch(named) else usual
        if len(topic.encode()) > _LONGEST_TOPIC:  # `result` is longer than the shortest commands
            topic = f"{self._root}/result"
        properties = Properties("application/json", user=self._user, correlation=incoming.correlation)
        return _Reply(topic, command, properties)

    def _answer(
        self, reply: _Reply, wish: _Wish, outcome: Outcome | RequestRefusedError
    ) -> Sequence[Message]:
        if isinstance(outcome, RequestRefusedError):
            return reply.refuse(outcome)
        tick = self._control.clock_state().tick
        return reply.say(ok=True, **wish.said(outcome[0]), time=iso(tick.time), tick=tick.number)

    def _reader(self, meter: str | None, command: str) -> _Reader:
        """Return what reads the payload of a command. Raises RequestRefusedError if there is none of it."""
        readers = self._of_gateway() if meter is None else _of_meter(self._row(meter))
        if command not in readers:
            raise RequestRefusedError(f"there is no command {shown(command)}; allowed: {', '.join(readers)}")
        return readers[command]

    def _row(self, meter: str) -> int:
        if (row := self._rows.get(meter)) is None:
            raise RequestRefusedError(f"there is no meter {shown(meter)}; allowed: {self._allowed}")
        return row

    def _of_gateway(self) -> Mapping[str, _Reader]:
        return {"link": self._links, "speed": _speed}

    def _links(self, payload: bytes) -> _Wish:
        return _Wish((self._control.gateway_change({"link": _parsed(payload)}),))


def _of_meter(row: int) -> Mapping[str, _Reader]:
    """Return what reads the payloads of the commands to a meter."""
    return {
        **{name: partial(_change, row, name) for name in _CHANGES},
        "key-switch": partial(_turn, row),
        "reset-peak": lambda _: _Wish((ResetPeak(row),)),
        "speed": _speed,
    }


def _change(row: int, name: str, payload: bytes) -> _Wish:
    return _Wish((Change(row, {name: _parsed(payload)}),))


def _turn(row: int, payload: bytes) -> _Wish:
    turn = read(KeySwitch, _parsed(payload))
    return _Wish((turn.command(row),), lambda reason: {"reset": turn.reset(reason), "reason": reason})


def _speed(payload: bytes) -> _Wish:
    """Take a number for a speed, or what the HTTP API takes for the clock."""
    value = _parsed(payload)
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return _Wish(read(ClockChange, {"speed": value} if plain else value).request())


def _parsed(payload: bytes) -> Any:
    """Return what a payload says in JSON. Raises FaultyRequestError."""
    if len(payload) > LARGEST_BODY:
        raise FaultyRequestError(f"the body is too large; allowed: {LARGEST_BODY} bytes")
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise FaultyRequestError(f"body, character {error.pos}: is not JSON: {error.msg}") from None


def _refuse_retained(incoming: Incoming) -> None:
    if incoming.retain:
        raise RequestRefusedError("a retained command is not obeyed; allowed: one that is not retained")
