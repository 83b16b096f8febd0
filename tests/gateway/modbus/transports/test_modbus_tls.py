"""Modbus/TCP Security: certificates, roles, handshakes that come to nothing."""

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from pymodbus.client import AsyncModbusTlsClient
from pymodbus.pdu import ExceptionResponse

from gateway.commands import TurnKey
from gateway.modbus.transports import tls
from gateway.modbus.transports.security import role_of
from gateway.tls_files import TlsFileError, server_context
from gateway.transports import TlsListener
from tests.gateway.modbus.conftest import (
    Client,
    Notes,
    Serve,
    connected,
    connections_of,
    frame,
    ports_of,
    read_frame,
    until,
)
from tests.support.certificates import Authority, role_extension
from tests.support.snapshots import nameplates

READ = read_frame(3, 246, 1)
ANSWER = "0000000000050103020001"
WRITE = frame(bytes.fromhex("050000ff00"))
REFUSED = "000000000003018501"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def listener(authority: Authority) -> TlsListener:
    certificate, key = authority.issue("server")
    context = server_context(certificate=certificate, key=key, client_ca=authority.file)
    return TlsListener(0, ("native",), "port", context, ("operator", "engineer"))


@pytest.fixture(scope="module")
def operator(authority: Authority) -> tuple[Path, Path]:
    return authority.issue("ann", role=role_extension("operator"))


@asynccontextmanager
async def _secured(port: int, context: ssl.SSLContext) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
async def port(serve: Serve, listener: TlsListener, notes: Notes) -> int:
    (port,) = ports_of(await serve(nameplates(2), notes, listeners=[listener]))
    return port


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_an_operator_reads_and_writes(
    port: int, authority: Authority, operator: tuple[Path, Path], notes: Notes, version: ssl.TLSVersion
) -> None:
    context = authority.client(operator)
    context.minimum_version = context.maximum_version = version
    async with _secured(port, context) as client:
        assert (await client.ask(READ)).hex() == ANSWER
        assert await client.ask(WRITE) == WRITE
        assert (await client.ask(READ)).hex() == ANSWER
    assert notes.done == [TurnKey(0, "right")]


@pytest.mark.parametrize(
    "role",
    [
        None,
        role_extension("read-only"),
        role_extension("Operator"),
        b"\x0c\x09operator",
        b"",
        b"\x13\x08operator",
    ],
    ids=["none", "read-only", "another", "broken", "empty", "another type"],
)
async def test_who_has_no_role_that_may_write_reads_alone(
    port: int, authority: Authority, notes: Notes, role: bytes | None
) -> None:
    async with _secured(port, authority.client(authority.issue("bob", role=role))) as client:
        assert (await client.ask(READ)).hex() == ANSWER
        assert (await client.ask(WRITE)).hex() == REFUSED
        assert (await client.ask(READ)).hex() == ANSWER
        assert (await client.ask(frame(bytes.fromhex("0600000001")))).hex() == "000000000003018601"
    assert notes.begun == []


async def test_roles_go_by_the_names_of_the_configuration(port: int, authority: Authority) -> None:
    files = authority.issue("eve", role=role_extension("engineer"))
    async with _secured(port, authority.client(files)) as client:
        assert await client.ask(WRITE) == WRITE


async def test_who_has_a_role_twice_reads_alone(port: int, authority: Authority) -> None:
    async with _secured(port, authority.client(authority.issue_with_role_twice("two"))) as client:
        assert (await client.ask(READ)).hex() == ANSWER
        assert (await client.ask(WRITE)).hex() == REFUSED


async def test_both_sides_of_a_port_are_one_port(
    port: int, authority: Authority, operator: tuple[Path, Path], notes: Notes
) -> None:
    """Who may only read hears nothing of a unit that only listens, nor wakes it; both are counted."""
    guest = authority.client(authority.issue("bea"))
    silence, wake = frame(bytes.fromhex("0800040000")), frame(bytes.fromhex("0800010000"))
    messages = frame(bytes.fromhex("08000b0000"), 2)
    async with _secured(port, authority.client(operator)) as full, _secured(port, guest) as reader:
        assert (await reader.ask(silence)).hex() == "000000000003018801"
        assert (await reader.ask(read_frame(3, 246, 1, 2)))[-1] == 2
        full.send(silence)
        assert (await full.ask(messages))[-2:] == bytes((0, 4))
        for request in (READ, WRITE, wake, silence):
            reader.send(request)
        assert (await reader.ask(messages))[-2:] == bytes((0, 9))
        full.send(wake)
        assert (await full.ask(READ)).hex() == ANSWER
        assert (await reader.ask(READ)).hex() == ANSWER
        assert (await reader.ask(frame(bytes.fromhex("050000ff00"), 9))).hex() == "00000000000309850b"
    assert notes.begun == []


async def test_who_must_make_room_is_gone_soon_though_it_says_no_good_bye(
    serve: Serve, listener: TlsListener, authority: Authority, operator: tuple[Path, Path]
) -> None:
    adapter = await serve(nameplates(1), listeners=[listener], connections=1)
    (port,) = ports_of(adapter)
    context = authority.client(operator)
    with socket.create_connection(("127.0.0.1", port), 10) as sock:
        mute = await asyncio.to_thread(context.wrap_socket, sock, server_hostname="127.0.0.1")
        await until(lambda: connections_of(adapter))
        with mute, socket.socket(fileno=os.dup(mute.fileno())) as wire:
            wire.setblocking(False)
            async with _secured(port, context) as client:
                assert (await client.ask(READ)).hex() == ANSWER
                async with asyncio.timeout(10):
                    while await asyncio.get_running_loop().sock_recv(wire, 4096):
                        pass


async def test_who_has_no_certificate_of_the_ca_is_not_served(
    port: int, authority: Authority, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path, "stranger").issue("mallory", role=role_extension("operator"))
    for files in (None, stranger):
        with pytest.raises((OSError, EOFError)):  # in TLS 1.3 the client learns of it when it reads
            async with _secured(port, authority.client(files)) as client:
                await client.ask(READ)


async def test_tls_1_1_is_not_served(port: int, authority: Authority, operator: tuple[Path, Path]) -> None:
    context = authority.client(operator)
    with pytest.warns(DeprecationWarning, match="TLSv1 is deprecated"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match=r"TLSv1_1 is deprecated"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(OSError, match=r"(?i)ssl|version|protocol|cipher"):
        async with _secured(port, context):
            pass


async def test_what_is_no_tls_harms_nobody(
    serve: Serve, listener: TlsListener, authority: Authority, operator: tuple[Path, Path]
) -> None:
    adapter = await serve(nameplates(1), listeners=[listener])
    (port,) = ports_of(adapter)
    async with _secured(port, authority.client(operator)) as client, connected(port) as silent:
        for garbage in (b"GET / HTTP/1.1\r\n\r\n", READ, b"\x16\x03\x01\xff\xff" + bytes(70_000), b""):
            async with connected(port) as bad:
                bad.send(garbage)
                bad.writer.write_eof()
                with suppress(ConnectionError):
                    await bad.rest()
        assert (await client.ask(READ)).hex() == ANSWER
        await until(lambda: len(adapter._connections) == 2)
        await adapter.stop()
        assert await silent.rest() == b""
    assert len(adapter._connections) == 0


async def test_of_many_handshakes_that_fail_one_is_told_and_how_many_others(
    port: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail() -> str:
        async with connected(port) as client:
            client.send(b"no client hello, but plain words\r\n")
            with suppress(ConnectionError):
                await client.rest()
            return "{}:{}".format(*client.writer.get_extra_info("sockname"))

    caplog.set_level("INFO")
    monkeypatch.setattr(tls, "_QUIET", 3600.0)
    first = await fail()
    for _ in range(9):
        await fail()
    (told,) = caplog.messages
    assert told.startswith(f"{first} did not get through the TLS handshake: ")
    monkeypatch.setattr(tls, "_QUIET", 0.0)
    await fail()
    assert caplog.messages[-1].endswith("; so did 9 others before")


async def test_a_place_is_taken_before_the_handshake(
    serve: Serve, listener: TlsListener, authority: Authority, operator: tuple[Path, Path]
) -> None:
    adapter = await serve(nameplates(1), listeners=[listener], connections=2)
    (port,) = ports_of(adapter)
    async with _secured(port, authority.client(operator)) as client:
        await client.ask(READ)
        for _ in range(5):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            await until(lambda: len(adapter._connections) == 2)
            writer.close()
            await client.ask(READ)
    assert adapter._connections._counters.accepted >= 6


async def test_the_pymodbus_client_reads_and_writes(
    port: int, authority: Authority, operator: tuple[Path, Path]
) -> None:
    for files, refused in ((operator, False), (authority.issue("guest"), True)):
        context = authority.client(files)
        async with AsyncModbusTlsClient("127.0.0.1", port=port, sslctx=context, retries=0) as client:
            said = await client.read_holding_registers(246, count=1, device_id=2)
            assert said.registers == [2]
            written = await client.write_coil(0, True, device_id=2)
            assert isinstance(written, ExceptionResponse) is refused
            assert not refused or written.exception_code == 1


def test_roles_are_read_from_certificates(authority: Authority) -> None:
    certificate, _ = authority.issue("zoe", role=role_extension("Ingénieur"))
    assert role_of(ssl.PEM_cert_to_DER_cert(certificate.read_text())) == "Ingénieur"
    certificate, _ = authority.issue("yan")
    assert role_of(ssl.PEM_cert_to_DER_cert(certificate.read_text())) is None
    assert role_of(b"no certificate") is None
    twice = authority.issue_with_role_twice("xan")
    assert role_of(ssl.PEM_cert_to_DER_cert(twice[0].read_text())) is None


def test_what_is_wrong_with_a_file_is_told(authority: Authority, tmp_path: Path) -> None:
    certificate, key = authority.issue("right")
    other = authority.issue("other")[1]
    hidden = authority.issue("hidden", password=b"secret")
    junk = tmp_path / "junk.pem"
    junk.write_text("-----BEGIN NONSENSE-----\n")
    right = {"certificate": certificate, "key": key, "client_ca": authority.file}
    wrong = [
        ({"certificate": tmp_path / "no.pem"}, "certificate", "cannot be read: No such file"),
        ({"key": tmp_path}, "key", "cannot be read: Is a directory"),
        ({"certificate": junk}, "certificate", "is no PEM file; allowed: a certificate in PEM form"),
        ({"key": junk}, "key", "is no PEM file; allowed: a private key in PEM form"),
        ({"client_ca": key}, "client_ca", "is no PEM file; allowed: a certificate"),
        ({"certificate": hidden[0], "key": hidden[1]}, "key", "is encrypted; allowed: a private key without"),
        ({"key": other}, "key", f"does not belong to {certificate}"),
    ]
    server_context(**right)
    for change, place, words in wrong:
        with pytest.raises(TlsFileError) as caught:
            server_context(**right | change)
        assert caught.value.key == place
        assert words in str(caught.value)
