"""A port as those see it who may only read (Modbus/TCP Security).

Who that is stands in `tls`.
"""

from gateway.modbus.bank import Bank
from gateway.modbus.diagnostics import UnitCounters
from gateway.modbus.line import Line
from gateway.modbus.pdu import ExceptionCode, Write, changes, refused


class ReadOnlyLine(Line):
    """A line on which whatever would change something is refused with 0x01, as without the right role."""

    def _said(self, bank: Bank, unit: int, pdu: bytes, counters: UnitCounters) -> bytes | Write:
        if changes(pdu):
            return refused(pdu[0], ExceptionCode.ILLEGAL_FUNCTION)
        return super()._said(bank, unit, pdu, counters)
