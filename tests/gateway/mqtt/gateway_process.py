"""A gateway of three meters in a process that can be killed: `gateway_process.py [URL]`; prints its URL."""

import asyncio
import sys
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).parents[3]))  # as pytest does

from tests.support.mqtt import Gateway


async def main(url: str | None) -> None:
    """Serve until killed."""
    made = Gateway(3, url=url)
    await made.adapter.start()
    print(made.adapter.ready()["mqtt"], flush=True)  # noqa: T201  how the test knows
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1] if len(sys.argv) > 1 else None))
