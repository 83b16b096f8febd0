"""One port as its clients see it: requests as frames in, answers as frames out, in order.

A plain read that was asked before in this tick is answered from `kept`; anything else goes through the bank.
No sockets and no asyncio: what has to be waited for is handed back as `Later`.
"""

from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Final, NamedTuple

from gateway.commands import Command
from gateway.link_faults import MISSED, Strike
from gateway.modbus.bank import GATEWAY_UNITS, Bank
from gateway.modbus.framing.faults import framed
from gateway.modbus.framing.framing import Framing
from gateway.modbus.pdu import DIAGNOSTICS, READS, ExceptionCode, Write, refused
from gateway.modbus.units import diagnostics
from gateway.modbus.units.diagnostics import LineCounters, UnitCounters
from gateway.modbus.units.faults import Faults, lost

FRAMES_AT_ONCE: Final = 256
"""Requests answered in one go; 256 of the longest answers make 66 kB."""

TURN: Final = 0.002
"""How long requests may take that are answered in one go [s]."""

ANSWERS_KEPT: Final = 8192
"""Answers that a line keeps at most within one tick: about 3 MB."""

_EVERYBODY: Final = 0
"""The unit id of a broadcast on a serial line (serial line guide V1.02, 2.2)."""


class Kept:
    """An answer that every client gets who asks the same within the tick.

    How often it was `given`, the first time as well, is added up by the line later.
    """

    __slots__ = ("answer", "counters", "given", "pdu")

    def __init__(self, answer: bytes, pdu: bytes, counters: UnitCounters) -> None:
        self.answer = answer
        self.pdu = pdu
        self.counters = counters
        self.given = 1


def _nothing() -> bytes:
    return b""


class Later(NamedTuple):
    """What must be done before a request is answered, as whole frames.

    When `commands` are applied and `delay` [s of wall time] is over, what `done` returns goes out; what
    `refusal` returns if a command is refused, and so all are. Each unit obeys for itself what is for
    `everybody`. Then the connection ends if it is to `hang_up`.
    """

    commands: tuple[Command, ...] = ()
    done: Callable[[], bytes] = _nothing
    refusal: Callable[[], bytes] = _nothing
    delay: float = 0.0
    hang_up: bool = False
    everybody: bool = False


class Line:
    """The units of `bank` on one port; `kept` are the answers to plain reads of the latest tick.

    Both sides of `kept` are frames without their tag, as `Framing` says. Unit 0 is everybody on serial lines,
    and the gateway elsewhere.
    """

    def __init__(self, bank: Bank, framing: Framing) -> None:
        self.framing: Final = framing
        self.bank: Final = bank
        self.kept: dict[bytes, Kept] = {}
        self.counters = LineCounters()
        self._units: dict[int, UnitCounters] = {}
        self._nobody = UnitCounters(self.counters)
        self._nobody.listening = framing.serial

    def _share(self, line: "Line") -> None:
        """Be the same line as another one: what either keeps or counts, both do."""
        self.kept, self.counters = line.kept, line.counters
        self._units, self._nobody = line._units, line._nobody  # noqa: SLF001  its own class

    def show(self) -> None:
        """Forget the answers of the tick before; the bank's images have been given their new values."""
        self.count()
        self.kept.clear()

    def count(self) -> None:
        """Bring the counters up to date: plain reads are added only now."""
        for kept in self.kept.values():
            if kept.given:
                kept.counters.received(kept.given)
                kept.counters.answered(kept.pdu, kept.given)
                kept.given = 0

    def answer(self, frame: bytes) -> bytes | Later:
        """Return the answer to one whole frame; nothing to one that is to be ignored."""
        framing, faults = self.framing, self.bank.faults
        tag, request = frame[: framing.tag], frame[framing.tag :]
        parsed = framing.parse(request)
        if parsed is None:
            self.counters.bus_errors += 1
            return b""
        unit, pdu = parsed
        if unit == _EVERYBODY and framing.serial:
            return self._broadcast(pdu)
        counters = self._units.get(unit) or self._counters(unit)
        if faults and faults.links.rows and self._meets(faults, unit):
            return self._faulty(faults, tag, unit, pdu)
        if pdu[0] in READS and len(frame) == framing.plain and not counters.listening:
            said = self.bank.read(unit, pdu)
            answer = framing.frame(unit, said)
            self._keep(request, Kept(answer, said[:2], counters))
            return tag + answer
        return self._asked(tag, unit, pdu, counters)

    def _asked(self, tag: bytes, unit: int, pdu: bytes, counters: UnitCounters) -> bytes | Later:
        """Return the answer to what is no plain read, or to who only listens."""
        counters.received()
        said = self._said(self.bank, unit, pdu, counters)
        if isinstance(said, Write):
            return self._later(tag, unit, pdu, said)
        counters.answered(said)
        return tag + self.framing.frame(unit, said) if said else b""

    def _meets(self, faults: Faults, unit: int) -> bool:
        """Return whether a request to a unit may meet a fault; who is not on a serial line meets none."""
        return (not self.framing.serial or unit in self.bank) and faults.links.on(self.bank.meter(unit))

    def _faulty(self, faults: Faults, tag: bytes, unit: int, pdu: bytes) -> bytes | Later:
        """Return the answer where the line has a fault, which the request may meet; it is never kept."""
        counters, strike = self._counters(unit), faults.links.strike(self.bank.meter(unit))
        counters.received()
        said: bytes | Write | None = lost(strike, pdu)
        if said is None:
            said = self._said(self.bank.showing(faults.images(strike)), unit, pdu, counters)
        write = said if isinstance(said, Write) else Write((), partial(bytes, said))
        later = self._later(tag, unit, pdu, write, strike)
        return later if later.commands or later.delay or later.hang_up else later.done()

    def _said(self, bank: Bank, unit: int, pdu: bytes, counters: UnitCounters) -> bytes | Write:
        """Return what a unit of `bank` says; nothing if it only listens, or is not there on a serial line."""
        if pdu[0] == DIAGNOSTICS and counters is not self._nobody:
            self.count()
            said = diagnostics.answer(pdu, counters)
            if counters.listening:
                self.kept.clear()
            return said
        if counters.listening:
            return b""
        return bank.answer(unit, pdu)

    def _later(self, tag: bytes, unit: int, pdu: bytes, write: Write, strike: Strike = MISSED) -> Later:
        """Return what is to be done before a request is answered, by which a fault may have struck."""
        counters = self._counters(unit)

        def frame(said: bytes) -> bytes:
            counters.answered(said)
            return framed(strike, self.framing, tag, unit, said)

        return Later(
            write.commands,
            lambda: frame(write.done()),
            lambda: frame(refused(pdu[0], ExceptionCode.FAILURE)),
            delay=strike.delay,
            hang_up=strike.fault.mode == "drop",
        )

    def _broadcast(self, pdu: bytes) -> bytes | Later:
        """Let all units do what a request to write asks; none answers."""
        self.counters.bus_messages += 1
        self.counters.broadcasts += 1
        commands = self.bank.broadcast(pdu)
        return Later(commands, everybody=True) if commands else b""

    def _counters(self, unit: int) -> UnitCounters:
        """Return the counters of a unit, those of nobody where there is none."""
        counters = self._units.get(unit)
        if counters is None and unit in self.bank:
            first = GATEWAY_UNITS[0] if unit in GATEWAY_UNITS else unit
            counters = self._units[unit] = self._units.setdefault(first, UnitCounters(self.counters))
        return counters or self._nobody

    def _keep(self, request: bytes, kept: Kept) -> None:
        if len(self.kept) >= ANSWERS_KEPT:
            self.count()
            self.kept.clear()
        self.kept[request] = kept


class Exchange(NamedTuple):
    """What came of a stretch of a stream: the answers, how much of it was used up, and whether to go on.

    `broken` says that what follows is no frame, so that the connection must end. What follows a request that
    is answered `later` is to be answered after it.
    """

    output: bytes
    used: int
    broken: bool
    later: Later | None


def exchange(stream: bytes, line: Line, most: int = FRAMES_AT_ONCE) -> Exchange:
    """Answer whole frames at the front of `stream`: for a turn, up to `most`, or one that takes its time."""
    known, framing = line.kept.get, line.framing
    tag, plain, until = framing.tag, framing.plain, perf_counter() + TURN
    output: list[bytes] = []
    size, at, broken, later = len(stream), 0, False, None
    for _ in range(most):
        if at == size:
            break
        end = at + plain
        kept = known(stream[at + tag : end])
        if kept is not None:
            kept.given += 1
            output += (stream[at : at + tag], kept.answer)
            at = end
            continue
        end = framing.end(stream, at)
        if end <= at:
            broken = end < at
            break
        said = line.answer(stream[at:end])
        at = end
        if isinstance(said, Later):
            later = said
            break
        output.append(said)
        if perf_counter() > until:
            break
    line.counters.bus_errors += broken
    return Exchange(b"".join(output), at, broken, later)
