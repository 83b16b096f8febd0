"""The settings of MQTT, from its section and what stands in files and variables.

No connection is made here.
"""

import os
from dataclasses import replace
from pathlib import Path
from ssl import SSLContext
from typing import Final

from gateway.addressing import topic_root
from gateway.broker import Access, BrokerAddress
from gateway.config.mqtt_sections import MqttSection
from gateway.config.report import Report
from gateway.config.settings import MqttSettings
from gateway.errors import ConfigError
from gateway.payloads import Payloads
from gateway.tls_files import TlsFileError, client_context

_VERSIONS: Final = {"3.1.1": 4, "5": 5}
_SOURCES: Final = ("", "_env", "_file")
_OF_A_BROKER: Final = ("tls", *(what + how for what in ("username", "password") for how in _SOURCES))
"""The keys that mean nothing where a broker comes along."""


class MqttChecker:
    """The settings of `section` in a gateway `gateway_id` on `host`; what is wrong goes into `report`.

    Files are named from `folder`.
    """

    def __init__(
        self, section: MqttSection, gateway_id: str, host: str, folder: Path, report: Report
    ) -> None:
        self._section = section
        self._gateway_id = gateway_id
        self._host = host
        self._folder = folder
        self._report = report

    def settings(self) -> MqttSettings:
        """Return the settings."""
        section = self._section
        try:
            topic_root(section.prefix, self._gateway_id)
        except ConfigError as error:
            self._report.add(error.key.split("."), error.message)
        if section.expiry_s is not None and section.version != "5":
            self._add("expiry_s", "MQTT 3.1.1 knows no expiry; allowed: with version '5'")
        if len(set(section.payload)) < len(section.payload):
            self._add("payload", "a payload is named twice; allowed: each once")
        return MqttSettings(self._access(), section.url is None, self._payloads())

    def _add(self, key: str, message: str) -> None:
        self._report.add(("mqtt", *key.split(".")), message)

    def _payloads(self) -> Payloads:
        section = self._section
        return Payloads(
            kinds=frozenset(section.payload),
            publish_s=section.publish_s,
            prefix=section.prefix,
            qos=section.qos,
            retain=section.retain,
            expiry_s=section.expiry_s,
            deadbands=section.deadband,
            homeassistant_prefix=section.homeassistant.prefix,
            sparkplug_group=section.sparkplug.group,
            sparkplug_node=section.sparkplug.node or self._gateway_id,
            homie_domain=section.homie.domain,
        )

    def _access(self) -> Access:
        section = self._section
        address = self._address()
        return Access(address, _VERSIONS[section.version], self._tls(address), section.client_id)

    def _address(self) -> BrokerAddress:
        section = self._section
        if section.url is None:
            for key in sorted(section.model_fields_set & set(_OF_A_BROKER)):
                self._add(key, "is for a broker of your own; allowed: beside url")
            return BrokerAddress(self._host, section.port)
        try:
            address = BrokerAddress.parse(section.url)
        except ConfigError as error:
            self._add("url", error.message)
            return BrokerAddress(self._host, section.port)
        username = address.username or self._one_of("username")
        password = address.password or self._one_of("password")
        if password and not username:
            self._add("password", "a password needs a user; allowed: with username")
        return replace(address, username=username, password=password)

    def _one_of(self, what: str) -> str | None:
        """Return the user or the password, from wherever it is; None where it is nowhere."""
        section = self._section
        given = [what + how for how in _SOURCES if getattr(section, what + how) is not None]
        if len(given) > 1:
            self._add(given[1], f"{given[0]} is given, too; allowed: one of them")
        if not given:
            return None
        value: str = getattr(section, given[0])
        if given[0].endswith("_env"):
            return self._from_environment(given[0], value)
        return self._from_file(given[0], value) if given[0].endswith("_file") else value

    def _from_environment(self, key: str, name: str) -> str | None:
        if not os.environ.get(name):
            self._add(key, f"the variable {name} is not set; allowed: one that is")
        return os.environ.get(name)

    def _from_file(self, key: str, name: str) -> str | None:
        try:
            text = (self._folder / name).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            self._add(key, f"{self._folder / name} cannot be read: {reason}")
            return None
        if not text or not text.isprintable():
            self._add(key, f"{self._folder / name} has no line of text; allowed: one")
        return text

    def _tls(self, address: BrokerAddress) -> SSLContext | None:
        section = self._section.tls
        if not address.tls:
            if section is not None and self._section.url is not None:
                self._add("tls", f"{address.scheme} is not over TLS; allowed: with mqtts and wss")
            return None
        names = {key: getattr(section, key, None) for key in ("ca", "certificate", "key")}
        files = {key: self._folder / name if name else None for key, name in names.items()}
        try:
            return client_context(**files, check_host=section.check_host if section else True)
        except TlsFileError as error:
            self._add(f"tls.{error.key}", str(error))
            return None
