"""Modbus/TCP Security: the files of the server, and the role that a client's certificate gives it.

No sockets and no lines. `cryptography` is imported here alone, when somebody serves TLS.
"""

# ruff: noqa: PLC0415  slow to import, and seldom needed

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

ROLE: Final = "1.3.6.1.4.1.50316.802.1"
"""The extension of a certificate that holds the role (Modbus/TCP Security v21, 8.4), an ASN.1 UTF8String."""

_UTF8_STRING: Final = 0x0C
_LONG_FORM: Final = 0x80
_PEM: Final = "PEM"


class TlsFileError(Exception):
    """A file is not what it must be; `key` is the one of the configuration that names it."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


def server_context(*, certificate: Path, key: Path, client_ca: Path) -> ssl.SSLContext:
    """Return what serves TLS 1.2 or later with `certificate` and `key` to clients that `client_ca` knows.

    Raises TlsFileError.
    """
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from cryptography.x509 import load_pem_x509_certificates

    _check("certificate", certificate, load_pem_x509_certificates, "a certificate")
    _check("key", key, lambda data: load_pem_private_key(data, None), "a private key")
    _check("client_ca", client_ca, load_pem_x509_certificates, "a certificate")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except ssl.SSLError as error:
        raise TlsFileError("key", f"{key} does not belong to {certificate} ({_reason(error)})") from None
    try:
        context.load_verify_locations(client_ca)
    except ssl.SSLError as error:
        raise TlsFileError("client_ca", f"{client_ca} cannot be used ({_reason(error)})") from None
    return context


def _check(key: str, file: Path, load: Callable[[bytes], Any], words: str) -> None:
    """Raise TlsFileError if `file` does not hold what `load` loads."""
    try:
        load(file.read_bytes())
    except OSError as error:
        raise TlsFileError(key, f"{file} cannot be read: {error.strerror}") from None
    except TypeError:
        raise TlsFileError(key, f"{file} is encrypted; allowed: a private key without a password") from None
    except ValueError:
        raise TlsFileError(key, f"{file} is no {_PEM} file; allowed: {words} in {_PEM} form") from None


def _no_password() -> str:
    return ""


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or "unknown reason").replace("_", " ").lower()


def role_of(certificate: bytes) -> str | None:
    """Return the role in a certificate [DER]; None where there is none, or none that can be read."""
    from cryptography.x509 import ObjectIdentifier, UnrecognizedExtension, load_der_x509_certificate
    from cryptography.x509.extensions import ExtensionNotFound

    try:
        extensions = load_der_x509_certificate(certificate).extensions
        found = extensions.get_extension_for_oid(ObjectIdentifier(ROLE)).value
        return _utf8_string(found.value) if isinstance(found, UnrecognizedExtension) else None
    except (ExtensionNotFound, ValueError):
        return None


def _utf8_string(der: bytes) -> str:
    """Return the text of an ASN.1 UTF8String of less than 128 bytes. Raises ValueError."""
    if len(der) < len(b"\x0c\0") or der[0] != _UTF8_STRING or der[1] >= _LONG_FORM or len(der) != 2 + der[1]:
        raise ValueError("no UTF8String")
    return der[2:].decode()
