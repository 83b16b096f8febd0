"""The MQTT adapter with meters of its own, in the test's process or in one that can be killed."""

import ssl
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.broker import Access, BrokerAddress
from gateway.clock import ClockState
from gateway.commands import Outcome, Request, SetLink
from gateway.config.changes import gateway_changed
from gateway.database import Database
from gateway.journal import Journal
from gateway.link_faults import LinkFault, Links
from gateway.mqtt.adapter import MqttAdapter
from gateway.payloads import Payloads
from sims.models import Nameplate
from sims.points import FLAGS, NS_PER_S
from sims.snapshot import Snapshot, Tick
from tests.support.snapshots import START, nameplates, snapshot_of


def plain_snapshot(meters: Sequence[Nameplate], tick: int = 1, **columns: NDArray[Any]) -> Snapshot:
    """Return a snapshot whose display, flags and time of the peak are plain, but for `columns`."""
    n = len(meters)
    plain: dict[str, NDArray[Any]] = {
        "peak_demand_time": np.where(np.arange(n) % 2, 0, START + 900 * NS_PER_S),
        "lcd_screen": np.full(n, 1, dtype=np.uint16),
        "lcd_text": np.array([b"  000042"] * n, dtype="S8"),
        "flags": np.full(n, 1 << FLAGS.index("powered") | 1 << FLAGS.index("lcd_on"), dtype=np.uint16),
    }
    return snapshot_of(meters, tick, **plain | columns)


class Station:
    """What is asked of a station at `tick`: it carries out nothing, but keeps in mind what was `asked`."""

    def __init__(self) -> None:
        self.tick = 0
        self.asked: list[Request] = []

    async def apply(self, request: Request) -> Outcome:
        """Keep in mind what is asked for."""
        self.asked.append(request)
        return ("",)

    def gateway_change(self, changes: Mapping[str, Any]) -> SetLink:
        """Take the changes for what the station takes them for."""
        return SetLink(None, gateway_changed(changes))

    def clock_state(self) -> ClockState:
        """Return a manual clock at the tick that is shown."""
        return ClockState("manual", Tick(self.tick, START + self.tick * NS_PER_S), 1.0, 1.0, paused=False)


class Gateway(Station):
    """An adapter on a broker, with its meters and the tick it shows, and the station that it asks.

    Without `url` and `access` the broker is one that comes along; `payloads` are settings of `Payloads`.
    """

    def __init__(
        self,
        count: int,
        url: str | None = None,
        *,
        gateway_id: str = "plant-a",
        host: str = "127.0.0.1",
        port: int = 0,
        version: int = 4,
        tls: ssl.SSLContext | None = None,
        access: Access | None = None,
        **payloads: Any,
    ) -> None:
        super().__init__()
        self.meters = nameplates(count)
        self.links = Links("mqtt", 0)
        serials = [meter.serial for meter in self.meters]
        self.journal = Journal(Database(), serials, kinds=frozenset({"history", "event"}), most=1000)
        self.adapter = MqttAdapter(
            access=access
            or Access(BrokerAddress.parse(url) if url else BrokerAddress(host, port), version, tls),
            own=url is None and access is None,
            payloads=Payloads(**payloads),
            gateway_id=gateway_id,
            meters=self.meters,
            control=self,
            links=self.links,
            journal=self.journal,
        )
        self.show()

    def fault(self, row: int | None, mode: str, **more: Any) -> None:
        """Let the line of a meter, or of all (None), have a fault from the next tick on."""
        self.links.set(row, LinkFault(mode, **more))

    def show(self) -> Snapshot:
        """Show the next tick."""
        self.tick += 1
        snapshot = plain_snapshot(self.meters, self.tick)
        self.links.show(snapshot)
        self.journal.add(snapshot)
        self.adapter.show(snapshot)
        return snapshot

    @property
    def away(self) -> bool:
        """Whether the table says that the broker is away."""
        return ", away" in self.adapter.endpoints()[0].serves

    @property
    def port(self) -> int:
        """The broker's port."""
        return int(self.adapter.ready()["mqtt"].rpartition(":")[2])
