"""The files with which we prove over TLS who we are, and know the others: as a server and as a client.

What is served over TLS, and what clients may do, is not known here. `cryptography` is imported when files are
read.
"""

# ruff: noqa: PLC0415  slow to import, and seldom needed

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

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
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    _prove(context, certificate, key)
    _trust(context, "client_ca", client_ca)
    return context


def client_context(
    *, ca: Path | None, certificate: Path | None, key: Path | None, check_host: bool
) -> ssl.SSLContext:
    """Return what connects by TLS 1.2 or later to servers that `ca` knows, or without it the system.

    `certificate` and `key` prove who we are, where a server wants to know; with `check_host` the server's
    certificate has to name it. Raises TlsFileError.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = check_host
    if ca:
        _trust(context, "ca", ca)
    else:
        context.load_default_certs()
    if certificate and key:
        _prove(context, certificate, key)
    return context


def _prove(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """Let a context prove by `certificate` and `key` who we are."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from cryptography.x509 import load_pem_x509_certificates

    _check("certificate", certificate, load_pem_x509_certificates, "a certificate")
    _check("key", key, lambda data: load_pem_private_key(data, None), "a private key")
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except ssl.SSLError as error:
        raise TlsFileError("key", f"{key} does not belong to {certificate} ({_reason(error)})") from None


def _trust(context: ssl.SSLContext, name: str, ca: Path) -> None:
    """Let a context trust those for whom `ca`, the file of the key `name`, vouches."""
    from cryptography.x509 import load_pem_x509_certificates

    _check(name, ca, load_pem_x509_certificates, "a certificate")
    try:
        context.load_verify_locations(ca)
    except ssl.SSLError as error:
        raise TlsFileError(name, f"{ca} cannot be used ({_reason(error)})") from None


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
