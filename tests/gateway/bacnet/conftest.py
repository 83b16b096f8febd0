"""Meters, snapshots, requests and a running adapter for the tests of BACnet."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from gateway.bacnet.application import Application, Times
from gateway.bacnet.delivery.pending import carry_out
from gateway.bacnet.objects.flat import flat_device
from gateway.bacnet.objects.gateway_device import gateway_device
from gateway.bacnet.objects.meter_objects import meter_devices
from gateway.bacnet.objects.model import Device, ObjectTable
from gateway.bacnet.port.layout import Ground
from gateway.bacnet.server import BacnetAdapter
from gateway.bacnet.services.device_control import DeviceControl
from gateway.bacnet.services.discovery import Announcement, announcements
from gateway.bacnet.services.writing import WriteRequest
from gateway.bacnet.wire import encoding as enc
from gateway.bacnet.wire.peer import Message, Peer
from gateway.commands import Command, Outcome, Request
from gateway.errors import RequestRefusedError
from gateway.link_faults import Links
from sims.models import MODELS, Nameplate
from sims.points import FLAGS, MJ_PER_WH, NS_PER_S, POINTS, Kind
from sims.snapshot import DemandInterval, Snapshot, Tick
from tests.support.loops import SkippingLoop

START = 1_767_571_200 * NS_PER_S
"""2026-01-05T00:00:00Z, a Monday [ns]."""

ONE_EACH = ("series-1000-1p2w-120", "series-1000-120-240", "series-2000-277-480")
"""A model of each number of elements."""


def pytest_asyncio_loop_factories(item: pytest.Function) -> Mapping[str, Callable[[], Any]]:
    """Let what has meters and no sockets wait for nothing."""
    skips = "meters" in item.fixturenames and "serve" not in item.fixturenames
    return {"skipping": SkippingLoop} if skips else {"asyncio": asyncio.new_event_loop}


def make_plates(count: int) -> list[Nameplate]:
    """Return nameplates of `count` meters of 1, 2 and 3 elements in turn; the even ones have all options."""
    options = frozenset({"demand", "peak_reset"})
    return [
        Nameplate(
            n,
            f"M{n:04}",
            MODELS[ONE_EACH[(n - 1) % 3]],
            serial=f"S{n:06}",
            options=frozenset() if n % 2 else options,
        )
        for n in range(1, count + 1)
    ]


def make_snapshot(
    meters: list[Nameplate], tick: int = 1, intervals: tuple[DemandInterval, ...] = (), **changed: Any
) -> Snapshot:
    """Return a snapshot in which every value is unlike any other; `changed` replaces columns."""
    rows = np.arange(1, len(meters) + 1)
    columns: dict[str, Any] = {}
    for place, point in enumerate(POINTS.values()):
        if point.kind is Kind.INSTANT:
            lacking = [not point.lines <= meter.model.lines for meter in meters]
            columns[point.name] = np.where(lacking, np.nan, rows * 100.0 + place + tick / 4)
        elif point.kind in {Kind.COUNTER, Kind.TIME, Kind.STATE}:
            columns[point.name] = rows * 1000 + place
    columns["energy"] = (rows * 1000 + tick) * 1000 * MJ_PER_WH
    columns["clock"] = np.full(len(meters), START + tick * NS_PER_S)
    columns["lcd_screen"] = rows % 5
    columns["key_switch"] = rows % 2
    columns["lcd_text"] = np.array([f"{n:6} k" for n in rows], dtype="S8")
    columns["flags"] = np.full(len(meters), 1 << FLAGS.index("powered") | 1 << FLAGS.index("lcd_on"))
    return Snapshot(Tick(tick, START + tick * NS_PER_S), columns | changed, intervals)


def make_interval(meters: int, sequence: int) -> DemandInterval:
    """Return the demand interval number `sequence`, from 1, of all meters: `sequence` kW and MWh each."""
    length = 300 * NS_PER_S
    return DemandInterval(
        end=np.full(meters, START + sequence * length),
        rows=np.arange(meters),
        sequence=np.full(meters, sequence),
        demand=np.full(meters, 1000.0 * sequence),
        rolling_demand=np.full(meters, 1000.0 * sequence),
        energy=np.full(meters, sequence * 1000_000 * MJ_PER_WH),
    )


class Applier:
    """Notes the commands that it is given, and how many at once.

    Applies them while `open` is set, unless there is a `refusal`.
    """

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.together: list[int] = []
        self.refusal: Exception | None = None
        self.open = asyncio.Event()
        self.open.set()

    async def apply(self, request: Request) -> Outcome:
        assert isinstance(request, tuple)
        self.commands += request
        self.together.append(len(request))
        await self.open.wait()
        if self.refusal:
            raise self.refusal
        return ("in vain",) * len(request)

    def refuse(self) -> None:
        """Refuse what comes from now on."""
        self.refusal = RequestRefusedError("the meter is without supply")


PASSWORD = "filister"  # noqa: S105  a test's
"""What the devices of `Meters` want to be given before they are controlled."""

PEER = Peer(("127.0.0.9", 0xBAC0))


class Speaker:
    """Notes what devices say: to whom, or to None for everybody, and in which APDU."""

    def __init__(self) -> None:
        self.said: list[tuple[Device, Peer | None, bytes]] = []
        self.others: list[tuple[Device, Peer | None, bytes]] = []
        self.aside: tuple[frozenset[int | None], frozenset[int]] = frozenset(), frozenset()

    def send(
        self, device: Device, peer: Peer, apdu: bytes, *, priority: int = 0, expects_reply: bool = False
    ) -> None:
        assert priority == 0
        assert expects_reply == (apdu[0] == 0 or apdu[0] & 0xF8 == 0x38)
        self.said.append((device, peer, apdu))

    def broadcast(self, device: Device, apdu: bytes) -> None:
        self.said.append((device, None, apdu))

    def impersonate(self, device: Device, peer: Peer | None, apdu: bytes) -> None:
        self.others.append((device, peer, apdu))

    def set_aside(self, rows: frozenset[int | None], numbers: frozenset[int]) -> None:
        self.aside = rows, numbers

    def forget(self) -> None:
        """Nothing said is kept to be said again."""


class Meters:
    """A responder for some meters, and what they are asked."""

    def __init__(self, count: int) -> None:
        self.plates = make_plates(count)
        self.devices = meter_devices(100_000, "plant-a", "Plant A", self.plates)
        self.gateway = gateway_device(100_000, "plant-a", "Plant A")
        self.applier = Applier()
        self.speaker = Speaker()
        self.peer = PEER
        self.seconds = 0.0
        self.links = Links("bacnet", 0)
        self.application = Application(
            self.plates,
            self.applier,
            self.speaker,
            links=self.links,
            control=DeviceControl(PASSWORD, lambda: self.seconds),
            times=Times(pause_s=0, timeout_s=0.01, now=lambda: self.seconds),
        )
        self.responder = self.application.responder
        self.application.show(make_snapshot(self.plates))

    def table(self, meter: int) -> ObjectTable:
        """Return the objects of a meter, counted from 1."""
        return self.device(meter).table

    def device(self, meter: int) -> Device:
        """Return a meter, counted from 1, as a device; 0 is the gateway."""
        return self.devices[meter - 1] if meter else self.gateway

    def announce(self, request: bytes) -> list[Announcement]:
        """Return what all meters say to an unconfirmed request."""
        return list(announcements(request, self.devices))

    def show(self, tick: int, intervals: int = 0, **changed: Any) -> None:
        """Show a tick in which demand intervals 1 to `intervals` have closed."""
        closed = tuple(make_interval(len(self.plates), k) for k in range(1, intervals + 1))
        snapshot = make_snapshot(self.plates, tick, closed, **changed)
        self.links.show(snapshot)
        self.application.show(snapshot)

    async def say(self, meter: int, apdu: str, peer: Peer = PEER) -> list[str]:
        """Let a meter hear an APDU that is addressed to it; return what is said then, without pauses.

        What is said to everybody begins with an asterisk.
        """
        self.hear(meter, bytes.fromhex(apdu), peer)
        return await self.said()

    def hear(self, meter: int, apdu: bytes, peer: Peer = PEER) -> None:
        """Let a meter hear an APDU that is addressed to it."""
        self.application.hear(Message(peer, (None, b""), 0, False, True, apdu), [self.device(meter)])

    async def said(self) -> list[str]:
        """Return what has been said since the last time, in turn."""
        for _ in range(4):
            await asyncio.sleep(0)
        said = [("" if peer else "*") + apdu.hex() for _, peer, apdu in self.speaker.said]
        self.speaker.said.clear()
        return said

    def ask(
        self, meter: int, service: int, parameters: bytes, max_apdu: int = 0x75, invoke: int = 1
    ) -> bytes:
        """Return the answer of a meter, counted from 1, or of the gateway, 0, to a confirmed request.

        What it wants written is carried out.
        """
        request = bytes((0x02, max_apdu, invoke, service)) + parameters
        answer = self.responder.answer(request, self.device(meter), PEER)
        assert answer is not None
        if not isinstance(answer, WriteRequest):
            return answer
        done = asyncio.run(carry_out(answer, self.applier, self.application._stores))
        self.application.responder.forget()
        return done.answer

    def read(self, meter: int, kind: int, instance: int, prop: int, index: int | None = None) -> bytes:
        """Return the encoded value of a property, read by ReadProperty."""
        number = enc.context(0, enc.object_number(kind, instance).to_bytes(4, "big"))
        which = b"" if index is None else enc.context(2, enc.content(index))
        asked = number + enc.context(1, enc.content(prop)) + which
        answer = self.ask(meter, 12, asked)
        head = b"\x30\x01\x0c" + asked + b"\x3e"
        assert answer.startswith(head), answer.hex()
        return answer[len(head) : -1]


class Flat(Meters):
    """The gateway, number 0, as the one device that has the objects of some meters."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.gateway = flat_device(self.gateway, self.plates)


@pytest.fixture
def flat() -> Flat:
    """Return a responder for seven meters whose objects one device has."""
    return Flat(7)


@pytest.fixture
def meters() -> Meters:
    """Return a responder for three meters: one of one, one of two and one of three elements."""
    return Meters(3)


@pytest.fixture
def plates() -> Callable[[int], list[Nameplate]]:
    return make_plates


@pytest.fixture
def snapshot() -> Callable[..., Snapshot]:
    return make_snapshot


@pytest.fixture
def applier() -> Applier:
    return Applier()


@pytest.fixture
def make_adapter(applier: Applier) -> Callable[..., BacnetAdapter]:
    """Return a function that makes an adapter for some meters, with a snapshot shown; `settings` differ."""

    def make(count: int = 3, shown: Snapshot | None = None, **settings: Any) -> BacnetAdapter:
        meters = make_plates(count)
        where: dict[str, Any] = {"address": "127.0.0.1/8", "port": 0, "network": 1000}
        where |= {field.name: settings.pop(field.name) for field in fields(Ground) if field.name in settings}
        keywords: dict[str, Any] = {
            "device_instance": 100_000,
            "gateway_id": "plant-a",
            "gateway_name": "Plant A",
            "meters": meters,
            "commands": applier,
        }
        adapter = BacnetAdapter(Ground(**where), **keywords | settings)
        adapter.show(shown or make_snapshot(meters))
        return adapter

    return make


@pytest.fixture
async def serve(make_adapter: Callable[..., BacnetAdapter]) -> AsyncIterator[Callable[..., Any]]:
    """Return a function that starts an adapter made with what it is given; it is stopped after the test."""
    started: list[BacnetAdapter] = []

    async def start(*arguments: Any, **settings: Any) -> BacnetAdapter:
        adapter = make_adapter(*arguments, **settings)
        await adapter.start()
        started.append(adapter)
        return adapter

    yield start
    for adapter in started:
        await adapter.stop()


class Client:
    """A UDP socket that asks and waits; addresses are those of an adapter's ready file."""

    def __init__(self, udp: socket.socket) -> None:
        self._udp = udp
        self.port: int = udp.getsockname()[1]

    async def send(self, datagram: bytes, adapter: BacnetAdapter, host: str | None = None) -> None:
        """Send a datagram to the adapter, or to `host` at its port."""
        (endpoint,) = adapter.endpoints()
        own, _, port = endpoint.address.rpartition(":")
        await asyncio.get_running_loop().sock_sendto(self._udp, datagram, (host or own, int(port)))

    async def receive(self) -> bytes:
        """Return the next datagram."""
        return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self._udp, 2048), 5)

    async def ask(self, datagram: bytes, adapter: BacnetAdapter) -> bytes:
        """Send a datagram and return the next one that comes."""
        await self.send(datagram, adapter)
        return await self.receive()


@pytest.fixture
def client() -> Iterator[Client]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        udp.bind(("127.0.0.1", 0))
        udp.setblocking(False)
        yield Client(udp)
