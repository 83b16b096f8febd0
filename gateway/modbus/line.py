"""One port as its clients see it: requests as frames in, answers as frames out, in order.

A plain read that was asked before in this tick is answered from `kept`; anything else goes through the bank.
No sockets and no asyncio: what has to be waited for is handed back as `Later`.
"""

from typing import Final, NamedTuple

from gateway.commands import Command
from gateway.modbus.bank import Bank
from gateway.modbus.framing import Framing
from gateway.modbus.pdu import READS, Write

FRAMES_AT_ONCE: Final = 256
"""Requests answered in one go; 256 of the longest answers make 66 kB."""

ANSWERS_KEPT: Final = 8192
"""Answers that a line keeps at most within one tick: about 3 MB."""


class Kept:
    """An answer that every client gets who asks the same within the tick, and how many have got it."""

    __slots__ = ("answer", "given")

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.given = 1


class Later(NamedTuple):
    """What must be done before a request is answered, as whole frames.

    When `commands` are applied and `delay` [s of wall time] is over, `done` goes out, `refusal` if a command
    is refused; then the connection ends if it is to `hang_up`.
    """

    commands: tuple[Command, ...] = ()
    done: bytes = b""
    refusal: bytes = b""
    delay: float = 0.0
    hang_up: bool = False


class Line:
    """The units of `bank` on one port; `kept` are the answers to plain reads of the latest tick.

    Both sides of `kept` are frames without their tag, as `Framing` says.
    """

    def __init__(self, bank: Bank, framing: Framing) -> None:
        self.framing: Final = framing
        self.bank: Final = bank
        self.kept: dict[bytes, Kept] = {}

    def show(self) -> None:
        """Forget the answers of the tick before; the bank's images have been given their new values."""
        self.kept.clear()

    def answer(self, frame: bytes) -> bytes | Later:
        """Return the answer to one whole frame; nothing to one that is to be ignored."""
        tag, request = frame[: self.framing.tag], frame[self.framing.tag :]
        parsed = self.framing.parse(request)
        if parsed is None:
            return b""
        unit, pdu = parsed
        said = self.bank.answer(unit, pdu)
        if isinstance(said, Write):
            done, refusal = (tag + self.framing.frame(unit, each) for each in (said.done, said.refusal))
            return Later(said.commands, done, refusal)
        answer = self.framing.frame(unit, said)
        if len(frame) == self.framing.plain and pdu[0] in READS:
            self._keep(request, answer)
        return tag + answer

    def _keep(self, request: bytes, answer: bytes) -> None:
        if len(self.kept) >= ANSWERS_KEPT:
            self.kept.clear()
        self.kept[request] = Kept(answer)


class Exchange(NamedTuple):
    """What came of a stretch of a stream: the answers, how much of it was used up, and whether to go on.

    `broken` says that what follows is no frame, so that the connection must end. What follows a request that
    is answered `later` is to be answered after it.
    """

    output: bytes
    used: int
    broken: bool
    later: Later | None


def exchange(stream: bytes, line: Line) -> Exchange:
    """Answer the whole frames at the front of `stream`, up to `FRAMES_AT_ONCE` or one that takes its time."""
    known, framing = line.kept.get, line.framing
    tag, plain = framing.tag, framing.plain
    output: list[bytes] = []
    at, broken, later = 0, False, None
    for _ in range(FRAMES_AT_ONCE):
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
    return Exchange(b"".join(output), at, broken, later)
