"""How devices are sought and found: Who-Is, I-Am, the beginning of Who-Has (clauses 16.9, 16.10) as octets.

Which devices answer is decided in `services/discovery.py`; who asks, and why, in `telling/`.
"""

from typing import Final

from gateway.bacnet.wire import encoding as enc
from gateway.bacnet.wire.apdu import UNCONFIRMED_REQUEST
from gateway.bacnet.wire.codes import ANY_INSTANCE, Unconfirmed
from gateway.bacnet.wire.encoding import Reader, RejectError

I_AM: Final = bytes((UNCONFIRMED_REQUEST, Unconfirmed.I_AM))
"""How an I-Am begins."""
WHO_HAS: Final = bytes((UNCONFIRMED_REQUEST, Unconfirmed.WHO_HAS))
WHO_IS: Final = bytes((UNCONFIRMED_REQUEST, Unconfirmed.WHO_IS))
QUESTIONS: Final = frozenset({WHO_HAS, WHO_IS})
"""How the unconfirmed requests begin that devices answer."""

_OBJECT_IDENTIFIER: Final = 12


def who_is(number: int, last: int | None = None) -> bytes:
    """Return the question where the device with this object identifier is, or those from it to `last`."""
    limits = (each & ANY_INSTANCE for each in (number, number if last is None else last))
    return WHO_IS + b"".join(enc.context(tag, enc.content(limit)) for tag, limit in enumerate(limits))


def read_i_am(apdu: bytes) -> int | None:
    """Return the object identifier of the device that an I-Am announces; None if it cannot be read."""
    try:
        return enc.read_object_number(Reader(apdu, 2).application(_OBJECT_IDENTIFIER))
    except RejectError:
        return None
