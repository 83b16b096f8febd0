"""A client of bacpypes3 that is told of changes and an alarm; prints its port when it waits, then all.

python bacpypes3_events.py GATEWAY_ADDRESS METER_INSTANCE
"""

import asyncio
import json
import sys
from typing import Any

from bacpypes3.apdu import (  # type: ignore[import-untyped]
    AcknowledgeAlarmRequest,
    AddListElementRequest,
    ConfirmedEventNotificationRequest,
    GetEventInformationRequest,
    SimpleAckPDU,
)
from bacpypes3.app import Application  # type: ignore[import-untyped]
from bacpypes3.basetypes import Destination, TimeStamp  # type: ignore[import-untyped]
from bacpypes3.constructeddata import Any as Content  # type: ignore[import-untyped]
from bacpypes3.constructeddata import SequenceOf
from bacpypes3.local.device import DeviceObject  # type: ignore[import-untyped]
from bacpypes3.local.networkport import NetworkPortObject  # type: ignore[import-untyped]
from bacpypes3.pdu import Address, RemoteBroadcast  # type: ignore[import-untyped]
from bacpypes3.primitivedata import ObjectIdentifier  # type: ignore[import-untyped]

METERS_NETWORK = 1000
EVERY_DAY = [1] * 7
ALL = [1, 1, 1]


class Client(Application):  # type: ignore[misc]
    """Keeps the alarms that it is told."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.events: asyncio.Queue[Any] = asyncio.Queue()

    async def do_ConfirmedEventNotificationRequest(  # noqa: N802  bacpypes3 finds it by this name
        self, apdu: ConfirmedEventNotificationRequest
    ) -> None:
        """Take an alarm."""
        self.events.put_nowait(apdu)
        await self.response(SimpleAckPDU(context=apdu))


def words(event: Any) -> dict[str, Any]:
    """Return what is told of an event in words."""
    return {
        "object": str(event.eventObjectIdentifier),
        "type": str(event.eventType),
        "notify": str(event.notifyType),
        "to": str(event.toState),
        "text": event.messageText,
        "process": event.processIdentifier,
    }


def destination(port: int) -> Destination:
    """Return this client as a destination."""
    return Destination(
        validDays=EVERY_DAY,
        fromTime=(0, 0, 0, 0),
        toTime=(23, 59, 59, 99),
        recipient={"address": f"127.0.0.1:{port}"},
        processIdentifier=9,
        issueConfirmedNotifications=True,
        transitions=ALL,
    )


async def listen(gateway: str, instance: int) -> dict[str, Any]:
    """Subscribe, wait, acknowledge; return what was told."""
    device = DeviceObject(objectIdentifier=("device", 1), objectName="client", vendorIdentifier=15)
    port = NetworkPortObject("127.0.0.1:0", objectIdentifier=("network-port", 1), objectName="port")
    app = Client.from_object_list([device, port])
    await asyncio.sleep(0.1)
    own = next(iter(app.link_layers.values())).server.local_transport.get_extra_info("sockname")[1]
    await app.nsap.update_router_references(None, Address(gateway), [METERS_NETWORK])
    (i_am,) = await app.who_is(instance, instance, address=RemoteBroadcast(METERS_NETWORK), timeout=1)
    meter = i_am.pduSource
    alarms = ("notification-class", 1)
    add = AddListElementRequest(objectIdentifier=alarms, propertyIdentifier="recipient-list")
    add.listOfElements = Content(SequenceOf(Destination)([destination(own)]))
    add.pduDestination = meter
    await app.request(add)
    found: dict[str, Any] = {}
    async with app.change_of_value(meter, ObjectIdentifier("analog-input,1"), 5, True, 60) as energy:
        found["first"] = [await value(energy), await value(energy)]
        found["subscriptions"] = len(
            await app.read_property(meter, f"device,{instance}", "active-cov-subscriptions")
        )
        print(json.dumps({"port": own}), flush=True)  # noqa: T201  what the test waits for
        found["changed"] = [await value(energy), await value(energy)]
        event = await app.events.get()
    acknowledge = AcknowledgeAlarmRequest(
        acknowledgingProcessIdentifier=5,
        eventObjectIdentifier=event.eventObjectIdentifier,
        eventStateAcknowledged=event.toState,
        timeStamp=event.timeStamp,
        acknowledgmentSource="somebody",
        timeOfAcknowledgment=TimeStamp(sequenceNumber=1),
    )
    acknowledge.pduDestination = meter
    await app.request(acknowledge)
    found["events"] = [words(event), words(await app.events.get())]
    question = GetEventInformationRequest()
    question.pduDestination = meter
    information = await app.request(question)
    found["information"] = [
        [str(each.objectIdentifier), str(each.eventState), str(each.acknowledgedTransitions)]
        for each in information.listOfEventSummaries
    ]
    app.close()
    return found


async def value(subscription: Any) -> list[Any]:
    """Return the next property that is told and its value."""
    attribute, told = await asyncio.wait_for(subscription.get_value(), 10)
    return [str(attribute), told if isinstance(told, float) else str(told)]


if __name__ == "__main__":
    print(json.dumps(asyncio.run(listen(sys.argv[1], int(sys.argv[2])))))  # noqa: T201  what the test reads
