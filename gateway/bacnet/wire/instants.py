"""Dates and times as clients send them, read into instants.

What is written into answers is made for all meters at once in `octets.py`.
"""

from datetime import UTC, datetime
from typing import Final

from gateway.bacnet.wire.codes import RejectReason
from gateway.bacnet.wire.encoding import Reader, RejectError
from sims.points import NS_PER_S

_DATE: Final = 10
_TIME: Final = 11
_OCTETS: Final = 4
_HUNDREDTHS: Final = 100


def read_date_time(reader: Reader) -> int:
    """Read a Date and a Time in full [ns since 1970 UTC]. Raises RejectError for wildcards too."""
    date, time = reader.application(_DATE), reader.application(_TIME)
    if not len(date) == len(time) == _OCTETS:
        raise RejectError(RejectReason.INVALID_PARAMETER_DATA_TYPE)
    try:
        day = datetime(1900 + date[0], date[1], date[2], time[0], time[1], time[2], tzinfo=UTC)
    except ValueError:
        raise RejectError(RejectReason.PARAMETER_OUT_OF_RANGE) from None
    if time[3] >= _HUNDREDTHS:
        raise RejectError(RejectReason.PARAMETER_OUT_OF_RANGE)
    return int(day.timestamp()) * NS_PER_S + time[3] * (NS_PER_S // _HUNDREDTHS)
