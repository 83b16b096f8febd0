"""Where a broker is: its URL taken apart, and written without the password. No sockets live here."""

import re
from dataclasses import dataclass, field
from typing import Final, Self
from urllib.parse import SplitResult, unquote, urlsplit

from gateway.errors import ConfigError

DEFAULT_PORT: Final = 1883
FORM: Final = "mqtt://[user:password@]host[:port]"
_KEY: Final = "mqtt.url"
_NAME: Final = r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?"
_IPV6: Final = r"[0-9A-Fa-f]*:[0-9A-Fa-f:.]+(%[\w.-]+)?"
_HOST: Final = re.compile(f"{_NAME}|{_IPV6}")


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """A broker's host and port and who asks; as a string it is the URL without the password."""

    host: str
    port: int = DEFAULT_PORT
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, url: str) -> Self:
        """Take apart `mqtt://[user:password@]host[:port]`; raises ConfigError, which shows no password."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:  # whose words may hold a part of the password
            raise ConfigError(f"the host or the port is malformed; allowed: {FORM}", key=_KEY) from None
        if fault := _fault(parts, port):
            raise ConfigError(f"{fault}; allowed: {FORM}", key=_KEY)
        return cls(
            host=parts.hostname or "",
            port=DEFAULT_PORT if port is None else port,
            username=None if parts.username is None else unquote(parts.username),
            password=None if parts.password is None else unquote(parts.password),
        )

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        user = f"{self.username}@" if self.username else ""
        return f"mqtt://{user}{host}:{self.port}"


def _fault(parts: SplitResult, port: int | None) -> str:
    """Return what is wrong with a broker's URL, or nothing."""
    if parts.scheme != "mqtt":
        return f"scheme {parts.scheme!r} is not served" if parts.scheme else "the scheme is missing"
    if not parts.hostname or not _HOST.fullmatch(parts.hostname):
        return "the host is missing or not a host's name"
    if port == 0:
        return "port 0 is no broker's"
    if parts.path.strip("/") or parts.query or parts.fragment:
        return "nothing may follow the port"
    if parts.password and not parts.username:
        return "a password needs a user"
    return ""
