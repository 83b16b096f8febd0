"""The broker that comes along: Mosquitto as a child process, and amqtt in the process."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import tempfile
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import AddressInUseError, BrokerUnavailableError
from gateway.mqtt.brokers import embedded as brokers
from gateway.mqtt.brokers.embedded import embedded_broker, loopback

PROCESS = Path(__file__).parents[1] / "gateway_process.py"
EITHER = pytest.mark.parametrize(
    "which", [pytest.param("Mosquitto", marks=pytest.mark.real_client("mosquitto")), "amqtt"]
)


@pytest.fixture
def chosen(which: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let the machine be one without Mosquitto where amqtt is wanted."""
    if which == "amqtt":
        monkeypatch.setattr(brokers, "_WHERE", ())
        monkeypatch.setenv("PATH", "")
    return which


def mosquitto_on(port: int) -> int:
    """Return the process id of the Mosquitto that listens on `port`."""
    inode = next(
        line.split()[9]
        for line in Path("/proc/net/tcp").read_text().splitlines()
        if line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A"
    )
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(str(fd.readlink()) == f"socket:[{inode}]" for fd in (process / "fd").iterdir()):
                return int(process.name)
        except OSError:
            continue
    raise LookupError(port)


def watchdogs_of(pid: int) -> list[int]:
    """Return the shells among the children of a process."""
    children = map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    return [child for child in children if b"/bin/sh" in command_of(child)]


def command_of(pid: int) -> bytes:
    """Return a process's command, nothing if it has just ended."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def runs(pid: int) -> bool:
    """Tell whether a process is there."""
    return Path(f"/proc/{pid}").exists()


def addresses_of(port: int) -> set[str]:
    """Return the local addresses (hexadecimal) on which somebody listens at `port`."""
    lines = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path("/proc/net", table).read_text().splitlines()
    ]
    return {line[1].split(":")[0] for line in lines if line[1].endswith(f":{port:04X}") and line[3] == "0A"}


@EITHER
@pytest.mark.usefixtures("chosen")
async def test_a_broker_comes_along_on_loopback_alone(which: str, gateway: Any, listen: Any) -> None:
    made = await gateway(100, host="0.0.0.0")  # noqa: S104  it must not be obeyed
    (endpoint,) = made.adapter.endpoints()
    assert endpoint.address == made.adapter.ready()["mqtt"] == f"mqtt://127.0.0.1:{made.port}"
    assert endpoint.serves.startswith(which)
    assert "loopback only, topics metergate/plant-a/#" in endpoint.serves
    assert addresses_of(made.port) == {"0100007F"}
    made.show()
    await made.adapter.shown()
    async with listen(made.port) as client:
        await client.until(lambda: len(client.heard) == 202)
        assert {client.state(meter.id)["tick"] for meter in made.meters} == {2}
        assert {client.text(f"{meter.id}/status") for meter in made.meters} == {"online"}
        assert client.text("status") == "online"


@EITHER
@pytest.mark.usefixtures("chosen")
async def test_a_taken_port_is_an_error_that_names_the_option(gateway: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        made = await gateway(1, start=False, port=port)
        with pytest.raises(AddressInUseError) as caught:
            await made.adapter.start()
    assert str(caught.value) == f"MQTT broker: 127.0.0.1:{port} is already in use; --mqtt-port moves it"


@EITHER
@pytest.mark.usefixtures("chosen")
async def test_stopping_says_offline_to_listeners_and_frees_the_port(gateway: Any, listen: Any) -> None:
    made = await gateway(3)
    async with listen(made.port) as client:
        await client.until(lambda: len(client.heard) == 8)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(client.until(lambda: client.text("status") == "offline"))
            tasks.create_task(made.adapter.stop())
    with socket.create_server(("127.0.0.1", made.port)):
        pass


@pytest.mark.parametrize(
    ("host", "bound"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.2", "127.0.0.2"),
        ("::1", "::1"),
        ("localhost", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),  # noqa: S104  what a user may write
        ("192.168.1.20", "127.0.0.1"),
    ],
)
def test_it_never_listens_beyond_loopback(host: str, bound: str) -> None:
    assert loopback(host) == embedded_broker(host, 0).host == bound


@pytest.mark.parametrize(
    ("host", "port", "why"),
    [("127.0.0.1", 1, "not permitted"), ("192.0.2.1", 0, "not an address of this machine")],
)
async def test_an_address_that_cannot_be_bound_says_why(host: str, port: int, why: str) -> None:
    if why == "not permitted" and os.geteuid() == 0:
        pytest.skip("root may bind any port")
    with pytest.raises(AddressInUseError, match=why):
        await brokers.free_port(host, port)


@pytest.mark.real_client("mosquitto")
async def test_mosquitto_is_started_again_when_it_dies(gateway: Any, listen: Any, eventually: Any) -> None:
    made = await gateway(3)
    os.kill(mosquitto_on(made.port), signal.SIGKILL)
    await eventually(lambda: made.away)
    await eventually(lambda: not made.away)
    made.show()
    await made.adapter.shown()
    async with listen(made.port) as client:
        await client.until(lambda: len(client.heard) == 8)
        assert client.state("M0003")["tick"] == 2


@pytest.mark.real_client("mosquitto")
async def test_mosquitto_is_started_again_once_there_is_room_for_its_configuration(
    gateway: Any, eventually: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made = await gateway(1)
    with monkeypatch.context() as broken:
        broken.setattr(tempfile, "tempdir", "/proc/1/nowhere")
        os.kill(mosquitto_on(made.port), signal.SIGKILL)
        await eventually(lambda: caplog.text.count("Mosquitto cannot be started again: ") == 2)
    await eventually(lambda: not made.away)


@pytest.mark.real_client("mosquitto")
async def test_a_mosquitto_that_cannot_be_started_at_all_is_an_error_with_its_cause(
    gateway: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await gateway(1, start=False)
    monkeypatch.setattr(tempfile, "tempdir", "/proc/1/nowhere")
    with pytest.raises(BrokerUnavailableError, match=r"Mosquitto cannot be started: .*nowhere"):
        await made.adapter.start()


@pytest.mark.real_client("mosquitto")
async def test_a_frozen_mosquitto_of_ours_is_ended_in_time_with_a_frozen_watchdog(gateway: Any) -> None:
    made = await gateway(200)
    pids = [mosquitto_on(made.port), *watchdogs_of(os.getpid())]
    assert len(pids) == 2
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    made.show()
    waiting = asyncio.create_task(made.adapter.shown())
    await asyncio.sleep(0)
    async with asyncio.timeout(1.8):
        await made.adapter.stop()
    await waiting
    assert not any(map(runs, pids))


@pytest.mark.real_client("mosquitto")
async def test_mosquitto_does_not_outlive_a_gateway_that_is_killed_even_after_its_watchdog(
    eventually: Any,
) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, PROCESS, stdout=PIPE)
    assert process.stdout is not None
    port = int((await process.stdout.readline()).rpartition(b":")[2])
    pid = mosquitto_on(port)
    (watchdog,) = watchdogs_of(process.pid)
    os.kill(watchdog, signal.SIGKILL)
    await eventually(lambda: watchdogs_of(process.pid) not in ([], [watchdog]))
    process.kill()
    await process.wait()
    await eventually(lambda: not runs(pid))


@pytest.mark.real_client("mosquitto")
async def test_mosquitto_is_not_in_our_session_so_that_ctrl_c_reaches_us_first(gateway: Any) -> None:
    made = await gateway(1)
    assert os.getsid(mosquitto_on(made.port)) != os.getsid(0)
