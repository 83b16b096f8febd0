"""All ways to a broker and into it: TLS, websockets, versions, passwords; what is told of those that fail."""

import asyncio
import contextlib
import gc
import logging
import os
import subprocess
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from gateway.broker import Access
from gateway.config.reader import load_config
from gateway.errors import ConfigError
from gateway.mqtt.brokers import embedded
from gateway.tls_files import client_context
from tests.support.brokers import ANYBODY, BrokerOfYours
from tests.support.certificates import Authority
from tests.support.mqtt import Gateway

CLIENTS = Path(__file__).parents[2] / "clients"
MOSQUITTO = pytest.mark.real_client("mosquitto")
PASSWORDS = pytest.mark.real_client("mosquitto", "mosquitto_passwd")
WEBSOCKETS = pytest.mark.real_client("node", "npm:aedes", "npm:ws")
BOTH_VERSIONS = pytest.mark.parametrize("version", [4, 5])

Made = Callable[..., Awaitable[Gateway]]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Callable[..., BrokerOfYours]]:
    """Start a Mosquitto with further settings."""
    with contextlib.ExitStack() as stack:

        def start(*settings: str) -> BrokerOfYours:
            made = BrokerOfYours(tmp_path, *settings).start()
            stack.callback(made.kill)
            return made

        yield start


def over_tls(authority: Authority, *settings: str) -> tuple[str, ...]:
    """Return the settings of a Mosquitto over TLS."""
    certificate, key = authority.issue("broker")
    return (ANYBODY, f"cafile {authority.file}", f"certfile {certificate}", f"keyfile {key}", *settings)


def trusting(
    ca: Path, *, certificate: Path | None = None, key: Path | None = None, check_host: bool = True
) -> Any:
    return client_context(ca=ca, certificate=certificate, key=key, check_host=check_host)


@pytest.fixture
def websockets() -> Any:
    """Start a broker behind websockets."""

    @contextlib.asynccontextmanager
    async def start(*files: Path) -> AsyncIterator[tuple[int, asyncio.subprocess.Process]]:
        program = CLIENTS / "mqtt_websocket_broker.cjs"
        process = await asyncio.create_subprocess_exec("node", program, *files, stdin=PIPE, stdout=PIPE)
        assert process.stdout is not None
        async with asyncio.timeout(20):
            port = int(await process.stdout.readline())
        try:
            yield port, process
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    return start


async def is_served(made: Gateway, states: int = 3) -> None:
    """See that a broker gets whole rounds."""
    assert not made.away
    async with asyncio.timeout(10):
        for _ in range(states):
            made.show()
            await made.adapter.shown()
    assert not made.away


@MOSQUITTO
@BOTH_VERSIONS
async def test_mosquitto_is_served_in_both_versions(yours: Any, gateway: Made, version: int) -> None:
    made = await gateway(100, url=yours.url, version=version, qos=1)
    await is_served(made)


@MOSQUITTO
async def test_a_message_on_version_5_tells_its_type_and_expires(yours: Any, gateway: Made) -> None:
    await gateway(1, url=yours.url, version=5, expiry_s=60)
    v5 = aiomqtt.ProtocolVersion.V5
    async with aiomqtt.Client("127.0.0.1", yours.port, protocol=v5) as client, asyncio.timeout(10):
        await client.subscribe("metergate/plant-a/M0001/state")
        properties = (await anext(aiter(client.messages))).properties
    told: dict[str, Any] = vars(properties)
    assert told["ContentType"] == "application/json"
    assert 50 <= told["MessageExpiryInterval"] <= 60


@MOSQUITTO
@BOTH_VERSIONS
async def test_a_broker_over_tls_that_its_ca_vouches_for_is_served(
    broker: Any, authority: Authority, gateway: Made, version: int
) -> None:
    port = broker(*over_tls(authority)).port
    made = await gateway(200, url=f"mqtts://127.0.0.1:{port}", version=version, tls=trusting(authority.file))
    await is_served(made)


@MOSQUITTO
async def test_a_broker_that_wants_a_certificate_gets_it(
    broker: Any, authority: Authority, gateway: Made, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"mqtts://127.0.0.1:{broker(*over_tls(authority, 'require_certificate true')).port}"
    refused = await gateway(1, url=url, gateway_id="plant-b", tls=trusting(authority.file))
    assert refused.away
    assert "is away (" in caplog.text
    certificate, key = authority.issue("gateway")
    await is_served(await gateway(3, url=url, tls=trusting(authority.file, certificate=certificate, key=key)))


@MOSQUITTO
async def test_a_broker_whom_another_ca_vouches_for_is_not_trusted(
    broker: Any, authority: Authority, gateway: Made, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    port = broker(*over_tls(authority)).port
    another = Authority(tmp_path, "another")
    made = await gateway(1, url=f"mqtts://127.0.0.1:{port}", tls=trusting(another.file))
    assert made.away
    assert "certificate verify failed" in caplog.text


@MOSQUITTO
async def test_the_name_of_the_host_is_checked_unless_told_otherwise(
    broker: Any, authority: Authority, gateway: Made, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"mqtts://localhost:{broker(*over_tls(authority)).port}"
    made = await gateway(1, url=url, gateway_id="plant-b", tls=trusting(authority.file))
    assert made.away
    assert "localhost" in caplog.text
    assert "not valid for 'localhost'" in caplog.text
    await is_served(await gateway(3, url=url, tls=trusting(authority.file, check_host=False)))


@MOSQUITTO
async def test_tls_to_a_broker_without_it_is_told(
    yours: Any, gateway: Made, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    made = await gateway(1, url=f"mqtts://127.0.0.1:{yours.port}", tls=trusting(authority.file))
    assert made.away
    assert f"MQTT broker mqtts://127.0.0.1:{yours.port} is away (" in caplog.text


@MOSQUITTO
async def test_over_tls_good_bye_is_said_before_the_process_ends(broker: Any, authority: Authority) -> None:
    port, tls, status = (
        broker(*over_tls(authority)).port,
        trusting(authority.file),
        "metergate/plant-a/status",
    )

    async def live() -> None:
        made = Gateway(1, url=f"mqtts://127.0.0.1:{port}", tls=tls)
        await made.adapter.start()
        await made.adapter.stop()

    async with aiomqtt.Client("127.0.0.1", port, tls_context=tls) as client, asyncio.timeout(20):
        await client.subscribe(status, qos=1)
        for _ in range(5):
            await asyncio.to_thread(asyncio.run, live())
        await client.publish(status, b"end", qos=1)
        heard = [b""]
        while heard[-1] != b"end":
            heard.append(bytes((await anext(aiter(client.messages))).payload))
    assert heard[1:-1] == [b"online", b"offline"] * 5


@WEBSOCKETS
@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_a_broker_behind_websockets_is_served(
    websockets: Any, authority: Authority, gateway: Made, scheme: str
) -> None:
    secured = scheme == "wss"
    async with websockets(*(authority.issue("broker") if secured else ())) as (port, _):
        tls = trusting(authority.file) if secured else None
        made = await gateway(200, url=f"{scheme}://127.0.0.1:{port}/mqtt", tls=tls)
        await is_served(made)
        await made.adapter.stop()


@WEBSOCKETS
async def test_a_broker_behind_websockets_that_dies_is_away_at_once(
    websockets: Any, gateway: Made, eventually: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with websockets() as (port, process):
        made = await gateway(3, url=f"ws://127.0.0.1:{port}/mqtt")
        await is_served(made)
        process.kill()
        await eventually(lambda: made.away)
    await made.adapter.stop()
    gc.collect()
    assert not [record for record in caplog.records if record.name == "asyncio"]


@MOSQUITTO
@pytest.mark.parametrize("path", ["/mqtt", "/"])
async def test_what_is_no_websocket_is_told(
    yours: Any, gateway: Made, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    made = await gateway(1, url=f"ws://127.0.0.1:{yours.port}{path}")
    assert made.away
    assert "no websocket at ws://127.0.0.1" in caplog.text


@WEBSOCKETS
async def test_websockets_at_another_path_are_told(
    websockets: Any, gateway: Made, caplog: pytest.LogCaptureFixture
) -> None:
    async with websockets() as (port, _):
        made = await gateway(1, url=f"ws://127.0.0.1:{port}/elsewhere")
        assert made.away
        assert f"no websocket at ws://127.0.0.1:{port}/elsewhere: " in caplog.text
        assert "400" in caplog.text


@pytest.fixture
def guarded(broker: Any, tmp_path: Path) -> BrokerOfYours:
    """Start a Mosquitto that wants the password of ann."""
    passwords = tmp_path / "passwords"
    subprocess.run(
        ["mosquitto_passwd", "-b", "-c", passwords, "ann", "s3cret"], check=True, capture_output=True
    )
    made: BrokerOfYours = broker("allow_anonymous false", f"password_file {passwords}")
    return made


def access_of(tmp_path: Path, **mqtt: Any) -> Access:
    """Return the access that a section of the configuration gives."""
    file = tmp_path / "plant.yaml"
    file.write_text("mqtt: " + str(mqtt))
    settings = load_config(file).mqtt
    assert settings is not None
    return settings.access


@pytest.fixture
def ann(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the user and her password into the environment and into files."""
    monkeypatch.setenv("BROKER_USER", "ann")
    monkeypatch.setenv("BROKER_PASSWORD", "s3cret")
    (tmp_path / "user").write_text("ann\n")
    (tmp_path / "password").write_text("s3cret\n")


@PASSWORDS
@BOTH_VERSIONS
@pytest.mark.usefixtures("ann")
@pytest.mark.parametrize("how", ["url", "plain", "environment", "file"])
async def test_user_and_password_come_from_anywhere(
    guarded: BrokerOfYours, gateway: Made, tmp_path: Path, how: str, version: int
) -> None:
    given = {
        "url": {"url": f"mqtt://ann:s3cret@127.0.0.1:{guarded.port}"},
        "plain": {"username": "ann", "password": "s3cret"},
        "environment": {"username_env": "BROKER_USER", "password_env": "BROKER_PASSWORD"},
        "file": {"username_file": "user", "password_file": "password"},
    }[how]
    access = access_of(tmp_path, **{"url": guarded.url, "version": "5" if version == 5 else "3.1.1"} | given)
    await is_served(await gateway(3, access=access))


@PASSWORDS
@BOTH_VERSIONS
async def test_a_wrong_password_is_told_once_and_tried_on(
    guarded: BrokerOfYours, gateway: Made, caplog: pytest.LogCaptureFixture, version: int
) -> None:
    caplog.set_level(logging.DEBUG)
    made = await gateway(1, url=f"mqtt://ann:wr0ng@127.0.0.1:{guarded.port}", version=version)
    await asyncio.sleep(1.0)
    assert made.away
    told = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(told) == 1
    assert "is away (" in told[0]
    assert "ot authorized" in told[0] or "not authorised" in told[0]
    assert "wr0ng" not in caplog.text


async def test_attempts_come_later_and_later(gateway: Made, eventually: Any) -> None:
    times: list[float] = []

    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        times.append(asyncio.get_running_loop().time())
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        await gateway(1, url=f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        await eventually(lambda: len(times) == 4)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert all(0.25 * 2**n <= gap for n, gap in enumerate(gaps))


@pytest.mark.parametrize("version", [4, 5])
async def test_whatever_answers_in_place_of_a_broker_the_gateway_goes_on(
    gateway: Made, caplog: pytest.LogCaptureFixture, version: int
) -> None:
    answers = [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x20\x02\x00\x00\x30\x05\x00\x09ab",
        bytes(50),
        os.urandom(200),
    ]
    answers += [
        b"\x20\x03\x00\x00\x7f",
        b"\x20\x06\x00\x00\x03\x21\x00\x00\xe0\x02\x8e\xff",
        b"\x20\x02\x00\x00\xd0\xff",
    ]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(answers[len(seen) % len(answers)])
        seen.append(writer)
        with contextlib.suppress(ConnectionResetError):
            await reader.read(1000)
        writer.close()

    seen: list[asyncio.StreamWriter] = []
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        for _ in answers:
            made = await gateway(1, start=False, url=f"mqtt://127.0.0.1:{port}", version=version)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.5):
                    await made.adapter.start()
            made.show()  # which raises what a session has ended with
            await made.adapter.stop()
    assert len(seen) >= len(answers)
    del made
    gc.collect()
    assert not [record for record in caplog.records if record.name == "asyncio"]


async def test_the_broker_in_the_process_that_does_not_speak_version_5_is_told_at_the_start(
    gateway: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "_WHERE", ())
    monkeypatch.setenv("PATH", "")
    made = await gateway(1, start=False, version=5)
    with pytest.raises(ConfigError, match=r"amqtt .* speaks 3\.1\.1 alone; allowed: '3\.1\.1'") as raised:
        await made.adapter.start()
    assert raised.value.key == "mqtt.version"


@MOSQUITTO
async def test_the_mosquitto_that_comes_along_speaks_version_5(gateway: Made) -> None:
    await is_served(await gateway(3, version=5))
