"""The program before which this stands, run with a journal of both kinds, whatever its configuration says.

`python journalling.py metergate run …` is `metergate run …` in all else.
"""

import sys

from gateway.cli import main
from gateway.config.services import Services
from gateway.config.settings import JournalSettings


def _journal(_: Services) -> JournalSettings:
    return JournalSettings(kinds=frozenset({"history", "event"}), most=100_000)


if __name__ == "__main__":
    Services.journal = _journal  # type: ignore[method-assign, assignment]
    del sys.argv[0]
    main()
