"""The protocol implementation conformance statement (135-2012, annex A), made from what devices declare.

Services and segmentation are read from the device object, object types and properties from the object table:
what is stated is what is answered. Markdown.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.bacnet.delivery.segmentation import WINDOW
from gateway.bacnet.objects.flat import flat_device
from gateway.bacnet.objects.gateway_device import gateway_device
from gateway.bacnet.objects.meter_objects import OBJECTS, meter_devices
from gateway.bacnet.objects.model import Destinations, Device, Increment, ObjectSpec, Setting, Switch
from gateway.bacnet.objects.recipients import MOST_RECIPIENTS
from gateway.bacnet.wire import encoding as enc
from gateway.bacnet.wire.codes import (
    MAX_APDU,
    PROTOCOL_REVISION,
    VENDOR_IDENTIFIER,
    Confirmed,
    ObjectType,
    Property,
    Segmentation,
    Unconfirmed,
    Unit,
)
from gateway.bacnet.wire.encoding import Reader
from gateway.bip import BbmdRole, ForeignRole
from gateway.config.settings import BacnetSettings, Config
from gateway.errors import ConfigError
from gateway.exports.bibbs import (
    BBMD,
    BIBBS,
    EMBEDDED_OBJECTS,
    PROFILES,
    ROUTER,
    VIRTUAL_NETWORK,
    Bibb,
)

_BIT_STRING: Final = 8
_DEMANDED: Final = {ObjectType.TREND_LOG: (Property.ENABLE, Property.RECORD_COUNT)}
"""The properties that the standard wants writable (conformance code W), of the types that there are."""
_LINES: Final = {0: "all", 2: "2 or 3 lines", 3: "3 lines"}
"""In words, by the highest service line that an object is of; line 1 all meters have."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What one PICS is about: a device, its further BIBBs, and what it is on the network, in words."""

    device: Device
    title: str
    product: str
    further: Sequence[Bibb] = ()
    networking: Sequence[str] = ("None",)
    gateway: str = ""


def pics(config: Config) -> Mapping[str, str]:
    """Return the statement of the gateway device and, where meters are devices, that of a meter."""
    if config.bacnet is None:
        raise ConfigError("BACnet/IP is not served; allowed: true", key="bacnet.enabled")
    return {f"pics-{name}.md": page(about) for name, about in statements(config, config.bacnet).items()}


def statements(config: Config, settings: BacnetSettings) -> Mapping[str, Statement]:
    """Return what there is to state, by the name of the device."""
    instance, plates = settings.device_instance, config.nameplates
    gateway = gateway_device(instance, config.gateway_id, config.gateway_name)
    if settings.topology == "flat":
        gateway = flat_device(gateway, plates)
    found = {
        "gateway": Statement(
            gateway,
            title=f"the gateway, device {instance}",
            product="Gateway of a host of simulated kWh meters",
            further=list(_network_bibbs(settings)),
            networking=list(_networking(settings)),
            gateway="Simulated Leviton Series 1000 and 2000 kWh meters in the same process, no network",
        )
    }
    if settings.topology != "flat" and plates:
        widest = max(meter_devices(instance, config.gateway_id, "", plates), key=_objects)
        models = ", ".join(sorted({plate.model.key for plate in plates}))
        found["meter"] = Statement(
            widest, title="the meters", product=f"Simulated kWh meter; models here: {models}"
        )
    return found


def _objects(device: Device) -> int:
    return len(device.table.objects)


def _network_bibbs(settings: BacnetSettings) -> Iterator[Bibb]:
    if settings.topology == "virtual":
        yield VIRTUAL_NETWORK
        yield ROUTER
    if settings.topology == "flat":
        yield EMBEDDED_OBJECTS
    if isinstance(settings.role, BbmdRole):
        yield BBMD


def _networking(settings: BacnetSettings) -> Iterator[str]:
    if settings.topology == "virtual":
        yield f"Router, BACnet/IP to virtual network {settings.network}"
    match settings.role:
        case BbmdRole(most_foreign=most):
            yield "BACnet/IP Broadcast Management Device (BBMD)"
            yield f"Registrations by foreign devices: {f'up to {most}' if most else 'no'}"
        case ForeignRole():
            yield "Foreign device at a BBMD"


def page(about: Statement) -> str:
    """Return a statement as a page of Markdown."""
    parts = (
        [
            f"# PICS: {about.title}",
            "Protocol implementation conformance statement, ANSI/ASHRAE 135-2012, annex A.",
        ],
        [_table(("", ""), _identity(about))],
        ["## Device profile (annex L)", _list(profiles(about)) or "None of the standard's."],
        ["## BIBBs (annex K)", _table(("BIBB", "name"), ((bibb.name, bibb.words) for bibb in bibbs(about)))],
        ["## Segmentation", _list(_segmentation(about.device))],
        ["## Object types", OBJECT_TYPES_NOTE, object_types(specs_of(about.device))],
        ["## Deviations", _list(deviations(specs_of(about.device))) or "None."],
        ["## Data link", "- BACnet/IP (annex J)"],
        ["## Device address binding", "Static device binding: no."],
        ["## Networking options", _list(about.networking)],
        ["## Character sets", "ISO 10646 (UTF-8); in Who-Has also UCS-2 and ISO 8859-1."],
        ["## Network security", "Non-secure device: operates without BACnet network security."],
        ["## Gateway", about.gateway or "No."],
    )
    return "\n\n".join(paragraph for part in parts for paragraph in part) + "\n"


OBJECT_TYPES_NOTE: Final = (
    "None can be created or deleted by a service, none has proprietary properties. "
    "Properties that are not named are those that the standard requires."
)


def _identity(about: Statement) -> Iterator[tuple[str, str]]:
    texts = about.device.texts
    yield "Vendor name", f"{texts[Property.VENDOR_NAME]} (vendor identifier {VENDOR_IDENTIFIER}: of a test)"
    yield "Product name", about.product
    yield "Model number", texts[Property.MODEL_NAME]
    yield "Application software version", texts[Property.APPLICATION_SOFTWARE_VERSION]
    yield "Firmware revision", texts[Property.FIRMWARE_REVISION]
    yield "BACnet protocol revision", str(PROTOCOL_REVISION)


def services(device: Device) -> set[str]:
    """Return the names of the services that a device executes, by its protocol-services-supported."""
    value = device.table.device.properties[Property.PROTOCOL_SERVICES_SUPPORTED].value
    assert isinstance(value, bytes)  # noqa: S101  the same for all devices with the table
    octets = Reader(value).application(_BIT_STRING)
    bits = "".join(f"{octet:08b}" for octet in octets[1:])
    known: Iterable[Confirmed | Unconfirmed] = (*Confirmed, *Unconfirmed)
    return {service.name for service in known if bits[service.bit] == "1"}


def specs_of(device: Device) -> Sequence[ObjectSpec]:
    """Return all objects of a device, its device object first."""
    widest = max(device.parts, key=_objects)
    return (device.table.device, *widest.table.objects)


def bibbs(about: Statement) -> list[Bibb]:
    """Return the BIBBs of a device: those whose services it executes and for which it has an object."""
    executed = services(about.device)
    kinds = {spec.kind for spec in specs_of(about.device)}
    found = [
        each
        for each in BIBBS
        if executed.issuperset(each.executes) and (not each.needs or each.needs & kinds)
    ]
    return [*found, *about.further]


def profiles(about: Statement) -> list[str]:
    """Return the profiles whose BIBBs a device has."""
    names = {bibb.name for bibb in bibbs(about)}
    return [
        f"{name}, {words}" for name, (words, sets) in PROFILES.items() if any(names >= each for each in sets)
    ]


def _segmentation(device: Device) -> Iterator[str]:
    value = device.table.device.properties[Property.SEGMENTATION_SUPPORTED].value
    transmits = value == enc.enumerated(Segmentation.TRANSMIT)
    yield f"Able to transmit segmented messages: {f'yes, window size {WINDOW}' if transmits else 'no'}"
    yield "Able to receive segmented messages: no"
    yield f"Maximum APDU: {MAX_APDU} octets"


def object_types(specs: Iterable[ObjectSpec]) -> str:
    """Return a table of the types of objects: their optional properties and those that can be written."""
    by_kind: dict[ObjectType, list[ObjectSpec]] = {}
    for spec in specs:
        by_kind.setdefault(spec.kind, []).append(spec)
    head = ("type", "optional properties", "writable properties and what they take")
    return _table(head, ((_word(kind), *_properties(by_kind[kind])) for kind in sorted(by_kind)))


def _properties(specs: Sequence[ObjectSpec]) -> tuple[str, str]:
    optional: dict[int, str] = {}
    writable: dict[int, str] = {}
    for spec in specs:
        for number, found in spec.properties.items():
            word = _word(Property(number))
            if not found.required:
                optional[number] = word
            if found.setting is not None:
                writable[number] = f"{word} ({_range(found.setting)})"
    return ", ".join(optional[k] for k in sorted(optional)), ", ".join(writable[k] for k in sorted(writable))


def _range(setting: Setting) -> str:
    match setting:
        case Switch():
            return "inactive, active"
        case Increment():
            return "REAL from 0"
        case Destinations():
            return f"up to {MOST_RECIPIENTS} destinations"


def deviations(specs: Iterable[ObjectSpec]) -> list[str]:
    """Return the types of objects with the properties that should be writable and are not."""
    found: dict[ObjectType, dict[str, None]] = {}
    for spec in specs:
        for prop in _DEMANDED.get(spec.kind, ()):
            if spec.properties[prop].setting is None:
                found.setdefault(spec.kind, {})[_word(prop)] = None
    return [f"{_word(kind)}: {' and '.join(words)} cannot be written" for kind, words in found.items()]


def objects() -> str:
    """Return a table of all objects that a meter can have."""
    head = ("object", "name", "description", "units", "meters")
    rows = (
        (
            f"{_word(spec.kind)} {spec.instance}",
            f"`{spec.name}`",
            spec.description,
            _units(spec),
            _lines(spec),
        )
        for spec in OBJECTS
    )
    return _table(head, rows)


def _units(spec: ObjectSpec) -> str:
    found = spec.properties.get(Property.UNITS)
    if found is None or not isinstance(found.value, bytes):
        return ""
    return _word(Unit(found.value[-1]))


def _lines(spec: ObjectSpec) -> str:
    return _LINES[max((line for line in spec.lines if line > 1), default=0)]


def _word(member: ObjectType | Property | Unit) -> str:
    """Return the standard's word for a number."""
    return member.name.lower().replace("_", "-")


def _list(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"|{'|'.join(f' {cell} ' if cell else ' ' for cell in line)}|" for line in lines)
