import errno
import socket

import pytest

from gateway.binding import address_text, bind_tcp, is_loopback, refused
from gateway.errors import AddressInUseError


def test_an_ipv6_address_has_brackets_before_its_port() -> None:
    assert address_text("127.0.0.1", 502) == "127.0.0.1:502"
    assert address_text("::1", 502) == "[::1]:502"


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("LOCALHOST", True),
        ("0.0.0.0", False),  # noqa: S104  nothing is bound
        ("10.0.0.1", False),
        ("localhost.example", False),
        ("", False),
    ],
)
def test_only_the_loopback_is_this_machine(host: str, *, own: bool) -> None:
    assert is_loopback(host) is own


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EADDRINUSE, ""), "[::1]:7 is already in use; --x-port moves it"),
        (OSError(errno.EACCES, ""), "[::1]:7 is not permitted; --x-port moves it"),
        (OSError(errno.EADDRNOTAVAIL, ""), "[::1]:7 is not an address of this machine; --host moves it"),
        (OSError(errno.EAFNOSUPPORT, ""), "[::1]:7 is not an address of this machine; --host moves it"),
        (socket.gaierror(socket.EAI_NONAME, ""), "[::1]:7 is not an address of this machine; --host moves"),
        (OSError(errno.ENOBUFS, ""), "[::1]:7 is unusable (No buffer space available); --x-port moves it"),
    ],
)
def test_why_an_address_is_refused_is_said_with_the_option_that_moves_it(error: OSError, words: str) -> None:
    assert words in str(refused("X", "::1", 7, "--x-port", error))


async def test_a_bound_address_is_nobody_elses() -> None:
    with await bind_tcp("X", "127.0.0.1", 0, "--x-port") as bound:
        port = bound.getsockname()[1]
        with pytest.raises(AddressInUseError, match=f"^X: 127.0.0.1:{port} is already in use; --x-port"):
            await bind_tcp("X", "127.0.0.1", port, "--x-port")


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.name.invalid", "a..b", "x" * 64, "a\0b"])
async def test_a_host_that_cannot_be_bound_is_told_of(host: str) -> None:
    with pytest.raises(AddressInUseError, match="not an address of this machine; --host moves it"):
        await bind_tcp("X", host, 0, "--x-port")


async def test_a_port_beyond_the_last_is_told_of() -> None:
    with pytest.raises(AddressInUseError, match=r"65536 is beyond the last port, 65535; --x-port"):
        await bind_tcp("X", "127.0.0.1", 65_536, "--x-port")
