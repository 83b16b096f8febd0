"""What a line has counted, for each of its units, and function 8 that tells and clears it (V1.1b3, 6.8).

The counters are those of the serial line guide V1.02, appendix A. No frames and no sockets: the line says
what came and what went.
"""

from struct import Struct
from types import MappingProxyType
from typing import Final

from gateway.modbus.pdu import REFUSAL, ExceptionCode, refused

_HEAD: Final = Struct(">BH")
_WHOLE: Final = Struct(">BHH")
_ECHO, _RESTART, _REGISTER, _LISTEN_ONLY, _CLEAR, _CLEAR_OVERRUNS = 0, 1, 2, 4, 10, 20
_COUNTERS: Final = MappingProxyType(
    {
        11: "bus_messages",
        12: "bus_errors",
        13: "exceptions",
        14: "messages",
        15: "unanswered",
        16: "naks",
        17: "busy",
        18: "overruns",
    }
)
"""What the sub-functions that ask for a counter tell."""

_SERVED: Final = frozenset((_ECHO, _RESTART, _REGISTER, _LISTEN_ONLY, _CLEAR, _CLEAR_OVERRUNS, *_COUNTERS))
_RESTART_DATA: Final = (0x0000, 0xFF00)
_WORD: Final = 0xFFFF


class LineCounters:
    """What a line has carried since it was opened, whomever it was for.

    `bus_messages` are whole frames, `bus_errors` what was none, `broadcasts` the messages to all units,
    `answers` what was answered and `refusals` the answers among them that refuse.
    """

    __slots__ = ("answers", "broadcasts", "bus_errors", "bus_messages", "refusals")

    def __init__(self) -> None:
        self.bus_messages = self.bus_errors = 0
        self.broadcasts = self.answers = self.refusals = 0


class UnitCounters:
    """What a unit has counted on its line since it was last told to clear; whether it only listens."""

    overruns: Final = 0
    """Characters that were lost: none ever is, what a client sends too fast waits."""

    def __init__(self, line: LineCounters) -> None:
        self._line = line
        self.listening = False
        self._messages = self._unanswered = self.exceptions = self.naks = self.busy = 0
        self._messages_before = self._errors_before = self._broadcasts_before = 0

    def clear(self) -> None:
        """Count from 0 again."""
        self._messages = self._unanswered = 0
        self.exceptions = self.naks = self.busy = 0
        self._messages_before, self._errors_before = self._line.bus_messages, self._line.bus_errors
        self._broadcasts_before = self._line.broadcasts

    def received(self, messages: int = 1) -> None:
        """Count messages to this unit."""
        self._messages += messages
        self._line.bus_messages += messages

    def answered(self, pdu: bytes, times: int = 1) -> None:
        """Count an answer, or that there was none."""
        if not pdu:
            self._unanswered += times
            return
        self._line.answers += times
        if pdu[0] & REFUSAL:
            self._line.refusals += times
            self.exceptions += times
            self.naks += times * (pdu[1] == ExceptionCode.NAK)
            self.busy += times * (pdu[1] == ExceptionCode.BUSY)

    @property
    def bus_messages(self) -> int:
        """Messages on the line, for whomever."""
        return self._line.bus_messages - self._messages_before

    @property
    def bus_errors(self) -> int:
        """What came on the line and was no frame."""
        return self._line.bus_errors - self._errors_before

    @property
    def messages(self) -> int:
        """Messages to this unit or to all."""
        return self._messages + self._broadcasts

    @property
    def unanswered(self) -> int:
        """Messages among them that had no answer."""
        return self._unanswered + self._broadcasts

    @property
    def _broadcasts(self) -> int:
        return self._line.broadcasts - self._broadcasts_before

    def told(self, sub_function: int) -> int:
        """Return the counter that a sub-function asks for; it wraps at 2 to the power of 16."""
        count: int = getattr(self, _COUNTERS[sub_function])
        return count & _WORD

    @property
    def register(self) -> int:
        """The diagnostic register: a bit for each counter in the order of sub-functions, 1 if it is not 0."""
        return sum((self.told(number) > 0) << bit for bit, number in enumerate(_COUNTERS))


def answer(pdu: bytes, unit: UnitCounters) -> bytes:
    """Return the PDU that answers function 8 to a unit; nothing where it only listens."""
    if len(pdu) < _HEAD.size:
        return b"" if unit.listening else refused(pdu[0], ExceptionCode.ILLEGAL_VALUE)
    _, asked = _HEAD.unpack_from(pdu)
    if unit.listening:
        if asked == _RESTART and _is_right(pdu):
            unit.listening = False
            unit.clear()
        return b""
    if asked not in _SERVED:
        return refused(pdu[0], ExceptionCode.ILLEGAL_FUNCTION)
    if not _is_right(pdu):
        return refused(pdu[0], ExceptionCode.ILLEGAL_VALUE)
    return _obeyed(pdu, asked, unit)


def _is_right(pdu: bytes) -> bool:
    """Return whether the data of a request is what its sub-function takes."""
    _, asked = _HEAD.unpack_from(pdu)
    if asked == _ECHO:
        return len(pdu) >= _WHOLE.size and len(pdu) % 2 == 1
    if len(pdu) != _WHOLE.size:
        return False
    data = _WHOLE.unpack(pdu)[2]
    return data in _RESTART_DATA if asked == _RESTART else data == 0


def _obeyed(pdu: bytes, asked: int, unit: UnitCounters) -> bytes:
    """Do what a request asks of a unit that answers, and return its answer."""
    match asked:
        case 1 | 10:
            unit.clear()
        case 4:
            unit.listening = True
            return b""
        case 2:
            return _WHOLE.pack(pdu[0], asked, unit.register)
        case _ if asked in _COUNTERS:
            return _WHOLE.pack(pdu[0], asked, unit.told(asked))
    return pdu
