"""An event loop with a time of its own, for what waits for time alone."""

import asyncio
import selectors


class _Skipping(selectors.DefaultSelector):
    """Looks without waiting where there is a time-out: that passes at once."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready; without a time-out, wait for it."""
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        self.passed += timeout
        return super().select(0)


class SkippingLoop(asyncio.SelectorEventLoop):
    """Goes on at once to when the next timer is due: what is due is the same on however busy a machine.

    Not for sockets: nothing waits for them.
    """

    def __init__(self) -> None:
        self._skipping = _Skipping()
        super().__init__(self._skipping)

    def time(self) -> float:
        """Return how long timers have been waited for [s]."""
        return self._skipping.passed
