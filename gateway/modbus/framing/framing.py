"""What a way of framing is: how requests are cut out of bytes, and answers put into them.

Bytes in, bytes out. No sockets, and nothing about what a request asks for.
"""

from typing import Protocol


class Framing(Protocol):
    """A way of framing. `tag` is how many bytes at the front of a request its answer repeats unread.

    `serial` says that frames travel on a serial line, or one that TCP carries: there unit 0 is everybody, and
    a unit that is not there is silent. `plain` is the length of a frame that asks for a plain read and
    `longest` that of the longest frame there may be, tag and all [bytes]. Where a frame cannot be told from
    what is none before the line falls silent, what has come by then is a frame to `parse`.
    """

    tag: int
    serial: bool
    plain: int
    longest: int

    def end(self, stream: bytes, at: int) -> int:
        """Return where the frame at `at` ends; `at` itself if it is not whole yet, less if it is none."""

    def parse(self, request: bytes) -> tuple[int, bytes] | None:
        """Return unit id and PDU of a whole frame without its tag; None for one that is to be ignored."""

    def frame(self, unit: int, pdu: bytes) -> bytes:
        """Return an answer as a frame without its tag."""
