"""Modbus/TCP Security: the role that a client's certificate gives it.

No sockets and no lines. `cryptography` is imported when the first client has shaken hands.
"""

# ruff: noqa: PLC0415  slow to import, and seldom needed

from typing import Final

ROLE: Final = "1.3.6.1.4.1.50316.802.1"
"""The extension of a certificate that holds the role (Modbus/TCP Security v21, 8.4), an ASN.1 UTF8String."""

_UTF8_STRING: Final = 0x0C
_LONG_FORM: Final = 0x80


def role_of(certificate: bytes) -> str | None:
    """Return the role in a certificate [DER]; None where there is none, or none that can be read."""
    from cryptography.x509 import (
        DuplicateExtension,
        ExtensionNotFound,
        ObjectIdentifier,
        UnrecognizedExtension,
        load_der_x509_certificate,
    )

    try:
        extensions = load_der_x509_certificate(certificate).extensions
        found = extensions.get_extension_for_oid(ObjectIdentifier(ROLE)).value
        return _utf8_string(found.value) if isinstance(found, UnrecognizedExtension) else None
    except (DuplicateExtension, ExtensionNotFound, ValueError):
        return None


def _utf8_string(der: bytes) -> str:
    """Return the text of an ASN.1 UTF8String of less than 128 bytes. Raises ValueError."""
    if len(der) < len(b"\x0c\0") or der[0] != _UTF8_STRING or der[1] >= _LONG_FORM or len(der) != 2 + der[1]:
        raise ValueError("no UTF8String")
    return der[2:].decode()
