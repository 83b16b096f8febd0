"""A gateway of three meters in a process that can be killed: `gateway_process.py [URL]`; prints its URL."""

import asyncio
import importlib.util
import sys
from pathlib import Path

import uvloop


async def main(url: str | None) -> None:
    """Serve until killed."""
    spec = importlib.util.spec_from_file_location("mqtt_conftest", Path(__file__).parent / "conftest.py")
    assert spec is not None
    assert spec.loader is not None
    fixtures = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fixtures)
    made = fixtures.Gateway(3, url=url)
    await made.adapter.start()
    print(made.adapter.ready()["mqtt"], flush=True)  # noqa: T201  how the test knows
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1] if len(sys.argv) > 1 else None))
