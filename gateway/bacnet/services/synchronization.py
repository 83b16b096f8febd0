"""TimeSynchronization and UTCTimeSynchronization (clauses 16.7 and 16.8): from octets to an instant.

Whose clocks are set, and what follows them, is not decided here.
"""

from typing import Final

from gateway.bacnet.wire.apdu import UNCONFIRMED_REQUEST
from gateway.bacnet.wire.codes import Unconfirmed
from gateway.bacnet.wire.encoding import Reader
from gateway.bacnet.wire.instants import read_date_time

SYNCHRONIZATIONS: Final = frozenset(
    bytes((UNCONFIRMED_REQUEST, service))
    for service in (Unconfirmed.TIME_SYNCHRONIZATION, Unconfirmed.UTC_TIME_SYNCHRONIZATION)
)
"""How the unconfirmed requests begin that set clocks."""


def read_synchronization(apdu: bytes) -> int:
    """Read TimeSynchronization or its UTC form [ns since 1970 UTC]. Raises RejectError.

    Devices are at UTC (utc-offset 0), so both say the same.
    """
    reader = Reader(apdu, 2)
    instant = read_date_time(reader)
    reader.finish()
    return instant
