"""The settings of BACnet/IP, from its section and what the others say: addresses, numbers, roles.

Nothing is bound here, and no other service is known.
"""

from collections.abc import Iterator
from ipaddress import AddressValueError, IPv4Address, IPv4Interface, NetmaskValueError
from typing import Final

from gateway.addressing import HIGHEST_INSTANCE, MOST_FLAT_METERS
from gateway.bip import BbmdPeer, BbmdRole, ForeignRole, Role, parse_host, parse_peer
from gateway.config.report import Report
from gateway.config.schema import BacnetSection
from gateway.config.settings import BacnetSettings

_LOCALHOST: Final = "127.0.0.1"
_LOOPBACK_METERS: Final = "127.0.1.1"
"""The address of meter 1 where each has its own, on the loopback."""
_SEVERAL_PORTS: Final = frozenset({"addresses", "ports"})
"""The topologies that a foreign device cannot have: each of its meters would have to register, too."""


class BacnetChecker:
    """The settings of `section` for so many `meters` on `host`; what is wrong goes into `report`."""

    def __init__(self, section: BacnetSection, host: str, meters: int, report: Report) -> None:
        self._section = section
        self._host = host
        self._meters = meters
        self._report = report

    def settings(self) -> BacnetSettings:
        """Return the settings."""
        section = self._section
        self._check_numbers()
        interface = self._interface()
        return BacnetSettings(
            address=self._host if interface is None else str(interface),
            port=section.port,
            device_instance=section.device_instance,
            network=section.network,
            topology=section.topology,
            hosts=() if interface is None else tuple(map(str, self._hosts(interface))),
            own_network=section.own_network,
            role=None if interface is None else self._role(interface),
            password=section.password,
        )

    def _add(self, key: str, message: str) -> None:
        self._report.add(("bacnet", *key.split(".")), message)

    def _check_numbers(self) -> None:
        section, meters = self._section, self._meters
        if section.topology == "flat":
            if meters > MOST_FLAT_METERS:
                self._add("topology", f"{meters} meters do not fit flat; allowed: up to {MOST_FLAT_METERS}")
        elif section.device_instance + meters > HIGHEST_INSTANCE:
            message = (
                f"with {meters} meters after it {section.device_instance} is too high; "
                f"allowed: up to {HIGHEST_INSTANCE - meters}"
            )
            self._add("device_instance", message)
        if section.own_network == section.network and section.topology == "virtual":
            self._add("own_network", f"{section.own_network} is the network of the meters; allowed: another")

    def _interface(self) -> IPv4Interface | None:
        """Return the address of BACnet/IP with the length of its network, None if there is none."""
        given, host = self._section.address, self._host
        try:
            if given is not None and "/" in given:
                return IPv4Interface(given)
            own = IPv4Address(given or (_LOCALHOST if host == "localhost" else host))
        except (AddressValueError, NetmaskValueError, ValueError):
            message = (
                f"{given or host!r} is no IPv4 address, as BACnet/IP needs; allowed: one like 192.168.1.20/24"
            )
            self._report.add(("bacnet", "address") if given else ("gateway", "host"), message)
            return None
        return IPv4Interface(f"{own}/{8 if own.is_loopback else 0 if own.is_unspecified else 24}")

    def _hosts(self, interface: IPv4Interface) -> list[IPv4Address]:
        """Return the addresses of the meters where each has its own."""
        given = self._section.meters_from
        if self._section.topology != "addresses":
            if given is not None:
                self._add("meters_from", "is for topology addresses alone; allowed: topology: addresses")
            return []
        if given is None and not interface.is_loopback:
            message = "is missing: every meter needs an address of its own; allowed: one like 192.168.1.101"
            self._add("meters_from", message)
            return []
        try:
            hosts = list(self._listed(given or _LOOPBACK_METERS))
        except AddressValueError as error:
            self._add("meters_from", f"{str(error)!r} is no IPv4 address; allowed: one like 192.168.1.101")
            return []
        if fault := self._fault(hosts, interface):
            self._add("meters_from", fault)
        return hosts

    def _listed(self, given: str | list[str]) -> Iterator[IPv4Address]:
        """Yield the addresses of a list, or from the first on one for each. Raises AddressValueError."""
        for text in [given] if isinstance(given, str) else given:
            try:
                first = IPv4Address(text)
            except AddressValueError:
                raise AddressValueError(text) from None
            count = self._meters if isinstance(given, str) else 1
            yield from (first + k for k in range(count))

    def _fault(self, hosts: list[IPv4Address], interface: IPv4Interface) -> str:
        """Return what is wrong with the addresses of the meters, or nothing."""
        network = interface.network
        reserved = {network.network_address, network.broadcast_address}
        if len(hosts) != self._meters:
            return f"{len(hosts)} addresses for {self._meters} meters; allowed: one for each"
        if len(set(hosts)) < len(hosts):
            return "an address is given twice; allowed: each once"
        if interface.ip in hosts:
            return f"{interface.ip} is the gateway's own; allowed: others"
        for host in hosts:
            if host not in network or host in reserved:
                return f"{host} is no meter's address in {network}; allowed: hosts of that network"
        return ""

    def _role(self, interface: IPv4Interface) -> Role | None:
        bbmd, foreign = self._section.bbmd, self._section.foreign
        if bbmd is not None and not bbmd.enabled:
            bbmd = None
        if bbmd is not None and foreign is not None:
            self._add("foreign", "excludes bbmd; allowed: one of the two")
        if bbmd is not None:
            if interface.ip.is_unspecified:
                message = "a BBMD needs an address of its own; allowed: one like 192.168.1.20/24"
                self._report.add(("bacnet", "bbmd"), message)
            most_foreign = bbmd.max_foreign if bbmd.accept_foreign else 0
            return BbmdRole(tuple(self._peers(bbmd.bdt, interface)), bbmd.write_bdt, most_foreign)
        return None if foreign is None else self._foreign(foreign.bbmd, foreign.ttl_s)

    def _peers(self, texts: list[str], interface: IPv4Interface) -> Iterator[BbmdPeer]:
        for k, text in enumerate(texts):
            place = ("bacnet", "bbmd", "bdt", k)
            try:
                peer = parse_peer(text)
            except ValueError as error:
                self._report.add(place, str(error))
                continue
            own = peer.address == (str(interface.ip), self._section.port)
            if IPv4Address(peer.host) in interface.network and not own:
                message = f"{peer} is on this subnet, {interface.network}; allowed: one BBMD a subnet"
                self._report.add(place, message)
            yield peer

    def _foreign(self, bbmd: str, ttl_s: int) -> ForeignRole | None:
        if self._section.topology in _SEVERAL_PORTS:
            message = f"is not for topology {self._section.topology}; allowed: topology: virtual, flat"
            self._add("foreign", message)
        try:
            host, port = parse_host(bbmd)
        except ValueError as error:
            self._add("foreign.bbmd", str(error))
            return None
        return ForeignRole(host, port, ttl_s)
