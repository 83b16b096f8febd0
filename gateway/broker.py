"""Where a broker is and how it is reached: its URL taken apart, and written without the password.

No sockets live here.
"""

import re
import ssl
from dataclasses import dataclass, field
from typing import Final, Self
from urllib.parse import SplitResult, unquote, urlsplit

from gateway.errors import ConfigError

PORTS: Final = {"mqtt": 1883, "mqtts": 8883, "ws": 80, "wss": 443}
"""The schemes, and the port of each where the URL names none."""
FORM: Final = "mqtt:// (mqtts, ws or wss) [user:password@]host[:port], and a path for ws and wss"
_WEBSOCKETS: Final = ("ws", "wss")
_TLS: Final = ("mqtts", "wss")
_DEFAULT_PATH: Final = "/mqtt"
_KEY: Final = "mqtt.url"
_NAME: Final = r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?"
_IPV6: Final = r"[0-9A-Fa-f]*:[0-9A-Fa-f:.]+(%[\w.-]+)?"
_HOST: Final = re.compile(f"{_NAME}|{_IPV6}")


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """A broker's host and port and who asks; as a string it is the URL without the password.

    `scheme` says what lies between: nothing (mqtt), TLS (mqtts), websockets (ws) at `path`, or both (wss).
    """

    host: str
    port: int = PORTS["mqtt"]
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    scheme: str = "mqtt"
    path: str = ""

    @classmethod
    def parse(cls, url: str) -> Self:
        """Take a URL apart; raises ConfigError, which shows no password."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:  # whose words may hold a part of the password
            raise ConfigError(f"the host or the port is malformed; allowed: {FORM}", key=_KEY) from None
        if fault := _fault(parts, port):
            raise ConfigError(f"{fault}; allowed: {FORM}", key=_KEY)
        websockets = parts.scheme in _WEBSOCKETS
        return cls(
            host=parts.hostname or "",
            port=PORTS[parts.scheme] if port is None else port,
            username=None if parts.username is None else unquote(parts.username),
            password=None if parts.password is None else unquote(parts.password),
            scheme=parts.scheme,
            path=parts.path or _DEFAULT_PATH if websockets else "",
        )

    @property
    def websockets(self) -> bool:
        """Whether websockets lie between."""
        return self.scheme in _WEBSOCKETS

    @property
    def tls(self) -> bool:
        """Whether TLS lies between."""
        return self.scheme in _TLS

    @property
    def netloc(self) -> str:
        """The host and the port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def __str__(self) -> str:
        user = f"{self.username}@" if self.username else ""
        return f"{self.scheme}://{user}{self.netloc}{self.path}"


@dataclass(frozen=True, slots=True)
class Access:
    """How a broker is reached: where, with which version of MQTT (4 is 3.1.1), and with which TLS.

    `client_id` is ours, None to make it of the prefix and the gateway's id.
    """

    address: BrokerAddress
    version: int = 4
    tls: ssl.SSLContext | None = None
    client_id: str | None = None


def _fault(parts: SplitResult, port: int | None) -> str:
    """Return what is wrong with a broker's URL, or nothing."""
    if parts.scheme not in PORTS:
        return f"scheme {parts.scheme!r} is not served" if parts.scheme else "the scheme is missing"
    if not parts.hostname or not _HOST.fullmatch(parts.hostname):
        return "the host is missing or not a host's name"
    if port == 0:
        return "port 0 is no broker's"
    if (parts.path.strip("/") and parts.scheme not in _WEBSOCKETS) or parts.query or parts.fragment:
        return "nothing may follow the port" if parts.scheme not in _WEBSOCKETS else "only a path may follow"
    if parts.password and not parts.username:
        return "a password needs a user"
    return ""
