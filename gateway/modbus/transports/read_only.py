"""A port as those see it who may only read (Modbus/TCP Security).

Who that is stands in `tls`.
"""

from gateway.modbus.bank import Bank
from gateway.modbus.line import Line
from gateway.modbus.pdu import ExceptionCode, Write, changes, refused
from gateway.modbus.units.diagnostics import UnitCounters


class ReadOnlyLine(Line):
    """The port `full`, on which whatever would change something is refused with 0x01.

    It is one port: what is kept and counted, and who only listens, is the same on both sides.
    """

    def __init__(self, full: Line) -> None:
        super().__init__(full.bank, full.framing)
        self._share(full)

    def _said(self, bank: Bank, unit: int, pdu: bytes, counters: UnitCounters) -> bytes | Write:
        if changes(pdu) and unit in bank:
            return b"" if counters.listening else refused(pdu[0], ExceptionCode.ILLEGAL_FUNCTION)
        return super()._said(bank, unit, pdu, counters)
