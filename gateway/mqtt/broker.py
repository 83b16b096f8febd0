"""The broker that comes along where the user names none: which one, and on which address.

It listens on loopback only, because it asks nobody who he is. Publishing is none of its business.
"""

import errno
import ipaddress
import os
import shutil
import socket
from typing import Final, Protocol

from gateway.errors import AddressInUseError

SERVICE: Final = "MQTT broker"
OPTION: Final = "--mqtt-port"

_LOOPBACK: Final = "127.0.0.1"
_WHERE: Final = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin", "/usr/local/opt/mosquitto/sbin")
_WHY: Final = {
    errno.EADDRINUSE: "already in use",
    errno.EACCES: "not permitted",
    errno.EADDRNOTAVAIL: "not an address of this machine",
}


class EmbeddedBroker(Protocol):
    """A broker that lives and dies with the gateway; `words` say which one it is."""

    host: str
    port: int

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
        from gateway.mqtt.mosquitto import Mosquitto  # noqa: PLC0415  one of the two is needed

        return Mosquitto(program, host, port)
    from gateway.mqtt.in_process import InProcessBroker  # noqa: PLC0415  amqtt takes a third of a second

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


def free_port(host: str, port: int) -> int:
    """Return `port`, or any free one for 0, after binding it for a moment; raises AddressInUseError."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            why = _WHY.get(error.errno or 0, f"unusable ({error.strerror})")
            raise AddressInUseError(SERVICE, f"{host}:{port}", OPTION, why) from None
        bound: int = probe.getsockname()[1]
    return bound
