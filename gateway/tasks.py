"""Tasks that are given up together. What they do is not known here."""

import asyncio
from collections.abc import Collection
from typing import Any


async def give_up(tasks: Collection[asyncio.Task[Any]]) -> list[Any]:
    """Cancel tasks and return, once all have ended, what each of them returned or raised."""
    for task in tasks:
        task.cancel()
    return await asyncio.gather(*tasks, return_exceptions=True)
