"""Connections to a broker, one after the other: connect, serve, lose, wait, connect anew.

What is said on a connection is the session's business; this file knows messages and patience.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from gateway.broker import Access
from gateway.errors import BrokerUnavailableError
from gateway.mqtt.connection import Connection, ConnectionLostError
from gateway.mqtt.messages import Message

_FAREWELL_S: Final = 0.9
_FIRST_WAIT_S: Final = 0.25
_BRIEF_S: Final = 3.0
_BRIEF_SESSIONS: Final = 2

_LOGGER: Final = logging.getLogger(__name__)


class Link:
    """Keeps a connection to a broker: connects, runs `serve` on it and begins again when it is lost.

    `will` is asked at each attempt what the broker is to say when we are lost, `farewell` what is said before
    an orderly DISCONNECT. `changed` is called whenever `connected` or `tried` (the first attempt has ended)
    may have changed. `longest_wait_s` is where the growing wait between two attempts stops growing [s].
    """

    def __init__(
        self,
        *,
        identifier: str,
        will: Callable[[], Message],
        farewell: Callable[[], Sequence[Message]],
        serve: Callable[[Connection], Awaitable[None]],
        changed: Callable[[], None],
        longest_wait_s: float,
    ) -> None:
        self._identifier = identifier
        self._will = will
        self._farewell = farewell
        self._serve = serve
        self._changed = changed
        self._longest_wait_s = longest_wait_s
        self._where = ""
        self._missed = False
        self._brief_sessions = 0
        self._failures = 0
        self.connected = False
        self.tried = False

    async def run(self, access: Access) -> None:
        """Serve at the broker of `access` until cancelled, then say good-bye.

        Raises what `serve` raises beside ConnectionLostError.
        """
        self._where = str(access.address)
        while True:
            try:
                await self._session(access)
            except BrokerUnavailableError as error:
                self._miss(error)
            self._failures += 1
            wait = min(self._longest_wait_s, _FIRST_WAIT_S * 2.0 ** min(self._failures, 16))
            await asyncio.sleep(random.uniform(0.5, 1.0) * wait)  # noqa: S311  jitter, not a secret

    async def _session(self, access: Access) -> None:
        """Connect and serve; raise BrokerUnavailableError when that is over. Cancelled, say good-bye."""
        connection = Connection(access, self._identifier, self._will())  # never entered twice
        try:
            await _enter(connection)
        except BrokerUnavailableError:
            self._brief_sessions = 0  # it is the broker that comes and goes
            raise
        self._meet()
        began = asyncio.get_running_loop().time()
        try:
            await self._serve(connection)
        except ConnectionLostError as error:
            self._suspect(asyncio.get_running_loop().time() - began)
            raise BrokerUnavailableError(str(error.__cause__ or error)) from None
        except asyncio.CancelledError:
            await self._say_good_bye(connection)
            raise
        finally:
            self.connected = False
            self._changed()
            connection.cut()
            await _leave(connection)

    async def _say_good_bye(self, connection: Connection) -> None:
        """Send the farewell and DISCONNECT if the broker still listens; else the will speaks for us."""
        with contextlib.suppress(ConnectionLostError, TimeoutError):
            async with asyncio.timeout(_FAREWELL_S):
                await connection.leave(self._farewell())

    def _suspect(self, lasted_s: float) -> None:
        """Count the connections that the broker has ended soon; a second one in turn is a namesake's work.

        After one that has lasted the waits begin anew.

        A broker ends the older of two connections that have the same client id (MQTT 3.1.1, 3.1.4-2).
        """
        self._brief_sessions = self._brief_sessions + 1 if lasted_s < _BRIEF_S else 0
        if not self._brief_sessions:
            self._failures = 0
        if self._brief_sessions == _BRIEF_SESSIONS:
            _LOGGER.warning(
                "MQTT broker %s ends each connection soon, as it does where two clients have the id %s; "
                "gateways that share a broker need different ids: gateway.id",
                self._where,
                self._identifier,
            )

    def _meet(self) -> None:
        """Note that the broker is there; one line in the log if it was missed."""
        if self._missed:
            _LOGGER.info("MQTT broker %s is there again", self._where)
        self._missed = False
        self.connected = self.tried = True
        self._changed()

    def _miss(self, error: BrokerUnavailableError) -> None:
        """Note that the broker is away; one line in the log until it is back."""
        if not self._missed:
            _LOGGER.warning("MQTT broker %s is away (%s); trying until it is there", self._where, error)
        self._missed = self.tried = True
        self._changed()


async def _enter(connection: Connection) -> None:
    """Connect, or raise BrokerUnavailableError; then, and when cancelled, leave nothing behind."""
    try:
        await connection.__aenter__()
    except (OSError, ConnectionLostError) as error:
        connection.cut()
        raise BrokerUnavailableError(str(error) or "no answer") from None
    except BaseException:
        connection.cut()
        raise


async def _leave(connection: Connection) -> None:
    """Let aiomqtt clear up after a connection that is over or cut."""
    with contextlib.suppress(ConnectionLostError):
        await connection.__aexit__(None, None, None)
