"""The program before which this stands, killed when it is told.

`python journalling.py 7 metergate run …` is `metergate run …`, but that it is killed in the midst of saving
its seventh snapshot: the memories are written, and the journal is not. With 0 it lives.
"""

import os
import signal
import sys
from itertools import count

from gateway.cli import main
from gateway.journal import Journal
from sims.snapshot import Snapshot


def _die_before(last: int) -> None:
    """Let the process end where it would record its snapshot of this number."""
    numbers, add = count(1), Journal.add

    def add_or_die(self: Journal, snapshot: Snapshot) -> None:
        if next(numbers) == last:
            os.kill(os.getpid(), signal.SIGKILL)
        add(self, snapshot)

    Journal.add = add_or_die  # type: ignore[method-assign]


if __name__ == "__main__":
    _die_before(int(sys.argv[1]))
    del sys.argv[:2]
    main()
