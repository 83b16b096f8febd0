"""A client of BAC0 that reads all of some meters, writes, and is told of changes and of an alarm.

python bac0_client.py OWN_ADDRESS GATEWAY [METER_ADDRESS ...]

Without addresses the meters are behind the gateway. It prints lines of JSON: what it read, what became of
its writes, what it was told when it subscribed, and what later. BAC0 has no alarms, takes no router at a
port, and writes no lists and not to addresses of three octets: bacpypes3's application under it does.
"""

import asyncio
import json
import sys
from functools import partial
from typing import Any

import BAC0  # type: ignore[import-untyped]
from BAC0.core.io.IOExceptions import NoResponseFromController  # type: ignore[import-untyped]
from bacpypes3.apdu import (  # type: ignore[import-untyped]
    AcknowledgeAlarmRequest,
    ConfirmedEventNotificationRequest,
    ErrorRejectAbortNack,
    GetEventInformationRequest,
    SimpleAckPDU,
)
from bacpypes3.basetypes import Destination, ErrorType, TimeStamp  # type: ignore[import-untyped]
from bacpypes3.pdu import Address  # type: ignore[import-untyped]
from bacpypes3.primitivedata import Enumerated  # type: ignore[import-untyped]

METERS_NETWORK = 1000
METERS = 2
SECONDS = 120
WRITES = (
    ("binary-value,1", "presentValue", "active"),
    ("binary-value,1", "presentValue", "inactive"),
    ("binary-value,2", "presentValue", "active"),
    ("analog-input,1", "covIncrement", "2.5"),
    ("analog-input,1", "presentValue", "1.0"),
    ("analog-input,1", "outOfService", "1"),
)
LOGS = {"by position": ("p", 1), "by sequence": ("s", 2), "by time": ("t", None)}


def say(what: Any) -> None:
    """Print a line for the test."""
    print(json.dumps(what), flush=True)  # noqa: T201  what the test reads


def plain(value: Any) -> Any:
    """Return a value as JSON has it; what has no such form as text, an error in its place too."""
    if isinstance(value, ErrorType):
        return f"error {value.errorClass}: {value.errorCode}"
    if isinstance(value, float):
        return float(value)
    if isinstance(value, list):
        return [plain(each) for each in value]
    return int(value) if isinstance(value, int) and not isinstance(value, Enumerated) else str(value)


class Client:
    """Asks one meter."""

    def __init__(self, network: Any, meter: Any, told: asyncio.Queue[Any]) -> None:
        self._network = network
        self._app = network.this_application.app
        self._meter = meter
        self._told = told
        self.address: str = meter.properties.address
        self.instance: int = meter.properties.device_id

    async def everything(self) -> dict[str, Any]:
        """Return all properties of all objects, the points and logs that BAC0 makes of them, and records."""
        objects = {}
        lists = {}
        for kind, number in self._meter.properties.objects_list:
            wanted = {"address": self.address, "objects": {f"{kind},{number}": ["all"]}}
            ((name, answer),) = (await self._network.readMultiple("", request_dict=wanted)).items()
            objects[name] = {str(attribute): plain(value) for attribute, value in answer}
            lists[name] = plain(await self._network.read(f"{self.address} {kind}:{number} propertyList"))
        listed = f"{self.address} device:{self.instance} objectList"
        return {
            "address": self.address,
            "objects": objects,
            "property_lists": lists,
            "count": await self._network.read(listed, arr_index=0),
            "points": {each.properties.name: plain(await each.value) for each in self._meter.points},
            "logs": {log.properties.object_name: await self._records(log) for log in self._meter.trendlogs},
        }

    async def _records(self, log: Any) -> dict[str, Any]:
        """Return the records of a trend log, read in three ways."""
        buffer = f"{self.address} trend-log {log.properties.oid} logBuffer"
        ways = {}
        for way, (letter, first) in LOGS.items():
            span = (letter, first, "2026-01-05", "01:00:00", 100)
            records = await self._network.readRange(buffer, range_params=span)
            ways[way] = [float(record.logDatum.realValue) for record in records]
        return ways | {"count": int(log.properties.record_count)}

    async def write(self, thing: str, attribute: str, value: str) -> str:
        """Return what is said to a write."""
        try:
            if ":0x" in self.address:
                await self._app.write_property(Address(self.address), thing, attribute, value)
            else:
                await self._network._write(f"{self.address} {thing.replace(',', ' ')} {attribute} {value}")
        except (ErrorRejectAbortNack, NoResponseFromController) as refused:
            return str(refused).rpartition(": ")[2]
        kind, number = thing.split(",")
        return str(await self._network.read(f"{self.address} {kind}:{number} {attribute}"))

    async def subscribe(self, own: str) -> None:
        """Ask to be told of energy, confirmed, of the reverse phase, unconfirmed, and of alarms."""
        note = partial(self._note, "analog-input,1")
        self._network.cov(self.address, ("analog-input", 1), lifetime=SECONDS, confirmed=True, callback=note)
        reverse = self._meter["binary-input", "1"]
        await reverse.subscribe_cov(lifetime=SECONDS, callback=partial(self._note, "binary-input,1"))
        here = Destination(
            validDays=[1] * 7,
            fromTime=(0, 0, 0, 0),
            toTime=(23, 59, 59, 99),
            recipient={"address": own},
            processIdentifier=self.instance,
            issueConfirmedNotifications=True,
            transitions=[1, 1, 1],
        )
        meter = Address(self.address)
        await self._app.write_property(meter, "notification-class,1", "recipient-list", [here])

    def _note(self, thing: str, property_identifier: Any, property_value: Any) -> None:
        self._told.put_nowait([self.instance, thing, str(property_identifier), plain(property_value)])

    async def acknowledge(self, event: Any) -> list[list[str]]:
        """Acknowledge an alarm; return what events there are then."""
        request = AcknowledgeAlarmRequest(
            acknowledgingProcessIdentifier=self.instance,
            eventObjectIdentifier=event.eventObjectIdentifier,
            eventStateAcknowledged=event.toState,
            timeStamp=event.timeStamp,
            acknowledgmentSource="BAC0",
            timeOfAcknowledgment=TimeStamp(sequenceNumber=1),
            destination=Address(self.address),
        )
        await self._app.request(request)
        information = await self._app.request(GetEventInformationRequest(destination=Address(self.address)))
        return [
            [str(each.objectIdentifier), str(each.eventState), str(each.acknowledgedTransitions)]
            for each in information.listOfEventSummaries
        ]


def hear_events(app: Any) -> asyncio.Queue[Any]:
    """Return a queue of the alarms that the application is told from now on."""
    events: asyncio.Queue[Any] = asyncio.Queue()

    async def hear(apdu: ConfirmedEventNotificationRequest) -> None:
        await app.response(SimpleAckPDU(context=apdu))
        events.put_nowait(apdu)

    app.do_ConfirmedEventNotificationRequest = hear
    return events


async def find(network: Any, gateway: str, addresses: list[str]) -> list[Any]:
    """Return the I-Ams of the meters at these addresses, or of all behind the gateway."""
    if addresses:
        return [i_am for each in addresses for i_am in await network.who_is(each)]
    router = Address(gateway)
    await network.this_application.app.nsap.update_router_references(None, router, [METERS_NETWORK])
    found: list[Any] = []
    while len(found) < METERS:
        found = await network.who_is(f"{METERS_NETWORK}:*", timeout=1)
    return found


async def heard(queue: asyncio.Queue[Any], count: int) -> list[Any]:
    """Return the next items of a queue."""
    return [await queue.get() for _ in range(count)]


async def converse(own: str, gateway: str, *addresses: str) -> None:
    """Do all that this client does."""
    host, _, port = own.partition(":")
    told: asyncio.Queue[Any] = asyncio.Queue()
    async with asyncio.timeout(SECONDS), BAC0.lite(ip=f"{host}/32", port=int(port), ping=False) as network:
        clients = {}
        for i_am in await find(network, gateway, list(addresses)):
            instance = i_am.iAmDeviceIdentifier[1]
            meter = await BAC0.device(str(i_am.pduSource), instance, network, poll=0)
            clients[instance] = Client(network, meter, told)
        say({instance: await client.everything() for instance, client in clients.items()})
        say(
            {instance: [await client.write(*each) for each in WRITES] for instance, client in clients.items()}
        )
        events = hear_events(network.this_application.app)
        for client in clients.values():
            await client.subscribe(own)
        say(sorted(await heard(told, 4 * len(clients))))
        changed = await heard(told, 4 * len(clients))
        alarms = await heard(events, len(clients))
        left = {
            each.processIdentifier: await clients[each.processIdentifier].acknowledge(each) for each in alarms
        }
        alarms += await heard(events, len(clients))
        kinds = [[each.processIdentifier, str(each.notifyType), str(each.toState)] for each in alarms]
        say({"changed": sorted(changed), "alarms": sorted(kinds), "left": left})
        for client in clients.values():
            await client._meter._disconnect(save_on_disconnect=False)


if __name__ == "__main__":
    BAC0.log_level("silence")
    asyncio.run(converse(*sys.argv[1:]))
