"""The broker that comes along where the user names none: which one, and on which address.

It listens on loopback only, because it asks nobody who he is. Publishing is none of its business.
"""

import ipaddress
import os
import shutil
from collections.abc import Awaitable, Callable, Collection
from typing import Final, Protocol

from gateway.binding import bind_tcp
from gateway.errors import AddressInUseError

SERVICE: Final = "MQTT broker"
OPTION: Final = "--mqtt-port"

_FREE_PORT_TRIES: Final = 5
_LOOPBACK: Final = "127.0.0.1"
_WHERE: Final = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin", "/usr/local/opt/mosquitto/sbin")


class EmbeddedBroker(Protocol):
    """A broker that lives and dies with the gateway."""

    host: str
    port: int

    @property
    def versions(self) -> Collection[int]:
        """Which versions of MQTT it speaks (4 is 3.1.1)."""

    @property
    def words(self) -> str:
        """Which broker this is and how it runs, for people."""

    async def start(self) -> None:
        """Listen; then `port` is the real one. Raises AddressInUseError or BrokerUnavailableError."""

    async def stop(self) -> None:
        """End it, within half a second or so, whatever state it is in; safe to call more than once."""


def embedded_broker(host: str, port: int) -> EmbeddedBroker:
    """Return Mosquitto where it is installed, else amqtt; on `host` if it is loopback, else on 127.0.0.1."""
    host = loopback(host)
    if program := find_mosquitto():
        from gateway.mqtt.brokers.mosquitto import Mosquitto  # noqa: PLC0415  one of the two is needed

        return Mosquitto(program, host, port)
    from gateway.mqtt.brokers.in_process import InProcessBroker  # noqa: PLC0415  amqtt takes a third of a second

    return InProcessBroker(host, port)


def find_mosquitto() -> str | None:
    """Return the path of Mosquitto, which distributions put where only root looks."""
    return shutil.which("mosquitto", path=os.pathsep.join((os.environ.get("PATH", os.defpath), *_WHERE)))


def loopback(host: str) -> str:
    """Return `host` as an address if it is a loopback one, else 127.0.0.1."""
    try:
        return host if ipaddress.ip_address(host).is_loopback else _LOOPBACK
    except ValueError:
        return _LOOPBACK


async def on_port(host: str, port: int, listen: Callable[[int], Awaitable[None]]) -> int:
    """Await `listen` with `port`, or for 0 with any free one, and return which; raises AddressInUseError.

    Between our look and its binding somebody may take a free port; then another is tried.
    """
    for tries_left in reversed(range(_FREE_PORT_TRIES if port == 0 else 1)):
        found = await free_port(host, port)
        try:
            await listen(found)
        except AddressInUseError:
            if not tries_left:
                raise
        else:
            break
    return found


async def free_port(host: str, port: int) -> int:
    """Return `port`, or any free one for 0, after binding it for a moment; raises AddressInUseError."""
    with await bind_tcp(SERVICE, host, port, OPTION) as probe:
        bound: int = probe.getsockname()[1]
    return bound
