"""Addresses that the gateway binds: how they are written, how they are taken, and why one cannot be had.

Every service binds or explains itself through here, so that all of them say the same thing in the same words.
What is served at an address is not known here.
"""

import asyncio
import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from types import MappingProxyType
from typing import Any, Final

from gateway.addressing import HIGHEST_PORT
from gateway.errors import AddressInUseError

BACKLOG: Final = 512
"""How many clients may wait for their connection to be taken; event loops set it anew unless told."""
_HOST_OPTION: Final = "--host"
_NO_ADDRESS: Final = (_HOST_OPTION, "not an address of this machine")
_REASONS: Final = MappingProxyType(
    {
        errno.EADDRINUSE: (None, "already in use"),
        errno.EACCES: (None, "not permitted"),
        errno.EADDRNOTAVAIL: _NO_ADDRESS,
        errno.EAFNOSUPPORT: _NO_ADDRESS,
        errno.EMFILE: ("ulimit -n", "one open file more than permitted"),
    }
)
"""Why an address cannot be had, by the system's error number: what moves it, None for the port; in words."""


def address_text(host: str, port: int) -> str:
    """Return `host:port`, with brackets round an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_loopback(host: str) -> bool:
    """Return whether a host name or address can only mean this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def refused(
    service: str, host: str, port: int, option: str, error: OSError, *, host_option: str = _HOST_OPTION
) -> AddressInUseError:
    """Return what to raise when the system would not bind an address.

    `option` is the one of the port, `host_option` the one of the host.
    """
    number = error.errno or 0
    if isinstance(error, socket.gaierror):
        mover, why = _NO_ADDRESS
    elif number in _REASONS:
        mover, why = _REASONS[number][0] or option, _REASONS[number][1]
    else:
        mover, why = option, f"unusable ({os.strerror(number)})"
    mover = host_option if mover == _HOST_OPTION else mover
    return AddressInUseError(service, address_text(host, port), mover, why)


async def bind_tcp(service: str, host: str, port: int, option: str) -> socket.socket:
    """Return a listening socket that has the address for itself; with `port` 0 on a free one.

    `option` is what moves the port. Raises AddressInUseError.
    """
    with _explaining(service, host, port, option):
        family, address = await _found(host, port, socket.SOCK_STREAM)
        return socket.create_server(address, family=family, backlog=BACKLOG)


async def bind_udp(service: str, host: str, port: int, option: str) -> socket.socket:
    """Return a UDP socket that has the address for itself and does not block; with `port` 0 on a free one.

    `option` is what moves the port. Raises AddressInUseError.
    """
    with _explaining(service, host, port, option):
        family, address = await _found(host, port, socket.SOCK_DGRAM)
        bound = socket.socket(family, socket.SOCK_DGRAM)
        try:
            bound.bind(address)
        except OSError:
            bound.close()
            raise
        bound.setblocking(False)
        return bound


async def _found(host: str, port: int, kind: socket.SocketKind) -> tuple[int, Any]:
    """Return the family of an address, and the address as the system takes it."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=kind, flags=socket.AI_PASSIVE)
    return found[0][0], found[0][4]


@contextmanager
def _explaining(service: str, host: str, port: int, option: str) -> Iterator[None]:
    """Raise AddressInUseError for whatever keeps an address from being bound."""
    if port > HIGHEST_PORT:
        why = f"beyond the last port, {HIGHEST_PORT}"
        raise AddressInUseError(service, address_text(host, port), option, why)
    try:
        yield
    except OSError as error:
        raise refused(service, host, port, option, error) from error
    except ValueError as error:  # of a name that cannot be one: too long a part, an empty one, a NUL
        raise AddressInUseError(service, address_text(host, port), *_NO_ADDRESS) from error
