"""The adapter table: which protocols there are, and how each is made from the configuration.

To add a protocol: one folder and one line in ADAPTERS. Every folder is imported when it is wanted, so that a
protocol that is off costs nothing at the start.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from gateway.config.settings import Config
from gateway.hub import Adapter
from gateway.link_faults import LinksByProtocol

if TYPE_CHECKING:
    from gateway.control import Control


def _modbus(config: Config, control: "Control", links: LinksByProtocol) -> Adapter | None:
    if config.modbus is None:
        return None
    from gateway.modbus.server import ModbusAdapter  # noqa: PLC0415  imported when wanted

    settings = config.modbus
    return ModbusAdapter(
        host=settings.host,
        listeners=settings.listeners,
        connections=settings.connections,
        idle_s=settings.idle_s,
        meters=config.nameplates,
        commands=control,
        gateway_id=config.gateway_id,
        gateway_name=config.gateway_name,
        links=links["modbus"],
    )


def _bacnet(config: Config, control: "Control", links: LinksByProtocol) -> Adapter | None:
    if config.bacnet is None:
        return None
    from gateway.bacnet.port.layout import Ground  # noqa: PLC0415  imported when wanted
    from gateway.bacnet.server import BacnetAdapter  # noqa: PLC0415  likewise

    settings = config.bacnet
    ground = Ground(
        address=settings.address,
        port=settings.port,
        network=settings.network,
        topology=settings.topology,
        hosts=settings.hosts,
        own_network=settings.own_network,
        role=settings.role,
    )
    return BacnetAdapter(
        ground,
        device_instance=settings.device_instance,
        password=settings.password,
        links=links["bacnet"],
        gateway_id=config.gateway_id,
        gateway_name=config.gateway_name,
        meters=config.nameplates,
        commands=control,
    )


def _mqtt(config: Config, control: "Control", links: LinksByProtocol) -> Adapter | None:
    if config.mqtt is None:
        return None
    from gateway.mqtt.adapter import MqttAdapter  # noqa: PLC0415  imported when wanted

    settings = config.mqtt
    return MqttAdapter(
        access=settings.access,
        own=settings.own,
        payloads=settings.payloads,
        gateway_id=config.gateway_id,
        meters=config.nameplates,
        control=control,
        links=links["mqtt"],
        journal=control.journal,
    )


def _web(config: Config, control: "Control", _: LinksByProtocol) -> Adapter | None:
    if config.http is None:
        return None
    from gateway.web.adapter import WebAdapter  # noqa: PLC0415  imported when wanted

    settings = config.http
    return WebAdapter(
        host=settings.host,
        port=settings.port,
        token=settings.token,
        gateway_id=config.gateway_id,
        gateway_name=config.gateway_name,
        meters=config.nameplates,
        control=control,
    )


Make = Callable[[Config, "Control", LinksByProtocol], Adapter | None]
"""Makes one protocol's adapter; gives None where the protocol is off."""

ADAPTERS: Final[Sequence[Make]] = (_modbus, _bacnet, _mqtt, _web)
"""In the order in which they start and are told of a snapshot."""


def build(config: Config, control: "Control", links: LinksByProtocol) -> list[Adapter]:
    """Return the adapters that `config` asks for; nothing is bound yet. Raises ConfigError.

    `links` are the faults of lines by protocol.
    """
    made = (make(config, control, links) for make in ADAPTERS)
    return [adapter for adapter in made if adapter is not None]
